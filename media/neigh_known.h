// neigh_known.h - the neighbours that we know, and the last MAC of those that the kernel has lost.
//
// A neighbour that fails keeps its last MAC for NEIGH_HOLD_NS: a missed ARP answer must not cut
// calls. Pure: a sorted array merged with each dump. Neighbour thread only. Allocates in
// neigh_known_new() only.
#pragma once

#include "base/addr.h"

#include <stdbool.h>
#include <stdint.h>

#define NEIGH_KNOWN_MAX 16384
#define NEIGH_HOLD_NS   (30ull * 1000000000ull)

struct neigh_neighbour {
	uint32_t ifindex;
	struct ip ip;
	uint8_t mac[6];
	bool is_managed;   // we asked the kernel to keep it resolved
	uint64_t lost_ns;  // when the kernel lost it, 0 = alive
	uint64_t used_ns;  // when a lane last looked it up, 0 = never
};

enum neigh_change {
	NEIGH_FOUND,   // new, or alive again after a loss
	NEIGH_LOST,    // its last MAC serves on
	NEIGH_EXPIRED, // gone for longer than NEIGH_HOLD_NS: removed
};

// Called for each change of a neighbour that lanes have used. Borrowed for the call.
typedef void (*neigh_change_fn)(void *context, enum neigh_change change,
	const struct neigh_neighbour *neighbour);

struct neigh_known;

struct neigh_known *neigh_known_new(void);
void neigh_known_free(struct neigh_known *known);

// A dump: begin, add each resolved neighbour in any order, merge.
void neigh_known_begin(struct neigh_known *known);
// False: NEIGH_KNOWN_MAX reached.
bool neigh_known_add(struct neigh_known *known, uint32_t ifindex, const struct ip *ip,
	const uint8_t *mac);
void neigh_known_merge(struct neigh_known *known, uint64_t now_ns, neigh_change_fn change,
	void *context);

// Sorted by interface and address. Borrowed until the next merge.
struct neigh_neighbour *neigh_known_all(struct neigh_known *known, uint32_t *count);
struct neigh_neighbour *neigh_known_find(struct neigh_known *known, uint32_t ifindex,
	const struct ip *ip);
