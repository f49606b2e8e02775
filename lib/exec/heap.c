#include "exec/heap-int.h"

static void put(struct heap *h, size_t at, struct heap_item *i)
{
	h->items[at - 1] = i;
	i->at = at;
}

static void sift_up(struct heap *h, struct heap_item *i)
{
	size_t at = i->at;

	for (; at > 1 && h->items[at / 2 - 1]->due > i->due; at /= 2)
		put(h, at, h->items[at / 2 - 1]);
	put(h, at, i);
}

static void sift_down(struct heap *h, struct heap_item *i)
{
	size_t at = i->at;

	while (at * 2 <= h->n) {
		size_t child = at * 2;

		if (child < h->n && h->items[child]->due < h->items[child - 1]->due)
			child++;
		if (h->items[child - 1]->due >= i->due)
			break;
		put(h, at, h->items[child - 1]);
		at = child;
	}
	put(h, at, i);
}

void heap_set(struct heap *h, struct heap_item *i, uint64_t due)
{
	i->due = due;
	if (!i->at) {
		if (h->n == h->cap) {
			h->cap = h->cap ? h->cap * 2 : 16;
			h->items = xrealloc(h->items, h->cap * sizeof(*h->items));
		}
		put(h, ++h->n, i);
	}
	sift_up(h, i);
	sift_down(h, i);
}

void heap_remove(struct heap *h, struct heap_item *i)
{
	struct heap_item *last;
	size_t at = i->at;

	if (!at)
		return;
	last = h->items[--h->n];
	i->at = 0;
	if (last == i)
		return;
	put(h, at, last);
	sift_up(h, last);
	sift_down(h, last);
}

struct heap_item *heap_first(const struct heap *h)
{
	return h->n ? h->items[0] : NULL;
}

void heap_done(struct heap *h)
{
	free(h->items);
	*h = (struct heap){ 0 };
}
