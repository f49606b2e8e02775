/* Times, durations, numbers and digests as clients and images write them. */
int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static void fuzz_numbers(struct str s)
{
	uint64_t u, same;
	uint32_t small;
	int64_t i;
	char text[32];

	BUG_ON(num_u32(s, 1000, &small) && small > 1000);
	BUG_ON(num_size(s, 1 << 20, &u) && u > 1 << 20);
	BUG_ON(num_i64(s, -5, 5, &i) && (i < -5 || i > 5));
	if (num_u64(s, UINT64_MAX, &u)) {
		(void)snprintf(text, sizeof(text), "%llu", (unsigned long long)u);
		BUG_ON(!num_u64(str_of(text), UINT64_MAX, &same) || same != u);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	/* An exact copy, so that a read past the end is seen. */
	auto_free char *copy = xmalloc(n + !n);
	struct str s = { copy, n };
	char text[CLOCK_TEXT], hex[DIGEST_TEXT + 1];
	struct digest d;
	uint64_t ns;

	if (n)
		memcpy(copy, p, n);
	fuzz_numbers(s);
	(void)!clock_parse_duration(s, &ns);
	if (clock_parse(s, 1700000000 * NS_PER_SEC, &ns)) {
		uint64_t again;

		/* What is printed is the same time again. */
		BUG_ON(!clock_parse(str_of(clock_rfc3339(ns, text)), 0, &again) || again != ns);
	}
	if (digest_parse(s, &d))
		BUG_ON(!str_eq(s, str_of(digest_text(&d, hex))));
	return 0;
}
