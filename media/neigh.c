#include "neigh.h"

#include "neigh_known.h"
#include "neigh_socket.h"

#include "base/clock.h"
#include "base/log.h"

#include <errno.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <poll.h>
#include <pthread.h>
#include <rte_lcore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

#define NEIGH_LINKS_MAX    256
#define NEIGH_TURN_MS      100             // without an event or a lane's request
#define NEIGH_UPKEEP_NS    NS_PER_S        // reads the marks of use, ends holds
#define NEIGH_REASK_NS     (20 * NS_PER_S) // kernels before 5.16 need reminding
#define NEIGH_REVIEW_NS    (600 * NS_PER_S)
#define NEIGH_UNUSED_NS    (3 * NEIGH_REVIEW_NS)
#define NEIGH_ASK_AGAIN_NS (200 * NS_PER_MS)
#define NEIGH_NICE         (-10)
#define NEIGH_ASKED_SLOTS  64u

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

static void count(uint64_t *counter)
{
	__atomic_store_n(counter, *counter + 1, __ATOMIC_RELAXED);
}

static const char *link_name(const struct neigh *neigh, uint32_t ifindex)
{
	for (uint32_t i = 0; i < neigh->link_count; i++)
		if (neigh->links[i].ifindex == ifindex)
			return neigh->links[i].name;
	return "?";
}

// The interface itself, or the 802.1Q interface over it.
static const struct neigh_link *link_find(const struct neigh *neigh, const char *name, uint16_t vlan)
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

static bool is_ours(const struct neigh *neigh, uint32_t ifindex)
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
		if (!is_ours(neigh, route->hops[i].ifindex))
			continue;
		if (neigh->route_count == NEXTHOP_ROUTES_MAX) {
			count(&neigh->counters.refused);
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
		!is_ours(neigh, entry->ifindex))
		return;
	if (!neigh_known_add(neigh->known, entry->ifindex, &entry->ip, entry->mac))
		count(&neigh->counters.refused);
}

static void report_change(void *context, enum neigh_change change,
	const struct neigh_neighbour *neighbour)
{
	struct neigh *neigh = context;
	const char *interface = link_name(neigh, neighbour->ifindex);
	char ip[ADDR_TEXT_MAX];

	ip_format(&neighbour->ip, ip);
	if (change == NEIGH_LOST) {
		count(&neigh->counters.lost);
		LOG_WARN(NEIGH, "neighbour_lost", "ip=%s interface=%s last_mac_serves_s=%llu", ip,
			interface, (unsigned long long)(NEIGH_HOLD_NS / NS_PER_S));
	} else if (change == NEIGH_EXPIRED) {
		count(&neigh->counters.expired);
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

static void publish(struct neigh *neigh, bool is_forced)
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
	count(&neigh->counters.publications);
	nexthop_table_publish(neigh->table);
}

// Moves lanes' marks of use into the known neighbours, and has the kernel keep these alive.
static void harvest(struct neigh *neigh, uint64_t now_ns)
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

	count(&neigh->counters.dumps);
	return rc;
}

// Dumps what is dirty and publishes. What failed stays dirty for the next turn.
static int rebuild(struct neigh *neigh, uint64_t now_ns)
{
	int rc = 0;

	harvest(neigh, now_ns);
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
	publish(neigh, false);
	return 0;
}

static void note_event(void *context, const struct neigh_message *message)
{
	struct neigh *neigh = context;

	count(&neigh->counters.events);
	if (message->kind == NEIGH_LINK)
		neigh->dirty |= DIRTY_LINKS;
	else if (message->kind == NEIGH_ROUTE)
		neigh->dirty |= DIRTY_ROUTES;
	else if (message->kind == NEIGH_NEIGHBOUR && is_ours(neigh, message->entry.ifindex))
		neigh->dirty |= DIRTY_NEIGHBOURS;
}

