#include "shm/recording.h"

#include "base/check.h"
#include "shm/flow_table.h"
#include "shm/layout.h"

#include <errno.h>
#include <string.h>

#define FREE	  0u
#define FILLING	  1u
#define SUFFIX	  16u // bytes that a name leaves for what is added to it
#define READ_TRIES 3

bool recording_name_is_valid(const char *name)
{
	size_t len = strnlen(name, RECORDING_NAME_MAX);

	if (len + SUFFIX > RECORDING_NAME_MAX || name[0] == '.')
		return false;
	for (size_t i = 0; i < len; i++)
		if (name[i] <= ' ' || name[i] > '~' || strchr("/\\\"'`$*?<>|;&", name[i]))
			return false;
	return true;
}

static uint64_t serial_of(const struct shm_recording *recording)
{
	// acquire: pairs with the release in recording_open()
	return atomic_load_explicit(&recording->serial, memory_order_acquire);
}

int recording_find(const struct shm_map *signaling, uint64_t call_token)
{
	struct shm_recording *all = shm_recordings(signaling);

	for (uint32_t i = 0; i < SHM_RECORDINGS_MAX; i++)
		if (serial_of(&all[i]) > FILLING && all[i].order.call_token == call_token)
			return (int)i;
	return -ENOENT;
}

// Numbers that never repeat in this file are those of incarnations.
static uint64_t serial_new(const struct shm_map *signaling)
{
	return FILLING + 1 +
		atomic_fetch_add_explicit(
			shm_incarnation_next(signaling), 1, memory_order_relaxed);
}

int recording_open(const struct shm_map *signaling, const struct recording_order *order)
{
	struct shm_recording *all = shm_recordings(signaling);

	if (!recording_name_is_valid(order->name))
		return -EINVAL;
	if (recording_find(signaling, order->call_token) >= 0)
		return -EEXIST;
	for (uint32_t i = 0; i < SHM_RECORDINGS_MAX; i++) {
		uint64_t expected = FREE;

		if (!atomic_compare_exchange_strong_explicit(&all[i].serial, &expected, FILLING,
			    memory_order_acquire, memory_order_relaxed))
			continue;
		all[i].order = *order;
		// release: pairs with serial_of()
		atomic_store_explicit(
			&all[i].serial, serial_new(signaling), memory_order_release);
		return (int)i;
	}
	return -ENOSPC;
}

void recording_close(const struct shm_map *signaling, uint32_t slot)
{
	CHECK(slot < SHM_RECORDINGS_MAX);
	atomic_store_explicit(&shm_recordings(signaling)[slot].serial, FREE, memory_order_release);
}

// Marks the slots that records in force name.
static void find_used(const struct shm_map *signaling, bool used[SHM_RECORDINGS_MAX])
{
	struct flow_view view;
	struct flow_cfg cfg;

	flow_view_init(&view, signaling);
	for (uint32_t address = 0; address < view.addresses; address++)
		for (uint32_t port = 0; port < SHM_PORTS; port++)
			if (flow_lookup(&view, address, (uint16_t)port) != NULL &&
				flow_read(&view, address, (uint16_t)port, &cfg) &&
				cfg.recording != 0 && cfg.recording <= SHM_RECORDINGS_MAX)
				used[cfg.recording - 1] = true;
}

uint32_t recordings_recover(const struct shm_map *signaling)
{
	struct shm_recording *all = shm_recordings(signaling);
	bool used[SHM_RECORDINGS_MAX] = { false };
	uint32_t taken = 0, closed = 0;

	for (uint32_t i = 0; i < SHM_RECORDINGS_MAX; i++)
		taken += serial_of(&all[i]) != FREE;
	if (taken == 0)
		return 0; // the usual start: nobody looks through all ports
	find_used(signaling, used);
	for (uint32_t i = 0; i < SHM_RECORDINGS_MAX; i++) {
		uint64_t serial = serial_of(&all[i]);

		if (serial == FREE || (serial > FILLING && used[i]))
			continue;
		recording_close(signaling, i);
		closed++;
	}
	return closed;
}

uint64_t recording_read(
	const struct shm_map *signaling, uint32_t slot, struct recording_order *out)
{
	const struct shm_recording *recording = &shm_recordings(signaling)[slot];

	CHECK(slot < SHM_RECORDINGS_MAX);
	for (int i = 0; i < READ_TRIES; i++) {
		uint64_t serial = serial_of(recording);
		struct recording_order copy;

		if (serial <= FILLING)
			return 0;
		memcpy(&copy, &recording->order, sizeof(copy));
		atomic_thread_fence(memory_order_acquire);
		if (atomic_load_explicit(&recording->serial, memory_order_relaxed) != serial)
			continue;
		copy.name[RECORDING_NAME_MAX - 1] = '\0';
		copy.call_id[RECORDING_CALL_MAX - 1] = '\0';
		*out = copy;
		return serial;
	}
	return 0;
}
