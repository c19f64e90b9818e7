// sim.c - runs seeds: sim [--seeds N] [--seed X] [--verbose]. A failing seed prints its number and
// ladder.
#include "sim.h"

#include "base/check.h"
#include "base/log.h"

#include <getopt.h>
#include <stdarg.h>
#include <stdlib.h>

#define CALLS_END_MS  60000u  // what still lives then is hung up
#define HANGUP_END_MS 120000u // and what comes up late, until here
#define HANGUP_STEP_MS 5000u
#define RUN_END_MS    260000u // longest chain of timers after that, and quarantine
#define CHECK_STEP_MS 2000u

void sim_fail(struct sim *sim, const char *format, ...)
{
	va_list args;

	sim->has_failed = true;
	fprintf(sim->ladder, "%8llu FAILED: ", (unsigned long long)sim->now_ms);
	va_start(args, format);
	vfprintf(sim->ladder, format, args);
	va_end(args);
	fputc('\n', sim->ladder);
}

bool sim_chance(struct sim *sim, uint32_t permille)
{
	return rng_below(&sim->rng, 1000) < permille;
}

uint32_t sim_between(struct sim *sim, uint32_t low, uint32_t high)
{
	return low + rng_below(&sim->rng, high - low + 1);
}

static void start_call(struct sim *sim)
{
	enum sim_side side = sim_chance(sim, 600) ? SIM_ACCESS :
						    (enum sim_side)sim_between(sim, 1, 2);
	char text[ADDR_TEXT_MAX], number[16];
	struct addr addr;

	switch (side) {
	case SIM_ACCESS:
		snprintf(text, sizeof(text), "10.1.1.%u", 10 + sim->ua_count % 100);
		break;
	case SIM_CORE:
		snprintf(text, sizeof(text), "10.2.1.%u", 10 + sim->ua_count % 100);
		break;
	default:
		snprintf(text, sizeof(text), "fd00:2::%x", 0x100 + sim->ua_count);
	}
	CHECK(addr_parse(span_str(text), 5060, &addr) == 0);
	snprintf(number, sizeof(number), "%c%u", sim_chance(sim, 700) ? '1' : '6',
		sim_between(sim, 1000, 9999));
	struct ua *ua = ua_new(sim, side, &addr);
	struct addr muga = ua_muga(ua);
	ua->script.is_silent = false;
	ua_call(sim, ua, number, &muga);
}

static uint64_t next_ms(const struct sim *sim)
{
	uint64_t next = network_next_ms(sim);
	uint64_t world = world_next_ms(sim);

	next = world < next ? world : next;
	for (uint32_t i = 0; i < sim->ua_count; i++) {
		uint64_t own = ua_next_ms(&sim->uas[i]);

		next = own < next ? own : next;
	}
	return next;
}

static void step(struct sim *sim, uint64_t until_ms)
{
	uint64_t next = next_ms(sim);

	if (next <= sim->now_ms)
		next = sim->now_ms + 1;
	// Ports ripen by time alone.
	if (next > sim->now_ms + 1000)
		next = sim->now_ms + 1000;
	sim->now_ms = next < until_ms ? next : until_ms;
	network_deliver(sim);
	for (uint32_t i = 0; i < sim->ua_count; i++)
		ua_run(sim, &sim->uas[i]);
	world_run(sim);
}

static void run_calls(struct sim *sim)
{
	uint32_t calls = sim_between(sim, 1, 12);
	uint64_t check_ms = 0;
	uint64_t start_ms = sim->now_ms;

	while (sim->now_ms < start_ms + CALLS_END_MS && !sim->has_failed) {
		if (calls > 0 && sim_chance(sim, 100)) {
			calls--;
			start_call(sim);
		}
		step(sim, start_ms + CALLS_END_MS);
		if (sim->now_ms < check_ms)
			continue;
		check_ms = sim->now_ms + CHECK_STEP_MS;
		check_flows(sim);
	}
	for (uint64_t end = CALLS_END_MS; end < HANGUP_END_MS; end += HANGUP_STEP_MS) {
		world_hangup(sim);
		while (sim->now_ms < start_ms + end + HANGUP_STEP_MS && !sim->has_failed)
			step(sim, start_ms + end + HANGUP_STEP_MS);
	}
	world_hangup(sim);
	while (sim->now_ms < start_ms + RUN_END_MS && !sim->has_failed)
		step(sim, start_ms + RUN_END_MS);
	if (!sim->has_failed)
		check_end(sim);
}

struct totals {
	uint32_t failed, calls, connected;
};

static void run_seed(uint64_t seed, bool is_verbose, struct totals *totals)
{
	struct sim *sim = calloc(1, sizeof(*sim));
	char *ladder = NULL;
	size_t ladder_len = 0;

	CHECK(sim);
	sim->seed = seed;
	sim->is_verbose = is_verbose;
	sim->now_ms = 1000;
	rng_init(&sim->rng, seed);
	sim->loss_permille = sim_chance(sim, 500) ? sim_between(sim, 1, 200) : 0;
	sim->duplicate_permille = sim_chance(sim, 500) ? sim_between(sim, 1, 150) : 0;
	sim->delay_max_ms = sim_between(sim, 1, sim_chance(sim, 300) ? 1500 : 80);
	sim->mutants = sim_chance(sim, 400) ? sim_between(sim, 1, 20) : 0;
	sim->ladder = open_memstream(&ladder, &ladder_len);
	CHECK(sim->ladder && world_open(sim));
	run_calls(sim);
	totals->calls += sim->calls_ended;
	totals->connected += sim->calls_connected;
	totals->failed += sim->has_failed;
	fclose(sim->ladder);
	if (sim->has_failed || is_verbose)
		printf("seed %llu: %s\n%s", (unsigned long long)seed,
			sim->has_failed ? "FAILED" : "passed", ladder);
	world_close(sim);
	free(ladder);
	free(sim);
}

int main(int argc, char **argv)
{
	static const struct option options[] = { { "seeds", required_argument, NULL, 'n' },
		{ "seed", required_argument, NULL, 's' }, { "verbose", no_argument, NULL, 'v' },
		{ 0 } };
	struct log_config log = { .level = LOG_LEVEL_ERROR, .fd = 2, .process = "sim" };
	struct totals totals = { 0 };
	uint64_t seeds = 1, first = 1;
	bool is_verbose = false;
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == 'n')
			seeds = strtoull(optarg, NULL, 10);
		else if (option == 's')
			first = strtoull(optarg, NULL, 10);
		else if (option == 'v')
			is_verbose = true;
		else
			return 2;
	}
	const char *is_long = getenv("MUGA_LONG");
	// Ranges that did not overlap still do not.
	if (is_long && is_long[0] == '1') {
		seeds *= 20;
		first = (first - 1) * 20 + 1;
	}
	log_init(&log);
	for (uint64_t i = 0; i < seeds; i++)
		run_seed(first + i, is_verbose, &totals);
	printf("%llu seeds, %u calls, %u of them answered, %u seeds failed\n",
		(unsigned long long)seeds, totals.calls, totals.connected, totals.failed);
	return totals.failed ? 1 : 0;
}
