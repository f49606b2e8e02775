/* eat MIB - takes that much memory, touches it, says so, and waits to be ended. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	int mib = argc > 1 ? atoi(argv[1]) : 1;
	for (int i = 0; i < mib; i++) {
		char *p = malloc(1 << 20);
		if (!p)
			return 12;
		memset(p, i + 1, 1 << 20);
	}
	puts("full");
	fflush(stdout);
	pause();
	return 0;
}
