#include "container/container-int.h"

#include "seccomp/profile.h"

#include <fcntl.h>
#include <sys/stat.h>

#define ID_INSIDE_MAX 65535u
#define NAME_TRIES    10

/* ---- the privileged half --------------------------------------------------------------------- */

/* Ids above the usual range that --user or --group-add names. */
static int extra_id(struct keeper_create *k, struct str text, struct err *e)
{
	uint32_t id;

	if (!num_u32(text, UINT32_MAX - 1, &id) || id <= ID_INSIDE_MAX)
		return 0; /* a name, or inside the range */
	for (uint32_t i = 0; i < k->extra_ids; i++)
		if (k->extra[i] == id)
			return 0;
	if (k->extra_ids == KEEPER_EXTENTS_MAX)
		return err_set(e, ERR_LIMIT, 0, "more than %d user and group ids above 65535",
			KEEPER_EXTENTS_MAX);
	k->extra[k->extra_ids++] = id;
	return 0;
}

static int extra_ids(struct keeper_create *k, const struct container *c, struct err *e)
{
	struct str group = str_of(jstr(c->config, "User")), user = str_cut(&group, ':');
	json_t *v;
	size_t i;
	int r = extra_id(k, user, e);

	if (r == 0)
		r = extra_id(k, group, e);
	json_array_foreach(json_object_get(c->host_config, "GroupAdd"), i, v) if (r == 0)
		r = extra_id(k, str_of(json_string_value(v)), e);
	return r;
}

static bool ipc_shareable(struct container *other)
{
	const char *mode;
	bool yes;

	pthread_mutex_lock(&other->lock);
	mode = jstr(other->host_config, "IpcMode");
	yes = streq(mode, "shareable") || streq(mode, "host") ||
	      strncmp(mode, "container:", 10) == 0;
	pthread_mutex_unlock(&other->lock);
	return yes;
}

/* A joined container, by its id: names may change, the grant may not.  Not a 404: the command would
 * try to pull the image. */
static int join(struct container *c, const struct http_peer *peer, const char *of, const char *noun,
	struct digest *ret, struct err *e)
{
	auto_container struct container *other = NULL;
	struct err ignore;

	if (!of)
		return 0;
	if (container_find(c->set, peer, of, &other, &ignore) < 0)
		return err_set(e, ERR_INVALID, 0,
			"No such container: %.200s (to share its %s namespace)", of, noun);
	if (streq(noun, "IPC") && !ipc_shareable(other))
		return err_set(e, ERR_INVALID, 0,
			"container %s: non-shareable IPC (hint: use IpcMode:shareable for the donor "
			"container)",
			other->hex);
	*ret = other->id;
	return 0;
}

static int fill_namespaces(
	struct container *c, const struct http_peer *peer, struct keeper_create *k, struct err *e)
{
	struct ns_modes ns;
	int r = ns_parse(c->host_config, &ns, e);

	if (r < 0)
		return r;
	k->userns = ns.userns;
	k->netns = ns.netns;
	k->pidns = ns.pidns;
	k->ipcns = ns.ipcns;
	k->utsns = ns.utsns;
	k->cgroupns = ns.cgroupns;
	if (ns.netns == KEEPER_NS_PRIVATE)
		k->flags |= KEEPER_NET_NONE;
	if (ns.shareable_ipc)
		k->flags |= KEEPER_SHAREABLE_IPC;
	r = join(c, peer, ns.net_of, "network", &k->net_of, e);
	if (r == 0)
		r = join(c, peer, ns.pid_of, "PID", &k->pid_of, e);
	if (r == 0)
		r = join(c, peer, ns.ipc_of, "IPC", &k->ipc_of, e);
	return r;
}

/* Compiles a profile once, here: a start only hands the program on. */
static int fill_seccomp(
	struct container *c, const struct security *s, struct keeper_create *k, struct err *e)
{
	auto_free struct sock_filter *prog = NULL;
	struct str bytes;
	size_t n = 0;
	int r = 0;

	k->seccomp = (uint8_t)s->seccomp;
	if (s->seccomp == KEEPER_SECCOMP_UNCONFINED)
		return 0;
	if (s->seccomp == KEEPER_SECCOMP_CUSTOM)
		r = seccomp_compile(str_of(s->profile), k->caps, &prog, &n, e);
	else if (k->caps & ~CAPS_DEFAULT)
		r = seccomp_default_for(k->caps, &prog, &n, e);
	if (r < 0 || !prog)
		return r;
	k->seccomp = KEEPER_SECCOMP_CUSTOM;
	bytes = (struct str){ (const char *)prog, n * sizeof(*prog) };
	return dir_write(c->dir, "seccomp.bpf", bytes, e);
}

static int create_record(
	struct container *c, const struct http_peer *peer, struct keeper_create *k, struct err *e)
{
	struct security sec;
	int r;

