// rtp-blast - sends RTP of many streams at an exact total rate and counts by number what comes out
// at the other end of each call.
//
//   rtp-blast --flows FILE --end NETNS,INTERFACE,BORDER-MAC --end NETNS,INTERFACE,BORDER-MAC
//             --rate PPS --seconds S [--flood PPS] [--drain MS] [--no-checksum] [--cpu N]
//
// The first --end is side 0 of the flows file. Streams are spread uniformly over the packet time:
// packet k of the whole blast is due at k / rate. With --flood the first stream has a rate of its
// own, apart from that of all others, and is accounted for apart ("flood_"). Prints one JSON
// object; "is_generator_limited" means that the asked rate was not reached, so that the trial says
// nothing about the relay.
#include "port.h"

#include <getopt.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct options {
	const char *flows, *netns[BLAST_SIDES], *interface[BLAST_SIDES];
	struct blast_macs macs[BLAST_SIDES];
	uint32_t ends, rate_pps, flood_pps, drain_ms;
	double seconds;
	int cpu;
	bool has_checksum;
};

// Streams that share a rate.
struct share {
	const uint32_t *order; // of sending
	uint32_t streams, rate_pps;
	uint64_t done, total;  // packets
};

enum { SHARE_ALL, SHARE_FLOOD, SHARES };

struct blast {
	struct blast_port port[BLAST_SIDES];
	struct blast_flows flows;
	uint32_t *order;        // the flooded stream first
	struct share shares[SHARES];
	uint64_t sent, refused; // refused: the kernel did not take the frame
	uint64_t behind_max_ns;
};

static uint64_t now(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static void send_side(struct blast *blast, uint32_t side, struct blast_flow **flows, uint32_t count)
{
	uint32_t taken = count ? blast_port_send(&blast->port[side], flows, count) : 0;

	blast->sent += taken;
	blast->refused += count - taken;
	for (uint32_t i = taken; i < count; i++)
		flows[i]->sent--; // the number goes out with the next frame
}

// The next `count` <= BLAST_BURST packets of the share.
static void send_burst(struct blast *blast, struct share *share, uint32_t count)
{
	struct blast_flow *flows[BLAST_SIDES][BLAST_BURST];
	uint32_t counts[BLAST_SIDES] = { 0 };

	for (uint32_t i = 0; i < count; i++, share->done++) {
		struct blast_flow *flow =
			&blast->flows.flows[share->order[share->done % share->streams]];
		blast_flow_advance(flow);
		flows[flow->side][counts[flow->side]++] = flow;
	}
	for (uint32_t side = 0; side < BLAST_SIDES; side++)
		send_side(blast, side, flows[side], counts[side]);
}

static void receive_both(struct blast *blast)
{
	for (uint32_t side = 0; side < BLAST_SIDES; side++)
		blast_port_receive(&blast->port[side], side, &blast->flows);
}

// Sends what is due after `ns`, a burst at most.
static void send_due(struct blast *blast, struct share *share, uint64_t ns)
{
	uint64_t due = (uint64_t)((double)ns * 1e-9 * share->rate_pps);

	due = due < share->total ? due : share->total;
	if (due <= share->done)
		return;
	uint64_t waiting = due - share->done, behind_ns = waiting * 1000000000u / share->rate_pps;
	if (behind_ns > blast->behind_max_ns)
		blast->behind_max_ns = behind_ns;
	send_burst(blast, share, waiting < BLAST_BURST ? (uint32_t)waiting : BLAST_BURST);
}

static bool is_done(const struct blast *blast)
{
	return blast->shares[SHARE_ALL].done == blast->shares[SHARE_ALL].total &&
		blast->shares[SHARE_FLOOD].done == blast->shares[SHARE_FLOOD].total;
}

// Returns the time the sending took, ns.
static uint64_t run(struct blast *blast, const struct options *o)
{
	uint64_t begin_ns = now(), end_ns = begin_ns + (uint64_t)(o->seconds * 1e9);
	uint64_t now_ns = begin_ns;

	while (!is_done(blast) && now_ns < end_ns + 20000000) {
		for (uint32_t i = 0; i < SHARES; i++)
			send_due(blast, &blast->shares[i], now_ns - begin_ns);
		receive_both(blast);
		now_ns = now();
	}
	uint64_t took_ns = now_ns - begin_ns;
	uint64_t drained_ns = now_ns + o->drain_ms * 1000000ull;
	while (now() < drained_ns)
		receive_both(blast);
	return took_ns;
}

struct tally {
	uint64_t sent, received, late, forged;
};

static struct tally tally_of(const struct blast *blast, uint32_t from, uint32_t to)
{
	struct tally tally = { 0 };

	for (uint32_t i = from; i < to; i++) {
		const struct blast_flow *flow = &blast->flows.flows[i];
		tally.sent += flow->sent - flow->first;
		tally.received += flow->received;
		tally.late += flow->late;
		tally.forged += flow->forged;
	}
	return tally;
}

static void report(struct blast *blast, const struct options *o, uint64_t took_ns)
{
	uint32_t flooded = o->flood_pps ? 1 : 0;
	struct tally all = tally_of(blast, flooded, blast->flows.count);
	struct tally flood = tally_of(blast, 0, flooded);
	uint64_t drops = 0;
	double pps = (double)blast->sent * 1e9 / (double)took_ns;

	for (uint32_t side = 0; side < BLAST_SIDES; side++) {
		blast_port_count_drops(&blast->port[side]);
		drops += blast->port[side].drops;
	}
	struct timespec cpu;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu);
	printf("{\"streams\": %u, \"asked_pps\": %u, \"sent_pps\": %.0f, \"sent\": %lu, "
		"\"received\": %lu, \"lost\": %ld, \"late\": %lu, \"forged\": %lu, "
		"\"flood_sent\": %lu, \"flood_received\": %lu, \"sink_drops\": %lu, "
		"\"refused\": %lu, \"behind_max_us\": %lu, \"cpu_ns\": %lu, "
		"\"is_generator_limited\": %s}\n",
		blast->flows.count, o->rate_pps, pps, all.sent, all.received,
		(long)(all.sent - all.received), all.late, all.forged, flood.sent, flood.received,
		drops, blast->refused, blast->behind_max_ns / 1000,
		(uint64_t)cpu.tv_sec * 1000000000u + (uint64_t)cpu.tv_nsec,
		pps < 0.99 * (o->rate_pps + o->flood_pps) || blast->refused || drops ? "true" :
		"false");
}

