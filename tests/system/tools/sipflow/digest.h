// digest.h - digest authentication (RFC 7616, RFC 8760) of both sides: MD5, SHA-256, SHA-512-256.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#define DIGEST_REALM "carrier.example"

// A challenge for each of the comma-separated algorithms, as header lines `name`.
void digest_challenge(const char *name, const char *nonce, const char *algorithms, char *out,
	size_t size);

struct digest_request {
	const char *method, *uri;
	const char *algorithm; // wanted, "" = that of the first challenge
};
// The header line that answers the 401 or 407; false: it has no such challenge.
bool digest_answer(const char *challenge, const struct digest_request *request, char *out,
	size_t size);
// Whether the request has credentials that answer a challenge with that nonce.
bool digest_verify(const char *request, const char *method, const char *nonce);
