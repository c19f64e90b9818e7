// rewrite.c - fourth stage: the packet gets the headers with which it leaves on the other leg.
//
// The UDP header stays where it is; network and link headers are written in front of it, whatever
// their lengths were, so IPv4 <-> IPv6 and VLAN changes are one code path. The payload is not
// touched: what leaves under a key gets room behind it, and protect does the rest.
#include "rewrite.h"

#include "anchor.h"
#include "base/metric.h"
#include "lane.h"
#include "sum.h"

#include <netinet/in.h>
#include <rte_branch_prediction.h>
#include <rte_byteorder.h>
#include <rte_ether.h>
#include <rte_mbuf.h>
#include <string.h>

#define HOP_LIMIT  64u
#define IP4_HEADER 20u
#define IP6_HEADER 40u
#define VLAN_TAG   4u
// TTL and protocol at their place in bytes 2..9 of an IPv4 header, which has no fragment.
#define PLAIN_TTL_PROTOCOL ((uint64_t)IPPROTO_UDP << 56 | (uint64_t)HOP_LIMIT << 48)
// What receive found out about the old headers; buffer ownership bits stay.
#define MBUF_KEPT (RTE_MBUF_F_EXTERNAL | RTE_MBUF_F_INDIRECT)

static inline void store16(uint8_t *at, uint16_t value)
{
	memcpy(at, &value, sizeof(value));
}

static void drop_counted(struct packet *packet, enum drop_reason reason)
{
	metric_add(&packet->state->dropped_other, 1);
	packet_drop(packet, reason);
}

// UDP checksum ------------------------------------------------------------------------------------

// Addresses and ports as the packet came with, the part of the pseudo header that changes.
// Protocol and length stay, and count the same in both families (RFC 768, RFC 8200 8.1).
static uint64_t sum_old(const struct packet *packet)
{
	uint64_t ports = sum_load32(packet->udp);

	if (likely(!(packet->flags & PACKET_IPV6)))
		return ports + sum_load32(packet->ip + 12) + sum_load32(packet->ip + 16);
	return ports + sum_bytes(packet->ip + 8, 32);
}

// From scratch, over the payload.
uint16_t rewrite_checksum(const struct packet *packet, const struct ready_header *header)
{
	uint64_t sum = (uint64_t)header->udp_sum + sum_be16(IPPROTO_UDP) +
		2ull * sum_be16(packet->udp_len); // in the pseudo header and in its own
	return sum_field_udp(sum + sum_bytes(packet->udp + 8, packet->udp_len - 8u));
}

// The checksum with which the packet leaves (RFC 1624 equation 3). False: the packet has none and
// must.
static bool checksum_new(const struct packet *packet, const struct ready_header *header,
	bool is_trusted, uint16_t *out)
{
	uint16_t old;

	memcpy(&old, packet->udp + 6, sizeof(old));
	if (unlikely(packet->flags & PACKET_CHANGED)) {
		// What is encrypted later gets its checksum then.
		*out = packet->flags & PACKET_PROTECT ? 0 : rewrite_checksum(packet, header);
		return true;
	}
	if (unlikely(old == 0)) {
		if (is_trusted && (packet->flags & PACKET_IPV6))
			return false; // RFC 8200 8.1
		*out = header->flags & READY_EGRESS_V6 ? rewrite_checksum(packet, header) : 0;
		return true;
	}
	if (unlikely(!is_trusted)) {
		*out = rewrite_checksum(packet, header);
		return true;
	}
	uint16_t before = sum_fold(sum_old(packet));
	*out = sum_field_udp((uint64_t)(uint16_t)~old + (uint16_t)~before + header->udp_sum);
	return true;
}

// Headers -----------------------------------------------------------------------------------------

// The frame is stored in whole words that were computed before the first store: stores through byte
// pointers would make the compiler read the ready header again and again.

static inline void store32(uint8_t *at, uint32_t value)
{
	memcpy(at, &value, sizeof(value));
}

static inline void store64(uint8_t *at, uint64_t value)
{
	memcpy(at, &value, sizeof(value));
}

// 0x45, TOS, total length | identification, no fragment | TTL 64, UDP, checksum | addresses.
// DF = 0: whoever needs to may fragment.
static void write_v4(
	struct lane *lane, uint8_t *ip, const struct ready_header *header, uint16_t total_be)
{
	uint16_t id = lane->ip_id++;
	uint16_t sum = (uint16_t)~sum_fold((uint64_t)header->ip_sum + total_be + id);
	uint64_t addresses;

