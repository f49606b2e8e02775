/* The part of ps that `docker top` shows: a table of columns, its arguments, /proc texts.  Pure. */
#include "api/stream-int.h"

#include <inttypes.h>

#define CELL 64

typedef void top_cell_fn(struct buf *out, const struct top_process *p, const struct top_host *h);

struct top_column {
	const char *name, *header;
	top_cell_fn *print;
};

/* ---- cells ----------------------------------------------------------------------------------- */

static uint64_t start_s(const struct top_process *p, const struct top_host *h)
{
	return h->boot_s + p->start_ticks / h->hertz;
}

static uint64_t elapsed_s(const struct top_process *p, const struct top_host *h)
{
	uint64_t at = start_s(p, h);

	return h->now_s > at ? h->now_s - at : 0;
}

static void cell_pid(struct buf *o, const struct top_process *p, const struct top_host *h)
{
	(void)h;
	(void)buf_fmt(o, "%d", p->pid);
}

static void cell_ppid(struct buf *o, const struct top_process *p, const struct top_host *h)
{
	(void)h;
	(void)buf_fmt(o, "%" PRId64, p->ppid);
}

static void cell_pgid(struct buf *o, const struct top_process *p, const struct top_host *h)
{
	(void)h;
	(void)buf_fmt(o, "%" PRId64, p->pgrp);
}

static void cell_sid(struct buf *o, const struct top_process *p, const struct top_host *h)
{
	(void)h;
	(void)buf_fmt(o, "%" PRId64, p->session);
}

static void cell_uid(struct buf *o, const struct top_process *p, const struct top_host *h)
{
	(void)h;
	(void)buf_fmt(o, "%u", p->uid);
}

static void cell_ni(struct buf *o, const struct top_process *p, const struct top_host *h)
{
	(void)h;
	(void)buf_fmt(o, "%" PRId64, p->nice);
}

static void cell_nlwp(struct buf *o, const struct top_process *p, const struct top_host *h)
{
	(void)h;
	(void)buf_fmt(o, "%" PRId64, p->threads);
}

static void cell_vsz(struct buf *o, const struct top_process *p, const struct top_host *h)
{
	(void)h;
	(void)buf_fmt(o, "%" PRIu64, p->vsize_bytes / 1024);
}

static void cell_rss(struct buf *o, const struct top_process *p, const struct top_host *h)
{
	(void)buf_fmt(o, "%" PRIu64, p->rss_pages * (h->page_bytes / 1024));
}

/* Thousandths of a whole, as a percentage with one digit. */
static void put_permille(struct buf *o, uint64_t part, uint64_t whole)
{
	uint64_t v = whole ? (uint64_t)((double)part * 1000 / (double)whole) : 0;

	(void)buf_fmt(o, "%" PRIu64 ".%" PRIu64, v / 10, v % 10);
}

static void cell_pcpu(struct buf *o, const struct top_process *p, const struct top_host *h)
{
	put_permille(o, p->ticks, elapsed_s(p, h) * h->hertz);
}

static void cell_c(struct buf *o, const struct top_process *p, const struct top_host *h)
{
	uint64_t whole = elapsed_s(p, h) * h->hertz;

	(void)buf_fmt(o, "%" PRIu64, whole ? MIN(p->ticks * 100 / whole, (uint64_t)99) : 0);
}

static void cell_pmem(struct buf *o, const struct top_process *p, const struct top_host *h)
{
	put_permille(o, p->rss_pages * h->page_bytes, h->memory_bytes);
}

/* Device numbers as the kernel encodes them in stat. */
static void cell_tty(struct buf *o, const struct top_process *p, const struct top_host *h)
{
	uint64_t dev = (uint64_t)p->tty, major = dev >> 8 & 0xfff;
	uint64_t minor = (dev & 0xff) | (dev >> 12 & 0xfff00);

	(void)h;
	if (p->tty == 0)
		(void)buf_c(o, '?');
	else if (major >= 136 && major <= 143)
		(void)buf_fmt(o, "pts/%" PRIu64, (major - 136) * 256 + minor);
	else if (major == 4)
		(void)buf_fmt(o, "tty%" PRIu64, minor);
	else
		(void)buf_c(o, '?');
}

