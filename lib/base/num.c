static bool parse(struct str s, uint64_t max, uint64_t *ret)
{
	uint64_t v = 0;

	if (s.n == 0)
		return false;
	for (size_t i = 0; i < s.n; i++) {
		unsigned d = (unsigned char)s.p[i] - (unsigned)'0';

		if (d > 9 || __builtin_mul_overflow(v, 10, &v) || __builtin_add_overflow(v, d, &v))
			return false;
	}
	if (v > max)
		return false;
	*ret = v;
	return true;
}

bool num_u64(struct str s, uint64_t max, uint64_t *ret)
{
	return parse(s, max, ret);
}

bool num_u32(struct str s, uint32_t max, uint32_t *ret)
{
	uint64_t v;

	if (!parse(s, max, &v))
		return false;
	*ret = (uint32_t)v;
	return true;
}

bool num_i64(struct str s, int64_t min, int64_t max, int64_t *ret)
{
	bool neg = s.n && s.p[0] == '-';
	uint64_t v;
	int64_t value;

	if (neg) {
		s.p++;
		s.n--;
	}
	if (!parse(s, (uint64_t)INT64_MAX, &v))
		return false;
	value = neg ? -(int64_t)v : (int64_t)v;
	if (value < min || value > max)
		return false;
	*ret = value;
	return true;
}

/* How many bits the unit letter shifts; -1 when it is none. */
static int unit_shift(char c)
{
	switch (c | 0x20) {
	case 'k':
		return 10;
	case 'm':
		return 20;
	case 'g':
		return 30;
	case 't':
		return 40;
	default:
		return -1;
	}
}

bool num_size(struct str s, uint64_t max, uint64_t *ret)
{
	int shift = 0;
	uint64_t v;

	if (s.n > 1 && (s.p[s.n - 1] | 0x20) == 'b')
		s.n--;
	if (s.n > 1 && unit_shift(s.p[s.n - 1]) >= 0)
		shift = unit_shift(s.p[--s.n]);
	if (!parse(s, UINT64_MAX >> shift, &v) || v << shift > max)
		return false;
	*ret = v << shift;
	return true;
}
