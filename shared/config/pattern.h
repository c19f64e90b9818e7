// pattern.h - regular expressions of the configuration (Perl syntax), with bounded cost.
//
// Compiled once into the configuration's arena, then immutable: any thread matches. A match takes
// at most PATTERN_STEPS_MAX steps, so no text that a peer sends can make one expensive.
#pragma once

#include "base/arena.h"
#include "base/span.h"

#define PATTERN_TEXT_MAX  256u   // bytes of an expression
#define PATTERN_STEPS_MAX 10000u // of the matcher, about a millisecond
#define PATTERN_GROUPS    10u    // \0 (all that matched) to \9

struct pattern;

// Compiles. 0, -EINVAL with the reason in `why`, or -ENOMEM.
#define PATTERN_WHY_MAX 120u
int pattern_new(struct arena *arena, struct span text, struct pattern **out,
	char why[PATTERN_WHY_MAX]);

// 1: somewhere in `subject`; 0: nowhere; -E2BIG: given up after PATTERN_STEPS_MAX steps.
int pattern_match(const struct pattern *pattern, struct span subject);

// Whether every \N of a replacement names a group that the pattern has.
bool pattern_covers(const struct pattern *pattern, struct span replacement);

// Writes `subject` with the first match replaced. In `replacement`, \0 is what matched, \1 to \9
// are its groups, \\ is a backslash. 1: replaced, *out lies in buf; 0: no match; -E2BIG as above;
// -ENOSPC: it does not fit `cap` bytes.
struct pattern_buffer {
	char *buf;
	uint32_t cap;
};
int pattern_replace(const struct pattern *pattern, struct span subject, struct span replacement,
	struct pattern_buffer room, struct span *out);
// Likewise, but only the replacement, without what stands around the match.
int pattern_expand(const struct pattern *pattern, struct span subject, struct span replacement,
	struct pattern_buffer room, struct span *out);
