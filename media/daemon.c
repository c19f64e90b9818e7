#include "daemon.h"

#include "addresses.h"
#include "crypto.h"
#include "eal.h"
#include "guard.h"
#include "lane_run.h"
#include "neigh.h"
#include "port.h"
#include "recorder.h"
#include "segments.h"
#include "slow.h"
#include "telemetry_dpdk.h"

#include "base/clock.h"
#include "base/log.h"
#include "shm/latency.h"

#include <errno.h>
#include <rte_cycles.h>
#include <rte_launch.h>
#include <rte_lcore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define TURN_MS          100   // heartbeat, and how soon a new address or file is seen
#define WAIT_MS          50    // between two looks for signaling's file
#define SWEEP_WAIT_MS    300u  // for a look at the flows that are there at start
#define WAIT_LOG_NS      (5 * NS_PER_S)
#define GUARD_REQUIRED(kind) ((kind) == CONFIG_PORT_PACKET)

struct media {
	const struct config *config;
	struct segments segments;
	struct rte_mempool *pool;
	uint32_t port_count;
	struct port ports[CONFIG_DEVICES_MAX];
	bool is_eal_up, is_guarded;
	struct nexthop_table *nexthops;
	struct neigh *neigh;
	uint32_t lanes;
	struct crypto crypto;
	struct slow *slow;
	struct recorder *recorder;
	struct lane_runner *runners;
	struct addresses addresses;
	uint32_t map_current;
	struct address_map maps[2]; // one with the lanes, one to build
};

static void stop_set(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGTERM);
	sigaddset(set, SIGINT);
}

void daemon_block_signals(void)
{
	sigset_t set;

	stop_set(&set);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
}

// Sleeps; true when somebody wants us to stop.
static bool stop_wait(uint32_t ms)
{
	struct timespec time = { .tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000 };
	sigset_t set;

	stop_set(&set);
	return sigtimedwait(&set, NULL, &time) > 0;
}

// -ECANCELED: asked to stop meanwhile. Errors that time may heal are waited out.
static int wait_for_segments(struct media *media)
{
	uint64_t told_ns = 0;

	for (;;) {
		int rc = segments_open(&media->segments, media->config->shm_dir, media->lanes);

		if (rc == -EBUSY)
			LOG_ERROR(SHM, "another_instance",
				"dir=%s reason=\"another muga-media holds the "
				"lock on media.seg\"",
				media->config->shm_dir);
		if (!rc || rc == -EBUSY || rc == -ENOMEM)
			return rc;
		if (!told_ns || clock_mono_ns() - told_ns > WAIT_LOG_NS) {
			told_ns = clock_mono_ns();
			LOG_INFO(SHM, "waiting_for_signaling", "dir=%s reason=\"%s\"",
				media->config->shm_dir, rc == -ERANGE ?
				"signaling was configured for fewer lanes" : strerror(-rc));
		}
		if (stop_wait(WAIT_MS))
			return -ECANCELED;
	}
}

static int open_ports(struct media *media)
{
	uint16_t queues[CONFIG_DEVICES_MAX];
	uint32_t total = 0;

	for (uint32_t d = 0; d < media->config->device_count; d++) {
		const struct config_device *device = &media->config->devices[d];
		int rc = port_queues(device, media->lanes);

		if (rc < 0) {
			LOG_ERROR(PORT, "port_refused",
				"device=%s interface=%s lanes=%u reason=\"%s\"", device->name,
				device->interface ? device->interface : "-", media->lanes,
				rc == -ENOSPC ? "fewer queues than lanes: see ethtool -L" :
						strerror(-rc));
			return rc;
		}
		queues[d] = (uint16_t)rc;
		total += queues[d];
	}
	media->pool = eal_pool_new(total);
	if (!media->pool)
		return -ENOMEM;
	for (uint32_t d = 0; d < media->config->device_count; d++) {
		int rc = port_open(
			&media->ports[d], &media->config->devices[d], queues[d], media->pool);

		if (rc)
			return rc;
		media->port_count++;
	}
	return 0;
}

