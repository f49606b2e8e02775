/* What the process is: its sealed spec. */
#include "exec/exec-int.h"

#include "runtime/spec.h"

static void add_strings(struct spec_writer *w, enum spec_type type, const json_t *list)
{
	for (size_t i = 0; i < json_array_size(list); i++)
		spec_add_str(w, type, json_string_value(json_array_get(list, i)));
}

int exec_spec(struct exec *x, unsigned rows, unsigned cols, struct err *e)
{
	uint32_t console[2] = { rows, cols };
	struct spec_writer w;
	int fd;

	spec_init(&w);
	add_strings(&w, SPEC_ARG, x->cmd);
	add_strings(&w, SPEC_ENV, x->env);
	spec_add_str(&w, SPEC_CWD, *x->cwd ? x->cwd : "/");
	spec_add_str(&w, SPEC_USER, x->user);
	if (x->tty && rows && cols)
		spec_add(&w, SPEC_CONSOLE, console, sizeof(console));
	fd = container_spec_more(x->c, &w, e);
	if (fd == 0)
		fd = spec_seal(&w, e);
	spec_done(&w);
	return fd;
}
