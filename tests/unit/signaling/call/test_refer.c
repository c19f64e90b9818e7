#include "fixture.h"

#include "call/export.h"

#include <errno.h>

// The phone at 10.1.1.5 has called the carrier; a party sends REFER.
static char tag[64]; // ours towards the phone

static void refer(struct fixture *f, uint32_t cseq, const char *lines)
{
	struct fixture_request request = { .method = "REFER", .cseq = cseq, .to_tag = tag,
		.extra = lines };
	char branch[32];

	snprintf(branch, sizeof(branch), "refer%u", cseq);
	request.branch = branch;
	fixture_phone(f, &request);
}

// The phone's answer to our newest request to it that starts so.
static void phone_answers(struct fixture *f, const char *start, uint32_t status, const char *body)
{
	const struct fixture_message *m = fixture_last(f, start);
	char text[8192];

	assert_non_null(m);
	snprintf(text, sizeof(text),
		"SIP/2.0 %u x\r\nVia: %s\r\nFrom: %s\r\nTo: %s\r\nCall-ID: %s\r\nCSeq: %s\r\n"
		"Contact: <sip:alice@10.1.1.5:5060>\r\n%sContent-Length: %zu\r\n\r\n%s",
		status, fixture_header(m->text, "Via"), fixture_header(m->text, "From"),
		fixture_header(m->text, "To"), fixture_header(m->text, "Call-ID"),
		fixture_header(m->text, "CSeq"),
		body[0] ? "Content-Type: application/sdp\r\n" : "", strlen(body), body);
	fixture_receive(f, "10.1.1.5:5060", text);
}

static uint64_t count(const struct fixture *f, size_t offset)
{
	const uint8_t *metrics = (const uint8_t *)core_metrics(f->core);

	return metric_read((const _Atomic uint64_t *)(const void *)(metrics + offset));
}
#define COUNT(field) count(f, offsetof(struct core_metrics, field))

static int export_nth(struct fixture *f, uint32_t n)
{
	static uint8_t buf[CALL_RECORD_MAX];
	struct record_out out = { .buf = buf };
	struct call_info info;
	uint32_t cursor = 0;

	for (uint32_t i = 0; i <= n; i++)
		assert_true(core_next_call(f->core, &cursor, &info));
	return core_export(f->core, &f->env, info.token, &out);
}

static void blind(void **state)
{
	struct fixture *f = *state;

	fixture_establish(f, tag);
	refer(f, 2, "Refer-To: <sip:1777@10.1.0.1>\r\nReferred-By: <sip:55@secret.example>\r\n");
	assert_non_null(fixture_last(f, "SIP/2.0 202"));
	const struct fixture_message *notify = fixture_last(f, "NOTIFY");
	assert_non_null(strstr(notify->text, "SIP/2.0 100 Trying"));
	assert_string_equal(fixture_header(notify->text, "Event"), "refer");
	assert_non_null(strstr(fixture_header(notify->text, "Subscription-State"), "active"));
	phone_answers(f, "NOTIFY", 200, "");
	// The target is called with the route that the referrer would get, without an offer.
	const struct fixture_message *out = fixture_last(f, "INVITE sip:+491777@10.2.1.1");
	assert_non_null(out);
	assert_null(strstr(out->text, "v=0"));
	assert_non_null(strstr(out->text, "Referred-By: <sip:55@10.2.0.1"));
	assert_null(strstr(out->text, "secret"));
	fixture_carrier(f, "INVITE sip:+491777", 180, "");
	assert_non_null(strstr(fixture_last(f, "NOTIFY")->text, "SIP/2.0 180 Ringing"));
	phone_answers(f, "NOTIFY", 200, "");
	assert_int_equal(fixture_calls(f), 2);
	// Its offer goes to the other party, the answer back in the ACK.
	fixture_carrier(f, "INVITE sip:+491777", 200, FIXTURE_SDP("10.2.1.7"));
	const struct fixture_message *re = fixture_last(f, "INVITE sip:secret-b@10.2.1.1");
	assert_non_null(re);
	assert_non_null(strstr(re->text, "c=IN IP4 10.2.0.2"));
	assert_null(fixture_last(f, "ACK"));
	assert_int_equal(fixture_flows(f), 8);
	fixture_forget(f);
	f->sent[f->sent_count++] = *re;
	fixture_carrier(f, "INVITE sip:secret-b", 200, FIXTURE_SDP("10.2.1.1"));
	uint32_t acks = fixture_count(f, "ACK ");
	assert_int_equal(acks, 2);
	const struct fixture_message *last = fixture_last(f, "NOTIFY");
	assert_non_null(strstr(last->text, "SIP/2.0 200 OK"));
	assert_non_null(strstr(last->text, "terminated"));
	assert_null(fixture_last(f, "BYE"));
	// The other party's dialog is in the new call's record only.
	assert_int_equal(export_nth(f, 1), 0);
	assert_int_equal(export_nth(f, 0), -ENOENT);
	phone_answers(f, "NOTIFY", 200, "");
	const struct fixture_message *bye = fixture_last(f, "BYE sip:alice@10.1.1.5");
	assert_non_null(bye);
	assert_int_equal(f->ended_count, 1);
	assert_int_equal(f->ended.cause, CALL_CAUSE_TRANSFER);
	phone_answers(f, "BYE", 200, "");
	assert_int_equal(fixture_calls(f), 1);
	assert_int_equal(fixture_flows(f), 4);
	assert_int_equal(COUNT(transfers_done), 1);
}

