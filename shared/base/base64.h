// base64.h - RFC 4648 4: bytes to text and back. Pure, any thread.
#pragma once

#include "base/span.h"

#include <stddef.h>
#include <stdint.h>

#define BASE64_BYTES(n) (((n) + 2) / 3 * 4) // of text for n bytes, without a NUL

// Writes BASE64_BYTES(len) characters, padded.
void base64_encode(const uint8_t *bytes, size_t len, char *out);
// Bytes written to `out`, at most `cap`; -EINVAL: another alphabet, or padding that does not fit;
// -ENOSPC. Padding may be left out; bits behind the last byte must be 0.
int base64_decode(struct span text, uint8_t *out, size_t cap);
