/* What is on disk of all containers when the engine starts. */
#include "base/versions.h"
#include "container/container-int.h"

#include <dirent.h>
#include <fcntl.h>

static json_t *read_json(int dir, const char *name, struct err *e)
{
	auto_buf struct buf b = BUF(PERSIST_DOC_MAX);
	auto_close int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	json_t *doc = NULL;

	if (fd < 0) {
		err_set(e, ERR_NOT_FOUND, errno, "reading \"%s\" of a container", name);
		return NULL;
	}
	if (buf_read_fd(&b, fd) < 0 || json_parse(buf_view(&b), &doc, e) < 0)
		return NULL;
	return doc;
}

static void load_state(struct container *c, const json_t *doc)
{
	for (enum container_status st = CONTAINER_CREATED; st <= CONTAINER_DEAD; st++)
		if (streq(jstr(doc, "Status"), container_status_word(st)))
			c->status = st;
	c->pid = (uint32_t)jint(doc, "Pid");
	c->id_base = (uint32_t)jint(doc, "IdBase");
	c->exit_code = c->last_exit_code = (int)jint(doc, "ExitCode");
	c->oom_killed = jbool(doc, "OOMKilled");
	c->dead = jbool(doc, "Dead");
	c->manually_stopped = jbool(doc, "ManuallyStopped");
	c->error = *jstr(doc, "Error") ? xstrdup(jstr(doc, "Error")) : NULL;
	c->started_ns = (uint64_t)jint(doc, "StartedAt");
	c->finished_ns = (uint64_t)jint(doc, "FinishedAt");
	c->restart_count = (unsigned)jint(doc, "RestartCount");
	c->runs = (uint64_t)jint(doc, "Runs");
}

/* Documents of ours, but from a disk: every member is looked at before it is believed. */
static int load_config(struct container *c, const json_t *doc, struct err *e)
{
	const json_t *config = json_object_get(doc, "Config");
	const json_t *host = json_object_get(doc, "HostConfig");

	if (jint(doc, "Version") > CONTAINER_VERSION + 1)
		return err_set(e, ERR_UNSUPPORTED, 0, "the document is of a newer version");
	if (!version_readable(jint(doc, "Version"), CONTAINER_VERSION) ||
		!digest_parse_hex(str_of(jstr(doc, "Id")), &c->id) ||
		!digest_parse(str_of(jstr(doc, "Image")), &c->image_id) ||
		!json_is_object(config) || !json_is_object(host) || !name_valid(jstr(doc, "Name")))
		return err_set(e, ERR_CORRUPT, 0, "the document of container \"%.64s\" is damaged",
			jstr(doc, "Id"));
	digest_hex(&c->id, c->hex);
	c->owner = (uint32_t)jint(doc, "Owner");
	c->created_ns = (uint64_t)jint(doc, "Created");
	c->name = xstrdup(jstr(doc, "Name"));
	c->image_name = xstrdup(jstr(doc, "ImageName"));
	c->config = json_deep_copy(config);
	c->host_config = json_deep_copy(host);
	c->tty = jbool(config, "Tty");
	c->open_stdin = jbool(config, "OpenStdin");
	c->stdin_once = jbool(config, "StdinOnce");
	c->auto_remove = jbool(host, "AutoRemove");
	return 0;
}

/* What the log says of one whose state is lost: it has run if there is an exit. */
static void guess_state(struct container *c)
{
	int code;
	uint64_t when;

	if (log_last_exit(c->dir, &code, &when) != 1)
		return;
	c->status = CONTAINER_EXITED;
	c->exit_code = c->last_exit_code = code;
	c->started_ns = c->finished_ns = when;
	c->runs = 1;
}

static void load_what_happened(struct container *c)
{
	static const char *const begun[] = { ".config.json.tmp", ".state.json.tmp" };
	struct err ignore;
	auto_json json_t *state = read_json(c->dir, "state.json", &ignore);

	for (size_t i = 0; i < ARRAY_SIZE(begun); i++)
		(void)unlinkat(c->dir, begun[i], 0);
	if (state) {
		load_state(c, state);
		return;
	}
	guess_state(c);
	(void)persist_state(c, &ignore);
}

/* What is known of all containers: the files decide, the database steps in for one that is gone or
 * damaged. */
struct load {
	struct container_set *set;
	json_t *configs; /* the database's documents by key */
};

static int keep_row(void *arg, const char *key, json_t *doc)
{
	return json_object_set(arg, key, doc);
}

