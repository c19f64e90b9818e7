// INVITEs with Replaces whose call another worker has.
#include "fixture.h"

#include "call/export.h"
#include "sip/token.h"

static struct outbox_handover seen;
static char message[4096];
static uint32_t seen_count, gone_count;

static void receive(struct fixture *f, bool is_handed_over)
{
	struct core_message in = { .listener = listener_make(REALM_ACCESS, 0),
		.source = fixture_addr("10.1.1.6:5060"), .data = span_str(message),
		.is_handed_over = is_handed_over };

	core_receive(f->core, &f->env, &in);
	for (uint32_t i = 0; i < outbox_count(f->env.outbox); i++) {
		const struct outbox_entry *entry = outbox_at(f->env.outbox, i);

		gone_count += entry->kind == OUTBOX_GONE;
		if (entry->kind != OUTBOX_HANDOVER)
			continue;
		seen = entry->handover;
		seen_count++;
		assert_true(span_eq(seen.data, span_str(message)));
	}
	fixture_take(f);
}

static void make(struct fixture *f, const char *tag)
{
	(void)f;
	snprintf(message, sizeof(message),
		"INVITE sip:100@10.1.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 10.1.1.6;branch=z9hG4bKnew\r\n"
		"Max-Forwards: 70\r\nFrom: <sip:66@x>;tag=secret-new\r\nTo: <sip:100@x>\r\n"
		"Call-ID: secret-new\r\nCSeq: 1 INVITE\r\nContact: <sip:new@10.1.1.6>\r\n"
		"Replaces: secret-call@10.1.1.5;to-tag=%s;from-tag=secret-a\r\n"
		"Content-Length: 0\r\n\r\n", tag);
}

static void token_of(const char *tag, struct sip_token *token)
{
	struct sip_keys keys;

	sip_keys_init(&keys, &(struct hash_key){ { 5, 6 } }, 0);
	assert_true(sip_token_verify(&keys, SIP_TOKEN_TAG, span_str(tag), token));
}

// It leaves no trace here; if nobody has the call it is refused here.
static void elsewhere(void **state)
{
	struct fixture *f = *state;
	uint8_t buf[CALL_RECORD_MAX];
	struct record_out out = { .buf = buf };
	struct sip_token token;
	uint64_t keys[2];
	char tag[64];

	seen_count = 0;
	fixture_establish(f, tag);
	token_of(tag, &token);
	assert_true(core_call_keys(f->core, token.value, keys));
	assert_int_equal(core_move_out(f->core, &f->env, token.value, &out), 0);
	outbox_clear(f->env.outbox);
	make(f, tag);
	receive(f, false);
	assert_int_equal(f->sent_count, 0);
	assert_int_equal(seen_count, 1);
	assert_int_equal(seen.name, token.value);
	assert_int_equal(seen.shard, token.shard);
	assert_int_equal(seen.dialog, keys[CALL_LEG_A]);
	assert_int_equal(fixture_calls(f), 0);
	receive(f, true);
	assert_int_equal(seen_count, 1);
	assert_non_null(fixture_last(f, "SIP/2.0 481"));
	f->gone_count = 0;
	fixture_wait(f, 31000);
	assert_int_equal(f->gone_count, 0); // repetitions and the ACK still come here
	fixture_wait(f, 2000);
	assert_int_equal(f->gone_count, 1);
}

// The call is here: the dialog stays, and says when it is over.
static void arrived(void **state)
{
	struct fixture *f = *state;
	char tag[64];

	seen_count = 0;
	fixture_establish(f, tag);
	make(f, tag);
	receive(f, false);
	receive(f, false);
	assert_int_equal(seen_count, 0);
	assert_non_null(fixture_last(f, "INVITE sip:secret-b@10.2.1.1"));
	fixture_carrier(f, "INVITE sip:secret-b", 200, FIXTURE_SDP("10.2.1.1"));
	assert_non_null(fixture_last(f, "SIP/2.0 200"));
	f->gone_count = 0;
	fixture_wait(f, 10000);
	assert_int_equal(f->gone_count, 0);
	core_hangup_all(f->core, &f->env);
	fixture_take(f);
	fixture_wait(f, 110000); // BYEs time out, then the call lingers
	assert_int_equal(fixture_calls(f), 0);
	assert_int_equal(f->gone_count, 1);
}

// A flood of them is bounded; one that finds no room is refused.
static void flood(void **state)
{
	struct fixture *f = *state;
	uint32_t refused = 0;

	f->gone_count = 0;
	for (uint32_t i = 0; i < 1100; i++) {
		snprintf(message, sizeof(message),
			"INVITE sip:100@10.1.0.1 SIP/2.0\r\n"
			"Via: SIP/2.0/UDP 10.1.1.6;branch=z9hG4bK%u\r\nMax-Forwards: 70\r\n"
			"From: <sip:66@x>;tag=1\r\nTo: <sip:100@x>\r\nCall-ID: flood%u\r\n"
			"CSeq: 1 INVITE\r\nContact: <sip:new@10.1.1.6>\r\n"
			"Replaces: a;to-tag=b;from-tag=c\r\nContent-Length: 0\r\n\r\n", i, i);
		fixture_forget(f);
		receive(f, false);
		refused += fixture_last(f, "SIP/2.0 503") && f->gone_count > 0;
	}
	assert_int_equal(refused, 1100 - 1024);
	fixture_forget(f);
	for (uint32_t i = 0; i < 80; i++) {
		fixture_wait(f, 500);
		fixture_forget(f);
	}
	assert_int_equal(f->gone_count, 1100);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_open, fixture_close)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(elsewhere),
		TEST(arrived),
		TEST(flood),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
