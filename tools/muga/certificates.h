// certificates.h - the files that TLS needs, as muga check sees them.
#pragma once

#include "tls/tls_files.h"

#include <stdbool.h>
#include <stdint.h>

#define CERTIFICATE_KEY_MAX 64u

struct certificate_finding {
	bool is_mistake;               // muga-signaling would not start; else a warning
	char key[CERTIFICATE_KEY_MAX]; // "realms.public.sip[2]", "trunks.carrier.tls"
	char message[TLS_ERROR_MAX];
};

struct config;

// Up to `max` findings, returns how many. None: all is well for 30 days at least.
uint32_t certificates_check(const struct config *config, struct certificate_finding *findings,
	uint32_t max);
