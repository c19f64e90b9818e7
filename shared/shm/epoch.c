// epoch.c - the signaling side of the grace periods.
#include "shm/epoch.h"

#ifdef __SANITIZE_THREAD__
_Atomic uint32_t epoch_tsan_fence;
#endif

uint64_t epoch_advance(_Atomic uint64_t *global)
{
	epoch_fence(); // (c), pairs with the fences in epoch_online() and epoch_quiescent()
	uint64_t epoch = atomic_fetch_add_explicit(global, 1, memory_order_acq_rel) + 1;
	SHM_CRASH_POINT(6);
	epoch_fence(); // and the slots are read only after that
	return epoch;
}

uint64_t epoch_lowest(const struct epoch_slot *slots, uint32_t instance)
{
	uint64_t lowest = UINT64_MAX;
	for (uint32_t i = 0; i < SHM_LANE_MAX; i++) {
		// acquire: pairs with epoch_quiescent(): the lane's reads came before.
		uint64_t epoch = atomic_load_explicit(&slots[i].epoch, memory_order_acquire);
		if (epoch == EPOCH_OFFLINE)
			continue;
		if (atomic_load_explicit(&slots[i].instance, memory_order_acquire) != instance)
			continue;
		if (epoch < lowest)
			lowest = epoch;
	}
	return lowest;
}

bool epoch_has_passed(const struct epoch_slot *slots, uint32_t instance, uint64_t epoch)
{
	return epoch_lowest(slots, instance) >= epoch;
}
