// crash.h - numbered places between two stores where the torture kills or stops the process.
//
// Nothing in the product: the macro is empty unless MUGA_CRASH_POINTS is defined, which only the
// separate build of this library in tests/torture/shm does.
#pragma once

#include <stdint.h>

#ifdef MUGA_CRASH_POINTS
extern void (*shm_crash_hook)(uint32_t site); // set by the torture before it forks
#define SHM_CRASH_POINT(site)                                                                      \
	do {                                                                                       \
		__atomic_signal_fence(__ATOMIC_SEQ_CST);                                           \
		if (shm_crash_hook)                                                                \
			shm_crash_hook(site);                                                      \
		__atomic_signal_fence(__ATOMIC_SEQ_CST);                                           \
	} while (0)
#else
#define SHM_CRASH_POINT(site) ((void)0)
#endif
