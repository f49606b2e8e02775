/*
 * certs_test - a small certificate authority for tests, made in memory.
 */
#pragma once

#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

struct test_cert {
	EVP_PKEY *key;
	X509 *cert;
};

/* ca NULL: self-signed authority. */
static inline struct test_cert test_cert_make(const char *name, const struct test_cert *ca)
{
	struct test_cert t = { EVP_EC_gen("P-256"), X509_new() };
	static long serial;
	X509_NAME *subject = X509_get_subject_name(t.cert);
	X509_EXTENSION *ext;

	X509_set_version(t.cert, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(t.cert), ++serial);
	X509_gmtime_adj(X509_getm_notBefore(t.cert), -3600);
	X509_gmtime_adj(X509_getm_notAfter(t.cert), 3600);
	X509_NAME_add_entry_by_txt(
		subject, "CN", MBSTRING_ASC, (const unsigned char *)name, -1, -1, 0);
	X509_set_issuer_name(t.cert, ca ? X509_get_subject_name(ca->cert) : subject);
	X509_set_pubkey(t.cert, t.key);
	ext = ca ? X509V3_EXT_conf_nid(
			   NULL, NULL, NID_subject_alt_name, "DNS:localhost,IP:127.0.0.1")
		 : X509V3_EXT_conf_nid(NULL, NULL, NID_basic_constraints, "critical,CA:TRUE");
	X509_add_ext(t.cert, ext, -1);
	X509_EXTENSION_free(ext);
	X509_sign(t.cert, ca ? ca->key : t.key, EVP_sha256());
	return t;
}

static inline void test_cert_free(struct test_cert *t)
{
	EVP_PKEY_free(t->key);
	X509_free(t->cert);
}

/* Gives PEM text. */
static inline char *test_cert_pem(const struct test_cert *t, bool key)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *data, *text;
	long n;

	if (key)
		PEM_write_bio_PrivateKey(bio, t->key, NULL, NULL, 0, NULL, NULL);
	else
		PEM_write_bio_X509(bio, t->cert);
	n = BIO_get_mem_data(bio, &data);
	text = xstrndup(data, (size_t)n);
	BIO_free(bio);
	return text;
}

/* Client context: trusts ca, shows own (or nothing). */
static inline SSL_CTX *test_client_context(const struct test_cert *ca, const struct test_cert *own)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());

	X509_STORE_add_cert(SSL_CTX_get_cert_store(ctx), ca->cert);
	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
	if (own) {
		SSL_CTX_use_certificate(ctx, own->cert);
		SSL_CTX_use_PrivateKey(ctx, own->key);
	}
	return ctx;
}
