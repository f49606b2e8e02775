/* The key sequence that detaches a terminal, in docker's syntax. */
#include "exec/exec.h"

static bool parse_key(struct str key, uint8_t *ret)
{
	if (key.n == 1) {
		*ret = (uint8_t)key.p[0];
		return true;
	}
	if (str_eq(key, STR("DEL"))) {
		*ret = 127;
		return true;
	}
	if (key.n != 6 || !str_starts(key, STR("ctrl-")))
		return false;
	/* ctrl-@ is 0, the letters follow, then [ \ ] ^ _ */
	if (key.p[5] >= 'a' && key.p[5] <= 'z')
		*ret = (uint8_t)(key.p[5] - 'a' + 1);
	else if (key.p[5] == '@' || (key.p[5] >= '[' && key.p[5] <= '_'))
		*ret = (uint8_t)(key.p[5] - '@');
	else
		return false;
	return true;
}

int exec_keys_parse(struct str text, struct exec_keys *ret)
{
	struct exec_keys k = { 0 };

	if (!text.n)
		text = STR("ctrl-p,ctrl-q");
	while (text.p) {
		if (k.n == EXEC_KEYS_MAX || !parse_key(str_cut(&text, ','), &k.keys[k.n]))
			return -EINVAL;
		k.n++;
	}
	*ret = k;
	return 0;
}

/*
 * Bytes that may be the beginning of the sequence are held back; when the next one does not fit,
 * they go out before it.  As docker's proxy, a byte that ends a partial match does not begin a new
 * one.  p has HTTP_FILTER_ROOM spare bytes, and at most EXEC_KEYS_MAX - 1 are ever held.
 */
ssize_t exec_keys_filter(void *arg, char *p, size_t n)
{
	struct exec_keys *k = arg;
	size_t held = k->matched;

	_Static_assert(EXEC_KEYS_MAX <= HTTP_FILTER_ROOM, "what is held back must fit");
	if (held) {
		memmove(p + held, p, n);
		memcpy(p, k->keys, held);
	}
	for (size_t i = held; i < held + n; i++) {
		if ((uint8_t)p[i] != k->keys[k->matched])
			k->matched = 0;
		else if (++k->matched == k->n)
			return -ECANCELED;
	}
	return (ssize_t)(held + n - k->matched);
}
