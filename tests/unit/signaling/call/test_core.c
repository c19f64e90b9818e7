#include "fixture.h"

// The whole of a plain call, seen from both sides.
static void establish(struct fixture *f, char tag[64])
{
	struct fixture_request invite = { .method = "INVITE", .cseq = 1,
		.body = FIXTURE_SDP("10.1.1.5"),
		.extra = "Subject: hello\r\nX-Secret: 1\r\nUser-Agent: secret\r\n"
			 "P-Asserted-Identity: <sip:55@secret.example>\r\n" };

	fixture_phone(f, &invite);
	fixture_carrier(f, "INVITE", 180, "");
	fixture_carrier(f, "INVITE", 200, FIXTURE_SDP("10.2.1.1"));
	fixture_to_tag(f, "SIP/2.0 200", tag, 64);
	fixture_ack(f, tag);
}

static void plain_call(void **state)
{
	struct fixture *f = *state;
	struct call_info info;
	uint32_t cursor = 0;
	char tag[64];

	establish(f, tag);
	assert_non_null(fixture_last(f, "SIP/2.0 100"));
	assert_non_null(fixture_last(f, "SIP/2.0 180"));
	const struct fixture_message *out = fixture_last(f, "INVITE");
	assert_int_equal(out->realm, REALM_CORE);
	assert_int_equal(strncmp(out->text, "INVITE sip:+49100@10.2.1.1", 26), 0);
	assert_string_equal(fixture_header(out->text, "Subject"), "hello");
	assert_string_equal(fixture_header(out->text, "Max-Forwards"), "69");
	assert_string_equal(fixture_header(out->text, "P-Asserted-Identity"),
		"<sip:55@10.2.0.1:5060>");
	assert_non_null(strstr(fixture_header(out->text, "From"), "\"Alice\" <sip:55@10.2.0.1"));
	assert_non_null(fixture_last(f, "ACK sip:secret-b@10.2.1.1"));
	assert_true(core_next_call(f->core, &cursor, &info));
	assert_int_equal(info.state, CALL_STATE_CONNECTED);
	assert_string_equal(info.from, "55");
	assert_string_equal(info.to, "100");
	assert_string_equal(info.codec, "PCMA");
	assert_string_equal(info.legs[CALL_LEG_B].trunk, "carrier");
	assert_int_equal(info.route_line, 7);
	assert_int_equal(fixture_flows(f), 4);
	struct fixture_request bye = { .method = "BYE", .cseq = 2, .to_tag = tag,
		.branch = "phonebye" };
	fixture_wait(f, 2000);
	fixture_phone(f, &bye);
	assert_int_equal(f->ended_count, 1);
	assert_int_equal(f->ended.cause, CALL_CAUSE_BYE);
	assert_int_equal(f->ended.ended_by, CALL_LEG_A);
	assert_int_equal(f->ended.info.duration_ms, 2000);
	assert_int_equal(fixture_flows(f), 0);
	fixture_carrier(f, "BYE", 200, "");
	assert_int_equal(fixture_calls(f), 0);
}

// No message to one side has anything of the other.
static void hidden(void **state)
{
	struct fixture *f = *state;
	char tag[64];

	establish(f, tag);
	assert_true(f->sent_count > 4);
	for (uint32_t i = 0; i < f->sent_count; i++) {
		const struct fixture_message *m = &f->sent[i];

		if (m->realm == REALM_CORE) {
			assert_null(strstr(m->text, "10.1."));
			assert_null(strstr(m->text, "secret-a"));
			assert_null(strstr(m->text, "secret-call"));
			assert_null(strstr(m->text, "secret.example"));
			assert_null(strstr(m->text, "X-Secret"));
			assert_null(strstr(m->text, "o=secret"));
			continue;
		}
		assert_null(strstr(m->text, "10.2."));
		assert_null(strstr(m->text, "secret-b"));
		assert_null(strstr(m->text, "Server"));
		assert_null(strstr(m->text, "o=secret"));
	}
}

