/*
 * log-int - walking one log file, private to lib/log.
 */
#pragma once

#include "log/log.h"

#define LOG_NAME_MAX 24
/* "log" for 0, "log.N" for N; out holds LOG_NAME_MAX bytes. */
char *log_name(unsigned n, char *out);

/* Reads whole records of one file in order.  Damaged places are skipped; an unfinished record at
 * the end of the file stays for the next call. */
struct log_walk {
	int fd;
	uint64_t at;	 /* file offset of buf[0] */
	size_t from, to; /* what is unread in buf */
	char *buf;	 /* LOG_WALK_BUF bytes, gives */
};
#define LOG_WALK_BUF (64u << 10)

void log_walk_init(struct log_walk *w, int fd); /* takes fd */
void log_walk_done(struct log_walk *w);
/* 1 and a record (its text valid until the next call), 0 at the end of the data for now, negative
 * errno. */
int log_walk_next(struct log_walk *w, struct log_head *ret, struct str *ret_text);
/* File offset behind the last record that was returned. */
static inline uint64_t log_walk_offset(const struct log_walk *w)
{
	return w->at + w->from;
}
