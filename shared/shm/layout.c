// layout.c - sizes, offsets, header checks and the accessors built on them.
#include "shm/layout.h"

#include "base/check.h"
#include "base/histogram.h"
#include "shm/flow_report.h"
#include "shm/recording.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define ALIGN_BYTES 4096u

static size_t place(size_t *end, size_t bytes)
{
	size_t start = *end;
	*end = (start + bytes + ALIGN_BYTES - 1) & ~(size_t)(ALIGN_BYTES - 1);
	return start;
}

bool shm_geometry_is_valid(const struct shm_geometry *g)
{
	if (g->addresses < 1 || g->addresses > SHM_ADDRESS_MAX)
		return false;
	if (g->workers < 1 || g->workers > SHM_WORKER_MAX)
		return false;
	if (g->lanes < 1 || g->lanes > SHM_LANE_MAX)
		return false;
	// All ports of all addresses in use, each with a second generation: nobody needs more.
	if (g->flows > SHM_ADDRESS_MAX * SHM_PORTS * 2 || g->flows % SHM_BLOCK)
		return false;
	if (g->keys > g->flows || g->keys % SHM_BLOCK)
		return false;
	return g->flows >= g->workers * SHM_BLOCK;
}

void shm_signaling_layout(const struct shm_geometry *g, struct shm_signaling_layout *out)
{
	size_t end = 0;
	size_t rings = (size_t)SHM_WORKER_MAX * g->lanes;

	place(&end, sizeof(struct shm_signaling));
	out->port_owner = place(&end, g->addresses * SHM_BLOCKS_PER_ADDRESS * sizeof(uint64_t));
	out->slot_owner = place(&end, g->flows / SHM_BLOCK * sizeof(uint64_t));
	out->returned_slots = place(&end, g->flows / 64 * sizeof(uint64_t));
	out->returned_states = place(&end, g->flows / 64 * sizeof(uint64_t));
	out->returned_keys = place(&end, g->keys / 64 * sizeof(uint64_t));
	out->stamps = place(&end, (size_t)g->addresses * SHM_PAIRS * sizeof(uint32_t));
	out->index = place(&end, (size_t)g->addresses * SHM_PORTS * sizeof(uint32_t));
	out->cfg = place(&end, (size_t)g->flows * sizeof(struct flow_cfg));
	out->rings = place(&end, rings * sizeof(struct hint_ring));
	out->cursors = place(&end, rings * sizeof(struct hint_cursor));
	out->tones = place(&end, (size_t)g->flows * sizeof(struct flow_tones));
	out->recordings = place(&end, SHM_RECORDINGS_MAX * sizeof(struct shm_recording));
	out->keys = place(&end, (size_t)g->keys * sizeof(struct flow_key));
	out->secures = place(&end, (size_t)g->keys * sizeof(struct flow_secure));
	out->bytes = end;
}

