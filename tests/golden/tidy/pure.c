// path: signaling/sip/x.c
// expect: include@3 include@4 include@5 include@6 include@7 include@9 call@13
#include <pthread.h>
#include <sys/socket.h>
#include <time.h>
#include <uv.h>
#include <rte_mbuf.h>
#include "base/clock.h"
#include "call/core.h"

static unsigned long now(void)
{
	return clock_mono_ms();
}
