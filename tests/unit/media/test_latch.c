// Who may send, phase by phase.
#include "flow_sync.h"
#include "unit/media/rtp_frame.h"

#define NAT_A 0xcb007163u // 203.0.113.99: not what was signaled
#define EVIL  0xc0000299u

static struct flow_latch latch_now(void)
{
	return flow_sync_latch(bed_state(0, PORT));
}

static struct rtp_frame from(uint32_t ip, uint16_t port, uint16_t sequence)
{
	struct rtp_frame frame = frame_of_a(sequence);
	frame.from = ip;
	frame.from_port = port;
	frame.ssrc = ip;
	return frame;
}

static enum drop_reason run(struct rtp_frame frame)
{
	return frame_run(&frame);
}

static void test_signaled_source_locks_at_once(void **state)
{
	(void)state;
	call_up();
	assert_int_equal(run(from(FAR_A, RTP_A, 1)), DROP_NONE);
	assert_int_equal(latch_now().phase, FLOW_LATCH_LOCKED);
	assert_int_equal(run(from(EVIL, RTP_A, 2)), DROP_WRONG_SOURCE);
	assert_int_equal(run(from(FAR_A, RTP_A + 2, 3)), DROP_WRONG_SOURCE);
	assert_int_equal(bed_state(0, PORT)->dropped_source, 2);
	assert_int_equal(bed_state(0, PORT)->packets, 1);
}

static void test_learned_after_probation(void **state)
{
	(void)state;
	call_up();
	for (uint16_t i = 1; i <= 3; i++) {
		assert_int_equal(run(from(NAT_A, 6000, i)), DROP_NONE);
		assert_int_equal(latch_now().phase,
			i < 3 ? FLOW_LATCH_PROBATION : FLOW_LATCH_LOCKED);
	}
	assert_int_equal(run(from(FAR_A, RTP_A, 4)), DROP_WRONG_SOURCE); // too late
	assert_int_equal(bed.lane.counters.latched, 1);
}

static void test_signaled_wins_over_candidate(void **state)
{
	(void)state;
	call_up();
	assert_int_equal(run(from(EVIL, 6000, 1)), DROP_NONE);
	assert_int_equal(latch_now().phase, FLOW_LATCH_PROBATION);
	assert_int_equal(run(from(FAR_A, RTP_A, 2)), DROP_NONE);
	assert_int_equal(latch_now().phase, FLOW_LATCH_LOCKED);
	assert_int_equal(run(from(EVIL, 6000, 2)), DROP_WRONG_SOURCE);
}

static void test_candidate_is_replaced_when_silent(void **state)
{
	struct rtp_frame late = from(NAT_A, 6000, 2);
	(void)state;
	call_up();
	assert_int_equal(run(from(EVIL, 6000, 1)), DROP_NONE);
	assert_int_equal(run(from(NAT_A, 6000, 1)), DROP_WRONG_SOURCE);
	late.at_ns = START + 20 * MS + 101 * MS;
	assert_int_equal(run(late), DROP_NONE);
	assert_true(latch_now().seen == 1);
	struct ip expected = ip_from_v4(NAT_A);
	struct ip latched = latch_now().ip;
	assert_true(ip_eq(&latched, &expected));
}

// Another port of the signaled address is a NAT's doing: it needs no silence.
static void test_signaled_address_replaces_candidate(void **state)
{
	(void)state;
	call_up();
	assert_int_equal(run(from(EVIL, 6000, 1)), DROP_NONE);
	assert_int_equal(run(from(FAR_A, 7777, 1)), DROP_NONE);
	assert_int_equal(latch_now().port, 7777);
	assert_int_equal(run(from(EVIL, 6000, 2)), DROP_WRONG_SOURCE);
}

