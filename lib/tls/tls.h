/*
 * tls - OpenSSL contexts with our settings: TLS 1.2 and 1.3, client certificate required and
 * verified for servers; one place where peers are verified.
 */
#pragma once

#include <openssl/types.h>

/* Server context from PEM bytes (a file's content, read by whoever may).  Gives. */
int tls_server_context(
	struct str ca_pem, struct str cert_pem, struct str key_pem, SSL_CTX **ret, struct err *e);
/* sha256 of the peer's public key (SubjectPublicKeyInfo, DER) as 64 hex digits + NUL. */
int tls_peer_account(SSL *ssl, char out[65]);