// A stream towards a dead host asks with every packet: the kernel hears of it five times a second.
static void serve_requests(struct neigh *neigh, uint64_t now_ns)
{
	struct nexthop_request request;

	while (nexthop_table_take_request(neigh->table, &request)) {
		uint32_t slot = (request.ip.b[15] ^ request.ip.b[7] ^ request.ifindex) &
			(NEIGH_ASKED_SLOTS - 1);

		if (neigh->asked[slot].request.ifindex == request.ifindex &&
			ip_eq(&neigh->asked[slot].request.ip, &request.ip) &&
			now_ns - neigh->asked[slot].at_ns < NEIGH_ASK_AGAIN_NS)
			continue;
		neigh->asked[slot].request = request;
		neigh->asked[slot].at_ns = now_ns;
		count(&neigh->counters.asked);
		neigh_socket_ask(neigh->request_fd, NEIGH_ASK_USE, request.ifindex, &request.ip);
	}
}

// Reminds the kernel of the managed ones, lets go of those that no lane has looked up for long.
static void reask(struct neigh *neigh, uint64_t now_ns)
{
	uint32_t all_count;
	struct neigh_neighbour *all = neigh_known_all(neigh->known, &all_count);

	for (uint32_t i = 0; i < all_count; i++) {
		if (!all[i].is_managed)
			continue;
		if (now_ns - all[i].used_ns < NEIGH_UNUSED_NS) {
			neigh_socket_ask(neigh->request_fd, NEIGH_ASK_MANAGE, all[i].ifindex,
				&all[i].ip);
			continue;
		}
		neigh_socket_ask(neigh->request_fd, NEIGH_ASK_USE, all[i].ifindex, &all[i].ip);
		all[i].is_managed = false;
		all[i].used_ns = 0;
	}
}

static void upkeep(struct neigh *neigh, uint64_t now_ns)
{
	if (now_ns - neigh->upkeep_ns < NEIGH_UPKEEP_NS)
		return;
	neigh->upkeep_ns = now_ns;
	neigh->dirty |= DIRTY_NEIGHBOURS; // ends holds; catches what a subscription might have missed
	if (now_ns - neigh->reask_ns > NEIGH_REASK_NS) {
		neigh->reask_ns = now_ns;
		reask(neigh, now_ns);
	}
	if (now_ns - neigh->review_ns > NEIGH_REVIEW_NS) {
		// A new generation makes lanes look up again everything that they still use.
		neigh->review_ns = now_ns;
		harvest(neigh, now_ns);
		publish(neigh, true);
	}
}

static void turn(struct neigh *neigh)
{
	uint64_t now_ns = clock_mono_ns(), unused;
	int rc;

	if (read(neigh->wake_fd, &unused, sizeof(unused)) < 0 && errno != EAGAIN)
		LOG_WARN(NEIGH, "wake_failed", "errno=%d", errno);
	if (atomic_exchange_explicit(&neigh->has_wishes, false, memory_order_acquire))
		neigh->dirty |= DIRTY_LINKS;
	rc = neigh_socket_drain(neigh->events_fd, note_event, neigh);
	if (rc == -ENOBUFS) {
		count(&neigh->counters.overruns);
		neigh->dirty = DIRTY_ALL;
	}
	serve_requests(neigh, now_ns);
	upkeep(neigh, now_ns);
	if (!neigh->dirty)
		return;
	rc = rebuild(neigh, now_ns);
	if (rc && rc != -EAGAIN)
		LOG_WARN(NEIGH, "dump_failed", "errno=%d", -rc);
}

static void *neigh_thread(void *context)
{
	struct neigh *neigh = context;

	// First packets of calls wait for this thread; on Linux a nice value is the thread's own.
	setpriority(PRIO_PROCESS, 0, NEIGH_NICE);
	while (!atomic_load_explicit(&neigh->is_stopping, memory_order_acquire)) {
		struct pollfd fds[2] = {
			{ .fd = neigh->events_fd, .events = POLLIN },
			{ .fd = neigh->wake_fd, .events = POLLIN },
		};

		poll(fds, 2, NEIGH_TURN_MS);
		turn(neigh);
	}
	return NULL;
}

