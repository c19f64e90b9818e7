#include "fixture.h"

static void establish(struct fixture *f)
{
	struct fixture_request invite = { .method = "INVITE", .cseq = 1,
		.body = FIXTURE_SDP("10.1.1.5") };

	fixture_phone(f, &invite);
	fixture_carrier(f, "INVITE", 200, FIXTURE_SDP("10.2.1.1"));
}

// What a lane would have written about the phone's stream.
static void write_state(struct fixture *f, uint32_t received, uint32_t expected)
{
	const struct flow_cfg *cfg = NULL;

	for (uint32_t port = 20000; port < 20256 && !cfg; port += 2)
		cfg = flow_lookup(&f->view, REALM_ACCESS, (uint16_t)port);
	assert_non_null(cfg);
	struct flow_state *state = &shm_flow_state(&f->media)[cfg->state_index];
	struct addr latched = fixture_addr("192.0.2.9:6000");
	state->latch[0] = (struct flow_latch){ .ip = latched.ip, .port = latched.port,
		.phase = FLOW_LATCH_LOCKED };
	atomic_store(&state->latch_selector, 0);
	atomic_store(&state->packets, received);
	atomic_store(&state->octets, received * 172ull);
	atomic_store(&state->forwarded, received - 1);
	atomic_store(&state->dropped_source, 3);
	atomic_store(&state->stream_packets, received);
	atomic_store(&state->sequence_base, 100);
	atomic_store(&state->sequence_max, 100 + expected - 1);
	atomic_store(&state->jitter_x16, 16 * 80); // 80 units of 8 kHz
	atomic_store(&state->clock_rate, 8000);
	atomic_store(&state->incarnation, cfg->incarnation);
}

static void read_info(struct fixture *f, struct call_info *info)
{
	uint32_t cursor = 0;

	assert_true(core_next_call(f->core, &cursor, info));
}

static void nothing_yet(void **state)
{
	struct fixture *f = *state;
	struct addr signaled = fixture_addr("10.1.1.5:4000");
	struct call_info info;

	establish(f);
	read_info(f, &info);
	assert_false(info.legs[CALL_LEG_A].has_media);
	assert_false(info.legs[CALL_LEG_A].is_latched);
	assert_true(info.legs[CALL_LEG_A].mos == 0);
	assert_true(addr_eq(&info.legs[CALL_LEG_A].remote_media, &signaled));
}

static void counted(void **state)
{
	struct fixture *f = *state;
	struct addr latched = fixture_addr("192.0.2.9:6000");
	struct call_info info;

	establish(f);
	write_state(f, 95, 100);
	read_info(f, &info);
	const struct leg_info *a = &info.legs[CALL_LEG_A];
	assert_true(a->has_media && a->is_latched);
	assert_true(addr_eq(&a->remote_media, &latched));
	assert_int_equal(a->packets, 95);
	assert_int_equal(a->lost, 5);
	assert_int_equal(a->dropped, 3);
	assert_int_equal(a->forwarded, 94);
	assert_true(a->loss > 0.0499 && a->loss < 0.0501);
	assert_true(a->jitter_ms > 9.99 && a->jitter_ms < 10.01);
	assert_true(a->mos > 1.0 && a->mos < 4.4);
	assert_false(info.legs[CALL_LEG_B].has_media);
}

// Words are read one by one while the lane goes on: more packets than expected is no loss.
static void torn_numbers(void **state)
{
	struct fixture *f = *state;
	struct call_info info;

	establish(f);
	write_state(f, 101, 100);
	read_info(f, &info);
	assert_int_equal(info.legs[CALL_LEG_A].lost, 0);
	assert_true(info.legs[CALL_LEG_A].mos > 4.0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_open, fixture_close)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(nothing_yet),
		TEST(counted),
		TEST(torn_numbers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
