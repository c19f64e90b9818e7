// guard.h - netfilter rules that keep the kernel from answering media in our place.
//
// The kernel sees our media while no XDP program is attached (the moment between a killed
// muga-media and its successor) and, with AF_PACKET ports, always. It owns no socket on these ports
// and would answer ICMP port unreachable, on which phones end their calls. Called by the main
// thread at start and at a clean stop only; the rules outlive a crash on purpose. Knows no DPDK.
#pragma once

#include "config/config.h"

#include <stddef.h>

// Writes the rule set for all xdp and packet devices of the configuration: a netdev table that
// drops whole media datagrams where they enter, before the kernel spends work on them, and an inet
// table that drops the answers to reassembled ones. Replaces what an earlier run left. Bytes
// written without the NUL, or -ENOBUFS.
int guard_format(const struct config *config, char *buf, size_t bytes);
// 0 or -EIO: the kernel refused, the reason is logged.
int guard_install(const struct config *config);
void guard_remove(const struct config *config);
