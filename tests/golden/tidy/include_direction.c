// path: shared/base/x.c
// expect: include@4 include@5 include@6
#include "base/span.h"
#include "shm/flow.h"
#include "config/config.h"
#include "base/no_such_header.h"
