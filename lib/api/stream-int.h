/*
 * stream-int - what the handlers of attach, logs, stats and top share.
 */
#pragma once

#include "api/api.h"

#include "cgroup/cgroup.h"
#include "log/log.h"

/* The content type of a container's output for this client: below 1.42 always raw. */
const char *stream_content_type(const struct api_call *c, bool tty);
/* Turns the connection into that stream; negative when the client is gone. */
int stream_hijack(struct api_call *c, bool tty);

/* ---- log-send.c: log records as a client wants to see them ----------------------------------- */
#define LOG_SEND_BATCH 65536

struct log_sender {
	bool framed; /* docker's 8-byte frames around each piece */
	bool timestamps;
	const char *details; /* "a=b,c=d", or NULL */
	bool inside[3];	     /* per stream: the line so far was only a part */
	int (*write)(struct http_exchange *x, const void *p, size_t n);
	struct http_exchange *x;
	struct container *c;
	uint64_t exits; /* of the container when the reading began */
	struct buf b;	/* what is not sent yet */
};
/* One record into s->b; sends when the batch is full.  s: struct log_sender. */
int log_sender_emit(void *s, const struct log_head *h, struct str text);
int log_sender_flush(void *s);
/* The value of details=1, from the container's labels and environment as its log options say;
 * gives. */
char *log_details(const json_t *config, const json_t *host_config);
/* logs.c: replays the whole log (attach with logs=1). */
int log_replay(struct api_call *c, struct container *ct, bool out, bool err, struct err *e);

/* ---- host.c: pure readers of /proc texts ----------------------------------------------------- */
struct host_cpu {
	uint64_t total_ns; /* user .. softirq of all processors */
	unsigned online;
	uint64_t boot_s; /* since 1970 */
};
void host_cpu_parse(struct str proc_stat, unsigned hertz, struct host_cpu *ret);
uint64_t host_memory_parse(struct str meminfo); /* bytes; 0 when not there */
struct host_net {
	uint64_t rx_bytes, rx_packets, rx_errors, rx_dropped;
	uint64_t tx_bytes, tx_packets, tx_errors, tx_dropped;
};
/* Takes one interface from the front of a /proc/net/dev text: false at the end. */
bool host_net_next(struct str *dev, struct str *ret_name, struct host_net *ret);
/* Small files of /proc; b is emptied first. */
int host_read(const char *path, struct buf *b);
void host_cpu_now(struct host_cpu *ret);
uint64_t host_memory_bytes(void);

/* ---- stats-doc.c ----------------------------------------------------------------------------- */
struct stats_sample {
	uint64_t read_ns; /* wall clock; 0: the container does not run */
	struct cgroup_stats cg;
	struct host_cpu host;
	json_t *networks; /* or NULL */
};
/* Docker's StatsResponse; before: the sample before it (read_ns 0: none).  Gives. */
json_t *stats_document(const char *name, const char *id, const struct stats_sample *now,
	const struct stats_sample *before, bool cgroup_v2, uint64_t host_memory);

/* ---- top-columns.c: what ps would print ------------------------------------------------------ */
#define TOP_COLUMNS_MAX 32
struct top_process {
	pid_t pid;
	uint32_t uid;
	char state;
	int64_t ppid, pgrp, session, tty, tpgid, nice, threads;
	uint64_t ticks, start_ticks, vsize_bytes, rss_pages;
	struct str comm, cmdline;
};
struct top_host {
	unsigned hertz;
	uint64_t page_bytes, memory_bytes, boot_s, now_s;
};
struct top_column;
struct top_format {
	unsigned n;
	struct {
		const struct top_column *column;
		char header[32];
	} columns[TOP_COLUMNS_MAX];
};
int top_args_parse(struct str args, struct top_format *ret, struct err *e);
/* "pid (comm) S ppid ...": false when it is not that.  comm points into text. */
bool top_stat_parse(struct str text, struct top_process *ret);
bool top_uid_parse(struct str status, uint32_t *ret);
json_t *top_titles(const struct top_format *f); /* gives */
json_t *top_row(const struct top_format *f, const struct top_process *p, const struct top_host *h);

api_handler_fn api_attach, api_attach_ws, api_logs, api_stats, api_top;
