/*
 * digest - a sha256 digest and a 32-byte object id as values that cannot exist unparsed.
 * Text forms: "sha256:" + 64 lower-case hex digits (OCI image-spec, descriptor, "Digests"); an id
 * is the 64 digits alone.
 */
#pragma once

#define DIGEST_HEX  64
#define DIGEST_TEXT (7 + DIGEST_HEX)

struct digest {
	uint8_t b[32];
};

bool digest_eq(const struct digest *a, const struct digest *b);
bool digest_is_zero(const struct digest *d);
bool digest_parse(struct str s, struct digest *ret) MUST_USE;	  /* with "sha256:" */
bool digest_parse_hex(struct str s, struct digest *ret) MUST_USE; /* 64 hex digits */
/* out holds DIGEST_HEX + 1 bytes; returns out. */
char *digest_hex(const struct digest *d, char *out);
/* out holds DIGEST_TEXT + 1 bytes; returns out. */
char *digest_text(const struct digest *d, char *out);
/* 32 fresh random bytes from the kernel; aborts if there are none. */
void digest_random(struct digest *ret);
void base_random(void *p, size_t n);
