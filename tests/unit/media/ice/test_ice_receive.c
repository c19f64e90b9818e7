// test_ice_receive.c - single messages to an agent: who is answered, with what, how long; what a
// nomination changes; what ends consent.
#include "unit/media/ice/ice_net.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>

#define FAR "203.0.113.5:40000"

static const uint8_t transaction[STUN_TRANSACTION_BYTES] = "0123456789ab";
static struct stun_build request; // the request as it must be; cases spoil it

// Node 0 alone: full controlled, or lite; the far end's credentials are known.
static void setup(bool is_lite)
{
	struct ice_credentials far = net_credentials(1, 'A');
	struct ice_credentials *own = &net.nodes[0].agent->own;

	net_agent(0, is_lite, false, 1);
	net_locals(0, 1, 1);
	ice_agent_set_remote(net.nodes[0].agent, &far, false, net.now_ms);
	request = (struct stun_build){ .class = STUN_REQUEST, .transaction = transaction,
		.username = SPAN_LIT("ufrag0A:ufrag1A"), .key = ice_key(own),
		.role = STUN_ROLE_CONTROLLING, .tie_breaker = 5, .priority = 0x6effffff,
		.has_fingerprint = true };
}

// What the agent sent last, and when nothing: class is -1.
struct answer {
	int class;
	struct stun_message message;
	struct net_packet packet;
};

static struct answer last_answer(void)
{
	struct answer answer = { .class = -1 };

	for (uint32_t i = 0; i < net.packet_count; i++) {
		struct stun_message m;

		assert_int_equal(stun_parse(net.packets[i].data, net.packets[i].len, &m), 0);
		if (m.class == STUN_REQUEST)
			continue;
		answer.packet = net.packets[i];
		assert_int_equal(
			stun_parse(answer.packet.data, answer.packet.len, &answer.message), 0);
		answer.class = (int)answer.message.class;
	}
	net.packet_count = 0;
	return answer;
}

static struct answer ask_from(const struct stun_build *build, const char *source, bool *is_taken)
{
	struct addr from = net_addr(source);
	uint8_t buf[STUN_MESSAGE_MAX];
	int len = stun_build(build, buf, sizeof(buf));

	assert_true(len > 0);
	net.nodes[0].request_len = (uint32_t)len;
	*is_taken = ice_agent_receive(net.nodes[0].agent, 0, &from,
		span_make((const char *)buf, (uint32_t)len), net.now_ms);
	return last_answer();
}

static void test_good_request(void **state)
{
	struct addr far = net_addr(FAR);
	bool is_taken;
	(void)state;
	for (int is_lite = 0; is_lite < 2; is_lite++) {
		net_init(1);
		setup(is_lite);
		struct answer answer = ask_from(&request, FAR, &is_taken);
		assert_true(is_taken);
		assert_int_equal(answer.class, STUN_SUCCESS);
		assert_true(addr_eq(&answer.packet.to, &far));
		assert_true(addr_eq(&answer.message.mapped, &far));
		assert_memory_equal(answer.message.transaction, transaction, 12);
		assert_true(answer.message.has_fingerprint);
		assert_true(ice_agent_is_validated(net.nodes[0].agent, 0, &far));
		far.port++;
		assert_false(ice_agent_is_validated(net.nodes[0].agent, 0, &far));
		far.port--;
		// A full agent tries the way back at once, a lite one never.
		net_agents_run();
		assert_int_equal(net.nodes[0].requests_sent, is_lite ? 0 : 1);
	}
}

static void spoil_username(void)
{
	request.username = SPAN_LIT("ufrag0B:ufrag1A");
}

static void spoil_username_half(void)
{
	request.username = SPAN_LIT("ufrag0A");
}

static void spoil_no_username(void)
{
	request.username = SPAN_NONE;
}

static void spoil_key(void)
{
	request.key = SPAN_LIT("another password of them");
}

