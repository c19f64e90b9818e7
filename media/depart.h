// depart.h - datagrams of our own, sent by the lane that owns the port, between bursts.
#pragma once

#include "base/addr.h"

#include <stdbool.h>
#include <stdint.h>

struct lane;

struct depart_datagram {
	uint16_t address, port; // own, that it leaves from; of this lane
	struct addr to;
	const uint8_t *data; // UDP payload, borrowed
	uint16_t len;
};

// False: no memory, no route, or the port is full.
bool depart_send(struct lane *lane, const struct depart_datagram *datagram);
