#include "container/container-int.h"

/* The words of Go's units.HumanDuration, which docker ps prints. */
char *duration_text(uint64_t ns, char *out, size_t size)
{
	const unsigned long long s = ns / NS_PER_SEC, m = s / 60;
	const unsigned long long h = (s + 1800) / 3600; /* rounded, as there */
	const unsigned long long days = h / 24;

	if (s < 1)
		(void)snprintf(out, size, "Less than a second");
	else if (s == 1)
		(void)snprintf(out, size, "1 second");
	else if (s < 60)
		(void)snprintf(out, size, "%llu seconds", s);
	else if (m == 1)
		(void)snprintf(out, size, "About a minute");
	else if (m < 60)
		(void)snprintf(out, size, "%llu minutes", m);
	else if (h == 1)
		(void)snprintf(out, size, "About an hour");
	else if (h < 48)
		(void)snprintf(out, size, "%llu hours", h);
	else if (days < 14)
		(void)snprintf(out, size, "%llu days", days);
	else if (days < 60)
		(void)snprintf(out, size, "%llu weeks", days / 7);
	else if (days < 730)
		(void)snprintf(out, size, "%llu months", days / 30);
	else
		(void)snprintf(out, size, "%llu years", days / 365);
	return out;
}