static void test_probation_wants_one_stream(void **state)
{
	struct rtp_frame other = from(NAT_A, 6000, 3);
	(void)state;
	call_up();
	run(from(NAT_A, 6000, 1));
	run(from(NAT_A, 6000, 2));
	other.ssrc = 99; // starts over
	assert_int_equal(run(other), DROP_NONE);
	assert_int_equal(latch_now().phase, FLOW_LATCH_PROBATION);
	assert_int_equal(latch_now().seen, 1);
	other.sequence = 3 + 51; // a gap that no stream has
	assert_int_equal(run(other), DROP_NONE);
	assert_int_equal(latch_now().seen, 1);
	other.sequence = 53; // late: proves nothing
	assert_int_equal(run(other), DROP_NONE);
	assert_int_equal(latch_now().seen, 1);
	other.sequence = 55;
	run(other);
	assert_int_equal(latch_now().seen, 2);
}

static void test_strict_learns_nobody(void **state)
{
	struct flow_cfg a = leg(0, PORT), b = leg(1, PORT);
	(void)state;
	a.latch_mode = FLOW_LATCH_STRICT;
	bed_flow(&a);
	bed_flow(&b);
	assert_int_equal(run(from(NAT_A, 6000, 1)), DROP_WRONG_SOURCE);
	assert_int_equal(latch_now().phase, FLOW_LATCH_NONE);
	assert_int_equal(run(from(FAR_A, RTP_A, 1)), DROP_NONE);
}

static void test_sources_nobody_may_have(void **state)
{
	static const uint32_t sources[] = { OWN_A, OWN_B, 0x7f000001, 0, 0xe0000001, 0xffffffff };
	(void)state;
	call_up();
	for (uint32_t i = 0; i < sizeof(sources) / sizeof(sources[0]); i++) {
		enum drop_reason reason = run(from(sources[i], 6000, (uint16_t)i));
		assert_int_not_equal(reason, DROP_NONE);
	}
	assert_int_equal(run(from(NAT_A, 0, 1)), DROP_BAD_SOURCE);
	assert_int_equal(latch_now().phase, FLOW_LATCH_NONE);
}

static void test_new_remote_opens_the_flow(void **state)
{
	struct flow_cfg moved = leg(0, PORT);
	(void)state;
	call_up();
	run(from(FAR_A, RTP_A, 1));
	moved.remote_port = 4444;
	bed_flow(&moved);
	assert_int_equal(run(from(FAR_A, 4444, 2)), DROP_NONE);
	assert_int_equal(latch_now().port, 4444);
	assert_int_equal(run(from(FAR_A, RTP_A, 3)), DROP_WRONG_SOURCE);
	moved.dscp = 46; // another generation, the same remote: the latch stays
	bed_flow(&moved);
	assert_int_equal(run(from(FAR_A, RTP_A, 4)), DROP_WRONG_SOURCE);
}

static void proof_up(void)
{
	struct flow_cfg a = leg(0, PORT), b = leg(1, PORT);

	a.latch_mode = FLOW_LATCH_PROOF;
	bed_flow(&a);
	bed_flow(&b);
}

static enum drop_reason moved(uint16_t sequence, uint32_t ssrc, uint64_t at_ns)
{
	struct rtp_frame frame = from(NAT_A, 6000, sequence);

	frame.ssrc = ssrc;
	frame.at_ns = at_ns;
	return frame_run(&frame);
}

// The gap that proof may have grows with the silence, 200 packets a second, up to 3000.
static void test_proof_by_sequence(void **state)
{
	static const struct {
		uint64_t silent_ms;
		uint16_t ahead;
		bool is_believed;
	} rows[] = { { 100, 1, false }, { 101, 1, true }, { 101, 0, false }, { 101, 70, true },
		{ 101, 71, false }, { 1000, 250, true }, { 1000, 251, false },
		{ 60000, 3000, true }, { 60000, 3001, false }, { 600000, 0xffff, false } };
	(void)state;

	for (uint32_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint64_t last_ns = START + 65000 * 20 * MS;

		frame_bed(state);
		proof_up();
		assert_int_equal(run(from(FAR_A, RTP_A, 65000)), DROP_NONE);
		enum drop_reason reason = moved((uint16_t)(65000 + rows[i].ahead), FAR_A,
			last_ns + rows[i].silent_ms * MS);

		assert_int_equal(reason, rows[i].is_believed ? DROP_NONE : DROP_WRONG_SOURCE);
		assert_int_equal(latch_now().port, rows[i].is_believed ? 6000 : RTP_A);
	}
}

