// latency.h - what a lane notes of each burst: how long it took, and for whom (shm/latency.h).
#pragma once

#include "lane.h"

#include "base/histogram.h"

// Each so many bursts the packets are told apart by address, which costs 13 instructions a packet.
#define LATENCY_SAMPLE 8u

// After forward_burst() and before burst_finish(). `cycles` since the receive call returned.
static inline void latency_note(struct lane *lane, const struct burst *burst, uint64_t cycles)
{
	uint32_t bucket = histogram_bucket(cycles < UINT32_MAX ? (uint32_t)cycles : UINT32_MAX);
	const struct packet *packet = burst->packets, *end = packet + burst->count;

	metric_add(&lane->bursts->buckets[bucket], 1);
	if (likely(lane->latency_turn++ % LATENCY_SAMPLE))
		return;
	// What was not sent may have no address.
	for (; packet < end; packet++)
		if (likely(packet->verdict == VERDICT_SENT))
			metric_add(&lane->latency[packet->address].buckets[bucket], 1);
}
