// trunk.h - which trunk a message comes from, and how many calls each trunk carries.
//
// The table of counts is shared by all cores of a process: any thread takes and gives back by
// atomics, so a limit is exact over all workers. Slots are named by the trunk, not by its index,
// because a reload may renumber trunks while their calls live.
#pragma once

#include "config/config.h"

#include <stdatomic.h>

#define TRUNK_SLOTS 8192u // power of two, twice CONFIG_TRUNKS_MAX: removed names keep their slot
#define TRUNK_NONE  UINT32_MAX

// The trunk that a message came from: the one that the far end's certificate named
// (hop.peer_trunk), else the trunk of the realm whose match prefixes (or, where nothing else tells,
// whose hosts) cover the source; the longest prefix wins, then the first in the file. Index, or -1.
// A few hash lookups, however many trunks there are.
struct sip_hop;
int trunk_find(const struct config *config, const struct sip_hop *from);

struct trunk_table;

// NULL: out of memory.
struct trunk_table *trunk_table_new(void);
void trunk_table_free(struct trunk_table *table);

// The slot of a trunk's name, made at first sight. TRUNK_NONE: more than TRUNK_SLOTS names were
// ever seen.
uint32_t trunk_slot(struct trunk_table *table, struct span name);
// Counts one call. False: the trunk carries calls_max already (0 = no limit); nothing was counted.
bool trunk_take(struct trunk_table *table, uint32_t slot, uint32_t calls_max);
void trunk_give(struct trunk_table *table, uint32_t slot);
// Calls now, any thread.
uint32_t trunk_calls(const struct trunk_table *table, uint32_t slot);
