/*
 * tar - the only code that reads foreign tar streams; it runs in workers, after sandbox_enter().
 *
 * tar_unpack() writes one image layer beneath a directory descriptor; tar_list() hands the members
 * of an image archive to a sink.  Both read tar (pax, GNU, ustar, sparse), plain or compressed with
 * gzip, zstd, xz or bzip2, in one pass at constant memory; libarchive takes the tar format apart,
 * in the C locale, so that names are the archive's own bytes.
 *
 * Invariants of unpacking: every path is resolved from the tree's descriptor with openat2
 * (RESOLVE_BENEATH, NO_SYMLINKS, NO_XDEV); the last component is never followed; ".." is refused;
 * hard links name something beneath the tree.  A whiteout (.wh.NAME) becomes a character device
 * 0:0, an opaque directory gets user.overlay.opaque=y, so overlays must be mounted with
 * `userxattr`; archives cannot bring user.overlay.* attributes of their own.  Other devices and
 * sockets are left out with a warning.  Directory times are set last.
 *
 * Ownership: descriptors and the sink are borrowed.  Threads: one; changes the umask and the
 * working directory of the process.  On failure the tree holds what was written until then; its
 * owner throws it away.
 */
#pragma once

#include "sandbox/job.h"

#define TAR_NAME_MAX	255
#define TAR_PATH_MAX	4095
#define TAR_DEPTH_MAX	256
#define TAR_XATTRS_MAX	64
#define TAR_XATTR_MAX	65536
#define TAR_ENTRIES_MAX 4000000u
#define TAR_BYTES_MAX	(64ull << 30)
#define TAR_MEMBERS_MAX 10000u
/* A stream that grows by more than this factor is refused once it has grown past the free part. */
#define TAR_RATIO_MAX  250
#define TAR_RATIO_FREE (1ull << 30)

/* Where frames of job.h go; negative ends the job. */
struct tar_sink {
	int (*frame)(void *arg, enum job_frame_type type, const void *p, size_t n);
	void *arg;
};

/* Call before the sandbox: loads what the libraries would load later. */
int tar_prepare(struct err *e);
int tar_unpack(
	int in, int tree, const struct tar_sink *sink, struct job_unpacked *ret, struct err *e);
int tar_list(int in, const struct tar_sink *sink, struct err *e);