	memcpy(&addresses, header->egress_v4, sizeof(addresses));
	store32(ip, 0x45u | (uint32_t)header->tos << 8 | (uint32_t)total_be << 16);
	store32(ip + 4, id);
	store32(ip + 8, HOP_LIMIT | IPPROTO_UDP << 8 | (uint32_t)sum << 16);
	memcpy(ip + 12, &addresses, sizeof(addresses));
}

static void write_v6(uint8_t *ip, const struct ready_header *header, uint16_t payload_be)
{
	store32(ip, 0x60u | header->tos >> 4 | (uint32_t)(uint8_t)(header->tos << 4) << 8);
	store32(ip + 4, payload_be | IPPROTO_UDP << 16 | HOP_LIMIT << 24);
	memcpy(ip + 8, header->egress_v6, 32);
}

// The first bytes of an IP header that `link` holds are written again by write_v4() or write_v6().
static void write_link(uint8_t *frame, const struct ready_header *header)
{
	uint16_t type = header->flags & READY_EGRESS_V6 ? RTE_BE16(RTE_ETHER_TYPE_IPV6) :
							  RTE_BE16(RTE_ETHER_TYPE_IPV4);

	memcpy(frame, header->link, sizeof(header->link));
	if (header->flags & READY_VLAN)
		store16(frame + sizeof(header->link), type);
}

// Any header in front of the datagram. False: it does not fit.
static bool write_headers(struct lane *lane, struct packet *packet,
	const struct ready_header *header, uint16_t checksum)
{
	bool is_v6 = header->flags & READY_EGRESS_V6;
	uint32_t ip_len = is_v6 ? IP6_HEADER : IP4_HEADER;
	uint32_t link_len = RTE_ETHER_HDR_LEN + (header->flags & READY_VLAN ? VLAN_TAG : 0);
	uint32_t udp_len = packet->udp_len;
	uint8_t *udp = packet->udp;
	struct rte_mbuf *mbuf = packet->mbuf;
	uint8_t *buffer = mbuf->buf_addr;

	if (ip_len + udp_len > header->mtu || udp - buffer < (ptrdiff_t)(ip_len + link_len))
		return false;
	uint8_t *frame = udp - ip_len - link_len;
	mbuf->data_off = (uint16_t)(frame - buffer);
	mbuf->data_len = (uint16_t)(link_len + ip_len + udp_len);
	mbuf->pkt_len = link_len + ip_len + udp_len;
	mbuf->ol_flags &= MBUF_KEPT;
	memcpy(udp, header->egress_ports_be, 4);
	store16(udp + 4, sum_be16((uint16_t)udp_len));
	store16(udp + 6, checksum);
	write_link(frame, header);
	if (is_v6)
		write_v6(udp - ip_len, header, sum_be16((uint16_t)udp_len));
	else
		write_v4(lane, udp - ip_len, header, sum_be16((uint16_t)(ip_len + udp_len)));
	return true;
}

bool rewrite_own(struct lane *lane, struct packet *packet, const struct ready_header *header)
{
	return write_headers(lane, packet, header, rewrite_checksum(packet, header));
}

// Plain packets -----------------------------------------------------------------------------------

// A sum of two words: one step is enough.
static inline uint16_t fold_two(uint32_t sum)
{
	return (uint16_t)(sum + (sum >> 16));
}

// A sum of a few words.
static inline uint16_t fold_few(uint32_t sum)
{
	return fold_two((sum & 0xffff) + (sum >> 16));
}

// A plain packet whose header is plain, too, keeps its place, its length and its first 14 + 20
// bytes' layout: seven stores and two short sums. False: the general way, nothing is written.
static inline bool rewrite_plain(
	struct lane *lane, struct packet *packet, const struct ready_header *header)
{
	uint8_t *udp = packet->udp, *ip = udp - IP4_HEADER;
	uint64_t addresses;
	uint32_t ports;
	uint16_t old, total_be;

