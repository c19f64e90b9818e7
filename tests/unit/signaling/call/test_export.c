#include "fixture.h"

#include "call/export.h"

#include "state.pb-c.h"

#include <errno.h>

static char tag[64]; // ours towards the phone
static uint8_t record[CALL_RECORD_MAX];
static uint32_t record_len;

static void invite(struct fixture *f)
{
	struct fixture_request request = { .method = "INVITE", .cseq = 1,
		.body = FIXTURE_SDP("10.1.1.5") };

	fixture_phone(f, &request);
}

static void establish(struct fixture *f)
{
	invite(f);
	fixture_carrier(f, "INVITE", 200, FIXTURE_SDP("10.2.1.1"));
	fixture_to_tag(f, "SIP/2.0 200", tag, sizeof(tag));
	fixture_ack(f, tag);
}

static uint64_t token_of(const struct fixture *f)
{
	struct call_info info;
	uint32_t cursor = 0;

	assert_true(core_next_call(f->core, &cursor, &info));
	return info.token;
}

static int export(struct fixture *f)
{
	struct record_out out = { .buf = record };
	int rc = core_export(f->core, &f->env, token_of(f), &out);

	record_len = out.len;
	return rc;
}

static int import(struct fixture *f)
{
	uint64_t token;
	int rc = core_import(f->core, &f->env, span_make((const char *)record, record_len),
		&token);

	fixture_take(f);
	return rc;
}

// The worker dies, another one takes its place on the same segment.
static void restart(struct fixture *f)
{
	struct core_params core = { .calls_max = 4, .transactions_max = 256, .key = { { 5, 6 } },
		.now_ms = f->env.now_ms };
	struct flow_writer_params flows = { .signaling = &f->signaling, .media = &f->media,
		.workers = 1, .quarantine_ms = 1000, .orphan_timeout_ms = 1000 };

	core_free(f->core);
	flow_writer_free(f->env.flows);
	f->core = core_new(&core);
	f->env.flows = flow_writer_new(&flows, f->env.now_ms);
	assert_non_null(f->core);
	assert_non_null(f->env.flows);
}

static uint32_t orphans(const struct fixture *f)
{
	struct flow_counters counters;

	flow_writer_counters(f->env.flows, &counters);
	return counters.orphans;
}

static void bye(struct fixture *f, uint32_t cseq)
{
	struct fixture_request request = { .method = "BYE", .cseq = cseq, .to_tag = tag,
		.branch = "phonebye" };

	fixture_phone(f, &request);
}

static void ended_by_the_caller(void **state)
{
	struct fixture *f = *state;

	establish(f);
	const struct fixture_message *ack = fixture_last(f, "ACK");
	char to[256], from[256];
	snprintf(to, sizeof(to), "%s", fixture_header(ack->text, "To"));
	snprintf(from, sizeof(from), "%s", fixture_header(ack->text, "From"));
	char session_id[128];
	snprintf(session_id, sizeof(session_id), "%s", fixture_header(ack->text, "Session-ID"));
	uint32_t cseq = (uint32_t)atoi(fixture_header(ack->text, "CSeq"));
	assert_int_equal(export(f), 0);
	assert_in_range(record_len, 300, 1024);
	restart(f);
	assert_int_equal(orphans(f), 2);
	assert_int_equal(import(f), 0);
	assert_int_equal(orphans(f), 0);
	assert_int_equal(fixture_flows(f), 4);
	fixture_forget(f);
	bye(f, 2);
	assert_non_null(fixture_last(f, "SIP/2.0 200"));
	const struct fixture_message *out = fixture_last(f, "BYE sip:secret-b@10.2.1.1:5060 ");
	assert_non_null(out);
	assert_string_equal(fixture_header(out->text, "Session-ID"), session_id);
	assert_string_equal(fixture_header(out->text, "To"), to);
	assert_string_equal(fixture_header(out->text, "From"), from);
	assert_true((uint32_t)atoi(fixture_header(out->text, "CSeq")) > cseq);
	fixture_carrier(f, "BYE", 200, "");
	assert_int_equal(f->ended.cause, CALL_CAUSE_BYE);
	assert_int_equal(fixture_flows(f), 0);
	// What is repeated in it must still find it here, as long as it may be.
	assert_int_equal(fixture_calls(f), 1);
	fixture_forget(f);
	bye(f, 2);
	assert_non_null(fixture_last(f, "SIP/2.0 200"));
	fixture_wait(f, 33000);
	assert_int_equal(fixture_calls(f), 0);
}

