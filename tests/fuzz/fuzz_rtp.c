// fuzz_rtp.c - RTP and RTCP from the network through all stages: first byte the flow, the rest the
// frame or, with an odd first byte, the UDP payload of a frame that reaches a flow.
//
// Invariants: every packet ends as sent or with a reason; what is sent has lengths that agree and a
// valid IPv4 header checksum; no flow that is locked changes its source.
#include "base/check.h"
#include "base/clock.h"
#include "bundle.h"
#include "flow_sync.h"
#include "proto/rtp.h"
#include "sum.h"
#include "unit/media/bed.h"

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const uint16_t ports[] = { 20000, 20001, 20010, 20020, 20030, 20040 };
static struct flow_secure agreement;
static struct bundle bundle;

static void publish(uint16_t address, uint16_t port, uint8_t kind, uint8_t flags)
{
	struct flow_cfg cfg = { .media_address = address,
		.port = port,
		.kind = kind,
		.flags = flags,
		.latch_mode = FLOW_LATCH_ONCE,
		.probation_packets = 3,
		.rate_pps_max = 1000,
		.remote_ip = ip_from_v4(address ? 0xc0000209 : 0x0a000005),
		.remote_port = 4000,
		.peer_incarnation = BED_CALL,
		.peer_address = (uint16_t)(1 - address),
		.peer_port = port };
	bed_flow(&cfg);
}

// Ports 20040 and 20042 of the first address share the first one (RFC 8843).
static void share(void)
{
	agreement = (struct flow_secure){ .incarnation = BED_CALL, .serial = agreement.serial + 1,
		.port = 20040, .components = 1, .mtu = 1200 };
	agreement.bundle.count = 2;
	agreement.bundle.mid_extension = 4;
	struct flow_member *members = agreement.bundle.members;
	members[0] = (struct flow_member){ .port = 20040, .mid_bytes = 1, .mid = "0" };
	members[1] = (struct flow_member){ .port = 20042, .mid_bytes = 1, .mid = "1" };
	members[0].payload_types[0] = 0xff;
	members[1].payload_types[12] = 0xff;
	agreement.checksum = flow_secure_checksum(&agreement);
	bed.lane.view.secures = &agreement;
	bed.lane.view.key_count = 1;
	bed.lane.bundles = &bundle;
	bundle.incarnation = 0;
}

static void setup(void)
{
	struct address_entry entries[2] = {
		{ .rx_port = 0, .address = 0, .port_min = 10000, .port_max = 59999 },
		{ .rx_port = 1, .address = 1, .port_min = 10000, .port_max = 59999 },
	};
	entries[0].ip = ip_from_v4(0xc6336401);
	entries[1].ip = ip_from_v4(0xc6336441);
	bed_init(entries, 2);
	for (uint16_t address = 0; address < 2; address++) {
		publish(address, 20000, FLOW_RTP, 0);
		publish(address, 20001, FLOW_RTCP, 0);
		publish(address, 20010, FLOW_RTP, FLOW_RTCP_MUX);
		publish(address, 20020, FLOW_RTP, FLOW_RTCP_MUX | FLOW_RTCP_COMPANION);
		publish(address, 20021, FLOW_RTCP, 0);
		publish(address, 20030, FLOW_OPAQUE, 0);
		publish(address, 20040, FLOW_RTP, FLOW_RTCP_MUX);
		publish(address, 20042, FLOW_RTP, FLOW_RTCP_MUX);
	}
	share();
	for (uint32_t i = 0; i < bed.cfg_count; i++) {
		struct flow_cfg *cfg = &bed.cfg[i];

		if (cfg->media_address == 0 && cfg->port == 20040)
			cfg->secure = 1;
		else if (cfg->media_address == 0 && cfg->port == 20042)
			cfg->bundle_port = 20040;
		cfg->checksum = flow_checksum(cfg);
	}
}

// A frame for flow `which` around the payload. Returns its length.
static uint32_t wrap(uint8_t which, const uint8_t *payload, uint32_t len, uint8_t *frame)
{
	memset(frame, 0, 42);
	frame[12] = 8;
	frame[14] = 0x45;
	rtp_store16(frame + 16, (uint16_t)(28 + len));
	frame[22] = 64;
	frame[23] = 17;
	rtp_store32(frame + 26, which & 0x40 ? 0xcb007105 : 0x0a000005);
	rtp_store32(frame + 30, 0xc6336401);
	uint16_t sum = (uint16_t)~sum_fold(sum_header(frame + 14, 20));
	memcpy(frame + 24, &sum, sizeof(sum));
	rtp_store16(frame + 34, (uint16_t)(4000 + (which >> 7)));
	rtp_store16(frame + 36, ports[(which >> 1) % (sizeof(ports) / sizeof(ports[0]))]);
	rtp_store16(frame + 38, (uint16_t)(8 + len));
	memcpy(frame + 42, payload, len);
	return 42 + len;
}

static void check_outcome(void)
{
	const struct packet *packet = &bed.burst.packets[0];

	if (packet->verdict != VERDICT_SENT) {
		CHECK(packet->reason != DROP_NONE && packet->reason < DROP_REASON_COUNT);
		CHECK(packet->verdict == VERDICT_DROP || packet->verdict == VERDICT_EXCEPTION);
		return;
	}
	const uint8_t *frame = rte_pktmbuf_mtod(packet->mbuf, const uint8_t *);
	CHECK(packet->mbuf->data_len == packet->mbuf->pkt_len && packet->mbuf->data_len >= 42);
	CHECK(frame[14] == 0x45 && sum_fold(sum_header(frame + 14, 20)) == 0xffff);
	CHECK(rtp_load16(frame + 16) + 14u == packet->mbuf->data_len);
	CHECK(rtp_load16(frame + 38) + 34u == packet->mbuf->data_len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t frame[BED_FRAME_MAX];
	static uint64_t now_ns = NS_PER_S;
	struct flow_latch before[BED_FLOWS];
	uint32_t len;

	if (size < 1 || size > 1400)
		return 0;
	if (!bed.nexthops || bed.lane.counters.received > 10000)
		setup(); // now and then afresh, else every flow is locked soon
	len = (uint32_t)size - 1;
	if (data[0] & 1)
		len = wrap(data[0], data + 1, len, frame);
	else
		memcpy(frame, data + 1, len);
	for (uint32_t i = 0; i < bed.cfg_count; i++)
		before[i] = flow_sync_latch(&bed.states[bed.cfg[i].state_index]);
	bed_mbuf(0, frame, len);
	now_ns += 20000000;
	forward_burst(&bed.lane, bed_burst(0, 1, now_ns));
	bed.lane.event_count = 0;
	check_outcome();
	for (uint32_t i = 0; i < bed.cfg_count; i++) {
		struct flow_latch after = flow_sync_latch(&bed.states[bed.cfg[i].state_index]);
		if (before[i].phase == FLOW_LATCH_LOCKED)
			CHECK(after.port == before[i].port && ip_eq(&after.ip, &before[i].ip));
	}
	return 0;
}
