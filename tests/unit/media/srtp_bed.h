// srtp_bed.h - rtp_frame.h's call with keys: a crypto device, key slots, frames from either side.
//
// Leg A is media address 0 and port 0, leg B media address 1 and port 1. Slots are chosen by the
// test; a key of slot k belongs to BED_CALL. One per program.
#pragma once

#include "proto/rtp.h"
#include "srtp.h"
#include "srtp_hex.h"
#include "unit/media/rtp_frame.h"
#include "unit/unit.h"

#include <rte_eal.h>
#include <stdio.h>
#include <unistd.h>

#define SRTP_BED_KEYS     64u
#define SRTP_BED_SESSIONS 512u

struct srtp_bed {
	struct crypto crypto;
	struct flow_key keys[SRTP_BED_KEYS];
	struct flow_crypto states[SRTP_BED_KEYS];
	uint64_t serial;
};

static struct srtp_bed srtp_bed;

static inline int srtp_bed_eal(void **state)
{
	char prefix[64];
	char *args[] = { "test", "--no-pci", "--no-huge", "--no-shconf", "--no-telemetry", "-m",
		"64", "--log-level=*:error", "--lcores=0@0", prefix };

	(void)state;
	snprintf(prefix, sizeof(prefix), "--file-prefix=unit-%d", (int)getpid());
	return rte_eal_init(COUNT_OF(args), args) < 0 ? -1 : 0;
}

static inline int srtp_bed_eal_end(void **state)
{
	(void)state;
	rte_eal_cleanup();
	return 0;
}

// Private memory as after a start of muga-media: nothing known but what lies in the segment.
static inline void srtp_bed_attach(void)
{
	bed.lane.srtp = srtp_lane_new(&srtp_bed.crypto, 0);
	assert_non_null(bed.lane.srtp);
	bed.lane.srtp->contexts = srtp_contexts_new(SRTP_BED_KEYS);
	bed.lane.srtp->routes = srtp_routes_new(BED_FLOWS);
	bed.lane.srtp->keys = srtp_bed.keys;
	bed.lane.srtp->states = srtp_bed.states;
	bed.lane.srtp->key_count = SRTP_BED_KEYS;
	bed.lane.view.keys = srtp_bed.keys;
	bed.lane.view.key_count = SRTP_BED_KEYS;
}

static inline void srtp_bed_detach(void)
{
	srtp_detach(&bed.lane);
	srtp_contexts_free(bed.lane.srtp->contexts, SRTP_BED_KEYS);
	srtp_routes_free(bed.lane.srtp->routes, BED_FLOWS);
	srtp_lane_free(bed.lane.srtp);
	bed.lane.srtp = NULL;
}

static inline void srtp_bed_start(enum config_crypto driver)
{
	frame_bed(NULL);
	memset(&srtp_bed, 0, sizeof(srtp_bed));
	assert_int_equal(crypto_open(&srtp_bed.crypto, driver, 1, SRTP_BED_SESSIONS), 0);
	srtp_bed_attach();
}

// Every session must have come back.
static inline void srtp_bed_stop(void)
{
	srtp_bed_detach();
	assert_int_equal(rte_mempool_avail_count(srtp_bed.crypto.sessions), SRTP_BED_SESSIONS);
	crypto_close(&srtp_bed.crypto);
	bed_fini();
}

// A key in slot k, made of `seed`. Returns what a record calls it.
static inline uint32_t srtp_bed_key(uint32_t k, enum srtp_suite suite, uint8_t seed, uint8_t mki)
{
	const struct srtp_suite_info *info = srtp_suite_info(suite);
	struct flow_key key = { .incarnation = BED_CALL, .serial = ++srtp_bed.serial,
		.suite = (uint8_t)suite, .mki_bytes = mki };

	for (uint32_t i = 0; i < info->key_bytes; i++)
		key.key[i] = (uint8_t)(seed * 31 + i * 7);
	for (uint32_t i = 0; i < info->salt_bytes; i++)
		key.salt[i] = (uint8_t)(seed * 17 + i * 5);
	for (uint32_t i = 0; i < mki; i++)
		key.mki[i] = (uint8_t)(seed + i);
	key.checksum = flow_key_checksum(&key);
	srtp_bed.keys[k] = key;
	return k + 1;
}

