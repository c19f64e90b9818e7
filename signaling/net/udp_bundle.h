// udp_bundle.h - datagrams that pass the kernel's network stack as one (UDP_SEGMENT): several to
// one target, all of one length but the last, which may be shorter. At the far end they are
// datagrams as ever.
//
// Of what leaves in one turn, most is of one kind, so a little sorting makes bundles. Datagrams of
// one call to one target keep their order. Pure; one thread.
#pragma once

#include "base/addr.h"
#include "base/span.h"

#include <stdint.h>

#define UDP_BUNDLE_COUNT_MAX 32u    // datagrams; the kernel allows 64
#define UDP_BUNDLE_BYTES_MAX 60000u // the kernel: 65,507 less options
#define UDP_BUNDLE_LEN_MAX   1400u  // of one; more may be above the MTU, which parts cannot be

struct udp_message {
	struct addr target;
	struct span data; // borrowed
};

#define UDP_BUNDLE_SORT_MAX 64u

// The order to send `messages` in, as indices: by target, largest first, but those with one
// Call-ID, or without any, as they come. count <= UDP_BUNDLE_SORT_MAX.
void udp_bundle_sort(const struct udp_message *messages, uint32_t count, uint8_t *order);

// How many of messages[order[0]], messages[order[1]], ... may leave as one: 1 if the first is empty
// or longer than `len_max`. count > 0.
uint32_t udp_bundle_count(const struct udp_message *messages, const uint8_t *order, uint32_t count,
	uint32_t len_max);