static int raise_guard(struct media *media)
{
	bool is_needed = false, is_required = false;
	int rc;

	for (uint32_t d = 0; d < media->config->device_count; d++) {
		is_needed |= port_has_interface(media->config->devices[d].kind);
		is_required |= GUARD_REQUIRED(media->config->devices[d].kind);
	}
	if (!is_needed)
		return 0;
	rc = guard_install(media->config);
	media->is_guarded = rc == 0;
	if (rc && !is_required) {
		LOG_WARN(PORT, "no_guard",
			"reason=\"no nftables: while muga-media starts the kernel may "
			"answer media with ICMP\"");
		return 0;
	}
	return rc;
}

static void wire_lanes(struct media *media)
{
	for (uint32_t l = 0; l < media->lanes; l++)
		media->runners[l].lane.nexthops = media->nexthops;
	for (uint32_t p = 0; p < media->port_count; p++) {
		const struct port *port = &media->ports[p];
		bool is_trusted = port->device->checksum == CONFIG_CHECKSUM_TRUSTED;

		for (uint16_t q = 0; q < port->queues; q++) {
			struct lane_rx rx = { .port = (uint16_t)p, .id = port->id, .queue = q,
				.is_kernel_copied = port->device->kind == CONFIG_PORT_PACKET };

			lane_runner_add_rx(&media->runners[q % media->lanes], &rx);
		}
		for (uint32_t l = 0; l < media->lanes; l++) {
			struct lane_tx tx = { .id = port->id, .queue = (uint16_t)l };

			lane_runner_add_tx(&media->runners[l], (uint16_t)p, &tx, is_trusted);
		}
	}
}

static void tell_neigh(struct media *media, const struct address_entry *entry)
{
	static const uint8_t laboratory_mac[6] = { 0x02, 0, 0, 0, 0, 1 };
	const struct config_device *device = &media->config->devices[entry->rx_port];
	const struct port *port = &media->ports[entry->rx_port];
	struct neigh_egress egress = {
		.port = entry->rx_port, .vlan = entry->vlan, .mtu = port->mtu
	};

	if (port_has_interface(device->kind))
		egress.interface = device->interface;
	memcpy(egress.own_mac, port->mac, sizeof(egress.own_mac));
	memcpy(egress.fixed_mac, laboratory_mac, sizeof(egress.fixed_mac));
	neigh_set_egress(media->neigh, entry->address, &egress);
}

// Reads the address table and gives it to ports, neighbour mirror and lanes.
static int take_addresses(struct media *media)
{
	struct addresses *addresses = &media->addresses;
	struct address_map *map = &media->maps[!media->map_current];
	int rc;

	addresses_read(&media->segments.signaling, media->config, addresses);
	rc = address_map_build(map, addresses->entries, addresses->count);
	if (rc) {
		LOG_ERROR(SHM, "media_addresses_refused", "count=%u reason=\"%s\"",
			addresses->count,
			rc == -EEXIST ? "one address twice on a device" : strerror(-rc));
		return rc;
	}
	for (uint32_t i = 0; i < addresses->count; i++)
		tell_neigh(media, &addresses->entries[i]);
	for (uint32_t p = 0; p < media->port_count && !rc; p++)
		rc = port_steer(
			&media->ports[p], (uint16_t)p, addresses->entries, addresses->count);
	if (rc) {
		LOG_ERROR(PORT, "steering_refused", "errno=%d", -rc);
		return rc;
	}
	media->map_current = !media->map_current;
	lane_runners_set_addresses(media->runners, media->lanes, map);
	LOG_INFO(SHM, "media_addresses", "count=%u refused=%u", addresses->count,
		addresses->refused);
	return 0;
}

