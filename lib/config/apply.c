#include "config/config.h"

static const char *text_of(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s ? s : "";
}

static void default_text(json_t *host, const char *key, const char *value)
{
	if (value && !*text_of(host, key))
		json_object_set_new(host, key, json_string(value));
}

/* As dockerd: the daemon's options belong to the daemon's driver; the request's own stay. */
static void apply_log(const struct config *c, json_t *host)
{
	json_t *log = json_object_get(host, "LogConfig"), *opts, *v;
	const char *driver = c->log_driver ? c->log_driver : "json-file";
	const char *name;

	if (!json_is_object(log)) {
		log = json_object();
		json_object_set_new(host, "LogConfig", log);
	}
	default_text(log, "Type", driver);
	if (!streq(text_of(log, "Type"), driver) || !c->log_opts)
		return;
	opts = json_object_get(log, "Config");
	if (!json_is_object(opts)) {
		opts = json_object();
		json_object_set_new(log, "Config", opts);
	}
	json_object_foreach(c->log_opts, name, v) if (!json_object_get(opts, name))
		json_object_set(opts, name, v);
}

static bool has_ulimit(const json_t *limits, const char *name)
{
	const json_t *item;
	size_t i;

	json_array_foreach(limits, i, item) if (streq(text_of(item, "Name"), name)) return true;
	return false;
}

static void apply_ulimits(const struct config *c, json_t *host)
{
	json_t *limits = json_object_get(host, "Ulimits"), *v;
	const char *name;

	if (json_object_size(c->default_ulimits) == 0)
		return;
	if (!json_is_array(limits)) {
		limits = json_array();
		json_object_set_new(host, "Ulimits", limits);
	}
	json_object_foreach(c->default_ulimits, name, v) if (!has_ulimit(limits, name))
		json_array_append_new(limits,
			json_pack("{s:s,s:O,s:O}", "Name", name, "Soft", json_object_get(v, "Soft"),
				"Hard", json_object_get(v, "Hard")));
}

static void apply_no_new_privileges(const struct config *c, json_t *host)
{
	json_t *opts = json_object_get(host, "SecurityOpt"), *item;
	size_t i;

	if (c->no_new_privileges < 0)
		return;
	json_array_foreach(opts, i,
		item) if (json_is_string(item) && str_starts(str_of(json_string_value(item)),
							  STR("no-new-privileges"))) return;
	if (!json_is_array(opts)) {
		opts = json_array();
		json_object_set_new(host, "SecurityOpt", opts);
	}
	json_array_append_new(opts, json_string(c->no_new_privileges ? "no-new-privileges=true"
								     : "no-new-privileges=false"));
}

void config_apply_create(const struct config *c, json_t *body)
{
	json_t *host = json_object_get(body, "HostConfig");

	if (!c)
		return;
	if (!host || json_is_null(host)) {
		host = json_object();
		json_object_set_new(body, "HostConfig", host);
	}
	if (!json_is_object(host))
		return; /* container_create() says what is wrong with it */
	if (c->log_driver || c->log_opts)
		apply_log(c, host);
	apply_ulimits(c, host);
	apply_no_new_privileges(c, host);
	default_text(host, "IpcMode", c->default_ipc_mode);
	default_text(host, "CgroupnsMode", c->default_cgroupns_mode);
	if (c->default_shm_bytes && json_integer_value(json_object_get(host, "ShmSize")) == 0)
		json_object_set_new(
			host, "ShmSize", json_integer((json_int_t)c->default_shm_bytes));
	if (c->init >= 0 && !json_is_boolean(json_object_get(host, "Init")))
		json_object_set_new(host, "Init", json_boolean(c->init));
}
