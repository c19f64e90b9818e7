// main.c - bench/run forward: what a packet costs, interleaved with dpdk-testpmd on the same port
// kind.
//
// One pcap port that repeats real G.711 frames for ever and drops what is transmitted; the core 1
// is used by one of the loops at a time, in the order A B C D D C B A. See bench/README.md for
// what is compared.
#include "base/check.h"
#include "callgrind.h"
#include "loop.h"
#include "options.h"
#include "proto/rtp.h"
#include "report.h"
#include "testpmd.h"

#include "ethdev.h"
#include <math.h>
#include <pcap/pcap.h>
#include <rte_eal.h>
#include <rte_launch.h>
#include <rte_lcore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LCORE        1
#define FRAME_BYTES  214u
#define FRAMES       256u
#define MBUFS        16384u
#define PAIRS_MAX    101u
#define COUNT_BURSTS 2000u // measured under callgrind

struct bench {
	struct report *report;
	struct tables tables;
	struct testpmd peer;
	char pcap[64];
	uint16_t port;
	uint32_t pairs; // interleaved measurements of each figure
	uint32_t ms;    // of each
};

// The four things that are compared, one sample of each per round.
enum { OURS, STAMPED_IO, PLAIN_IO, PEER, SERIES };

struct series {
	double samples[SERIES][PAIRS_MAX];
	struct stats_histogram histogram;
	uint64_t packets, forwarded;
};

static struct bench bench;

// RTP over UDP over IPv4 for destination 0.0.0.0:0, which the callback fills in.
static void build_frame(uint8_t *frame, uint16_t sequence)
{
	static const uint8_t link[14] = { 2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0 };
	struct rtp_header rtp = { .ssrc = 7, .seq = sequence };
	uint32_t sum = 0;

	memset(frame, 0, FRAME_BYTES);
	memcpy(frame, link, sizeof(link));
	frame[14] = 0x45;
	rtp_store16(frame + 16, FRAME_BYTES - 14);
	frame[22] = 64;
	frame[23] = 17;
	rtp_store32(frame + 26, TABLES_SOURCE_IP);
	for (uint32_t i = 14; i < 34; i += 2)
		sum += rtp_load16(frame + i);
	sum = (sum & 0xffff) + (sum >> 16);
	rtp_store16(frame + 24, (uint16_t)~sum);
	rtp_store16(frame + 34, TABLES_SOURCE_PORT);
	rtp_store16(frame + 38, FRAME_BYTES - 34);
	rtp_store16(frame + 40, 0x1234); // never verified, only carried on
	rtp_build(&rtp, frame + 42);
}

static void write_pcap(const char *path)
{
	uint8_t frame[FRAME_BYTES];
	struct pcap_pkthdr header = { .caplen = FRAME_BYTES, .len = FRAME_BYTES };
	pcap_t *pcap = pcap_open_dead(DLT_EN10MB, 65535);
	pcap_dumper_t *dumper = pcap_dump_open(pcap, path);

	CHECK(dumper != NULL);
	for (uint32_t i = 0; i < FRAMES; i++) {
		build_frame(frame, (uint16_t)i);
		pcap_dump((u_char *)dumper, &header, frame);
	}
	pcap_dump_close(dumper);
	pcap_close(pcap);
}

static void open_port(void)
{
	static const struct rte_eth_conf conf;
	struct rte_mempool *pool = rte_pktmbuf_pool_create(
		"bench", MBUFS - 1, 256, 0, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);

	CHECK(pool != NULL);
	CHECK(rte_eth_dev_get_port_by_name("net_pcap0", &bench.port) == 0);
	CHECK(rte_eth_dev_configure(bench.port, 1, 1, &conf) == 0);
	CHECK(rte_eth_rx_queue_setup(bench.port, 0, 512, SOCKET_ID_ANY, NULL, pool) == 0);
	CHECK(rte_eth_tx_queue_setup(bench.port, 0, 512, SOCKET_ID_ANY, NULL) == 0);
	CHECK(rte_eth_dev_start(bench.port) == 0);
}

static void run_loop(struct loop *loop)
{
	CHECK(rte_eal_remote_launch(loop_run, loop, LCORE) == 0);
	rte_eal_mp_wait_lcore();
}

static double cycles_of(double ns)
{
	return ns * (double)rte_get_tsc_hz() / 1e9;
}

