// control_segment.c - signaling's file of the shared segment: its size, its address table.
#include "control.h"

#include "base/log.h"
#include "shm/recording.h"

#include <errno.h>
#include <stdio.h>

#define FLOWS_PER_CALL  4u // two legs, RTP and RTCP
#define KEYS_PER_LEG    3u // what the far end sends under, what we do, and ICE and DTLS
#define ADDRESS_STEP    8u // room for addresses appended later without a new file
#define FLOWS_MAX       (SHM_ADDRESS_MAX * SHM_PORTS) // every port there can be
#define BLOCKS_SPARE    4u // per worker: an edit takes a second slot until the grace period is over

static uint32_t round_up(uint32_t n, uint32_t step)
{
	return (n + step - 1) / step * step;
}

// The slots of all legs, and what rests in grace.
static uint32_t keys_for(const struct config *config, uint32_t flows)
{
	uint64_t keys = (uint64_t)config->limits.srtp_legs_max * KEYS_PER_LEG;

	if (keys == 0)
		return 0;
	keys += keys / 4 + (uint64_t)config->workers * SHM_BLOCK;
	return keys < flows ? round_up((uint32_t)keys, SHM_BLOCK) : flows;
}

void control_geometry(const struct config *config, struct shm_geometry *out)
{
	uint32_t addresses = config_media_address_count(config);
	uint64_t flows = (uint64_t)config->limits.calls_max * FLOWS_PER_CALL;
	flows += flows / 4; // what rests in grace, and edits in flight
	flows += (uint64_t)config->workers * BLOCKS_SPARE * SHM_BLOCK;
	if (flows > FLOWS_MAX)
		flows = FLOWS_MAX;
	if (addresses > SHM_ADDRESS_MAX)
		addresses = SHM_ADDRESS_MAX;
	*out = (struct shm_geometry){
		.addresses = round_up(addresses > 0 ? addresses : 1, ADDRESS_STEP),
		.flows = round_up((uint32_t)flows, SHM_BLOCK),
		.workers = config->workers,
		.lanes = SHM_LANE_MAX,
	};
	out->keys = keys_for(config, out->flows);
}

static void name_copy(char out[SHM_NAME_MAX], const char *name)
{
	snprintf(out, SHM_NAME_MAX, "%s", name != NULL ? name : "");
}

static void address_fill(const struct config *config, const struct config_realm *realm,
	const struct ip *ip, struct shm_address *out)
{
	*out = (struct shm_address){
		.ip = *ip,
		.vlan = realm->vlan,
		.port_min = realm->port_min,
		.port_max = realm->port_max,
	};
	name_copy(out->realm, realm->name);
	if (realm->device >= 0)
		name_copy(out->device, config->devices[realm->device].name);
}

// The table that the configuration asks for, in the order of config_media_address_count().
static uint32_t addresses_want(const struct config *config, struct shm_address *out)
{
	uint32_t n = 0;
	for (uint32_t r = 0; r < config->realm_count; r++) {
		const struct config_realm *realm = &config->realms[r];
		for (uint32_t i = 0; i < realm->media_count && n < SHM_ADDRESS_MAX; i++)
			address_fill(config, realm, &realm->media[i], &out[n++]);
	}
	return n;
}

static bool address_eq(const struct shm_address *a, const struct shm_address *b)
{
	return ip_eq(&a->ip, &b->ip) && a->vlan == b->vlan && a->port_min == b->port_min &&
		a->port_max == b->port_max &&
		strncmp(a->device, b->device, SHM_NAME_MAX) == 0 &&
		strncmp(a->realm, b->realm, SHM_NAME_MAX) == 0;
}

// Whether the file's table is a beginning of the wanted one: then the rest may be appended.
static bool addresses_are_kept(const struct shm_map *map, const struct shm_address *want,
	uint32_t want_count)
{
	const struct shm_address *have = shm_addresses(map);
	uint32_t count = atomic_load_explicit(shm_address_count(map), memory_order_acquire);
	if (count > want_count)
		return false;
	for (uint32_t i = 0; i < count; i++)
		if (!address_eq(&have[i], &want[i]))
			return false;
	return true;
}

