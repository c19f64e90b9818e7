// test_unprotect.c - what is not authentic, new and whole is counted and touches nothing; what is
// goes on as RTP, over changes of keys, records and this process.
//
// Leg B sends and receives under one master key, so what leaves for B is what B might have sent.
#include "base/metric.h"
#include "flow_sync.h"
#include "srtp_index.h"
#include "unit/unit.h"
#include "unit/media/srtp_bed.h"

#define SUITE SRTP_AES_CM_128_HMAC_SHA1_80

struct wire {
	uint8_t bytes[1500];
	uint32_t len;
};

// Slot 0 is B's key for what comes, slot 1 the same key for what leaves.
static void start(enum srtp_suite suite, uint8_t mki)
{
	srtp_bed_start(CONFIG_CRYPTO_AESNI_MB);
	srtp_bed_key(0, suite, 1, mki);
	srtp_bed_key(1, suite, 1, mki);
	srtp_bed_call((struct srtp_bed_keys){ 0 }, (struct srtp_bed_keys){ 1, 2 });
}

// What leaves for B when A sends that.
static struct wire protect(const uint8_t *plain, uint32_t plain_len)
{
	struct wire wire;

	assert_int_equal(srtp_bed_one(0, plain, plain_len), DROP_NONE);
	const uint8_t *sent = srtp_bed_sent(1, 0, &wire.len);
	memcpy(wire.bytes, sent, wire.len);
	return wire;
}

static struct wire rtp_wire(uint16_t sequence)
{
	uint8_t plain[256];

	return protect(plain, srtp_bed_rtp(plain, 77, sequence, 160));
}

static enum drop_reason feed(const struct wire *wire)
{
	return srtp_bed_one(1, wire->bytes, wire->len);
}

static const struct flow_crypto *rx(void)
{
	return &srtp_bed.states[0];
}

static void test_round_trip(void **state)
{
	uint8_t plain[256];
	(void)state;

	for (uint32_t suite = SRTP_NONE + 1; suite < SRTP_SUITE_COUNT; suite++) {
		start(suite, suite == SRTP_AEAD_AES_256_GCM ? 3 : 0);
		for (uint16_t sequence = 1; sequence < 20; sequence++) {
			uint32_t len = srtp_bed_rtp(plain, 77, sequence, sequence * 9u - 9), out;
			struct wire wire = protect(plain, len);
			assert_int_equal(wire.len, len + srtp_suite_info(suite)->rtp_tag_bytes +
				(suite == SRTP_AEAD_AES_256_GCM ? 3 : 0));
			assert_int_equal(feed(&wire), DROP_NONE);
			const uint8_t *back = srtp_bed_sent(0, 0, &out);
			assert_int_equal(out, len);
			assert_memory_equal(back, plain, len);
		}
		assert_int_equal(metric_read(&rx()->packets), 19);
		srtp_bed_stop();
	}
}

// Each byte of the packet is vouched for, and a forged packet learns nothing and counts nowhere but
// where it should.
static void test_forged(void **state)
{
	(void)state;
	for (uint32_t suite = SUITE; suite <= SRTP_AEAD_AES_128_GCM; suite += 4) {
		start(suite, 0);
		struct wire wire = rtp_wire(5);
		const struct flow_state *b = bed_state(1, PORT);
		uint64_t refused = 0;

		for (uint32_t i = 0; i < wire.len; i++) {
			wire.bytes[i] ^= 0x20;
			enum drop_reason reason = feed(&wire);
			wire.bytes[i] ^= 0x20;
			assert_true(reason == DROP_SRTP_AUTH || reason == DROP_SRTP_REFUSED ||
				reason == DROP_NOT_RTP);
			refused++;
		}
		assert_int_equal(metric_read(&b->packets), 0);
		assert_int_equal(metric_read(&b->first_ns), 0);
		assert_int_equal(flow_sync_latch(b).phase, FLOW_LATCH_NONE);
		assert_int_equal(metric_read(&b->dropped_other), refused);
		assert_true(metric_read(&rx()->auth_failed) > 100);
		assert_int_equal(metric_read(&rx()->packets), 0);
		assert_int_equal(feed(&wire), DROP_NONE); // they did not end the call
		assert_int_equal(metric_read(&b->packets), 1);
		srtp_bed_stop();
	}
}