static void changed_by_the_called(void **state)
{
	struct fixture *f = *state;
	char text[2048];

	establish(f);
	const struct fixture_message *ack = fixture_last(f, "ACK");
	char head[512];
	snprintf(head, sizeof(head), "From: %s\r\nTo: %s\r\nCall-ID: %s",
		fixture_header(ack->text, "To"), fixture_header(ack->text, "From"),
		fixture_header(ack->text, "Call-ID"));
	assert_int_equal(export(f), 0);
	restart(f);
	assert_int_equal(import(f), 0);
	fixture_forget(f);
	const char *sdp = FIXTURE_SDP("10.2.1.9");
	snprintf(text, sizeof(text),
		"INVITE sip:x@10.2.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 10.2.1.1;branch=z9hG4bKre\r\n"
		"%s\r\nCSeq: 9 INVITE\r\nMax-Forwards: 70\r\nContact: <sip:secret-b@10.2.1.9>\r\n"
		"Content-Type: application/sdp\r\nContent-Length: %zu\r\n\r\n%s",
		head, strlen(sdp), sdp);
	fixture_receive(f, "10.2.1.1:5060", text);
	const struct fixture_message *out = fixture_last(f, "INVITE sip:alice@10.1.1.5:5060 ");
	assert_non_null(out);
	// The same description as before the death. But another one may have gone out that the
	// record knows nothing of, and no version may be used twice (RFC 3264 8).
	unsigned long long version = 0;
	assert_int_equal(sscanf(strstr(out->text, "o=- "), "o=- %*u %llu IN", &version), 1);
	assert_in_range(version, 2, 100);
}

#define GROUP(ip, port)                                                                            \
	"v=0\r\no=- 1 1 IN IP4 " ip "\r\ns=-\r\nc=IN IP4 " ip "\r\nt=0 0\r\n"                     \
	"a=group:BUNDLE a v\r\nm=audio 4000 RTP/AVP 8\r\na=mid:a\r\na=rtcp-mux\r\n"              \
	"m=video " port " RTP/AVP 31\r\na=mid:v\r\na=rtcp-mux\r\n"

// Lines that share one stream still do.
static void bundled(void **state)
{
	struct fixture *f = *state;
	struct fixture_request request = { .method = "INVITE", .cseq = 1,
		.body = GROUP("10.1.1.5", "4002") };
	unsigned audio = 0, video = 1;

	fixture_phone(f, &request);
	fixture_carrier(f, "INVITE", 200, GROUP("10.2.1.1", "4000"));
	fixture_to_tag(f, "SIP/2.0 200", tag, sizeof(tag));
	fixture_ack(f, tag);
	assert_int_equal(fixture_flows(f), 4);
	assert_int_equal(export(f), 0);
	restart(f);
	assert_int_equal(import(f), 0);
	fixture_forget(f);
	struct fixture_request again = { .method = "INVITE", .cseq = 2, .to_tag = tag,
		.branch = "again", .body = GROUP("10.1.1.5", "4000") };
	fixture_phone(f, &again);
	const struct fixture_message *out = fixture_last(f, "INVITE");
	assert_non_null(out);
	assert_int_equal(sscanf(strstr(out->text, "\r\nm=audio "), "\r\nm=audio %u", &audio), 1);
	assert_int_equal(sscanf(strstr(out->text, "\r\nm=video "), "\r\nm=video %u", &video), 1);
	assert_int_equal(audio, video);
	assert_int_equal(fixture_flows(f), 4);
}

