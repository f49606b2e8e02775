/*
 * heap-int - timers in order of their deadline: a binary heap of items that are part of what they
 * time. No lock of its own.
 */
#pragma once

struct heap_item {
	uint64_t due; /* change it with heap_set() */
	size_t at;    /* place in the heap, from 1; 0: not in it */
};

struct heap {
	struct heap_item **items;
	size_t n, cap;
};

void heap_done(struct heap *h);
/* Puts it in, or moves it. */
void heap_set(struct heap *h, struct heap_item *i, uint64_t due);
void heap_remove(struct heap *h, struct heap_item *i);
struct heap_item *heap_first(const struct heap *h); /* NULL when empty */
