/*
 * apibench - times an engine's API over its unix socket, without a command line in between.
 * Each prints microseconds, one line a time:
 *
 * apibench SOCKET IMAGE cycle N NETWORK        create, start, wait, delete
 *
 * apibench SOCKET IMAGE exec N CONTAINER       exec create, start, read to the end
 *
 * apibench SOCKET IMAGE ping N                 GET /_ping on one connection
 *
 * apibench SOCKET - boot N PROGRAM ARGUMENT... from the start of an engine to its first answer;
 * ends it with SIGTERM each time
 *
 * apibench SOCKET IMAGE par N CONC NETWORK     N sleepers created and started from CONC threads:
 * prints containers per second, then removes them and prints that
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const char *sock_path, *image;

static long now_us(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static void die(const char *what, const char *detail)
{
	fprintf(stderr, "apibench: %s: %s\n", what, detail);
	exit(1);
}

/* One connection that is opened again when the server closes it. */
struct client {
	int fd;
	size_t have;
	const char *body; /* of the last answer */
	char buf[1 << 16];
};

static void client_open(struct client *c)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	snprintf(a.sun_path, sizeof a.sun_path, "%s", sock_path);
	c->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&a, sizeof a) < 0)
		die(sock_path, strerror(errno));
	c->have = 0;
}

static ssize_t client_fill(struct client *c)
{
	if (c->have >= sizeof c->buf - 1)
		die("answer", "too long");
	ssize_t n = read(c->fd, c->buf + c->have, sizeof c->buf - 1 - c->have);
	if (n > 0)
		c->have += (size_t)n;
	c->buf[c->have] = 0;
	return n;
}

/* Reads one whole answer; gives its status. */
static int client_answer(struct client *c)
{
	char *end;
	c->have = 0;
	c->buf[0] = 0;
	while (!(end = strstr(c->buf, "\r\n\r\n")))
		if (client_fill(c) <= 0)
			return -1;
	char *body = end + 4;
	int status = atoi(c->buf + 9);
	size_t head = (size_t)(body - c->buf);
	*end = 0;
	char *length = strcasestr(c->buf, "\r\ncontent-length:");
	int chunked = strcasestr(c->buf, "\r\ntransfer-encoding:") != NULL;
	int closes = strcasestr(c->buf, "\r\nconnection: close") != NULL;
	size_t want = length ? strtoul(length + 17, NULL, 10) : 0;
	if (chunked) {
		while (c->have < head + 5 || memcmp(c->buf + c->have - 5, "0\r\n\r\n", 5) != 0)
			if (client_fill(c) <= 0)
				break;
	} else if (length || status == 204 || status == 304) {
		while (c->have < head + want && client_fill(c) > 0)
			;
	} else {
		while (client_fill(c) > 0)
			;
		closes = 1;
	}
	c->body = body;
	if (closes) {
		close(c->fd);
		client_open(c);
	}
	return status;
}

static int call(struct client *c, const char *method, const char *path, const char *json)
{
	char out[4096];
	int n = snprintf(out, sizeof out,
		"%s /v1.41%s HTTP/1.1\r\nHost: d\r\n%sContent-Length: %zu\r\n\r\n%s", method, path,
		json ? "Content-Type: application/json\r\n" : "", json ? strlen(json) : 0,
		json ? json : "");
	for (int attempt = 0; attempt < 2; attempt++) {
		if (write(c->fd, out, (size_t)n) == n) {
			int status = client_answer(c);
			if (status > 0)
				return status;
		}
		close(c->fd);
		client_open(c);
	}
	die(path, "no answer");
	return -1;
}

static void expect(const struct client *c, int status, int want, const char *what)
{
	if (status != want)
		die(what, c->body);
}

/* The value of "Id" in body. */
static void find_id(const char *body, char id[65])
{
	const char *p = strstr(body, "\"Id\":\"");
	if (!p || strlen(p) < 70)
		die("no Id in", body);
	snprintf(id, 65, "%s", p + 6);
	id[64] = 0;
}

static void create_and_start(
	struct client *c, const char *command, const char *network, char id[65])
{
	char json[512], path[128];
	snprintf(json, sizeof json,
		"{\"Image\":\"%s\",\"Cmd\":%s,\"HostConfig\":{\"NetworkMode\":\"%s\"}}", image,
		command, network);
	expect(c, call(c, "POST", "/containers/create", json), 201, "create");
	find_id(c->body, id);
	snprintf(path, sizeof path, "/containers/%s/start", id);
	expect(c, call(c, "POST", path, NULL), 204, "start");
}

static void finish(struct client *c, const char *id, int wait)
{
	char path[128];
	if (wait) {
		snprintf(path, sizeof path, "/containers/%s/wait", id);
		expect(c, call(c, "POST", path, NULL), 200, "wait");
	}
	snprintf(path, sizeof path, "/containers/%s?force=1", id);
	expect(c, call(c, "DELETE", path, NULL), 204, "delete");
}

