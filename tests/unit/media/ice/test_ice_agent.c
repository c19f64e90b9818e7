// test_ice_agent.c - two agents find each other: NATs, loss, roles, restarts, late signaling.
#include "unit/media/ice/ice_net.h"

#include <errno.h>

static void start(uint32_t components, bool is_lite_b)
{
	net_agent(0, false, true, components);
	net_agent(1, is_lite_b, false, components);
	net_locals(0, 1, components);
	net_locals(1, 1, components);
	net_signal('A');
}

static void test_credentials(void **state)
{
	struct ice_credentials c = { 0 };
	char text[300];
	(void)state;
	memset(text, 'a', sizeof(text));
	assert_int_equal(ice_credentials_set(&c, span_make(text, 3), span_make(text, 22)), -EINVAL);
	assert_int_equal(ice_credentials_set(&c, span_make(text, 4), span_make(text, 21)), -EINVAL);
	assert_int_equal(
		ice_credentials_set(&c, span_make(text, 257), span_make(text, 22)), -EINVAL);
	assert_int_equal(ice_credentials_set(&c, SPAN_LIT("ab:d"), span_make(text, 22)), -EINVAL);
	assert_int_equal(c.ufrag_len, 0);
	assert_int_equal(ice_credentials_set(&c, span_make(text, 256), span_make(text, 256)), 0);
	assert_int_equal(c.pwd_len, 256);
}

static void test_full_and_full(void **state)
{
	(void)state;
	for (uint32_t components = 1; components <= 2; components++) {
		net_init(1);
		start(components, false);
		net_run(2000, true);
		net_assert_media(components);
		assert_true(net.now_ms < NET_START_MS + 600);
		assert_int_equal(net.nodes[0].events, ICE_EVENT_SELECTED | ICE_EVENT_COMPLETED);
		assert_int_equal(net.nodes[1].events, ICE_EVENT_SELECTED | ICE_EVENT_COMPLETED);
	}
}

static void test_full_and_lite(void **state)
{
	(void)state;
	net_init(2);
	start(2, true);
	assert_int_equal(ice_agent_state(net.nodes[1].agent), ICE_STATE_WAITING);
	net_run(2000, true);
	net_assert_media(2);
	assert_int_equal(net.nodes[1].requests_sent, 0);
	// Consent keeps the full side alive; the lite side asks for nothing.
	net_run(120000, false);
	net_assert_media(2);
	assert_int_equal(net.nodes[1].requests_sent, 0);
}

static void test_two_lite(void **state)
{
	(void)state;
	net_init(3);
	net_agent(0, true, true, 1);
	net_agent(1, true, false, 1);
	net_locals(0, 1, 1);
	net_locals(1, 1, 1);
	net_signal('A');
	net_run(60000, false);
	assert_int_equal(net.nodes[0].requests_sent + net.nodes[1].requests_sent, 0);
	assert_true(ice_agent_next(net.nodes[0].agent) == UINT64_MAX);
}

// Every kind of NAT on either side that lets anything through, with loss and mutated copies.
static void test_nats_and_loss(void **state)
{
	static const enum nat_kind pairs[][2] = { { NAT_NONE, NAT_NONE }, { NAT_CONE, NAT_NONE },
		{ NAT_NONE, NAT_CONE }, { NAT_CONE, NAT_CONE }, { NAT_SYMMETRIC, NAT_NONE },
		{ NAT_NONE, NAT_SYMMETRIC } };
	(void)state;
	for (uint64_t seed = 0; seed < 300; seed++) {
		const enum nat_kind *nats = pairs[seed % COUNT_OF(pairs)];
		uint32_t components = 1 + seed % 2;

		net_init(seed);
		net.loss_percent = (uint32_t)(seed % 4) * 10;
		net.mutate_percent = 30;
		net.nodes[0].nat = nats[0];
		net.nodes[1].nat = nats[1];
		net_agent(0, false, seed % 3 != 0, components);
		net_agent(1, false, seed % 5 == 0, components); // roles may well collide
		net_locals(0, 1 + seed % 2, components);
		net_locals(1, 1 + seed / 2 % 2, components);
		net_signal('A');
		net_run(60000, true);
		if (ice_agent_state(net.nodes[0].agent) != ICE_STATE_COMPLETED ||
			ice_agent_state(net.nodes[1].agent) != ICE_STATE_COMPLETED)
			fail_msg("seed %u found no way", (uint32_t)seed);
		assert_true(ice_agent_is_controlling(net.nodes[0].agent) !=
			ice_agent_is_controlling(net.nodes[1].agent));
		net_run(5000, false);
		net_assert_media(components);
	}
}

