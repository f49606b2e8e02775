/*
 * config - daemon.json: dockerd's configuration file, those keys of it whose meaning here is the
 * same.  Read by the engine from a descriptor that the keeper opened; a key that is not in the
 * table is refused by name, so that nothing is silently ignored.  Immutable once parsed.
 */
#pragma once

#include "json/json.h"

struct config {
	bool debug;
	json_t *labels;		     /* array of "k=v" */
	json_t *insecure_registries; /* array of names and CIDRs */
	json_t *registry_mirrors;    /* array of URLs */
	/* defaults of new containers; NULL, 0 or -1: none given */
	const char *log_driver;
	json_t *log_opts;	 /* object of strings */
	json_t *default_ulimits; /* object of {"Name","Soft","Hard"} */
	const char *default_ipc_mode, *default_cgroupns_mode;
	uint64_t default_shm_bytes;
	int init, no_new_privileges; /* 0, 1 */

	json_t *doc; /* owns all of the above */
};

/* An empty text is an empty configuration.  Pure. */
int config_parse(struct str text, struct config *ret, struct err *e);
void config_done(struct config *c);
/* Adds what the command line gave: labels and registries, lines as in struct keeper_boot. */
int config_add_boot(struct config *c, const char *labels, const char *registries, struct err *e);
/* Puts the defaults into a create request (Config with HostConfig) where it says nothing.
 * c may be NULL. */
void config_apply_create(const struct config *c, json_t *body);
