/* The table of execs: creation, finding, what inspect shows, forgetting. */
#include "exec/exec-int.h"

struct exec_set *exec_set_new(struct keeper *k)
{
	struct exec_set *s = xcalloc(1, sizeof(*s));

	s->keeper = k;
	BUG_ON(pthread_mutex_init(&s->lock, NULL) != 0);
	s->health = health_set_new(s);
	if (exec_monitor_start(s) < 0) {
		health_set_free(s->health);
		free(s);
		return NULL;
	}
	return s;
}

void exec_set_free(struct exec_set *s)
{
	struct exec *x, *next;

	exec_monitor_stop(s);
	health_set_free(s->health);
	for (x = s->list; x; x = next) {
		next = x->next;
		exec_unref(x);
	}
	pthread_mutex_destroy(&s->lock);
	free(s);
}

struct exec *exec_new(struct exec_set *s, struct container *c, json_t *cmd, json_t *env)
{
	struct exec *x = xcalloc(1, sizeof(*x));
	struct digest id;

	digest_random(&id);
	digest_hex(&id, x->id);
	x->refs = 1;
	x->set = s;
	x->c = container_ref(c);
	x->cmd = cmd;
	x->env = env;
	x->master = x->report = x->drain[0] = x->drain[1] = x->stop = x->hold = -EBADF;
	x->capture = BUF(EXEC_CAPTURE_MAX);
	BUG_ON(pthread_mutex_init(&x->lock, NULL) != 0 ||
		pthread_cond_init(&x->changed, NULL) != 0);
	for (unsigned i = 0; i < ARRAY_SIZE(x->watch); i++)
		x->watch[i] = (struct exec_watch){ x, (enum exec_watch_kind)i };
	return x;
}

struct exec *exec_ref(struct exec *x)
{
	__atomic_add_fetch(&x->refs, 1, __ATOMIC_RELAXED);
	return x;
}

void exec_unref(struct exec *x)
{
	if (__atomic_sub_fetch(&x->refs, 1, __ATOMIC_ACQ_REL))
		return;
	container_unref(x->c);
	json_decref(x->cmd);
	json_decref(x->env);
	free(x->user);
	free(x->cwd);
	fd_close(x->master);
	fd_close(x->report);
	fd_close(x->drain[0]);
	fd_close(x->drain[1]);
	fd_close(x->stop);
	fd_close(x->hold);
	buf_done(&x->capture);
	pthread_mutex_destroy(&x->lock);
	pthread_cond_destroy(&x->changed);
	free(x);
}

const char *exec_id(const struct exec *x)
{
	return x->id;
}

bool exec_tty(const struct exec *x)
{
	return x->tty;
}

const struct exec_keys *exec_keys(const struct exec *x)
{
	return &x->keys;
}

struct container *exec_container(struct exec *x)
{
	return x->c;
}

static int add_id(struct exec *x, struct err *e)
{
	struct container *c = x->c;
	int r = 0;

	pthread_mutex_lock(&c->lock);
	if (json_array_size(c->exec_ids) >= EXEC_PER_CONTAINER_MAX)
		r = err_set(e, ERR_LIMIT, 0, "container %s has %d execs that did not end", c->name,
			EXEC_PER_CONTAINER_MAX);
	else
		(void)json_array_append_new(c->exec_ids, json_string(x->id));
	pthread_mutex_unlock(&c->lock);
	return r;
}

void exec_ids_remove(struct exec *x)
{
	struct container *c = x->c;

	pthread_mutex_lock(&c->lock);
	for (size_t i = 0; i < json_array_size(c->exec_ids); i++) {
		if (streq(json_string_value(json_array_get(c->exec_ids, i)), x->id)) {
			(void)json_array_remove(c->exec_ids, i);
			break;
		}
	}
	pthread_mutex_unlock(&c->lock);
}

int exec_register(struct exec *x, struct err *e)
{
	int r = add_id(x, e);

	if (r < 0)
		return r;
	pthread_mutex_lock(&x->set->lock);
	x->next = x->set->list;
	x->set->list = exec_ref(x);
	pthread_mutex_unlock(&x->set->lock);
	exec_event_command(x, "exec_create");
	return 0;
}