static uint8_t first[CALL_RECORD_MAX];
static uint32_t first_len;

// The record of a call that came from a record; with `is_abroad` to a worker that has none of its
// ports. What differs by rule is made equal: CSeqs and versions go on with a gap.
static void export_twice(struct fixture *f, bool is_abroad, Muga__State__Call *calls[2])
{
	assert_int_equal(export(f), 0);
	memcpy(first, record, record_len);
	first_len = record_len;
	restart(f);
	if (is_abroad)
		fixture_wait(f, 5000); // the orphans are retired, nobody can claim them
	assert_int_equal(import(f), 0);
	assert_int_equal(metric_read(&core_metrics(f->core)->streams_foreign) > 0, is_abroad);
	assert_int_equal(export(f), 0);
	calls[0] = muga__state__call__unpack(NULL, first_len, first);
	calls[1] = muga__state__call__unpack(NULL, record_len, record);
	assert_non_null(calls[0]);
	assert_non_null(calls[1]);
	Muga__State__Leg *const legs[] = { calls[1]->a, calls[1]->b };
	for (uint32_t i = 0; i < 2; i++) {
		legs[i]->local_cseq -= 16;
		legs[i]->sdp_version -= 16;
	}
	// A refresh that asks both far ends for other ports is on its way.
	calls[1]->invite = calls[1]->server_cseq = calls[1]->client_cseq = 0;
	calls[1]->b->local_cseq -= is_abroad;
	calls[0]->heard_ms = calls[1]->heard_ms;
}

static void expect_same(Muga__State__Call *calls[2], const char *name)
{
	static uint8_t packed[2][CALL_RECORD_MAX];
	size_t lens[2];

	for (uint32_t i = 0; i < 2; i++) {
		lens[i] = muga__state__call__pack(calls[i], packed[i]);
		muga__state__call__free_unpacked(calls[i], NULL);
	}
	if (lens[0] != lens[1] || memcmp(packed[0], packed[1], lens[0]) != 0)
		fail_msg("%s: %zu and %zu bytes", name, lens[0], lens[1]);
}

#define WITH_MSRP(ip)                                                                              \
	FIXTURE_SDP(ip) "m=message 7654 TCP/MSRP *\r\na=path:msrp://" ip ":1/x;tcp\r\n"

// Whatever a call has comes through two records unchanged; a plain one is a kilobyte at most.
static void nothing_is_lost(void **state)
{
	static const struct {
		const char *name, *extra, *offer, *answer;
		uint32_t len_max, stream_count, passed;
		bool is_emergency, is_private;
	} cases[] = {
		{ "plain", "", FIXTURE_SDP("10.1.1.5"), FIXTURE_SDP("10.2.1.1"), 1024, 1, 0,
			false, false },
		{ "bundled", "", GROUP("10.1.1.5", "4002"), GROUP("10.2.1.1", "4000"), 2048, 2, 0,
			false, false },
		{ "passed", "", WITH_MSRP("10.1.1.5"), WITH_MSRP("10.2.1.1"), 2048, 1, 1, false,
			false },
		{ "emergency", "Resource-Priority: esnet.1\r\nPrivacy: session\r\n",
			FIXTURE_SDP("10.1.1.5"), FIXTURE_SDP("10.2.1.1"), 1024, 1, 0, true, true },
		{ "timer", "Supported: timer, 100rel\r\nAllow: INVITE, UPDATE\r\n"
			"Session-Expires: 900;refresher=uas\r\n",
			FIXTURE_SDP("10.1.1.5"), FIXTURE_SDP("10.2.1.1"), 1024, 1, 0, false,
			false },
	};
	struct fixture *f = *state;

	for (uint32_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		for (uint32_t is_abroad = 0; is_abroad < 2; is_abroad++) {
			struct fixture_request request = { .method = "INVITE", .cseq = 1,
				.extra = cases[i].extra, .body = cases[i].offer };
			Muga__State__Call *calls[2];

			for (uint32_t k = 0; k < 2; k++)
				f->profiles[k].sdp.unanchored = PROFILE_UNANCHORED_PASS;
			fixture_phone(f, &request);
			fixture_carrier(f, "INVITE", 200, cases[i].answer);
			fixture_to_tag(f, "SIP/2.0 200", tag, sizeof(tag));
			fixture_ack(f, tag);
			export_twice(f, is_abroad, calls);
			assert_true(first_len <= cases[i].len_max);
			assert_int_equal(calls[0]->n_stream, cases[i].stream_count);
			assert_int_equal(calls[0]->passed, cases[i].passed);
			assert_int_equal(calls[0]->emergency, cases[i].is_emergency);
			assert_int_equal(calls[0]->session_private, cases[i].is_private);
			assert_int_equal(calls[0]->a->uuid.len, 16);
			assert_int_equal(calls[0]->b->uuid.len, 16);
			expect_same(calls, cases[i].name);
			core_hangup_all(f->core, &f->env);
			fixture_take(f);
			fixture_wait(f, 70000);
			fixture_forget(f);
			assert_int_equal(fixture_calls(f), 0);
		}
	}
}

