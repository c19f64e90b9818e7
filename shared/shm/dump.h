// dump.h - prints either file of the segment, also after a crash or of another boot.
//
// For tools. Reads by pread(2), believes nothing: a truncated or scribbled file gives errors in the
// output, never a fault. Keys are left out; key ids are shown as present or not.
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct shm_dump_options {
	bool is_json;	// one object; else text for people
	bool has_flows; // each reachable record, or each state that is in use; else only totals
};

// 0; -ENOENT and other -errno from the OS; -EPROTO: not one of our files, or no part of it is
// readable as such (said in the output as well).
int shm_dump(const char *path, const struct shm_dump_options *options, FILE *out);
