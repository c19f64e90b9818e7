// peer.h - the same packets through libsrtp2, as Debian packages it.
#pragma once

#include "proto/srtp.h"

#include <stdint.h>

// Dies when libsrtp2 refuses. `sessions` sessions that protect, as many that unprotect.
void peer_fill(uint32_t sessions, enum srtp_suite suite);
void peer_clear(void);
// TSC cycles for protecting one packet of each of `count` sessions in turn.
uint64_t peer_protect(uint32_t count);
// The same for what the last peer_protect() has made.
uint64_t peer_unprotect(uint32_t count);
