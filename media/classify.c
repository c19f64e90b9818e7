// classify.c - first stage: Ethernet, IP and UDP headers -> media address and port.
//
// What is not for a media port is an exception (for the kernel), what is broken is dropped. All
// lengths are checked here; later stages rely on packet->ip, ->udp and ->udp_len.
#include "base/metric.h"
#include "lane.h"
#include "sum.h"

#include <netinet/in.h>
#include <rte_branch_prediction.h>
#include <rte_byteorder.h>
#include <rte_ether.h>
#include <rte_mbuf.h>
#include <rte_prefetch.h>
#include <string.h>

#define IP4_HEADER      20u
#define IP6_HEADER      40u
#define UDP_HEADER      8u
#define IP6_OPTIONS_MAX 4 // extension headers skipped before a packet is given up as odd
#define FRAGMENT_MASK   RTE_BE16(0x3fff) // more-fragments flag and offset
#define MBUF_ODD                                                                                   \
	(RTE_MBUF_F_RX_VLAN_STRIPPED | RTE_MBUF_F_RX_IP_CKSUM_BAD | RTE_MBUF_F_RX_L4_CKSUM_BAD)
// Words of a plain frame as they lie in memory: EtherType, version and length (TOS is free); flags,
// offset and protocol (don't-fragment and TTL are free).
#define PLAIN_TYPE          0x00450008u
#define PLAIN_TYPE_MASK     0x00ffffffu
#define PLAIN_PROTOCOL      ((uint32_t)IPPROTO_UDP << 24)
#define PLAIN_PROTOCOL_MASK 0xff00ff3fu

// What is left of a frame while its headers are walked.
struct cursor {
	uint8_t *at;        // next header
	const uint8_t *end; // of the frame, later of the IP packet
	uint32_t where;     // rx_port << 16 | vlan, for the address map
};

static inline uint32_t room(const struct cursor *cursor)
{
	return (uint32_t)(cursor->end - cursor->at);
}

static inline uint16_t load_be16(const uint8_t *at)
{
	uint16_t value;
	memcpy(&value, at, sizeof(value));
	return sum_be16(value);
}

// The datagram is whole. The port's lane takes it, or hands it to the lane that owns the port.
static inline void claim_port(struct lane *lane, const struct burst *burst, struct packet *packet,
	const struct address_entry *entry, uint16_t port)
{
	uint32_t place = (uint32_t)entry->address << 16 | port;

	memcpy(&packet->port, &place, sizeof(place)); // port and address in one store
	uint8_t owner = lane->shard_lane[shm_media_shard(port)];
	if (unlikely(owner != lane->id)) {
		packet->lane = owner;
		packet->verdict = burst->is_handed_over ? VERDICT_DROP : VERDICT_HANDOVER;
		packet->reason = DROP_HANDOVER_FULL;
		if (!burst->is_handed_over)
			metric_add(&lane->counters.handovers, 1);
		return;
	}
	rte_prefetch0(&lane->view.index[place]);
}

static inline bool is_media_port(const struct address_entry *entry, uint16_t port)
{
	return port >= entry->port_min && port <= entry->port_max;
}

static void classify_udp(struct lane *lane, const struct burst *burst, struct packet *packet,
	const struct cursor *cursor, const struct address_entry *entry)
{
	uint32_t len = load_be16(cursor->at + 4);
	uint16_t port = load_be16(cursor->at + 2);

	if (!is_media_port(entry, port)) {
		packet_except(packet, DROP_NOT_MEDIA);
		return;
	}
	if (len < UDP_HEADER || len > room(cursor)) {
		packet_drop(packet, DROP_BAD_UDP_LENGTH);
		return;
	}
	packet->udp = cursor->at;
	packet->udp_len = (uint16_t)len;
	claim_port(lane, burst, packet, entry, port);
}

static void classify_v4(
	struct lane *lane, const struct burst *burst, struct packet *packet, struct cursor *cursor)
{
	const uint8_t *ip = cursor->at;
	uint32_t header = (ip[0] & 0x0fu) * 4;
	uint32_t total = load_be16(ip + 2);
	uint16_t fragment;
	uint32_t dst;

	if (unlikely((ip[0] >> 4) != 4 || header < IP4_HEADER || total < header ||
		    total > room(cursor))) {
		packet_drop(packet, DROP_BAD_IP);
		return;
	}
	memcpy(&fragment, ip + 6, sizeof(fragment));
	if (unlikely(fragment & FRAGMENT_MASK)) {
		packet_except(packet, DROP_FRAGMENT);
		return;
	}
	if (unlikely(ip[9] != IPPROTO_UDP)) {
		packet_except(packet, DROP_NOT_UDP);
		return;
	}
	memcpy(&dst, ip + 16, sizeof(dst));
	uint64_t key = address_key_v4(dst, cursor->where);
	const struct address_place *place = address_map_place(lane->addresses, key);
	if (unlikely(place->key != key)) {
		packet_except(packet, DROP_NOT_MEDIA);
		return;
	}
	if (unlikely(sum_fold(sum_header(ip, header)) != 0xffff)) {
		packet_drop(packet, DROP_BAD_IP_CHECKSUM);
		return;
	}
	if (unlikely(total < header + UDP_HEADER)) {
		packet_drop(packet, DROP_BAD_UDP_LENGTH);
		return;
	}
	cursor->end = ip + total;
	cursor->at += header;
	classify_udp(lane, burst, packet, cursor, &place->entry);
}