static void taken_over_and_back(void **state)
{
	struct fixture *f = *state;
	struct record_out out = { .buf = record };

	establish(f);
	fixture_forget(f);
	uint64_t token = token_of(f);
	assert_int_equal(core_move_out(f->core, &f->env, token + 1, &out), 0);
	record_len = out.len;
	fixture_take(f);
	assert_int_equal(f->sent_count, 0);
	assert_int_equal(f->ended_count, 0);
	assert_int_equal(fixture_calls(f), 0);
	assert_int_equal(fixture_flows(f), 4);
	assert_int_equal(orphans(f), 2);
	assert_int_equal(core_move_out(f->core, &f->env, token, &out), -ENOENT);
	assert_int_equal(import(f), 0);
	assert_int_equal(import(f), -EEXIST);
	assert_int_equal(orphans(f), 0);
	assert_int_equal(token_of(f), token);
	bye(f, 2);
	fixture_carrier(f, "BYE", 200, "");
	fixture_wait(f, 40000);
	assert_int_equal(fixture_calls(f), 0);
	assert_int_equal(fixture_flows(f), 0);
}

// Nobody claims them and nothing is heard: they are retired as any orphan.
static void taken_over_for_good(void **state)
{
	struct fixture *f = *state;
	struct record_out out = { .buf = record };

	establish(f);
	assert_int_equal(core_move_out(f->core, &f->env, token_of(f), &out), 0);
	fixture_wait(f, 5000);
	assert_int_equal(fixture_flows(f), 0);
	assert_int_equal(orphans(f), 0);
}

// Its ports are another worker's, and the carrier wants no others: a refresh goes on naming them.
static void ports_elsewhere(void **state)
{
	struct fixture *f = *state;
	struct record_out out = { .buf = record };
	char sdp[1024];

	f->profiles[1].flow.session_mode = PROFILE_SESSION_REQUIRE;
	f->profiles[1].flow.session_expires_ms = 90000;
	establish(f);
	snprintf(sdp, sizeof(sdp), "%s", strstr(fixture_last(f, "INVITE")->text, "v=0"));
	assert_int_equal(core_move_out(f->core, &f->env, token_of(f), &out), 0);
	record_len = out.len;
	fixture_wait(f, 5000);
	assert_int_equal(fixture_flows(f), 0);
	fixture_forget(f);
	// It left the other worker with this record: no version of its description is missing.
	core_fetched(f->core, &f->env, 0, span_make((const char *)record, record_len));
	fixture_take(f);
	assert_null(strstr(fixture_last(f, "INVITE")->text, "v=0"));
	fixture_carrier(f, "INVITE", 491, "");
	fixture_forget(f);
	fixture_wait(f, 30000);
	const struct fixture_message *refresh = fixture_last(f, "INVITE");
	assert_non_null(refresh);
	assert_string_equal(strstr(refresh->text, "v=0"), sdp);
}

