// suggest.c - dynamic programming over three rows.
#include "config/suggest.h"

#define WORD_MAX 64u

static uint32_t min3(uint32_t a, uint32_t b, uint32_t c)
{
	uint32_t least = a < b ? a : b;
	return least < c ? least : c;
}

uint32_t suggest_distance(struct span a, struct span b)
{
	uint32_t rows[3][WORD_MAX + 1];
	if (a.len > WORD_MAX || b.len > WORD_MAX)
		return UINT32_MAX;
	for (uint32_t j = 0; j <= b.len; j++)
		rows[0][j] = j;
	for (uint32_t i = 1; i <= a.len; i++) {
		uint32_t *row = rows[i % 3], *above = rows[(i + 2) % 3], *two = rows[(i + 1) % 3];
		row[0] = i;
		for (uint32_t j = 1; j <= b.len; j++) {
			uint32_t cost = a.ptr[i - 1] != b.ptr[j - 1];
			row[j] = min3(above[j] + 1, row[j - 1] + 1, above[j - 1] + cost);
			bool is_swap = i > 1 && j > 1 && a.ptr[i - 1] == b.ptr[j - 2] &&
				a.ptr[i - 2] == b.ptr[j - 1];
			if (is_swap && two[j - 2] + 1 < row[j])
				row[j] = two[j - 2] + 1;
		}
	}
	return rows[a.len % 3][b.len];
}

void suggest_init(struct suggest *suggest, struct span wanted)
{
	// One slip in a short word, two in a middling one, three at most: farther is guessing.
	uint32_t slips = wanted.len < 4 ? 1 : wanted.len < 8 ? 2 : 3;
	*suggest = (struct suggest){ .wanted = wanted, .distance = slips + 1 };
}

void suggest_offer(struct suggest *suggest, struct span candidate)
{
	uint32_t distance = suggest_distance(suggest->wanted, candidate);
	// A word of which nothing is left over is no likely slip ("ip" for "to").
	if (distance >= suggest->distance || distance >= suggest->wanted.len)
		return;
	suggest->best = candidate;
	suggest->distance = distance;
}
