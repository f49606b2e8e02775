/*
 * container-int - what the files of this folder share; see container.h.
 *
 * Lock order: container.op, container_set.lock, container.lock, monitor lock.
 */
#pragma once

#include "container/container.h"

#include "cgroup/cgroup.h"
#include "log/log.h"
#include "runtime/spec.h"
#include "shim/shim.h"

struct container_monitor;
struct container_set {
	pthread_mutex_t lock;
	struct container_options o;
	struct container **all; /* in order of creation */
	size_t n, cap;
	/* names of containers that are being made: taken, but not in the table yet */
	struct name_hold *holds;
	struct container_monitor *monitor;
	unsigned gone; /* directories that wait to be deleted; atomic */
};

/* A waiter that sleeps in poll(): its eventfd is written at every change. */
struct container_watch {
	struct container_watch *next;
	int event;
};

/* ---- fields.c: typed members of docker's documents ------------------------------------------- */
enum field_type {
	FIELD_STR,
	FIELD_BOOL,
	FIELD_BOOL_NULL,
	FIELD_INT,
	FIELD_INT_NULL,
	FIELD_STRS,	  /* array of strings or null */
	FIELD_STRS_LOOSE, /* the same, or one string alone */
	FIELD_MAP,	  /* object of strings or null */
	FIELD_OBJECT,
	FIELD_ARRAY,
};
enum field_flag {
	FIELD_OMIT = 1 << 0,  /* left out when empty */
	FIELD_LATER = 1 << 1, /* must be empty: text says why */
};
struct field {
	const char *name;
	enum field_type type;
	unsigned flags;
	const char *text;
};
extern const struct field config_fields[], resource_fields[];
/* Copies the members the table knows, checked, defaults filled in, in the table's order. */
int fields_read(const json_t *in, const struct field *table, json_t *out, struct err *e);
bool field_empty(const json_t *v);
/* Members of documents that fields_read() has checked; absent or null: "", 0, false, NULL. */
const char *jstr(const json_t *o, const char *key);
int64_t jint(const json_t *o, const char *key);
bool jbool(const json_t *o, const char *key);
/* Appends a sentence for `docker run` to print. */
void warn(json_t *warnings, const char *fmt, ...) PRINTF(2, 3);

/* ---- pure parts ------------------------------------------------------------------------------ */
/* names.c */
bool name_valid(const char *name);
void name_generate(unsigned attempt, char *out, size_t size);
/* signal.c: "TERM", "SIGTERM", "15", "RTMIN+3"; -EINVAL with docker's text. */
int signal_parse(const char *text, struct err *e);
/* caps.c */
#define CAPS_DEFAULT docker_caps()
uint64_t docker_caps(void);
int caps_parse(const json_t *host_config, uint64_t *ret, struct err *e);
/* cpuset.c: "0-2,5" into bits; -EINVAL on bad text, -ERANGE past the bits. */
int cpuset_parse(const char *text, uint64_t *bits, size_t nbits);
/* Which are there, in the kernel's text form; "" when unknown. */
void cpuset_online(const char *what, char *out, size_t size);
/* ulimit.c */
int ulimit_parse(const json_t *u, struct spec_rlimit *ret, struct err *e);
/* sysctl.c */
int sysctl_check(const char *key, bool host_net, bool host_ipc, struct err *e);
/* restart.c */
struct restart_policy {
	enum restart_kind {
		RESTART_NO,
		RESTART_ALWAYS,
		RESTART_UNLESS_STOPPED,
		RESTART_ON_FAILURE
	} kind;
	unsigned max_retries; /* on failure; 0: no limit */
};
struct restart_facts {
	int exit_code;
	bool exit_on_next, manually_stopped;
	unsigned restarts;	/* so far */
	uint64_t ran_ns;	/* how long it was up */
	uint64_t last_delay_ns; /* 0: none yet */
};
int restart_policy_parse(const json_t *host_config, struct restart_policy *ret, struct err *e);
/* Whether to start again, and after how long. */
bool restart_decide(
	const struct restart_policy *p, const struct restart_facts *f, uint64_t *ret_delay_ns);
/* start-error.c: docker's exit code for a start that failed with this text. */
int start_error_code(const char *msg);
int start_error_fill(struct err *e);
/* duration.c: "5 minutes", as Go's units.HumanDuration. */
char *duration_text(uint64_t ns, char *out, size_t size);

/* resources.c */
int resources_check(json_t *r, bool update, bool cgroup_v2, json_t *warnings, struct err *e);
void resources_limits(const json_t *r, struct keeper_limits *ret);
/* security.c */
struct security {
	bool new_privs; /* no_new_privs off */
	bool unmasked;
	enum keeper_seccomp seccomp;
	char *profile; /* gives: JSON of a custom profile */
};
int security_parse(const json_t *host_config, struct security *ret, struct err *e);
/* nsmode.c */
struct ns_modes {
	uint8_t userns, netns, pidns, ipcns, utsns, cgroupns; /* enum keeper_ns */
	const char *net_of, *pid_of, *ipc_of; /* borrowed names after "container:" */
	bool shareable_ipc, no_ipc;
};
int ns_parse(const json_t *host_config, struct ns_modes *ret, struct err *e);

/* config.c, hostconfig.c: documents complete and checked, or docker's message. */
int config_read(const json_t *body, const json_t *image_defaults, json_t **ret, json_t *warnings,
	struct err *e);
