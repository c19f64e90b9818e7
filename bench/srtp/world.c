#include "world.h"

#include "base/check.h"
#include "base/clock.h"
#include "base/metric.h"
#include "header_cache.h"
#include "lane.h"
#include "nexthop_table.h"
#include "proto/rtp.h"
#include "sum.h"

#include <rte_cycles.h>
#include <rte_mbuf.h>
#include <string.h>
#include <sys/mman.h>

#define ADDRESSES 4u
#define FLOWS	  (ADDRESSES * WORLD_CALLS_MAX)
#define KEYS	  (2 * WORLD_CALLS_MAX)
#define FAR_IP	  0xcb007105u
#define FAR_PORT  4000u
#define OWN_IP	  0x0a630001u
#define UDP_AT	  34u
#define RTP_AT	  42u

struct frame {
	struct rte_mbuf mbuf;
	uint8_t buffer[2048];
};

struct world {
	struct lane lane;
	struct address_map addresses;
	struct nexthop_table *nexthops;
	struct crypto crypto;
	_Atomic uint32_t *index;
	struct flow_cfg *cfg;
	struct flow_state *states;
	struct flow_key *keys;
	struct flow_crypto *crypto_states;
	uint32_t calls, turn;
	uint64_t serial;
	uint16_t sequence[WORLD_CALLS_MAX];
	struct frame frames[WORLD_BURST];
	struct rte_mbuf *mbufs[WORLD_BURST], *sent[WORLD_BURST];
	uint16_t sent_count;
	struct burst burst;
};

