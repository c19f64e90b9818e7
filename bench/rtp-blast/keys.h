// keys.h - the streams of a blast under keys: SRTP by libsrtp2, an independent implementation.
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum { BLAST_TAG_MAX = 16 };

struct blast_keys;

// Suite and keys (key and salt in base64) as a=crypto writes them: `own` is what this end sends
// under, `border` what it hears under. Numbers stay below 65,536: no rollover is remembered.
// NULL with a message on stderr. Owned; blast_keys_free().
struct blast_keys *blast_keys_new(const char *suite, const char *own, const char *border);
void blast_keys_free(struct blast_keys *keys);
// By which an SRTP packet is longer than what is in it.
uint32_t blast_keys_tag_bytes(const struct blast_keys *keys);
// rtp has room for BLAST_TAG_MAX more. Returns the length of the SRTP packet, 0 = failed.
uint32_t blast_keys_protect(struct blast_keys *keys, uint8_t *rtp, uint32_t len);
// Returns the length of the RTP packet, 0 = not authentic.
uint32_t blast_keys_unprotect(struct blast_keys *keys, uint8_t *srtp, uint32_t len);
