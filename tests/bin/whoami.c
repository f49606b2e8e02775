/* whoami - prints what the kernel says about this process: ids and whether a set-user-id
 * bit bit. */
#include <stdio.h>
#include <unistd.h>

int main(void)
{
	printf("uid=%u euid=%u gid=%u egid=%u\n", (unsigned)getuid(), (unsigned)geteuid(),
		(unsigned)getgid(), (unsigned)getegid());
	return 0;
}
