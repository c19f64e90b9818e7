// test_secure_session.c - ICE and DTLS together: two legs, strangers, changes of the agreement.
#include "base/rng.h"
#include "secure/secure_session.h"
#include "proto/stun_message.h"
#include "unit/unit.h"

#include <stdlib.h>
#include <sys/time.h>

#define PACKETS 256u

struct packet {
	uint64_t at_ms;
	struct addr from, to;
	uint32_t len;
	uint8_t data[2048];
};

struct leg {
	struct secure_session *session;
	struct flow_secure secure;
	struct secure_env env;
	struct addr own;
	struct flow_secure_result result;
	uint32_t results, sent;
};

static uint64_t now_ms;
static struct rng rng;
static struct leg legs[3]; // 0 and 1 call each other, 2 is a stranger
static struct packet packets[PACKETS];
static uint32_t packet_count;

int gettimeofday(struct timeval *restrict out, void *restrict zone)
{
	(void)zone;
	out->tv_sec = (time_t)(1700000000 + now_ms / 1000);
	out->tv_usec = (suseconds_t)(now_ms % 1000 * 1000);
	return 0;
}

static void post(struct leg *leg, uint32_t component, const struct addr *to, struct span data)
{
	struct packet *packet = &packets[packet_count++];

	assert_true(packet_count < PACKETS && data.len <= sizeof(packet->data));
	packet->from = leg->own;
	packet->from.port = (uint16_t)(packet->from.port + component - 1);
	packet->to = *to;
	packet->at_ms = now_ms + 5;
	packet->len = data.len;
	memcpy(packet->data, data.ptr, data.len);
}

static void send_datagram(
	void *context, uint32_t component, const struct addr *to, struct span data)
{
	struct leg *leg = context;

	leg->sent++;
	post(leg, component, to, data);
}

static void draw(void *context, void *out, uint32_t len)
{
	(void)context;
	for (uint32_t i = 0; i < len; i++)
		((uint8_t *)out)[i] = (uint8_t)rng_u64(&rng);
}

static void fini(void)
{
	for (uint32_t n = 0; n < 3; n++)
		secure_session_free(legs[n].session);
	packet_count = 0;
}

static void sign(struct flow_secure *secure)
{
	secure->serial++;
	secure->checksum = flow_secure_checksum(secure);
}

static void secrets(struct leg *leg, struct leg *far, char generation)
{
	char ufrag[] = "ufrag00", pwd[] = "passwordOfTwentyFour00";

	ufrag[5] = (char)('a' + (leg - legs));
	ufrag[6] = pwd[21] = generation;
	leg->secure.own_ufrag_bytes = sizeof(ufrag) - 1;
	leg->secure.own_pwd_bytes = sizeof(pwd) - 1;
	memcpy(leg->secure.own_ufrag, ufrag, sizeof(ufrag) - 1);
	memcpy(leg->secure.own_pwd, pwd, sizeof(pwd) - 1);
	far->secure.ufrag_bytes = sizeof(ufrag) - 1;
	far->secure.pwd_bytes = sizeof(pwd) - 1;
	memcpy(far->secure.ufrag, ufrag, sizeof(ufrag) - 1);
	memcpy(far->secure.pwd, pwd, sizeof(pwd) - 1);
}

static void know_fingerprint(struct leg *leg, const struct leg *far)
{
	const struct dtls_fingerprint *from = dtls_identity_fingerprint(far->env.identity);

	leg->secure.fingerprint_count = 1;
	leg->secure.fingerprints[0].hash = from->hash;
	memcpy(leg->secure.fingerprints[0].value, from->value, 64);
}