	memset(k, 0, sizeof(*k));
	k->id = c->id;
	k->client = peer->handle;
	k->oom_score_adj = (int32_t)jint(c->host_config, "OomScoreAdj");
	r = caps_parse(c->host_config, &k->caps, e);
	if (r < 0 || (r = security_parse(c->host_config, &sec, e)) < 0)
		return r;
	k->flags = (jbool(c->host_config, "ReadonlyRootfs") ? KEEPER_READONLY : 0) |
		   (sec.new_privs ? KEEPER_NEW_PRIVS : 0) | (sec.unmasked ? KEEPER_UNMASKED : 0);
	r = fill_namespaces(c, peer, k, e);
	if (r == 0)
		r = fill_seccomp(c, &sec, k, e);
	free(sec.profile);
	if (r == 0)
		r = extra_ids(k, c, e);
	if (r < 0)
		return r;
	resources_limits(c->host_config, &k->limits);
	if (c->image->nlayers > KEEPER_LAYERS_MAX)
		return err_set(
			e, ERR_LIMIT, 0, "the image has more than %d layers", KEEPER_LAYERS_MAX);
	k->nlayers = c->image->nlayers;
	memcpy(k->layers, c->image->layers, k->nlayers * sizeof(struct digest));
	return 0;
}

/* ---- the document ---------------------------------------------------------------------------- */

/* Docker's: the first 12 digits of the id; the host's name on the host's network; the other's on
 * the network of another container. */
static void fill_hostname(struct container *c, const struct http_peer *peer)
{
	const char *net = jstr(c->host_config, "NetworkMode"),
		   *uts = jstr(c->host_config, "UTSMode");
	auto_container struct container *other = NULL;
	char name[65] = "";
	struct err ignore;

	if (*jstr(c->config, "Hostname"))
		return;
	if (streq(net, "host") || streq(uts, "host")) {
		(void)gethostname(name, sizeof(name) - 1);
	} else if (strncmp(net, "container:", 10) == 0 &&
		   container_find(c->set, peer, net + 10, &other, &ignore) == 0) {
		(void)str_copy(name, sizeof(name), str_of(jstr(other->config, "Hostname")));
	}
	if (!name[0])
		(void)str_copy(name, sizeof(name), (struct str){ c->hex, 12 });
	json_object_set_new(c->config, "Hostname", json_string(name));
}

/* "container:NAME" becomes "container:ID", as docker keeps it. */
static void fill_joined(struct container *c, const struct http_peer *peer)
{
	static const char *const members[] = { "NetworkMode", "PidMode", "IpcMode" };
	struct err ignore;
	char text[80];

	for (size_t i = 0; i < ARRAY_SIZE(members); i++) {
		const char *v = jstr(c->host_config, members[i]);
		auto_container struct container *other = NULL;

		if (strncmp(v, "container:", 10) != 0 ||
			container_find(c->set, peer, v + 10, &other, &ignore) < 0)
			continue;
		(void)snprintf(text, sizeof(text), "container:%s", other->hex);
		json_object_set_new(c->host_config, members[i], json_string(text));
	}
}

static int read_body(struct container *c, const struct http_peer *peer, const json_t *body,
	json_t *warnings, struct err *e)
{
	const json_t *host = json_object_get(body, "HostConfig");
	const char *image = jstr(body, "Image");
	auto_json json_t *nothing = json_object();
	int r;

	if (host && !json_is_object(host) && !json_is_null(host))
		return err_set(
			e, ERR_INVALID, 0, "invalid JSON: member \"HostConfig\" must be an object");
	if (json_object_size(body) == 0)
		return err_set(
			e, ERR_INVALID, 0, "config cannot be empty in order to create a container");
	/* docker checks what the user said before it looks for the image */
	r = host_config_read(json_is_object(host) ? host : NULL, body, c->set->o.cgroup_v2,
		&c->host_config, warnings, e);
	if (r == 0)
		r = fields_read(body, config_fields, nothing, e);
	if (r == 0)
		r = config_check(nothing, e);
	if (r < 0)
		return r;
	if (!image[0])
		return err_set(e, ERR_UNSUPPORTED, 0,
			"Image: a container without an image is not offered here");
	r = image_find(c->set->o.images, peer_sees(peer), image, &c->image, e);
	if (r == 0)
		r = config_read(body, image_defaults(c->image), &c->config, warnings, e);
	return r;
}

static bool has_text(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s && s[0];
}

