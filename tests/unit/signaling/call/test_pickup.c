// INVITE with Replaces for calls that only ring (RFC 3891 3).
#include "dialog.h"

static struct dialog d;
static char far_tag[64]; // ours towards the carrier

#define PBX_SDP(ip)                                                                                \
	"v=0\r\no=secret 1 1 IN IP4 " ip "\r\ns=secret\r\nc=IN IP4 " ip "\r\nt=0 0\r\n"            \
	"m=audio 6000 RTP/AVP 0 97\r\na=rtpmap:97 PCMA/8000\r\n"

static void ring(struct fixture *f, uint32_t status, const char *body)
{
	dialog_invite(&d, f, "", FIXTURE_SDP("10.1.1.5"));
	snprintf(far_tag, sizeof(far_tag), "%s", strstr(d.from_b, ";tag=") + 5);
	dialog_answer(&d, &(struct dialog_answer){ .start = "INVITE", .status = status,
		.body = body });
	fixture_to_tag(f, "SIP/2.0 18", d.tag_a, sizeof(d.tag_a));
}

struct newcomer {
	const char *source, *to_tag, *from_tag, *param, *body, *id;
};

static void come(struct fixture *f, const struct newcomer *n)
{
	char text[4096];
	const char *body = n->body ? n->body : "", *id = n->id ? n->id : "";

	snprintf(text, sizeof(text),
		"INVITE sip:x@10.2.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP %s;branch=z9hG4bKpick%s\r\n"
		"Max-Forwards: 70\r\nFrom: \"Secretary\" <sip:77@secret.example>;tag=secret-new\r\n"
		"To: <sip:x@10.2.0.1>\r\nCall-ID: secret-pick%s\r\nCSeq: 5 INVITE\r\n"
		"Contact: <sip:new@%s:5060>\r\nReplaces: %s;to-tag=%s;from-tag=%s%s\r\n"
		"Require: replaces\r\n%sContent-Length: %zu\r\n\r\n%s",
		n->source, id, id, n->source, d.call_id_b, n->to_tag ? n->to_tag : far_tag,
		n->from_tag ? n->from_tag : "secret-b", n->param ? n->param : "",
		body[0] ? "Content-Type: application/sdp\r\n" : "", strlen(body), body);
	fixture_receive(f, n->source, text);
}

// A request of the newcomer in its dialog.
static void follow(struct fixture *f, const char *method, uint32_t cseq, const char *body)
{
	const struct fixture_message *ok = NULL;
	char text[4096];

	for (uint32_t i = 0; i < f->sent_count; i++)
		if (strncmp(f->sent[i].text, "SIP/2.0 200", 11) == 0 &&
			strstr(f->sent[i].text, "Call-ID: secret-pick"))
			ok = &f->sent[i];
	assert_non_null(ok);
	snprintf(text, sizeof(text),
		"%s sip:x@10.2.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 10.2.1.2;branch=z9hG4bK%s\r\n"
		"Max-Forwards: 70\r\nFrom: %s\r\nTo: %s\r\nCall-ID: secret-pick\r\n"
		"CSeq: %u %s\r\nContact: <sip:new@10.2.1.2:5060>\r\n%s"
		"Content-Length: %zu\r\n\r\n%s",
		method, method, fixture_header(ok->text, "From"), fixture_header(ok->text, "To"),
		cseq, method, body[0] ? "Content-Type: application/sdp\r\n" : "", strlen(body),
		body);
	fixture_receive(f, "10.2.1.2:5060", text);
}

// The newest 200 with that Call-ID.
static const char *ok_of(const struct fixture *f, const char *call_id)
{
	for (uint32_t i = f->sent_count; i > 0; i--)
		if (strncmp(f->sent[i - 1].text, "SIP/2.0 200", 11) == 0 &&
			strcmp(fixture_header(f->sent[i - 1].text, "Call-ID"), call_id) == 0 &&
			strstr(fixture_header(f->sent[i - 1].text, "CSeq"), "INVITE"))
			return f->sent[i - 1].text;
	return NULL;
}

