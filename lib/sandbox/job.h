/*
 * job - what a worker says on its output descriptor, per kind of job (keeper/keeper.h).
 * Every stream is frames: struct job_frame, then size bytes.  The reader trusts nothing: sizes,
 * kinds and order are checked, text is sanitized.
 */
#pragma once

#define JOB_NAME_MAX  512
#define JOB_CHUNK_MAX 65536

/* Descriptors of a worker at start (prog/caisson-worker). */
enum job_fd { JOB_FD_IN = 3, JOB_FD_OUT = 4, JOB_FD_TREE = 5 };

enum job_frame_type {
	JOB_ERROR = 1, /* struct err; the last frame */
	JOB_DONE, /* UNPACK: struct job_unpacked; MEASURE: struct job_measured; ARCHIVE: nothing */
	JOB_MEMBER,   /* ARCHIVE: struct job_member; its bytes follow as JOB_DATA */
	JOB_DATA,     /* ARCHIVE: bytes of the current member */
	JOB_PROGRESS, /* UNPACK: uint64 bytes read so far */
	JOB_WARNING,  /* text for the user (a device node was left out) */
};
struct job_frame {
	uint32_t type;
	uint32_t size;
};
struct job_unpacked {
	struct digest diff_id; /* sha256 of the uncompressed tar; zero: the input was no other */
	uint64_t size_bytes;   /* of regular files */
	uint64_t entries;
};
struct job_measured {
	uint64_t size_bytes;
	uint64_t entries;
};
struct job_member {
	uint32_t type; /* 1 regular file, 2 symbolic link, 3 hard link */
	uint32_t pad;
	uint64_t size;
	char name[JOB_NAME_MAX];
	char target[JOB_NAME_MAX]; /* links */
};
