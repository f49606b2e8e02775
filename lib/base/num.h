/*
 * num - the one integer parser.  The whole view must be digits: no sign (but num_i64), no blank, no
 * empty view, no value above max.  Nothing else in the tree turns text into numbers.
 */
#pragma once

bool num_u64(struct str s, uint64_t max, uint64_t *ret) MUST_USE;
bool num_u32(struct str s, uint32_t max, uint32_t *ret) MUST_USE;
/* Optional leading '-'. */
bool num_i64(struct str s, int64_t min, int64_t max, int64_t *ret) MUST_USE;
/* "12", "12k", "12m", "12g", "12t" with an optional b, binary multiples (docker's form). */
bool num_size(struct str s, uint64_t max, uint64_t *ret) MUST_USE;