static void end(struct fixture *f)
{
	core_hangup_all(f->core, &f->env);
	fixture_take(f);
	fixture_wait(f, 110000); // BYEs time out, then the call lingers
	assert_int_equal(fixture_calls(f), 0);
	assert_int_equal(fixture_flows(f), 0);
}

// Each offer is the answer to the other, in its sender's own numbers.
static void with_offer(void **state)
{
	struct fixture *f = *state;
	struct newcomer n = { .source = "10.2.1.2", .body = PBX_SDP("10.2.1.2") };

	ring(f, 180, "");
	const char *first = fixture_last(f, "INVITE")->text;
	unsigned port = 0, told = 0;
	assert_int_equal(sscanf(strstr(first, "m=audio "), "m=audio %u", &port), 1);
	come(f, &n);
	const struct fixture_message *cancel = fixture_last(f, "CANCEL");
	assert_non_null(cancel);
	assert_non_null(strstr(fixture_header(cancel->text, "Reason"), "SIP;cause=200"));
	const char *caller = ok_of(f, "secret-call@10.1.1.5"), *picker = ok_of(f, "secret-pick");
	assert_non_null(caller);
	assert_non_null(picker);
	assert_non_null(strstr(caller, "c=IN IP4 10.1.0.2"));
	assert_non_null(strstr(caller, " RTP/AVP 97\r\na=rtpmap:97 PCMA/8000\r\n"));
	assert_null(strstr(caller, "Secretary"));
	assert_non_null(strstr(picker, "c=IN IP4 10.2.0.2"));
	assert_non_null(strstr(picker, " RTP/AVP 8\r\n"));
	assert_int_equal(sscanf(strstr(picker, "m=audio "), "m=audio %u", &told), 1);
	assert_int_equal(told, port);
	dialog_phone(&d, "ACK", 1, "", "");
	// One INVITE at a time: the newcomer's is not over before its ACK.
	dialog_phone(&d, "INVITE", 2, "", FIXTURE_SDP("10.1.1.5"));
	assert_non_null(fixture_last(f, "SIP/2.0 491"));
	follow(f, "ACK", 5, "");
	// The one that rang gives way.
	dialog_answer(&d, &(struct dialog_answer){ .start = "INVITE", .status = 487 });
	assert_int_equal(fixture_calls(f), 1);
	assert_int_equal(fixture_flows(f), 4);
	assert_int_equal(f->ended_count, 0);
	const struct flow_cfg *cfg = flow_lookup(&f->view, REALM_CORE, (uint16_t)port);
	assert_non_null(cfg);
	assert_int_equal(cfg->remote_port, 6000);
	// It is a call like any: a BYE of one ends the other.
	fixture_forget(f);
	dialog_phone(&d, "BYE", 3, "", "");
	const struct fixture_message *bye = fixture_last(f, "BYE sip:new@10.2.1.2");
	assert_non_null(bye);
	assert_string_equal(fixture_header(bye->text, "Call-ID"), "secret-pick");
	end(f);
	assert_true(f->gone_count > 0);
}

// Of what each offers one key is agreed with the newcomer, in either answer the same.
static void with_keys(void **state)
{
	struct fixture *f = *state;
	struct newcomer n = { .source = "10.2.1.2",
		.body = "v=0\r\no=- 1 1 IN IP4 10.2.1.2\r\ns=-\r\nc=IN IP4 10.2.1.2\r\nt=0 0\r\n"
		"m=audio 6000 RTP/SAVP 8\r\na=crypto:4 AES_CM_128_HMAC_SHA1_80 "
		"inline:cJOJ7kxQjhFBp2fP6AYjs3vKw7CeBdWZCj0isbJv\r\n" };

	f->profiles[1].sdp.srtp = PROFILE_SRTP_REQUIRED;
	ring(f, 180, "");
	come(f, &n);
	const char *caller = ok_of(f, "secret-call@10.1.1.5"), *picker = ok_of(f, "secret-pick");
	assert_non_null(caller);
	assert_non_null(picker);
	assert_null(strstr(caller, "a=crypto:"));
	const char *line = strstr(picker, "a=crypto:");
	assert_non_null(line);
	assert_int_equal(strncmp(line, "a=crypto:4 AES_CM_128_HMAC_SHA1_80 inline:", 42), 0);
	assert_null(strstr(line + 1, "a=crypto:"));
	// What we say is what we encrypt with.
	const struct span told = span_str(strchr(line, ' ') + 1);
	const char *first = strstr(fixture_last(f, "INVITE")->text, " AES_CM_128_HMAC_SHA1_80 ");
	assert_non_null(first);
	assert_int_equal(strncmp(first + 1, told.ptr, strcspn(told.ptr, "\r")), 0);
	end(f);
}

