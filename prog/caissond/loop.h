/*
 * loop - one epoll, signals, child processes, and deadlines; one thread.
 *
 * Events are taken one at a time, so a handler may remove any watch: no stale event can follow.
 * Everything is in fixed tables; nothing is allocated.
 */
#pragma once

#include <sys/types.h>

struct watch {
	int fd; /* negative: not watched */
	void (*ready)(struct watch *w, uint32_t events);
};

int loop_init(struct err *e);
int loop_watch(struct watch *w, uint32_t events);
int loop_change(struct watch *w, uint32_t events);
void loop_unwatch(struct watch *w); /* leaves the descriptor open and in w->fd */
/* Handles events until loop_stop(). */
void loop_run(void);
void loop_stop(void);
/* fn runs when a signal to end arrives. */
void loop_on_term(void (*fn)(void));

/* A process of ours that somebody waits for. */
#define LOOP_CHILDREN_MAX 256
struct child {
	pid_t pid;	   /* 0: free */
	uint64_t deadline; /* monotonic ns when it is killed; 0: none */
	void (*ended)(struct child *c, int status);
	/* for the owner */
	uint32_t kind, slot;
	uint32_t seq;
	uint64_t link; /* generation of the engine that waits */
	int fd;
};
/* A free entry, or NULL when the table is full. */
struct child *loop_child_room(void);
void loop_child_each(void (*fn)(struct child *c));

/* Forks.  In the child: default signals, none blocked, every descriptor but 0..2 and keep[] closed.
 * Gives 0 in the child. */
pid_t loop_fork(const int *keep, unsigned nkeep);
/* The same for a child that a special call (clone3) made. */
void loop_in_child(const int *keep, unsigned nkeep);

/* One timer per purpose; at 0 is off. */
enum loop_timer { TIMER_ENGINE, TIMER_TERM, TIMER_TRASH, TIMERS };
void loop_timer(enum loop_timer t, uint64_t in_ns, void (*fn)(void));
