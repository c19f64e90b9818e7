// testpmd.h - drives dpdk-testpmd (package dpdk-dev) through a pseudo terminal: the peer of this
// benchmark.
#pragma once

#include <stdint.h>
#include <sys/types.h>

struct testpmd {
	pid_t pid;
	int fd;
	char text[1 << 16]; // what it said since the last command
	uint32_t len;
};

// Starts it with one pcap port and the EAL arguments given, forwarding stopped. 0 or -errno.
int testpmd_open(struct testpmd *peer, const char *pcap, const char *const *eal_args);
void testpmd_close(struct testpmd *peer);

// Forwards in `mode` ("5tswap", "io") for so long. Nanoseconds of its forwarding thread's CPU
// time per packet, NaN when it did not.
double testpmd_measure(struct testpmd *peer, const char *mode, uint32_t ms);

// Instructions per packet of `mode` by callgrind: the slope between a short and a long run. NaN:
// failed.
double testpmd_instructions(const char *pcap, const char *mode);