// The one that rang answers all the same, and is let go.
static void crossing(void **state)
{
	struct fixture *f = *state;
	struct newcomer n = { .source = "10.2.1.2", .body = PBX_SDP("10.2.1.2") };

	ring(f, 183, FIXTURE_SDP("10.2.1.1"));
	char forwards[8];
	snprintf(forwards, sizeof(forwards), "%s",
		fixture_header(fixture_last(f, "INVITE")->text, "Max-Forwards"));
	come(f, &n);
	dialog_answer(&d, &(struct dialog_answer){ .start = "INVITE", .status = 200,
		.body = FIXTURE_SDP("10.2.1.1") });
	const struct fixture_message *bye = fixture_last(f, "BYE");
	assert_non_null(bye);
	assert_string_equal(fixture_header(bye->text, "Call-ID"), d.call_id_b);
	// As far as its INVITE went.
	assert_string_equal(fixture_header(bye->text, "Max-Forwards"), forwards);
	assert_non_null(fixture_last(f, "ACK"));
	assert_int_equal(f->ended_count, 0);
	assert_non_null(ok_of(f, "secret-call@10.1.1.5"));
	end(f);
}

// Its ACK answers the caller's offer.
static void without_offer(void **state)
{
	struct fixture *f = *state;
	struct newcomer n = { .source = "10.2.1.2" };

	ring(f, 180, "");
	come(f, &n);
	const char *picker = ok_of(f, "secret-pick");
	assert_non_null(picker);
	assert_non_null(strstr(picker, "c=IN IP4 10.2.0.2"));
	assert_null(ok_of(f, "secret-call@10.1.1.5"));
	follow(f, "ACK", 5, FIXTURE_SDP("10.2.1.2"));
	const char *caller = ok_of(f, "secret-call@10.1.1.5");
	assert_non_null(caller);
	assert_non_null(strstr(caller, "c=IN IP4 10.1.0.2"));
	dialog_phone(&d, "ACK", 1, "", "");
	end(f);
}

// The caller hangs up before that ACK: the newcomer's BYE waits for it.
static void cancelled(void **state)
{
	struct fixture *f = *state;
	struct newcomer n = { .source = "10.2.1.2" };

	ring(f, 180, "");
	come(f, &n);
	struct fixture_request cancel = { .method = "CANCEL", .cseq = 1 };
	fixture_phone(f, &cancel);
	assert_non_null(fixture_last(f, "SIP/2.0 487"));
	assert_null(fixture_last(f, "BYE sip:new"));
	follow(f, "ACK", 5, FIXTURE_SDP("10.2.1.2"));
	assert_non_null(fixture_last(f, "BYE sip:new@10.2.1.2"));
	assert_null(ok_of(f, "secret-call@10.1.1.5"));
	end(f);
}

static void unacknowledged(void **state)
{
	struct fixture *f = *state;
	struct newcomer n = { .source = "10.2.1.2", .body = PBX_SDP("10.2.1.2") };

	ring(f, 180, "");
	come(f, &n);
	dialog_phone(&d, "ACK", 1, "", "");
	fixture_wait(f, 33000);
	assert_int_equal(f->ended.cause, CALL_CAUSE_ACK_TIMEOUT);
	assert_non_null(fixture_last(f, "BYE sip:new@10.2.1.2"));
	assert_non_null(fixture_last(f, "BYE sip:alice@10.1.1.5"));
	end(f);
}

