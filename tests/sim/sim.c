// sim.c - runs seeds: sim [--seeds N] [--seed X] [--verbose]. A failing seed prints its number and
// ladder. With --break FAULT the seeds have to fail, for the reason that belongs to the fault.
#include "sim.h"

#include "base/check.h"
#include "base/log.h"
#include "base/metric.h"
#include "call/metric.h"

#include <getopt.h>
#include <stdarg.h>
#include <stdlib.h>

#define SEEDS_USUAL   200u   // of all parts of the suite, see CMakeLists.txt
#define CAUGHT_MIN    3u     // a fault that was found so often need not be looked for
#define COVER_SEEDS   200u   // so many must have done everything that there is to do
#define CALLS_END_MS  60000u  // what still lives then is hung up
#define PATIENT_END_MS 130000u // or then
#define HANGUP_END_MS 60000u  // and what comes up late, so long
#define HANGUP_STEP_MS 5000u
#define RUN_END_MS    200000u // longest chain of timers after that, and quarantine
#define CHECK_STEP_MS 2000u

void sim_fail(struct sim *sim, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	if (!sim->has_failed)
		vsnprintf(sim->failure, sizeof(sim->failure), format, args);
	va_end(args);
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

bool sim_is_calm(const struct sim *sim)
{
	return sim->loss_permille == 0 && !sim->is_rough;
}

// A call, or a request outside calls.
static void start(struct sim *sim, bool is_call)
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
	snprintf(number, sizeof(number), "%c%u",
		sim_chance(sim, 700) ? '1' : sim_chance(sim, 900) ? '6' : '9', // no route
		sim_between(sim, 1000, 9999));
	struct ua *ua = ua_new(sim, side, &addr);
	ua->script.is_silent = false;
	ua->is_stream = sim_chance(sim, sim->stream_permille);
	if (!is_call)
		ua_exchange_start(sim, ua, number);
	else if (sim_chance(sim, 100))
		ua_call(sim, ua, sim_chance(sim, 500) ? "112" : "urn:service:sos");
	else
		ua_call(sim, ua, number);
}

static uint64_t next_ms(const struct sim *sim)
{
	uint64_t next = network_next_ms(sim);
	uint64_t world = world_next_ms(sim);

	next = world < next ? world : next;
	world = event_next_ms(sim);
	next = world < next ? world : next;
	world = resolver_next_ms(sim);
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
	resolver_run(sim);
	event_run(sim);
	fault_run(sim);
}

static void run_calls(struct sim *sim)
{
	uint32_t calls = sim_between(sim, 1, 12), exchanges = sim_between(sim, 0, 5);
	uint32_t end_ms = sim->is_patient ? PATIENT_END_MS : CALLS_END_MS;
	uint64_t check_ms = 0;
	uint64_t start_ms = sim->now_ms;

	while (sim->now_ms < start_ms + end_ms && !sim->has_failed) {
		if (calls > 0 && sim_chance(sim, 100)) {
			calls--;
			start(sim, true);
		}
		if (exchanges > 0 && sim_chance(sim, 60)) {
			exchanges--;
			start(sim, false);
		}
		step(sim, start_ms + end_ms);
		if (sim->now_ms < check_ms)
			continue;
		check_ms = sim->now_ms + CHECK_STEP_MS;
		check_flows(sim);
	}
	// People go home; whoever does not is sent.
	for (uint32_t i = 0; i < sim->ua_count; i++)
		ua_hangup(sim, &sim->uas[i]);
	for (uint64_t end = end_ms; end < end_ms + HANGUP_END_MS; end += HANGUP_STEP_MS) {
		world_hangup(sim);
		while (sim->now_ms < start_ms + end + HANGUP_STEP_MS && !sim->has_failed)
			step(sim, start_ms + end + HANGUP_STEP_MS);
	}
	world_hangup(sim);
	while (sim->now_ms < start_ms + end_ms + RUN_END_MS && !sim->has_failed)
		step(sim, start_ms + end_ms + RUN_END_MS);
	fault_end(sim);
	if (!sim->has_failed)
		check_end(sim);
}

