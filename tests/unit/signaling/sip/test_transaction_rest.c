// What lingers is small, and answers what comes again byte by byte as before.
#include "tu_double.h"

#include <errno.h>

// With folding, compact names and several values a line: what comes back is never those bytes.
static void request(const char *method, const char *branch, const char *to_tag)
{
	char text[2048];
	snprintf(text, sizeof(text),
		"%s sip:bob@192.0.2.9 SIP/2.0\r\nVia: SIP/2.0/UDP 10.9.9.9:5070;rport;branch=%s\r\n"
		"Via: SIP/2.0/UDP first.example;branch=z9hG4bKfirst, SIP/2.0/TCP second.example\r\n"
		"Record-Route: <sip:p1.example;lr>, <sip:p2.example;lr>\r\nMax-Forwards: 70\r\n"
		"f: \"A\r\n folded\" <sip:a@a>;tag=f1\r\nTo: <sip:bob@b>%s\r\ni: c1@a\r\n"
		"CSeq: 7 %s\r\nSubject: long and of no use in an answer\r\nl: 0\r\n\r\n",
		method, branch, to_tag, method);
	tu_receive(text);
}

static uint64_t lingering(void)
{
	return sip_transactions_metrics(tu.txs)->lingering;
}

static uint64_t stored(void)
{
	return sip_transactions_metrics(tu.txs)->stored_bytes;
}

static uint64_t sent_again(void)
{
	return sip_transactions_metrics(tu.txs)->responses_retransmitted;
}

static const struct {
	uint16_t status;
	const char *reason, *lines, *body, *to_tag, *own_tag;
	bool is_whole; // it stays as it was sent
} rows[] = {
	{ 200, "", "", "", "", "", false },
	{ 200, "", "Allow: INVITE\r\nSupported: x\r\n", "", "", "mine", false },
	{ 200, "Fine With Me", "", "", ";tag=t1", "", false },
	{ 202, "", "Contact: <sip:x@y>\r\n", "v=0\r\n", ";tag=t1", "", false },
	{ 481, "", "", "", ";tag=t1", "", false },
	{ 503, "Busy: Ask Later", "Retry-After: 7\r\n", "", "", "", false },
	{ 404, "", "", "", "", "", true },
};

static void respond(unsigned i)
{
	char buf[2048];
	struct sip_writer w;
	sip_writer_init(&w, buf, sizeof(buf));
	sip_server_set_tag(tu.tx, span_str(rows[i].own_tag));
	if (rows[i].is_whole)
		sip_put_lit(&w, "SIP/2.0 404 Made by hand\r\nX: y\r\n\r\n");
	else
		sip_server_put_head(tu.tx, &w, rows[i].status, span_str(rows[i].reason));
	sip_put(&w, span_str(rows[i].lines));
	sip_put_body(&w, SPAN_LIT("a/b"), span_str(rows[i].body));
	assert_int_equal(sip_server_respond(tu.txs, &tu.turn, tu.tx, rows[i].status,
		sip_writer_text(&w)), 0);
}

static void answers_are_the_same(void **state)
{
	(void)state;
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char branch[32];
		uint64_t before = lingering();
		snprintf(branch, sizeof(branch), "z9hG4bKrow%u", i);
		request("OPTIONS", branch, rows[i].to_tag);
		uint64_t whole = stored();
		respond(i);
		assert_int_equal(lingering(), before + !rows[i].is_whole);
		if (!rows[i].is_whole)
			assert_true(stored() <= 160 && stored() < whole); // the head went
		char first[2048];
		strcpy(first, tu_last());
		unsigned sent = tu.sent_count;
		tu_advance(1000);
		request("OPTIONS", branch, rows[i].to_tag);
		assert_int_equal(tu.sent_count, sent + 1);
		assert_string_equal(tu_last(), first);
		assert_int_equal(sent_again(), i + 1);
		assert_true(addr_eq(&tu.sent_to[sent], &tu.sent_to[sent - 1]));
		if (!rows[i].is_whole)
			assert_int_equal(sip_server_respond_simple(tu.txs, &tu.turn, tu.tx, 200,
				SPAN_NONE), -EALREADY);
		tu_advance(32000);
		assert_int_equal(lingering(), 0);
		assert_int_equal(stored(), 0);
	}
}