static void spoil_integrity(void)
{
	request.key = SPAN_NONE;
}

static void spoil_priority(void)
{
	request.priority = 0;
}

static void spoil_role(void)
{
	request.role = STUN_ROLE_CONTROLLED;
}

static void test_refused_requests(void **state)
{
	static const struct {
		void (*spoil)(void);
		uint16_t error;
	} cases[] = {
		{ spoil_username, 401 },
		{ spoil_username_half, 401 },
		{ spoil_no_username, 400 },
		{ spoil_key, 401 },
		{ spoil_integrity, 400 },
		{ spoil_priority, 400 },
		{ spoil_role, 487 }, // a lite agent cannot control
	};
	struct addr far = net_addr(FAR);
	bool is_taken;
	(void)state;
	for (uint32_t i = 0; i < COUNT_OF(cases); i++) {
		net_init(1);
		setup(true);
		cases[i].spoil();
		struct answer answer = ask_from(&request, FAR, &is_taken);
		assert_false(is_taken);
		assert_int_equal(answer.class, STUN_ERROR);
		assert_int_equal(answer.message.error, cases[i].error);
		assert_false(ice_agent_is_validated(net.nodes[0].agent, 0, &far));
		assert_int_equal(net.nodes[0].agent->remote_count, 0);
	}
}

// The shortest requests get nothing at all: their answers would be longer.
static void test_no_amplification(void **state)
{
	struct stun_build bare = { .class = STUN_REQUEST, .transaction = transaction };
	bool is_taken;
	(void)state;
	net_init(1);
	setup(true);
	assert_int_equal(ask_from(&bare, FAR, &is_taken).class, -1);
	bare.has_fingerprint = true; // 28 bytes; 400 with a fingerprint is 36
	assert_int_equal(ask_from(&bare, FAR, &is_taken).class, -1);
	bare.key = request.key; // right, but short: 68 bytes of answer at least, with IPv6 76
	bare.username = request.username;
	bare.priority = 1;
	bare.has_fingerprint = false;
	assert_int_equal(ask_from(&bare, FAR, &is_taken).class, STUN_SUCCESS);
	assert_true(is_taken);
	assert_int_equal(net.nodes[0].counters.replies_withheld, 2);
}

static void test_unknown_attribute(void **state)
{
	struct addr from = net_addr(FAR);
	uint8_t buf[STUN_MESSAGE_MAX], plain[STUN_MESSAGE_MAX];
	struct stun_message m;
	(void)state;
	net_init(1);
	setup(true);
	// USE-CANDIDATE becomes an attribute that nobody knows; then all is signed again.
	request.is_nominating = true;
	request.has_fingerprint = false;
	request.key = SPAN_NONE;
	int len = stun_build(&request, plain, sizeof(plain));
	for (int at = 20; at < len; at += 4 + ((rtp_load16(plain + at + 2) + 3) & ~3))
		if (rtp_load16(plain + at) == 0x0025)
			rtp_store16(plain + at, 0x0031);
	request = (struct stun_build){ .class = STUN_REQUEST, .transaction = transaction,
		.key = ice_key(&net.nodes[0].agent->own) };
	// MESSAGE-INTEGRITY over a prepared body: built behind it by hand.
	memcpy(buf, plain, (uint32_t)len);
	rtp_store16(buf + 2, (uint16_t)(len + 24 - 20));
	rtp_store32(buf + len, 0x00080014);
	unsigned int made;
	assert_non_null(HMAC(EVP_sha1(), request.key.ptr, (int)request.key.len, buf, (size_t)len,
		buf + len + 4, &made));
	net.nodes[0].request_len = (uint32_t)len + 24;
	assert_false(ice_agent_receive(net.nodes[0].agent, 0, &from,
		span_make((const char *)buf, (uint32_t)len + 24), net.now_ms));
	struct answer answer = last_answer();
	assert_int_equal(answer.class, STUN_ERROR);
	assert_int_equal(answer.message.error, 420);
	assert_int_equal(stun_parse(answer.packet.data, answer.packet.len, &m), 0);
	assert_true(stun_is_authentic(answer.packet.data, &m, request.key));
}

