// main.c - bench/run parse: what it costs to read and check an INVITE of 800 bytes, in turns with
// libosip2 and sofia-sip. See bench/README.md.
#include "base/check.h"
#include "callgrind.h"
#include "messages.h"
#include "options.h"
#include "peers.h"
#include "report.h"
#include "sip/parse.h"

#include <math.h>
#include <stdio.h>
#include <time.h>
#include <valgrind/callgrind.h>
#include <x86intrin.h>

#define ROUNDS_MAX  101u
#define COUNT_TURNS 20u // over all messages, measured under callgrind
#define WARM_TURNS  4u

typedef bool (*parse_fn)(struct span message);

static struct sip_msg msg;

static bool muga_parse(struct span message)
{
	struct sip_fault fault;

	return sip_parse(message, &msg, &fault) == 0;
}

enum { OURS, OSIP2, SOFIA, SERIES };

static const struct {
	const char *name;
	parse_fn parse;
} parsers[SERIES] = {
	{ "muga", muga_parse },
	{ "osip2", osip2_parse },
	{ "sofia", sofia_parse },
};

struct bench {
	struct report *report;
	uint32_t rounds; // interleaved measurements
	uint32_t ms;     // of each
	double tsc_hz;
	double samples[SERIES][ROUNDS_MAX]; // cycles per message
	struct stats_histogram histogram;   // of single messages, ours
};

static struct bench bench;

static uint64_t now_ns(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static double tsc_hz_measure(void)
{
	uint64_t from_ns = now_ns(CLOCK_MONOTONIC), from = __rdtsc(), ns;

	while ((ns = now_ns(CLOCK_MONOTONIC) - from_ns) < 50000000)
		;
	return (double)(__rdtsc() - from) * 1e9 / (double)ns;
}

// Every message once. A refusal ends the benchmark: it would compare nothing.
static void turn(uint32_t which)
{
	for (uint32_t i = 0; i < MESSAGES_COUNT; i++)
		CHECK(parsers[which].parse(messages[i]));
}

// Cycles of CPU time per message over about bench.ms.
static double sample(uint32_t which)
{
	uint64_t begin_ns, used_ns, turns = 0;

	turn(which);
	begin_ns = now_ns(CLOCK_THREAD_CPUTIME_ID);
	do {
		for (uint32_t k = 0; k < 8; k++)
			turn(which);
		turns += 8;
		used_ns = now_ns(CLOCK_THREAD_CPUTIME_ID) - begin_ns;
	} while (used_ns < bench.ms * 1000000ull);
	return (double)used_ns / 1e9 * bench.tsc_hz / (double)(turns * MESSAGES_COUNT);
}

// Single messages by the TSC, with everything in them.
static void histogram_fill(void)
{
	for (uint32_t k = 0; k < 16; k++) {
		for (uint32_t i = 0; i < MESSAGES_COUNT; i++) {
			uint64_t from = __rdtsc();
			CHECK(muga_parse(messages[i]));
			stats_count(&bench.histogram, __rdtsc() - from);
		}
	}
}

static void report_cycles(const char *name, uint32_t peer)
{
	struct report_figure figure = {
		.name = name,
		.value = stats_quantile(bench.samples[OURS], bench.rounds, 0.1),
		.unit = "cycles",
		.peer = parsers[peer].name,
		.ratio = stats_ratio_of(bench.samples[OURS], bench.samples[peer], bench.rounds),
		.quantiles = { stats_histogram_quantile(&bench.histogram, 0.10),
			stats_histogram_quantile(&bench.histogram, 0.50),
			stats_histogram_quantile(&bench.histogram, 0.99) },
	};
	report_add(bench.report, &figure);
}

static void measure_cycles(void)
{
	for (uint32_t i = 0; i < bench.rounds; i++) {
		for (uint32_t k = 0; k < SERIES; k++) {
			uint32_t which = i % 2 ? SERIES - 1 - k : k;
			bench.samples[which][i] = sample(which);
		}
		histogram_fill();
	}
	report_cycles("invite_cycles", OSIP2);
	report_cycles("invite_cycles_sofia", SOFIA);
	double mb_per_s = MESSAGE_BYTES * bench.tsc_hz /
		stats_quantile(bench.samples[OURS], bench.rounds, 0.1) / 1e6;
	report_add(bench.report,
		&(struct report_figure){
			.name = "invite_mb_per_s", .value = mb_per_s, .unit = "MB/s" });
}

// In the child, under callgrind.
static int count_turns(uint32_t which)
{
	for (uint32_t k = 0; k < WARM_TURNS; k++)
		turn(which);
	CALLGRIND_TOGGLE_COLLECT;
	for (uint32_t k = 0; k < COUNT_TURNS; k++)
		turn(which);
	CALLGRIND_TOGGLE_COLLECT;
	return 0;
}

// Instructions per message, NaN: no valgrind.
static double instructions(uint32_t which)
{
	char arguments[32];

	snprintf(arguments, sizeof(arguments), "--count=%u", which);
	uint64_t collected = callgrind_count(arguments);
	return collected ? (double)collected / (COUNT_TURNS * MESSAGES_COUNT) : NAN;
}

static void measure_instructions(void)
{
	static const char *const names[SERIES] = {
		[OSIP2] = "invite_instructions", [SOFIA] = "invite_instructions_sofia"
	};
	double ours = instructions(OURS);

	for (uint32_t peer = OSIP2; peer < SERIES; peer++) {
		double theirs = instructions(peer);
		struct report_figure figure = { .name = names[peer],
			.value = ours,
			.unit = "instructions",
			.peer = parsers[peer].name,
			.ratio = stats_ratio_of(&ours, &theirs, 1) };
		if (isnan(ours) || isnan(theirs))
			report_doubt(bench.report, "instructions could not be counted (valgrind)");
		report_add(bench.report, &figure);
	}
}

static int run_bench(const char *json)
{
	bench.report = report_new("parse");
	bench.tsc_hz = tsc_hz_measure();
	measure_cycles();
	measure_instructions();
	int error = report_finish(bench.report, json);
	report_free(bench.report);
	return error != 0;
}

int main(int argc, char **argv)
{
	struct bench_options options;

	if (bench_options_parse(argc, argv, "parse", &options))
		return 2;
	bench.rounds = options.is_quick ? 21 : ROUNDS_MAX;
	bench.ms = options.is_quick ? 10 : 20; // short: some samples fall between others' doings
	messages_init();
	peers_init();
	if (options.count >= 0 && options.count < SERIES)
		return count_turns((uint32_t)options.count);
	if (options.gate)
		return callgrind_gate("bench-parse", instructions(OURS), options.gate);
	return run_bench(options.json);
}
