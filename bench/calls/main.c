// main.c - bench-calls: instructions that the core of signaling executes for one complete call,
// from INVITE to the end of its transactions; 14 datagrams, one audio stream. No network, no
// kernel.
#include "base/check.h"
#include "callgrind.h"
#include "world.h"

#include <getopt.h>
#include <math.h>
#include <stdio.h>

#define CALLS     200u
#define LINGER_MS 33000u // 64*T1, and then some

// In the child, under callgrind: world.c collects while the core works.
static int count_calls(void)
{
	struct world_params params = { .calls_max = 1024, .transactions_max = 8192 };
	struct world *world = world_new(&params);

	for (uint32_t round = 0; round < 2; round++) {
		world_count(world, round == 1); // memory and tables are there
		for (uint32_t i = 0; i < CALLS; i++) {
			world_call(world);
			world_hang_up(world);
		}
		world_wait(world, LINGER_MS);
	}
	CHECK(world_calls(world) == 0 && world_transactions(world) == 0);
	world_free(world);
	return 0;
}

int main(int argc, char **argv)
{
	static const struct option options[] = { { "count", no_argument, NULL, 'c' },
		{ "gate", required_argument, NULL, 'g' }, { 0 } };
	const char *gate = NULL;
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == 'c')
			return count_calls();
		if (option != 'g') {
			fprintf(stderr, "usage: bench-calls [--gate FILE]\n");
			return 2;
		}
		gate = optarg;
	}
	uint64_t collected = callgrind_count("--count");
	double per_call = collected ? (double)collected / CALLS : NAN;
	if (gate)
		return callgrind_gate("bench-calls", per_call, gate);
	printf("instructions per call: %.0f\n", per_call);
	return 0;
}
