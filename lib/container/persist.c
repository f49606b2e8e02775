#include "base/versions.h"
#include "container/container-int.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

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

/* No fsync: a killed engine loses nothing that the kernel has, and a host
 * that loses power loses the container's processes too. */
int dir_write(int dir, const char *name, struct str bytes, struct err *e)
{
	int r = fd_write_file(dir, name, bytes.p, bytes.n);

	return r < 0 ? err_set(e, ERR_SYSTEM, -r, "writing \"%s\" of a container", name) : 0;
}

static int dir_write_json(int dir, const char *name, const json_t *doc, struct err *e)
{
	auto_buf struct buf b = BUF(PERSIST_DOC_MAX);

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
	auto_buf struct buf b = BUF(PERSIST_DOC_MAX);
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
