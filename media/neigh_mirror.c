// neigh_mirror.c - dumps of the kernel's links, routes and neighbours, made into the snapshot that
// lanes read.
#include "neigh_mirror.h"

#include "base/clock.h"
#include "base/log.h"

#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <string.h>

static const char *link_name(const struct neigh *neigh, uint32_t ifindex)
{
	for (uint32_t i = 0; i < neigh->link_count; i++)
		if (neigh->links[i].ifindex == ifindex)
			return neigh->links[i].name;
	return "?";
}

// The interface itself, or the 802.1Q interface over it.
static const struct neigh_link *link_find(
	const struct neigh *neigh, const char *name, uint16_t vlan)
{
	const struct neigh_link *base = NULL;

	for (uint32_t i = 0; i < neigh->link_count; i++)
		if (!strcmp(neigh->links[i].name, name))
			base = &neigh->links[i];
	if (!base || !vlan)
		return base;
	for (uint32_t i = 0; i < neigh->link_count; i++)
		if (neigh->links[i].parent == base->ifindex && neigh->links[i].vlan == vlan)
			return &neigh->links[i];
	return NULL;
}

bool neigh_mirror_has(const struct neigh *neigh, uint32_t ifindex)
{
	for (uint32_t a = 0; a < SHM_ADDRESS_MAX; a++)
		if (neigh->egress[a].ifindex == ifindex)
			return ifindex != 0;
	return false;
}

static void collect_link(void *context, const struct neigh_message *message)
{
	struct neigh *neigh = context;

	if (message->kind == NEIGH_LINK && neigh->link_count < NEIGH_LINKS_MAX)
		neigh->links[neigh->link_count++] = message->link;
}

// Between tables the main one wins, then the metric decides.
static uint32_t route_rank(const struct neigh_route *route)
{
	uint32_t metric = route->metric < INT32_MAX ? route->metric : INT32_MAX;

	return route->table == RT_TABLE_MAIN ? metric : metric | 1u << 31;
}

static void collect_route(void *context, const struct neigh_message *message)
{
	struct neigh *neigh = context;
	const struct neigh_route *route = &message->route;

	// The local table holds our own and broadcast addresses: nothing of it leaves.
	if (message->kind != NEIGH_ROUTE || !route->is_unicast || route->table == RT_TABLE_LOCAL)
		return;
	for (uint32_t i = 0; i < route->hop_count; i++) {
		if (!neigh_mirror_has(neigh, route->hops[i].ifindex))
			continue;
		if (neigh->route_count == NEXTHOP_ROUTES_MAX) {
			neigh_count(&neigh->counters.refused);
			return;
		}
		neigh->routes[neigh->route_count++] = (struct nexthop_route){
			.ifindex = route->hops[i].ifindex,
			.metric = route_rank(route),
			.prefix = route->prefix,
			.gateway = route->hops[i].gateway,
		};
	}
}

static void collect_neighbour(void *context, const struct neigh_message *message)
{
	struct neigh *neigh = context;
	const struct neigh_entry *entry = &message->entry;
	const uint16_t resolved = NUD_REACHABLE | NUD_STALE | NUD_DELAY | NUD_PROBE | NUD_PERMANENT;

	if (message->kind != NEIGH_NEIGHBOUR || !entry->has_mac || !(entry->state & resolved) ||
		!neigh_mirror_has(neigh, entry->ifindex))
		return;
	if (!neigh_known_add(neigh->known, entry->ifindex, &entry->ip, entry->mac))
		neigh_count(&neigh->counters.refused);
}

static void report_change(void *context, enum neigh_change change,
	const struct neigh_neighbour *neighbour)
{
	struct neigh *neigh = context;
	const char *interface = link_name(neigh, neighbour->ifindex);
	char ip[ADDR_TEXT_MAX];

	ip_format(&neighbour->ip, ip);
	if (change == NEIGH_LOST) {
		neigh_count(&neigh->counters.lost);
		LOG_WARN(NEIGH, "neighbour_lost", "ip=%s interface=%s last_mac_serves_s=%llu", ip,
			interface, (unsigned long long)(NEIGH_HOLD_NS / NS_PER_S));
	} else if (change == NEIGH_EXPIRED) {
		neigh_count(&neigh->counters.expired);
		LOG_WARN(NEIGH, "neighbour_expired", "ip=%s interface=%s", ip, interface);
	} else {
		LOG_INFO(NEIGH, "neighbour_found", "ip=%s interface=%s", ip, interface);
	}
}

