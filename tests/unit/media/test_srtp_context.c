// test_srtp_context.c - a slot changes hands between lanes, keys that were wiped are let go,
// sessions for other lengths of header come and go.
#include "base/metric.h"
#include "unit/unit.h"
#include "unit/media/srtp_bed.h"

static void start(enum srtp_suite suite)
{
	srtp_bed_start(CONFIG_CRYPTO_AESNI_MB);
	srtp_bed_key(0, suite, 1, 0);
}

static uint32_t sessions_used(void)
{
	return SRTP_BED_SESSIONS - rte_mempool_avail_count(srtp_bed.crypto.sessions);
}

static void test_take(void **state)
{
	struct lane *lane = &bed.lane;
	(void)state;

	start(SRTP_AEAD_AES_128_GCM);
	assert_int_equal(srtp_take(lane, 0, BED_CALL, false), 1);
	assert_int_equal(srtp_take(lane, 0, BED_CALL, false), 1);
	assert_int_equal(srtp_take(lane, 0, BED_CALL, true), 0); // it is for the other direction
	assert_int_equal(srtp_take(lane, 0, BED_CALL + 1, false), 0);
	assert_int_equal(srtp_take(lane, 1, BED_CALL, false), 0); // nothing there
	assert_int_equal(srtp_take(lane, SRTP_BED_KEYS, BED_CALL, false), 0);
	srtp_bed.keys[2] = srtp_bed.keys[0];
	srtp_bed.keys[2].suite = SRTP_SUITE_COUNT;
	srtp_bed.keys[2].checksum = flow_key_checksum(&srtp_bed.keys[2]);
	assert_int_equal(srtp_take(lane, 2, BED_CALL, false), 0);
	assert_int_equal(sessions_used(), 0); // made at the first packet
	srtp_bed_stop();
}

static void test_wiped_keys_are_let_go(void **state)
{
	struct srtp_lane *srtp;
	(void)state;

	start(SRTP_AES_CM_128_HMAC_SHA1_80);
	srtp = bed.lane.srtp;
	uint64_t serial = srtp_take(&bed.lane, 0, BED_CALL, true);
	struct srtp_context *context = srtp_context_of(srtp, 0, serial);
	assert_non_null(context);
	assert_non_null(srtp_session_of(srtp, context, false, 12));
	assert_non_null(srtp_session_of(srtp, context, true, 8));
	assert_int_equal(sessions_used(), 2);
	srtp_sweep(&bed.lane);
	assert_int_equal(sessions_used(), 2);
	explicit_bzero(&srtp_bed.keys[0], sizeof(srtp_bed.keys[0]));
	srtp_sweep(&bed.lane);
	assert_int_equal(sessions_used(), 0);
	assert_null(srtp_context_of(srtp, 0, serial));
	static const struct srtp_session_keys wiped[2];
	assert_memory_equal(context->keys, wiped, sizeof(wiped));
	srtp_bed_stop();
}

// The slot of an old call is taken by another lane before the first has looked.
static void test_another_lane(void **state)
{
	static struct lane other;
	(void)state;

	start(SRTP_AEAD_AES_256_GCM);
	uint64_t first = srtp_take(&bed.lane, 0, BED_CALL, true);
	assert_non_null(srtp_session_of(bed.lane.srtp, srtp_context_of(bed.lane.srtp, 0, first),
		false, 12));
	other.id = 1;
	other.srtp = bed.lane.srtp;
	srtp_bed_key(0, SRTP_AEAD_AES_128_GCM, 9, 0);
	uint64_t second = srtp_take(&other, 0, BED_CALL, false);
	assert_int_equal(second, first + 1);
	assert_int_equal(sessions_used(), 0); // the old one's are gone
	assert_null(srtp_context_of(bed.lane.srtp, 0, first));
	srtp_detach(&bed.lane); // not its own any more
	assert_non_null(srtp_context_of(bed.lane.srtp, 0, second));
	srtp_detach(&other);
	srtp_bed_stop();
}

static void test_sessions_by_header_length(void **state)
{
	(void)state;
	start(SRTP_AEAD_AES_128_GCM);
	struct srtp_lane *srtp = bed.lane.srtp;
	uint64_t serial = srtp_take(&bed.lane, 0, BED_CALL, true);
	struct srtp_context *context = srtp_context_of(srtp, 0, serial);
	void *plain = srtp_session_of(srtp, context, false, 12), *extras[SRTP_EXTRAS];

	for (uint32_t i = 0; i < SRTP_EXTRAS; i++) {
		extras[i] = srtp_session_of(srtp, context, false, 16 + i * 4);
		assert_non_null(extras[i]);
		assert_ptr_equal(extras[i], srtp_session_of(srtp, context, false, 16 + i * 4));
	}
	assert_null(srtp_session_of(srtp, context, false, 100)); // all are in this batch
	srtp->batches++;
	assert_non_null(srtp_session_of(srtp, context, false, 20));
	assert_non_null(srtp_session_of(srtp, context, false, 100)); // 16 gives way, 20 does not
	assert_ptr_equal(srtp_session_of(srtp, context, false, 20), extras[1]);
	assert_ptr_equal(srtp_session_of(srtp, context, false, 12), plain);
	assert_int_equal(sessions_used(), 1 + SRTP_EXTRAS);
	srtp_bed_stop();
}

static void test_streams(void **state)
{
	static struct flow_crypto crypto;
	(void)state;

	for (uint32_t i = 0; i < FLOW_STREAMS; i++) {
		struct flow_stream *stream = srtp_stream_add(&crypto, false, i + 1, i, false);
		assert_non_null(stream);
		atomic_store(&stream->used_s, 10 + i);
	}
	assert_null(srtp_stream_find(crypto.streams, FLOW_STREAMS, 99));
	assert_null(srtp_stream_find(crypto.reporters, FLOW_REPORTERS, 0)); // free entries
	struct flow_stream *second = srtp_stream_find(crypto.streams, FLOW_STREAMS, 2);
	atomic_store(&second->used_s, 5);
	assert_ptr_equal(srtp_stream_add(&crypto, false, 99, 7, false), second);
	assert_int_equal(flow_stream_index(second), 7);
	assert_null(srtp_stream_find(crypto.streams, FLOW_STREAMS, 2));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_take),
		cmocka_unit_test(test_wiped_keys_are_let_go),
		cmocka_unit_test(test_another_lane),
		cmocka_unit_test(test_sessions_by_header_length),
		cmocka_unit_test(test_streams),
	};
	return cmocka_run_group_tests(tests, srtp_bed_eal, srtp_bed_eal_end);
}
