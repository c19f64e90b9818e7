// netns.h - a network namespace of the test's own with two ends of a veth in it, for the netlink
// code.
#pragma once

#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

// 77 = skipped: only root may.
#define NETNS_SKIP 77

// near (10.9.0.1/24, fd09::1/64) and far, both up; far has the fixed MAC 02:00:00:00:00:f2.
static inline int netns_open(void)
{
	if (geteuid() != 0 || unshare(CLONE_NEWNET))
		return NETNS_SKIP;
	return system("ip link set lo up && ip link add near type veth peer name far && "
		"ip link set far address 02:00:00:00:00:f2 && "
		"sysctl -qw net.ipv6.conf.near.accept_dad=0 && "
		"ip addr add 10.9.0.1/24 dev near && ip addr add fd09::1/64 dev near nodad && "
		"ip link set near up && ip link set far up") ? 1 : 0;
}
