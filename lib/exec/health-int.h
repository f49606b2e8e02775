/*
 * health-int - docker's Healthcheck as values, and the rules of State.Health.  Pure: no clock, no
 * container; health.c keeps the time.
 */
#pragma once

#include "json/json.h"

#define HEALTH_LOG_MAX	  5
#define HEALTH_OUTPUT_MAX 4096

struct health_config {
	bool shell; /* CMD-SHELL */
	uint64_t interval_ns, timeout_ns, start_period_ns, start_interval_ns;
	int64_t retries;
};

/* True when the configuration (docker's Config) has a check that runs something. */
bool health_config_read(const json_t *config, struct health_config *ret);
/* The command of the check: its words, for CMD-SHELL after the shell's.  Gives an array. */
json_t *health_command(const json_t *config, const struct health_config *hc);
/* State.Health as it is when a container starts; log: that of the last run, or NULL.  Gives. */
json_t *health_starting(const json_t *before);
/* The same with another status. */
json_t *health_with_status(const json_t *before, const char *status);

struct health_result {
	uint64_t start_ns, end_ns; /* wall clock */
	int exit_code;		   /* -1: no code */
	struct str output;	   /* any bytes */
};
/* What State.Health is after a probe; in_start_period: failures do not count while starting.
 * Gives; *ret_changed: the status is another one. */
json_t *health_after(const json_t *before, const struct health_config *hc,
	const struct health_result *r, bool in_start_period, bool *ret_changed);
const char *health_status(const json_t *health);
/* How long until the next probe. */
uint64_t health_interval(const struct health_config *hc, const json_t *health, uint64_t up_ns);
/* As Go prints a duration ("1m30s"); out holds 32 bytes. */
char *health_duration(uint64_t ns, char *out);
