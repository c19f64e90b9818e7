// options.h - the command line of a benchmark; some count their instructions by running themselves
// again.
#pragma once

#include <stdbool.h>

struct bench_options {
	bool is_quick;    // --quick: fewer and shorter samples
	const char *json; // --json FILE: the report, NULL = none
	// from here on for ourselves and the tests
	const char *gate; // --gate FILE: compare the instructions with the number there, NULL = no
	int count;        // --count=N: what to run under callgrind, -1 = nothing
	const char *pcap; // --pcap=FILE: made by the parent, NULL = none
};

// 0, or 2 (the exit status) after a line on standard error. `name` as in bench/run NAME.
int bench_options_parse(int argc, char **argv, const char *name, struct bench_options *out);