// The two ends of a call send half a period apart, and neighbours in the file are spread. The
// flooded stream is sent by its own share only.
static void make_shares(struct blast *blast, const struct options *o)
{
	uint32_t calls = blast->flows.count / 2, flooded = o->flood_pps ? 1 : 0;

	for (uint32_t i = 0; i < calls; i++) {
		blast->order[2 * i] = 2 * i;
		blast->order[2 * i + 1] = 2 * ((i + calls / 2) % calls) + 1;
	}
	blast->shares[SHARE_ALL] = (struct share){
		.order = blast->order + flooded, .streams = blast->flows.count - flooded,
		.rate_pps = o->rate_pps, .total = (uint64_t)(o->rate_pps * o->seconds)
	};
	blast->shares[SHARE_FLOOD] = (struct share){
		.order = blast->order, .streams = 1,
		.rate_pps = o->flood_pps, .total = (uint64_t)(o->flood_pps * o->seconds)
	};
}

static bool parse_mac(const char *text, uint8_t mac[6])
{
	unsigned int b[6];
	if (sscanf(text, "%x:%x:%x:%x:%x:%x", &b[0], &b[1], &b[2], &b[3], &b[4], &b[5]) != 6)
		return false;
	for (int i = 0; i < 6; i++)
		mac[i] = (uint8_t)b[i];
	return true;
}

static bool parse_end(struct options *o, char *text)
{
	if (o->ends == BLAST_SIDES)
		return false;
	o->netns[o->ends] = strsep(&text, ",");
	o->interface[o->ends] = strsep(&text, ",");
	return text && parse_mac(text, o->macs[o->ends++].border);
}

static bool parse_option(struct options *o, int opt, char *value)
{
	switch (opt) {
	case 'f': o->flows = value; return true;
	case 'e': return parse_end(o, value);
	case 'r': o->rate_pps = (uint32_t)strtoul(value, NULL, 10); return o->rate_pps > 0;
	case 'x': o->flood_pps = (uint32_t)strtoul(value, NULL, 10); return true;
	case 's': o->seconds = strtod(value, NULL); return o->seconds > 0;
	case 'd': o->drain_ms = (uint32_t)strtoul(value, NULL, 10); return true;
	case 'n': o->has_checksum = false; return true;
	case 'c': o->cpu = atoi(value); return true;
	default: return false;
	}
}

static bool parse(struct options *o, int argc, char **argv)
{
	static const struct option options[] = {
		{ "flows", required_argument, NULL, 'f' },
		{ "end", required_argument, NULL, 'e' },
		{ "rate", required_argument, NULL, 'r' },
		{ "flood", required_argument, NULL, 'x' },
		{ "seconds", required_argument, NULL, 's' },
		{ "drain", required_argument, NULL, 'd' },
		{ "no-checksum", no_argument, NULL, 'n' },
		{ "cpu", required_argument, NULL, 'c' },
		{ 0 },
	};
	int opt;
	while ((opt = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (!parse_option(o, opt, optarg))
			return false;
	}
	return o->flows && o->ends == BLAST_SIDES && o->rate_pps && o->seconds > 0;
}

int main(int argc, char **argv)
{
	struct options o = { .drain_ms = 200, .cpu = -1, .has_checksum = true };
	struct blast blast = { 0 };

	if (!parse(&o, argc, argv)) {
		fprintf(stderr, "usage: rtp-blast --flows FILE --end NETNS,INTERFACE,MAC (twice) "
			"--rate PPS --seconds S [--flood PPS] [--drain MS] [--no-checksum] "
			"[--cpu N]\n");
		return 2;
	}
	cpu_set_t cpus;
	CPU_ZERO(&cpus);
	CPU_SET(o.cpu < 0 ? 0 : o.cpu, &cpus);
	if (o.cpu >= 0 && sched_setaffinity(0, sizeof(cpus), &cpus)) {
		perror("rtp-blast: --cpu");
		return 2;
	}
	for (uint32_t side = 0; side < BLAST_SIDES; side++) {
		if (blast_port_open(&blast.port[side], o.netns[side], o.interface[side]))
			return 2;
		memcpy(o.macs[side].own, blast.port[side].mac, 6);
	}
	if (blast_flows_init(&blast.flows, o.flows, o.macs, o.has_checksum))
		return 2;
	blast.order = calloc(blast.flows.count, sizeof(*blast.order));
	if (!blast.order)
		return 2;
	make_shares(&blast, &o);
	report(&blast, &o, run(&blast, &o));
	free(blast.order);
	blast_flows_fini(&blast.flows, o.flows);
	for (uint32_t side = 0; side < BLAST_SIDES; side++)
		blast_port_close(&blast.port[side]);
	return 0;
}