	memcpy(&old, udp + 6, sizeof(old));
	if (unlikely(old == 0 || IP4_HEADER + packet->udp_len > header->mtu))
		return false;
	memcpy(&total_be, ip + 2, sizeof(total_be));
	memcpy(&addresses, header->egress_v4, sizeof(addresses));
	memcpy(&ports, header->egress_ports_be, sizeof(ports));
	uint16_t id = lane->ip_id++;
	uint16_t ip_sum = (uint16_t)~fold_few((uint32_t)header->ip_sum + total_be + id);
	uint16_t udp_sum = (uint16_t)~fold_two((uint32_t)(uint16_t)~old + header->udp_delta);
	packet->tx_port = header->tx_port;
	packet->mbuf->ol_flags &= MBUF_KEPT;
	memcpy(ip - RTE_ETHER_HDR_LEN, header->link, sizeof(header->link));
	store64(ip + 2, total_be | (uint32_t)id << 16 | PLAIN_TTL_PROTOCOL);
	store16(ip + 10, ip_sum);
	memcpy(ip + 12, &addresses, sizeof(addresses));
	store32(udp, ports);
	store16(udp + 6, udp_sum != 0 ? udp_sum : 0xffff);
	return true;
}

// Choice of the header ----------------------------------------------------------------------------

// RTCP that came muxed for a peer with separate ports: the header of the record on port ^ 1.
// NULL: none.
static struct ready_header *companion_header(struct lane *lane, const struct packet *packet)
{
	uint16_t port = packet->port ^ 1;
	const struct flow_cfg *cfg = flow_lookup(&lane->view, packet->address, port);

	if (cfg == NULL || cfg->incarnation != packet->header->incarnation)
		return NULL;
	uint32_t slot = (uint32_t)(cfg - lane->view.cfg);
	if (slot >= lane->headers_max)
		return NULL;
	struct ready_header *header = &lane->headers[slot];
	if (!ready_header_is_fresh(lane, cfg, header) &&
		!ready_header_build(lane, slot, packet->address, port))
		return NULL;
	return header;
}

// The egress part failed when the header was built: the peer's record may be newer than the hint
// that tells of it, so a look at the index comes first; and hints can be lost. Whether it is ready
// now.
static bool retry_egress(
	struct lane *lane, const struct packet *packet, struct ready_header *header)
{
	uint16_t port = header == packet->header ? packet->port : packet->port ^ 1;

	if (header->retry_in-- != 0 && !ready_header_is_peer_moved(lane, header))
		return false;
	return ready_header_build(
		       lane, (uint32_t)(header - lane->headers), packet->address, port) &&
		header->egress_reason == DROP_NONE;
}

// Any packet. False: dropped.
static __attribute__((noinline)) bool rewrite_any(
	struct lane *lane, struct burst *burst, struct packet *packet, bool is_trusted)
{
	struct ready_header *header = packet->header;
	uint16_t checksum;

	if ((packet->flags & PACKET_RTCP) && (header->flags & READY_COMPANION)) {
		header = companion_header(lane, packet);
		if (header == NULL) {
			drop_counted(packet, DROP_NO_PEER);
			return false;
		}
	}
	if (header->egress_reason != DROP_NONE && !retry_egress(lane, packet, header)) {
		drop_counted(packet, header->egress_reason);
		return false;
	}
	if (header->is_anchored && !anchor_packet(lane, burst, packet)) {
		drop_counted(packet, packet->reason);
		return false;
	}
	if (header->flags & READY_SRTP_OUT && !protect_reserve(lane, burst, packet, header)) {
		drop_counted(packet, packet->reason);
		return false;
	}
	if (!checksum_new(packet, header, is_trusted, &checksum)) {
		drop_counted(packet, DROP_BAD_UDP_CHECKSUM);
		return false;
	}
	if (!write_headers(lane, packet, header, checksum)) {
		drop_counted(packet, DROP_TOO_LONG);
		return false;
	}
	packet->tx_port = header->tx_port;
	return true;
}

void rewrite_burst(struct lane *lane, struct burst *burst)
{
	bool is_trusted = lane->ports[burst->rx_port].is_checksum_trusted;
	uint8_t plain = is_trusted ? PACKET_PLAIN : UINT8_MAX; // a checksum is carried on, or not
	uint32_t octets = 0;

	for (struct packet *packet = burst->packets, *end = packet + burst->count; packet < end;
		packet++) {
		if (unlikely(packet->verdict != VERDICT_FORWARD))
			continue;
		struct ready_header *header = packet->header;
		if (likely(packet->flags == plain && (header->flags & READY_PLAIN_OUT)) &&
			likely(rewrite_plain(lane, packet, header)))
			octets += RTE_ETHER_HDR_LEN + IP4_HEADER + packet->udp_len;
		else if (rewrite_any(lane, burst, packet, is_trusted))
			octets += packet->mbuf->data_len;
	}
	burst->octets = octets;
}
