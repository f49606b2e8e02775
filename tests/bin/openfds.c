/* openfds - prints the numbers of the descriptors that were open when it was executed. */
#include <fcntl.h>
#include <stdio.h>

int main(void)
{
	const char *blank = "";
	for (int fd = 0; fd < 4096; fd++) {
		if (fcntl(fd, F_GETFD) < 0)
			continue;
		printf("%s%d", blank, fd);
		blank = " ";
	}
	puts("");
	return 0;
}