struct options {
	uint64_t seeds, first;
	bool is_verbose;
	int fault; // -1 = none
};

struct totals {
	uint32_t pracks, updates;
	uint32_t failed, calls, connected, restored, record_len_max;
	uint32_t transfers, joined, fetched, handed;
	// of a fault: seeds that had it, found it, took it for another
	uint32_t broken, caught, mistaken;
	struct cover_totals cover;
};

static void make_weather(struct sim *sim)
{
	sim->loss_permille = sim_chance(sim, 500) ? sim_between(sim, 1, 200) : 0;
	sim->duplicate_permille = sim_chance(sim, 500) ? sim_between(sim, 1, 150) : 0;
	sim->delay_max_ms = sim_between(sim, 1, sim_chance(sim, 300) ? 1500 : 80);
	sim->mutants = sim_chance(sim, 400) ? sim_between(sim, 1, 20) : 0;
	sim->has_names = sim_chance(sim, 400);
	sim->dns_lost_permille = sim_chance(sim, 300) ? sim_between(sim, 1, 500) : 0;
	sim->dns_late_permille = sim_chance(sim, 300) ? sim_between(sim, 1, 500) : 0;
	sim->dns_failed_permille = sim_chance(sim, 300) ? sim_between(sim, 1, 500) : 0;
	if (sim_chance(sim, 500) || fault_is(sim, "stream-repeated")) {
		sim->stream_permille = sim_between(sim, 100, 1000);
		sim->break_permille = sim_chance(sim, 600) ? sim_between(sim, 1, 100) : 0;
		sim->refuse_permille = sim_chance(sim, 300) ? sim_between(sim, 1, 500) : 0;
	}
	if (fault_is_quiet(sim))
		sim->loss_permille = sim->mutants = 0;
	// Other faults are put into datagrams.
	if (sim->fault >= 0 && !fault_is(sim, "stream-repeated"))
		sim->stream_permille = 0;
	sim->is_patient = sim_chance(sim, 300);
	stress_plan(sim);
	sim->is_patient |= fault_is_quiet(sim);
	if (fault_is_quiet(sim))
		return;
	if (sim_chance(sim, 300))
		sim->kill_peers_ms = sim_between(sim, 1000, CALLS_END_MS);
	if (sim_chance(sim, 300))
		sim->kill_workers_ms = sim_between(sim, 1000, CALLS_END_MS);
	fault_weather(sim);
}

static void count(const struct sim *sim, struct totals *totals)
{
	totals->calls += sim->calls_ended;
	totals->connected += sim->calls_connected;
	totals->pracks += sim->pracks;
	totals->updates += sim->updates;
	totals->restored += sim->calls_restored;
	totals->fetched += sim->calls_fetched;
	totals->handed += sim->calls_handed;
	cover_add(&totals->cover, sim);
	for (uint32_t i = 0; i < SIM_WORKERS; i++) {
		const struct core_metrics *metrics = core_metrics(sim->cores[i]);

		totals->transfers += (uint32_t)metric_read(&metrics->transfers);
		totals->joined += (uint32_t)metric_read(&metrics->transfers_done);
	}
	if (sim->record_len_max > totals->record_len_max)
		totals->record_len_max = sim->record_len_max;
	totals->failed += sim->has_failed;
	totals->broken += sim->is_broken;
	if (sim->fault < 0 || !sim->has_failed)
		return;
	if (fault_is_found(sim->fault, sim->failure))
		totals->caught++;
	else
		totals->mistaken++;
}

