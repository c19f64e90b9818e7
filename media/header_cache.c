// header_cache.c - builds ready headers: the slow path between a flow record and its first packet.
#include "header_cache.h"

#include "anchor.h"
#include "base/metric.h"
#include "bundle.h"
#include "flow_sync.h"
#include "lane.h"
#include "proto/rtp.h"
#include "srtp.h"
#include "sum.h"
#include "tap.h"

#include <netinet/in.h>
#include <rte_byteorder.h>
#include <rte_ether.h>
#include <string.h>
#include <sys/mman.h>

#define RATE_MAX    0xffffffu
#define HOP_LIMIT   64u
#define RETRY_EVERY 32u // packets: how often a failed egress part is looked at without being told

struct ready_header *header_cache_new(uint32_t count)
{
	size_t bytes = (size_t)count * sizeof(struct ready_header);
	void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (memory == MAP_FAILED)
		return NULL;
	madvise(memory, bytes, MADV_HUGEPAGE); // best effort: fewer TLB misses
	return memory;
}

void header_cache_free(struct ready_header *headers, uint32_t count)
{
	if (headers)
		munmap(headers, (size_t)count * sizeof(*headers));
}

void ready_header_set_source(struct ready_header *header, const struct ip *ip, uint16_t port)
{
	header->source_port_be = rte_cpu_to_be_16(port);
	header->source_v6 = *ip;
	memcpy(&header->source_v4, &ip->b[12], sizeof(header->source_v4));
	header->flags |= READY_SOURCE;
	if (!ip_is_v4(ip) || !(header->flags & READY_RTP) ||
		(header->flags & (READY_RATE | READY_SRTP_IN)))
		return;
	// From now on all four words of the old pseudo header are known (RFC 1624 equation 3).
	uint64_t before = (uint64_t)header->own_sum + header->source_v4 + header->source_port_be;
	header->udp_delta = sum_fold((uint64_t)header->udp_sum + (uint16_t)~sum_fold(before));
	header->flags |= READY_PLAIN_IN;
}

// What stands in the index for the peer's port now.
static uint32_t peer_word(const struct lane *lane, const struct flow_cfg *cfg)
{
	uint16_t address = __atomic_load_n(&cfg->peer_address, __ATOMIC_RELAXED);
	uint16_t port = __atomic_load_n(&cfg->peer_port, __ATOMIC_RELAXED);

	if (address >= lane->view.addresses)
		return SHM_FLOW_NONE;
	return atomic_load_explicit(
		&lane->view.index[address * SHM_PORTS + port], memory_order_acquire);
}

bool ready_header_is_peer_moved(const struct lane *lane, const struct ready_header *header)
{
	return peer_word(lane, &lane->view.cfg[header - lane->headers]) != header->peer_slot;
}

// The published record of the peer, copied and checked. `own` names it. False: not there (yet).
static bool copy_peer(struct lane *lane, const struct flow_cfg *own, struct flow_cfg *out)
{
	uint16_t address = own->peer_address, port = own->peer_port;

	// Both legs of a call have one shard, so one lane: else its memory would be written by two.
	if (own->peer_incarnation == 0 || address >= lane->view.addresses ||
		lane->shard_lane[shm_media_shard(port)] != lane->id)
		return false;
	const struct flow_cfg *cfg = flow_lookup(&lane->view, address, port);
	if (cfg == NULL)
		return false;
	uint32_t slot = (uint32_t)(cfg - lane->view.cfg);
	return slot < lane->headers_max && flow_sync_copy(lane, slot, address, port, out) &&
		out->incarnation == own->peer_incarnation;
}

// The record of the port that `member` shares, copied and checked: it has source port, far end and
// keys of both. False: not there (yet).
static bool copy_owner(struct lane *lane, const struct flow_cfg *member, struct flow_cfg *out)
{
	uint16_t address = member->media_address, port = member->bundle_port;

	if (lane->shard_lane[shm_media_shard(port)] != lane->id)
		return false;
	const struct flow_cfg *cfg = flow_lookup(&lane->view, address, port);
	if (cfg == NULL)
		return false;
	return flow_sync_copy(lane, (uint32_t)(cfg - lane->view.cfg), address, port, out) &&
		out->call_token == member->call_token && out->bundle_port == 0;
}

// Where the far end of `peer` is: its latched source, else what was signaled.
static struct addr far_end(struct lane *lane, const struct flow_cfg *peer)
{
	struct flow_latch latch = flow_sync_latch(flow_sync_state(lane, peer));

	if (latch.phase != FLOW_LATCH_NONE)
		return (struct addr){ .ip = latch.ip, .port = latch.port };
	return (struct addr){ .ip = peer->remote_ip, .port = peer->remote_port };
}

// Never to ourselves, and to special addresses only from one (a laboratory on loopback).
static enum drop_reason check_far_end(
	const struct lane *lane, const struct addr *to, const struct address_entry *own)
{
	if (ip_is_unset(&to->ip) || to->port == 0)
		return DROP_NO_REMOTE;
	if (ip_is_v4(&to->ip) != ip_is_v4(&own->ip) || address_map_has(lane->addresses, &to->ip) ||
		(ip_is_special(&to->ip) && !ip_is_special(&own->ip)))
		return DROP_BAD_REMOTE;
	return DROP_NONE;
}

