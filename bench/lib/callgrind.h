// callgrind.h - instructions, which no neighbour can disturb: the benchmark runs itself once more
// under valgrind and collects between two calls of CALLGRIND_TOGGLE_COLLECT.
#pragma once

#include <stdint.h>

// Instructions collected in this program run with `arguments`. 0: there is no valgrind, or it
// failed.
uint64_t callgrind_count(const char *arguments);

// Exit status of a test: `counted` against the bound in the file `path`, which it may miss by 2 %
// either way. NaN cannot be told here: 77.
int callgrind_gate(const char *program, double counted, const char *path);