static void test_role_conflict_of_full_agents(void **state)
{
	static const struct {
		uint64_t own, far;
		bool is_conflict;
	} cases[] = { { 10, 5, false }, { 5, 10, true }, { 7, 7, false } };
	bool is_taken;
	(void)state;
	// We are controlled and so is the far end: the larger tie breaker controls.
	for (uint32_t i = 0; i < COUNT_OF(cases); i++) {
		net_init(1);
		setup(false);
		net.nodes[0].agent->tie_breaker = cases[i].own;
		request.tie_breaker = cases[i].far;
		request.role = STUN_ROLE_CONTROLLED;
		struct answer answer = ask_from(&request, FAR, &is_taken);
		assert_int_equal(is_taken, !cases[i].is_conflict);
		assert_int_equal(answer.message.error, cases[i].is_conflict ? 487 : 0);
		assert_int_equal(
			ice_agent_is_controlling(net.nodes[0].agent), !cases[i].is_conflict);
	}
	// Both controlling: the smaller one gives way.
	for (uint32_t i = 0; i < COUNT_OF(cases); i++) {
		net_init(1);
		setup(false);
		net.nodes[0].agent->is_controlling = true;
		net.nodes[0].agent->tie_breaker = cases[i].own;
		request.tie_breaker = cases[i].far;
		struct answer answer = ask_from(&request, FAR, &is_taken);
		assert_int_equal(answer.message.error, cases[i].is_conflict ? 0 : 487);
		assert_int_equal(
			ice_agent_is_controlling(net.nodes[0].agent), !cases[i].is_conflict);
	}
}

static uint16_t selected_port(void)
{
	struct addr remote = { 0 };
	uint32_t local;

	return ice_agent_selected(net.nodes[0].agent, 1, &local, &remote) ? remote.port : 0;
}

static void nominate(uint16_t port, uint32_t priority)
{
	char source[32];
	bool is_taken;

	snprintf(source, sizeof(source), "203.0.113.5:%u", port);
	request.priority = priority;
	request.is_nominating = true;
	ask_from(&request, source, &is_taken);
	assert_true(is_taken);
}

// Aggressive nomination: the highest wins; a later change of mind counts when it lasts.
static void test_lite_nominations(void **state)
{
	bool is_taken;
	(void)state;
	net_init(1);
	setup(true);
	ask_from(&request, FAR, &is_taken);
	assert_int_equal(selected_port(), 0); // heard is not nominated
	nominate(1001, 500);
	assert_int_equal(selected_port(), 1001);
	assert_int_equal(ice_agent_state(net.nodes[0].agent), ICE_STATE_COMPLETED);
	nominate(1002, 400);
	assert_int_equal(selected_port(), 1001);
	nominate(1003, 600);
	assert_int_equal(selected_port(), 1003);
	net.now_ms += ICE_RENOMINATE_MS - 1;
	nominate(1002, 400);
	assert_int_equal(selected_port(), 1003);
	nominate(1003, 600); // confirmed
	net.now_ms += 1;
	nominate(1002, 400);
	assert_int_equal(selected_port(), 1003);
	net.now_ms += ICE_RENOMINATE_MS;
	nominate(1002, 400);
	assert_int_equal(selected_port(), 1002);
}

