// ethdev.h - rte_ethdev.h beside base/addr.h: DPDK draws in <netinet/ip.h>, whose struct ip is not
// ours.
//
// Include this instead of rte_ethdev.h. No field of an rte_* struct that we use is called `ip`.
#pragma once

#define ip netinet_ip
#include <rte_ethdev.h>
#undef ip
