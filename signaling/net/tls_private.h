// tls_private.h - what tls_context.c and tls.c share.
#pragma once

#include "net/tls.h"

#include <openssl/ssl.h>

SSL *tls_session_ssl(const struct tls_session *session);

struct tls_context {
	struct tls_settings settings; // but for its strings
	SSL_CTX *ssl;
};