// The frame's source is another one.
static enum drop_reason feed_from(uint32_t source, const struct wire *wire, uint64_t at_ns)
{
	srtp_bed_put(0, 1, wire->bytes, wire->len);
	uint8_t *frame = rte_pktmbuf_mtod(&bed.mbufs[0].mbuf, uint8_t *);

	rtp_store32(frame + 26, source);
	memset(frame + 24, 0, 2);
	uint16_t sum = (uint16_t)~sum_fold(sum_header(frame + 14, 20));
	memcpy(frame + 24, &sum, sizeof(sum));
	struct burst *burst = srtp_bed_run(1, 1, at_ns);
	enum drop_reason reason = burst->packets[0].reason;
	burst_finish(&bed.lane, burst);
	return reason;
}

// Who holds the key is the source, wherever he is; who has only seen its packets is not.
static void test_source_moves_with_its_key(void **state)
{
	struct flow_cfg b = leg(1, PORT);
	(void)state;

	start(SUITE, 0);
	b.latch_mode = FLOW_LATCH_PROOF;
	b.key_rx = 1;
	b.key_tx = 2;
	bed_flow(&b);
	lane_flow_changed(&bed.lane, 1, PORT);
	struct wire first = rtp_wire(5), second = rtp_wire(9000), forged = second;
	struct wire third = rtp_wire(9001);
	assert_int_equal(feed(&first), DROP_NONE);
	uint64_t last_ns = metric_read(&bed_state(1, PORT)->last_ns);
	assert_int_equal(feed_from(FAR_B + 1, &second, last_ns + 50 * MS), DROP_WRONG_SOURCE);
	forged.bytes[forged.len - 1] ^= 1;
	assert_int_equal(feed_from(FAR_B + 1, &forged, last_ns + 200 * MS), DROP_SRTP_AUTH);
	assert_int_equal(feed_from(FAR_B + 1, &first, last_ns + 200 * MS), DROP_SRTP_REPLAYED);
	assert_int_equal(feed_from(FAR_B + 1, &second, last_ns + 200 * MS), DROP_NONE);
	assert_int_equal(feed_from(FAR_B, &third, last_ns + 220 * MS), DROP_WRONG_SOURCE);
	assert_int_equal(feed_from(FAR_B + 1, &third, last_ns + 220 * MS), DROP_NONE);
	srtp_bed_stop();
}

// A source that begins anew far behind is heard again after two packets, a source that is doubled
// or late is not taken for one. The far end decrypts all of it, over several wraps.
static void test_restarted_source_is_heard(void **state)
{
	static const uint16_t starts[] = { 5000, 4000, 3000, 60000, 100, 65000, 1 };
	uint8_t plain[256];
	uint32_t passed = 0, lost = 0;
	(void)state;

	start(SUITE, 0);
	for (uint32_t i = 0; i < COUNT_OF(starts); i++) {
		uint32_t count = i == 2 ? 70000 : 1000;

		for (uint32_t k = 0; k < count; k++) {
			uint32_t len = srtp_bed_rtp(
				plain, 77, (uint16_t)(starts[i] + k), 160), out;
			if (srtp_bed_one(0, plain, len) != DROP_NONE) {
				assert_true(i > 0 && k < 3);
				lost++;
				continue;
			}
			struct wire wire = { .len = 0 };
			const uint8_t *sent = srtp_bed_sent(1, 0, &wire.len);
			memcpy(wire.bytes, sent, wire.len);
			assert_int_equal(feed(&wire), DROP_NONE);
			const uint8_t *back = srtp_bed_sent(0, 0, &out);
			assert_int_equal(out, len);
			assert_memory_equal(back + RTP_HEADER_BYTES, plain + RTP_HEADER_BYTES,
				len - RTP_HEADER_BYTES);
			passed++;
		}
	}
	assert_true(lost <= 2 * (COUNT_OF(starts) - 1));
	assert_int_equal(passed + lost, 76000);
	srtp_bed_stop();
}

