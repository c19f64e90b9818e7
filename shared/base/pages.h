// pages.h - large zeroed tables that are looked into at random: on huge pages where there are any,
// because each lookup would miss the TLB otherwise, and the first one of each small page fault.
//
// For what is made at start-up and stays. Any thread.
#pragma once

#include <stddef.h>

// Zeroed, aligned for anything. NULL: out of memory. `bytes` > 0.
void *pages_alloc(size_t bytes);
// With the same `bytes`. NULL is allowed.
void pages_free(void *table, size_t bytes);