// Any early dialog of the called side that forks.
static void forked(void **state)
{
	struct fixture *f = *state;
	struct newcomer n = { .source = "10.2.1.2", .from_tag = "secret-b",
		.body = PBX_SDP("10.2.1.2") };

	ring(f, 180, "");
	dialog_answer(&d, &(struct dialog_answer){ .start = "INVITE", .status = 180,
		.tag = "other" });
	come(f, &n);
	assert_non_null(ok_of(f, "secret-pick"));
	assert_int_equal(fixture_count(f, "CANCEL"), 1);
	end(f);
}

static void refused(void **state)
{
	static const struct {
		struct newcomer n;
		const char *status;
	} cases[] = {
		{ { .id = "1", .source = "10.2.1.2", .to_tag = "x" }, "SIP/2.0 481" },
		{ { .id = "2", .source = "10.2.1.2", .from_tag = "x" }, "SIP/2.0 481" },
		// From where the caller is.
		{ { .id = "3", .source = "10.1.1.7", .body = PBX_SDP("10.1.1.7") },
			"SIP/2.0 403" },
		{ { .id = "4", .source = "10.2.1.2",
			.body = "v=0\r\no=- 1 1 IN IP4 10.2.1.2\r\ns=-\r\n"
			"c=IN IP4 10.2.1.2\r\nt=0 0\r\nm=audio 6000 RTP/AVP 9\r\n" },
			"SIP/2.0 488" },
	};
	struct fixture *f = *state;

	ring(f, 180, "");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		come(f, &cases[i].n);
		const char *last = f->sent[f->sent_count - 1].text;
		if (strncmp(last, cases[i].status, strlen(cases[i].status)) != 0)
			fail_msg("%zu: %s", i, last);
		assert_null(fixture_last(f, "CANCEL"));
	}
	// And still rings.
	dialog_answer(&d, &(struct dialog_answer){ .start = "INVITE", .status = 200,
		.body = FIXTURE_SDP("10.2.1.1") });
	assert_non_null(ok_of(f, "secret-call@10.1.1.5"));
	end(f);
}

// What the caller itself began is not given away (RFC 3891 3), whatever it is named by.
static void not_ours(void **state)
{
	struct fixture *f = *state;
	char text[2048];

	ring(f, 180, "");
	snprintf(text, sizeof(text),
		"INVITE sip:100@10.1.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 10.1.1.6;branch=z9hG4bKa\r\n"
		"Max-Forwards: 70\r\nFrom: <sip:66@x>;tag=1\r\nTo: <sip:100@x>\r\nCall-ID: a\r\n"
		"CSeq: 1 INVITE\r\nContact: <sip:new@10.1.1.6>\r\n"
		"Replaces: secret-call@10.1.1.5;to-tag=%s;from-tag=secret-a;early-only\r\n"
		"Content-Length: 0\r\n\r\n", d.tag_a);
	fixture_receive(f, "10.1.1.6:5060", text);
	assert_non_null(fixture_last(f, "SIP/2.0 481"));
	assert_null(fixture_last(f, "CANCEL"));
	end(f);
}

// The caller was told its session reliably: its 2xx can say no other.
static void settled(void **state)
{
	struct fixture *f = *state;
	struct newcomer n = { .source = "10.2.1.2", .body = PBX_SDP("10.2.1.2") };

	dialog_invite(&d, f, "Supported: 100rel\r\n", FIXTURE_SDP("10.1.1.5"));
	snprintf(far_tag, sizeof(far_tag), "%s", strstr(d.from_b, ";tag=") + 5);
	dialog_answer(&d, &(struct dialog_answer){ .start = "INVITE", .status = 183,
		.extra = "Require: 100rel\r\nRSeq: 1\r\n", .body = FIXTURE_SDP("10.2.1.1") });
	come(f, &n);
	assert_non_null(fixture_last(f, "SIP/2.0 491"));
	assert_null(fixture_last(f, "CANCEL"));
	end(f);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_open, fixture_close)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(with_offer),
		TEST(with_keys),
		TEST(crossing),
		TEST(without_offer),
		TEST(cancelled),
		TEST(unacknowledged),
		TEST(forked),
		TEST(refused),
		TEST(not_ours),
		TEST(settled),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