// Leg 0 is active and controlling; both know all of each other.
static void init(enum flow_ice ice_a, enum flow_ice ice_b)
{
	enum flow_ice ice[3] = { ice_a, ice_b, FLOW_ICE_OFF };

	fini();
	now_ms = 5000;
	rng_init(&rng, 1);
	for (uint32_t n = 0; n < 3; n++) {
		struct leg *leg = &legs[n];
		struct dtls_identity *identity = leg->env.identity;

		memset(leg, 0, sizeof(*leg));
		leg->env = (struct secure_env){ .send = send_datagram, .random = draw,
			.identity = identity ? identity : dtls_identity_new(1700000000),
			.cookie_key = { { n, 5 } } };
		assert_non_null(leg->env.identity);
		leg->own = (struct addr){ .ip = ip_from_v4(0xc6336401 + n), .port = 20000 };
		leg->session = secure_session_new(&leg->env, leg);
		assert_non_null(leg->session);
		leg->secure = (struct flow_secure){ .incarnation = 9, .ice = (uint8_t)ice[n],
			.dtls = n == 1 ? FLOW_DTLS_PASSIVE : FLOW_DTLS_ACTIVE, .components = 1,
			.is_controlling = n == 0, .own_priority = 0x7effffff, .mtu = 1200 };
	}
	for (uint32_t n = 0; n < 2; n++) {
		struct leg *leg = &legs[n], *far = &legs[1 - n];

		leg->secure.signaled_ip = far->own.ip;
		leg->secure.signaled_port = far->own.port;
		leg->secure.is_remote_lite = ice[1 - n] == FLOW_ICE_LITE;
		leg->secure.candidate_count = ice[1 - n] != FLOW_ICE_OFF;
		leg->secure.candidates[0] = (struct flow_candidate){ .ip = far->own.ip,
			.port = far->own.port, .priority = 0x7effffff, .component = 1 };
		secrets(leg, far, 'A');
		know_fingerprint(leg, far);
	}
}

static void apply(uint32_t n)
{
	sign(&legs[n].secure);
	assert_true(flow_secure_is_valid(&legs[n].secure, 9));
	secure_session_apply(legs[n].session, &legs[n].secure, &legs[n].own, now_ms);
}

static void deliver(const struct packet *packet)
{
	for (uint32_t n = 0; n < 3; n++) {
		struct leg *leg = &legs[n];
		uint32_t component = packet->to.port - leg->own.port + 1u;

		if (ip_eq(&packet->to.ip, &leg->own.ip) && component >= 1 && component <= 2)
			secure_session_receive(leg->session, component, &packet->from,
				span_make((const char *)packet->data, packet->len), now_ms);
	}
}

static void take_results(void)
{
	for (uint32_t n = 0; n < 3; n++)
		if (secure_session_take_result(legs[n].session, &legs[n].result))
			legs[n].results++;
}

static void run(uint32_t for_ms)
{
	uint64_t end_ms = now_ms + for_ms;

	for (; now_ms < end_ms; now_ms++) {
		for (uint32_t i = 0; i < packet_count; i++)
			if (packets[i].at_ms <= now_ms) {
				struct packet packet = packets[i];
				packets[i--] = packets[--packet_count];
				deliver(&packet);
			}
		for (uint32_t n = 0; n < 3; n++)
			if (secure_session_next(legs[n].session, now_ms) <= now_ms)
				secure_session_run(legs[n].session, now_ms);
		take_results();
	}
}

static void assert_keys(void)
{
	const struct flow_secure_result *a = &legs[0].result, *b = &legs[1].result;

	assert_int_equal(a->dtls_state, FLOW_SECURE_DTLS_DONE);
	assert_int_equal(b->dtls_state, FLOW_SECURE_DTLS_DONE);
	assert_int_equal(a->suite, SRTP_AEAD_AES_128_GCM);
	assert_int_equal(b->suite, a->suite);
	assert_memory_equal(a->own_key, b->far_key, 32);
	assert_memory_equal(a->far_key, b->own_key, 32);
	assert_memory_equal(a->own_salt, b->far_salt, 16);
	assert_memory_equal(a->far_salt, b->own_salt, 16);
	assert_memory_not_equal(a->own_key, a->far_key, 16);
}

static void test_ice_and_dtls(void **state)
{
	static const enum flow_ice kinds[][2] = { { FLOW_ICE_FULL, FLOW_ICE_FULL },
		{ FLOW_ICE_FULL, FLOW_ICE_LITE }, { FLOW_ICE_OFF, FLOW_ICE_OFF } };
	(void)state;
	for (uint32_t i = 0; i < COUNT_OF(kinds) * 2; i++) {
		bool is_swapped = i % 2;

		init(kinds[i / 2][0], kinds[i / 2][1]);
		if (is_swapped) {
			legs[0].secure.dtls = FLOW_DTLS_PASSIVE;
			legs[1].secure.dtls = FLOW_DTLS_ACTIVE;
		}
		apply(1);
		apply(0);
		run(3000);
		assert_keys();
		for (uint32_t n = 0; n < 2; n++) {
			const struct flow_selected *selected = &legs[n].result.selected[0];
			bool is_ice = legs[n].secure.ice != FLOW_ICE_OFF;

			assert_int_equal(selected->port, is_ice ? 20000 : 0);
			assert_true(!is_ice || ip_eq(&selected->ip, &legs[1 - n].own.ip));
			assert_int_equal(legs[n].env.counters.connected, 1);
		}
		uint32_t results = legs[0].results;
		run(2000);
		assert_int_equal(legs[0].results, results); // told once
	}
}