static void test_proof_wants_the_ssrc(void **state)
{
	(void)state;
	proof_up();
	run(from(FAR_A, RTP_A, 1));
	assert_int_equal(moved(2, 99, START + 1000 * MS), DROP_WRONG_SOURCE);
	assert_int_equal(bed.lane.counters.latched, 1);
	assert_int_equal(moved(2, FAR_A, START + 1000 * MS), DROP_NONE);
	assert_int_equal(bed.lane.counters.latched, 2);
	// The header holds the new source: the path of plain packets serves it from now on.
	assert_int_equal(moved(3, FAR_A, START + 1020 * MS), DROP_NONE);
	assert_int_equal(run(from(FAR_A, RTP_A, 4)), DROP_WRONG_SOURCE);
}

// Until the first lock it is the same as learning once.
static void test_proof_begins_like_once(void **state)
{
	(void)state;
	proof_up();
	for (uint16_t i = 1; i <= 3; i++)
		assert_int_equal(run(from(NAT_A, 6000, i)), DROP_NONE);
	assert_int_equal(latch_now().phase, FLOW_LATCH_LOCKED);
	assert_int_equal(run(from(FAR_A, RTP_A, 4)), DROP_WRONG_SOURCE);
}

// What no RTP is proves nothing.
static void test_opaque_is_never_moved(void **state)
{
	struct flow_cfg a = leg(0, PORT), b = leg(1, PORT);
	struct rtp_frame other = from(EVIL, 6000, 2);
	(void)state;

	a.latch_mode = FLOW_LATCH_PROOF;
	a.kind = b.kind = FLOW_OPAQUE;
	bed_flow(&a);
	bed_flow(&b);
	assert_int_equal(run(from(FAR_A, RTP_A, 1)), DROP_NONE);
	other.at_ns = START + 60000 * MS;
	assert_int_equal(run(other), DROP_WRONG_SOURCE);
}

// 50 a second: a bucket of 16, then one packet each 20 ms.
static void test_rate(void **state)
{
	struct flow_cfg a = leg(0, PORT), b = leg(1, PORT);
	struct rtp_frame frame = frame_of_a(1);
	uint32_t passed = 0;
	(void)state;
	a.rate_pps_max = 50;
	bed_flow(&a);
	bed_flow(&b);
	for (uint16_t i = 0; i < 40; i++, frame.sequence++)
		passed += frame_run(&frame) == DROP_NONE;
	assert_int_equal(passed, 16);
	assert_int_equal(bed_state(0, PORT)->dropped_rate, 24);
	frame.at_ns += 20 * MS;
	assert_int_equal(frame_run(&frame), DROP_NONE);
	assert_int_equal(frame_run(&frame), DROP_RATE);
}

#define BED_TEST(name) cmocka_unit_test_setup(name, frame_bed)

int main(void)
{
	const struct CMUnitTest tests[] = {
		BED_TEST(test_signaled_source_locks_at_once),
		BED_TEST(test_learned_after_probation),
		BED_TEST(test_signaled_wins_over_candidate),
		BED_TEST(test_candidate_is_replaced_when_silent),
		BED_TEST(test_signaled_address_replaces_candidate),
		BED_TEST(test_probation_wants_one_stream),
		BED_TEST(test_strict_learns_nobody),
		BED_TEST(test_sources_nobody_may_have),
		BED_TEST(test_new_remote_opens_the_flow),
		BED_TEST(test_proof_by_sequence),
		BED_TEST(test_proof_wants_the_ssrc),
		BED_TEST(test_proof_begins_like_once),
		BED_TEST(test_opaque_is_never_moved),
		BED_TEST(test_rate),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
