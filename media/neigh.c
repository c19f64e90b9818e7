#include "neigh_mirror.h"

#include "base/clock.h"
#include "base/log.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <rte_lcore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

#define NEIGH_TURN_MS      100             // without an event or a lane's request
#define NEIGH_UPKEEP_NS    NS_PER_S        // reads the marks of use, ends holds
#define NEIGH_REASK_NS     (20 * NS_PER_S) // kernels before 5.16 need reminding
#define NEIGH_REVIEW_NS    (600 * NS_PER_S)
#define NEIGH_UNUSED_NS    (3 * NEIGH_REVIEW_NS)
#define NEIGH_ASK_AGAIN_NS (200 * NS_PER_MS)
#define NEIGH_NICE         (-10)

static void note_event(void *context, const struct neigh_message *message)
{
	struct neigh *neigh = context;

	neigh_count(&neigh->counters.events);
	if (message->kind == NEIGH_LINK)
		neigh->dirty |= DIRTY_LINKS;
	else if (message->kind == NEIGH_ROUTE)
		neigh->dirty |= DIRTY_ROUTES;
	else if (message->kind == NEIGH_NEIGHBOUR &&
		neigh_mirror_has(neigh, message->entry.ifindex))
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
		neigh_count(&neigh->counters.asked);
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
	// ends holds; catches what a subscription might have missed
	neigh->dirty |= DIRTY_NEIGHBOURS;
	if (now_ns - neigh->reask_ns > NEIGH_REASK_NS) {
		neigh->reask_ns = now_ns;
		reask(neigh, now_ns);
	}
	if (now_ns - neigh->review_ns > NEIGH_REVIEW_NS) {
		// A new generation makes lanes look up again everything that they still use.
		neigh->review_ns = now_ns;
		neigh_mirror_harvest(neigh, now_ns);
		neigh_mirror_publish(neigh, true);
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
		neigh_count(&neigh->counters.overruns);
		neigh->dirty = DIRTY_ALL;
	}
	serve_requests(neigh, now_ns);
	upkeep(neigh, now_ns);
	if (!neigh->dirty)
		return;
	rc = neigh_mirror_rebuild(neigh, now_ns);
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

void neigh_set_egress(
	struct neigh *neigh, uint16_t media_address, const struct neigh_egress *egress)
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
		rc = neigh_mirror_rebuild(neigh, clock_mono_ns());
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