// Neither can be reached first: all patience, then the end (RFC 8863).
static void test_no_way(void **state)
{
	(void)state;
	net_init(4);
	net.nodes[0].nat = net.nodes[1].nat = NAT_SYMMETRIC;
	start(1, false);
	net_run(ICE_PATIENCE_MS - 1, false);
	assert_int_equal(ice_agent_state(net.nodes[0].agent), ICE_STATE_RUNNING);
	net_run(60000, false);
	for (uint32_t n = 0; n < 2; n++) {
		assert_int_equal(ice_agent_state(net.nodes[n].agent), ICE_STATE_FAILED);
		assert_int_equal(net.nodes[n].events & ICE_EVENT_FAILED, ICE_EVENT_FAILED);
		assert_true(ice_agent_next(net.nodes[n].agent) == UINT64_MAX);
		assert_int_equal(net.nodes[n].counters.failed, 1);
	}
}

static void test_checks_before_the_answer(void **state)
{
	(void)state;
	net_init(5);
	net_agent(0, false, true, 1);
	net_agent(1, false, false, 1);
	net_locals(0, 1, 1);
	net_locals(1, 1, 1);
	net_signal_credentials(1, 'A'); // node 0 knows all, node 1 nothing
	net_signal_candidates(1);
	net_run(1000, false);
	assert_int_equal(ice_agent_state(net.nodes[1].agent), ICE_STATE_WAITING);
	assert_int_equal(net.nodes[1].requests_sent, 0);
	assert_int_equal(net.nodes[1].counters.candidates_learned, 1);
	net_signal_credentials(0, 'A'); // no candidates: what was learned is enough
	net_run(2000, true);
	net_assert_media(1);
}

static void test_late_candidates(void **state)
{
	(void)state;
	net_init(6);
	net.nodes[1].nat = NAT_CONE;
	net_agent(0, false, true, 2);
	net_agent(1, false, false, 2);
	net_locals(0, 1, 2);
	net_locals(1, 1, 2);
	net_signal_credentials(0, 'A');
	net_signal_credentials(1, 'A');
	net_run(3000, false);
	assert_int_equal(net.nodes[0].requests_sent, 0);
	net_signal_candidates(0);
	net_run(10000, true);
	net_assert_media(2);
}

// RFC 8445 14.2: one new check each Ta, whatever there is to try.
static void test_pace(void **state)
{
	(void)state;
	net_init(7);
	net.is_cut = true;
	net_agent(0, false, true, 1);
	net_agent(1, false, false, 1);
	net_locals(0, 1, 1);
	net_locals(1, 1, 1);
	net_signal_credentials(1, 'A');
	for (uint32_t i = 0; i < ICE_REMOTES_MAX; i++) {
		struct ice_candidate candidate = { .priority = 1000 + i, .foundation = i,
			.component = 1, .addr = net_addr("203.0.113.9:1000") };
		candidate.addr.port = (uint16_t)(1000 + i);
		assert_int_equal(ice_agent_add_remote(net.nodes[0].agent, &candidate), 0);
	}
	struct ice_candidate more = { .priority = 1, .component = 1,
		.addr = net_addr("203.0.113.9:999") };
	assert_int_equal(ice_agent_add_remote(net.nodes[0].agent, &more), -ENOSPC);
	net_run(499, false);
	assert_int_equal(net.nodes[0].requests_sent, 10);
	// The list is long, so the first is not repeated before all have had their turn.
	net_run(ICE_TA_MS * (ICE_REMOTES_MAX - 10) - ICE_TA_MS, false);
	assert_int_equal(net.nodes[0].requests_sent, ICE_REMOTES_MAX - 1);
}

