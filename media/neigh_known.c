#include "neigh_known.h"

#include <stdlib.h>
#include <string.h>

struct neigh_known {
	uint32_t count, fresh_count;
	struct neigh_neighbour *all;    // [NEIGH_KNOWN_MAX], sorted
	struct neigh_neighbour *fresh;  // [NEIGH_KNOWN_MAX], of the dump under way
	struct neigh_neighbour *merged; // [NEIGH_KNOWN_MAX], becomes `all`
};

struct neigh_known *neigh_known_new(void)
{
	struct neigh_known *known = calloc(1, sizeof(*known));

	if (!known)
		return NULL;
	known->all = calloc(NEIGH_KNOWN_MAX, sizeof(*known->all));
	known->fresh = calloc(NEIGH_KNOWN_MAX, sizeof(*known->fresh));
	known->merged = calloc(NEIGH_KNOWN_MAX, sizeof(*known->merged));
	if (!known->all || !known->fresh || !known->merged) {
		neigh_known_free(known);
		return NULL;
	}
	return known;
}

void neigh_known_free(struct neigh_known *known)
{
	if (!known)
		return;
	free(known->all);
	free(known->fresh);
	free(known->merged);
	free(known);
}

static int neighbour_compare(const void *left, const void *right)
{
	const struct neigh_neighbour *a = left, *b = right;

	if (a->ifindex != b->ifindex)
		return a->ifindex < b->ifindex ? -1 : 1;
	return memcmp(a->ip.b, b->ip.b, sizeof(a->ip.b));
}

void neigh_known_begin(struct neigh_known *known)
{
	known->fresh_count = 0;
}

bool neigh_known_add(struct neigh_known *known, uint32_t ifindex, const struct ip *ip,
	const uint8_t *mac)
{
	struct neigh_neighbour *neighbour;

	if (known->fresh_count == NEIGH_KNOWN_MAX)
		return false;
	neighbour = &known->fresh[known->fresh_count++];
	*neighbour = (struct neigh_neighbour){ .ifindex = ifindex, .ip = *ip };
	memcpy(neighbour->mac, mac, sizeof(neighbour->mac));
	return true;
}

#define NEIGH_UNCHANGED (-1)

// One neighbour of the result: `fresh` is NULL when the dump lacks it, `old` when it is new.
// Returns enum neigh_change or NEIGH_UNCHANGED.
static int merge_one(const struct neigh_neighbour *old, const struct neigh_neighbour *fresh,
	uint64_t now_ns, struct neigh_neighbour *out)
{
	*out = old ? *old : *fresh;
	if (fresh) {
		memcpy(out->mac, fresh->mac, sizeof(out->mac));
		out->lost_ns = 0;
		return old && !old->lost_ns ? NEIGH_UNCHANGED : NEIGH_FOUND;
	}
	if (!out->lost_ns) {
		out->lost_ns = now_ns;
		return NEIGH_LOST;
	}
	return now_ns - out->lost_ns > NEIGH_HOLD_NS ? NEIGH_EXPIRED : NEIGH_UNCHANGED;
}

void neigh_known_merge(struct neigh_known *known, uint64_t now_ns, neigh_change_fn change,
	void *context)
{
	uint32_t i = 0, j = 0, count = 0;
	struct neigh_neighbour *swap;

	qsort(known->fresh, known->fresh_count, sizeof(*known->fresh), neighbour_compare);
	while ((i < known->count || j < known->fresh_count) && count < NEIGH_KNOWN_MAX) {
		const struct neigh_neighbour *old = i < known->count ? &known->all[i] : NULL;
		const struct neigh_neighbour *fresh =
			j < known->fresh_count ? &known->fresh[j] : NULL;
		int order = !old ? 1 : !fresh ? -1 : neighbour_compare(old, fresh);
		int what;

		old = order <= 0 ? old : NULL;
		fresh = order >= 0 ? fresh : NULL;
		i += old != NULL;
		j += fresh != NULL;
		what = merge_one(old, fresh, now_ns, &known->merged[count]);
		if (what != NEIGH_UNCHANGED && known->merged[count].used_ns)
			change(context, (enum neigh_change)what, &known->merged[count]);
		count += what != NEIGH_EXPIRED;
	}
	swap = known->all;
	known->all = known->merged;
	known->merged = swap;
	known->count = count;
}

struct neigh_neighbour *neigh_known_all(struct neigh_known *known, uint32_t *count)
{
	*count = known->count;
	return known->all;
}

struct neigh_neighbour *neigh_known_find(struct neigh_known *known, uint32_t ifindex,
	const struct ip *ip)
{
	struct neigh_neighbour key = { .ifindex = ifindex, .ip = *ip };

	return bsearch(&key, known->all, known->count, sizeof(*known->all), neighbour_compare);
}