// The target is busy: the parties talk on, and another transfer may be tried.
static void blind_refused(void **state)
{
	struct fixture *f = *state;

	fixture_establish(f, tag);
	for (uint32_t i = 0; i < 2; i++) {
		fixture_forget(f);
		refer(f, 2 + i, "Refer-To: <sip:1777@10.1.0.1>\r\n");
		phone_answers(f, "NOTIFY", 200, "");
		fixture_carrier(f, "INVITE sip:+491777", 486, "");
		const struct fixture_message *notify = fixture_last(f, "NOTIFY");
		assert_non_null(strstr(notify->text, "SIP/2.0 486 Busy Here"));
		assert_non_null(strstr(notify->text, "terminated"));
		assert_string_equal(fixture_header(notify->text, "Event"),
			i ? "refer;id=3" : "refer");
		phone_answers(f, "NOTIFY", 200, "");
	}
	assert_int_equal(COUNT(transfers_failed), 2);
	assert_int_equal(fixture_flows(f), 4);
	assert_null(fixture_last(f, "BYE"));
	fixture_wait(f, 40000);
	assert_int_equal(fixture_calls(f), 1);
	struct fixture_request bye = { .method = "BYE", .cseq = 9, .to_tag = tag,
		.branch = "bye" };
	fixture_phone(f, &bye);
	assert_non_null(fixture_last(f, "BYE sip:secret-b"));
}

// The party that stays refuses its new partner: it goes back to the old call.
static void change_refused(void **state)
{
	struct fixture *f = *state;

	fixture_establish(f, tag);
	refer(f, 2, "Refer-To: <sip:1777@10.1.0.1>\r\nRefer-Sub: false\r\n");
	assert_non_null(strstr(fixture_last(f, "SIP/2.0 202")->text, "Refer-Sub: false"));
	fixture_carrier(f, "INVITE sip:+491777", 200, FIXTURE_SDP("10.2.1.7"));
	fixture_carrier(f, "INVITE sip:secret-b", 488, "");
	assert_null(fixture_last(f, "NOTIFY"));
	// Both of the target: nothing was agreed.
	assert_non_null(fixture_last(f, "ACK"));
	assert_non_null(fixture_last(f, "BYE sip:secret-b"));
	fixture_carrier(f, "BYE", 200, "");
	assert_int_equal(fixture_flows(f), 4);
	fixture_wait(f, 40000);
	assert_int_equal(fixture_calls(f), 1);
	fixture_forget(f);
	struct fixture_request bye = { .method = "BYE", .cseq = 9, .to_tag = tag,
		.branch = "bye" };
	fixture_phone(f, &bye);
	fixture_carrier(f, "BYE sip:secret-b", 200, "");
	fixture_wait(f, 40000);
	assert_int_equal(fixture_calls(f), 0);
	assert_int_equal(fixture_flows(f), 0);
}

// The referrer hangs up at once, as many do; then the target is busy and nobody is left.
static void referrer_gone(void **state)
{
	struct fixture *f = *state;
	struct fixture_request bye = { .method = "BYE", .cseq = 3, .to_tag = tag,
		.branch = "bye" };

	for (uint32_t is_busy = 0; is_busy < 2; is_busy++) {
		fixture_establish(f, tag);
		refer(f, 2, "Refer-To: <sip:1777@10.1.0.1>\r\n");
		fixture_phone(f, &bye);
		assert_null(fixture_last(f, "BYE"));
		if (is_busy) {
			fixture_carrier(f, "INVITE sip:+491777", 486, "");
		} else {
			fixture_carrier(f, "INVITE sip:+491777", 200, FIXTURE_SDP("10.2.1.7"));
			fixture_carrier(f, "INVITE sip:secret-b", 200, FIXTURE_SDP("10.2.1.1"));
			assert_int_equal(fixture_calls(f), 1);
			assert_int_equal(fixture_flows(f), 4);
			core_hangup_all(f->core, &f->env);
			fixture_take(f);
		}
		assert_non_null(fixture_last(f, "BYE sip:secret-b"));
		fixture_carrier(f, "BYE sip:secret-b", 200, "");
		fixture_wait(f, 40000);
		assert_int_equal(fixture_calls(f), 0);
		assert_int_equal(fixture_flows(f), 0);
	}
}

