// clock.c - the three clocks of the product.
#include "base/clock.h"

#include "base/check.h"

#include <time.h>

static uint64_t read_ns(clockid_t id)
{
	struct timespec ts;
	CHECK(clock_gettime(id, &ts) == 0);
	return (uint64_t)ts.tv_sec * NS_PER_S + (uint64_t)ts.tv_nsec;
}

uint64_t clock_mono_ns(void)
{
	return read_ns(CLOCK_MONOTONIC);
}

uint64_t clock_mono_ms(void)
{
	return read_ns(CLOCK_MONOTONIC) / NS_PER_MS;
}

uint64_t clock_boot_ns(void)
{
	return read_ns(CLOCK_BOOTTIME);
}

uint64_t clock_unix_ms(void)
{
	return read_ns(CLOCK_REALTIME) / NS_PER_MS;
}

uint64_t clock_unix_ns(void)
{
	return read_ns(CLOCK_REALTIME);
}