// The sums of all that never changes in the headers; see rewrite.c for what is added per packet.
static void fill_sums(struct ready_header *header)
{
	uint64_t sum = (uint64_t)header->egress_ports_be[0] + header->egress_ports_be[1];

	if (header->flags & READY_EGRESS_V6) {
		header->udp_sum = sum_fold(sum + sum_bytes(header->egress_v6[0].b, 32));
		return;
	}
	uint64_t addresses = (uint64_t)header->egress_v4[0] + header->egress_v4[1];
	header->udp_sum = sum_fold(sum + addresses);
	header->ip_sum = sum_fold(addresses + rte_cpu_to_be_16((uint16_t)(0x4500 | header->tos)) +
		rte_cpu_to_be_16(HOP_LIMIT << 8 | IPPROTO_UDP));
}

static void fill_link(struct ready_header *header, const struct nexthop *hop)
{
	bool is_v6 = header->flags & READY_EGRESS_V6;
	uint8_t *after = header->link + 2 * sizeof(hop->mac);

	memcpy(header->link, hop->mac, sizeof(hop->mac));
	memcpy(header->link + sizeof(hop->mac), hop->own_mac, sizeof(hop->own_mac));
	if (hop->vlan != 0) {
		header->flags |= READY_VLAN;
		rtp_store16(after, RTE_ETHER_TYPE_VLAN);
		rtp_store16(after + 2, hop->vlan);
		return;
	}
	rtp_store16(after, is_v6 ? RTE_ETHER_TYPE_IPV6 : RTE_ETHER_TYPE_IPV4);
	rtp_store16(after + 2, (uint16_t)((is_v6 ? 0x6000 : 0x4500) | header->tos));
	if (!is_v6)
		header->flags |= READY_PLAIN_OUT;
}

static void fill_template(struct ready_header *header, const struct nexthop *hop,
	const struct ip *from, const struct addr *to)
{
	header->tx_port = (uint8_t)hop->port;
	header->mtu = hop->mtu;
	if (ip_is_v4(from)) {
		memcpy(&header->egress_v4[0], &from->b[12], 4);
		memcpy(&header->egress_v4[1], &to->ip.b[12], 4);
	} else {
		header->flags |= READY_EGRESS_V6;
		header->egress_v6[0] = *from;
		header->egress_v6[1] = to->ip;
	}
	header->egress_ports_be[1] = rte_cpu_to_be_16(to->port);
	fill_link(header, hop);
	fill_sums(header);
}

enum drop_reason ready_header_aim(struct lane *lane, uint16_t address, uint16_t port,
	const struct addr *to, struct ready_header *header)
{
	const struct address_entry *own = address_map_of(lane->addresses, address);
	struct nexthop hop;
	enum drop_reason reason;

	if (own == NULL)
		return DROP_NO_ROUTE;
	reason = check_far_end(lane, to, own);
	if (reason != DROP_NONE)
		return reason;
	if (!nexthop_lookup(lane->nexthops, address, &to->ip, &hop) ||
		hop.port >= LANE_PORTS_MAX || lane->ports[hop.port].send == NULL)
		return DROP_NO_ROUTE;
	header->egress_ports_be[0] = rte_cpu_to_be_16(port);
	fill_template(header, &hop, &own->ip, to);
	return DROP_NONE;
}

// The key under which packets for the far end of `peer` leave.
static enum drop_reason fill_key_out(
	struct lane *lane, const struct flow_cfg *peer, struct ready_header *header)
{
	if (peer->key_tx == 0)
		return DROP_NONE;
	if (!lane->srtp)
		return DROP_SRTP_NO_KEY;
	struct srtp_route *route = &lane->srtp->routes[header - lane->headers];
	route->tx = peer->key_tx - 1;
	route->tx_serial = srtp_take(lane, route->tx, peer->incarnation, true);
	header->flags |= READY_SRTP_OUT;
	header->flags &= (uint16_t)~READY_PLAIN_OUT;
	return route->tx_serial ? DROP_NONE : DROP_SRTP_NO_KEY;
}

// The key under which the flow's packets come. Without a usable one, unprotect drops them.
static void fill_key_in(struct lane *lane, const struct flow_cfg *cfg, struct ready_header *header)
{
	if (cfg->key_rx == 0)
		return;
	header->flags |= READY_SRTP_IN;
	if (!lane->srtp)
		return;
	struct srtp_route *route = &lane->srtp->routes[header - lane->headers];
	route->rx = cfg->key_rx - 1;
	route->rx_serial = srtp_take(lane, route->rx, cfg->incarnation, false);
	if (route->rx_serial == 0)
		route->rx = SRTP_NO_KEY;
}

static enum drop_reason fill_egress(
	struct lane *lane, const struct flow_cfg *cfg, struct ready_header *header)
{
	struct flow_cfg peer, exit;

