// test_slow_table.c - a browser's way through lane and slow thread: checks, handshake, result; who
// is not heard; sessions that come and go with the records.
#include "unit/media/slow_bed.h"
#include "unit/unit.h"

static const uint8_t stun_alike[] = { 0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42, 0, 0, 0, 0, 0, 0, 0, 0, 0,
	0, 0, 0 };
static const uint8_t dtls_alike[] = { 22, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1 };
static const uint8_t rtp[] = { 0x80, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 9, 1, 2, 3, 4 };

static uint64_t sessions(void)
{
	return metric_read(&slow_table_counters(slow_bed.table)->sessions);
}

// The lane has heard of the records, as from a hint.
static void tell(void)
{
	lane_flow_changed(&bed.lane, 0, slow_bed.pair.port);
}

static void begin(void)
{
	struct flow_secure secure = slow_bed_agreement();

	slow_bed_publish(&secure);
	tell();
	slow_bed_run(2);
}

static void test_browser_connects(void **state)
{
	struct flow_secure_result result;
	bool is_hinted = false;
	(void)state;
	begin();
	assert_int_equal(sessions(), 1);
	slow_bed_far();
	slow_bed_run(2000);
	assert_int_equal(slow_bed.far_result.dtls_state, FLOW_SECURE_DTLS_DONE);
	assert_true(flow_secure_of(slow_bed.writer, &slow_bed.pair, &result));
	assert_int_equal(result.dtls_state, FLOW_SECURE_DTLS_DONE);
	assert_int_equal(result.ice_state, ICE_STATE_COMPLETED);
	assert_int_equal(result.suite, SRTP_AEAD_AES_128_GCM);
	assert_memory_equal(result.own_key, slow_bed.far_result.far_key, 32);
	assert_memory_equal(result.far_key, slow_bed.far_result.own_key, 32);
	assert_int_equal(result.selected[0].port, FAR_PORT);
	assert_true(ip_eq(&result.selected[0].ip, &slow_bed.far_addr.ip));
	assert_true(metric_read(&bed.lane.counters.dropped[DROP_DIVERTED]) >= 4);
	assert_true(metric_read(&bed.lane.counters.departed) >= 4);
	assert_int_equal(metric_read(&bed.lane.counters.departures_lost), 0);
	for (uint32_t i = 0; i < bed.lane.event_count; i++)
		is_hinted |= bed.lane.events[i].hint.kind == HINT_SECURE;
	assert_true(is_hinted);
	// RTP is none of the slow thread's business: it goes on to the other stages.
	assert_int_equal(slow_bed_frame(&slow_bed.far_addr, 0, rtp, sizeof(rtp)), DROP_NO_PEER);
}

// With the leg go the keys that media had told signaling.
static void test_keys_go_with_the_leg(void **state)
{
	static const struct flow_secure_result wiped[2];
	uint32_t slot;
	(void)state;
	begin();
	slow_bed_far();
	slow_bed_run(2000);
	slot = slow_bed.pair.key[FLOW_KEY_SECURE] - 1;
	const struct flow_secure_state *told = &shm_flow_secure_state(&slow_bed.media)[slot];
	assert_memory_not_equal(told->result[told->selector & 1].own_key, wiped->own_key, 32);
	flow_pair_retire(slow_bed.writer, &slow_bed.pair);
	slow_bed_run(30);
	assert_int_equal(sessions(), 0);
	assert_memory_equal(told->result, wiped, sizeof(wiped));
}