/* [[days-]hours:]minutes:seconds */
static void cell_etime(struct buf *o, const struct top_process *p, const struct top_host *h)
{
	uint64_t s = elapsed_s(p, h), days = s / 86400, hours = s / 3600 % 24;

	if (days)
		(void)buf_fmt(o, "%" PRIu64 "-", days);
	if (days || hours)
		(void)buf_fmt(o, "%02" PRIu64 ":", hours);
	(void)buf_fmt(o, "%02" PRIu64 ":%02" PRIu64, s / 60 % 60, s % 60);
}

static void cell_etimes(struct buf *o, const struct top_process *p, const struct top_host *h)
{
	(void)buf_fmt(o, "%" PRIu64, elapsed_s(p, h));
}

/* [days-]hours:minutes:seconds of processor time */
static void cell_time(struct buf *o, const struct top_process *p, const struct top_host *h)
{
	uint64_t s = p->ticks / h->hertz;

	if (s >= 86400)
		(void)buf_fmt(o, "%" PRIu64 "-", s / 86400);
	(void)buf_fmt(
		o, "%02" PRIu64 ":%02" PRIu64 ":%02" PRIu64, s / 3600 % 24, s / 60 % 60, s % 60);
}

static void cell_bsdtime(struct buf *o, const struct top_process *p, const struct top_host *h)
{
	uint64_t s = p->ticks / h->hertz;

	(void)buf_fmt(o, "%" PRIu64 ":%02" PRIu64, s / 60, s % 60);
}

/* The time of today, the day of this year, or the year. */
static void cell_stime(struct buf *o, const struct top_process *p, const struct top_host *h)
{
	time_t at = (time_t)start_s(p, h), now = (time_t)h->now_s;
	struct tm began, today;
	char text[CELL];
	size_t n;

	BUG_ON(!localtime_r(&at, &began) || !localtime_r(&now, &today));
	if (began.tm_year != today.tm_year)
		n = strftime(text, sizeof(text), "%Y", &began);
	else if (began.tm_yday != today.tm_yday)
		n = strftime(text, sizeof(text), "%b%d", &began);
	else
		n = strftime(text, sizeof(text), "%H:%M", &began);
	(void)buf_add(o, text, n);
}

static void cell_stat(struct buf *o, const struct top_process *p, const struct top_host *h)
{
	(void)h;
	(void)buf_c(o, p->state);
	if (p->nice)
		(void)buf_c(o, p->nice < 0 ? '<' : 'N');
	if (p->session == p->pid)
		(void)buf_c(o, 's');
	if (p->threads > 1)
		(void)buf_c(o, 'l');
	if (p->tpgid == p->pgrp)
		(void)buf_c(o, '+');
}

static void cell_s(struct buf *o, const struct top_process *p, const struct top_host *h)
{
	(void)h;
	(void)buf_c(o, p->state);
}

static void cell_comm(struct buf *o, const struct top_process *p, const struct top_host *h)
{
	(void)h;
	(void)buf_str(o, p->comm);
	if (p->state == 'Z')
		(void)buf_z(o, " <defunct>");
}

static void cell_args(struct buf *o, const struct top_process *p, const struct top_host *h)
{
	(void)h;
	if (p->cmdline.n)
		(void)buf_str(o, p->cmdline);
	else if (p->state == 'Z')
		(void)buf_fmt(o, "[%.*s] <defunct>", STR_ARG(p->comm));
	else
		(void)buf_fmt(o, "[%.*s]", STR_ARG(p->comm));
}

