// transmit.c - last stage: the egress queues, and who is charged for what they did not take.
#include "base/metric.h"
#include "lane.h"

#include <rte_branch_prediction.h>
#include <rte_mbuf.h>

static inline void queue_packet(struct lane *lane, struct packet *packet)
{
	struct lane_port *port = &lane->ports[packet->tx_port];

	port->mbufs[port->count] = packet->mbuf;
	port->packets[port->count] = packet;
	port->count++;
}

// Ports free or keep what they took: an mbuf's length is read before.
static void flush_port(struct lane *lane, struct lane_port *port)
{
	uint64_t octets = 0;

	for (uint32_t i = 0; i < port->count; i++)
		octets += port->mbufs[i]->data_len;
	uint32_t sent = port->send(port->context, port->mbufs, (uint16_t)port->count);
	for (uint32_t i = 0; i < sent; i++) {
		port->packets[i]->verdict = VERDICT_SENT;
		metric_add(&port->packets[i]->state->forwarded, 1);
	}
	for (uint32_t i = sent; i < port->count; i++) {
		octets -= port->mbufs[i]->data_len;
		metric_add(&port->packets[i]->state->dropped_other, 1);
		packet_drop(port->packets[i], DROP_TX_FULL);
	}
	port->count = 0;
	metric_add(&lane->counters.forwarded, sent);
	metric_add(&lane->counters.forwarded_octets, octets);
}

void transmit_burst(struct lane *lane, struct burst *burst)
{
	uint32_t used = 0; // bit per port

	_Static_assert(LANE_PORTS_MAX <= 32, "a bit for each port");
	for (uint32_t i = 0; i < burst->count; i++) {
		struct packet *packet = &burst->packets[i];
		if (unlikely(packet->verdict != VERDICT_FORWARD))
			continue;
		queue_packet(lane, packet);
		used |= 1u << packet->tx_port;
	}
	for (; used != 0; used &= used - 1)
		flush_port(lane, &lane->ports[__builtin_ctz(used)]);
}