// After the ACK an INVITE needs its identity and its tag.
static void acknowledged_invite(void **state)
{
	(void)state;
	for (unsigned status = 200; status <= 486; status += 286) {
		tu.answer = (uint16_t)status;
		request("INVITE", "z9hG4bKinvite", "");
		assert_int_equal(lingering(), 0); // until then it is sent again
		assert_true(stored() > 300);
		char tag[64];
		assert_int_equal(span_copy(sip_server_tag(tu.tx), tag, sizeof(tag)), 0);
		if (status == 200)
			sip_server_acked(tu.txs, &tu.turn, tu.tx);
		else
			request("ACK", "z9hG4bKinvite", ";tag=x");
		assert_int_equal(lingering(), 1);
		assert_true(stored() <= 64);
		unsigned sent = tu.sent_count;
		request("INVITE", "z9hG4bKinvite", "");
		assert_int_equal(tu.sent_count, sent); // absorbed
		assert_int_equal(sip_server_respond_simple(tu.txs, &tu.turn, tu.tx, 200, SPAN_NONE),
			-EALREADY);
		request("CANCEL", "z9hG4bKinvite", "");
		assert_int_equal(tu.sent_count, sent + 1);
		assert_has(tu_last(), "SIP/2.0 200 OK\r\n");
		assert_has(strstr(tu_last(), "\r\nTo: "), tag); // RFC 3261 9.2
		tu_advance(40000);
		assert_int_equal(lingering(), 0);
	}
	assert_int_equal(tu.cancels, 0);
	assert_int_equal(tu.failures, 0);
}

static void start(enum sip_method method)
{
	char text[2048];
	const char *name = sip_method_name(method);
	snprintf(text, sizeof(text), "%s sip:bob@192.0.2.4;x=y SIP/2.0\r\n"
		"Via: SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bKours;rport\r\nMax-Forwards: 70\r\n"
		"Route: <sip:p1.example;lr>\r\nRoute: <sip:p2.example;lr>\r\n"
		"From: <sip:a@sbc>;tag=f1\r\nTo: <sip:bob@b>\r\nCall-ID: c1\r\nCSeq: 42 %s\r\n"
		"Subject: long and of no use in an ACK\r\nContent-Length: 0\r\n\r\n", name, name);
	struct sip_client_params params = { .data = span_str(text),
		.branch = SPAN_LIT("z9hG4bKours"),
		.method = method,
		.method_text = span_str(name),
		.hop = { .listener = 7, .addr = { ip_from_v4(0xc0000204), 5060 }, .connection = 5,
			.tls_name = SPAN_LIT("b.example") },
		.user = &tu };
	assert_non_null(sip_client_start(tu.txs, &tu.turn, &params));
}

static void respond_to(unsigned status, const char *method)
{
	char text[1024];
	snprintf(text, sizeof(text), "SIP/2.0 %u X\r\n"
		"Via: SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bKours;rport=1;received=192.0.2.9\r\n"
		"From: <sip:a@sbc>;tag=f1\r\nTo: <sip:bob@b>;tag=t9\r\nCall-ID: c1\r\n"
		"CSeq: 42 %s\r\nContent-Length: 0\r\n\r\n", status, method);
	tu_receive(text);
}