int neigh_new(struct nexthop_table *table, struct neigh **out)
{
	struct neigh *neigh = calloc(1, sizeof(*neigh));
	int rc = -ENOMEM;

	if (!neigh)
		return -ENOMEM;
	neigh->table = table;
	neigh->events_fd = neigh->request_fd = neigh->wake_fd = -1;
	pthread_mutex_init(&neigh->lock, NULL);
	neigh->routes = calloc(NEXTHOP_ROUTES_MAX, sizeof(*neigh->routes));
	neigh->known = neigh_known_new();
	if (!neigh->routes || !neigh->known)
		goto err;
	rc = neigh->events_fd = neigh_socket_events();
	if (rc < 0)
		goto err;
	rc = neigh->request_fd = neigh_socket_requests();
	if (rc < 0)
		goto err;
	neigh->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	rc = neigh->wake_fd < 0 ? -errno : 0;
	if (rc)
		goto err;
	nexthop_table_set_wake(table, neigh->wake_fd);
	*out = neigh;
	return 0;
err:
	neigh_free(neigh);
	return rc;
}

void neigh_set_egress(struct neigh *neigh, uint16_t media_address, const struct neigh_egress *egress)
{
	struct egress_wish wish = { .is_set = true };
	uint64_t one = 1;

	if (media_address >= SHM_ADDRESS_MAX)
		return;
	wish.egress.port = egress->port;
	wish.egress.vlan = egress->vlan;
	wish.egress.is_fixed = !egress->interface;
	if (egress->interface) {
		snprintf(wish.interface, sizeof(wish.interface), "%s", egress->interface);
	} else {
		wish.egress.mtu = egress->mtu;
		memcpy(wish.egress.own_mac, egress->own_mac, sizeof(wish.egress.own_mac));
		memcpy(wish.egress.fixed_mac, egress->fixed_mac, sizeof(wish.egress.fixed_mac));
	}
	pthread_mutex_lock(&neigh->lock);
	neigh->wishes[media_address] = wish;
	pthread_mutex_unlock(&neigh->lock);
	atomic_store_explicit(&neigh->has_wishes, true, memory_order_release);
	if (write(neigh->wake_fd, &one, sizeof(one)) < 0)
		return; // the counter is full: awake already
}

int neigh_refresh(struct neigh *neigh)
{
	int rc = -EAGAIN;

	neigh->dirty = DIRTY_ALL;
	for (int tries = 0; tries < 5 && rc == -EAGAIN; tries++)
		rc = rebuild(neigh, clock_mono_ns());
	neigh->upkeep_ns = neigh->reask_ns = neigh->review_ns = clock_mono_ns();
	return rc;
}

int neigh_start(struct neigh *neigh)
{
	int rc = rte_ctrl_thread_create(&neigh->thread, "muga-neigh", NULL, neigh_thread, neigh);

	neigh->is_started = !rc;
	return rc;
}

void neigh_counters(const struct neigh *neigh, struct neigh_counters *out)
{
	const uint64_t *from = (const uint64_t *)&neigh->counters;
	uint64_t *to = (uint64_t *)out;

	for (size_t i = 0; i < sizeof(*out) / sizeof(*to); i++)
		to[i] = __atomic_load_n(&from[i], __ATOMIC_RELAXED);
}

void neigh_free(struct neigh *neigh)
{
	if (!neigh)
		return;
	if (neigh->is_started) {
		atomic_store_explicit(&neigh->is_stopping, true, memory_order_release);
		pthread_join(neigh->thread, NULL);
	}
	if (neigh->events_fd >= 0)
		close(neigh->events_fd);
	if (neigh->request_fd >= 0)
		close(neigh->request_fd);
	nexthop_table_set_wake(neigh->table, -1);
	if (neigh->wake_fd >= 0)
		close(neigh->wake_fd);
	pthread_mutex_destroy(&neigh->lock);
	neigh_known_free(neigh->known);
	free(neigh->routes);
	free(neigh);
}