static void published_flows(void **state)
{
	struct fixture *f = *state;
	uint32_t found = 0;
	char tag[64];

	establish(f, tag);
	for (uint32_t port = 20000; port < 20256; port += 2) {
		const struct flow_cfg *a = flow_lookup(&f->view, REALM_ACCESS, (uint16_t)port);
		struct addr remote = fixture_addr("10.1.1.5:4000");

		if (!a)
			continue;
		found++;
		const struct flow_cfg *b = flow_lookup(&f->view, REALM_CORE, a->peer_port);
		assert_non_null(b);
		assert_int_equal(a->peer_incarnation, b->incarnation);
		assert_int_equal(b->peer_incarnation, a->incarnation);
		assert_int_equal(a->kind, FLOW_RTP);
		assert_int_equal(a->flags, 0);
		assert_int_equal(a->latch_mode, FLOW_LATCH_ONCE);
		assert_int_equal(b->latch_mode, FLOW_LATCH_STRICT);
		assert_int_equal(a->dscp, 46);
		assert_true(ip_eq(&a->remote_ip, &remote.ip));
		assert_int_equal(a->remote_port, 4000);
		assert_int_equal(b->generation, 2); // unknown far end first, the answer's then
		assert_int_equal(b->remote_port, 4000);
		assert_int_equal(shm_media_shard(a->port), shm_media_shard(b->port));
		const struct flow_cfg *rtcp =
			flow_lookup(&f->view, REALM_ACCESS, (uint16_t)(port + 1));
		assert_non_null(rtcp);
		assert_int_equal(rtcp->kind, FLOW_RTCP);
		assert_int_equal(rtcp->remote_port, 4001);
		assert_int_equal(rtcp->peer_port, b->port + 1);
	}
	assert_int_equal(found, 1);
}

// While draining a living call is served to its end, a new one is sent elsewhere.
static void draining(void **state)
{
	struct fixture *f = *state;
	char tag[64];

	establish(f, tag);
	f->env.is_draining = true;
	struct fixture_request invite = { .method = "INVITE", .cseq = 1, .branch = "late",
		.call_id = "late@10.1.1.5", .body = FIXTURE_SDP("10.1.1.5") };
	fixture_forget(f);
	fixture_phone(f, &invite);
	assert_int_not_equal(strlen(fixture_header(fixture_last(f, "SIP/2.0 503")->text,
		"Retry-After")), 0);
	assert_null(fixture_last(f, "INVITE"));
	assert_int_equal(metric_read(&core_metrics(f->core)->refused_draining), 1);
	assert_int_equal(fixture_calls(f), 1);
	struct fixture_request bye = { .method = "BYE", .cseq = 2, .to_tag = tag,
		.branch = "phonebye" };
	fixture_phone(f, &bye);
	assert_non_null(fixture_last(f, "SIP/2.0 200"));
	assert_int_equal(f->ended.cause, CALL_CAUSE_BYE);
}

struct refusal_case {
	const char *name;
	struct fixture_request request;
	const char *status;
	const char *header; // that the answer must have, NULL = none
};

