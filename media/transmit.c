// transmit.c - last stage: the egress queues, and who is charged for what they did not take.
#include "base/metric.h"
#include "lane.h"

#include <rte_branch_prediction.h>
#include <rte_mbuf.h>

// Ports free or keep what they took: its length was read before. Returns the bytes they did not
// take.
static uint64_t flush_port(struct lane *lane, struct lane_port *port)
{
	uint64_t octets = 0;
	uint32_t sent = port->send(port->context, port->mbufs, (uint16_t)port->count);

	for (uint32_t i = 0; i < sent; i++) {
		struct packet *packet = port->packets[i];
		packet->verdict = VERDICT_SENT;
		metric_add(&packet->state->forwarded, 1);
	}
	for (uint32_t i = sent; i < port->count; i++) {
		octets += port->mbufs[i]->data_len;
		metric_add(&port->packets[i]->state->dropped_other, 1);
		packet_drop(port->packets[i], DROP_TX_FULL);
	}
	port->count = 0;
	metric_add(&lane->counters.forwarded, sent);
	return octets;
}

void transmit_burst(struct lane *lane, struct burst *burst)
{
	uint32_t used = 0; // bit per port
	uint64_t octets = 0;

	_Static_assert(LANE_PORTS_MAX <= 32, "a bit for each port");
	for (struct packet *packet = burst->packets, *end = packet + burst->count; packet < end;
		packet++) {
		if (unlikely(packet->verdict != VERDICT_FORWARD))
			continue;
		struct lane_port *port = &lane->ports[packet->tx_port];
		uint32_t at = port->count++;
		port->mbufs[at] = packet->mbuf;
		port->packets[at] = packet;
		octets += packet->mbuf->data_len;
		used |= 1u << packet->tx_port;
	}
	for (; used != 0; used &= used - 1)
		octets -= flush_port(lane, &lane->ports[__builtin_ctz(used)]);
	metric_add(&lane->counters.forwarded_octets, octets);
}
