// latency.h - what a lane notes of each burst: how long it took, and for whom (shm/latency.h).
#pragma once

#include "lane.h"

#include "base/histogram.h"

// After forward_burst() and before burst_finish(). `cycles` since the receive call returned.
static inline void latency_note(struct lane *lane, const struct burst *burst, uint64_t cycles)
{
	uint32_t value = cycles < UINT32_MAX ? (uint32_t)cycles : UINT32_MAX;

	uint32_t bucket = histogram_bucket(value);

	histogram_add_to(lane->bursts, bucket, value, 1);
	// Packets of one address mostly come together. What was not sent may have no address.
	for (uint32_t i = 0; i < burst->count;) {
		const struct packet *first = &burst->packets[i];
		uint32_t end = i + 1;
		if (likely(first->verdict == VERDICT_SENT)) {
			while (end < burst->count && burst->packets[end].verdict == VERDICT_SENT &&
				burst->packets[end].address == first->address)
				end++;
			histogram_add_to(&lane->latency[first->address], bucket, value, end - i);
		}
		i = end;
	}
}