// Walks to the UDP header over options that do not concern us (RFC 8200 4). DROP_NONE when it is
// there.
static enum drop_reason skip_options(struct cursor *cursor, uint8_t next)
{
	for (uint32_t i = 0; i < IP6_OPTIONS_MAX; i++) {
		if (next == IPPROTO_UDP)
			return DROP_NONE;
		if (next == IPPROTO_FRAGMENT)
			return DROP_FRAGMENT;
		if (next == IPPROTO_ROUTING)
			return DROP_IP_EXTENSION;
		if (next != IPPROTO_HOPOPTS && next != IPPROTO_DSTOPTS)
			return DROP_NOT_UDP;
		if (room(cursor) < 8 || room(cursor) < (cursor->at[1] + 1u) * 8)
			return DROP_BAD_IP;
		next = cursor->at[0];
		cursor->at += (cursor->at[1] + 1u) * 8;
	}
	return next == IPPROTO_UDP ? DROP_NONE : DROP_IP_EXTENSION;
}

static bool entry_is(const struct address_entry *entry, const uint8_t *ip, uint32_t where)
{
	return entry->address != ADDRESS_NONE &&
		memcmp(entry->ip.b, ip, sizeof(entry->ip.b)) == 0 &&
		((uint32_t)entry->rx_port << 16 | entry->vlan) == where;
}

static void classify_v6(
	struct lane *lane, const struct burst *burst, struct packet *packet, struct cursor *cursor)
{
	const uint8_t *ip = cursor->at;
	uint64_t dst[2];

	if (room(cursor) < IP6_HEADER || (ip[0] >> 4) != 6 ||
		load_be16(ip + 4) > room(cursor) - IP6_HEADER) {
		packet_drop(packet, DROP_BAD_IP);
		return;
	}
	cursor->at += IP6_HEADER;
	cursor->end = cursor->at + load_be16(ip + 4);
	enum drop_reason reason = skip_options(cursor, ip[6]);
	if (unlikely(reason != DROP_NONE)) {
		if (reason == DROP_BAD_IP)
			packet_drop(packet, reason);
		else
			packet_except(packet, reason);
		return;
	}
	memcpy(dst, ip + 24, sizeof(dst));
	uint64_t key = address_key_v6(dst[0], dst[1], cursor->where);
	const struct address_entry *entry = &address_map_place(lane->addresses, key)->entry;
	if (unlikely(!entry_is(entry, ip + 24, cursor->where))) {
		packet_except(packet, DROP_NOT_MEDIA);
		return;
	}
	if (unlikely(room(cursor) < UDP_HEADER)) {
		packet_drop(packet, DROP_BAD_UDP_LENGTH);
		return;
	}
	packet->flags |= PACKET_IPV6;
	classify_udp(lane, burst, packet, cursor, entry);
}

// What the receive descriptor says about the frame. False: the packet is decided.
static bool accept_flags(struct packet *packet, struct cursor *cursor)
{
	const struct rte_mbuf *mbuf = packet->mbuf;
	if (mbuf->ol_flags & RTE_MBUF_F_RX_VLAN_STRIPPED)
		cursor->where |= mbuf->vlan_tci & 0x0fffu;
	if ((mbuf->ol_flags & RTE_MBUF_F_RX_IP_CKSUM_MASK) == RTE_MBUF_F_RX_IP_CKSUM_BAD) {
		packet_drop(packet, DROP_BAD_IP_CHECKSUM);
		return false;
	}
	if ((mbuf->ol_flags & RTE_MBUF_F_RX_L4_CKSUM_MASK) == RTE_MBUF_F_RX_L4_CKSUM_BAD) {
		packet_drop(packet, DROP_BAD_UDP_CHECKSUM);
		return false;
	}
	return true;
}

// Tagged, runt or foreign frames: finds the network header. Returns its EtherType in network
// order, 0 when the packet is decided.
static uint16_t classify_odd(struct packet *packet, struct cursor *cursor, uint16_t type)
{
	if (type == RTE_BE16(RTE_ETHER_TYPE_VLAN) && room(cursor) >= 4 &&
		!(cursor->where & 0x0fff)) {
		cursor->where |= load_be16(cursor->at) & 0x0fffu;
		memcpy(&type, cursor->at + 2, sizeof(type));
		cursor->at += 4;
	}
	if (type != RTE_BE16(RTE_ETHER_TYPE_IPV4) && type != RTE_BE16(RTE_ETHER_TYPE_IPV6)) {
		packet_except(packet, DROP_NOT_IP);
		return 0;
	}
	if (room(cursor) < IP4_HEADER) {
		packet_drop(packet, DROP_SHORT);
		return 0;
	}
	return type;
}