/* The names of ps(1). */
static const struct top_column columns[] = {
	{ "%cpu", "%CPU", cell_pcpu },
	{ "%mem", "%MEM", cell_pmem },
	{ "args", "COMMAND", cell_args },
	{ "bsdstart", "START", cell_stime },
	{ "bsdtime", "TIME", cell_bsdtime },
	{ "c", "C", cell_c },
	{ "cmd", "CMD", cell_args },
	{ "comm", "COMMAND", cell_comm },
	{ "command", "COMMAND", cell_args },
	{ "cputime", "TIME", cell_time },
	{ "etime", "ELAPSED", cell_etime },
	{ "etimes", "ELAPSED", cell_etimes },
	{ "euid", "EUID", cell_uid },
	{ "euser", "EUSER", cell_uid },
	{ "ni", "NI", cell_ni },
	{ "nlwp", "NLWP", cell_nlwp },
	{ "pcpu", "%CPU", cell_pcpu },
	{ "pgid", "PGID", cell_pgid },
	{ "pgrp", "PGRP", cell_pgid },
	{ "pid", "PID", cell_pid },
	{ "pmem", "%MEM", cell_pmem },
	{ "ppid", "PPID", cell_ppid },
	{ "rss", "RSS", cell_rss },
	{ "rssize", "RSS", cell_rss },
	{ "s", "S", cell_s },
	{ "sess", "SESS", cell_sid },
	{ "sid", "SID", cell_sid },
	{ "start_time", "START", cell_stime },
	{ "stat", "STAT", cell_stat },
	{ "state", "S", cell_s },
	{ "stime", "STIME", cell_stime },
	{ "thcount", "THCNT", cell_nlwp },
	{ "time", "TIME", cell_time },
	{ "tname", "TTY", cell_tty },
	{ "tt", "TT", cell_tty },
	{ "tty", "TT", cell_tty },
	{ "ucmd", "CMD", cell_comm },
	{ "ucomm", "COMMAND", cell_comm },
	{ "uid", "UID", cell_uid },
	{ "user", "USER", cell_uid },
	{ "vsize", "VSZ", cell_vsz },
	{ "vsz", "VSZ", cell_vsz },
};

/* ---- arguments ------------------------------------------------------------------------------- */

static const struct top_column *column_find(struct str name)
{
	for (size_t i = 0; i < ARRAY_SIZE(columns); i++)
		if (str_eq(str_of(columns[i].name), name))
			return &columns[i];
	return NULL;
}

/* One word of -o; with "=" the rest is the header. */
static int add_column(struct top_format *f, struct str word, struct err *e)
{
	struct str name = str_cut(&word, '=');
	const struct top_column *c = column_find(name);

	if (!c)
		return err_set(e, ERR_INVALID, 0,
			"unsupported ps column \"%.*s\"; known are pid, ppid, uid, user, args, cmd, "
			"comm, etime, time, stat, vsz, rss, pcpu, pmem, nlwp, tty and the like",
			STR_ARG(name));
	if (f->n == TOP_COLUMNS_MAX)
		return err_set(e, ERR_INVALID, 0, "more than %d ps columns", TOP_COLUMNS_MAX);
	f->columns[f->n].column = c;
	if (!str_copy(f->columns[f->n].header, sizeof(f->columns[f->n].header),
		    word.p ? word : str_of(c->header)))
		return err_set(
			e, ERR_INVALID, 0, "the header of ps column \"%s\" is too long", c->name);
	f->n++;
	return 0;
}

static int add_list(struct top_format *f, struct str list, struct err *e)
{
	int r = 0;

	while (r == 0 && list.p) {
		const char *comma = memchr(list.p, ',', list.n);
		const char *equals = memchr(list.p, '=', list.n);

		/* a header of one's own may hold commas, so it ends the list */
		if (equals && (!comma || equals < comma))
			return add_column(f, list, e);
		r = add_column(f, str_cut(&list, ','), e);
	}
	return r;
}

static struct str next_word(struct str *s)
{
	size_t n = 0;
	struct str word;

	while (s->n && strchr(" \t\n\f\r", s->p[0])) {
		s->p++;
		s->n--;
	}
	while (n < s->n && !strchr(" \t\n\f\r", s->p[n]))
		n++;
	word = (struct str){ s->p, n };
	s->p += n;
	s->n -= n;
	return word;
}

struct args {
	bool full, user;
	struct top_format *f;
	struct str rest;
};

/* The letters of one word: -ef, aux, -eo pid,cmd. */
static int take_word(struct args *a, struct str word, struct err *e)
{
	bool dash = word.p[0] == '-';

	for (size_t i = dash; i < word.n; i++) {
		char c = word.p[i];

		if (c == 'o' || c == 'O') {
			struct str list = { word.p + i + 1, word.n - i - 1 };

			return add_list(a->f, list.n ? list : next_word(&a->rest), e);
		}
		if (c == 'f' && dash)
			a->full = true;
		else if (c == 'u' && !dash)
			a->user = true;
		else if (!strchr("eAaxwd", c)) /* which processes: always the container's */
			return err_set(e, ERR_INVALID, 0,
				"unsupported ps arguments \"%.*s\"; supported are -ef, aux and -o "
				"with a list of columns",
				STR_ARG(word));
	}
	return 0;
}

