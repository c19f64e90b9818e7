// abi.h - the numbers both processes must agree on before either maps the other's file.
//
// Any change to a struct in shared/shm raises SHM_ABI. Times are CLOCK_MONOTONIC ns. Offsets and
// indexes only, checked at use: neither process trusts the other.
#pragma once

#include <stdint.h>

#define SHM_ABI		 7u
#define SHM_ADDRESS_MAX	 64u	// media addresses
#define SHM_PORTS	 65536u // per media address
#define SHM_BLOCK	 256u	// ports (and slots) that one worker owns as a unit
#define SHM_WORKER_MAX	 64u
#define SHM_LANE_MAX	 64u
#define SHM_RECORDINGS_MAX 32u // calls that are recorded at once
#define SHM_MEDIA_SHARDS 64u // shard of a port = (port >> 1) & 63: all ports of a call share one
#define SHM_FLOW_NONE	 UINT32_MAX

#define SHM_MAGIC_SIGNALING 0x676973616775676dull // "mugasig" in its first bytes
#define SHM_MAGIC_MEDIA	    0x6465746d61677561ull

static inline uint32_t shm_media_shard(uint16_t port)
{
	return (port >> 1) & (SHM_MEDIA_SHARDS - 1);
}
