// path: media/x.c
// expect: include@5
#include "base/span.h"
#include "shm/flow.h"
#include "call/core.h"

#include <rte_mbuf.h>
