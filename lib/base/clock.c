#include <time.h>

static uint64_t read_clock(clockid_t which)
{
	struct timespec t;

	BUG_ON(clock_gettime(which, &t) < 0);
	return (uint64_t)t.tv_sec * NS_PER_SEC + (uint64_t)t.tv_nsec;
}

uint64_t clock_wall_ns(void)
{
	return read_clock(CLOCK_REALTIME);
}

uint64_t clock_mono_ns(void)
{
	return read_clock(CLOCK_MONOTONIC);
}

int clock_poll_ms(uint64_t due_ns, uint64_t now_ns, int max_ms)
{
	if (due_ns <= now_ns)
		return 0;
	return (int)MIN((due_ns - now_ns) / NS_PER_MS + 1, (uint64_t)max_ms);
}

char *clock_rfc3339(uint64_t wall_ns, char *out)
{
	time_t sec = (time_t)(wall_ns / NS_PER_SEC);
	struct tm tm;

	BUG_ON(!gmtime_r(&sec, &tm));
	(void)snprintf(out, CLOCK_TEXT, "%04d-%02d-%02dT%02d:%02d:%02d.%09uZ",
		(tm.tm_year + 1900) % 10000, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min,
		tm.tm_sec, (unsigned)(wall_ns % NS_PER_SEC));
	return out;
}

char *clock_rfc3339_short(uint64_t wall_ns, char *out)
{
	size_t n;

	if (wall_ns == 0)
		return memcpy(out, "0001-01-01T00:00:00Z", 21);
	(void)clock_rfc3339(wall_ns, out);
	n = strlen(out) - 1;
	while (out[n - 1] == '0')
		n--;
	if (out[n - 1] == '.')
		n--;
	out[n] = 'Z';
	out[n + 1] = '\0';
	return out;
}

/* Takes exactly n digits from the front of *s. */
static bool take_digits(struct str *s, size_t n, uint32_t max, uint32_t *ret)
{
	if (s->n < n || !num_u32((struct str){ s->p, n }, max, ret))
		return false;
	s->p += n;
	s->n -= n;
	return true;
}

static bool take_char(struct str *s, char c)
{
	if (!s->n || s->p[0] != c)
		return false;
	s->p++;
	s->n--;
	return true;
}

/* Digits after a decimal point, as nanoseconds; digits past the ninth are dropped. */
static bool take_fraction(struct str *s, uint64_t *ret_ns)
{
	uint64_t ns = 0;
	unsigned digits = 0;

	for (; s->n && s->p[0] >= '0' && s->p[0] <= '9'; s->p++, s->n--, digits++)
		if (digits < 9)
			ns = ns * 10 + (uint64_t)(s->p[0] - '0');
	if (!digits)
		return false;
	for (; digits < 9; digits++)
		ns *= 10;
	*ret_ns = ns;
	return true;
}

static bool parse_zone(struct str *s, int64_t *ret_offset_s)
{
	uint32_t hour, minute;
	bool minus;

	*ret_offset_s = 0;
	if (s->n == 0 || take_char(s, 'Z'))
		return true;
	minus = s->p[0] == '-';
	if ((!take_char(s, '+') && !take_char(s, '-')) || !take_digits(s, 2, 23, &hour) ||
		!take_char(s, ':') || !take_digits(s, 2, 59, &minute))
		return false;
	*ret_offset_s = ((int64_t)hour * 3600 + (int64_t)minute * 60) * (minus ? -1 : 1);
	return true;
}

static bool parse_date_time(struct str s, uint64_t *ret_ns)
{
	uint32_t year, month, day, hour = 0, minute = 0, second = 0;
	uint64_t frac = 0;
	int64_t offset = 0, at;
	struct tm tm = { 0 };

	if (!take_digits(&s, 4, 9999, &year) || !take_char(&s, '-') ||
		!take_digits(&s, 2, 12, &month) || !take_char(&s, '-') ||
		!take_digits(&s, 2, 31, &day))
		return false;
	if (take_char(&s, 'T')) {
		if (!take_digits(&s, 2, 23, &hour) || !take_char(&s, ':') ||
			!take_digits(&s, 2, 59, &minute))
			return false;
		if (take_char(&s, ':') && !take_digits(&s, 2, 60, &second))
			return false;
		if (take_char(&s, '.') && !take_fraction(&s, &frac))
			return false;
	}
	if (!parse_zone(&s, &offset) || s.n != 0 || month == 0 || day == 0)
		return false;
	tm.tm_year = (int)year - 1900;
	tm.tm_mon = (int)month - 1;
	tm.tm_mday = (int)day;
	tm.tm_hour = (int)hour;
	tm.tm_min = (int)minute;
	tm.tm_sec = (int)second;
	at = (int64_t)timegm(&tm) - offset;
	if (at < 0)
		return false;
	*ret_ns = (uint64_t)at * NS_PER_SEC + frac;
	return true;
}

static bool parse_seconds(struct str s, uint64_t *ret_ns)
{
	struct str whole = str_cut(&s, '.');
	uint64_t sec, frac = 0;

	if (!num_u64(whole, UINT64_MAX / NS_PER_SEC - 1, &sec))
		return false;
	if (s.p && (!take_fraction(&s, &frac) || s.n != 0))
		return false;
	*ret_ns = sec * NS_PER_SEC + frac;
	return true;
}

static bool take_unit(struct str *s, uint64_t *ret_ns)
{
	static const struct {
		struct str name;
		uint64_t ns;
	} units[] = {
		{ STR("ns"), 1 },
		{ STR("us"), NS_PER_US },
		{ STR("ms"), NS_PER_MS },
		{ STR("s"), NS_PER_SEC },
		{ STR("m"), 60 * NS_PER_SEC },
		{ STR("h"), 3600 * NS_PER_SEC },
	};

	for (size_t i = 0; i < ARRAY_SIZE(units); i++) {
		if (str_starts(*s, units[i].name)) {
			s->p += units[i].name.n;
			s->n -= units[i].name.n;
			*ret_ns = units[i].ns;
			return true;
		}
	}
	return false;
}

bool clock_parse_duration(struct str s, uint64_t *ret_ns)
{
	uint64_t total = 0;

	if (str_eq(s, STR("0"))) {
		*ret_ns = 0;
		return true;
	}
	if (!s.n)
		return false;
	while (s.n) {
		uint64_t whole, frac = 0, unit, part;
		size_t n = 0;

		while (n < s.n && s.p[n] >= '0' && s.p[n] <= '9')
			n++;
		if (!num_u64((struct str){ s.p, n }, UINT64_MAX, &whole))
			return false;
		s.p += n;
		s.n -= n;
		if (take_char(&s, '.') && !take_fraction(&s, &frac))
			return false;
		if (!take_unit(&s, &unit) || __builtin_mul_overflow(whole, unit, &part) ||
			__builtin_add_overflow(total, part, &total) ||
			__builtin_add_overflow(total,
				(uint64_t)((double)frac * ((double)unit / (double)NS_PER_SEC)),
				&total))
			return false;
	}
	*ret_ns = total;
	return true;
}

bool clock_parse(struct str s, uint64_t now_ns, uint64_t *ret_ns)
{
	uint64_t back;

	if (parse_seconds(s, ret_ns) || parse_date_time(s, ret_ns))
		return true;
	if (!clock_parse_duration(s, &back) || back > now_ns)
		return false;
	*ret_ns = now_ns - back;
	return true;
}
