#include "nexthop_table.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <urcu-qsbr.h>

#define REQUEST_SLOTS 256u // power of two

enum request_state { REQUEST_EMPTY, REQUEST_WRITING, REQUEST_FULL };

// A place for one wish: its state passes the ownership of the rest between lanes and control
// thread.
struct request_slot {
	_Atomic uint32_t state; // enum request_state
	struct nexthop_request request;
};

struct nexthop_table {
	struct nexthop_snapshot *current; // writer: control thread, readers: lanes (RCU)
	struct nexthop_snapshot *spare;   // control thread only
	_Atomic uint32_t generation;      // writer: control thread, readers: lanes
	uint32_t take_next;               // control thread only
	int wake_fd;                      // set before lanes start, -1 = none
	struct request_slot requests[REQUEST_SLOTS];
};

struct nexthop_table *nexthop_table_new(void)
{
	struct nexthop_table *table = calloc(1, sizeof(*table));

	if (!table)
		return NULL;
	table->current = calloc(1, sizeof(*table->current));
	table->spare = calloc(1, sizeof(*table->spare));
	if (!table->current || !table->spare) {
		nexthop_table_free(table);
		return NULL;
	}
	atomic_init(&table->generation, 1);
	table->wake_fd = -1;
	return table;
}

void nexthop_table_free(struct nexthop_table *table)
{
	if (!table)
		return;
	free(table->current);
	free(table->spare);
	free(table);
}

void nexthop_table_set_wake(struct nexthop_table *table, int fd)
{
	table->wake_fd = fd;
}

struct nexthop_snapshot *nexthop_table_edit(struct nexthop_table *table)
{
	return table->spare;
}

struct nexthop_snapshot *nexthop_table_current(const struct nexthop_table *table)
{
	return table->current;
}

// Longest prefix first within an interface, then by address, then the better metric.
static int route_compare(const void *left, const void *right)
{
	const struct nexthop_route *a = left, *b = right;
	int order;

	if (a->ifindex != b->ifindex)
		return a->ifindex < b->ifindex ? -1 : 1;
	if (a->prefix.bits != b->prefix.bits)
		return a->prefix.bits > b->prefix.bits ? -1 : 1;
	order = memcmp(a->prefix.ip.b, b->prefix.ip.b, sizeof(a->prefix.ip.b));
	if (order)
		return order;
	return a->metric < b->metric ? -1 : a->metric > b->metric;
}

static int neighbour_compare(const void *left, const void *right)
{
	const struct nexthop_neighbour *a = left, *b = right;

	if (a->ifindex != b->ifindex)
		return a->ifindex < b->ifindex ? -1 : 1;
	return memcmp(a->ip.b, b->ip.b, sizeof(a->ip.b));
}

void nexthop_table_publish(struct nexthop_table *table)
{
	struct nexthop_snapshot *fresh = table->spare;
	uint32_t next = atomic_load_explicit(&table->generation, memory_order_relaxed) + 1;

	qsort(fresh->routes, fresh->route_count, sizeof(fresh->routes[0]), route_compare);
	qsort(fresh->neighbours, fresh->neighbour_count, sizeof(fresh->neighbours[0]),
		neighbour_compare);
	table->spare = rcu_xchg_pointer(&table->current, fresh);
	// release: a lane that sees this generation also sees the snapshot (nexthop_generation()).
	atomic_store_explicit(&table->generation, next ? next : 1, memory_order_release);
	synchronize_rcu();
}

uint32_t nexthop_generation(const struct nexthop_table *table)
{
	// acquire: pairs with the release in nexthop_table_publish()
	return atomic_load_explicit(&table->generation, memory_order_acquire);
}

static struct ip ip_masked(const struct ip *ip, uint8_t bits)
{
	struct ip out = *ip;
	uint32_t whole = bits / 8;

	if (whole < sizeof(out.b)) {
		out.b[whole] &= (uint8_t)(0xff00 >> (bits % 8));
		memset(&out.b[whole + 1], 0, sizeof(out.b) - whole - 1);
	}
	return out;
}