static int load_documents(struct container *c, const struct load *l, const char *hex, struct err *e)
{
	auto_json json_t *file = read_json(c->dir, "config.json", e);
	const json_t *mirror = json_object_get(l->configs, hex);
	const json_t *doc = file;
	struct err ignore;
	int r = -ENOENT;

	if (doc)
		r = load_config(c, doc, e);
	if (r < 0 && mirror)
		r = load_config(c, doc = mirror, e);
	if (r < 0 && e->kind == ERR_UNSUPPORTED)
		return -EOPNOTSUPP; /* a much newer engine's: left alone */
	if (r < 0)
		return doc || faccessat(c->dir, "config.json", F_OK, 0) == 0 ? -EBADMSG : -ENOENT;
	if (!streq(c->hex, hex))
		return -EBADMSG;
	load_what_happened(c);
	if (image_find(c->set->o.images, 0, jstr(doc, "Image"), &c->image, e) < 0)
		c->image = NULL; /* it can still run: the keeper has its layers */
	if (doc != file || !json_equal(file, mirror))
		(void)persist_config(c, &ignore);
	return 0;
}

/* -ENOENT: half created or half removed. */
static int load_one(const struct load *l, const char *hex)
{
	auto_container struct container *c = container_new(l->set);
	struct err e;
	int r;

	c->dir = openat(l->set->o.dir, hex, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (c->dir < 0)
		return -errno;
	if (faccessat(c->dir, PERSIST_REMOVING, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		return -ENOENT;
	r = load_documents(c, l, hex, &e);
	if (r == 0)
		set_add(l->set, container_ref(c));
	return r;
}

/* It runs, or may hold somebody's work, but nothing says what it is: root can see, use and remove
 * it.  What could not be read stays beside it. */
static void adopt_nameless(struct container_set *s, const struct digest *id)
{
	auto_container struct container *c = container_new(s);
	struct err ignore;

	c->id = *id;
	digest_hex(&c->id, c->hex);
	c->dir = openat(s->o.dir, c->hex, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (c->dir < 0)
		return;
	(void)renameat(c->dir, "config.json", c->dir, "damaged.json");
	load_what_happened(c);
	c->created_ns = clock_wall_ns();
	c->name = xcalloc(1, 13);
	(void)str_copy(c->name, 13, (struct str){ c->hex, 12 });
	c->image_name = xstrdup("");
	c->config = json_object();
	c->host_config = json_object();
	(void)persist_config(c, &ignore);
	set_add(s, container_ref(c));
}

/* A create or a removal was interrupted. */
static void clear_half(struct container_set *s, const struct digest *id, const char *hex)
{
	struct keeper_id body = { .id = *id };
	struct keeper_reply reply;
	struct err e;
	int r = keeper_call(s->o.keeper, KEEPER_REMOVE, &body, sizeof(body), NULL, 0, &reply, &e);
	char sock[DIGEST_HEX + 6];

	if (r < 0 && e.kind != ERR_NOT_FOUND) {
		if (e.kind == ERR_CONFLICT)
			adopt_nameless(s, id);
		return;
	}
	(void)snprintf(sock, sizeof(sock), "%s.sock", hex);
	(void)unlinkat(s->o.run_dir, sock, 0);
	(void)dir_remove_tree(s->o.dir, hex);
}

static void load_directories(const struct load *l)
{
	int fd = openat(l->set->o.dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct digest id;
	struct dirent *d;
	int r;

	if (!dir) {
		fd_close(fd);
		return;
	}
	while ((d = readdir(dir))) {
		if (gone_is(d->d_name))
			gone_note(l->set); /* of a removal just before the engine ended */
		if (!digest_parse_hex(str_of(d->d_name), &id))
			continue;
		r = load_one(l, d->d_name);
		if (r == -ENOENT)
			clear_half(l->set, &id, d->d_name);
		else if (r == -EBADMSG)
			adopt_nameless(l->set, &id);
	}
	closedir(dir);
}

static bool loaded(const struct container_set *s, const char *hex)
{
	for (size_t i = 0; i < s->n; i++)
		if (streq(s->all[i]->hex, hex))
			return true;
	return false;
}

/* Rows of containers that are not there any more. */
static void forget_gone(const struct load *l)
{
	struct err ignore;
	const char *key;
	json_t *doc;

	json_object_foreach(l->configs, key, doc)
	{
		if (loaded(l->set, key))
			continue;
		(void)state_delete(l->set->o.state, "container", key, &ignore);
	}
}

int persist_load_all(struct container_set *s, bool rebuild, struct err *e)
{
	auto_json json_t *configs = json_object();
	struct load l = { s, configs };
	int r = rebuild ? 0 : state_each(s->o.state, "container", keep_row, configs, e);

	if (r < 0 && e->kind != ERR_CORRUPT)
		return r;
	load_directories(&l);
	forget_gone(&l);
	return 0;
}
