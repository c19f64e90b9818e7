// slow_bed.h - a lane, the slow thread's table and a far end with ICE and DTLS, on one thread and
// by a false clock: frames go in and out of the stages, records through the rings.
#pragma once

#include "proto/rtp.h"
#include "secure/secure_session.h"
#include "slow_table.h"
#include "sum.h"
#include "unit/media/rtp_frame.h"

#include <stdlib.h>
#include <sys/time.h>

#define FAR_IP	 0xc0000209u // 192.0.2.9
#define FAR_PORT 41000u
#define FRAMES	 64u

struct slow_bed {
	uint64_t now_ms;
	struct shm_map signaling, media;
	struct lane_attachment attachment;
	struct flow_writer *writer;
	struct flow_pair pair;
	struct slow_link link;
	struct slow_table *table;
	struct bed_mbuf out[FRAMES]; // what the lane makes
	uint32_t out_count;
	// the far end
	struct secure_env far_env;
	struct secure_session *far;
	struct flow_secure far_secure;
	struct flow_secure_result far_result;
	struct addr far_addr;
	uint32_t far_sent, far_received;
};

static struct slow_bed slow_bed;

int gettimeofday(struct timeval *restrict out, void *restrict zone)
{
	(void)zone;
	out->tv_sec = (time_t)(1700000000 + slow_bed.now_ms / 1000);
	out->tv_usec = (suseconds_t)(slow_bed.now_ms % 1000 * 1000);
	return 0;
}

static inline struct rte_mbuf *slow_bed_mbuf(void *context)
{
	struct bed_mbuf *own = &slow_bed.out[slow_bed.out_count];

	(void)context;
	if (slow_bed.out_count == FRAMES)
		return NULL;
	slow_bed.out_count++;
	memset(&own->mbuf, 0, sizeof(own->mbuf));
	own->mbuf.buf_addr = own->buffer;
	own->mbuf.buf_len = sizeof(own->buffer);
	own->mbuf.data_off = RTE_PKTMBUF_HEADROOM;
	own->mbuf.refcnt = 2; // never given back to a pool
	own->mbuf.nb_segs = 1;
	return &own->mbuf;
}

// A UDP frame to the leg's port + `which`, through all stages. Why it did not leave.
static inline enum drop_reason slow_bed_frame(
	const struct addr *from, uint32_t which, const void *payload, uint32_t len)
{
	uint8_t frame[BED_FRAME_MAX] = { [12] = 8, [14] = 0x45, [22] = 64, [23] = 17 };
	uint64_t dropped[DROP_REASON_COUNT];

	rtp_store16(frame + 16, (uint16_t)(28 + len));
	rtp_store32(frame + 26, rtp_load32(from->ip.b + 12));
	rtp_store32(frame + 30, OWN_A);
	uint16_t sum = (uint16_t)~sum_fold(sum_header(frame + 14, 20));
	memcpy(frame + 24, &sum, sizeof(sum));
	rtp_store16(frame + 34, from->port);
	rtp_store16(frame + 36, (uint16_t)(slow_bed.pair.port + which));
	rtp_store16(frame + 38, (uint16_t)(8 + len));
	memcpy(frame + 42, payload, len);
	bed_mbuf(0, frame, 42 + len);
	for (uint32_t i = 0; i < DROP_REASON_COUNT; i++)
		dropped[i] = metric_read(&bed.lane.counters.dropped[i]);
	struct burst *burst = bed_burst(0, 1, slow_bed.now_ms * 1000000);
	forward_burst(&bed.lane, burst);
	burst_finish(&bed.lane, burst);
	for (uint32_t i = 0; i < DROP_REASON_COUNT; i++)
		if (metric_read(&bed.lane.counters.dropped[i]) != dropped[i])
			return (enum drop_reason)i;
	return DROP_NONE;
}

static inline void far_send(
	void *context, uint32_t component, const struct addr *to, struct span data)
{
	(void)context;
	assert_int_equal(component, 1);
	assert_int_equal(to->port, slow_bed.pair.port);
	slow_bed.far_sent++;
	slow_bed_frame(&slow_bed.far_addr, 0, data.ptr, data.len);
}

static inline void far_random(void *context, void *out, uint32_t len)
{
	(void)context;
	for (uint32_t i = 0; i < len; i++)
		((uint8_t *)out)[i] = (uint8_t)(rand() >> 3);
}

