#include "shim-int.h"

/* Writes what the container takes; when it is gone, what is left has no reader. */
void input_push(struct shim *s)
{
	while (input_full(s) && s->input >= 0) {
		ssize_t n = fd_write(s->input, s->in_text + s->in_from, s->in_to - s->in_from);

		if (n == -EAGAIN)
			return;
		if (n < 0) {
			s->in_close = true;
			break;
		}
		s->in_from += (uint32_t)n;
	}
	s->in_from = s->in_to = 0;
	if (s->in_close)
		input_close(s);
}

void input_close(struct shim *s)
{
	s->in_close = true;
	if (input_full(s) && s->input >= 0)
		return;
	/* The master of a tty stays open for its output. */
	if (!s->tty)
		fd_close(s->input);
	s->input = -EBADF;
}
