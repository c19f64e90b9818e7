// rtp_frame.h - bed.h with two IPv4 media addresses, a call between them, and RTP frames from
// anywhere.
#pragma once

#include "sum.h"
#include "unit/media/bed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define OWN_A	0xc6336401u // 198.51.100.1, media address 0, port 0
#define OWN_B	0xc6336441u // 198.51.100.65, media address 1, port 1
#define FAR_A	0xcb007105u // 203.0.113.5
#define FAR_B	0xc0000209u // 192.0.2.9
#define RTP_A	4000
#define RTP_B	5000
#define PORT	20000 // of both legs
#define MS	1000000ull
#define START	(1000 * MS)
#define FRAME	214u
#define PAYLOAD 160u

struct rtp_frame {
	uint32_t from;
	uint16_t from_port, to_port;
	uint8_t payload_type;
	uint16_t sequence;
	uint32_t timestamp, ssrc;
	uint64_t at_ns;
};

static inline struct rtp_frame frame_of_a(uint16_t sequence)
{
	return (struct rtp_frame){ .from = FAR_A,
		.from_port = RTP_A,
		.to_port = PORT,
		.payload_type = 8,
		.sequence = sequence,
		.timestamp = sequence * PAYLOAD,
		.ssrc = 7,
		.at_ns = START + sequence * 20 * MS };
}

static inline struct flow_cfg leg(uint16_t address, uint16_t port)
{
	return (struct flow_cfg){ .media_address = address,
		.port = port,
		.kind = FLOW_RTP,
		.latch_mode = FLOW_LATCH_ONCE,
		.probation_packets = 3,
		.remote_ip = ip_from_v4(address ? FAR_B : FAR_A),
		.remote_port = address ? RTP_B : RTP_A,
		.peer_incarnation = BED_CALL,
		.peer_address = (uint16_t)(1 - address),
		.peer_port = port };
}

// No flows yet.
static inline int frame_bed(void **state)
{
	struct address_entry entries[2] = {
		{ .ip = ip_from_v4(OWN_A), .port_min = 10000, .port_max = 59999 },
		{ .ip = ip_from_v4(OWN_B),
			.rx_port = 1,
			.address = 1,
			.port_min = 10000,
			.port_max = 59999 },
	};
	(void)state;
	bed_init(entries, 2);
	return 0;
}

static inline void call_up(void)
{
	struct flow_cfg a = leg(0, PORT), b = leg(1, PORT);
	bed_flow(&a);
	bed_flow(&b);
}

// Puts the frame into mbuf `at`; `payload_len` bytes follow the UDP header, RTP header included.
static inline void frame_put(uint32_t at, const struct rtp_frame *in, uint32_t payload_len)
{
	uint8_t frame[BED_FRAME_MAX] = { [12] = 8, [14] = 0x45, [22] = 64, [23] = 17 };
	uint32_t total = 28 + payload_len, words[2] = { in->from, OWN_A };
	for (uint32_t i = 0; i < 8; i++)
		frame[26 + i] = (uint8_t)(words[i / 4] >> (24 - 8 * (i % 4)));
	uint16_t halves[] = { in->from_port, in->to_port, (uint16_t)(8 + payload_len), 0,
		(uint16_t)(0x8000 | in->payload_type), in->sequence };
	for (uint32_t i = 0; i < 6; i++) {
		frame[34 + 2 * i] = (uint8_t)(halves[i] >> 8);
		frame[35 + 2 * i] = (uint8_t)halves[i];
	}
	uint32_t rtp[2] = { in->timestamp, in->ssrc };
	for (uint32_t i = 0; i < 8; i++)
		frame[46 + i] = (uint8_t)(rtp[i / 4] >> (24 - 8 * (i % 4)));
	frame[16] = (uint8_t)(total >> 8);
	frame[17] = (uint8_t)total;
	uint16_t sum = (uint16_t)~sum_fold(sum_header(frame + 14, 20));
	memcpy(frame + 24, &sum, sizeof(sum));
	bed_mbuf(at, frame, 14 + total);
}

// One G.711 packet through all stages. Its verdict's reason: DROP_NONE = forwarded.
static inline enum drop_reason frame_run(const struct rtp_frame *in)
{
	frame_put(0, in, FRAME - 42);
	struct burst *burst = bed_burst(0, 1, in->at_ns);
	forward_burst(&bed.lane, burst);
	enum drop_reason reason = burst->packets[0].reason;
	burst_finish(&bed.lane, burst);
	return reason;
}

// UDP destination port of the frame that left last.
static inline uint16_t sent_to_port(void)
{
	assert_int_equal(bed.ports[1].count, 1);
	const uint8_t *frame = rte_pktmbuf_mtod(bed.ports[1].sent[0], const uint8_t *);
	return (uint16_t)(frame[36] << 8 | frame[37]);
}
