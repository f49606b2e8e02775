#include "base/versions.h"
#include "container/container-int.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#define DOC_MAX	   (8u << 20)
#define STATE_ROOM 1024 /* bytes of a state document on disk, filled up with spaces */

static const char *const words[] = {
	[CONTAINER_CREATED] = "created",
	[CONTAINER_RUNNING] = "running",
	[CONTAINER_PAUSED] = "paused",
	[CONTAINER_RESTARTING] = "restarting",
	[CONTAINER_REMOVING] = "removing",
	[CONTAINER_EXITED] = "exited",
	[CONTAINER_DEAD] = "dead",
};

const char *container_status_word(enum container_status st)
{
	return words[st];
}

/* Whole or not at all.  No fsync: a killed engine loses nothing that the kernel has, and a host
 * that loses power loses the container's processes too. */
int dir_write(int dir, const char *name, struct str bytes, struct err *e)
{
	char tmp[64];
	auto_close int fd = -EBADF;
	int r;

	(void)snprintf(tmp, sizeof(tmp), ".%s.tmp", name);
	fd = openat(dir, tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return err_set(e, ERR_SYSTEM, errno, "writing \"%s\" of a container", name);
	r = fd_write_all(fd, bytes.p, bytes.n);
	if (r == 0 && renameat(dir, tmp, dir, name) < 0)
		r = -errno;
	if (r < 0) {
		(void)unlinkat(dir, tmp, 0);
		return err_set(e, ERR_SYSTEM, -r, "writing \"%s\" of a container", name);
	}
	return 0;
}

static int dir_write_json(int dir, const char *name, const json_t *doc, struct err *e)
{
	auto_buf struct buf b = BUF(DOC_MAX);

	if (json_print(doc, &b) < 0)
		return err_set(e, ERR_LIMIT, 0, "the container's configuration is too large");
	return dir_write(dir, name, buf_view(&b), e);
}

/* Overwrites the file where it lies.  Within one page the kernel has the new text or the old one,
 * whenever we are killed; and no file is made and deleted for each change, after which ext4 looks
 * at every inode freed in the last minute before it gives one out.  1: it has to be written anew.
 */
static int dir_overwrite(int dir, const char *name, const char text[STATE_ROOM])
{
	auto_close int fd = openat(dir, name, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0 || st.st_size != STATE_ROOM)
		return 1;
	return pwrite(fd, text, STATE_ROOM, 0) == STATE_ROOM ? 0 : 1;
}

static int dir_write_state(int dir, const json_t *doc, struct err *e)
{
	auto_buf struct buf b = BUF(DOC_MAX);
	char text[STATE_ROOM];

	if (json_print(doc, &b) < 0)
		return err_set(e, ERR_LIMIT, 0, "the container's state is too large");
	if (b.n > sizeof(text))
		return dir_write(dir, "state.json", buf_view(&b), e);
	memset(text, ' ', sizeof(text));
	memcpy(text, b.p, b.n);
	if (dir_overwrite(dir, "state.json", text) == 0)
		return 0;
	return dir_write(dir, "state.json", (struct str){ text, sizeof(text) }, e);
}

static json_t *read_json(int dir, const char *name, struct err *e)
{
	auto_buf struct buf b = BUF(DOC_MAX);
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

static json_t *config_doc(const struct container *c)
{
	char image[DIGEST_TEXT + 1];

	return json_pack("{s:i, s:s, s:I, s:I, s:s, s:s, s:s, s:O, s:O}", "Version",
		CONTAINER_VERSION, "Id", c->hex, "Owner", (json_int_t)c->owner, "Created",
		(json_int_t)c->created_ns, "Name", c->name, "Image",
		digest_text(&c->image_id, image), "ImageName", c->image_name, "Config", c->config,
		"HostConfig", c->host_config);
}

static json_t *state_doc(const struct container *c)
{
	return json_pack("{s:i, s:s, s:I, s:I, s:i, s:b, s:b, s:b, s:s, s:I, s:I, s:I, s:I}",
		"Version", CONTAINER_VERSION, "Status", words[c->status], "Pid", (json_int_t)c->pid,
		"IdBase", (json_int_t)c->id_base, "ExitCode", c->exit_code, "OOMKilled",
		c->oom_killed, "Dead", c->dead, "ManuallyStopped", c->manually_stopped, "Error",
		c->error ? c->error : "", "StartedAt", (json_int_t)c->started_ns, "FinishedAt",
		(json_int_t)c->finished_ns, "RestartCount", (json_int_t)c->restart_count, "Runs",
		(json_int_t)c->runs);
}

int persist_config(struct container *c, struct err *e)
{
	auto_json json_t *doc = config_doc(c);
	struct err ignore;
	int r;

	BUG_ON(!doc);
	r = dir_write_json(c->dir, "config.json", doc, e);
	if (r == 0)
		(void)state_put(c->set->o.state, "container", c->hex, doc, &ignore);
	return r;
}

int persist_state(struct container *c, struct err *e)
{
	auto_json json_t *doc = state_doc(c);

	BUG_ON(!doc);
	return dir_write_state(c->dir, doc, e);
}

void persist_forget(struct container *c)
{
	struct err ignore;

	(void)state_delete(c->set->o.state, "container", c->hex, &ignore);
}

/* The directories are ours and flat. */
int dir_remove_tree(int parent, const char *name)
{
	int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	struct dirent *d;
	DIR *dir;

	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	dir = fdopendir(fd);
	if (!dir) {
		fd_close(fd);
		return -ENOMEM;
	}
	while ((d = readdir(dir)))
		if (!streq(d->d_name, ".") && !streq(d->d_name, ".."))
			(void)unlinkat(fd, d->d_name, 0);
	closedir(dir);
	return unlinkat(parent, name, AT_REMOVEDIR) < 0 ? -errno : 0;
}

/* ---- loading ----------------------------------------------------------------------------------
 */

static void load_state(struct container *c, const json_t *doc)
{
	for (unsigned i = 0; i < ARRAY_SIZE(words); i++)
		if (streq(jstr(doc, "Status"), words[i]))
			c->status = i;
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

static int load_one(struct container_set *s, const char *hex, const json_t *doc)
{
	auto_container struct container *c = container_new(s);
	auto_json json_t *file = NULL, *state = NULL;
	const bool mirror = !doc;
	struct err e;

	c->dir = openat(s->o.dir, hex, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (c->dir < 0)
		return -errno;
	if (!doc)
		doc = file = read_json(c->dir, "config.json", &e);
	if (!doc && e.sys == ENOENT)
		return -ENOENT;
	if (!doc || load_config(c, doc, &e) < 0 || !streq(c->hex, hex))
		return -EBADMSG;
	/* the file is newer than its mirror, if they differ */
	state = read_json(c->dir, "state.json", &e);
	if (state)
		load_state(c, state);
	if (image_find(s->o.images, 0, jstr(doc, "Image"), &c->image, &e) < 0)
		c->image = NULL; /* it can still run: the keeper has its layers */
	if (mirror)
		(void)persist_config(c, &e);
	set_add(s, container_ref(c));
	return 0;
}

struct load {
	struct container_set *set;
	json_t *gone; /* keys whose directory is not there any more */
};

static int load_from_state(void *arg, const char *key, json_t *doc)
{
	struct load *l = arg;

	if (load_one(l->set, key, doc) < 0)
		json_array_append_new(l->gone, json_string(key));
	return 0;
}

static bool loaded(struct container_set *s, const char *hex)
{
	for (size_t i = 0; i < s->n; i++)
		if (streq(s->all[i]->hex, hex))
			return true;
	return false;
}

/* A create or a removal was interrupted. */
static void clear_half(struct container_set *s, const struct digest *id, const char *hex)
{
	struct keeper_id body = { .id = *id };
	struct keeper_reply reply;
	struct err e;
	int r = keeper_call(s->o.keeper, KEEPER_REMOVE, &body, sizeof(body), NULL, 0, &reply, &e);

	if (r == 0 || e.kind == ERR_NOT_FOUND)
		(void)dir_remove_tree(s->o.dir, hex);
}

/* Directories the database does not know: all of them when it is new, else those of a create that
 * was interrupted between the two. */
static void load_from_disk(struct container_set *s)
{
	int fd = openat(s->o.dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
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
			gone_note(s); /* of a removal just before the engine ended */
		if (!digest_parse_hex(str_of(d->d_name), &id) || loaded(s, d->d_name))
			continue;
		r = load_one(s, d->d_name, NULL);
		if (r == -ENOENT)
			clear_half(s, &id, d->d_name);
	}
	closedir(dir);
}

int persist_load_all(struct container_set *s, bool rebuild, struct err *e)
{
	auto_json json_t *gone = json_array();
	struct load l = { s, gone };
	struct err ignore;
	json_t *key;
	size_t i;
	int r = rebuild ? 0 : state_each(s->o.state, "container", load_from_state, &l, e);

	if (r < 0)
		return r;
	load_from_disk(s);
	json_array_foreach(gone, i, key)
	{
		(void)state_delete(s->o.state, "container", json_string_value(key), &ignore);
	}
	return 0;
}