static const struct refusal_case refusals[] = {
	{ "no route", { .method = "INVITE", .uri = "sip:200@10.1.0.1", .cseq = 1 }, "SIP/2.0 404",
		NULL },
	{ "unknown method", { .method = "DANCE", .cseq = 1 }, "SIP/2.0 405", "Allow" },
	{ "method of no use", { .method = "REGISTER", .cseq = 1 }, "SIP/2.0 405", "Allow" },
	{ "bye outside", { .method = "BYE", .cseq = 1 }, "SIP/2.0 481", NULL },
	{ "bye to a stranger", { .method = "BYE", .to_tag = "x", .cseq = 1 }, "SIP/2.0 481",
		NULL },
	{ "scheme", { .method = "INVITE", .uri = "http://x.example", .cseq = 1 }, "SIP/2.0 416",
		NULL },
	{ "secure scheme", { .method = "INVITE", .uri = "sips:100@10.1.0.1", .cseq = 1 },
		"SIP/2.0 416", NULL },
	{ "extension", { .method = "INVITE", .extra = "Require: 100rel, foo\r\n", .cseq = 1 },
		"SIP/2.0 420", "Unsupported" },
	{ "body type",
		{ .method = "INVITE", .extra = "Content-Type: text/plain\r\n", .body = "hi",
			.cseq = 1 },
		"SIP/2.0 415", "Accept" },
	{ "body coding",
		{ .method = "INVITE", .extra = "Content-Encoding: gzip\r\n", .body = "hi",
			.cseq = 1 },
		"SIP/2.0 415", "Accept-Encoding" },
	{ "no session", { .method = "INVITE", .body = "nonsense", .cseq = 1 }, "SIP/2.0 488",
		NULL },
	{ "secure media",
		{ .method = "INVITE", .cseq = 1,
			.body = "v=0\r\no=- 1 1 IN IP4 10.1.1.5\r\ns=-\r\nc=IN IP4 10.1.1.5\r\n"
				"t=0 0\r\nm=audio 4000 RTP/SAVP 8\r\n" },
		"SIP/2.0 488", NULL },
	{ "media loop", { .method = "INVITE", .cseq = 1, .body = FIXTURE_SDP("10.1.0.2") },
		"SIP/2.0 488", NULL },
	{ "loopback media", { .method = "INVITE", .cseq = 1, .body = FIXTURE_SDP("127.0.0.1") },
		"SIP/2.0 488", NULL },
	{ "options", { .method = "OPTIONS", .cseq = 1 }, "SIP/2.0 200", "Allow" },
};

static void refused(void **state)
{
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
		struct fixture_request request = refusals[i].request;
		char call_id[32], branch[32];

		snprintf(call_id, sizeof(call_id), "refused-%zu", i);
		snprintf(branch, sizeof(branch), "refused%zu", i);
		request.call_id = call_id;
		request.branch = branch;
		fixture_forget(f);
		fixture_phone(f, &request);
		const struct fixture_message *m = fixture_last(f, refusals[i].status);
		if (!m)
			print_error("%s: %s\n", refusals[i].name,
				f->sent_count ? f->sent[f->sent_count - 1].text : "silence");
		assert_non_null(m);
		if (refusals[i].header)
			assert_true(fixture_header(m->text, refusals[i].header)[0] != 0);
		assert_null(fixture_last(f, "INVITE"));
	}
	assert_int_equal(fixture_calls(f), 0);
	assert_int_equal(fixture_flows(f), 0);
}

static void stranger(void **state)
{
	struct fixture *f = *state;

	fixture_receive(f, "10.1.9.9:5060",
		"INVITE sip:100@10.1.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 10.1.9.9;branch=z9hG4bKx\r\n"
		"From: <sip:1@x>;tag=1\r\nTo: <sip:100@10.1.0.1>\r\nCall-ID: x\r\n"
		"CSeq: 1 INVITE\r\n"
		"Contact: <sip:1@10.1.9.9>\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n");
	assert_int_equal(f->sent_count, 1);
	assert_non_null(fixture_last(f, "SIP/2.0 403"));
	assert_int_equal(metric_read(&core_metrics(f->core)->refused_source), 1);
}