// B's reports and NACKs are about the numbers that A has given.
static void test_reports_of_a_restarted_source(void **state)
{
	uint8_t plain[256], rtcp[] = { 0x81, 205, 0, 3, 0, 0, 0, 9, 0, 0, 0, 77, 0, 0, 0, 0 };
	uint32_t len;
	(void)state;

	start(SUITE, 0);
	for (uint16_t i = 0; i < 300; i++)
		srtp_bed_one(0, plain, srtp_bed_rtp(plain, 77, (uint16_t)(5000 + i), 20));
	for (uint16_t i = 0; i < 3; i++)
		srtp_bed_one(0, plain, srtp_bed_rtp(plain, 77, (uint16_t)(100 + i), 20));
	assert_int_equal(rtp_seq(srtp_bed_sent(1, 0, &len)), 5300); // 102, the third
	// What leaves for A is what B might send: through A, B's own key, back.
	rtp_store16(rtcp + 12, 5300);
	struct wire wire = protect(rtcp, sizeof(rtcp));
	assert_int_equal(feed(&wire), DROP_NONE);
	const uint8_t *back = srtp_bed_sent(0, 0, &len);
	assert_int_equal(rtp_load16(back + 12), 102);
	assert_int_equal(rtp_load32(back + 8), 77);
	srtp_bed_stop();
}

static void test_replayed(void **state)
{
	struct wire wires[200];
	(void)state;

	start(SUITE, 0);
	for (uint16_t i = 0; i < 200; i++)
		wires[i] = rtp_wire(i);
	for (uint32_t i = 0; i < 200; i += 2)
		assert_int_equal(feed(&wires[i]), DROP_NONE);
	for (uint32_t i = 0; i < 200; i += 2)
		assert_int_equal(feed(&wires[i]), DROP_SRTP_REPLAYED);
	assert_int_equal(feed(&wires[198 - SRTP_WINDOW + 1]), DROP_NONE); // the oldest
	assert_int_equal(feed(&wires[198 - SRTP_WINDOW - 1]), DROP_SRTP_REPLAYED);
	assert_int_equal(metric_read(&rx()->replayed), 101);
	assert_int_equal(metric_read(&rx()->auth_failed), 0);
	srtp_bed_stop();
}

// Two copies in one burst: both were new when looked at, one is when it counts.
static void test_replayed_within_a_burst(void **state)
{
	(void)state;
	start(SRTP_AEAD_AES_128_GCM, 0);
	struct wire first = rtp_wire(1), second = rtp_wire(2);

	srtp_bed_put(0, 1, second.bytes, second.len);
	srtp_bed_put(1, 1, first.bytes, first.len);
	srtp_bed_put(2, 1, second.bytes, second.len);
	struct burst *burst = srtp_bed_run(1, 3, START + 900 * MS);
	assert_int_equal(burst->packets[0].reason, DROP_NONE);
	assert_int_equal(burst->packets[1].reason, DROP_NONE);
	assert_int_equal(burst->packets[2].reason, DROP_SRTP_REPLAYED);
	burst_finish(&bed.lane, burst);
	srtp_bed_stop();
}

