// worker_tls.h - the TLS rules of all listeners and trunks, read from their files.
//
// Made by main before the workers start, then read by all of them; nothing in it changes. Renewed
// files make a new one, which takes the old one's place by RCU (control_tls.c).
#pragma once

#include "config/config.h"
#include "net/tls.h"
#include "sip/transport.h"

struct worker_tls;

// 0, -ENOMEM, or -EINVAL: a file is missing, cannot be read or does not fit; logged here, as is a
// certificate that runs out within 30 days. error[TLS_ERROR_MAX] says it too.
int worker_tls_new(const struct config *config, struct worker_tls **out, char *error);
void worker_tls_free(struct worker_tls *tls);

// What clients of a listener meet; NULL: it speaks no TLS.
struct tls_context *worker_tls_server(const struct worker_tls *tls, uint32_t listener);
// What a connection that we open to `hop` obeys: its trunk's rules, else the certificates of its
// listener and the name checked. NULL: the listener speaks no TLS.
struct tls_context *worker_tls_client(const struct worker_tls *tls, const struct sip_hop *hop);

// When the first of our certificates runs out, seconds since 1970; INT64_MAX: there is none.
int64_t worker_tls_expiry(const struct worker_tls *tls);