static void *take(size_t bytes)
{
	void *memory = mmap(
		NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK(memory != MAP_FAILED);
	madvise(memory, bytes, MADV_HUGEPAGE);
	return memory;
}

static uint16_t send_frames(void *context, struct rte_mbuf **mbufs, uint16_t count)
{
	struct world *world = context;

	CHECK(world->sent_count + count <= WORLD_BURST);
	memcpy(&world->sent[world->sent_count], mbufs, count * sizeof(*mbufs));
	world->sent_count += count;
	return count;
}

static void init_addresses(struct world *world)
{
	struct address_entry entries[ADDRESSES];

	world->nexthops = nexthop_table_new();
	CHECK(world->nexthops != NULL);
	struct nexthop_snapshot *edit = nexthop_table_edit(world->nexthops);
	for (uint32_t i = 0; i < ADDRESSES; i++) {
		entries[i] = (struct address_entry){ .ip = ip_from_v4(OWN_IP + i),
			.address = (uint16_t)i, .port_max = UINT16_MAX };
		edit->egress[i] = (struct nexthop_egress){ .ifindex = 1, .mtu = 1500,
			.is_fixed = true, .own_mac = { 2 }, .fixed_mac = { 2, 1 } };
	}
	CHECK(address_map_build(&world->addresses, entries, ADDRESSES) == 0);
	nexthop_table_publish(world->nexthops);
}

static void init_lane(struct world *world)
{
	struct flow_view view = { .index = world->index, .cfg = world->cfg,
		.addresses = ADDRESSES, .flows = FLOWS, .keys = world->keys, .key_count = KEYS };
	struct lane *lane = &world->lane;

	lane_init(lane, 0, &view, world->states);
	lane->addresses = &world->addresses;
	lane->nexthops = world->nexthops;
	lane->headers = header_cache_new(FLOWS);
	lane->headers_max = FLOWS;
	lane->ports[0] = (struct lane_port){
		.send = send_frames, .context = world, .is_checksum_trusted = true
	};
	CHECK(crypto_open(&world->crypto, CONFIG_CRYPTO_AUTO, 1, 2 * KEYS) == 0);
	lane->srtp = srtp_lane_new(&world->crypto, 0);
	CHECK(lane->srtp != NULL && lane->headers != NULL);
	lane->srtp->contexts = srtp_contexts_new(KEYS);
	lane->srtp->routes = srtp_routes_new(FLOWS);
	CHECK(lane->srtp->contexts != NULL && lane->srtp->routes != NULL);
	lane->srtp->keys = world->keys;
	lane->srtp->states = world->crypto_states;
	lane->srtp->key_count = KEYS;
}

struct world *world_new(void)
{
	struct world *world = take(sizeof(*world));

	world->index = take((size_t)ADDRESSES * SHM_PORTS * sizeof(*world->index));
	world->cfg = take(FLOWS * sizeof(*world->cfg));
	world->states = take(FLOWS * sizeof(*world->states));
	world->keys = take(KEYS * sizeof(*world->keys));
	world->crypto_states = take(KEYS * sizeof(*world->crypto_states));
	init_addresses(world);
	init_lane(world);
	return world;
}

const char *world_driver(const struct world *world)
{
	return world->crypto.name;
}

static void fill_key(struct world *world, uint32_t k, enum srtp_suite suite, uint64_t incarnation)
{
	struct flow_key key = { .incarnation = incarnation, .serial = ++world->serial,
		.suite = (uint8_t)suite };

	memset(key.key, (int)(k / 2 + 1), srtp_suite_info(suite)->key_bytes);
	memset(key.salt, (int)(k / 2 + 2), srtp_suite_info(suite)->salt_bytes);
	key.checksum = flow_key_checksum(&key);
	world->keys[k] = key;
}

static void publish(struct world *world, uint32_t call, uint32_t address, uint64_t incarnation)
{
	uint32_t slot = call * ADDRESSES + address;
	struct flow_cfg *cfg = &world->cfg[slot];

	*cfg = (struct flow_cfg){
		.incarnation = incarnation,
		.generation = 1,
		.state_index = slot,
		.remote_ip = ip_from_v4(FAR_IP),
		.remote_port = FAR_PORT,
		.media_address = (uint16_t)address,
		.port = (uint16_t)(call * 2),
		.kind = FLOW_RTP,
		.probation_packets = 5,
		.peer_incarnation = incarnation,
		.peer_address = (uint16_t)(address ^ 1),
		.peer_port = (uint16_t)(call * 2),
	};
	if (address == 1) { // both ways under one key: what leaves may come back
		cfg->key_rx = call * 2 + 1;
		cfg->key_tx = call * 2 + 2;
	}
	cfg->checksum = flow_checksum(cfg);
	atomic_store(&world->index[address * SHM_PORTS + call * 2], slot);
}

void world_fill(struct world *world, uint32_t calls, enum srtp_suite suite)
{
	static uint64_t incarnation;

	CHECK(calls <= WORLD_CALLS_MAX);
	srtp_detach(&world->lane);
	memset(world->index, 0xff, (size_t)ADDRESSES * SHM_PORTS * sizeof(*world->index));
	memset(&world->lane.counters, 0, sizeof(world->lane.counters));
	lane_headers_expire(&world->lane);
	incarnation++;
	for (uint32_t call = 0; call < calls; call++) {
		fill_key(world, call * 2, suite, incarnation);
		fill_key(world, call * 2 + 1, suite, incarnation);
		for (uint32_t address = 0; address < ADDRESSES; address++)
			publish(world, call, address, incarnation);
		world->sequence[call] = 1;
	}
	world->calls = calls;
	world->turn = 0;
}

static void build_frame(struct world *world, uint32_t i, uint32_t call, uint32_t address)
{
	static const uint8_t link[14] = { 2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0 };
	struct frame *frame = &world->frames[i];
	uint8_t *at = frame->buffer + RTE_PKTMBUF_HEADROOM;
	struct rtp_header rtp = { .ssrc = call + 1, .seq = world->sequence[call]++ };

	memset(&frame->mbuf, 0, sizeof(frame->mbuf));
	frame->mbuf.buf_addr = frame->buffer;
	frame->mbuf.buf_len = sizeof(frame->buffer);
	frame->mbuf.data_off = RTE_PKTMBUF_HEADROOM;
	frame->mbuf.refcnt = 2;
	frame->mbuf.nb_segs = 1;
	frame->mbuf.data_len = RTP_AT + WORLD_RTP_BYTES;
	frame->mbuf.pkt_len = RTP_AT + WORLD_RTP_BYTES;
	memset(at, 0, RTP_AT);
	memcpy(at, link, sizeof(link));
	at[14] = 0x45;
	rtp_store16(at + 16, 28 + WORLD_RTP_BYTES);
	at[22] = 64;
	at[23] = 17;
	rtp_store32(at + 26, FAR_IP);
	rtp_store32(at + 30, OWN_IP + address);
	uint16_t sum = (uint16_t)~sum_fold(sum_header(at + 14, 20));
	memcpy(at + 24, &sum, sizeof(sum));
	rtp_store16(at + UDP_AT, FAR_PORT);
	rtp_store16(at + UDP_AT + 2, (uint16_t)(call * 2));
	rtp_store16(at + UDP_AT + 4, 8 + WORLD_RTP_BYTES);
	rtp_store16(at + UDP_AT + 6, 0x1234);
	rtp_build(&rtp, at + RTP_AT);
	world->mbufs[i] = &frame->mbuf;
}

static uint64_t run_burst(struct world *world)
{
	world->sent_count = 0;
	uint64_t now_ns = clock_mono_ns();
	uint64_t start = rte_rdtsc_precise();
	burst_init(&world->burst, world->mbufs, WORLD_BURST, now_ns);
	world->burst.rx_port = 0;
	forward_burst(&world->lane, &world->burst);
	burst_finish(&world->lane, &world->burst);
	uint64_t cycles = rte_rdtsc_precise() - start;
	world->lane.event_count = 0;
	return cycles;
}

uint64_t world_forward(struct world *world, bool is_srtp)
{
	for (uint32_t i = 0; i < WORLD_BURST; i++) {
		build_frame(world, i, world->turn, is_srtp ? 0 : 2);
		world->turn = (world->turn + 1) % world->calls;
	}
	return run_burst(world);
}

uint64_t world_return(struct world *world)
{
	CHECK(world->sent_count == WORLD_BURST);
	for (uint32_t i = 0; i < WORLD_BURST; i++) {
		struct rte_mbuf *mbuf = world->sent[i];
		uint8_t *at = rte_pktmbuf_mtod(mbuf, uint8_t *);
		uint8_t own[4], far[4];

		memcpy(own, at + 26, 4);
		memcpy(far, at + 30, 4);
		memcpy(at + 26, far, 4);
		memcpy(at + 30, own, 4);
		memcpy(own, at + UDP_AT, 2);
		memcpy(at + UDP_AT, at + UDP_AT + 2, 2);
		memcpy(at + UDP_AT + 2, own, 2);
		world->mbufs[i] = mbuf;
	}
	return run_burst(world);
}

uint64_t world_dropped(const struct world *world)
{
	uint64_t dropped = 0;

	for (uint32_t reason = 1; reason < DROP_REASON_COUNT; reason++)
		dropped += metric_read(&world->lane.counters.dropped[reason]);
	return dropped;
}
