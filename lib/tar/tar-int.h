/*
 * tar-int - what the files of lib/tar share: a codec table, a stream of plain bytes, libarchive on
 * that stream, and names beneath a directory.
 */
#pragma once

#include "tar/tar.h"

#include <archive.h>
#include <archive_entry.h>

/* ---- codec.c: decompressors ------------------------------------------------------------------ */
struct tar_step {
	const uint8_t *in;
	size_t in_n, in_used;
	uint8_t *out;
	size_t out_n, out_used;
	bool between; /* in: the last step ended a frame; out: this one did */
};
struct tar_codec {
	const char *name;
	bool (*is)(const uint8_t *p, size_t n);
	void *(*open)(void);
	int (*step)(void *state, struct tar_step *s, struct err *e);
	void (*close)(void *state);
};
/* The codec of a stream that begins with these bytes; NULL: not compressed.  Refuses by name what
 * is known and not taken. */
int tar_codec_find(const uint8_t *p, size_t n, const struct tar_codec **ret, struct err *e);

/* ---- stream.c: descriptor in, uncompressed bytes out ----------------------------------------- */
struct tar_stream;
int tar_stream_open(int fd, struct tar_stream **ret, struct err *e); /* borrows fd */
void tar_stream_close(struct tar_stream *s);
static inline void tar_stream_close_p(struct tar_stream **s)
{
	tar_stream_close(*s);
}
#define auto_stream __attribute__((cleanup(tar_stream_close_p)))
/* Next piece (valid until the next call): its size, 0 at the end, negative errno. */
ssize_t tar_stream_next(struct tar_stream *s, const void **ret, struct err *e);
uint64_t tar_stream_taken(const struct tar_stream *s); /* bytes read from the descriptor */
/* After the end: sha256 of everything that came out. */
void tar_stream_digest(struct tar_stream *s, struct digest *ret);

/* ---- read.c: libarchive on a stream ---------------------------------------------------------- */
struct tar_reader {
	struct tar_stream *stream;
	struct archive *archive;
	struct err err; /* of the stream, seen through libarchive */
};
int tar_reader_open(struct tar_reader *r, int fd, struct err *e);
void tar_reader_close(struct tar_reader *r);
/* 1 and an entry, 0 at the end, negative errno. */
int tar_reader_next(struct tar_reader *r, struct archive_entry **ret, struct err *e);
/* 1 and a block of the entry's content (offset skips holes), 0 at its end, negative errno. */
int tar_reader_block(
	struct tar_reader *r, const void **ret, size_t *ret_size, int64_t *ret_at, struct err *e);
/* Reads what follows the archive, so that the digest covers the whole stream. */
int tar_reader_drain(struct tar_reader *r, struct err *e);

/* ---- path.c: names --------------------------------------------------------------------------- */
/* Canonical form without leading "/" or "./", doubled or trailing slashes; "" is the root.
 * out holds TAR_PATH_MAX + 1 bytes. */
int tar_path_clean(const char *name, char *out, struct err *e);

/* Directories beneath a root, opened by path, the last one remembered. */
struct tar_dirs {
	int root; /* borrowed */
	int fd;	  /* of path; -EBADF when nothing is remembered */
	char path[TAR_PATH_MAX + 1];
};
/* Opens the parent of a clean path, making missing directories; *ret_name points into path. Gives
 * a descriptor that lives until the next call. */
int tar_dirs_parent(
	struct tar_dirs *d, const char *path, bool make, const char **ret_name, struct err *e);
void tar_dirs_forget(struct tar_dirs *d);
/* Removes name and what is below it. */
int tar_remove(int dir, const char *name, unsigned depth);
/* Opens beneath dir without following any link; descriptor or negative errno. */
int tar_open_beneath(int dir, const char *path, int flags, mode_t mode);
bool tar_is_whiteout(int dir, const char *name);
int tar_set_opaque(int dir_fd, const char *path, struct err *e);

/* ---- meta.c ---------------------------------------------------------------------------------- */
/* Owner, mode, attributes and time of a new file: fd is open on it (or negative: name in dir). */
int tar_meta_apply(int fd, int dir, const char *name, const char *path, struct archive_entry *en,
	const struct tar_sink *sink, struct err *e);
void tar_meta_times(struct archive_entry *en, struct timespec ret[2]);
int tar_warn(const struct tar_sink *sink, const char *fmt, ...) PRINTF(2, 3);
