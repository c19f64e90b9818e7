// epoch.h - grace periods across two processes, where liburcu's do not reach.
//
// Contract, by letter:
//  (a) A lane reads the index only while online.
//  (b) At the end of each loop turn it holds no flow any more and calls epoch_quiescent().
//  (c) Signaling unpublishes, full fence, raises the global epoch to E; the records are free once
//  every
//      online lane of a living media process has shown epoch >= E.
//  (d) Going online: store the current epoch, full fence, then the first index read.
//  (e) A media process that is stopped but alive (lock held) delays reclaim; it never is skipped.
#pragma once

#include "shm/abi.h"
#include "shm/crash.h"

#include <stdalign.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define EPOCH_OFFLINE 0u

// writer: one lane. Readers: signaling workers.
struct epoch_slot {
	alignas(64) _Atomic uint64_t epoch; // last one seen at a quiescent state, EPOCH_OFFLINE
	_Atomic uint32_t instance; // of the media file's writer; other instances are ignored
};
_Static_assert(sizeof(struct epoch_slot) == 64, "a line for each lane");

// The full fence of (c) and (d). ThreadSanitizer does not know fences: there, an exchange that all
// share.
#ifdef __SANITIZE_THREAD__
extern _Atomic uint32_t epoch_tsan_fence;
static inline void epoch_fence(void)
{
	atomic_fetch_add_explicit(&epoch_tsan_fence, 0, memory_order_seq_cst);
}
#else
static inline void epoch_fence(void)
{
	atomic_thread_fence(memory_order_seq_cst);
}
#endif

static inline void epoch_online(
	struct epoch_slot *slot, const _Atomic uint64_t *global, uint32_t instance)
{
	SHM_CRASH_POINT(1);
	atomic_store_explicit(&slot->instance, instance, memory_order_relaxed);
	SHM_CRASH_POINT(2);
	atomic_store_explicit(&slot->epoch, atomic_load_explicit(global, memory_order_relaxed),
		memory_order_relaxed);
	epoch_fence(); // (d), pairs with the fence in epoch_advance()
	SHM_CRASH_POINT(3);
}

static inline void epoch_quiescent(struct epoch_slot *slot, const _Atomic uint64_t *global)
{
	// acquire: index reads of the next turn come after; release: those of this turn came
	// before.
	uint64_t now = atomic_load_explicit(global, memory_order_acquire);
	if (now != atomic_load_explicit(&slot->epoch, memory_order_relaxed)) {
		SHM_CRASH_POINT(4);
		atomic_store_explicit(&slot->epoch, now, memory_order_release);
		epoch_fence(); // only when it moved: free in steady state
		SHM_CRASH_POINT(5);
	}
}

static inline void epoch_offline(struct epoch_slot *slot)
{
	atomic_store_explicit(&slot->epoch, EPOCH_OFFLINE, memory_order_release);
}

// Signaling, after unpublishing: the epoch that every online lane must reach. Never 0.
uint64_t epoch_advance(_Atomic uint64_t *global);

// The lowest epoch that an online lane of `instance` shows; UINT64_MAX: none is online. Everything
// unpublished before that epoch was raised is free. Slots [SHM_LANE_MAX] are the other process's
// memory.
uint64_t epoch_lowest(const struct epoch_slot *slots, uint32_t instance);
// Whether all online lanes of `instance` have reached `epoch`.
bool epoch_has_passed(const struct epoch_slot *slots, uint32_t instance, uint64_t epoch);
