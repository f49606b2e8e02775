/*
 * onpty [-s ROWSxCOLS] [-e EXPECT SEND]... COMMAND... - runs a command on a terminal of its own,
 * prints everything it prints, and for each -e waits until EXPECT has come (after the previous
 * one), then types SEND (\n, \r, \t, \\ and \xHH are understood).  Ends with the command's exit
 * code, or 124 after 50 s.
 */
#include <errno.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct step {
	const char *expect;
	char *send;
	size_t size;
};

static size_t unescape(const char *in, char *out)
{
	size_t n = 0;
	while (*in) {
		unsigned byte;
		if (*in != '\\' || !in[1]) {
			out[n++] = *in++;
		} else if (in[1] == 'x' && sscanf(in + 2, "%2x", &byte) == 1) {
			out[n++] = (char)byte;
			in += 4;
		} else {
			out[n++] = in[1] == 'n'	  ? '\r'
				   : in[1] == 'r' ? '\r'
				   : in[1] == 't' ? '\t'
						  : in[1];
			in += 2;
		}
	}
	return n;
}

static long now_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void write_all(int fd, const char *p, size_t n)
{
	while (n > 0) {
		ssize_t done = write(fd, p, n);
		if (done < 0)
			return;
		p += done;
		n -= (size_t)done;
	}
}

/* Relays until the terminal hangs up; 0, or -1 when time ran out. */
static int converse(int tty, struct step *steps, int nsteps)
{
	static char seen[1 << 20];
	size_t have = 0;
	long end = now_ms() + 50000;
	for (int at = 0;;) {
		struct pollfd p = { .fd = tty, .events = POLLIN };
		long left = end - now_ms();
		if (left <= 0 || poll(&p, 1, (int)left) == 0)
			return -1;
		if (have == sizeof seen - 1)
			have = 0;
		ssize_t n = read(tty, seen + have, sizeof seen - 1 - have);
		if (n <= 0)
			return 0;
		write_all(1, seen + have, (size_t)n);
		have += (size_t)n;
		seen[have] = 0;
		while (at < nsteps &&
			memmem(seen, have, steps[at].expect, strlen(steps[at].expect))) {
			have = 0;
			seen[0] = 0;
			write_all(tty, steps[at].send, steps[at].size);
			at++;
		}
	}
}

int main(int argc, char **argv)
{
	struct winsize size = { .ws_row = 24, .ws_col = 80 };
	struct step steps[32];
	int nsteps = 0, at = 1;
	while (at + 1 < argc && argv[at][0] == '-') {
		if (strcmp(argv[at], "-s") == 0) {
			sscanf(argv[at + 1], "%hux%hu", &size.ws_row, &size.ws_col);
			at += 2;
		} else if (strcmp(argv[at], "-e") == 0 && at + 2 < argc && nsteps < 32) {
			struct step *s = &steps[nsteps++];
			s->expect = argv[at + 1];
			s->send = malloc(strlen(argv[at + 2]) + 1);
			s->size = unescape(argv[at + 2], s->send);
			at += 3;
		} else {
			break;
		}
	}
	if (at >= argc)
		return 2;
	int tty;
	pid_t pid = forkpty(&tty, NULL, NULL, &size);
	if (pid < 0)
		return 125;
	if (pid == 0) {
		execvp(argv[at], argv + at);
		_exit(127);
	}
	int late = converse(tty, steps, nsteps), status;
	close(tty);
	if (late)
		kill(pid, SIGTERM);
	waitpid(pid, &status, 0);
	if (late)
		return 124;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