int config_check(const json_t *config, struct err *e);
int host_config_read(const json_t *body, const json_t *config, bool cgroup_v2, json_t **ret,
	json_t *warnings, struct err *e);
/* log options that our log has */
struct log_limits {
	uint64_t max_bytes;
	unsigned files;
	bool none;
};
int log_limits_parse(const json_t *host_config, struct log_limits *ret, struct err *e);

/* ---- set.c ----------------------------------------------------------------------------------- */
struct container *container_new(struct container_set *s);
int set_name_hold(struct container_set *s, uint32_t owner, const char *name, const char *hex,
	struct err *e); /* takes the name for the container that is being made */
void set_name_release(struct container_set *s, uint32_t owner, const char *name);
void set_add(struct container_set *s, struct container *c); /* takes the reference */
void set_drop(struct container_set *s, struct container *c);
/* References to all that owner sees, oldest first; the caller unrefs and frees. */
size_t set_snapshot(struct container_set *s, uint32_t owner, struct container ***ret);
/* The uid that limits what peer sees (0: everything), and the one that owns what it makes. */
uint32_t peer_sees(const struct http_peer *peer);
int set_find_name(struct container_set *s, uint32_t owner, const char *name,
	struct container **ret); /* any error: not there */

/* joined.c: containers it shares namespaces with run; docker's words if not. */
int joined_check(struct container *c, struct err *e);

/* ---- spec.c, create.c, files.c --------------------------------------------------------------- */
int spec_memfd(struct container *c, struct err *e); /* gives the sealed spec */
void spec_add_files(struct spec_writer *w, struct container *c);

/* ---- persist.c, load.c ----------------------------------------------------------------------- */
/* Under lock.  Failures of the mirror in the database are not errors: it is rebuilt. */
#define PERSIST_DOC_MAX	 (8u << 20)
#define PERSIST_REMOVING "removing.json" /* the name of config.json once its removal has begun */
int persist_config(struct container *c, struct err *e);
int persist_state(struct container *c, struct err *e);
void persist_forget(struct container *c);
int persist_load_all(struct container_set *s, bool rebuild, struct err *e);
int dir_write(int dir, const char *name, struct str bytes, struct err *e);
int dir_remove_tree(int parent, const char *name);

/* ---- gone.c: directories of removed containers, deleted by the monitor ----------------------- */
#define GONE_QUIET_MS 300
void gone_put(struct container_set *s, const char *hex);
bool gone_is(const char *name);
void gone_note(struct container_set *s); /* one more is there */
/* How long the monitor may sleep before it clears some: -1: nothing is there. */
int gone_wait_ms(struct container_set *s, bool busy);
void gone_clear_some(struct container_set *s);

/* ---- life.c, start.c, stop.c, exited.c, monitor.c -------------------------------------------- */
enum action { ACT_START, ACT_STOP, ACT_KILL, ACT_PAUSE, ACT_UNPAUSE, ACT_RESIZE, ACTIONS };
/* 0 allowed, 1 already so (304), negative with docker's 409 text. */
int life_check(const struct container *c, enum action a, struct err *e);
/* Wakes waiters; under lock. */
void life_changed(struct container *c);
/* Calls the on_change hook; without locks. */
void life_notify(struct container *c, enum container_status was);
int life_start(struct container *c, bool by_user, struct err *e); /* op held */
/* The container's process has ended: everything that follows.  Without locks. */
void life_exited(struct container *c, int code, uint64_t when_ns);
/* The shim is gone without a word: the log's exit record, or LOST_CODE. */
#define LOST_CODE 255
void life_shim_lost(struct container *c);
int life_connect_control(struct container *c, struct err *e); /* gives the socket */
int life_kill_wait(struct container *c, struct err *e);	      /* SIGKILL, and the end of it */
void life_remove_job(struct container *c);		      /* for life_job(): --rm */
/* Runs fn(c) on a thread of its own, with a reference. */
void life_job(struct container *c, void (*fn)(struct container *));
void socket_name(const struct container *c, char out[DIGEST_HEX + 6]);
bool status_running(enum container_status st); /* running, paused or restarting */

int monitor_start(struct container_set *s, struct err *e);
/* Serves c->control from now on.  Takes a reference of its own. */
void monitor_add(struct container *c);
void monitor_wake(struct container_set *s); /* nothing when it does not run yet */
/* A container's restart_at_ns has been set: look at the plans again. */
void monitor_plan(struct container_set *s, uint64_t at_ns);

/* ---- documents ------------------------------------------------------------------------------- */
/* Docker lists mounts given as mounts, not those given as --tmpfs. */
json_t *mounts_doc(const struct container *c);
void size_add(struct container *c, json_t *doc);

/* filter.c: docker ps --filter */
struct filter {
	const json_t *filters; /* borrowed */
	json_t *ancestors;     /* image ids as keys; gives */
	bool all, nothing;     /* all: stopped ones too */
	bool edge[2];	       /* before, since */
	uint64_t edge_ns[2];
};
int filter_read(struct container_set *s, const struct http_peer *peer, const json_t *filters,
	struct filter *ret, struct err *e);
bool filter_match(const struct filter *f, const struct container *c); /* under its lock */
struct port_range {
	uint32_t first, last;
	bool udp;
};
bool port_parse(const char *text, struct port_range *ret);
