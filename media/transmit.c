// transmit.c - last stage: the egress queues, and who is charged for what they did not take.
#include "base/metric.h"
#include "lane.h"

#include <rte_branch_prediction.h>
#include <rte_mbuf.h>

_Static_assert(LANE_PORTS_MAX <= 32, "a bit for each port");
_Static_assert(VERDICT_FORWARD == 0, "or-ed verdicts are 0 when all are");

// Ports free or keep what they took, so only flow and verdict are touched.
static inline void note_sent(struct packet *packet)
{
	packet->verdict = VERDICT_SENT;
	metric_add(&packet->state->forwarded, 1);
}

// Returns the bytes that stay.
static uint32_t note_refused(struct packet *packet)
{
	metric_add(&packet->state->dropped_other, 1);
	packet_drop(packet, DROP_TX_FULL);
	return packet->mbuf->data_len;
}

// Every packet of the burst leaves, and by one port: the array goes out as it came in.
static void transmit_whole(struct lane *lane, struct burst *burst)
{
	struct lane_port *port = &lane->ports[burst->packets[0].tx_port];
	uint32_t sent = port->send(port->context, burst->mbufs, (uint16_t)burst->count);
	struct packet *packet = burst->packets, *end = packet + burst->count;

	for (const struct packet *taken = packet + sent; packet < taken; packet++)
		note_sent(packet);
	burst->is_sent = packet == end;
	for (; packet < end; packet++)
		burst->octets -= note_refused(packet);
	metric_add(&lane->counters.forwarded, sent);
}

static void flush_port(struct lane *lane, struct burst *burst, struct lane_port *port)
{
	uint32_t sent = port->send(port->context, port->mbufs, (uint16_t)port->count);

	for (uint32_t i = 0; i < sent; i++)
		note_sent(port->packets[i]);
	for (uint32_t i = sent; i < port->count; i++)
		burst->octets -= note_refused(port->packets[i]);
	port->count = 0;
	metric_add(&lane->counters.forwarded, sent);
}

static void transmit_sorted(struct lane *lane, struct burst *burst)
{
	uint32_t used = 0; // bit per port

	for (uint32_t i = 0; i < burst->count; i++) {
		struct packet *packet = &burst->packets[i];
		if (packet->verdict != VERDICT_FORWARD)
			continue;
		struct lane_port *port = &lane->ports[packet->tx_port];
		port->mbufs[port->count] = packet->mbuf;
		port->packets[port->count++] = packet;
		used |= 1u << packet->tx_port;
	}
	for (; used != 0; used &= used - 1)
		flush_port(lane, burst, &lane->ports[__builtin_ctz(used)]);
}

// Verdict and egress port in one word.
static inline uint32_t outcome(const struct packet *packet)
{
	uint16_t both;
	memcpy(&both, &packet->verdict, sizeof(both));
	return both;
}

static inline bool is_whole(const struct burst *burst)
{
	const struct packet *packet = burst->packets, *end = packet + burst->count;
	uint32_t first = outcome(packet), difference = 0;

	for (; packet < end; packet++)
		difference |= outcome(packet) ^ first;
	return difference == 0 && burst->packets[0].verdict == VERDICT_FORWARD;
}

void transmit_burst(struct lane *lane, struct burst *burst)
{
	if (burst->count > 0 && likely(is_whole(burst)))
		transmit_whole(lane, burst);
	else
		transmit_sorted(lane, burst);
	metric_add(&lane->counters.forwarded_octets, burst->octets);
}