static void refused(void **state)
{
	static const struct {
		const char *lines, *status;
	} cases[] = {
		{ "", "SIP/2.0 400" },
		{ "Refer-To: <mailto:x@y>\r\n", "SIP/2.0 416" },
		{ "Refer-To: <sip:1777@10.1.0.1;method=BYE>\r\n", "SIP/2.0 403" },
		{ "Refer-To: <sip:9@10.1.0.1>\r\n", "SIP/2.0 404" }, // no route for it
		{ "Refer-To: <sip:1@10.1.0.1?Replaces=a%3Bto-tag%3Db%3Bfrom-tag%3Dc>\r\n",
			"SIP/2.0 481" },
		{ "Refer-To: <sip:1@10.1.0.1?Replaces=a>\r\n", "SIP/2.0 400" },
	};
	struct fixture *f = *state;

	fixture_establish(f, tag);
	for (uint32_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		fixture_forget(f);
		refer(f, 2 + i, cases[i].lines);
		assert_non_null(fixture_last(f, cases[i].status));
		assert_null(fixture_last(f, "INVITE"));
		assert_null(fixture_last(f, "NOTIFY"));
	}
	assert_int_equal(fixture_calls(f), 1);
	assert_int_equal(COUNT(refers_refused), sizeof(cases) / sizeof(cases[0]));
}

static void by_profile(void **state)
{
	struct fixture *f = *state;
	struct config_profile *profile = &f->profiles[0];

	fixture_establish(f, tag);
	profile->flow.refer = PROFILE_REFER_REJECT;
	refer(f, 2, "Refer-To: <sip:1777@10.1.0.1>\r\n");
	assert_non_null(fixture_last(f, "SIP/2.0 603"));
	profile->flow.refer = PROFILE_REFER_PASS;
	fixture_forget(f);
	refer(f, 3, "Refer-To: <sip:1777@secret.example>\r\n");
	const struct fixture_message *out = fixture_last(f, "REFER sip:secret-b@10.2.1.1");
	assert_non_null(out);
	assert_string_equal(fixture_header(out->text, "Refer-To"), "<sip:1777@10.2.0.1:5060>");
	assert_null(strstr(out->text, "secret.example"));
	fixture_carrier(f, "REFER", 202, "");
	assert_non_null(fixture_last(f, "SIP/2.0 202"));
	assert_null(fixture_last(f, "INVITE"));
}

// Neither session may change while partners do.
static void reinvite_meanwhile(void **state)
{
	struct fixture *f = *state;
	struct fixture_request invite = { .method = "INVITE", .cseq = 3, .to_tag = tag,
		.branch = "re", .body = FIXTURE_SDP("10.1.1.6") };

	fixture_establish(f, tag);
	refer(f, 2, "Refer-To: <sip:1777@10.1.0.1>\r\n");
	fixture_phone(f, &invite);
	assert_non_null(fixture_last(f, "SIP/2.0 491"));
	// Two at once.
	fixture_forget(f);
	refer(f, 4, "Refer-To: <sip:1777@10.1.0.1>\r\n");
	assert_non_null(fixture_last(f, "SIP/2.0 491"));
	assert_null(fixture_last(f, "INVITE"));
	assert_int_equal(COUNT(refers_refused), 1);
}

// To the referrer's own number: no route of it leads back to itself. With a dialog of this very
// call to be replaced: it cannot take part twice.
static void to_oneself(void **state)
{
	struct fixture *f = *state;
	char lines[512];

	fixture_establish(f, tag);
	refer(f, 2, "Refer-To: <sip:55@10.1.0.1>\r\n");
	assert_non_null(fixture_last(f, "SIP/2.0 404"));
	snprintf(lines, sizeof(lines), "Refer-To: <sip:1777@10.1.0.1?Replaces=secret-call%%40"
		"10.1.1.5%%3Bto-tag%%3D%s%%3Bfrom-tag%%3Dsecret-a>\r\n", tag);
	fixture_forget(f);
	refer(f, 3, lines);
	assert_non_null(fixture_last(f, "SIP/2.0 491"));
	assert_null(fixture_last(f, "INVITE"));
	assert_int_equal(fixture_calls(f), 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_open, fixture_close)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(blind),
		TEST(blind_refused),
		TEST(change_refused),
		TEST(referrer_gone),
		TEST(refused),
		TEST(by_profile),
		TEST(reinvite_meanwhile),
		TEST(to_oneself),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
