// clock.h - the only place where the product reads a clock. Not for signaling/sip or
// signaling/call, which get the time in struct core_env.
#pragma once

#include <stdint.h>

#define NS_PER_MS 1000000ull
#undef NS_PER_S // DPDK has an int of that name
#define NS_PER_S  1000000000ull

// CLOCK_MONOTONIC: the time in the shared segment, same for all processes
uint64_t clock_mono_ns(void);
uint64_t clock_mono_ms(void);
uint64_t clock_boot_ns(void); // CLOCK_BOOTTIME: goes on while the machine is suspended
uint64_t clock_unix_ms(void);
uint64_t clock_unix_ns(void);
