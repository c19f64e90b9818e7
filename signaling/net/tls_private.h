// tls_private.h - what tls_context.c and tls.c share.
#pragma once

#include "net/tls.h"

#include <openssl/ssl.h>

struct tls_context {
	struct tls_settings settings; // its strings are not used after tls_context_new()
	SSL_CTX *ssl;
};