static void acks_are_the_same(void **state)
{
	static const char ack[] = "ACK sip:bob@192.0.2.4;x=y SIP/2.0\r\n"
		"Via: SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bKours;rport\r\nMax-Forwards: 70\r\n"
		"Route: <sip:p1.example;lr>\r\nRoute: <sip:p2.example;lr>\r\n"
		"From: <sip:a@sbc>;tag=f1\r\nTo: <sip:bob@b>;tag=t9\r\nCall-ID: c1\r\n"
		"CSeq: 42 ACK\r\nContent-Length: 0\r\n\r\n";
	(void)state;
	start(SIP_METHOD_INVITE);
	for (unsigned i = 0; i < 3; i++) {
		respond_to(486, "INVITE");
		assert_int_equal(lingering(), 1);
		assert_int_equal(tu.sent_count, 2 + i);
		assert_string_equal(tu_last(), ack);
		assert_int_equal(tu.sent_hop[1 + i].connection, 5);
		assert_true(tu.named[1 + i]);
	}
	assert_int_equal(tu.responses, 1);
	assert_true(stored() <= 256);
}

// Whoever overheard a branch gets nothing out of us by it.
static void others_are_not_answered(void **state)
{
	(void)state;
	tu.answer = 200;
	request("OPTIONS", "z9hG4bKsame", "");
	unsigned sent = tu.sent_count;
	tu_receive("OPTIONS sip:bob@192.0.2.9 SIP/2.0\r\n"
		"Via: SIP/2.0/UDP 10.9.9.9:5070;rport;branch=z9hG4bKsame\r\n"
		"From: <sip:a@a>;tag=f2\r\nTo: <sip:bob@b>\r\nCall-ID: c1@a\r\n"
		"CSeq: 7 OPTIONS\r\n\r\n");
	assert_int_equal(tu.sent_count, sent);
	assert_int_equal(sent_again(), 0);
	assert_int_equal(tu.requests, 1);
	start(SIP_METHOD_INVITE);
	sent = tu.sent_count;
	for (unsigned i = 0; i < 2; i++) { // the first answer, and one after the right one
		tu_receive("SIP/2.0 486 X\r\n"
			"Via: SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bKours;rport=1\r\n"
			"From: <sip:a@sbc>;tag=f1\r\nTo: <sip:bob@b>;tag=t9\r\nCall-ID: c1\r\n"
			"CSeq: 43 INVITE\r\n\r\n");
		assert_int_equal(tu.sent_count, sent + i);
		respond_to(486, "INVITE");
		assert_int_equal(tu.sent_count, sent + i + 1);
	}
}

static void clients_keep_nothing(void **state)
{
	(void)state;
	start(SIP_METHOD_INVITE);
	respond_to(200, "INVITE");
	assert_int_equal(lingering(), 1);
	assert_int_equal(stored(), 0);
	respond_to(200, "INVITE");
	assert_int_equal(tu.responses, 2);
	tu_advance(40000);
	start(SIP_METHOD_OPTIONS);
	respond_to(404, "OPTIONS");
	assert_int_equal(lingering(), 1);
	assert_int_equal(stored(), 0);
}

// No room for the small thing: the large one stays and does the same.
static void over_the_limit(void **state)
{
	(void)state;
	start(SIP_METHOD_INVITE);
	uint64_t whole = stored();
	respond_to(486, "INVITE");
	uint64_t rest = stored();
	assert_in_range(rest, 1, whole - 1);
	tu_advance(32000);
	for (uint64_t limit = whole; limit < whole + 2 * rest; limit += 10) {
		sip_transactions_free(tu.txs);
		tu_open(10, limit);
		start(SIP_METHOD_INVITE);
		for (unsigned i = 0; i < 2; i++) {
			respond_to(486, "INVITE");
			assert_int_equal(tu.sent_count, 2 + i);
			assert_has(tu_last(), "ACK sip:bob@192.0.2.4;x=y SIP/2.0\r\n");
			assert_has(tu_last(), "Route: <sip:p2.example;lr>\r\n");
		}
		assert_int_equal(lingering(), limit >= whole + rest);
		tu_advance(32000);
		assert_int_equal(stored(), 0);
	}
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, tu_setup, tu_teardown)
	const struct CMUnitTest tests[] = {
		TEST(answers_are_the_same),
		TEST(acknowledged_invite),
		TEST(acks_are_the_same),
		TEST(others_are_not_answered),
		TEST(clients_keep_nothing),
		TEST(over_the_limit),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
