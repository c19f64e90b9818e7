// tls_name.h - whether a certificate speaks for a SIP domain: RFC 5922 7.1 and 7.2. Pure.
#pragma once

#include "net/tls.h"

#include <openssl/x509.h>
#include <stdbool.h>

// Calls for each domain that is an identity of `cert` until fn returns false: hosts of SIP URIs and
// DNS names among its subjectAltNames, or its common name where it has no subjectAltName.
void tls_name_each(const X509 *cert, tls_name_fn fn, void *context);
// Whether `domain` is one of them; no wildcards. Empty domain: `ip` must be among them.
bool tls_name_matches(const X509 *cert, struct span domain, const struct ip *ip);
