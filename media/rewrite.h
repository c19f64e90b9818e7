// rewrite.h - what the stages around rewrite share with it. Only on the lane that owns the flow.
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct burst;
struct lane;
struct packet;
struct ready_header;

// The UDP checksum of the packet as it stands, over its payload, for the addresses and ports of
// `header`; as it lies in memory.
uint16_t rewrite_checksum(const struct packet *packet, const struct ready_header *header);

// A datagram of our own, whose payload stands behind packet->udp: all headers, by the egress part
// of `header`. False: it does not fit.
bool rewrite_own(struct lane *lane, struct packet *packet, const struct ready_header *header);

// The packet will leave under the key of `header`: makes room behind it, and counts the room in
// packet->udp_len. False: dropped, `reason` set; the caller counts it at the flow.
bool protect_reserve(struct lane *lane, struct burst *burst, struct packet *packet,
	struct ready_header *header);