// First route at or after `key` in sort order; a metric of 0 finds the best of equal prefixes.
static uint32_t route_lower_bound(const struct nexthop_snapshot *snapshot,
	const struct nexthop_route *key)
{
	uint32_t low = 0, high = snapshot->route_count;

	while (low < high) {
		uint32_t middle = (low + high) / 2;

		if (route_compare(&snapshot->routes[middle], key) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

// Jumps from one prefix length that exists on the interface to the next shorter one, so the work is
// the number of lengths in use times the logarithm of the number of routes.
static const struct nexthop_route *route_find(const struct nexthop_snapshot *snapshot,
	uint32_t ifindex, const struct ip *dst)
{
	struct nexthop_route key = { .ifindex = ifindex };
	int shortest = ip_is_v4(dst) ? 96 : 0;
	int bits = 128;

	while (bits >= shortest) {
		const struct nexthop_route *found;
		uint32_t at;

		key.prefix.bits = (uint8_t)bits;
		key.prefix.ip = ip_masked(dst, (uint8_t)bits);
		at = route_lower_bound(snapshot, &key);
		if (at == snapshot->route_count || snapshot->routes[at].ifindex != ifindex)
			return NULL;
		found = &snapshot->routes[at];
		if (found->prefix.bits < bits) {
			bits = found->prefix.bits;
			continue;
		}
		if (ip_eq(&found->prefix.ip, &key.prefix.ip))
			return found;
		bits--;
	}
	return NULL;
}

static struct nexthop_neighbour *neighbour_find(struct nexthop_snapshot *snapshot,
	uint32_t ifindex, const struct ip *ip)
{
	struct nexthop_neighbour key = { .ifindex = ifindex, .ip = *ip };

	return bsearch(&key, snapshot->neighbours, snapshot->neighbour_count,
		sizeof(snapshot->neighbours[0]), neighbour_compare);
}

// Lanes share a const table, but the request slots are made for writing by all of them.
static void request_put(const struct nexthop_table *table, uint32_t ifindex, const struct ip *ip)
{
	struct nexthop_table *shared = (struct nexthop_table *)(uintptr_t)table;
	uint64_t words[2];
	struct request_slot *slot;
	uint32_t expected = REQUEST_EMPTY;
	uint64_t one = 1;

	memcpy(words, ip->b, sizeof(words));
	words[0] = (words[0] ^ ifindex) * 0x9e3779b97f4a7c15ull + words[1];
	words[0] *= 0xff51afd7ed558ccdull;
	slot = &shared->requests[words[0] >> 56 & (REQUEST_SLOTS - 1)];
	// acquire: pairs with the release that emptied the slot
	if (!atomic_compare_exchange_strong_explicit(&slot->state, &expected, REQUEST_WRITING,
		    memory_order_acquire, memory_order_relaxed))
		return; // asked already, or a neighbour in the slot: the next packet asks again
	slot->request.ifindex = ifindex;
	slot->request.ip = *ip;
	// release: pairs with the acquire in nexthop_table_take_request()
	atomic_store_explicit(&slot->state, REQUEST_FULL, memory_order_release);
	// Non-blocking, and at most once for each time the control thread has emptied the slot.
	if (table->wake_fd >= 0 && write(table->wake_fd, &one, sizeof(one)) < 0)
		return; // the counter is full: awake already
}

bool nexthop_table_take_request(struct nexthop_table *table, struct nexthop_request *out)
{
	for (uint32_t tried = 0; tried < REQUEST_SLOTS; tried++) {
		struct request_slot *slot = &table->requests[table->take_next];

		table->take_next = (table->take_next + 1) & (REQUEST_SLOTS - 1);
		if (atomic_load_explicit(&slot->state, memory_order_acquire) != REQUEST_FULL)
			continue;
		*out = slot->request;
		atomic_store_explicit(&slot->state, REQUEST_EMPTY, memory_order_release);
		return true;
	}
	return false;
}

static void answer(struct nexthop *out, const struct nexthop_egress *egress, const uint8_t *mac,
	uint32_t generation)
{
	memcpy(out->mac, mac, sizeof(out->mac));
	memcpy(out->own_mac, egress->own_mac, sizeof(out->own_mac));
	out->port = egress->port;
	out->vlan = egress->vlan;
	out->mtu = egress->mtu;
	out->generation = generation;
}

bool nexthop_lookup(const struct nexthop_table *table, uint16_t media_address, const struct ip *dst,
	struct nexthop *out)
{
	// The generation first: if the snapshot is newer than it, the answer merely expires early.
	uint32_t generation = nexthop_generation(table);
	struct nexthop_snapshot *snapshot = rcu_dereference(table->current);
	const struct nexthop_egress *egress;
	const struct nexthop_route *route;
	struct nexthop_neighbour *neighbour;
	const struct ip *hop;

	if (media_address >= SHM_ADDRESS_MAX)
		return false;
	egress = &snapshot->egress[media_address];
	if (egress->is_fixed) {
		answer(out, egress, egress->fixed_mac, generation);
		return true;
	}
	route = egress->ifindex ? route_find(snapshot, egress->ifindex, dst) : NULL;
	if (!route)
		return false;
	hop = ip_is_unset(&route->gateway) ? dst : &route->gateway;
	neighbour = neighbour_find(snapshot, egress->ifindex, hop);
	if (!neighbour) {
		request_put(table, egress->ifindex, hop);
		return false;
	}
	if (!atomic_load_explicit(&neighbour->is_used, memory_order_relaxed))
		atomic_store_explicit(&neighbour->is_used, 1, memory_order_relaxed);
	answer(out, egress, neighbour->mac, generation);
	return true;
}