	header->peer_slot = peer_word(lane, cfg);
	if (cfg->flags & FLOW_DROP)
		return DROP_HELD;
	if (!copy_peer(lane, cfg, &peer) ||
		address_map_of(lane->addresses, cfg->peer_address) == NULL)
		return DROP_NO_PEER;
	exit = peer;
	if (peer.bundle_port != 0 && !copy_owner(lane, &peer, &exit))
		return DROP_NO_PEER;
	struct addr to = far_end(lane, &exit);
	header->tos = (uint8_t)(cfg->dscp << 2);
	enum drop_reason reason =
		ready_header_aim(lane, cfg->peer_address, exit.port, &to, header);
	if (reason != DROP_NONE)
		return reason;
	header->is_anchored = anchor_is_wanted(lane, cfg, &peer);
	if (header->is_anchored)
		header->flags &= (uint16_t)~READY_PLAIN_OUT;
	return fill_key_out(lane, &exit, header);
}

static uint16_t ingress_flags(const struct flow_cfg *cfg)
{
	uint16_t flags = 0;

	if (cfg->kind == FLOW_RTP)
		flags |= READY_RTP;
	if (cfg->kind == FLOW_RTCP)
		flags |= READY_RTCP;
	if (cfg->flags & FLOW_RTCP_MUX)
		flags |= READY_MUX;
	if (cfg->flags & FLOW_RTCP_COMPANION)
		flags |= READY_COMPANION;
	if (cfg->rate_pps_max != 0)
		flags |= READY_RATE;
	if (cfg->secure != 0)
		flags |= READY_ASIDE;
	if (cfg->bundle_port != 0)
		flags |= READY_JOINED;
	return flags;
}

// Address and port that the flow's packets come to, as they stand in the pseudo header; IPv4 only.
static uint16_t sum_own(const struct lane *lane, uint16_t address, uint16_t port)
{
	const struct address_entry *own = address_map_of(lane->addresses, address);
	uint64_t sum = rte_cpu_to_be_16(port);

	return sum_fold(own ? sum + sum_load32(&own->ip.b[12]) : sum);
}

bool ready_header_build(struct lane *lane, uint32_t slot, uint16_t address, uint16_t port)
{
	struct ready_header *header = &lane->headers[slot];
	struct flow_cfg cfg;

	if (!flow_sync_copy(lane, slot, address, port, &cfg))
		return false;
	bool is_new = header->incarnation != cfg.incarnation ||
		header->generation != cfg.generation;
	struct flow_latch latch = flow_sync_latch(flow_sync_state(lane, &cfg));
	*header = (struct ready_header){
		.incarnation = cfg.incarnation,
		.generation = cfg.generation,
		.epoch = lane->header_epoch,
		.state_index = cfg.state_index,
		.flags = ingress_flags(&cfg),
		.rate_pps_max = cfg.rate_pps_max < RATE_MAX ? cfg.rate_pps_max : RATE_MAX,
		.retry_in = RETRY_EVERY,
		.peer_slot = SHM_FLOW_NONE,
	};
	header->flags |= tap_take(lane, &cfg);
	fill_key_in(lane, &cfg, header);
	if (bundle_take(lane, &cfg))
		header->flags |= READY_BUNDLE;
	header->egress_reason = fill_egress(lane, &cfg, header);
	header->own_sum = sum_own(lane, address, port);
	if (latch.phase == FLOW_LATCH_LOCKED && cfg.bundle_port == 0)
		ready_header_set_source(header, &latch.ip, latch.port);
	metric_add(&lane->counters.headers_built, 1);
	if (is_new) // the peer may have found nobody here, or somebody else
		ready_header_expire_peers(lane, &cfg);
	return true;
}

static void expire(struct lane *lane, uint16_t address, uint16_t port)
{
	const struct flow_cfg *cfg = flow_lookup(&lane->view, address, port);
	if (cfg == NULL)
		return;
	uint32_t slot = (uint32_t)(cfg - lane->view.cfg);
	if (slot < lane->headers_max)
		lane->headers[slot].epoch = 0;
}

static void expire_peers_of(struct lane *lane, const struct flow_cfg *cfg)
{
	// Read once: `cfg` may be the record itself, in the other process's hands.
	uint16_t address = __atomic_load_n(&cfg->peer_address, __ATOMIC_RELAXED);
	uint16_t port = __atomic_load_n(&cfg->peer_port, __ATOMIC_RELAXED);

	if (cfg->peer_incarnation == 0 || address >= lane->view.addresses ||
		lane->shard_lane[shm_media_shard(port)] != lane->id)
		return;
	expire(lane, address, port);
	expire(lane, address, port ^ 1);
}

void ready_header_expire_peers(struct lane *lane, const struct flow_cfg *cfg)
{
	const struct bundle *bundle = bundle_of(lane, cfg);
	uint16_t address = __atomic_load_n(&cfg->media_address, __ATOMIC_RELAXED);

	expire_peers_of(lane, cfg);
	for (uint32_t i = 1; bundle && i < bundle->count && address < lane->view.addresses; i++) {
		const struct flow_cfg *member =
			flow_lookup(&lane->view, address, bundle->members[i].port);
		if (member)
			expire_peers_of(lane, member);
	}
}
