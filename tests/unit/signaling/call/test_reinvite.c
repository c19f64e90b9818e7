#include "fixture.h"

#define SDP_HEAD(ip)                                                                               \
	"v=0\r\no=secret 1 2 IN IP4 " ip "\r\ns=secret\r\nc=IN IP4 " ip "\r\nt=0 0\r\n"

static char tag[64]; // ours towards the phone

static void reinvite(struct fixture *f, const char *body)
{
	struct fixture_request request = { .method = "INVITE", .cseq = 2, .to_tag = tag,
		.branch = "phone2", .body = body };

	fixture_phone(f, &request);
}

// The flow of the first RTP port in a realm that has one, NULL: none.
static const struct flow_cfg *rtp_flow(const struct fixture *f, uint32_t realm)
{
	for (uint32_t port = 20000; port < 20256; port += 2) {
		const struct flow_cfg *cfg = flow_lookup(&f->view, realm, (uint16_t)port);

		if (cfg)
			return cfg;
	}
	return NULL;
}

static void held_and_moved(void **state)
{
	struct fixture *f = *state;
	struct addr moved = fixture_addr("10.1.1.6:5000");

	fixture_establish(f, tag);
	uint64_t incarnation = rtp_flow(f, REALM_ACCESS)->incarnation;
	reinvite(f, SDP_HEAD("10.1.1.6") "m=audio 5000 RTP/AVP 8\r\na=inactive\r\n");
	const struct fixture_message *out = fixture_last(f, "INVITE");
	assert_non_null(strstr(out->text, "a=inactive"));
	// Nothing changes before the answer.
	assert_int_equal(rtp_flow(f, REALM_ACCESS)->generation, 1);
	assert_int_equal(rtp_flow(f, REALM_ACCESS)->flags, 0);
	fixture_carrier(f, "INVITE", 200,
		SDP_HEAD("10.2.1.1") "m=audio 4000 RTP/AVP 8\r\na=inactive\r\n");
	const struct flow_cfg *a = rtp_flow(f, REALM_ACCESS);
	assert_int_equal(a->flags, FLOW_DROP);
	assert_int_equal(a->incarnation, incarnation);
	assert_int_equal(a->generation, 2);
	assert_true(ip_eq(&a->remote_ip, &moved.ip));
	assert_int_equal(a->remote_port, 5000);
	assert_int_equal(rtp_flow(f, REALM_CORE)->flags, FLOW_DROP);
	assert_non_null(fixture_last(f, "SIP/2.0 200"));
	assert_non_null(fixture_last(f, "ACK"));
}

// The manner of RFC 2543: our own address stays, the direction tells; nothing is sent to the phone.
static void held_by_zero(void **state)
{
	struct fixture *f = *state;

	fixture_establish(f, tag);
	reinvite(f, SDP_HEAD("0.0.0.0") "m=audio 4000 RTP/AVP 8\r\n");
	const struct fixture_message *out = fixture_last(f, "INVITE");
	assert_non_null(strstr(out->text, "a=sendonly"));
	assert_non_null(strstr(out->text, "c=IN IP4 10.2.0.2"));
	fixture_carrier(f, "INVITE", 200,
		SDP_HEAD("10.2.1.1") "m=audio 4000 RTP/AVP 8\r\na=recvonly\r\n");
	assert_int_equal(rtp_flow(f, REALM_CORE)->flags, FLOW_DROP);
	assert_int_equal(rtp_flow(f, REALM_ACCESS)->flags, 0);
}

static void refused(void **state)
{
	struct fixture *f = *state;

	fixture_establish(f, tag);
	reinvite(f, SDP_HEAD("10.1.1.6") "m=audio 5000 RTP/AVP 8\r\nm=video 5002 RTP/AVP 96\r\n");
	assert_int_equal(fixture_flows(f), 8);
	fixture_carrier(f, "INVITE", 488, "");
	assert_non_null(fixture_last(f, "SIP/2.0 488"));
	assert_int_equal(fixture_flows(f), 4); // the video is gone, the audio as it was
	assert_int_equal(rtp_flow(f, REALM_ACCESS)->remote_port, 4000);
	assert_int_equal(f->ended_count, 0);
	assert_int_equal(fixture_calls(f), 1);
}

static void dialog_dead(void **state)
{
	struct fixture *f = *state;

	fixture_establish(f, tag);
	reinvite(f, FIXTURE_SDP("10.1.1.5"));
	fixture_carrier(f, "INVITE", 481, "");
	assert_non_null(fixture_last(f, "SIP/2.0 481"));
	assert_non_null(fixture_last(f, "BYE sip:alice@10.1.1.5"));
	assert_int_equal(f->ended.cause, CALL_CAUSE_DEAD_DIALOG);
	assert_int_equal(fixture_flows(f), 0);
}

