// report.h - what every benchmark writes: a table for people, and with --json the object
// {"name", "valid", "machine", "figures": [{"name", "value", "unit", "peer", "ratio", "ci95"}]}.
#pragma once

#include "stats.h"

#include <stdbool.h>
#include <stdint.h>

struct report;

struct report_figure {
	const char *name;
	double value;
	const char *unit;
	const char *peer;         // NULL: no peer, no ratio
	struct stats_ratio ratio; // ours / peer's
	double quantiles[3];      // p10, p50, p99 of `value`; all 0 = not given
};

// Notes the machine (CPU, kernel, load, steal, commit) at the start. Never NULL: dies out of
// memory.
struct report *report_new(const char *name);
void report_free(struct report *report);

// Strings are copied.
void report_add(struct report *report, const struct report_figure *figure);
// One more fact about the machine or the run, e.g. ("pages", "2 MB").
void report_note(struct report *report, const char *key, const char *value);
// The figures cannot be believed, because ... (may come more than once).
void report_doubt(struct report *report, const char *why);

// Judges the machine (load, steal since report_new(), width of intervals), prints the table,
// writes the JSON file if `path` is not NULL. 0 or -errno of the file.
int report_finish(struct report *report, const char *path);
