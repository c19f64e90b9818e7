// pcapng.h - blocks of a pcapng file (draft-ietf-opsawg-pcapng), built into memory: section,
// interfaces, packets, statistics.
//
// Pure, any thread. The section is of the byte order of this machine. There is no block for secrets
// here: keys are never written.
#pragma once

#include "base/addr.h"
#include "base/span.h"

#include <stdint.h>

#define PCAPNG_LINK_ETHERNET 1u	  // LINKTYPE_ETHERNET
#define PCAPNG_LINK_RAW	     101u // LINKTYPE_RAW: begins with an IP header

struct pcapng_packet {
	uint32_t interface; // number in the section
	uint64_t unix_ns;
	const uint8_t *data; // borrowed
	uint32_t len;
	const char *comment; // NULL = none
};

// Each returns the bytes of the block, 0 when `cap` is too small. `out` is any address.
uint32_t pcapng_section(uint8_t *out, uint32_t cap, const char *comment);
// Times of its packets are in ns. `name` and `description` may be NULL.
uint32_t pcapng_interface(uint8_t *out, uint32_t cap, uint16_t link, const char *name,
	const char *description);
uint32_t pcapng_packet(uint8_t *out, uint32_t cap, const struct pcapng_packet *packet);
// What the interface has seen, and lost: the last block of a recording.
uint32_t pcapng_statistics(
	uint8_t *out, uint32_t cap, uint32_t interface, uint64_t unix_ns, uint64_t lost);

// IPv4 or IPv6 and UDP headers, checksums and all, in front of `len` bytes of payload. The bytes of
// the datagram; 0: the families differ, or `cap` is too small.
uint32_t pcapng_datagram(uint8_t *out, uint32_t cap, const struct addr *from,
	const struct addr *to, struct span payload);