static void glare(void **state)
{
	struct fixture *f = *state;
	char text[2048];

	fixture_establish(f, tag);
	reinvite(f, FIXTURE_SDP("10.1.1.5"));
	const struct fixture_message *out = fixture_last(f, "INVITE");
	snprintf(text, sizeof(text),
		"INVITE sip:x@10.2.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 10.2.1.1;branch=z9hG4bKglare\r\n"
		"From: %s\r\nTo: %s\r\nCall-ID: %s\r\nCSeq: 9 INVITE\r\nMax-Forwards: 70\r\n"
		"Contact: <sip:secret-b@10.2.1.1>\r\nContent-Length: 0\r\n\r\n",
		fixture_header(out->text, "To"), fixture_header(out->text, "From"),
		fixture_header(out->text, "Call-ID"));
	fixture_receive(f, "10.2.1.1:5060", text);
	assert_non_null(fixture_last(f, "SIP/2.0 491"));
	assert_int_equal(metric_read(&core_metrics(f->core)->glares), 1);
	fixture_carrier(f, "INVITE", 491, "");
	assert_int_equal(fixture_last(f, "SIP/2.0 491")->realm, REALM_ACCESS);
	assert_int_equal(fixture_calls(f), 1);
	assert_int_equal(f->ended_count, 0);
}

static void muxed_on_one_leg(void **state)
{
	struct fixture *f = *state;

	fixture_establish(f, tag);
	reinvite(f, SDP_HEAD("10.1.1.5") "m=audio 4000 RTP/AVP 8\r\na=rtcp-mux\r\n");
	assert_non_null(strstr(fixture_last(f, "INVITE")->text, "a=rtcp-mux"));
	fixture_carrier(f, "INVITE", 200,
		SDP_HEAD("10.2.1.1") "m=audio 4000 RTP/AVP 8\r\na=rtcp:4100\r\n");
	assert_non_null(strstr(fixture_last(f, "SIP/2.0 200")->text, "a=rtcp-mux"));
	const struct flow_cfg *a = rtp_flow(f, REALM_ACCESS);
	const struct flow_cfg *b = rtp_flow(f, REALM_CORE);
	const struct flow_cfg *b_rtcp = flow_lookup(&f->view, REALM_CORE, b->port ^ 1);
	const struct flow_cfg *a_rtcp = flow_lookup(&f->view, REALM_ACCESS, a->port ^ 1);
	assert_int_equal(a->flags, FLOW_RTCP_MUX | FLOW_RTCP_COMPANION);
	assert_int_equal(b->flags, 0);
	assert_int_equal(b_rtcp->peer_port, a->port); // RTCP for the phone leaves by its one port
	assert_int_equal(b_rtcp->remote_port, 4100);
	assert_int_equal(a_rtcp->latch_mode, FLOW_LATCH_STRICT);
	assert_int_equal(a_rtcp->remote_port, 0);
	assert_int_equal(a_rtcp->peer_port, b_rtcp->port);
}

static void other_methods(void **state)
{
	struct fixture *f = *state;
	struct fixture_request info = { .method = "REGISTER", .cseq = 2, .to_tag = tag,
		.branch = "info" };
	struct fixture_request old = { .method = "REGISTER", .cseq = 1, .to_tag = tag,
		.branch = "old" };
	struct fixture_request options = { .method = "OPTIONS", .cseq = 3, .to_tag = tag,
		.branch = "options" };

	fixture_establish(f, tag);
	fixture_phone(f, &info);
	assert_non_null(fixture_last(f, "SIP/2.0 405"));
	fixture_phone(f, &old);
	assert_non_null(fixture_last(f, "SIP/2.0 500"));
	fixture_phone(f, &options);
	assert_non_null(fixture_last(f, "SIP/2.0 200"));
	assert_int_equal(fixture_calls(f), 1);
}

// A provisional answer, then nothing: the re-INVITE is given up, the call is not.
static void never_answered(void **state)
{
	struct fixture *f = *state;

	fixture_establish(f, tag);
	reinvite(f, SDP_HEAD("10.1.1.5") "m=audio 4000 RTP/AVP 8\r\na=sendonly\r\n");
	fixture_carrier(f, "INVITE", 180, "");
	fixture_wait(f, 29000);
	assert_null(fixture_last(f, "CANCEL"));
	fixture_wait(f, 2000);
	assert_non_null(fixture_last(f, "CANCEL"));
	fixture_wait(f, 33000);
	assert_non_null(fixture_last(f, "SIP/2.0 487"));
	assert_int_equal(f->ended_count, 0);
	assert_int_equal(fixture_calls(f), 1);
	assert_int_equal(rtp_flow(f, REALM_ACCESS)->generation, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_open, fixture_close)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(never_answered),
		TEST(held_and_moved),
		TEST(held_by_zero),
		TEST(refused),
		TEST(dialog_dead),
		TEST(glare),
		TEST(muxed_on_one_leg),
		TEST(other_methods),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