// A full controlled agent takes a pair only when its own check went through.
static void test_full_nomination_waits(void **state)
{
	bool is_taken;
	(void)state;
	net_init(1);
	setup(false);
	request.is_nominating = true;
	ask_from(&request, FAR, &is_taken);
	assert_int_equal(selected_port(), 0);
	net_agents_run();
	struct addr from = net_addr(FAR), mapped = net_addr("198.51.100.1:20000");
	uint8_t buf[STUN_MESSAGE_MAX];
	struct stun_build answer = { .class = STUN_SUCCESS, .mapped = &mapped,
		.transaction = net.nodes[0].agent->pairs[0].check.transaction,
		.key = ice_key(&net.nodes[0].agent->remote) };
	struct addr elsewhere = net_addr("203.0.113.6:40000");
	int len = stun_build(&answer, buf, sizeof(buf));
	assert_true(ice_agent_receive(net.nodes[0].agent, 0, &from,
		span_make((const char *)buf, (uint32_t)len), net.now_ms));
	assert_int_equal(selected_port(), 40000);
	// Again, but from elsewhere: the way is not symmetric, and the pair fails.
	net_init(1);
	setup(false);
	ask_from(&request, FAR, &is_taken);
	net_agents_run();
	answer.transaction = net.nodes[0].agent->pairs[0].check.transaction;
	answer.key = ice_key(&net.nodes[0].agent->remote);
	len = stun_build(&answer, buf, sizeof(buf));
	assert_true(ice_agent_receive(net.nodes[0].agent, 0, &elsewhere,
		span_make((const char *)buf, (uint32_t)len), net.now_ms));
	assert_int_equal(selected_port(), 0);
	assert_int_equal(net.nodes[0].agent->pairs[0].state, ICE_PAIR_FAILED);
}

static void test_consent_is_withdrawn(void **state)
{
	struct addr from = net_addr("198.51.100.101:20000");
	uint8_t buf[STUN_MESSAGE_MAX];
	(void)state;
	net_init(2);
	net_agent(0, false, true, 1);
	net_agent(1, false, false, 1);
	net_locals(0, 1, 1);
	net_locals(1, 1, 1);
	net_signal('A');
	net_run(2000, true);
	net_run(7000, false);
	struct ice_agent *agent = net.nodes[0].agent;
	struct stun_build answer = { .class = STUN_ERROR, .error = STUN_FORBIDDEN,
		.transaction = agent->component[0].consent[0], .key = SPAN_LIT("wrong") };
	int len = stun_build(&answer, buf, sizeof(buf));
	assert_false(ice_agent_receive(
		agent, 0, &from, span_make((const char *)buf, (uint32_t)len), net.now_ms));
	assert_int_equal(selected_port(), 20000);
	answer.key = ice_key(&agent->remote);
	len = stun_build(&answer, buf, sizeof(buf));
	assert_true(ice_agent_receive(
		agent, 0, &from, span_make((const char *)buf, (uint32_t)len), net.now_ms));
	assert_int_equal(selected_port(), 0);
	assert_int_equal(ice_agent_take_events(agent), ICE_EVENT_CONSENT_LOST);
}

static void test_full_table(void **state)
{
	bool is_taken;
	(void)state;
	net_init(1);
	setup(true);
	for (uint32_t i = 0; i < ICE_REMOTES_MAX + 10; i++) {
		char source[32];

		snprintf(source, sizeof(source), "203.0.113.5:%u", 1000 + i);
		struct answer answer = ask_from(&request, source, &is_taken);
		assert_int_equal(answer.class, STUN_SUCCESS);
	}
	assert_int_equal(net.nodes[0].counters.candidates_learned, ICE_REMOTES_MAX);
	assert_int_equal(net.nodes[0].counters.candidates_refused, 10);
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
		cmocka_unit_test(test_good_request),
		cmocka_unit_test(test_refused_requests),
		cmocka_unit_test(test_no_amplification),
		cmocka_unit_test(test_unknown_attribute),
		cmocka_unit_test(test_role_conflict_of_full_agents),
		cmocka_unit_test(test_lite_nominations),
		cmocka_unit_test(test_full_nomination_waits),
		cmocka_unit_test(test_consent_is_withdrawn),
		cmocka_unit_test(test_full_table),
	};
	return cmocka_run_group_tests(tests, NULL, teardown);
}