// One sample of our own loops: mean cycles per packet over about bench.ms.
static double sample(struct series *series, enum loop_mode mode, uint32_t flows)
{
	static struct loop loop;
	const uint64_t per_burst = 32 *
		150; // cycles, a guess: only the length of the sample depends on it

	loop = (struct loop){ .mode = mode,
		.port = bench.port,
		.flows = flows,
		.tables = &bench.tables,
		.warm_bursts = 500,
		.bursts = rte_get_tsc_hz() / 1000 * bench.ms / per_burst };
	run_loop(&loop);
	if (mode == LOOP_FORWARD) {
		for (uint32_t i = 0; i < STATS_BINS; i++)
			series->histogram.bins[i] += loop.histogram.bins[i];
		series->histogram.count += loop.histogram.count;
		series->packets += loop.packets;
		series->forwarded += loop.forwarded;
	}
	return cycles_of((double)loop.cpu_ns / (double)loop.packets);
}

static double sample_any(struct series *series, uint32_t which, uint32_t flows)
{
	switch (which) {
	case OURS:
		return sample(series, LOOP_FORWARD, flows);
	case STAMPED_IO:
		return sample(series, LOOP_IO_STAMP, flows);
	case PLAIN_IO:
		return sample(series, LOOP_IO, flows);
	default:
		return cycles_of(testpmd_measure(&bench.peer, "5tswap", bench.ms));
	}
}

// Every flow has been seen, latched, and its peer's header built.
static void warm(uint32_t flows)
{
	static struct loop loop;

	loop = (struct loop){ .mode = LOOP_FORWARD,
		.port = bench.port,
		.flows = flows,
		.tables = &bench.tables,
		.warm_bursts = 3ull * flows / 32 + 100,
		.bursts = 1 };
	run_loop(&loop);
}

// Our cycles without the price of the callback that makes the packets.
static double net_of(const double *quantiles)
{
	return quantiles[OURS] - (quantiles[STAMPED_IO] - quantiles[PLAIN_IO]);
}

static double net_by_peer(const double *quantiles)
{
	return net_of(quantiles) / quantiles[PEER];
}

static void report_cycles(const char *name, struct series *series)
{
	const double *const samples[SERIES] = { series->samples[OURS], series->samples[STAMPED_IO],
		series->samples[PLAIN_IO], series->samples[PEER] };
	double stamp = stats_quantile(series->samples[STAMPED_IO], bench.pairs, 0.1) -
		stats_quantile(series->samples[PLAIN_IO], bench.pairs, 0.1);
	struct report_figure figure = {
		.name = name,
		.value = stats_figure_of(samples, PEER, bench.pairs, net_of).value,
		.unit = "cycles",
		.peer = "testpmd 5tswap",
		.ratio = stats_figure_of(samples, SERIES, bench.pairs, net_by_peer),
		.quantiles = { stats_histogram_quantile(&series->histogram, 0.10) - stamp,
			stats_histogram_quantile(&series->histogram, 0.50) - stamp,
			stats_histogram_quantile(&series->histogram, 0.99) - stamp },
	};
	report_add(bench.report, &figure);
}

// `flows` flows in the packets; is_published: the tables know them.
static double measure(const char *name, uint32_t flows, bool is_published)
{
	static struct series series;

	memset(&series, 0, sizeof(series));
	tables_fill(&bench.tables, is_published ? (flows > 1 ? flows : 2) : 0);
	warm(flows);
	for (uint32_t i = 0; i < bench.pairs; i++)
		for (uint32_t k = 0; k < SERIES; k++) {
			uint32_t which = i % 2 ? SERIES - 1 - k : k;
			series.samples[which][i] = sample_any(&series, which, flows);
		}
	if (is_published ? series.forwarded != series.packets : series.forwarded != 0)
		report_doubt(bench.report, "packets were not forwarded as they should");
	report_cycles(name, &series);
	return stats_quantile(series.samples[OURS], bench.pairs, 0.1);
}

// What the ports alone cost here and there: whether the two processes are comparable at all.
static void measure_io(void)
{
	static struct series series;
	double peers[PAIRS_MAX];

	for (uint32_t i = 0; i < bench.pairs; i++) {
		series.samples[PLAIN_IO][i] = sample(&series, LOOP_IO, 1);
		peers[i] = cycles_of(testpmd_measure(&bench.peer, "io", bench.ms));
	}
	struct report_figure figure = { .name = "cycles_io",
		.value = stats_quantile(series.samples[PLAIN_IO], bench.pairs, 0.1),
		.unit = "cycles",
		.peer = "testpmd io",
		.ratio = stats_ratio_of(series.samples[PLAIN_IO], peers, bench.pairs) };
	report_add(bench.report, &figure);
}

// Instructions ------------------------------------------------------------------------------------

// In the child, under callgrind: collects COUNT_BURSTS bursts of one loop.
static void count_loop(enum loop_mode mode)
{
	static struct loop loop;
	const uint32_t flows = 1024;

	tables_fill(&bench.tables, flows);
	loop = (struct loop){ .mode = mode,
		.port = bench.port,
		.flows = flows,
		.tables = &bench.tables,
		.warm_bursts = 4 * flows / 32,
		.bursts = COUNT_BURSTS,
		.is_instructions = true };
	run_loop(&loop);
}

