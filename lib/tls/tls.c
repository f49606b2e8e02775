#include "tls/tls.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>

static void bio_free_p(BIO **b)
{
	BIO_free(*b);
}
static void cert_free_p(X509 **c)
{
	X509_free(*c);
}
static void key_free_p(EVP_PKEY **k)
{
	EVP_PKEY_free(*k);
}
static void ctx_free_p(SSL_CTX **c)
{
	SSL_CTX_free(*c);
}
#define auto_bio  __attribute__((cleanup(bio_free_p)))
#define auto_cert __attribute__((cleanup(cert_free_p)))
#define auto_key  __attribute__((cleanup(key_free_p)))
#define auto_ctx  __attribute__((cleanup(ctx_free_p)))

static int fail(struct err *e, const char *what)
{
	unsigned long code = ERR_get_error();
	const char *why = code ? ERR_reason_error_string(code) : NULL;

	ERR_clear_error();
	return err_set(e, ERR_INVALID, EINVAL, "TLS: %s: %s", what, why ? why : "no such data");
}

/* A key with a passphrase is refused instead of asking on the terminal. */
static int no_passphrase(char *out, int size, int writing, void *arg)
{
	(void)out;
	(void)size;
	(void)writing;
	(void)arg;
	return -1;
}

static BIO *bio_of(struct str pem)
{
	return BIO_new_mem_buf(pem.n ? pem.p : "", (int)MIN(pem.n, (size_t)INT32_MAX));
}

/* Every certificate of the file is an authority that may vouch for clients. */
static int add_authorities(SSL_CTX *ctx, struct str pem, struct err *e)
{
	auto_bio BIO *bio = bio_of(pem);
	unsigned count = 0;

	for (;;) {
		auto_cert X509 *ca = PEM_read_bio_X509(bio, NULL, no_passphrase, NULL);

		if (!ca)
			break;
		if (X509_STORE_add_cert(SSL_CTX_get_cert_store(ctx), ca) != 1 ||
			SSL_CTX_add_client_CA(ctx, ca) != 1)
			return fail(e, "use the CA certificate");
		count++;
	}
	if (count == 0)
		return fail(e, "read the CA certificate");
	ERR_clear_error();
	return 0;
}

/* The server's own certificate first, then what leads to its authority. */
static int add_chain(SSL_CTX *ctx, struct str pem, struct err *e)
{
	auto_bio BIO *bio = bio_of(pem);
	auto_cert X509 *own = PEM_read_bio_X509(bio, NULL, no_passphrase, NULL);

	if (!own)
		return fail(e, "read the server certificate");
	if (SSL_CTX_use_certificate(ctx, own) != 1)
		return fail(e, "use the server certificate");
	for (;;) {
		X509 *more = PEM_read_bio_X509(bio, NULL, no_passphrase, NULL);

		if (!more)
			break;
		if (SSL_CTX_add0_chain_cert(ctx, more) != 1) {
			X509_free(more);
			return fail(e, "use the server certificate's chain");
		}
	}
	ERR_clear_error();
	return 0;
}

static int add_key(SSL_CTX *ctx, struct str pem, struct err *e)
{
	auto_bio BIO *bio = bio_of(pem);
	auto_key EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL);

	if (!key)
		return fail(e, "read the server key");
	if (SSL_CTX_use_PrivateKey(ctx, key) != 1 || SSL_CTX_check_private_key(ctx) != 1)
		return fail(e, "use the server key");
	return 0;
}

static int set_rules(SSL_CTX *ctx, struct err *e)
{
	/* Sessions are not resumed: each connection proves itself with its certificate. */
	static const unsigned char context[] = "caisson";

	if (SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) != 1 ||
		SSL_CTX_set_session_id_context(ctx, context, sizeof(context) - 1) != 1 ||
		SSL_CTX_set_cipher_list(ctx, "ECDHE+AESGCM:ECDHE+CHACHA20") != 1)
		return fail(e, "set protocol versions and ciphers");
	SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
					 SSL_OP_NO_TICKET | SSL_OP_CIPHER_SERVER_PREFERENCE);
	SSL_CTX_set_num_tickets(ctx, 0);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
				      SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
	return 0;
}

int tls_server_context(
	struct str ca_pem, struct str cert_pem, struct str key_pem, SSL_CTX **ret, struct err *e)
{
	auto_ctx SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
	int r;

	if (!ctx)
		return fail(e, "create a context");
	r = set_rules(ctx, e);
	if (r == 0)
		r = add_authorities(ctx, ca_pem, e);
	if (r == 0)
		r = add_chain(ctx, cert_pem, e);
	if (r == 0)
		r = add_key(ctx, key_pem, e);
	if (r == 0)
		*ret = steal_ptr(&ctx);
	return r;
}

int tls_peer_account(SSL *ssl, char out[65])
{
	auto_cert X509 *cert = SSL_get1_peer_certificate(ssl);
	unsigned char *der = NULL;
	struct digest d;
	unsigned size = sizeof(d.b);
	int n, ok;

	if (!cert || SSL_get_verify_result(ssl) != X509_V_OK)
		return -EACCES;
	n = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(cert), &der);
	if (n <= 0)
		return -EACCES;
	ok = EVP_Digest(der, (size_t)n, d.b, &size, EVP_sha256(), NULL);
	OPENSSL_free(der);
	if (ok != 1)
		return -EACCES;
	(void)digest_hex(&d, out);
	return 0;
}