int top_args_parse(struct str text, struct top_format *ret, struct err *e)
{
	struct args a = { .f = ret, .rest = text };
	struct str word;
	int r = 0;

	*ret = (struct top_format){ 0 };
	while (r == 0 && (word = next_word(&a.rest)).n)
		r = take_word(&a, word, e);
	if (r < 0 || ret->n)
		return r;
	if (a.user)
		return add_list(ret,
			STR("user,pid,%cpu,%mem,vsz,rss,tname,stat,bsdstart,bsdtime,command"), e);
	if (a.full || !text.n)
		return add_list(ret, STR("uid,pid,ppid,c,stime,tname,time,cmd"), e);
	return add_list(ret, STR("pid,tname,time,ucmd"), e);
}

json_t *top_titles(const struct top_format *f)
{
	json_t *a = json_array();

	for (unsigned i = 0; i < f->n; i++)
		(void)json_array_append_new(a, json_string(f->columns[i].header));
	return a;
}

/* Names and arguments of processes may be any bytes. */
static json_t *cell_text(const struct buf *b)
{
	auto_buf struct buf quoted = BUF(1 << 18);
	json_t *v = NULL;

	if (json_quote(&quoted, buf_view(b)) == 0)
		v = json_loadb(quoted.p, quoted.n, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
	return v ? v : json_string("");
}

json_t *top_row(const struct top_format *f, const struct top_process *p, const struct top_host *h)
{
	json_t *row = json_array();

	for (unsigned i = 0; i < f->n; i++) {
		auto_buf struct buf b = BUF(1 << 16);

		f->columns[i].column->print(&b, p, h);
		(void)json_array_append_new(row, cell_text(&b));
	}
	return row;
}

/* ---- /proc/PID ------------------------------------------------------------------------------- */

static int64_t field(struct str *s, bool *ok)
{
	struct str word = str_cut(s, ' ');
	int64_t v = 0;

	if (!word.p || !num_i64(word, INT64_MIN, INT64_MAX, &v))
		*ok = false;
	return v;
}

bool top_stat_parse(struct str text, struct top_process *ret)
{
	const char *open = memchr(text.p, '(', text.n), *close = memrchr(text.p, ')', text.n);
	struct str rest;
	int64_t v[22]; /* fields 4 (ppid) to 24 (rss) */
	bool ok = true;

	/* the name may hold anything, parentheses too */
	if (!open || !close || close < open || (size_t)(text.p + text.n - close) < 5)
		return false;
	ret->comm = (struct str){ open + 1, (size_t)(close - open - 1) };
	ret->state = close[2];
	rest = (struct str){ close + 4, (size_t)(text.p + text.n - close) - 4 };
	for (int i = 0; i < 21; i++)
		v[i] = field(&rest, &ok);
	if (!ok || v[10] < 0 || v[11] < 0 || v[18] < 0)
		return false;
	ret->ppid = v[0];
	ret->pgrp = v[1];
	ret->session = v[2];
	ret->tty = v[3];
	ret->tpgid = v[4];
	ret->ticks = (uint64_t)v[10] + (uint64_t)v[11];
	ret->nice = v[15];
	ret->threads = v[16];
	ret->start_ticks = (uint64_t)v[18];
	ret->vsize_bytes = (uint64_t)v[19];
	ret->rss_pages = (uint64_t)MAX(v[20], (int64_t)0);
	return true;
}

/* The effective one, as ps. */
bool top_uid_parse(struct str text, uint32_t *ret)
{
	while (text.p) {
		struct str line = str_cut(&text, '\n');

		if (!str_starts(line, STR("Uid:\t")))
			continue;
		line.p += 5;
		line.n -= 5;
		(void)str_cut(&line, '\t');
		return num_u32(str_cut(&line, '\t'), UINT32_MAX, ret);
	}
	return false;
}
