// main.c - bench/run srtp: what a packet of SRTP costs in the whole pipeline, next to libsrtp2's
// part alone, interleaved burst by burst.
#include "options.h"
#include "peer.h"
#include "report.h"
#include "world.h"

#include <rte_eal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BURSTS 48u // of each kind in one sample; its median counts

enum { PLAIN, PROTECT, UNPROTECT, PEER_PROTECT, PEER_UNPROTECT, KINDS };

struct sample_set {
	double samples[KINDS][STATS_SAMPLES_MAX];
	uint32_t count;
};

struct bench {
	struct report *report;
	struct world *world;
	uint32_t rounds;
};

static struct bench bench;

static void take_sample(struct sample_set *set)
{
	static double cycles[KINDS][BURSTS];

	for (uint32_t i = 0; i < BURSTS; i++) {
		cycles[PLAIN][i] = (double)world_forward(bench.world, false);
		cycles[PROTECT][i] = (double)world_forward(bench.world, true);
		cycles[UNPROTECT][i] = (double)world_return(bench.world);
		cycles[PEER_PROTECT][i] = (double)peer_protect(WORLD_BURST);
		cycles[PEER_UNPROTECT][i] = (double)peer_unprotect(WORLD_BURST);
	}
	for (uint32_t kind = 0; kind < KINDS; kind++)
		set->samples[kind][set->count] =
			stats_quantile(cycles[kind], BURSTS, 0.5) / WORLD_BURST;
	set->count++;
}

static void report_kind(const struct sample_set *set, const char *suite, uint32_t calls, int kind)
{
	char name[64];
	bool is_protect = kind == PROTECT;
	const double *peer = set->samples[is_protect ? PEER_PROTECT : PEER_UNPROTECT];

	snprintf(name, sizeof(name), "%s_%scycles%s", suite, is_protect ? "" : "in_",
		calls == 1 ? "_1" : calls == 1000 ? "" : "_10k");
	struct report_figure figure = {
		.name = name,
		.value = stats_quantile(set->samples[kind], set->count, 0.1),
		.unit = "cycles",
		.peer = is_protect ? "srtp_protect" : "srtp_unprotect",
		.ratio = stats_ratio_of(set->samples[kind], peer, set->count),
		.quantiles = { stats_quantile(set->samples[kind], set->count, 0.1),
			stats_quantile(set->samples[kind], set->count, 0.5),
			stats_quantile(set->samples[kind], set->count, 0.99) },
	};
	report_add(bench.report, &figure);
}

static void report_plain(const struct sample_set *set, uint32_t calls)
{
	char name[64];

	snprintf(name, sizeof(name), "plain_cycles%s",
		calls == 1 ? "_1" : calls == 1000 ? "" : "_10k");
	report_add(bench.report,
		&(struct report_figure){ .name = name, .unit = "cycles",
			.value = stats_quantile(set->samples[PLAIN], set->count, 0.1) });
}

static void measure(const char *name, enum srtp_suite suite, uint32_t calls)
{
	static struct sample_set set;

	memset(&set, 0, sizeof(set));
	world_fill(bench.world, calls, suite);
	peer_fill(calls, suite);
	for (uint32_t i = 0; i < 3 * calls / WORLD_BURST + 10; i++) {
		world_forward(bench.world, false);
		world_forward(bench.world, true);
		world_return(bench.world);
	}
	uint64_t dropped = world_dropped(bench.world);
	for (uint32_t i = 0; i < bench.rounds; i++)
		take_sample(&set);
	if (world_dropped(bench.world) != dropped)
		report_doubt(bench.report, "packets were dropped");
	report_kind(&set, name, calls, PROTECT);
	report_kind(&set, name, calls, UNPROTECT);
	if (suite == SRTP_AEAD_AES_128_GCM)
		report_plain(&set, calls);
	peer_clear();
}

static void start_eal(void)
{
	char prefix[64];
	char *args[] = { "bench-srtp", "--no-pci", "--no-telemetry", "--no-shconf", "--no-huge",
		"-m", "256", "--log-level=*:critical", "--lcores=0@1", prefix };

	snprintf(prefix, sizeof(prefix), "--file-prefix=bench-srtp-%d", (int)getpid());
	if (rte_eal_init(sizeof(args) / sizeof(args[0]), args) < 0) {
		fprintf(stderr, "bench-srtp: EAL did not start; two CPUs are needed\n");
		exit(1);
	}
}

int main(int argc, char **argv)
{
	static const uint32_t calls[] = { 1, 1000, WORLD_CALLS_MAX };
	struct bench_options options;

	if (bench_options_parse(argc, argv, "srtp", &options))
		return 2;
	bench.rounds = options.is_quick ? 15 : 101;
	bench.report = report_new("srtp");
	start_eal();
	bench.world = world_new();
	report_note(bench.report, "driver", world_driver(bench.world));
	for (uint32_t i = 0; i < 3; i++) {
		measure("gcm128", SRTP_AEAD_AES_128_GCM, calls[i]);
		measure("cm_sha1_80", SRTP_AES_CM_128_HMAC_SHA1_80, calls[i]);
	}
	int error = report_finish(bench.report, options.json);
	report_free(bench.report);
	return error != 0;
}