// The UDP payload of `len` bytes, from the far end of that leg to our port.
static inline void srtp_bed_put(uint32_t at, uint32_t side, const uint8_t *payload, uint32_t len)
{
	uint8_t frame[BED_FRAME_MAX] = { [12] = 8, [14] = 0x45, [22] = 64, [23] = 17 };

	rtp_store16(frame + 16, (uint16_t)(28 + len));
	rtp_store32(frame + 26, side ? FAR_B : FAR_A);
	rtp_store32(frame + 30, side ? OWN_B : OWN_A);
	uint16_t sum = (uint16_t)~sum_fold(sum_header(frame + 14, 20));
	memcpy(frame + 24, &sum, sizeof(sum));
	rtp_store16(frame + 34, side ? RTP_B : RTP_A);
	rtp_store16(frame + 36, PORT);
	rtp_store16(frame + 38, (uint16_t)(8 + len));
	rtp_store16(frame + 40, 0xbeef); // never looked at where the payload changes
	memcpy(frame + 42, payload, len);
	bed_mbuf(at, frame, 42 + len);
}

// `count` mbufs through all stages, as received from that leg's network.
static inline struct burst *srtp_bed_run(uint32_t side, uint32_t count, uint64_t now_ns)
{
	struct burst *burst = bed_burst((uint16_t)side, count, now_ns);

	forward_burst(&bed.lane, burst);
	return burst;
}

// One payload from that leg; why it was dropped, DROP_NONE = forwarded.
static inline enum drop_reason srtp_bed_one(uint32_t side, const uint8_t *payload, uint32_t len)
{
	static uint64_t now_ns = START;

	srtp_bed_put(0, side, payload, len);
	struct burst *burst = srtp_bed_run(side, 1, now_ns += 20 * MS);
	enum drop_reason reason = burst->packets[0].reason;
	burst_finish(&bed.lane, burst);
	return reason;
}

// The UDP payload of frame i of what left on that side, its lengths and checksum checked.
static inline const uint8_t *srtp_bed_sent(uint32_t side, uint32_t i, uint32_t *len)
{
	const struct rte_mbuf *mbuf = bed.ports[side].sent[i];
	const uint8_t *frame = rte_pktmbuf_mtod(mbuf, const uint8_t *);
	uint32_t udp_len = rtp_load16(frame + 38);

	assert_true(i < bed.ports[side].count);
	assert_int_equal(mbuf->data_len, 34 + udp_len);
	assert_int_equal(rtp_load16(frame + 16), 20 + udp_len);
	assert_int_equal(sum_fold(sum_header(frame + 14, 20)), 0xffff);
	// RFC 768: pseudo header, header and payload sum up to ones.
	uint64_t sum = sum_bytes(frame + 26, 8) + sum_be16(17) + sum_be16((uint16_t)udp_len);
	if (rtp_load16(frame + 40) != 0xbeef)
		assert_int_equal(sum_fold(sum + sum_bytes(frame + 34, udp_len)), 0xffff);
	*len = udp_len - 8;
	return frame + 42;
}

// An RTP packet with that many payload bytes that follow from the sequence. Returns its length.
static inline uint32_t srtp_bed_rtp(uint8_t *out, uint32_t ssrc, uint16_t sequence, uint32_t bytes)
{
	struct rtp_header header = { .ssrc = ssrc, .seq = sequence,
		.timestamp = sequence * 160u, .payload_type = 96 };

	rtp_build(&header, out);
	for (uint32_t i = 0; i < bytes; i++)
		out[RTP_HEADER_BYTES + i] = (uint8_t)(sequence * 13 + i);
	return RTP_HEADER_BYTES + bytes;
}

// The call; each leg under the keys of its two slots + 1, 0 = plain. Published anew at each call.
struct srtp_bed_keys {
	uint32_t rx, tx;
};

static inline void srtp_bed_call(struct srtp_bed_keys a, struct srtp_bed_keys b)
{
	struct flow_cfg legs[2] = { leg(0, PORT), leg(1, PORT) };

	legs[0].key_rx = a.rx;
	legs[0].key_tx = a.tx;
	legs[1].key_rx = b.rx;
	legs[1].key_tx = b.tx;
	for (uint32_t i = 0; i < 2; i++) {
		legs[i].flags = FLOW_RTCP_MUX;
		bed_flow(&legs[i]);
		lane_flow_changed(&bed.lane, (uint16_t)i, PORT);
	}
}
