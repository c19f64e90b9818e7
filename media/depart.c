// depart.c - what the slow thread wants sent leaves by the lane that owns the flow, with headers of
// its own: STUN answers go where the question came from, whoever is latched.
#include "depart.h"

#include "base/metric.h"
#include "header_cache.h"
#include "lane.h"
#include "rewrite.h"
#include "slow_link.h"

#include <rte_mbuf.h>
#include <string.h>

#define UDP_HEADER 8u

// The flow that the record is about, while it is the same one. NULL: gone.
static const struct flow_cfg *flow_of(
	const struct lane *lane, const struct slow_departure *departure)
{
	const struct flow_cfg *cfg;

	if (departure->address >= lane->view.addresses)
		return NULL;
	cfg = flow_lookup(&lane->view, departure->address, departure->port);
	return cfg != NULL && cfg->incarnation == departure->incarnation ? cfg : NULL;
}

// False: the mbuf is still the caller's.
static bool send_from(
	struct lane *lane, const struct depart_datagram *datagram, struct rte_mbuf *mbuf)
{
	struct ready_header header = { 0 };
	struct packet packet = { .mbuf = mbuf,
		.udp = rte_pktmbuf_mtod(mbuf, uint8_t *),
		.udp_len = (uint16_t)(UDP_HEADER + datagram->len) };
	struct lane_port *port;

	if (rte_pktmbuf_tailroom(mbuf) < packet.udp_len ||
		ready_header_aim(lane, datagram->address, datagram->port, &datagram->to,
			&header) != DROP_NONE)
		return false;
	memcpy(packet.udp + UDP_HEADER, datagram->data, datagram->len);
	if (!rewrite_own(lane, &packet, &header))
		return false;
	port = &lane->ports[header.tx_port];
	return port->send(port->context, &mbuf, 1) == 1;
}

bool depart_send(struct lane *lane, const struct depart_datagram *datagram)
{
	struct rte_mbuf *mbuf = lane->mbuf_new ? lane->mbuf_new(lane->mbuf_context) : NULL;

	if (mbuf == NULL)
		return false;
	if (send_from(lane, datagram, mbuf))
		return true;
	rte_pktmbuf_free(mbuf);
	return false;
}

static bool depart(struct lane *lane, const struct slow_departure *departure)
{
	const struct flow_cfg *cfg = flow_of(lane, departure);

	if (cfg == NULL)
		return false;
	if (departure->len == 0) {
		lane_post(lane, HINT_SECURE, cfg);
		return true;
	}
	struct depart_datagram datagram = { .address = departure->address,
		.port = departure->port,
		.to = departure->to,
		.data = departure->data,
		.len = departure->len };
	return depart_send(lane, &datagram);
}

uint32_t depart_run(struct lane *lane)
{
	uint32_t count = 0, len;

	while (count < SLOW_PER_TURN) {
		const struct slow_departure *departure = ring_peek(lane->slow->down, &len);

		if (departure == NULL)
			break;
		metric_add(depart(lane, departure) ? &lane->counters.departed :
						     &lane->counters.departures_lost,
			1);
		ring_release(lane->slow->down);
		count++;
	}
	return count;
}
