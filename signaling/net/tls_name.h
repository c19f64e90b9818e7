// tls_name.h - whether a certificate speaks for a SIP domain: RFC 5922 7.1 and 7.2. Pure.
#pragma once

#include "base/addr.h"
#include "base/span.h"

#include <openssl/x509.h>
#include <stdbool.h>

// `domain` is compared with the identities of `cert`: hosts of SIP URIs and DNS names among its
// subjectAltNames, or its common name where it has no subjectAltName. No wildcards. Empty domain:
// `ip` must be among them.
bool tls_name_matches(const X509 *cert, struct span domain, const struct ip *ip);
