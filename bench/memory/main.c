// bench-memory - what a call and a finished transaction hold in RAM, at 1k, 10k and 100k calls.
//
// The core of signaling and both files of the segment, driven by messages, in one process: what is
// resident is then read once, without what the programs weigh by themselves. Each size runs in a
// process of its own. A lane's own memory does not depend on calls, so muga-media's part is its
// records in media.seg, which are written here as a lane writes them.
#include "options.h"
#include "report.h"
#include "world.h"

#include "base/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define STEPS            8u     // transactions of a part of the calls live at the same time
#define LINGER_MS        33000u // 64*T1, and then some
#define LINGER_RUN_MS    4000u  // all calls of that run: less than timer K
#define TRANSACTIONS_MAX 5u     // of a call from INVITE to BYE

struct sample {
	uint64_t bytes; // resident, by what was added
	uint64_t count; // of calls or transactions
	uint32_t invite_bytes;
};

static uint64_t resident_bytes(void)
{
	FILE *file = fopen("/proc/self/smaps_rollup", "r");
	unsigned long kib, sum = 0;
	char line[256];

	CHECK(file);
	// Huge pages, which a large segment is given where there are any, are not in the set.
	while (fgets(line, sizeof(line), file))
		if (sscanf(line, "Rss: %lu kB", &kib) == 1 ||
			sscanf(line, "Shared_Hugetlb: %lu kB", &kib) == 1 ||
			sscanf(line, "Private_Hugetlb: %lu kB", &kib) == 1)
			sum += kib;
	fclose(file);
	CHECK(sum > 0);
	return (uint64_t)sum * 1024;
}

static struct world *open_world(uint32_t calls, uint32_t transactions)
{
	struct world_params params = { .calls_max = calls, .transactions_max = transactions };
	struct world *world = world_new(&params);

	// Whatever the first call sets up once for all is not its own.
	world_call(world);
	world_hang_up(world);
	world_wait(world, LINGER_MS);
	CHECK(world_calls(world) == 0 && world_transactions(world) == 0);
	return world;
}

static struct sample measure_calls(uint32_t calls)
{
	struct world *world = open_world(calls, calls * TRANSACTIONS_MAX);
	uint64_t before = resident_bytes();

	for (uint32_t i = 0; i < calls; i++) {
		world_call(world);
		if (i % (calls / STEPS) == 0)
			world_wait(world, LINGER_MS);
	}
	world_wait(world, LINGER_MS);
	CHECK(world_calls(world) == calls && world_transactions(world) == 0);
	struct sample sample = { .bytes = resident_bytes() - before, .count = calls,
		.invite_bytes = world_invite_bytes(world) };
	world_free(world);
	return sample;
}

static struct sample measure_lingering(uint32_t calls)
{
	struct world *world = open_world(calls < 1024 ? calls : 1024, calls * TRANSACTIONS_MAX);
	uint32_t waited_ms = 0;

	world_touch_segment(world); // ports and slots of calls that are over go round
	uint64_t before = resident_bytes();

	for (uint32_t i = 0; i < calls; i++) {
		uint32_t due_ms = (uint32_t)((uint64_t)i * LINGER_RUN_MS / calls);

		world_call(world);
		world_hang_up(world);
		if (due_ms > waited_ms)
			world_wait(world, due_ms - waited_ms);
		waited_ms = due_ms;
	}
	CHECK(world_calls(world) == 0 && world_lingering(world) == world_transactions(world));
	struct sample sample = { .bytes = resident_bytes() - before,
		.count = world_lingering(world), .invite_bytes = world_invite_bytes(world) };
	world_free(world);
	return sample;
}

// In a child, whose heap nobody has used before.
static struct sample run_apart(struct sample (*measure)(uint32_t), uint32_t calls)
{
	struct sample sample;
	int fds[2], status;

	CHECK(pipe(fds) == 0);
	pid_t child = fork();
	CHECK(child >= 0);
	if (child == 0) {
		sample = measure(calls);
		_exit(write(fds[1], &sample, sizeof(sample)) == sizeof(sample) ? 0 : 1);
	}
	close(fds[1]);
	bool is_read = read(fds[0], &sample, sizeof(sample)) == sizeof(sample);
	close(fds[0]);
	CHECK(waitpid(child, &status, 0) == child);
	if (!is_read || status != 0) {
		fprintf(stderr, "memory: the run with %u calls failed\n", calls);
		exit(1);
	}
	return sample;
}

static void add_figure(struct report *report, const char *name, const char *size, double value)
{
	char text[64];
	struct report_figure figure = { .name = text, .value = value, .unit = "B" };

	snprintf(text, sizeof(text), "%s%s", name, size);
	report_add(report, &figure);
}

static const struct {
	uint32_t calls;
	const char *name;
} sizes[] = { { 1000, "_1k" }, { 10000, "_10k" }, { 100000, "_100k" } };

static int run_bench(uint32_t size_count, const char *json)
{
	struct report *report = report_new("memory");
	double call_max = 0, lingering_max = 0;
	char note[64];

	for (uint32_t i = 0; i < size_count; i++) {
		struct sample calls = run_apart(measure_calls, sizes[i].calls);
		struct sample lingering = run_apart(measure_lingering, sizes[i].calls);
		double call = (double)calls.bytes / (double)calls.count;
		double linger = (double)lingering.bytes / (double)lingering.count;

		add_figure(report, "bytes_per_call", sizes[i].name, call);
		add_figure(report, "bytes_per_lingering", sizes[i].name, linger);
		if (call > call_max)
			call_max = call;
		if (linger > lingering_max)
			lingering_max = linger;
		snprintf(note, sizeof(note), "%u", calls.invite_bytes);
	}
	add_figure(report, "bytes_per_call", "", call_max);
	add_figure(report, "bytes_per_lingering", "", lingering_max);
	report_note(report, "invite_bytes", note);
	report_note(
		report, "method", "resident set of the core and both segment files, one process");
	int error = report_finish(report, json);
	report_free(report);
	return error < 0;
}

int main(int argc, char **argv)
{
	struct bench_options options;

	if (bench_options_parse(argc, argv, "memory", &options))
		return 2;
	return run_bench(options.is_quick ? 2 : sizeof(sizes) / sizeof(sizes[0]), options.json);
}
