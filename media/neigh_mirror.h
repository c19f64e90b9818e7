// neigh_mirror.h - what neigh.c and neigh_mirror.c share: the thread with its wishes, and the
// mirror itself.
#pragma once

#include "neigh.h"
#include "neigh_known.h"
#include "neigh_socket.h"

#include <net/if.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#define NEIGH_LINKS_MAX   256
#define NEIGH_ASKED_SLOTS 64u

enum { DIRTY_LINKS = 1, DIRTY_ROUTES = 2, DIRTY_NEIGHBOURS = 4, DIRTY_ALL = 7 };

struct egress_wish {
	bool is_set;
	char interface[IF_NAMESIZE]; // empty: fixed
	struct nexthop_egress egress;
};

struct neigh {
	struct nexthop_table *table;
	int events_fd, request_fd, wake_fd;
	pthread_t thread;
	bool is_started;
	_Atomic bool is_stopping;

	_Atomic bool has_wishes; // wishes[] changed
	pthread_mutex_t lock;    // protects wishes[]
	struct egress_wish wishes[SHM_ADDRESS_MAX];

	// neighbour thread only
	uint32_t dirty;
	uint32_t link_count;
	struct neigh_link links[NEIGH_LINKS_MAX];
	uint32_t route_count;
	struct nexthop_route *routes; // [NEXTHOP_ROUTES_MAX], those of our interfaces
	struct neigh_known *known;
	struct nexthop_egress egress[SHM_ADDRESS_MAX];
	uint64_t digest;              // of what was published last
	uint64_t upkeep_ns, reask_ns, review_ns;
	struct {
		struct nexthop_request request;
		uint64_t at_ns;
	} asked[NEIGH_ASKED_SLOTS];
	struct neigh_counters counters; // each word is whole; readers see them relaxed
};

// Neighbour thread only, or before it starts.

static inline void neigh_count(uint64_t *counter)
{
	__atomic_store_n(counter, *counter + 1, __ATOMIC_RELAXED);
}

// Whether packets leave by that interface.
bool neigh_mirror_has(const struct neigh *neigh, uint32_t ifindex);
// Dumps what is dirty and publishes. What failed stays dirty for the next turn. 0 or -errno.
int neigh_mirror_rebuild(struct neigh *neigh, uint64_t now_ns);
// Moves lanes' marks of use into the known neighbours, and has the kernel keep these alive.
void neigh_mirror_harvest(struct neigh *neigh, uint64_t now_ns);
// Gives lanes a new snapshot if it differs from the last one, or in any case.
void neigh_mirror_publish(struct neigh *neigh, bool is_forced);