// Instructions per packet of one loop, NaN: no valgrind.
static double count_mode(enum loop_mode mode)
{
	char arguments[128];

	snprintf(arguments, sizeof(arguments), "--count=%d --pcap=%s", (int)mode, bench.pcap);
	uint64_t collected = callgrind_count(arguments);
	return collected ? (double)collected / (COUNT_BURSTS * 32.0) : NAN;
}

static void measure_instructions(void)
{
	double ours = count_mode(LOOP_FORWARD) - count_mode(LOOP_IO_STAMP) + count_mode(LOOP_IO);
	double peer = testpmd_instructions(bench.pcap, "5tswap");
	struct report_figure figure = { .name = "instructions_1k",
		.value = ours,
		.unit = "instructions",
		.peer = "testpmd 5tswap",
		.ratio = stats_ratio_of(&ours, &peer, 1) };

	if (isnan(ours) || isnan(peer))
		report_doubt(
			bench.report, "instructions could not be counted (valgrind, dpdk-testpmd)");
	report_add(bench.report, &figure);
}

// The pipeline alone: against the bound that the repository remembers, in `path`. 0, 1 or 77 (not
// to be told here).
static int run_gate(const char *path)
{
	write_pcap(bench.pcap);
	double counted = count_mode(LOOP_FORWARD) - count_mode(LOOP_IO_STAMP);
	unlink(bench.pcap);
	return callgrind_gate("bench-forward", counted, path);
}

// Start -------------------------------------------------------------------------------------------

static const char *const huge_args[] = { "-l", "0,1", "--main-lcore", "0", "--no-pci",
	"--no-telemetry", "--in-memory", "-m", "128", NULL };
static const char *const small_args[] = { "-l", "0,1", "--main-lcore", "0", "--no-pci",
	"--no-telemetry", "--no-shconf", "--no-huge", "-m", "128", NULL };

static bool has_hugepages(void)
{
	unsigned long pages = 0;
	FILE *file = fopen("/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages", "r");

	if (file && fscanf(file, "%lu", &pages) != 1)
		pages = 0;
	if (file)
		fclose(file);
	return pages >= 400; // mbufs of two processes and our tables
}

static void start_eal(const char *const *args)
{
	char device[128];
	char *argv[24] = { (char *)"bench-forward", (char *)"--vdev", device };
	int argc = 3;

	snprintf(device, sizeof(device), "net_pcap0,rx_pcap=%s,infinite_rx=1", bench.pcap);
	for (; *args; args++)
		argv[argc++] = (char *)*args;
	argv[argc++] = (char *)"--log-level=critical";
	if (rte_eal_init(argc, argv) < 0) {
		fprintf(stderr, "bench-forward: EAL did not start; root and two CPUs are needed\n");
		exit(1);
	}
	open_port();
}

static int run_bench(const char *json)
{
	const char *const *args = has_hugepages() ? huge_args : small_args;

	bench.report = report_new("forward");
	write_pcap(bench.pcap);
	start_eal(args);
	tables_init(&bench.tables);
	report_note(bench.report, "pages", bench.tables.pages);
	if (testpmd_open(&bench.peer, bench.pcap, args) != 0) {
		fprintf(stderr, "bench-forward: dpdk-testpmd (package dpdk-dev) did not start\n");
		return 1;
	}
	measure_io();
	measure("cycles_1", 1, true);
	double few = measure("cycles_1k", 1024, true);
	measure("cycles_64k", 65536, true);
	double many = measure("cycles_1m", TABLES_FLOWS_MAX, true);
	measure("cycles_drop", 1024, false);
	report_add(bench.report,
		&(struct report_figure){
			.name = "growth_1m", .value = many / few, .unit = "of 1k" });
	testpmd_close(&bench.peer);
	measure_instructions();
	unlink(bench.pcap);
	int error = report_finish(bench.report, json);
	report_free(bench.report);
	return error != 0;
}

int main(int argc, char **argv)
{
	struct bench_options options;

	if (bench_options_parse(argc, argv, "forward", &options))
		return 2;
	bench.pairs = options.is_quick ? 21 : PAIRS_MAX;
	bench.ms = options.is_quick ? 20 : 40; // short: some samples fall between others' doings
	snprintf(bench.pcap, sizeof(bench.pcap), "/tmp/bench-forward-%d.pcap", getpid());
	if (options.pcap)
		snprintf(bench.pcap, sizeof(bench.pcap), "%s", options.pcap);
	if (options.gate)
		return run_gate(options.gate);
	if (options.count < 0)
		return run_bench(options.json);
	start_eal(small_args);
	tables_init(&bench.tables);
	count_loop((enum loop_mode)options.count);
	return 0;
}