void shm_media_layout(const struct shm_geometry *g, struct shm_media_layout *out)
{
	size_t end = 0;
	size_t rings = (size_t)SHM_WORKER_MAX * g->lanes;

	place(&end, sizeof(struct shm_media));
	out->states = place(&end, (size_t)g->flows * sizeof(struct flow_state));
	out->crypto = place(&end, (size_t)g->keys * sizeof(struct flow_crypto));
	out->latency = place(&end,
		(size_t)g->lanes * (g->addresses + 1) * sizeof(struct histogram));
	out->rings = place(&end, rings * sizeof(struct hint_ring));
	out->cursors = place(&end, rings * sizeof(struct hint_cursor));
	out->reports = place(&end, (size_t)g->flows * sizeof(struct flow_report));
	out->recordings = place(&end, SHM_RECORDINGS_MAX * sizeof(struct shm_recording_state));
	out->secure_states = place(&end, (size_t)g->keys * sizeof(struct flow_secure_state));
	out->bytes = end;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool shm_boot_id(uint8_t out[16])
{
	char text[64];
	uint8_t id[16] = { 0 };
	int digits = 0;
	int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	ssize_t len = read(fd, text, sizeof(text));
	close(fd);
	for (ssize_t i = 0; i < len && digits < 32; i++) {
		int value = hex_digit(text[i]);
		if (value < 0)
			continue; // dashes
		id[digits / 2] |= (uint8_t)(digits % 2 ? value : value << 4);
		digits++;
	}
	if (digits != 32)
		return false;
	memcpy(out, id, sizeof(id));
	return true;
}

int shm_header_check(const struct shm_header *header, uint64_t magic, uint64_t file_bytes,
	struct shm_geometry *geometry)
{
	if (file_bytes < sizeof(struct shm_signaling) || header->magic != magic)
		return -EPROTO;
	if (header->abi != SHM_ABI || header->header_bytes != sizeof(struct shm_header))
		return -EPROTO;

	struct shm_geometry copy = header->geometry;
	if (!shm_geometry_is_valid(&copy))
		return -EPROTO;
	size_t bytes;
	if (magic == SHM_MAGIC_SIGNALING) {
		struct shm_signaling_layout layout;
		shm_signaling_layout(&copy, &layout);
		bytes = layout.bytes;
	} else {
		struct shm_media_layout layout;
		shm_media_layout(&copy, &layout);
		bytes = layout.bytes;
	}
	// The file itself may be longer: hugetlbfs rounds up to whole pages.
	if (header->file_bytes != bytes || file_bytes < bytes)
		return -EPROTO;

	*geometry = copy;
	uint8_t boot_id[16];
	if (!shm_boot_id(boot_id) || memcmp(boot_id, header->boot_id, sizeof(boot_id)) != 0)
		return -EAGAIN;
	if (!atomic_load_explicit(&header->is_ready, memory_order_acquire) ||
		atomic_load_explicit(&header->is_superseded, memory_order_acquire))
		return -EAGAIN;
	return 0;
}

struct shm_header *shm_header(const struct shm_map *map)
{
	return map->base;
}

struct shm_address *shm_addresses(const struct shm_map *signaling)
{
	return ((struct shm_signaling *)signaling->base)->addresses;
}

_Atomic uint32_t *shm_address_count(const struct shm_map *signaling)
{
	return &((struct shm_signaling *)signaling->base)->address_count;
}

_Atomic uint64_t *shm_global_epoch(const struct shm_map *signaling)
{
	return &((struct shm_signaling *)signaling->base)->global_epoch;
}

_Atomic uint64_t *shm_incarnation_next(const struct shm_map *signaling)
{
	return &((struct shm_signaling *)signaling->base)->incarnation_next;
}

struct epoch_slot *shm_epoch_slots(const struct shm_map *media)
{
	return ((struct shm_media *)media->base)->slots;
}

static void *signaling_at(const struct shm_map *map, size_t member)
{
	struct shm_signaling_layout layout;
	shm_signaling_layout(&map->geometry, &layout);
	size_t offset = *(const size_t *)((const char *)&layout + member);
	return (char *)map->base + offset;
}

#define SIGNALING_AT(map, member) signaling_at(map, offsetof(struct shm_signaling_layout, member))

_Atomic uint64_t *shm_port_owner(const struct shm_map *signaling, uint32_t address)
{
	CHECK(address < signaling->geometry.addresses);
	_Atomic uint64_t *owners = SIGNALING_AT(signaling, port_owner);
	return owners + (size_t)address * SHM_BLOCKS_PER_ADDRESS;
}

_Atomic uint64_t *shm_slot_owner(const struct shm_map *signaling)
{
	return SIGNALING_AT(signaling, slot_owner);
}

_Atomic uint64_t *shm_returned_slots(const struct shm_map *signaling)
{
	return SIGNALING_AT(signaling, returned_slots);
}

_Atomic uint64_t *shm_returned_states(const struct shm_map *signaling)
{
	return SIGNALING_AT(signaling, returned_states);
}

_Atomic uint64_t *shm_returned_keys(const struct shm_map *signaling)
{
	return SIGNALING_AT(signaling, returned_keys);
}

_Atomic uint32_t *shm_stamps(const struct shm_map *signaling, uint32_t address)
{
	CHECK(address < signaling->geometry.addresses);
	_Atomic uint32_t *stamps = SIGNALING_AT(signaling, stamps);
	return stamps + (size_t)address * SHM_PAIRS;
}

_Atomic uint32_t *shm_index(const struct shm_map *signaling, uint32_t address)
{
	CHECK(address < signaling->geometry.addresses);
	_Atomic uint32_t *index = SIGNALING_AT(signaling, index);
	return index + (size_t)address * SHM_PORTS;
}

struct flow_cfg *shm_flow_cfg(const struct shm_map *signaling)
{
	return SIGNALING_AT(signaling, cfg);
}

struct flow_tones *shm_flow_tones(const struct shm_map *signaling)
{
	return SIGNALING_AT(signaling, tones);
}

struct shm_recording *shm_recordings(const struct shm_map *signaling)
{
	return SIGNALING_AT(signaling, recordings);
}

static void *media_at(const struct shm_map *map, size_t member)
{
	struct shm_media_layout layout;
	shm_media_layout(&map->geometry, &layout);
	return (char *)map->base + *(const size_t *)((const char *)&layout + member);
}

#define MEDIA_AT(map, member) media_at(map, offsetof(struct shm_media_layout, member))

struct flow_report *shm_flow_reports(const struct shm_map *media)
{
	return MEDIA_AT(media, reports);
}

struct shm_recording_state *shm_recording_states(const struct shm_map *media)
{
	return MEDIA_AT(media, recordings);
}

struct flow_key *shm_flow_key(const struct shm_map *signaling)
{
	return SIGNALING_AT(signaling, keys);
}

struct flow_secure *shm_flow_secure(const struct shm_map *signaling)
{
	return SIGNALING_AT(signaling, secures);
}

struct flow_secure_state *shm_flow_secure_state(const struct shm_map *media)
{
	return MEDIA_AT(media, secure_states);
}

struct shm_identity *shm_identity_of(const struct shm_map *media)
{
	return &((struct shm_media *)media->base)->identity;
}

struct flow_crypto *shm_flow_crypto(const struct shm_map *media)
{
	return MEDIA_AT(media, crypto);
}

struct flow_state *shm_flow_state(const struct shm_map *media)
{
	return MEDIA_AT(media, states);
}

// Both files have rings and cursors.
static void hint_places(const struct shm_map *map, size_t *rings, size_t *cursors)
{
	if (map->is_media) {
		struct shm_media_layout layout;
		shm_media_layout(&map->geometry, &layout);
		*rings = layout.rings;
		*cursors = layout.cursors;
	} else {
		struct shm_signaling_layout layout;
		shm_signaling_layout(&map->geometry, &layout);
		*rings = layout.rings;
		*cursors = layout.cursors;
	}
}

struct hint_ring *shm_hint_ring(const struct shm_map *writer_map, uint32_t worker, uint32_t lane)
{
	size_t rings;
	size_t cursors;
	if (worker >= SHM_WORKER_MAX || lane >= writer_map->geometry.lanes)
		return NULL;
	hint_places(writer_map, &rings, &cursors);
	struct hint_ring *ring = (struct hint_ring *)((char *)writer_map->base + rings);
	return ring + (size_t)worker * writer_map->geometry.lanes + lane;
}

struct hint_cursor *shm_hint_cursor(
	const struct shm_map *reader_map, uint32_t worker, uint32_t lane)
{
	size_t rings;
	size_t cursors;
	if (worker >= SHM_WORKER_MAX || lane >= reader_map->geometry.lanes)
		return NULL;
	hint_places(reader_map, &rings, &cursors);
	struct hint_cursor *cursor = (struct hint_cursor *)((char *)reader_map->base + cursors);
	return cursor + (size_t)worker * reader_map->geometry.lanes + lane;
}