static void test_short_and_strange(void **state)
{
	uint8_t rr[8] = { 0x80, 201, 0, 1, 0, 0, 0, 77 };
	(void)state;

	start(SUITE, 2);
	struct wire wire = rtp_wire(1);
	uint32_t len = wire.len;
	for (wire.len = 2; wire.len < 12 + 2 + 10; wire.len++)
		assert_int_equal(feed(&wire), DROP_SRTP_REFUSED);
	wire.len = len;
	wire.bytes[len - 11] ^= 1; // its MKI
	assert_int_equal(feed(&wire), DROP_SRTP_REFUSED);
	wire.bytes[len - 11] ^= 1;
	uint64_t refused = metric_read(&rx()->refused);
	assert_int_equal(refused, 23);
	struct wire rtcp = protect(rr, sizeof(rr));
	rtcp.bytes[8] &= 0x7f; // E bit
	assert_int_equal(feed(&rtcp), DROP_SRTP_REFUSED);
	rtcp.bytes[8] |= 0x80;
	struct wire stun = { .bytes = { 0, 1 }, .len = 20 };
	assert_int_equal(feed(&stun), DROP_NOT_RTP);
	assert_int_equal(feed(&wire), DROP_NONE);
	assert_int_equal(feed(&rtcp), DROP_NONE);
	assert_int_equal(feed(&rtcp), DROP_SRTP_REPLAYED);
	srtp_bed_stop();
}

static void test_foreign_source_is_not_worth_a_tag(void **state)
{
	(void)state;
	start(SUITE, 0);
	struct wire one = rtp_wire(1), two = rtp_wire(2);

	assert_int_equal(feed(&one), DROP_NONE); // locked: the signaled source
	srtp_bed_put(0, 1, two.bytes, two.len);
	rte_pktmbuf_mtod(&bed.mbufs[0].mbuf, uint8_t *)[35] ^= 1; // another port
	struct burst *burst = srtp_bed_run(1, 1, START + 900 * MS);
	assert_int_equal(burst->packets[0].reason, DROP_WRONG_SOURCE);
	burst_finish(&bed.lane, burst);
	assert_int_equal(metric_read(&rx()->packets), 1);
	assert_int_equal(feed(&two), DROP_NONE); // it was not consumed
	srtp_bed_stop();
}

// RFC 3711 3.3.1: another record with the same key goes on where the last one stood.
static void test_counter_survives_records_and_wraps(void **state)
{
	(void)state;
	start(SRTP_AEAD_AES_256_GCM, 0);
	uint16_t sequence = 65500;

	for (uint32_t i = 0; i < 3; i++) {
		for (uint32_t k = 0; k < 500; k++) {
			struct wire wire = rtp_wire(sequence);
			assert_int_equal(feed(&wire), DROP_NONE);
			sequence = (uint16_t)(sequence + 100);
		}
		srtp_bed_call((struct srtp_bed_keys){ 0 }, (struct srtp_bed_keys){ 1, 2 });
	}
	assert_int_equal(flow_stream_index(&rx()->streams[0]) >> 16, 3);
	srtp_bed_stop();
}

// muga-media dies and comes back: indexes lie in the segment, windows are taken for full.
static void test_restart(void **state)
{
	(void)state;
	start(SUITE, 0);
	struct wire early = rtp_wire(65000), late = rtp_wire(65100), wrapped = rtp_wire(30);
	assert_int_equal(feed(&early), DROP_NONE);
	assert_int_equal(feed(&wrapped), DROP_NONE);
	srtp_bed_detach();
	srtp_bed_attach();
	lane_headers_expire(&bed.lane);
	struct wire next = rtp_wire(31);
	assert_int_equal(feed(&late), DROP_SRTP_REPLAYED);
	assert_int_equal(feed(&wrapped), DROP_SRTP_REPLAYED);
	assert_int_equal(feed(&next), DROP_NONE);
	assert_int_equal(flow_stream_index(&rx()->streams[0]), 0x1001f);
	srtp_bed_stop();
}