// What the slow thread's turn does.
static inline void slow_bed_slow_turn(void)
{
	uint32_t len;
	const struct slow_arrival *arrival;

	while ((arrival = ring_peek(slow_bed.link.up, &len)) != NULL) {
		slow_table_receive(slow_bed.table, arrival, slow_bed.now_ms);
		ring_release(slow_bed.link.up);
	}
	slow_table_run(slow_bed.table, slow_bed.now_ms);
}

// What the lane's turn does with what came down: to the far end, if it is for it.
static inline void slow_bed_depart(void)
{
	for (uint32_t i = 0; i < BED_PORTS; i++)
		bed.ports[i].count = 0;
	slow_bed.out_count = 0;
	depart_run(&bed.lane);
	for (uint32_t i = 0; i < bed.ports[0].count; i++) {
		uint8_t copy[BED_FRAME_MAX];
		struct rte_mbuf *mbuf = bed.ports[0].sent[i];
		uint32_t len = mbuf->data_len;
		struct addr own = { .ip = ip_from_v4(OWN_A), .port = slow_bed.pair.port };

		memcpy(copy, rte_pktmbuf_mtod(mbuf, uint8_t *), len);
		assert_int_equal(copy[14], 0x45);
		assert_int_equal(sum_fold(sum_header(copy + 14, 20)), 0xffff);
		assert_int_equal(rtp_load32(copy + 26), OWN_A);
		assert_int_equal(rtp_load16(copy + 34), own.port);
		if (rtp_load32(copy + 30) != FAR_IP || rtp_load16(copy + 36) != FAR_PORT)
			continue;
		slow_bed.far_received++;
		secure_session_receive(slow_bed.far, 1, &own,
			span_make((const char *)copy + 42, rtp_load16(copy + 38) - 8u),
			slow_bed.now_ms);
	}
}

static inline void slow_bed_run(uint32_t for_ms)
{
	for (uint32_t i = 0; i < for_ms; i++) {
		slow_bed.now_ms++;
		slow_bed_slow_turn();
		slow_bed_depart();
		if (slow_bed.far && secure_session_next(slow_bed.far, slow_bed.now_ms) <=
			slow_bed.now_ms)
			secure_session_run(slow_bed.far, slow_bed.now_ms);
		if (slow_bed.far)
			secure_session_take_result(slow_bed.far, &slow_bed.far_result);
	}
}

static inline void secret_set(char *ufrag, uint8_t *ufrag_bytes, char *pwd, uint8_t *pwd_bytes,
	char who)
{
	memset(ufrag, who, 8);
	memset(pwd, who, 24);
	*ufrag_bytes = 8;
	*pwd_bytes = 24;
}

static inline struct flow_secure slow_bed_agreement(void)
{
	struct flow_secure secure;
	uint8_t bytes[2];

	memset(&secure, 0, sizeof(secure));
	secure.ice = FLOW_ICE_LITE;
	secure.dtls = FLOW_DTLS_PASSIVE;
	secure.components = 1;
	secure.mtu = 1200;
	secure.own_priority = 0x7effffff;
	secret_set(secure.own_ufrag, &secure.own_ufrag_bytes, secure.own_pwd,
		&secure.own_pwd_bytes, 'm');
	secret_set(secure.ufrag, &bytes[0], secure.pwd, &bytes[1], 'f');
	secure.ufrag_bytes = bytes[0];
	secure.pwd_bytes = bytes[1];
	secure.fingerprint_count = 1;
	memcpy(&secure.fingerprints[0],
		dtls_identity_fingerprint(slow_bed.far_env.identity),
		sizeof(secure.fingerprints[0]));
	return secure;
}

static inline void slow_bed_publish(const struct flow_secure *secure)
{
	struct flow_cfg cfg = { .kind = FLOW_RTP, .flags = FLOW_RTCP_MUX,
		.latch_mode = FLOW_LATCH_STRICT, .probation_packets = 1,
		.remote_ip = ip_from_v4(FAR_IP), .remote_port = FAR_PORT };

	assert_int_equal(flow_pair_set_secure(slow_bed.writer, &slow_bed.pair, secure), 0);
	for (uint32_t which = 0; which < 2; which++)
		assert_int_equal(
			flow_publish(slow_bed.writer, &slow_bed.pair, which, &cfg), 0);
}

