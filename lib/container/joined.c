#include "container/container-int.h"

/* Containers whose namespaces this one shares must run when it starts; docker's words. */

static int refuse_network(struct container *other, enum container_status st, struct err *e)
{
	if (st == CONTAINER_RESTARTING)
		return err_set(e, ERR_CONFLICT, 0,
			"cannot join network namespace of container: Container %s is restarting, wait "
			"until the container is running",
			other->hex);
	return err_set(e, ERR_CONFLICT, 0,
		"cannot join network namespace of a non running container: container %s is %s",
		other->name, container_status_word(st));
}

static int check_one(struct container *c, const char *mode, bool network, struct err *e)
{
	auto_container struct container *other = NULL;
	enum container_status st;

	if (strncmp(mode, "container:", 10) != 0)
		return 0;
	if (set_find_name(c->set, 0, mode + 10, &other) < 0)
		return err_set(e, ERR_SYSTEM, 0, "%sNo such container: %.100s",
			network ? "joining network namespace of container: " : "", mode + 10);
	pthread_mutex_lock(&other->lock);
	st = other->status;
	pthread_mutex_unlock(&other->lock);
	if (st == CONTAINER_RUNNING || st == CONTAINER_PAUSED)
		return 0;
	if (network)
		return refuse_network(other, st, e);
	if (st == CONTAINER_RESTARTING)
		return err_set(e, ERR_CONFLICT, 0,
			"Container %s is restarting, wait until the container is running",
			other->hex);
	return err_set(e, ERR_CONFLICT, 0, "container %s is not running", other->hex);
}

int joined_check(struct container *c, struct err *e)
{
	auto_json json_t *host = NULL;
	int r;

	pthread_mutex_lock(&c->lock);
	host = json_incref(c->host_config);
	pthread_mutex_unlock(&c->lock);
	r = check_one(c, jstr(host, "NetworkMode"), true, e);
	if (r == 0)
		r = check_one(c, jstr(host, "PidMode"), false, e);
	return r < 0 ? r : check_one(c, jstr(host, "IpcMode"), false, e);
}
