// test_secure.c - keys of lines beyond what golden/sdp-calls (srtp_*) reads: none left, wiped with
// the call, and nothing may pass before the keys are there.
#include "onward.h"

#include "proto/srtp.h"

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_open, fixture_close)
#define KEY                                                                                        \
	"a=crypto:1 AES_CM_128_HMAC_SHA1_80 "                                                      \
	"inline:cJOJ7kxQjhFBp2fP6AYjs3vKw7CeBdWZCj0isbJv\r\n"
#define SECURE_SDP(ip)                                                                             \
	"v=0\r\no=- 1 1 IN IP4 " ip "\r\ns=-\r\nc=IN IP4 " ip                                      \
	"\r\nt=0 0\r\nm=audio 4000 RTP/SAVP 8\r\n" KEY

// Of the second suite that we offer, or of the only one once it is chosen.
#define ANSWER_SDP(tag)                                                                            \
	"v=0\r\no=- 1 1 IN IP4 10.2.1.1\r\ns=-\r\nc=IN IP4 10.2.1.1\r\nt=0 0\r\n"                  \
	"m=audio 4000 RTP/SAVP 8\r\na=crypto:" tag " AES_CM_128_HMAC_SHA1_80 "                     \
	"inline:cJOJ7kxQjhFBp2fP6AYjs3vKw7CeBdWZCj0isbJv\r\n"

static void want(struct fixture *f, uint32_t profile, enum profile_srtp srtp)
{
	f->profiles[profile].sdp.srtp = srtp;
}

static uint32_t keys_free(const struct fixture *f)
{
	struct flow_counters counters;

	flow_writer_counters(f->env.flows, &counters);
	return counters.keys_free;
}

static uint32_t flows_dropping(const struct fixture *f)
{
	uint32_t count = 0;

	for (uint32_t address = 0; address < 2; address++)
		for (uint32_t port = 20000; port <= 20600; port++) {
			const struct flow_cfg *flow =
				flow_lookup(&f->view, address, (uint16_t)port);
			count += flow && flow->flags & FLOW_DROP;
		}
	return count;
}

static void keys_go_with_the_call(void **state)
{
	struct fixture *f = *state;
	struct dialog d;

	want(f, 0, PROFILE_SRTP_REQUIRED);
	uint32_t before = keys_free(f);
	dialog_invite(&d, f, "", SECURE_SDP("10.1.1.5"));
	assert_int_equal(keys_free(f), before - 2);
	dialog_answer(&d, &(struct dialog_answer){ .start = "INVITE", .status = 486 });
	fixture_wait(f, 40000);
	assert_int_equal(keys_free(f), before);
	static const struct flow_key wiped[256];
	assert_memory_equal(f->view.keys, wiped, sizeof(wiped));
}

static void no_key_left_is_503(void **state)
{
	struct fixture *f = *state;
	struct flow_pair pairs[128];
	struct fixture_request invite = { .method = "INVITE", .cseq = 1,
		.body = SECURE_SDP("10.1.1.5") };

	want(f, 0, PROFILE_SRTP_REQUIRED);
	for (uint32_t i = 0; keys_free(f) >= 2; i++) {
		struct flow_key key = { .suite = SRTP_AEAD_AES_128_GCM, .key = { (uint8_t)i } };
		assert_true(i < 128);
		assert_int_equal(flow_pair_reserve(f->env.flows, 0, -1, &pairs[i]), 0);
		assert_int_equal(
			flow_pair_set_key(f->env.flows, &pairs[i], FLOW_KEY_RX, &key), 0);
		assert_int_equal(
			flow_pair_set_key(f->env.flows, &pairs[i], FLOW_KEY_TX, &key), 0);
	}
	fixture_phone(f, &invite);
	assert_non_null(fixture_last(f, "SIP/2.0 503"));
}

static void nothing_passes_without_keys(void **state)
{
	struct fixture *f = *state;
	struct dialog d;

	want(f, 1, PROFILE_SRTP_REQUIRED);
	dialog_invite(&d, f, "", FIXTURE_SDP("10.1.1.5"));
	assert_int_equal(flows_dropping(f), 4);
	dialog_answer(&d, &(struct dialog_answer){ .start = "INVITE", .status = 200,
		.body = ANSWER_SDP("2") });
	assert_int_equal(flows_dropping(f), 0);
	assert_int_equal(f->ended_count, 0);
}