// A far end that knows all of ours; begins with the next run.
static inline void slow_bed_far(void)
{
	struct flow_secure *far = &slow_bed.far_secure;
	uint8_t bytes[2];

	memset(far, 0, sizeof(*far));
	far->incarnation = far->serial = 1;
	far->ice = FLOW_ICE_FULL;
	far->dtls = FLOW_DTLS_ACTIVE;
	far->components = far->is_controlling = far->is_remote_lite = 1;
	far->mtu = 1200;
	far->own_priority = 0x7effffff;
	secret_set(far->own_ufrag, &far->own_ufrag_bytes, far->own_pwd, &far->own_pwd_bytes, 'f');
	secret_set(far->ufrag, &bytes[0], far->pwd, &bytes[1], 'm');
	far->ufrag_bytes = bytes[0];
	far->pwd_bytes = bytes[1];
	far->candidate_count = far->fingerprint_count = 1;
	far->candidates[0] = (struct flow_candidate){ .ip = ip_from_v4(OWN_A),
		.port = slow_bed.pair.port, .priority = 0x7effffff, .component = 1 };
	assert_int_not_equal(shm_identity_read(shm_identity_of(&slow_bed.media),
				     &far->fingerprints[0]),
		0);
	far->checksum = flow_secure_checksum(far);
	secure_session_apply(slow_bed.far, far, &slow_bed.far_addr, slow_bed.now_ms);
}

static inline int slow_bed_init(void **state)
{
	struct shm_geometry geometry = { .addresses = 2, .flows = BED_FLOWS, .workers = 1,
		.lanes = 1, .keys = 256 };
	struct flow_writer_params params = { .signaling = &slow_bed.signaling,
		.media = &slow_bed.media, .workers = 1, .quarantine_ms = 1000,
		.orphan_timeout_ms = 5000 };
	struct dtls_identity *identity = slow_bed.far_env.identity;

	if (frame_bed(state))
		return -1;
	memset(&slow_bed, 0, sizeof(slow_bed));
	slow_bed.now_ms = 100000;
	if (shm_anonymous(&geometry, &slow_bed.signaling, &slow_bed.media))
		return -1;
	for (uint32_t i = 0; i < 2; i++)
		shm_addresses(&slow_bed.signaling)[i] = (struct shm_address){
			.ip = ip_from_v4(i ? OWN_B : OWN_A), .port_min = 10240, .port_max = 20479 };
	atomic_store(shm_address_count(&slow_bed.signaling), 2);
	slow_bed.writer = flow_writer_new(&params, slow_bed.now_ms);
	slow_bed.attachment = (struct lane_attachment){ .signaling = &slow_bed.signaling,
		.media = &slow_bed.media };
	flow_view_init(&slow_bed.attachment.view, &slow_bed.signaling);
	slow_bed.link.up = ring_new(SLOW_RING_BYTES);
	slow_bed.link.down = ring_new(SLOW_RING_BYTES);
	slow_bed.table = slow_table_new(&slow_bed.link, 1, 1700000000);
	if (!slow_bed.writer || !slow_bed.table ||
		slow_table_attach(slow_bed.table, &slow_bed.attachment, slow_bed.now_ms))
		return -1;
	bed.lane.view = slow_bed.attachment.view;
	bed.lane.states = shm_flow_state(&slow_bed.media);
	bed.lane.slow = &slow_bed.link;
	bed.lane.mbuf_new = slow_bed_mbuf;
	slow_bed.far_env = (struct secure_env){ .send = far_send, .random = far_random,
		.identity = identity ? identity : dtls_identity_new(1700000000) };
	slow_bed.far = secure_session_new(&slow_bed.far_env, NULL);
	slow_bed.far_addr = (struct addr){ .ip = ip_from_v4(FAR_IP), .port = FAR_PORT };
	return flow_pair_reserve(slow_bed.writer, 0, -1, &slow_bed.pair);
}

static inline int slow_bed_fini(void **state)
{
	(void)state;
	secure_session_free(slow_bed.far);
	slow_table_free(slow_bed.table);
	ring_free(slow_bed.link.up);
	ring_free(slow_bed.link.down);
	flow_writer_free(slow_bed.writer);
	shm_close(&slow_bed.signaling);
	shm_close(&slow_bed.media);
	bed_fini();
	return 0;
}