static void run_seed(uint64_t seed, const struct options *options, struct totals *totals)
{
	struct sim *sim = calloc(1, sizeof(*sim));
	char *ladder = NULL;
	size_t ladder_len = 0;

	CHECK(sim);
	sim->seed = seed;
	sim->is_verbose = options->is_verbose;
	sim->fault = options->fault;
	sim->now_ms = 1000;
	rng_init(&sim->rng, seed);
	make_weather(sim);
	sim->ladder = open_memstream(&ladder, &ladder_len);
	CHECK(sim->ladder && world_open(sim));
	run_calls(sim);
	for (uint32_t i = 0; i < SIM_WORKERS; i++)
		cover_core(sim, i);
	count(sim, totals);
	fclose(sim->ladder);
	if ((sim->has_failed && sim->fault < 0) || sim->is_verbose)
		printf("seed %llu: %s\n%s", (unsigned long long)seed,
			sim->has_failed ? "FAILED" : "passed", ladder);
	world_close(sim);
	network_close(sim);
	free(ladder);
	free(sim);
}

static int run_seeds(const struct options *options)
{
	struct totals totals = { 0 };

	for (uint64_t i = 0; i < options->seeds && totals.caught < CAUGHT_MIN; i++)
		run_seed(options->first + i, options, &totals);
	if (options->fault >= 0) {
		printf("%s: in %u of %llu seeds, found in %u, taken for something else in %u\n",
			fault_name((uint32_t)options->fault), totals.broken,
			(unsigned long long)options->seeds, totals.caught, totals.mistaken);
		return totals.caught == 0 || totals.mistaken > 0;
	}
	printf("%llu seeds, %u calls, %u of them answered, %u PRACKs, %u UPDATEs, %u came back "
		"from records of at most %u bytes, %u seeds failed\n",
		(unsigned long long)options->seeds, totals.calls, totals.connected, totals.pracks,
		totals.updates, totals.restored, totals.record_len_max, totals.failed);
	printf("%u of %u transfers joined both parties, %u calls went to another worker for one, "
		"%u INVITEs to a call\n",
		totals.joined, totals.transfers, totals.fetched, totals.handed);
	uint32_t missing = options->seeds >= COVER_SEEDS ? cover_report(&totals.cover) : 0;
	return totals.failed > 0 || missing > 0;
}

static bool parse_options(int argc, char **argv, struct options *out)
{
	static const struct option known[] = { { "seeds", required_argument, NULL, 'n' },
		{ "seed", required_argument, NULL, 's' }, { "verbose", no_argument, NULL, 'v' },
		{ "break", required_argument, NULL, 'b' }, { 0 } };
	int option;

	while ((option = getopt_long(argc, argv, "", known, NULL)) != -1) {
		if (option == 'n')
			out->seeds = strtoull(optarg, NULL, 10);
		else if (option == 's')
			out->first = strtoull(optarg, NULL, 10);
		else if (option == 'v')
			out->is_verbose = true;
		else if (option != 'b' || (out->fault = fault_find(optarg)) < 0)
			return false;
	}
	return true;
}

// How many times the usual seeds: 50 with MUGA_LONG=1, or what MUGA_SIM_SEEDS asks for in all.
static uint64_t seeds_factor(void)
{
	const char *is_long = getenv("MUGA_LONG"), *wanted = getenv("MUGA_SIM_SEEDS");

	if (wanted)
		return strtoull(wanted, NULL, 10) / SEEDS_USUAL + 1;
	return is_long && is_long[0] == '1' ? 50 : 1;
}

int main(int argc, char **argv)
{
	struct log_config log = { .level = LOG_LEVEL_ERROR, .fd = 2, .process = "sim" };
	struct options options = { .seeds = 1, .first = 1, .fault = -1 };
	uint64_t factor = seeds_factor();

	if (!parse_options(argc, argv, &options)) {
		fputs("sim [--seeds N] [--seed X] [--verbose] [--break FAULT]; faults:\n", stderr);
		for (uint32_t i = 0; fault_name(i); i++)
			fprintf(stderr, "  %s\n", fault_name(i));
		return 2;
	}
	// Ranges that did not overlap still do not.
	if (options.fault < 0) {
		options.seeds *= factor;
		options.first = (options.first - 1) * factor + 1;
	}
	log_init(&log);
	return run_seeds(&options);
}
