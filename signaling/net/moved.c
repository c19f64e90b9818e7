#include "net/moved.h"

#include "base/check.h"

#include <stdatomic.h>
#include <stdlib.h>

#define PROBES 32u

// A slot is 56 bits of the key and the worker + 1 below them; 0 was never used, GONE may be used
// again. Keys are hashes: 56 bits make two living calls with one key a matter of 10^12 calls.
#define GONE 0xffull

struct moved {
	_Atomic uint32_t count;           // any worker
	_Atomic uint64_t slots[MOVED_MAX]; // any worker, by compare and swap
};

static uint64_t part_of(uint64_t key)
{
	return key & ~0xffull;
}

struct moved *moved_new(void)
{
	return calloc(1, sizeof(struct moved));
}

void moved_free(struct moved *moved)
{
	free(moved);
}

static _Atomic uint64_t *slot_at(const struct moved *moved, uint64_t key, uint32_t i)
{
	return (_Atomic uint64_t *)(uintptr_t)&moved->slots[(key + i) % MOVED_MAX];
}

// Index of the slot with that key, -1: none.
static int find(const struct moved *moved, uint64_t key)
{
	key = part_of(key);
	for (uint32_t i = 0; i < PROBES; i++) {
		// acquire: pairs with moved_put(); the record is with its worker before
		uint64_t value = atomic_load_explicit(slot_at(moved, key >> 8, i),
			memory_order_acquire);

		if (value == 0)
			return -1;
		if (value != GONE && part_of(value) == key)
			return (int)i;
	}
	return -1;
}

bool moved_put(struct moved *moved, uint64_t key, uint32_t worker)
{
	uint64_t wanted = part_of(key) | (worker + 1);

	CHECK(worker < 254);
	for (uint32_t i = 0; i < PROBES; i++) {
		_Atomic uint64_t *slot = slot_at(moved, part_of(key) >> 8, i);
		uint64_t value = atomic_load_explicit(slot, memory_order_relaxed);
		bool is_free = value == 0 || value == GONE;

		if (!is_free && part_of(value) != part_of(key))
			continue;
		// release: pairs with find()
		if (!atomic_compare_exchange_strong_explicit(slot, &value, wanted,
			memory_order_release, memory_order_relaxed))
			continue; // another worker was faster
		if (is_free)
			atomic_fetch_add_explicit(&moved->count, 1, memory_order_release);
		return true;
	}
	return false;
}

void moved_drop(struct moved *moved, uint64_t key, uint32_t worker)
{
	int at = find(moved, key);
	uint64_t value = part_of(key) | (worker + 1);

	if (at >= 0 && atomic_compare_exchange_strong_explicit(
		slot_at(moved, part_of(key) >> 8, (uint32_t)at), &value, GONE,
		memory_order_relaxed, memory_order_relaxed))
		atomic_fetch_sub_explicit(&moved->count, 1, memory_order_relaxed);
}

int moved_find(const struct moved *moved, uint64_t key)
{
	int at = find(moved, key);

	if (at < 0)
		return -1;
	uint64_t value = atomic_load_explicit(slot_at(moved, part_of(key) >> 8, (uint32_t)at),
		memory_order_relaxed);
	return part_of(value) == part_of(key) && value != GONE ? (int)(value & 0xff) - 1 : -1;
}

bool moved_is_empty(const struct moved *moved)
{
	return atomic_load_explicit(&moved->count, memory_order_acquire) == 0;
}
