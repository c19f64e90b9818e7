// generate.h - SIP messages from a seed: valid ones in many spellings, and the same with one thing
// broken. For the comparison of parsers (differential.c).
#pragma once

#include "base/rng.h"
#include "base/span.h"

#define GENERATE_MAX 4096u

// A valid message by RFC 3261 25 into `buf` of GENERATE_MAX bytes.
struct span generate_valid(struct rng *rng, char *buf);
// Changes one to three places of `message` in `buf` of GENERATE_MAX bytes; maybe it stays valid.
struct span generate_mutated(struct rng *rng, struct span message, char *buf);