// Without checks nobody gets a byte of DTLS out of us; garbage gets nothing at all.
static void test_strangers(void **state)
{
	struct addr stranger = { .ip = ip_from_v4(FAR_A), .port = 7 };
	(void)state;
	begin();
	for (uint32_t i = 0; i < 50; i++) {
		assert_int_equal(slow_bed_frame(&stranger, 0, dtls_alike, sizeof(dtls_alike)),
			DROP_DIVERTED);
		assert_int_equal(slow_bed_frame(&stranger, 0, stun_alike, sizeof(stun_alike)),
			DROP_DIVERTED);
		slow_bed_run(1);
	}
	const struct secure_env *env = slow_table_env(slow_bed.table);
	assert_int_equal(metric_read(&env->counters.dtls_unwanted), 50);
	assert_int_equal(metric_read(&env->ice.replies_withheld), 50);
	for (uint32_t i = 0; i < BED_PORTS; i++)
		assert_int_equal(bed.ports[i].count, 0);
	stranger.ip = ip_from_v4(OWN_B); // ours, special: not even copied
	assert_int_equal(
		slow_bed_frame(&stranger, 0, stun_alike, sizeof(stun_alike)), DROP_BAD_SOURCE);
	stranger.ip = ip_from_v4(0xe0000001);
	assert_int_equal(
		slow_bed_frame(&stranger, 0, stun_alike, sizeof(stun_alike)), DROP_BAD_SOURCE);
}

static void test_flow_without_agreement(void **state)
{
	(void)state;
	slow_bed_publish(NULL);
	tell();
	slow_bed_run(2);
	assert_int_equal(sessions(), 0);
	assert_int_equal(slow_bed_frame(&slow_bed.far_addr, 0, stun_alike, sizeof(stun_alike)),
		DROP_NOT_RTP);
	assert_true(ring_is_empty(slow_bed.link.up));
}

static void test_full_ring(void **state)
{
	struct addr stranger = { .ip = ip_from_v4(FAR_A), .port = 7 };
	enum drop_reason reason = DROP_DIVERTED;
	uint32_t count = 0;
	(void)state;
	begin();
	while (reason == DROP_DIVERTED && count++ < 100000)
		reason = slow_bed_frame(&stranger, 0, stun_alike, sizeof(stun_alike));
	assert_int_equal(reason, DROP_SLOW_FULL);
	assert_true(count > SLOW_RING_BYTES / 100 && count < 100000);
	slow_bed_run(2);
	assert_int_equal(slow_bed_frame(&stranger, 0, stun_alike, sizeof(stun_alike)),
		DROP_DIVERTED);
}

// No hint tells of it: the sweep does. When the record goes, or loses its agreement, so does the
// session.
static void test_sweep(void **state)
{
	struct flow_secure secure = slow_bed_agreement();
	(void)state;
	slow_bed_publish(&secure);
	slow_bed_run(30);
	assert_int_equal(sessions(), 1);
	slow_bed_publish(NULL);
	slow_bed_run(30);
	assert_int_equal(sessions(), 0);
	slow_bed_publish(&secure);
	slow_bed_run(30);
	assert_int_equal(sessions(), 1);
	flow_pair_retire(slow_bed.writer, &slow_bed.pair);
	slow_bed_run(30);
	assert_int_equal(sessions(), 0);
}

// What the record of another incarnation wants sent never leaves by this one.
static void test_departures_of_the_dead(void **state)
{
	struct slow_departure *departure;
	(void)state;
	begin();
	departure = ring_reserve(slow_bed.link.down, sizeof(*departure) + 4);
	assert_non_null(departure);
	*departure = (struct slow_departure){ .incarnation = slow_bed.pair.incarnation + 1,
		.to = slow_bed.far_addr, .port = slow_bed.pair.port, .len = 4 };
	ring_commit(slow_bed.link.down, sizeof(*departure) + 4);
	uint64_t lost = metric_read(&bed.lane.counters.departures_lost);
	slow_bed_depart();
	assert_int_equal(metric_read(&bed.lane.counters.departures_lost), lost + 1);
	assert_int_equal(bed.ports[0].count, 0);
}