static void test_two_components(void **state)
{
	(void)state;
	init(FLOW_ICE_FULL, FLOW_ICE_LITE);
	for (uint32_t n = 0; n < 2; n++) {
		legs[n].secure.dtls = FLOW_DTLS_OFF;
		legs[n].secure.components = 2;
		legs[n].secure.candidate_count = 2;
		legs[n].secure.candidates[1] = legs[n].secure.candidates[0];
		legs[n].secure.candidates[1].component = 2;
		legs[n].secure.candidates[1].port++;
		apply(n);
	}
	run(2000);
	for (uint32_t n = 0; n < 2; n++) {
		assert_int_equal(legs[n].result.selected[0].port, 20000);
		assert_int_equal(legs[n].result.selected[1].port, 20001);
		assert_int_equal(legs[n].result.dtls_state, FLOW_SECURE_DTLS_NONE);
	}
}

// The stranger begins DTLS with leg 1.
static void stranger_calls(void)
{
	legs[2].secure.signaled_ip = legs[1].own.ip;
	legs[2].secure.signaled_port = legs[1].own.port;
	apply(2);
}

// With ICE nobody is heard whom ICE has not validated: not a byte comes back.
static void test_stranger_with_ice(void **state)
{
	(void)state;
	init(FLOW_ICE_FULL, FLOW_ICE_LITE);
	apply(1);
	stranger_calls();
	run(5000);
	assert_int_equal(legs[1].sent, 0);
	assert_true(legs[1].env.counters.dtls_unwanted >= 3);
	apply(0);
	run(5000);
	assert_keys();
	assert_int_equal(legs[2].result.dtls_state, FLOW_SECURE_DTLS_RUNNING);
}

// Without ICE a cookie lets the stranger shake hands, but his certificate is not the signaled one;
// afterwards, and meanwhile, the signaled far end is heard.
static void test_stranger_without_ice(void **state)
{
	(void)state;
	init(FLOW_ICE_OFF, FLOW_ICE_OFF);
	apply(1);
	stranger_calls();
	run(1500);
	assert_true(legs[1].env.counters.failed_fingerprint >= 1);
	assert_true(legs[1].env.counters.listened_again >= 1);
	assert_int_equal(legs[1].result.dtls_state, FLOW_SECURE_DTLS_RUNNING);
	apply(0);
	run(3000);
	assert_keys();
	// Amid a handshake: the stranger's ClientHello with its cookie was just answered.
	init(FLOW_ICE_OFF, FLOW_ICE_OFF);
	apply(1);
	stranger_calls();
	run(16); // hello, cookie, hello
	apply(0);
	for (uint32_t i = 0; i < packet_count; i++) // and he falls silent
		if (ip_eq(&packets[i].from.ip, &legs[2].own.ip))
			packets[i--] = packets[--packet_count];
	secure_session_free(legs[2].session);
	legs[2].session = secure_session_new(&legs[2].env, &legs[2]);
	run(4000);
	assert_keys();
}

// The certificate is that of the agreement, also for the association that follows a stranger's,
// while other legs have agreed on a newer one and nobody else holds the old one.
static void test_certificate_of_the_agreement(void **state)
{
	(void)state;
	init(FLOW_ICE_OFF, FLOW_ICE_OFF);
	apply(1);
	dtls_identity_put(legs[1].env.identity);
	legs[1].env.identity = dtls_identity_new(1700000000);
	stranger_calls();
	run(1500);
	assert_true(legs[1].env.counters.listened_again >= 1);
	apply(0);
	run(3000);
	assert_keys();
	assert_int_equal(legs[0].env.counters.failed_fingerprint, 0);
}