static void test_key_changes_in_mid_call(void **state)
{
	(void)state;
	start(SUITE, 0);
	for (uint16_t i = 65530; i != 10; i++) {
		struct wire wire = rtp_wire(i);
		assert_int_equal(feed(&wire), DROP_NONE);
	}
	struct wire old = rtp_wire(11);
	srtp_bed_key(2, SRTP_AEAD_AES_128_GCM, 5, 0);
	srtp_bed_key(3, SRTP_AEAD_AES_128_GCM, 5, 0);
	srtp_bed_call((struct srtp_bed_keys){ 0 }, (struct srtp_bed_keys){ 3, 4 });
	assert_int_equal(feed(&old), DROP_SRTP_AUTH);
	struct wire wire = rtp_wire(12);
	assert_int_equal(feed(&wire), DROP_NONE);
	assert_int_equal(flow_stream_index(&srtp_bed.states[2].streams[0]), 12);
	assert_int_equal(flow_sync_latch(bed_state(1, PORT)).phase, FLOW_LATCH_LOCKED);
	srtp_bed_stop();
}

// Taken over from another node in the fourth round of the sequence.
static void test_marks(void **state)
{
	(void)state;
	srtp_bed_start(CONFIG_CRYPTO_AESNI_MB);
	srtp_bed_key(0, SUITE, 1, 0);
	srtp_bed_key(1, SUITE, 1, 0);
	for (uint32_t k = 0; k < 2; k++) {
		struct flow_key *key = &srtp_bed.keys[k];
		key->marks[1] = (struct flow_mark){ .ssrc = 77, .roc = 3, .sequence = 40000 };
		key->rtcp_index = 0x5000;
		key->checksum = flow_key_checksum(key);
	}
	srtp_bed_call((struct srtp_bed_keys){ 0 }, (struct srtp_bed_keys){ 1, 2 });
	uint8_t plain[64], rr[8] = { 0x80, 201, 0, 1, 0, 0, 0, 77 };
	uint32_t len = srtp_bed_rtp(plain, 77, 40000, 20);
	assert_int_equal(srtp_bed_one(0, plain, len), DROP_SRTP_INDEX_USED);
	struct wire wire = rtp_wire(40001), rtcp = protect(rr, sizeof(rr));
	assert_int_equal(feed(&wire), DROP_NONE);
	assert_int_equal(flow_stream_index(&rx()->streams[1]), 0x39c41);
	assert_int_equal(rtp_load32(rtcp.bytes + 8), 0x80005000);
	srtp_bed_stop();
}

static void test_without_a_key(void **state)
{
	(void)state;
	start(SUITE, 0);
	struct wire wire = rtp_wire(1);
	struct srtp_lane *srtp = bed.lane.srtp;

	bed.lane.srtp = NULL; // no crypto device
	lane_headers_expire(&bed.lane);
	assert_int_equal(feed(&wire), DROP_SRTP_NO_KEY);
	bed.lane.srtp = srtp;
	lane_headers_expire(&bed.lane);
	srtp_bed.keys[0].key[5] ^= 1; // not whole
	assert_int_equal(feed(&wire), DROP_SRTP_NO_KEY);
	srtp_bed.keys[0].key[5] ^= 1;
	for (uint32_t i = 0; i < 64 && feed(&wire) == DROP_SRTP_NO_KEY; i++)
		; // it is looked at again from time to time
	assert_int_equal(metric_read(&rx()->packets), 1);
	assert_int_equal(metric_read(&bed.lane.counters.dropped[DROP_WRONG_SOURCE]), 0);
	srtp_bed_stop();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_forged),
		cmocka_unit_test(test_source_moves_with_its_key),
		cmocka_unit_test(test_restarted_source_is_heard),
		cmocka_unit_test(test_reports_of_a_restarted_source),
		cmocka_unit_test(test_replayed),
		cmocka_unit_test(test_replayed_within_a_burst),
		cmocka_unit_test(test_short_and_strange),
		cmocka_unit_test(test_foreign_source_is_not_worth_a_tag),
		cmocka_unit_test(test_counter_survives_records_and_wraps),
		cmocka_unit_test(test_restart),
		cmocka_unit_test(test_key_changes_in_mid_call),
		cmocka_unit_test(test_marks),
		cmocka_unit_test(test_without_a_key),
	};
	return cmocka_run_group_tests(tests, srtp_bed_eal, srtp_bed_eal_end);
}