static void too_early(void **state)
{
	struct fixture *f = *state;
	struct record_out out = { .buf = record };

	invite(f);
	assert_int_equal(export(f), -EAGAIN);
	assert_int_equal(core_move_out(f->core, &f->env, token_of(f), &out), -EBUSY);
	fixture_carrier(f, "INVITE", 200, FIXTURE_SDP("10.2.1.1"));
	assert_int_equal(export(f), 0);
	assert_int_equal(core_move_out(f->core, &f->env, token_of(f), &out), -EBUSY);
}

// The caller's ACK meets the new worker; without one both sides are told in time.
static void unacknowledged(void **state)
{
	struct fixture *f = *state;

	for (uint32_t is_acked = 0; is_acked < 2; is_acked++) {
		fixture_forget(f);
		f->ended_count = 0;
		invite(f);
		fixture_carrier(f, "INVITE", 200, FIXTURE_SDP("10.2.1.1"));
		fixture_to_tag(f, "SIP/2.0 200", tag, sizeof(tag));
		assert_int_equal(export(f), 0);
		restart(f);
		assert_int_equal(import(f), 0);
		struct fixture_request ack = { .method = "ACK", .cseq = 1, .to_tag = tag,
			.branch = "phoneack" };
		if (is_acked)
			fixture_phone(f, &ack);
		fixture_wait(f, 33000);
		assert_int_equal(f->ended_count, !is_acked);
		if (!is_acked)
			assert_int_equal(f->ended.cause, CALL_CAUSE_ACK_TIMEOUT);
		if (is_acked)
			bye(f, 2);
		fixture_carrier(f, "BYE sip:secret-b", 200, "");
		fixture_wait(f, 80000);
		assert_int_equal(fixture_calls(f), 0);
		assert_int_equal(fixture_flows(f), 0);
	}
}

static void other_configuration(void **state)
{
	struct fixture *f = *state;

	establish(f);
	assert_int_equal(export(f), 0);
	restart(f);
	f->trunks[1].name = "renamed";
	assert_int_equal(import(f), -ENOENT);
	f->trunks[1].name = "carrier";
	f->config.realms[REALM_CORE].port_max = 20001;
	assert_int_equal(import(f), -ENOENT);
	assert_int_equal(fixture_calls(f), 0);
	assert_int_equal(metric_read(&core_metrics(f->core)->records_refused), 2);
	f->config.realms[REALM_CORE].port_max = 20255;
	assert_int_equal(import(f), 0);
}

// Whatever the damage, the record is refused whole, or what lives is a call that can be ended.
static void damaged(void **state)
{
	struct fixture *f = *state;
	uint8_t whole[CALL_RECORD_MAX];
	uint32_t refused = 0;

	establish(f);
	assert_int_equal(export(f), 0);
	uint32_t len = record_len;
	memcpy(whole, record, len);
	restart(f);
	for (uint32_t i = 0; i < 3 * len; i++) {
		memcpy(record, whole, len);
		record_len = i < len ? i : len;
		if (i >= len)
			record[i % len] ^= i < 2 * len ? 0xff : 1u << i % 8;
		if (import(f)) {
			refused++;
			continue;
		}
		core_hangup_all(f->core, &f->env);
		outbox_clear(f->env.outbox);
		fixture_wait(f, 80000);
		assert_int_equal(fixture_calls(f), 0);
		fixture_forget(f);
	}
	assert_true(refused > len / 2);
	fixture_wait(f, 5000);
	assert_int_equal(fixture_flows(f), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_open, fixture_close)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(ended_by_the_caller),
		TEST(changed_by_the_called),
		TEST(bundled),
		TEST(nothing_is_lost),
		TEST(taken_over_and_back),
		TEST(taken_over_for_good),
		TEST(ports_elsewhere),
		TEST(too_early),
		TEST(unacknowledged),
		TEST(other_configuration),
		TEST(damaged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