// Another certificate: the newest is told, the one before serves those who were told of it.
static void test_identities(void **state)
{
	struct flow_secure secure = slow_bed_agreement();
	struct flow_fingerprint first, second;
	(void)state;
	uint32_t serial = shm_identity_read(shm_identity_of(&slow_bed.media), &first);
	slow_table_renew(slow_bed.table, 1700000000 + DTLS_IDENTITY_LIFE_S - 1);
	assert_int_equal(
		shm_identity_read(shm_identity_of(&slow_bed.media), &second), serial);
	slow_table_renew(slow_bed.table, 1700000000 + DTLS_IDENTITY_LIFE_S);
	assert_int_equal(
		shm_identity_read(shm_identity_of(&slow_bed.media), &second), serial + 1);
	assert_memory_not_equal(&first, &second, sizeof(first));
	secure.identity = serial; // signaled before
	slow_bed_publish(&secure);
	tell();
	slow_bed_run(2);
	slow_bed_far();
	slow_bed.far_secure.fingerprints[0] = first;
	slow_bed.far_secure.association++;
	secure_session_apply(
		slow_bed.far, &slow_bed.far_secure, &slow_bed.far_addr, slow_bed.now_ms);
	slow_bed_run(2000);
	assert_int_equal(slow_bed.far_result.dtls_state, FLOW_SECURE_DTLS_DONE);
}

// Attached anew to the same files, the table goes on under the same number: another one would give
// the certificate before the last to calls that were told of the last.
static void test_identity_is_told_once(void **state)
{
	struct shm_identity *identity = shm_identity_of(&slow_bed.media);
	struct flow_fingerprint before, after;
	(void)state;
	slow_table_renew(slow_bed.table, 1700000000 + DTLS_IDENTITY_LIFE_S);
	uint32_t serial = shm_identity_read(identity, &before);
	assert_int_equal(slow_table_attach(slow_bed.table, NULL, slow_bed.now_ms), 0);
	assert_int_equal(
		slow_table_attach(slow_bed.table, &slow_bed.attachment, slow_bed.now_ms), 0);
	assert_int_equal(shm_identity_read(identity, &after), serial);
	assert_memory_equal(&before, &after, sizeof(before));
}

// What waited in the ring while its call ended is not for the call that has its ports now.
static void test_arrivals_for_the_dead(void **state)
{
	const struct secure_env *env = slow_table_env(slow_bed.table);
	struct slow_arrival *arrival;
	uint32_t bytes = sizeof(*arrival) + sizeof(dtls_alike);
	(void)state;
	begin();
	for (uint32_t i = 0; i < 2; i++) {
		arrival = ring_reserve(slow_bed.link.up, bytes);
		assert_non_null(arrival);
		*arrival = (struct slow_arrival){ .source = slow_bed.far_addr,
			.incarnation = slow_bed.pair.incarnation - 1 + i,
			.port = slow_bed.pair.port, .len = sizeof(dtls_alike) };
		memcpy(arrival->data, dtls_alike, sizeof(dtls_alike));
		ring_commit(slow_bed.link.up, bytes);
		slow_bed_slow_turn();
		assert_int_equal(metric_read(&env->counters.dtls_unwanted), i);
	}
	assert_int_equal(sessions(), 1);
}

static void test_detach(void **state)
{
	(void)state;
	begin();
	assert_int_equal(sessions(), 1);
	assert_int_equal(slow_table_attach(slow_bed.table, NULL, slow_bed.now_ms), 0);
	slow_bed_run(20);
	assert_int_equal(sessions(), 0);
	assert_int_equal(
		slow_table_attach(slow_bed.table, &slow_bed.attachment, slow_bed.now_ms), 0);
	slow_bed_run(30);
	assert_int_equal(sessions(), 1);
}

static int end(void **state)
{
	(void)state;
	dtls_identity_put(slow_bed.far_env.identity);
	return 0;
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, slow_bed_init, slow_bed_fini)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_browser_connects),
		CASE(test_keys_go_with_the_leg),
		CASE(test_strangers),
		CASE(test_flow_without_agreement),
		CASE(test_full_ring),
		CASE(test_sweep),
		CASE(test_departures_of_the_dead),
		CASE(test_arrivals_for_the_dead),
		CASE(test_identities),
		CASE(test_identity_is_told_once),
		CASE(test_detach),
	};
	return cmocka_run_group_tests(tests, NULL, end);
}