/* What --ip, --network-alias and --mac-address ask of one network (the texts are docker's). */
static int check_endpoint(const json_t *v, struct err *e)
{
	const json_t *ipam = json_object_get(v, "IPAMConfig");

	if (has_text(ipam, "IPv4Address") || has_text(ipam, "IPv6Address") ||
		json_array_size(json_object_get(ipam, "LinkLocalIPs")))
		return err_set(e, ERR_INVALID, 0,
			"user specified IP address is supported on user defined networks only");
	if (json_array_size(json_object_get(v, "Aliases")))
		return err_set(e, ERR_INVALID, 0,
			"network-scoped aliases are only supported for user-defined networks");
	if (has_text(v, "MacAddress"))
		return err_set(e, ERR_UNSUPPORTED, 0,
			"MacAddress: MAC addresses come with bridge networks in a later version");
	return 0;
}

/* Networks that are not there yet: docker's command always sends an entry "default". */
static int check_endpoints(const json_t *body, struct err *e)
{
	const json_t *net = json_object_get(body, "NetworkingConfig");
	const char *name;
	json_t *v;
	int r;

	json_object_foreach(json_object_get(net, "EndpointsConfig"), name, v)
	{
		if (!streq(name, "default") && !streq(name, "bridge") && !streq(name, "none") &&
			!streq(name, "host"))
			return err_set(e, ERR_UNSUPPORTED, 0,
				"NetworkingConfig: user-defined networks (\"%.200s\") come with a later "
				"version",
				name);
		r = check_endpoint(v, e);
		if (r < 0)
			return r;
	}
	return 0;
}

static int take_name(struct container *c, const char *name, struct err *e)
{
	char text[80];
	int r = -EBUSY;

	if (name && name[0]) {
		const char *bare = name[0] == '/' ? name + 1 : name;

		if (!name_valid(bare))
			return err_set(e, ERR_INVALID, 0,
				"Invalid container name (%.200s), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed",
				name);
		r = set_name_hold(c->set, c->owner, bare, c->hex, e);
		c->name = r == 0 ? xstrdup(bare) : NULL;
		return r;
	}
	for (unsigned i = 0; i < NAME_TRIES && r < 0; i++) {
		name_generate(i, text, sizeof(text));
		r = set_name_hold(c->set, c->owner, text, c->hex, e);
	}
	c->name = r == 0 ? xstrdup(text) : NULL;
	return r;
}

static int make_dir(struct container *c, struct err *e)
{
	if (mkdirat(c->set->o.dir, c->hex, 0700) < 0)
		return err_set(e, ERR_SYSTEM, errno, "making the directory of a container");
	c->dir = openat(c->set->o.dir, c->hex, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	return c->dir < 0 ? err_set(e, ERR_SYSTEM, errno, "opening the directory of a container")
			  : 0;
}

/* The document last: a directory without one is what an interrupted create or removal has left,
 * and the next start of the engine clears it away, here and at the keeper. */
static int make(struct container *c, const struct http_peer *peer, struct err *e)
{
	struct keeper_id id = { .id = c->id };
	struct keeper_create k;
	struct keeper_reply reply;
	struct err ignore;
	int r = make_dir(c, e);

	if (r == 0)
		r = create_record(c, peer, &k, e);
	if (r == 0)
		r = keeper_call(c->set->o.keeper, KEEPER_CREATE, &k, sizeof(k), NULL, 0, &reply, e);
	if (r == 0 && (r = persist_config(c, e)) < 0)
		(void)keeper_call(
			c->set->o.keeper, KEEPER_REMOVE, &id, sizeof(id), NULL, 0, &reply, &ignore);
	if (r < 0) {
		persist_forget(c);
		(void)dir_remove_tree(c->set->o.dir, c->hex);
	}
	return r;
}

static void settle(struct container *c, const struct http_peer *peer)
{
	c->created_ns = clock_wall_ns();
	c->image_id = c->image->id;
	c->image_name = xstrdup(jstr(c->config, "Image"));
	c->tty = jbool(c->config, "Tty");
	c->open_stdin = jbool(c->config, "OpenStdin");
	c->stdin_once = jbool(c->config, "StdinOnce");
	c->auto_remove = jbool(c->host_config, "AutoRemove");
	fill_hostname(c, peer);
	fill_joined(c, peer);
}

int container_create(struct container_set *s, const struct http_peer *peer, const char *name,
	const json_t *body, json_t *warnings, struct container **ret, struct err *e)
{
	auto_container struct container *c = container_new(s);
	int r;

	c->owner = peer->uid;
	digest_random(&c->id);
	digest_hex(&c->id, c->hex);
	r = read_body(c, peer, body, warnings, e);
	if (r == 0)
		r = check_endpoints(body, e);
	if (r == 0)
		r = take_name(c, name, e);
	if (r < 0)
		return r;
	settle(c, peer);
	r = make(c, peer, e);
	if (r < 0) {
		set_name_release(s, c->owner, c->name);
		return r;
	}
	set_add(s, container_ref(c));
	container_event(c, "create", NULL);
	*ret = steal_ptr(&c);
	return 0;
}
