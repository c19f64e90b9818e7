// suggest.h - "did you mean": the nearest of a few known words. Any thread, pure.
#pragma once

#include "base/span.h"

// Edit distance with swaps of neighbours (optimal string alignment), or UINT32_MAX when either word
// has more than 64 bytes.
uint32_t suggest_distance(struct span a, struct span b);

// Feeds candidates one by one and keeps the nearest.
struct suggest {
	struct span wanted;
	struct span best;   // empty = nothing near enough
	uint32_t distance;
};

void suggest_init(struct suggest *suggest, struct span wanted);
void suggest_offer(struct suggest *suggest, struct span candidate);
