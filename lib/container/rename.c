#include "container/container-int.h"

static int check(const struct container *c, const char *bare, const char *given, struct err *e)
{
	if (!bare[0])
		return err_set(e, ERR_INVALID, 0, "Neither old nor new names may be empty");
	if (streq(bare, c->name))
		return err_set(e, ERR_INVALID, 0,
			"Renaming a container with the same name as its current name");
	if (!name_valid(bare))
		return err_set(e, ERR_INVALID, 0,
			"Error when allocating new name: Invalid container name (%.200s), only "
			"[a-zA-Z0-9][a-zA-Z0-9_.-] are allowed",
			given);
	return 0;
}

/* Names are read under the set's lock alone, so both are held to change one. */
static int change(struct container *c, const char *bare, char **ret_old, struct err *e)
{
	int r;

	pthread_mutex_lock(&c->set->lock);
	pthread_mutex_lock(&c->lock);
	*ret_old = c->name;
	c->name = xstrdup(bare);
	r = persist_config(c, e);
	if (r < 0)
		mem_replace(&c->name, steal_ptr(ret_old));
	pthread_mutex_unlock(&c->lock);
	pthread_mutex_unlock(&c->set->lock);
	return r;
}

int container_rename(struct container *c, const char *name, struct err *e)
{
	const char *bare = name[0] == '/' ? name + 1 : name;
	auto_free char *old = NULL, *told = NULL;
	int r;

	pthread_mutex_lock(&c->op);
	r = check(c, bare, name, e);
	if (r == 0) {
		r = set_name_hold(c->set, c->owner, bare, c->hex, e);
		if (r < 0)
			(void)err_wrap(e, "Error when allocating new name");
	}
	if (r == 0) {
		r = change(c, bare, &old, e);
		set_name_release(c->set, c->owner, bare);
	}
	pthread_mutex_unlock(&c->op);
	if (r < 0)
		return r;
	told = xasprintf("/%s", old);
	container_event(c, "rename", "oldName", told, NULL);
	return 0;
}