// Resolves the wishes against the links. True when any answer changed.
static bool egress_resolve(struct neigh *neigh)
{
	bool is_changed = false;

	pthread_mutex_lock(&neigh->lock);
	for (uint32_t a = 0; a < SHM_ADDRESS_MAX; a++) {
		const struct egress_wish *wish = &neigh->wishes[a];
		struct nexthop_egress egress = wish->egress;
		const struct neigh_link *link = NULL;

		if (wish->is_set && !egress.is_fixed)
			link = link_find(neigh, wish->interface, egress.vlan);
		if (link && link->is_up && link->has_mac) {
			egress.ifindex = link->ifindex;
			egress.mtu = link->mtu > UINT16_MAX ? UINT16_MAX : (uint16_t)link->mtu;
			memcpy(egress.own_mac, link->mac, sizeof(egress.own_mac));
		}
		is_changed |= memcmp(&egress, &neigh->egress[a], sizeof(egress)) != 0;
		neigh->egress[a] = egress;
	}
	pthread_mutex_unlock(&neigh->lock);
	return is_changed;
}

// FNV-1a; a change of state alone (REACHABLE to STALE) must not expire every header of every lane.
static uint64_t digest_add(uint64_t digest, const void *bytes, size_t len)
{
	const uint8_t *at = bytes;

	for (size_t i = 0; i < len; i++)
		digest = (digest ^ at[i]) * 0x100000001b3ull;
	return digest;
}

void neigh_mirror_publish(struct neigh *neigh, bool is_forced)
{
	struct nexthop_snapshot *edit = nexthop_table_edit(neigh->table);
	uint64_t digest = 0xcbf29ce484222325ull;
	uint32_t all_count;
	const struct neigh_neighbour *all = neigh_known_all(neigh->known, &all_count);

	memcpy(edit->egress, neigh->egress, sizeof(edit->egress));
	digest = digest_add(digest, edit->egress, sizeof(edit->egress));
	memcpy(edit->routes, neigh->routes, neigh->route_count * sizeof(edit->routes[0]));
	edit->route_count = neigh->route_count;
	digest = digest_add(digest, edit->routes, edit->route_count * sizeof(edit->routes[0]));
	edit->neighbour_count = 0;
	for (uint32_t i = 0; i < all_count && i < NEXTHOP_NEIGHBOURS_MAX; i++) {
		struct nexthop_neighbour *out = &edit->neighbours[edit->neighbour_count++];

		out->ifindex = all[i].ifindex;
		out->ip = all[i].ip;
		memcpy(out->mac, all[i].mac, sizeof(out->mac));
		atomic_store_explicit(&out->is_used, 0, memory_order_relaxed);
		digest = digest_add(digest, &out->ip, sizeof(out->ip));
		digest = digest_add(digest, &out->ifindex, sizeof(out->ifindex));
		digest = digest_add(digest, out->mac, sizeof(out->mac));
	}
	if (digest == neigh->digest && !is_forced)
		return;
	neigh->digest = digest;
	neigh_count(&neigh->counters.publications);
	nexthop_table_publish(neigh->table);
}

void neigh_mirror_harvest(struct neigh *neigh, uint64_t now_ns)
{
	struct nexthop_snapshot *current = nexthop_table_current(neigh->table);

	for (uint32_t i = 0; i < current->neighbour_count; i++) {
		struct nexthop_neighbour *at = &current->neighbours[i];
		struct neigh_neighbour *known;

		if (!atomic_load_explicit(&at->is_used, memory_order_relaxed))
			continue;
		known = neigh_known_find(neigh->known, at->ifindex, &at->ip);
		if (!known)
			continue;
		known->used_ns = now_ns;
		if (!known->is_managed)
			known->is_managed = !neigh_socket_ask(neigh->request_fd, NEIGH_ASK_MANAGE,
				at->ifindex, &at->ip);
	}
}

static int dump(struct neigh *neigh, uint16_t type, neigh_message_fn each)
{
	int rc = neigh_socket_dump(neigh->request_fd, type, each, neigh);

	neigh_count(&neigh->counters.dumps);
	return rc;
}

int neigh_mirror_rebuild(struct neigh *neigh, uint64_t now_ns)
{
	int rc = 0;

	neigh_mirror_harvest(neigh, now_ns);
	if (neigh->dirty & DIRTY_LINKS) {
		neigh->link_count = 0;
		rc = dump(neigh, RTM_GETLINK, collect_link);
		if (rc)
			return rc;
		neigh->dirty &= ~(uint32_t)DIRTY_LINKS;
	}
	if (egress_resolve(neigh))
		neigh->dirty |= DIRTY_ROUTES | DIRTY_NEIGHBOURS;
	if (neigh->dirty & DIRTY_ROUTES) {
		neigh->route_count = 0;
		rc = dump(neigh, RTM_GETROUTE, collect_route);
		if (rc)
			return rc;
		neigh->dirty &= ~(uint32_t)DIRTY_ROUTES;
	}
	if (neigh->dirty & DIRTY_NEIGHBOURS) {
		neigh_known_begin(neigh->known);
		rc = dump(neigh, RTM_GETNEIGH, collect_neighbour);
		if (rc)
			return rc;
		neigh_known_merge(neigh->known, now_ns, report_change, neigh);
		neigh->dirty &= ~(uint32_t)DIRTY_NEIGHBOURS;
	}
	neigh_mirror_publish(neigh, false);
	return 0;
}
