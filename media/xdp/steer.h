// steer.h - the maps that the XDP program shares with muga-media.
//
// Compiled for the kernel's BPF machine and for us: plain fixed-size types only. Each device has
// its own program and maps; only muga-media writes `steer_ranges` and `xsks_map`, only the program
// writes `steer_counts`. They are found through the attached program's id, not by pins: two border
// controllers in two network namespaces may share one bpffs, where names would collide.
#pragma once

#include <linux/types.h>

#define STEER_PROGRAM    "muga_steer"   // how a program left by a killed process is recognised
#define STEER_RANGES     "steer_ranges"
#define STEER_COUNTS     "steer_counts"
#define STEER_RANGES_MAX 64             // SHM_ADDRESS_MAX
#define STEER_QUEUES_MAX 64

// One media address as seen on the wire.
struct steer_key {
	__u8 ip[16];      // IPv4 in its mapped form ::ffff:a.b.c.d
	__u32 vlan;       // 0 = untagged
};

struct steer_range {
	__u16 port_min;   // host order, inclusive
	__u16 port_max;
};

enum steer_count {
	STEER_MEDIA,      // given to a lane's socket
	STEER_NO_SOCKET,  // media while no lane listens: dropped, the kernel must not answer it
	STEER_FRAGMENT,   // of a media address: to the kernel, which reassembles
	STEER_PASSED,     // everything else: to the kernel
	STEER_COUNT_COUNT,
};
