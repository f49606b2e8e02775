/*
 * api - the Docker Engine API (version 1.50, minimum 1.24): one table of routes, and the handlers.
 *
 * A route is method, path template ("/containers/{name}/json"), handler.  Tables are per file
 * (container_routes in container.c and so on) and listed once in route.c.  The dispatcher strips
 * /vX.Y, checks the version, decodes {name} (which may contain slashes for images), and turns a
 * handler's error into docker's {"message": ...} with the kind's status.  Unknown paths: 404
 * {"message":"page not found"}.  Not yet offered: ERR_UNSUPPORTED with a sentence that names the
 * feature.
 */
#pragma once

#include "http/http.h"

#include "config/config.h"
#include "container/container.h"
#include "event/event.h"
#include "exec/exec.h"
#include "image/image.h"
#include "json/json.h"

struct engine {
	struct keeper *keeper;
	struct event_log *events;
	struct state *state;
	struct store *blobs;
	struct image_store *images;
	struct container_set *containers;
	struct exec_set *execs; /* made before containers: their hook is exec_health_on_change */
	const struct config *config; /* daemon.json; may be NULL in tests */
	struct keeper_boot boot;
	char id[40]; /* stable, for /info */
	uint64_t started_ns;
};

struct api_call {
	struct engine *engine;
	struct http_exchange *x;
	const struct http_peer *peer;
	unsigned version;  /* 150 for 1.50 */
	const char *name;  /* the {name} of the template, decoded; or NULL */
	const char *name2; /* a second one, or NULL */
	const char *text;  /* of the route, or NULL */
};

/* 0 when it has replied; else negative errno with *e, which the dispatcher sends (unless a reply
 * has begun: then the connection is closed). */
typedef int api_handler_fn(struct api_call *c, struct err *e);

struct api_route {
	const char *method;
	const char *path;
	api_handler_fn *handler;
	const char *text; /* for handlers that serve several routes; may be left out */
};
extern const struct api_route api_system_routes[], api_image_routes[], api_container_routes[],
	api_stream_routes[], api_exec_routes[], api_absent_routes[]; /* each ended by { NULL } */

http_handler_fn api_handle; /* arg: struct engine */

/* ---- pure parts of the dispatcher ------------------------------------------------------------ */
#define API_VERSION	"1.50"
#define API_VERSION_MIN "1.24"
/* Splits "/v1.50/x" into 150 and "/x"; without a version 150 and all of it.  *ret_text: "1.50" or
 * an empty view. */
const char *api_version_split(const char *path, unsigned *ret_version, struct str *ret_text);
int api_version_check(unsigned version, struct str text, struct err *e);
/* Does path fit the template?  {name} takes one byte or more, slashes too; ret: at most two views
 * into path. */
bool api_path_match(const char *template, const char *path, struct str ret[2]);
/* Normalises docker's two forms of filters to {"name":["a","b"]}; *ret NULL for an empty text. */
int api_filters_parse(struct str text, json_t **ret, struct err *e);

/* ---- for handlers ---------------------------------------------------------------------------- */
int api_reply_json(struct api_call *c, int status, const json_t *doc);
int api_reply_empty(struct api_call *c, int status);
/* Body as a JSON object; an empty body gives *ret = NULL when optional. */
int api_body_json(struct api_call *c, bool optional, json_t **ret, struct err *e);
/* The filters parameter as {"name":["a","b"]} from either of docker's forms; *ret NULL
 * when absent. */
int api_filters(struct api_call *c, json_t **ret, struct err *e);
/* 400 "invalid filter 'x'" when a key is not in the list (ended by NULL). */
int api_filters_check(const json_t *filters, const char *const *known, struct err *e);
/* filters has key -> value (or no such key). */
bool api_filter_match(const json_t *filters, const char *key, const char *value);
/* uid that limits what the caller sees; 0 for root: everything. */
uint32_t api_owner(const struct api_call *c);