static void test_impossible_candidates(void **state)
{
	static const char *const addresses[] = { "127.0.0.1:5000", "224.0.0.1:5000",
		"169.254.1.1:5000", "198.51.100.1:20000" /* our own */ };
	struct ice_candidate candidate = { .priority = 1, .component = 1 };
	(void)state;
	net_init(8);
	start(1, false);
	for (uint32_t i = 0; i < COUNT_OF(addresses); i++) {
		candidate.addr = net_addr(addresses[i]);
		assert_int_equal(ice_agent_add_remote(net.nodes[0].agent, &candidate), -EINVAL);
	}
	candidate.addr = net_addr("203.0.113.9:1");
	candidate.component = 2;
	assert_int_equal(ice_agent_add_remote(net.nodes[0].agent, &candidate), -EINVAL);
	candidate.component = 1;
	candidate.priority = 0;
	assert_int_equal(ice_agent_add_remote(net.nodes[0].agent, &candidate), -EINVAL);
	assert_int_equal(net.nodes[0].counters.candidates_refused, 6);
}

static void restart(char generation, bool is_first_controlling)
{
	for (uint32_t n = 0; n < 2; n++) {
		struct ice_credentials own = net_credentials(n, generation);

		net.nodes[n].events = 0;
		ice_agent_restart(
			net.nodes[n].agent, &own, (n == 0) == is_first_controlling, net.now_ms);
	}
}

static void test_restart(void **state)
{
	(void)state;
	for (uint64_t seed = 0; seed < 60; seed++) {
		bool is_lite = seed % 3 == 0;

		net_init(seed);
		net.loss_percent = 10;
		start(2, is_lite);
		net_run(30000, true);
		net_run(7000, false);
		net_assert_media(2);
		restart('B', seed % 2 || is_lite);
		net_assert_media(2); // by the old pair
		net_run(12000, false);
		net_assert_media(2); // whose consent goes on
		net_signal('B');
		net_run(30000, true);
		net_run(5000, false);
		net_assert_media(2);
		assert_true(net.nodes[0].events & ICE_EVENT_COMPLETED);
		assert_false(net.nodes[0].agent->component[0].is_old);
		net_run(60000, false);
		assert_int_equal(net.nodes[0].counters.consent_lost, 0);
	}
}

static void test_consent_ends(void **state)
{
	(void)state;
	net_init(9);
	start(1, false);
	net_run(2000, true);
	net_run(100000, false);
	assert_int_equal(net.nodes[0].counters.consent_lost, 0);
	net.is_cut = true;
	net_run(ICE_CONSENT_END_MS - 6100, false);
	assert_int_equal(net.nodes[0].events & ICE_EVENT_CONSENT_LOST, 0);
	net_run(6200, false);
	for (uint32_t n = 0; n < 2; n++) {
		struct addr remote;
		uint32_t local;

		assert_true(net.nodes[n].events & ICE_EVENT_CONSENT_LOST);
		assert_false(ice_agent_selected(net.nodes[n].agent, 1, &local, &remote));
		net.nodes[n].requests_sent = 0;
	}
	net_run(60000, false);
	assert_int_equal(net.nodes[0].requests_sent + net.nodes[1].requests_sent, 0);
	// A restart brings it back.
	net.is_cut = false;
	restart('C', true);
	net_signal('C');
	net_run(5000, true);
	net_assert_media(1);
}

static int teardown(void **state)
{
	(void)state;
	net_fini();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_credentials),
		cmocka_unit_test(test_full_and_full),
		cmocka_unit_test(test_full_and_lite),
		cmocka_unit_test(test_two_lite),
		cmocka_unit_test(test_nats_and_loss),
		cmocka_unit_test(test_no_way),
		cmocka_unit_test(test_checks_before_the_answer),
		cmocka_unit_test(test_late_candidates),
		cmocka_unit_test(test_pace),
		cmocka_unit_test(test_impossible_candidates),
		cmocka_unit_test(test_restart),
		cmocka_unit_test(test_consent_ends),
	};
	return cmocka_run_group_tests(tests, NULL, teardown);
}