// The rate of the clock is known from EAL's start on.
static void attach_lanes(struct media *media)
{
	shm_latency_start(&media->segments.media, rte_get_tsc_hz());
	lane_runners_attach(media->runners, media->lanes, &media->segments.attachment);
}

static int start_lanes(struct media *media)
{
	attach_lanes(media);
	for (uint32_t l = 0; l < media->lanes; l++) {
		int rc = rte_eal_remote_launch(lane_run, &media->runners[l], l + 1);

		if (rc)
			return rc;
		LOG_INFO(LANE, "lane_started", "lane=%u cpu=%u queues=%u", l,
			media->config->dataplane.cores[l], media->runners[l].rx_count);
	}
	// Flows of calls that are up have their next hops asked for before anybody hears "started".
	if (!lane_runners_await_sweep(media->runners, media->lanes, SWEEP_WAIT_MS))
		LOG_WARN(LANE, "sweep_goes_on", "waited_ms=%u", SWEEP_WAIT_MS);
	return 0;
}

// Before the ports are opened: DPDK's AF_PACKET driver sets the interface's MAC anew, on which the
// kernel forgets all its neighbours. What we have read by then serves on as their last MAC.
static int start_neigh(struct media *media)
{
	int rc;

	media->nexthops = nexthop_table_new();
	if (!media->nexthops)
		return -ENOMEM;
	rc = neigh_new(media->nexthops, &media->neigh);
	if (rc)
		return rc;
	addresses_read(&media->segments.signaling, media->config, &media->addresses);
	for (uint32_t i = 0; i < media->addresses.count; i++)
		tell_neigh(media, &media->addresses.entries[i]);
	return neigh_refresh(media->neigh);
}

// Sessions for all keys that signaling can give out, for RTP and RTCP, and some for odd headers.
static int start_srtp(struct media *media)
{
	uint32_t keys = media->segments.signaling.geometry.keys;
	int rc;

	if (keys == 0)
		return 0;
	rc = crypto_open(&media->crypto, media->config->dataplane.crypto, media->lanes,
		keys * 2 + keys / 2);
	if (rc) {
		LOG_ERROR(PORT, "crypto_refused", "keys=%u reason=\"%s\"", keys, strerror(-rc));
		return rc;
	}
	LOG_INFO(PORT, "crypto_up", "driver=%s keys=%u", media->crypto.name, keys);
	return lane_runners_add_srtp(media->runners, media->lanes, &media->crypto);
}

// ICE and DTLS, where keys may be agreed at all.
static int start_slow(struct media *media)
{
	int rc;

	if (media->segments.signaling.geometry.keys == 0)
		return 0;
	media->slow = slow_new(media->lanes);
	if (!media->slow)
		return -ENOMEM;
	rc = slow_start(media->slow);
	if (rc)
		return rc;
	slow_attach(media->slow, &media->segments.attachment);
	lane_runners_add_slow(media->runners, media->lanes, media->slow);
	return 0;
}

static int start_recorder(struct media *media)
{
	int rc;

	media->recorder = recorder_new(&media->config->recording, media->lanes);
	if (!media->recorder)
		return -ENOMEM;
	rc = recorder_start(media->recorder);
	if (rc)
		return rc;
	recorder_attach(media->recorder, &media->segments.attachment);
	return lane_runners_add_tap(media->runners, media->lanes, media->recorder, media->pool);
}