static void plain_answer_where_keys_are_required(void **state)
{
	struct fixture *f = *state;
	struct dialog d;

	want(f, 1, PROFILE_SRTP_REQUIRED);
	dialog_invite(&d, f, "", FIXTURE_SDP("10.1.1.5"));
	dialog_answer(&d, &(struct dialog_answer){
		.start = "INVITE", .status = 200, .body = FIXTURE_SDP("10.2.1.1") });
	assert_int_equal(f->ended.cause, CALL_CAUSE_MEDIA_REFUSED);
	assert_int_equal(fixture_flows(f), 0);
}

// Ours for that suite, as the description offers it.
static void read_key(const struct fixture_message *m, char out[64])
{
	static const char suite[] = " AES_CM_128_HMAC_SHA1_80 inline:";

	assert_non_null(m);
	const char *at = strstr(m->text, suite);
	assert_non_null(at);
	snprintf(out, 64, "%.40s", at + strlen(suite));
}

static const struct flow_cfg *called_flow(const struct fixture *f)
{
	for (uint32_t port = 20000; port <= 20254; port += 2) {
		const struct flow_cfg *flow = flow_lookup(&f->view, REALM_CORE, (uint16_t)port);

		if (flow)
			return flow;
	}
	fail_msg("no flow");
	return NULL;
}

// Early media of one far end was counted under our key: the next far end is offered another one.
// Who repeats, forks or is asked again has the one that it had, in its place.
static void each_far_end_has_a_key_of_its_own(void **state)
{
	struct fixture *f = *state;
	struct dialog_answer early = { .start = "INVITE", .status = 183,
		.body = ANSWER_SDP("2") };
	char first[64], again[64], second[64];
	struct onward onward;
	struct dialog d;

	want(f, 1, PROFILE_SRTP_REQUIRED);
	onward_open(&onward, f);
	dialog_invite(&d, f, "", FIXTURE_SDP("10.1.1.5"));
	read_key(fixture_last(f, "INVITE"), first);
	fixture_wait(f, 600);
	assert_true(fixture_count(f, "INVITE") > 1);
	read_key(fixture_last(f, "INVITE"), again);
	assert_string_equal(again, first);
	dialog_answer(&d, &early);
	uint32_t slot = called_flow(f)->key_tx;
	assert_int_not_equal(slot, 0);
	early.tag = "secret-fork";
	dialog_answer(&d, &early);
	assert_int_equal(called_flow(f)->key_tx, slot);
	read_key(onward_send(&d, "77"), second);
	assert_string_not_equal(second, first);
	assert_int_equal(flows_dropping(f), 4);
	assert_int_equal(called_flow(f)->key_rx | called_flow(f)->key_tx, 0);
	dialog_answer(&d, &early);
	fixture_wait(f, 2000); // the range has few ports, and those of the first have to rest
	// Likewise at the same trunk, whoever that is there.
	read_key(onward_send(&d, "133"), first);
	assert_string_not_equal(second, first);
	dialog_answer(&d, &(struct dialog_answer){ .start = "INVITE", .status = 200,
		.body = ANSWER_SDP("2") });
	assert_int_equal(flows_dropping(f), 0);
	fixture_to_tag(f, "SIP/2.0 200", d.tag_a, sizeof(d.tag_a));
	dialog_phone(&d, "ACK", 1, "", "");
	slot = called_flow(f)->key_tx;
	fixture_forget(f);
	dialog_phone(&d, "INVITE", 2, "", FIXTURE_SDP("10.1.1.5"));
	read_key(fixture_last(f, "INVITE"), again);
	assert_string_equal(again, first);
	dialog_answer(&d, &(struct dialog_answer){ .start = "INVITE", .status = 200,
		.body = ANSWER_SDP("1") });
	assert_int_equal(called_flow(f)->key_tx, slot);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(keys_go_with_the_call),
		TEST(no_key_left_is_503),
		TEST(nothing_passes_without_keys),
		TEST(plain_answer_where_keys_are_required),
		TEST(each_far_end_has_a_key_of_its_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