static void bench_cycle(int n, const char *network)
{
	struct client *c = calloc(1, sizeof *c);
	client_open(c);
	for (; n > 0; n--) {
		char id[65];
		long began = now_us();
		create_and_start(c, "[\"true\"]", network, id);
		finish(c, id, 1);
		printf("%ld\n", now_us() - began);
	}
}

static void bench_exec(int n, const char *container)
{
	static const char *const what = "{\"Cmd\":[\"true\"],\"AttachStdout\":true}";
	struct client *c = calloc(1, sizeof *c);
	client_open(c);
	for (; n > 0; n--) {
		char id[65], path[128];
		long began = now_us();
		snprintf(path, sizeof path, "/containers/%s/exec", container);
		expect(c, call(c, "POST", path, what), 201, "exec");
		find_id(c->body, id);
		snprintf(path, sizeof path, "/exec/%s/start", id);
		expect(c, call(c, "POST", path, "{\"Detach\":false}"), 200, "exec start");
		printf("%ld\n", now_us() - began);
	}
}

static void bench_ping(int n)
{
	struct client *c = calloc(1, sizeof *c);
	client_open(c);
	for (; n > 0; n--) {
		long began = now_us();
		expect(c, call(c, "GET", "/_ping", NULL), 200, "ping");
		printf("%ld\n", now_us() - began);
	}
}

/* True when the engine answered. */
static int answers(void)
{
	static const char ask[] = "GET /_ping HTTP/1.1\r\nHost: d\r\n\r\n";
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	char got[512];
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), ok;

	snprintf(a.sun_path, sizeof a.sun_path, "%s", sock_path);
	ok = connect(fd, (struct sockaddr *)&a, sizeof a) == 0 &&
	     write(fd, ask, sizeof ask - 1) == sizeof ask - 1 && read(fd, got, sizeof got) > 12 &&
	     memcmp(got, "HTTP/1.1 200", 12) == 0;
	close(fd);
	return ok;
}

static void run_program(char **argv)
{
	int null = open("/dev/null", O_RDWR);
	setsid();
	dup2(null, 0);
	dup2(null, 1);
	dup2(null, 2);
	execvp(argv[0], argv);
	_exit(127);
}

static void bench_boot(int n, char **argv)
{
	for (; n > 0; n--) {
		long began = now_us();
		pid_t pid = fork();
		if (pid == 0)
			run_program(argv);
		while (!answers()) {
			if (now_us() - began > 60000000)
				die(argv[0], "does not answer");
			usleep(100);
		}
		printf("%ld\n", now_us() - began);
		fflush(stdout);
		kill(pid, SIGTERM);
		waitpid(pid, NULL, 0);
	}
}

struct lane {
	pthread_t thread;
	int n, stop;
	const char *network;
	char (*ids)[65];
};

static void *lane_run(void *arg)
{
	struct lane *l = arg;
	struct client *c = calloc(1, sizeof *c);
	client_open(c);
	for (int i = 0; i < l->n; i++) {
		if (l->stop)
			finish(c, l->ids[i], 0);
		else
			create_and_start(c, "[\"sleep\",\"1000\"]", l->network, l->ids[i]);
	}
	close(c->fd);
	free(c);
	return NULL;
}

static double lanes_run(struct lane *lanes, int conc, int total)
{
	long began = now_us();
	for (int i = 0; i < conc; i++)
		if (pthread_create(&lanes[i].thread, NULL, lane_run, &lanes[i]) != 0)
			die("thread", strerror(errno));
	for (int i = 0; i < conc; i++)
		pthread_join(lanes[i].thread, NULL);
	return total * 1e6 / (double)(now_us() - began);
}

static void bench_par(int n, int conc, const char *network)
{
	struct lane lanes[64] = { 0 };
	int total = n / conc * conc;
	for (int i = 0; i < conc; i++) {
		lanes[i].n = n / conc;
		lanes[i].network = network;
		lanes[i].ids = calloc((size_t)lanes[i].n, sizeof *lanes[i].ids);
	}
	printf("%.1f\n", lanes_run(lanes, conc, total));
	for (int i = 0; i < conc; i++)
		lanes[i].stop = 1;
	printf("%.1f\n", lanes_run(lanes, conc, total));
}

int main(int argc, char **argv)
{
	if (argc < 5)
		return 2;
	sock_path = argv[1];
	image = argv[2];
	int n = atoi(argv[4]);
	if (strcmp(argv[3], "cycle") == 0 && argc > 5)
		bench_cycle(n, argv[5]);
	else if (strcmp(argv[3], "exec") == 0 && argc > 5)
		bench_exec(n, argv[5]);
	else if (strcmp(argv[3], "boot") == 0 && argc > 5)
		bench_boot(n, argv + 5);
	else if (strcmp(argv[3], "ping") == 0)
		bench_ping(n);
	else if (strcmp(argv[3], "par") == 0 && argc > 6 && atoi(argv[5]) > 0 &&
		 atoi(argv[5]) <= 64)
		bench_par(n, atoi(argv[5]), argv[6]);
	else
		return 2;
	return 0;
}