static void test_late_and_other_fingerprints(void **state)
{
	struct flow_secure_result first;
	(void)state;
	init(FLOW_ICE_FULL, FLOW_ICE_LITE);
	legs[1].secure.fingerprint_count = 0;
	apply(1);
	apply(0);
	run(2000);
	assert_int_equal(legs[0].result.dtls_state, FLOW_SECURE_DTLS_DONE);
	assert_int_equal(legs[1].result.dtls_state, FLOW_SECURE_DTLS_RUNNING);
	assert_int_equal(legs[1].result.suite, SRTP_NONE);
	know_fingerprint(&legs[1], &legs[0]);
	apply(1);
	run(10);
	assert_keys();
	// The same agreement again: the association stays, and so do its keys.
	first = legs[0].result;
	apply(0);
	apply(1);
	run(500);
	assert_memory_equal(first.own_key, legs[0].result.own_key, 32);
	// Leg 0 comes with another certificate: another handshake, other keys.
	dtls_identity_put(legs[0].env.identity);
	legs[0].env.identity = dtls_identity_new(1700000000);
	know_fingerprint(&legs[1], &legs[0]);
	legs[0].secure.association++;
	apply(1);
	apply(0);
	run(3000);
	assert_keys();
	assert_memory_not_equal(first.own_key, legs[0].result.own_key, 32);
	assert_int_equal(legs[1].env.counters.handshakes, 2);
}

static void test_wrong_fingerprint(void **state)
{
	(void)state;
	init(FLOW_ICE_FULL, FLOW_ICE_LITE);
	legs[1].secure.fingerprints[0].value[0] ^= 1;
	apply(1);
	apply(0);
	run(3000);
	assert_int_equal(legs[1].result.dtls_state, FLOW_SECURE_DTLS_FAILED);
	assert_int_equal(legs[1].result.dtls_failure, DTLS_FAILURE_FINGERPRINT);
	assert_int_equal(legs[1].result.suite, SRTP_NONE);
	assert_int_equal(legs[1].env.counters.failed_fingerprint, 1);
	assert_int_equal(legs[1].env.counters.connected, 0);
}

// RFC 8842 5.4: an ICE restart alone keeps the association.
static void test_ice_restart(void **state)
{
	struct flow_secure_result first;
	(void)state;
	init(FLOW_ICE_FULL, FLOW_ICE_FULL);
	apply(1);
	apply(0);
	run(2000);
	assert_keys();
	first = legs[1].result;
	secrets(&legs[0], &legs[1], 'B');
	secrets(&legs[1], &legs[0], 'B');
	apply(1);
	apply(0);
	assert_int_equal(legs[1].result.selected[0].port, 20000);
	run(5000);
	assert_memory_equal(&first, &legs[1].result, sizeof(first));
	assert_int_equal(legs[0].env.counters.handshakes, 1);
	run(120000); // consent goes on with the new credentials
	assert_int_equal(legs[0].result.selected[0].port, 20000);
	assert_int_equal(legs[0].env.ice.consent_lost, 0);
}

static void test_unwanted(void **state)
{
	struct packet packet = { .len = 28 };
	(void)state;
	init(FLOW_ICE_OFF, FLOW_ICE_OFF);
	legs[1].secure.dtls = FLOW_DTLS_OFF;
	apply(1);
	packet.from = legs[0].own;
	packet.to = legs[1].own;
	packet.data[0] = 0; // STUN
	deliver(&packet);
	packet.data[0] = 22; // DTLS
	deliver(&packet);
	packet.data[0] = 200; // nothing
	deliver(&packet);
	assert_int_equal(legs[1].env.counters.stun_unwanted, 1);
	assert_int_equal(legs[1].env.counters.dtls_unwanted, 2);
	assert_int_equal(legs[1].sent, 0);
	assert_true(secure_session_next(legs[1].session, now_ms) == UINT64_MAX);
}

static int teardown(void **state)
{
	(void)state;
	fini();
	for (uint32_t n = 0; n < 3; n++)
		dtls_identity_put(legs[n].env.identity);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ice_and_dtls),
		cmocka_unit_test(test_two_components),
		cmocka_unit_test(test_stranger_with_ice),
		cmocka_unit_test(test_stranger_without_ice),
		cmocka_unit_test(test_certificate_of_the_agreement),
		cmocka_unit_test(test_late_and_other_fingerprints),
		cmocka_unit_test(test_wrong_fingerprint),
		cmocka_unit_test(test_ice_restart),
		cmocka_unit_test(test_unwanted),
	};
	return cmocka_run_group_tests(tests, NULL, teardown);
}