// Every shape of frame. What is plain comes here too when something about it is wrong, so that the
// reason is found in one place.
static __attribute__((noinline)) void classify_any(
	struct lane *lane, const struct burst *burst, struct packet *packet)
{
	struct rte_mbuf *mbuf = packet->mbuf;
	uint8_t *frame = rte_pktmbuf_mtod(mbuf, uint8_t *);
	uint32_t len = mbuf->data_len;
	uint16_t type;

	if (unlikely(len < RTE_ETHER_HDR_LEN || mbuf->nb_segs != 1)) {
		packet_drop(packet, mbuf->nb_segs != 1 ? DROP_TOO_LONG : DROP_SHORT);
		return;
	}
	struct cursor cursor = { frame + RTE_ETHER_HDR_LEN, frame + len,
		(uint32_t)burst->rx_port << 16 };
	memcpy(&type, frame + 12, sizeof(type));
	if (unlikely(mbuf->ol_flags & MBUF_ODD) && !accept_flags(packet, &cursor))
		return;
	if (unlikely(type != RTE_BE16(RTE_ETHER_TYPE_IPV4) ||
		    len < RTE_ETHER_HDR_LEN + IP4_HEADER)) {
		type = classify_odd(packet, &cursor, type);
		if (type == 0)
			return;
	}
	packet->ip = cursor.at;
	if (unlikely(type != RTE_BE16(RTE_ETHER_TYPE_IPV4)))
		classify_v6(lane, burst, packet, &cursor);
	else
		classify_v4(lane, burst, packet, &cursor);
}

static inline uint16_t load16(const uint8_t *at)
{
	uint16_t value;
	memcpy(&value, at, sizeof(value));
	return value;
}

// Untagged Ethernet II, IPv4 without options, unfragmented, UDP, and frame, packet and datagram end
// together: all by compares of whole words.
static inline bool is_plain_frame(const struct rte_mbuf *mbuf, const uint8_t *frame, uint32_t len)
{
	return len >= RTE_ETHER_HDR_LEN + IP4_HEADER + UDP_HEADER && mbuf->nb_segs == 1 &&
		!(mbuf->ol_flags & MBUF_ODD) &&
		(sum_load32(frame + 12) & PLAIN_TYPE_MASK) == PLAIN_TYPE &&
		(sum_load32(frame + 20) & PLAIN_PROTOCOL_MASK) == PLAIN_PROTOCOL &&
		load16(frame + 16) == sum_be16((uint16_t)(len - RTE_ETHER_HDR_LEN)) &&
		load16(frame + 38) == sum_be16((uint16_t)(len - RTE_ETHER_HDR_LEN - IP4_HEADER));
}

// The common shape, start to end. `where` is the address key's part that all packets of a burst
// share. False: look closer, nothing is decided.
static inline bool classify_plain(
	struct lane *lane, const struct burst *burst, struct packet *packet, uint64_t where)
{
	const struct rte_mbuf *mbuf = packet->mbuf;
	uint8_t *frame = rte_pktmbuf_mtod(mbuf, uint8_t *);
	uint8_t *ip = frame + RTE_ETHER_HDR_LEN;
	uint32_t len = mbuf->data_len;

	if (unlikely(!is_plain_frame(mbuf, frame, len)))
		return false;
	uint64_t key = where | sum_load32(ip + 16);
	const struct address_place *place = address_map_place(lane->addresses, key);
	uint16_t port = load_be16(ip + IP4_HEADER + 2);
	if (unlikely(place->key != key || !sum_is_header_right(ip) ||
		    !is_media_port(&place->entry, port)))
		return false;
	packet->ip = ip;
	packet->udp = ip + IP4_HEADER;
	packet->udp_len = (uint16_t)(len - RTE_ETHER_HDR_LEN - IP4_HEADER);
	packet->flags = PACKET_PLAIN;
	claim_port(lane, burst, packet, &place->entry, port);
	return true;
}

void classify_burst(struct lane *lane, struct burst *burst)
{
	uint64_t where = address_key_v4(0, (uint32_t)burst->rx_port << 16);

	for (struct packet *packet = burst->packets, *end = packet + burst->count; packet < end;
		packet++) {
		if (likely(classify_plain(lane, burst, packet, where)))
			continue;
		classify_any(lane, burst, packet);
		if (packet->verdict == VERDICT_EXCEPTION)
			metric_add(&lane->counters.exceptions, 1);
	}
	metric_add(&lane->counters.received, burst->count);
}