static int start_dataplane(struct media *media)
{
	uint64_t began_ns = clock_mono_ns();
	int rc = eal_start(&media->config->dataplane);

	if (rc)
		return rc;
	media->is_eal_up = true;
	LOG_INFO(MAIN, "eal_up", "ms=%llu",
		(unsigned long long)((clock_mono_ns() - began_ns) / NS_PER_MS));
	rc = raise_guard(media);
	if (!rc)
		rc = start_neigh(media);
	if (!rc)
		rc = open_ports(media);
	if (rc)
		return rc;
	media->runners = lane_runners_new(media->lanes);
	if (!media->runners)
		return -ENOMEM;
	wire_lanes(media);
	if (telemetry_dpdk_start(media->runners, media->lanes))
		LOG_WARN(MAIN, "no_dpdk_telemetry", "reason=\"DPDK refused the commands\"");
	rc = start_srtp(media);
	if (!rc)
		rc = start_slow(media);
	if (!rc)
		rc = start_recorder(media);
	if (!rc)
		rc = take_addresses(media);
	if (!rc)
		rc = neigh_refresh(media->neigh);
	if (!rc)
		rc = neigh_start(media->neigh);
	if (!rc)
		rc = start_lanes(media);
	return rc;
}

// Signaling replaced its file: lanes let go of the old pair, then take the new one.
static int follow_signaling(struct media *media)
{
	int rc;

	LOG_WARN(SHM, "signaling_file_replaced", "dir=%s", media->config->shm_dir);
	lane_runners_attach(media->runners, media->lanes, NULL);
	if (media->slow)
		slow_attach(media->slow, NULL);
	recorder_attach(media->recorder, NULL);
	segments_close(&media->segments);
	rc = wait_for_segments(media);
	if (!rc)
		rc = take_addresses(media);
	if (!rc)
		attach_lanes(media);
	if (!rc && media->slow)
		slow_attach(media->slow, &media->segments.attachment);
	if (!rc)
		recorder_attach(media->recorder, &media->segments.attachment);
	return rc;
}

static int control_turn(struct media *media)
{
	const struct shm_map *signaling = &media->segments.signaling;

	shm_heartbeat(&media->segments.media, clock_mono_ns());
	if (segments_are_stale(&media->segments, media->config->shm_dir))
		return follow_signaling(media);
	if (atomic_load_explicit(shm_address_count(signaling), memory_order_acquire) !=
		media->addresses.seen && media->addresses.seen < signaling->geometry.addresses)
		return take_addresses(media);
	return 0;
}

static void stop_dataplane(struct media *media)
{
	for (uint32_t l = 0; media->runners && l < media->lanes; l++)
		atomic_store(&media->runners[l].is_stopping, true);
	if (media->is_eal_up)
		rte_eal_mp_wait_lcore();
	slow_free(media->slow);
	recorder_free(media->recorder);
	neigh_free(media->neigh);
	for (uint32_t p = 0; p < media->port_count; p++)
		port_close(&media->ports[p]);
	// After a clean stop the kernel may say what is true: nobody listens here.
	if (media->is_guarded)
		guard_remove(media->config);
	nexthop_table_free(media->nexthops);
	segments_free(&media->segments);
	if (media->is_eal_up) {
		telemetry_dpdk_stop();
		lane_runners_free(media->runners, media->lanes);
		crypto_close(&media->crypto);
		rte_mempool_free(media->pool);
		eal_stop();
	}
}

int daemon_run(const struct daemon_params *params)
{
	struct media *media = calloc(1, sizeof(*media));
	uint64_t started_ns = clock_mono_ns();
	int rc;

	if (!media)
		return -ENOMEM;
	media->config = params->config;
	media->lanes = params->config->dataplane.lanes;
	rc = wait_for_segments(media);
	if (!rc) {
		started_ns = clock_mono_ns();
		rc = start_dataplane(media);
	}
	if (!rc) {
		LOG_INFO(MAIN, "started", "lanes=%u ports=%u start_ms=%llu", media->lanes,
			media->port_count,
			(unsigned long long)((clock_mono_ns() - started_ns) / NS_PER_MS));
		if (params->ready)
			params->ready(params->context);
	}
	while (!rc && !stop_wait(TURN_MS))
		rc = control_turn(media);
	LOG_INFO(MAIN, "stopping", "errno=%d", -rc);
	stop_dataplane(media);
	free(media);
	return rc == -ECANCELED ? 0 : rc;
}