static uint32_t flows_live(const struct shm_map *map)
{
	uint32_t live = 0;
	for (uint32_t a = 0; a < map->geometry.addresses; a++) {
		const _Atomic uint32_t *index = shm_index(map, a);
		for (uint32_t port = 0; port < SHM_PORTS; port++)
			live += atomic_load_explicit(&index[port], memory_order_relaxed) <
				map->geometry.flows;
	}
	return live;
}

static void addresses_append(const struct shm_map *map, const struct shm_address *want,
	uint32_t want_count)
{
	uint32_t count = atomic_load_explicit(shm_address_count(map), memory_order_relaxed);
	for (uint32_t i = count; i < want_count; i++)
		shm_addresses(map)[i] = want[i];
	// release: pairs with the lanes' acquire; an address is whole before its id exists
	atomic_store_explicit(shm_address_count(map), want_count, memory_order_release);
}

static void log_refused(const char *dir, int rc)
{
	if (rc == -EBUSY)
		LOG_ERROR(SHM, "segment_busy", "dir=%s reason=\"another muga-signaling holds "
			"signaling.seg: stop it, or give this one its own "
			"node.shm_dir\"", dir);
	else if (rc == -ESTALE)
		LOG_ERROR(SHM, "segment_stale", "dir=%s reason=\"signaling.seg holds living calls "
			"of another version, or of other realms, media addresses or "
			"limits: start the old configuration and run 'muga drain', or "
			"delete the file and lose them\"",
			dir);
	else if (rc == -EPROTO)
		LOG_ERROR(SHM, "segment_failed", "dir=%s reason=\"signaling.seg is damaged, or no "
			"segment of this program at all: delete it\"", dir);
	else
		LOG_ERROR(SHM, "segment_failed", "dir=%s error=\"%s\"", dir, strerror(-rc));
}

// A new file in place of one whose addresses mean something else now and that carries no call.
// Another geometry is what makes shm_signaling_create() replace a file, carrying epochs and
// incarnations over.
static int segment_renew(const char *dir, struct shm_geometry *geometry, struct shm_map *map)
{
	if (map->geometry.flows == geometry->flows)
		geometry->flows += SHM_BLOCK;
	shm_close(map);
	return shm_signaling_create(dir, geometry, map);
}

static int segment_check_addresses(const struct config *config, const struct shm_address *want,
	uint32_t want_count, struct shm_map *map)
{
	struct shm_geometry geometry;
	if (addresses_are_kept(map, want, want_count))
		return 0;
	uint32_t live = flows_live(map);
	if (live > 0) {
		LOG_ERROR(SHM, "segment_addresses", "living_flows=%u", live);
		return -ESTALE;
	}
	LOG_INFO(SHM, "segment_renewed", "dir=%s reason=\"media addresses changed\"",
		config->shm_dir);
	control_geometry(config, &geometry);
	return segment_renew(config->shm_dir, &geometry, map);
}

int control_segment_open(const struct config *config, struct shm_map *out)
{
	struct shm_address want[SHM_ADDRESS_MAX];
	struct shm_geometry geometry;
	struct shm_map map;

	control_geometry(config, &geometry);
	int rc = shm_signaling_create(config->shm_dir, &geometry, &map);
	if (rc < 0) {
		log_refused(config->shm_dir, rc);
		return rc;
	}
	uint32_t want_count = addresses_want(config, want);
	rc = segment_check_addresses(config, want, want_count, &map);
	if (rc < 0) {
		log_refused(config->shm_dir, rc);
		shm_close(&map);
		return rc;
	}
	addresses_append(&map, want, want_count);
	uint32_t recordings = recordings_recover(&map);
	if (recordings > 0)
		LOG_INFO(SHM, "recordings_over", "count=%u reason=\"their calls are\"", recordings);
	LOG_INFO(SHM, "segment_open", "dir=%s addresses=%u flows=%u bytes=%zu instance=%u",
		config->shm_dir, want_count, map.geometry.flows, map.bytes,
		atomic_load_explicit(&shm_header(&map)->instance, memory_order_relaxed));
	*out = map;
	return 0;
}
