/*
 * clock - wall and monotonic time in nanoseconds, RFC 3339 text.
 */
#pragma once

#define CLOCK_TEXT 80
#define NS_PER_SEC 1000000000ull
#define NS_PER_MS  1000000ull
#define NS_PER_US  1000ull

uint64_t clock_wall_ns(void); /* since 1970, UTC */
uint64_t clock_mono_ns(void);
/* How long poll() may sleep so as not to wake before due_ns: 0 when it is past, rounded up, at most
 * max_ms. */
#define CLOCK_POLL_MAX_MS 3600000 /* who waits for longer looks again after an hour */
int clock_poll_ms(uint64_t due_ns, uint64_t now_ns, int max_ms);
/* "2006-01-02T15:04:05.000000000Z" with all nine digits; out holds CLOCK_TEXT bytes. */
char *clock_rfc3339(uint64_t wall_ns, char *out);
/* As Go's time.RFC3339Nano: trailing zeros of the fraction cut.  0 gives "0001-01-01T00:00:00Z". */
char *clock_rfc3339_short(uint64_t wall_ns, char *out);
/* Docker's since/until: seconds[.fraction] since 1970, RFC 3339 (date, date-time, with or without
 * zone), or a Go duration ("10m", "1h30m") before now_ns. */
bool clock_parse(struct str s, uint64_t now_ns, uint64_t *ret_ns) MUST_USE;
/* A Go duration ("300ms", "1m30s"); negative ones are refused. */
bool clock_parse_duration(struct str s, uint64_t *ret_ns) MUST_USE;