void exec_event_command(struct exec *x, const char *action)
{
	auto_buf struct buf b = BUF(65536);
	size_t i;
	json_t *arg;

	(void)buf_fmt(&b, "%s:", action);
	json_array_foreach(x->cmd, i, arg)
	{
		if (buf_bad(&b))
			break;
		(void)buf_c(&b, ' ');
		(void)buf_z(&b, json_string_value(arg));
	}
	container_event(x->c, buf_view(&b).p, "execID", x->id, NULL);
}

int exec_find(struct exec_set *s, const struct http_peer *peer, const char *id, struct exec **ret,
	struct err *e)
{
	struct exec *x;

	pthread_mutex_lock(&s->lock);
	for (x = s->list; x; x = x->next)
		if (streq(x->id, id))
			break;
	if (x && peer->cls != KEEPER_CLASS_ROOT && peer->uid != x->c->owner)
		x = NULL; /* somebody else's: as if it did not exist */
	if (x)
		*ret = exec_ref(x);
	pthread_mutex_unlock(&s->lock);
	if (!x)
		return err_set(e, ERR_NOT_FOUND, 0, "No such exec instance: %s", id);
	return 0;
}

static json_t *process_config(const struct exec *x)
{
	json_t *args = json_array(), *o;

	for (size_t i = 1; i < json_array_size(x->cmd); i++)
		(void)json_array_append(args, json_array_get(x->cmd, i));
	o = json_pack("{s:b, s:O, s:o, s:b}", "tty", x->tty, "entrypoint",
		json_array_get(x->cmd, 0), "arguments", args, "privileged", x->privileged);
	if (*x->user)
		(void)json_object_set_new(o, "user", json_string(x->user));
	return o;
}

/* The bytes of the keys as Go prints a []byte: base64. */
static void keys_base64(const struct exec *x, char *out)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	unsigned n = x->own_keys ? x->keys.n : 0;

	for (unsigned i = 0; i < n; i += 3) {
		uint32_t v = (uint32_t)x->keys.keys[i] << 16;

		if (i + 1 < n)
			v |= (uint32_t)x->keys.keys[i + 1] << 8;
		if (i + 2 < n)
			v |= x->keys.keys[i + 2];
		*out++ = digits[v >> 18];
		*out++ = digits[v >> 12 & 63];
		*out++ = i + 1 < n ? digits[v >> 6 & 63] : '=';
		*out++ = i + 2 < n ? digits[v & 63] : '=';
	}
	*out = '\0';
}

json_t *exec_inspect(struct exec *x)
{
	char keys[EXEC_KEYS_MAX * 2 + 8];
	json_t *o;

	keys_base64(x, keys);
	pthread_mutex_lock(&x->lock);
	o = json_pack("{s:s, s:b, s:o, s:o, s:b, s:b, s:b, s:b, s:s, s:s, s:I}", "ID", x->id,
		"Running", x->phase == EXEC_STARTING || x->phase == EXEC_RUNNING, "ExitCode",
		x->phase == EXEC_ENDED ? json_integer(x->exit_code) : json_null(), "ProcessConfig",
		process_config(x), "OpenStdin", x->attach_in, "OpenStderr", x->attach_err,
		"OpenStdout", x->attach_out, "CanRemove", x->phase == EXEC_ENDED, "ContainerID",
		x->c->hex, "DetachKeys", keys, "Pid", (json_int_t)x->pid);
	pthread_mutex_unlock(&x->lock);
	return o;
}

int exec_check_running(struct exec *x, struct err *e)
{
	struct container *c = x->c;
	int r = 0;

	pthread_mutex_lock(&c->lock);
	if (c->status == CONTAINER_PAUSED)
		r = err_set(e, ERR_CONFLICT, 0,
			"container %s is paused, unpause the container before exec", c->hex);
	else if (c->status == CONTAINER_RESTARTING)
		r = err_set(e, ERR_CONFLICT, 0,
			"container %s is restarting, wait until the container is running", c->hex);
	else if (c->status != CONTAINER_RUNNING)
		r = err_set(e, ERR_CONFLICT, 0, "container %s is not running", c->hex);
	pthread_mutex_unlock(&c->lock);
	return r;
}
