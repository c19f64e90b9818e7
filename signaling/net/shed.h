// shed.h - a socket filter that drops a part of the new calls before they cost anything.
//
// Classic BPF on a UDP socket (socket(7), SO_ATTACH_FILTER). It sees the first bytes of a datagram
// only: "INVITE sip:" is a new call unless its user part is as long as one of our own tokens (a
// request inside a call) or is one of the numbers that are spared. Everything else passes, so does
// "INVITE urn:service:sos". What it drops is counted by the kernel as a drop of the socket.
#pragma once

#include "base/span.h"

#include <stdint.h>

#define SHED_SPARED_MAX 32u // numbers
#define SHED_NUMBER_MAX 8u  // characters of one

// Drops `permille` of the new calls at random; 0 takes the filter away. `spared` are user parts
// that are never dropped. 0; -E2BIG: too many; -EINVAL: one is empty or too long; -errno of
// setsockopt(2). After an error the socket has what it had before.
int shed_set(int fd, uint32_t permille, const struct span *spared, uint32_t count);