static void hops_and_loops(void **state)
{
	static const char *const head =
		"INVITE sip:100@10.1.0.1 SIP/2.0\r\n"
		"Via: SIP/2.0/UDP 10.1.1.5;branch=z9hG4bK%s\r\n%s"
		"From: <sip:1@x>;tag=1\r\nTo: <sip:100@10.1.0.1>\r\nCall-ID: %s\r\n"
		"CSeq: 1 INVITE\r\n"
		"Contact: <sip:1@10.1.1.5>\r\nContent-Length: 0\r\n\r\n";
	struct fixture *f = *state;
	char text[2048], line[600], call_id[64], tag[64];

	snprintf(text, sizeof(text), head, "h", "Max-Forwards: 0\r\n", "hops");
	fixture_receive(f, "10.1.1.5:5060", text);
	assert_non_null(fixture_last(f, "SIP/2.0 483"));
	establish(f, tag);
	const struct fixture_message *out = fixture_last(f, "INVITE");
	snprintf(call_id, sizeof(call_id), "%s", fixture_header(out->text, "Call-ID"));
	snprintf(line, sizeof(line), "Via: %s\r\nMax-Forwards: 9\r\n",
		fixture_header(out->text, "Via"));
	fixture_forget(f);
	snprintf(text, sizeof(text), head, "l1", line, "via-loop");
	fixture_receive(f, "10.1.1.5:5060", text);
	assert_non_null(fixture_last(f, "SIP/2.0 482"));
	fixture_forget(f);
	snprintf(text, sizeof(text), head, "l2", "Max-Forwards: 9\r\n", call_id);
	fixture_receive(f, "10.1.1.5:5060", text);
	assert_non_null(fixture_last(f, "SIP/2.0 482"));
	assert_int_equal(metric_read(&core_metrics(f->core)->refused_loop), 2);
}

static void full_table(void **state)
{
	struct fixture *f = *state;

	for (uint32_t i = 0; i < 5; i++) {
		char call_id[32], branch[32];
		struct fixture_request invite = { .method = "INVITE", .cseq = 1,
			.body = FIXTURE_SDP("10.1.1.5"), .call_id = call_id, .branch = branch };

		snprintf(call_id, sizeof(call_id), "full-%u", i);
		snprintf(branch, sizeof(branch), "full%u", i);
		fixture_phone(f, &invite);
	}
	const struct fixture_message *m = fixture_last(f, "SIP/2.0 503");
	assert_non_null(m);
	uint32_t seconds = (uint32_t)atoi(fixture_header(m->text, "Retry-After"));
	assert_in_range(seconds, 5, 10);
	assert_int_equal(fixture_calls(f), 4);
	core_hangup_all(f->core, &f->env);
	fixture_take(f);
	fixture_wait(f, 70000);
	assert_int_equal(fixture_calls(f), 0);
	assert_int_equal(core_timer_count(f->core), 0);
}

static void trunk_limit(void **state)
{
	struct fixture *f = *state;
	struct fixture_request invite = { .method = "INVITE", .cseq = 1,
		.body = FIXTURE_SDP("10.1.1.5") };

	f->trunks[1].calls_max = 1;
	fixture_phone(f, &invite);
	assert_non_null(fixture_last(f, "INVITE"));
	invite.call_id = "second";
	invite.branch = "second";
	fixture_forget(f);
	fixture_phone(f, &invite);
	assert_non_null(fixture_last(f, "SIP/2.0 503"));
	assert_int_equal(metric_read(&core_metrics(f->core)->refused_trunk_full), 1);
	assert_int_equal(fixture_calls(f), 1);
}

static void malformed(void **state)
{
	struct fixture *f = *state;

	fixture_receive(f, "10.1.1.5:5060",
		"INVITE sip:100@10.1.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 10.1.1.5;branch=z9hG4bKx\r\n"
		"From: <sip:1@x>;tag=1\r\nTo: <sip:100@10.1.0.1>\r\nCall-ID: x\r\n"
		"CSeq: 1 INVITE\r\n"
		"Max-Forwards: many\r\nContent-Length: 0\r\n\r\n");
	const struct fixture_message *m = fixture_last(f, "SIP/2.0 400");
	assert_non_null(m);
	assert_null(strstr(m->text, "SIP/2.0 400 Bad Request"));
	fixture_forget(f);
	fixture_receive(f, "10.1.1.5:5060", "GET / HTTP/1.1\r\n\r\n");
	fixture_receive(f, "10.1.1.5:5060", "\r\n\r\n");
	assert_int_equal(f->sent_count, 0);
	assert_int_equal(metric_read(&core_metrics(f->core)->parse_dropped), 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_open, fixture_close)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(plain_call), TEST(hidden), TEST(draining), TEST(published_flows),
		TEST(refused),
		TEST(stranger), TEST(hops_and_loops), TEST(full_table), TEST(trunk_limit),
		TEST(malformed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
