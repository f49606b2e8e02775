/*
 * What docker offers and Caisson does not yet: each answers by name, so that nobody wonders.
 */
#include "api/api.h"

static int absent(struct api_call *c, struct err *e)
{
	return err_set(e, ERR_UNSUPPORTED, EOPNOTSUPP, "%s not offered by this version of Caisson",
		c->text);
}

static int no_manager(struct api_call *c, struct err *e)
{
	(void)c;
	return err_set(e, ERR_UNAVAILABLE, EAGAIN,
		"This node is not a swarm manager. Use \"docker swarm init\" or \"docker swarm "
		"join\" to connect this node to swarm and try again.");
}

static int no_swarm(struct api_call *c, struct err *e)
{
	(void)c;
	return err_set(e, ERR_UNAVAILABLE, EAGAIN, "This node is not part of a swarm");
}

static int no_plugins(struct api_call *c, struct err *e)
{
	auto_json json_t *none = json_array();

	(void)e;
	return api_reply_json(c, 200, none);
}

static int no_plugin(struct api_call *c, struct err *e)
{
	return err_set(e, ERR_NOT_FOUND, ENOENT, "plugin \"%.200s\" not found", c->name);
}

static int no_volume(struct api_call *c, struct err *e)
{
	if (streq(c->text, "rm") && http_query_bool(c->x, "force"))
		return api_reply_empty(c, 204);
	return err_set(e, ERR_NOT_FOUND, ENOENT, "get %.200s: no such volume", c->name);
}

/* A document that is as empty as what there is. */
static int nothing(struct api_call *c, struct err *e)
{
	auto_json json_t *doc = json_loads(c->text, 0, NULL);

	(void)e;
	BUG_ON(!doc);
	return api_reply_json(c, 200, doc);
}

#define BUILD	   "building images is"
#define REGISTRIES "talking to registries (pull, push, search, login) is"
#define VOLUMES	   "creating volumes is"
#define SWARM	   "swarm mode is"
#define PLUGINS	   "managing plugins is"
#define CHECKPOINT "checkpointing containers is"
#define COPY	   "copying files into and out of containers is"

const struct api_route api_absent_routes[] = {
	{ "POST", "/build", absent, BUILD },
	{ "POST", "/build/cancel", absent, BUILD },
	{ "POST", "/build/prune", nothing, "{\"CachesDeleted\":[],\"SpaceReclaimed\":0}" },
	{ "POST", "/session", absent, BUILD },
	{ "POST", "/grpc", absent, BUILD },
	{ "POST", "/auth", absent, REGISTRIES },
	{ "POST", "/images/create", absent, REGISTRIES },
	{ "GET", "/images/search", absent, REGISTRIES },
	{ "POST", "/images/{name}/push", absent, REGISTRIES },
	{ "GET", "/distribution/{name}/json", absent, REGISTRIES },
	{ "POST", "/commit", absent, "making an image of a container is" },
	{ "GET", "/containers/{name}/changes", absent, "listing a container's changes is" },
	{ "GET", "/containers/{name}/export", absent, "exporting containers is" },
	{ "HEAD", "/containers/{name}/archive", absent, COPY },
	{ "GET", "/containers/{name}/archive", absent, COPY },
	{ "PUT", "/containers/{name}/archive", absent, COPY },
	{ "GET", "/containers/{name}/checkpoints", absent, CHECKPOINT },
	{ "POST", "/containers/{name}/checkpoints", absent, CHECKPOINT },
	{ "DELETE", "/containers/{name}/checkpoints/{name}", absent, CHECKPOINT },
	{ "GET", "/volumes", nothing, "{\"Volumes\":[],\"Warnings\":[]}" },
	{ "POST", "/volumes/create", absent, VOLUMES },
	{ "POST", "/volumes/prune", nothing, "{\"VolumesDeleted\":[],\"SpaceReclaimed\":0}" },
	{ "GET", "/volumes/{name}", no_volume, "inspect" },
	{ "DELETE", "/volumes/{name}", no_volume, "rm" },
	{ "PUT", "/volumes/{name}", no_manager },
	{ "GET", "/plugins", no_plugins },
	{ "GET", "/plugins/privileges", absent, PLUGINS },
	{ "POST", "/plugins/pull", absent, PLUGINS },
	{ "POST", "/plugins/create", absent, PLUGINS },
	{ "GET", "/plugins/{name}/json", no_plugin },
	{ "DELETE", "/plugins/{name}", no_plugin },
	{ "POST", "/plugins/{name}/enable", no_plugin },
	{ "POST", "/plugins/{name}/disable", no_plugin },
	{ "POST", "/plugins/{name}/push", no_plugin },
	{ "POST", "/plugins/{name}/upgrade", no_plugin },
	{ "POST", "/plugins/{name}/set", no_plugin },
	{ "POST", "/swarm/init", absent, SWARM },
	{ "POST", "/swarm/join", absent, SWARM },
	{ "POST", "/swarm/leave", no_swarm },
	{ "POST", "/swarm/unlock", no_swarm },
	{ "POST", "/swarm/update", no_manager },
	{ "GET", "/swarm", no_manager },
	{ "GET", "/swarm/unlockkey", no_manager },
	{ "GET", "/nodes", no_manager },
	{ "GET", "/nodes/{name}", no_manager },
	{ "DELETE", "/nodes/{name}", no_manager },
	{ "POST", "/nodes/{name}/update", no_manager },
	{ "GET", "/services", no_manager },
	{ "POST", "/services/create", no_manager },
	{ "GET", "/services/{name}", no_manager },
	{ "GET", "/services/{name}/logs", no_manager },
	{ "DELETE", "/services/{name}", no_manager },
	{ "POST", "/services/{name}/update", no_manager },
	{ "GET", "/tasks", no_manager },
	{ "GET", "/tasks/{name}", no_manager },
	{ "GET", "/tasks/{name}/logs", no_manager },
	{ "GET", "/secrets", no_manager },
	{ "POST", "/secrets/create", no_manager },
	{ "GET", "/secrets/{name}", no_manager },
	{ "DELETE", "/secrets/{name}", no_manager },
	{ "POST", "/secrets/{name}/update", no_manager },
	{ "GET", "/configs", no_manager },
	{ "POST", "/configs/create", no_manager },
	{ "GET", "/configs/{name}", no_manager },
	{ "DELETE", "/configs/{name}", no_manager },
	{ "POST", "/configs/{name}/update", no_manager },
	{ NULL },
};
