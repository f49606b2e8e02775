/* Docker's rules of health checks, without their clock. */
#include "exec/health-int.h"

static uint64_t duration(const json_t *hc, const char *key, uint64_t dflt)
{
	json_int_t v = json_integer_value(json_object_get(hc, key));

	return v > 0 ? (uint64_t)v : dflt;
}

/* Images say what they like. */
static bool all_strings(const json_t *list)
{
	for (size_t i = 0; i < json_array_size(list); i++)
		if (!json_is_string(json_array_get(list, i)))
			return false;
	return true;
}

bool health_config_read(const json_t *config, struct health_config *ret)
{
	const json_t *hc = json_object_get(config, "Healthcheck");
	const json_t *test = json_object_get(hc, "Test");
	const char *kind = json_string_value(json_array_get(test, 0));

	if (!kind || (!streq(kind, "CMD") && !streq(kind, "CMD-SHELL")) ||
		json_array_size(test) < 2 || !all_strings(test) ||
		!all_strings(json_object_get(config, "Shell")))
		return false;
	*ret = (struct health_config){
		.shell = streq(kind, "CMD-SHELL"),
		.interval_ns = duration(hc, "Interval", 30 * NS_PER_SEC),
		.timeout_ns = duration(hc, "Timeout", 30 * NS_PER_SEC),
		.start_period_ns = duration(hc, "StartPeriod", 0),
		.start_interval_ns = duration(hc, "StartInterval", 5 * NS_PER_SEC),
		.retries = json_integer_value(json_object_get(hc, "Retries")),
	};
	if (ret->retries <= 0)
		ret->retries = 3;
	return true;
}

json_t *health_command(const json_t *config, const struct health_config *hc)
{
	const json_t *test = json_object_get(json_object_get(config, "Healthcheck"), "Test");
	const json_t *shell = json_object_get(config, "Shell");
	json_t *cmd;

	if (!hc->shell)
		cmd = json_array();
	else if (json_array_size(shell) > 0)
		cmd = json_copy((json_t *)shell);
	else
		cmd = json_pack("[s, s]", "/bin/sh", "-c");
	for (size_t i = 1; i < json_array_size(test); i++)
		(void)json_array_append(cmd, json_array_get(test, i));
	return cmd;
}

static json_t *make(const char *status, json_int_t streak, const json_t *log)
{
	/* a list of its own: documents that were handed out never change */
	return json_pack("{s:s, s:I, s:o}", "Status", status, "FailingStreak", streak, "Log",
		json_is_array(log) ? json_copy((json_t *)log) : json_array());
}

json_t *health_starting(const json_t *before)
{
	return make("starting", 0, json_object_get(before, "Log"));
}

json_t *health_with_status(const json_t *before, const char *status)
{
	return make(status, json_integer_value(json_object_get(before, "FailingStreak")),
		json_object_get(before, "Log"));
}

const char *health_status(const json_t *health)
{
	const char *s = json_string_value(json_object_get(health, "Status"));

	return s ? s : "none";
}

/* Output of a program may be any bytes; documents are UTF-8. */
static json_t *text_of(struct str s)
{
	auto_buf struct buf b = BUF(6 * HEALTH_OUTPUT_MAX + 4096);
	json_t *v = NULL;

	if (json_quote(&b, s) == 0)
		v = json_loadb(b.p, b.n, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
	return v ? v : json_string("");
}

static json_t *entry(const struct health_result *r)
{
	char start[CLOCK_TEXT], end[CLOCK_TEXT];

	return json_pack("{s:s, s:s, s:i, s:o}", "Start", clock_rfc3339_short(r->start_ns, start),
		"End", clock_rfc3339_short(r->end_ns, end), "ExitCode", r->exit_code, "Output",
		text_of(r->output));
}

json_t *health_after(const json_t *before, const struct health_config *hc,
	const struct health_result *r, bool in_start_period, bool *ret_changed)
{
	const char *status = health_status(before);
	json_int_t streak = json_integer_value(json_object_get(before, "FailingStreak"));
	json_t *now, *log;

	if (r->exit_code == 0) {
		streak = 0;
		status = "healthy";
	} else if (!in_start_period || !streq(status, "starting")) {
		if (++streak >= hc->retries)
			status = "unhealthy";
	}
	now = make(status, streak, json_object_get(before, "Log"));
	log = json_object_get(now, "Log");
	while (json_array_size(log) >= HEALTH_LOG_MAX)
		(void)json_array_remove(log, 0);
	(void)json_array_append_new(log, entry(r));
	*ret_changed = !streq(status, health_status(before));
	return now;
}

uint64_t health_interval(const struct health_config *hc, const json_t *health, uint64_t up_ns)
{
	if (up_ns < hc->start_period_ns && streq(health_status(health), "starting"))
		return hc->start_interval_ns;
	return hc->interval_ns;
}

/* A fraction without its trailing zeros: digits of v / 10^places. */
static int fraction(char *out, size_t size, uint64_t v, unsigned places, const char *unit)
{
	uint64_t scale = 1;

	for (unsigned i = 0; i < places; i++)
		scale *= 10;
	while (places && v % 10 == 0) {
		v /= 10;
		scale /= 10;
		places--;
	}
	if (!places)
		return snprintf(out, size, "%llu%s", (unsigned long long)v, unit);
	return snprintf(out, size, "%llu.%0*llu%s", (unsigned long long)(v / scale), (int)places,
		(unsigned long long)(v % scale), unit);
}

char *health_duration(uint64_t ns, char *out)
{
	uint64_t minutes = ns / (60 * NS_PER_SEC), rest = ns % (60 * NS_PER_SEC);
	int n = 0;

	if (ns == 0)
		(void)snprintf(out, 32, "0s");
	else if (ns < 1000)
		(void)fraction(out, 32, ns, 0, "ns");
	else if (ns < 1000000)
		(void)fraction(out, 32, ns, 3, "\xc2\xb5s");
	else if (ns < NS_PER_SEC)
		(void)fraction(out, 32, ns, 6, "ms");
	if (ns < NS_PER_SEC)
		return out;
	if (minutes >= 60)
		n = snprintf(out, 32, "%lluh", (unsigned long long)(minutes / 60));
	if (minutes)
		n += snprintf(out + n, 32 - (size_t)n, "%llum", (unsigned long long)(minutes % 60));
	(void)fraction(out + n, 32 - (size_t)n, rest, 9, "s");
	return out;
}
