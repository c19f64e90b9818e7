#include "fixture.h"

#include "call/export.h"
#include "sip/token.h"

// Two calls of the phone at 10.1.1.5 to the carrier; a dialog of one is named by the other, or by a
// newcomer.
struct dialog {
	char tag[64];     // ours towards the phone
	char call_id[64];
	char far_to[128], far_from[128], far_call_id[64]; // towards the carrier
};

static struct dialog calls[2];

static void establish_with(struct fixture *f, uint32_t i, const char *offer, const char *answer)
{
	char branch[16];
	struct fixture_request invite = { .method = "INVITE", .cseq = 1, .branch = branch,
		.call_id = calls[i].call_id, .uri = i ? "sip:122@10.1.0.1" : "sip:111@10.1.0.1",
		.body = offer };

	snprintf(calls[i].call_id, sizeof(calls[i].call_id), "secret-%u@10.1.1.5", i);
	snprintf(branch, sizeof(branch), "invite%u", i);
	fixture_forget(f);
	fixture_phone(f, &invite);
	fixture_carrier(f, "INVITE", 200, answer);
	fixture_to_tag(f, "SIP/2.0 200", calls[i].tag, sizeof(calls[i].tag));
	const struct fixture_message *far = fixture_last(f, "ACK");
	snprintf(calls[i].far_to, sizeof(calls[i].far_to), "%s", fixture_header(far->text, "To"));
	snprintf(calls[i].far_from, sizeof(calls[i].far_from), "%s",
		fixture_header(far->text, "From"));
	snprintf(calls[i].far_call_id, sizeof(calls[i].far_call_id), "%s",
		fixture_header(far->text, "Call-ID"));
	struct fixture_request ack = { .method = "ACK", .cseq = 1, .to_tag = calls[i].tag,
		.call_id = calls[i].call_id, .branch = "phoneack" };
	fixture_phone(f, &ack);
}

static void establish(struct fixture *f, uint32_t i)
{
	establish_with(f, i, FIXTURE_SDP("10.1.1.5"), FIXTURE_SDP("10.2.1.1"));
}

static void answer_all(struct fixture *f, const char *start)
{
	char text[8192];
	uint32_t count = f->sent_count;

	for (uint32_t i = 0; i < count; i++) {
		const struct fixture_message *m = &f->sent[i];

		if (strncmp(m->text, start, strlen(start)) != 0)
			continue;
		snprintf(text, sizeof(text),
			"SIP/2.0 200 x\r\nVia: %s\r\nFrom: %s\r\nTo: %s\r\nCall-ID: %s\r\n"
			"CSeq: %s\r\nContent-Length: 0\r\n\r\n",
			fixture_header(m->text, "Via"), fixture_header(m->text, "From"),
			fixture_header(m->text, "To"), fixture_header(m->text, "Call-ID"),
			fixture_header(m->text, "CSeq"));
		fixture_receive(f, m->realm == REALM_ACCESS ? "10.1.1.5:5060" : "10.2.1.1:5060",
			text);
	}
}

static void refer(struct fixture *f)
{
	char lines[512];
	struct fixture_request request = { .method = "REFER", .cseq = 2, .branch = "refer",
		.call_id = calls[0].call_id, .to_tag = calls[0].tag, .extra = lines };

	snprintf(lines, sizeof(lines), "Refer-To: <sip:122@10.1.0.1?Replaces=%.8s%%4010.1.1.5"
		"%%3Bto-tag%%3D%s%%3Bfrom-tag%%3Dsecret-a>\r\n", calls[1].call_id, calls[1].tag);
	fixture_phone(f, &request);
}

// Whom the referrer of the first call talks to hangs up.
static void bye_of_the_other(struct fixture *f)
{
	const char *sdp_less = "Content-Length: 0\r\n\r\n";
	char text[2048];

	snprintf(text, sizeof(text),
		"BYE sip:x@10.2.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 10.2.1.1;branch=z9hG4bKbye0\r\n"
		"From: %s\r\nTo: %s\r\nCall-ID: %s\r\nCSeq: 9 BYE\r\nMax-Forwards: 70\r\n%s",
		calls[0].far_to, calls[0].far_from, calls[0].far_call_id, sdp_less);
	fixture_receive(f, "10.2.1.1:5060", text);
}

static void attended(void **state)
{
	struct fixture *f = *state;

	establish(f, 0);
	establish(f, 1);
	assert_int_equal(fixture_flows(f), 8);
	fixture_forget(f);
	refer(f);
	assert_non_null(fixture_last(f, "SIP/2.0 202"));
	answer_all(f, "NOTIFY");
	// The target's own dialog, asked for an offer.
	const struct fixture_message *re = fixture_last(f, "INVITE sip:secret-b@10.2.1.1");
	assert_non_null(re);
	assert_null(strstr(re->text, "v=0"));
	char target[128];
	snprintf(target, sizeof(target), "%s", fixture_header(re->text, "Call-ID"));
	fixture_carrier(f, "INVITE sip:secret-b", 200, FIXTURE_SDP("10.2.1.7"));
	re = fixture_last(f, "INVITE sip:secret-b@10.2.1.1");
	assert_string_not_equal(fixture_header(re->text, "Call-ID"), target);
	fixture_carrier(f, "INVITE sip:secret-b", 200, FIXTURE_SDP("10.2.1.1"));
	const struct fixture_message *ack = fixture_last(f, "ACK");
	assert_string_equal(fixture_header(ack->text, "Call-ID"), target);
	assert_non_null(strstr(ack->text, "v=0"));
	// The second leg of the phone ends at once, the first when it has heard of it.
	assert_int_equal(f->ended_count, 1);
	answer_all(f, "NOTIFY");
	assert_int_equal(f->ended_count, 2);
	answer_all(f, "BYE");
	assert_int_equal(fixture_calls(f), 1);
	assert_int_equal(fixture_flows(f), 4);
}

// The other call is at another worker: it is fetched, and goes on here.
static void attended_elsewhere(void **state)
{
	static uint8_t buf[CALL_RECORD_MAX];
	struct record_out out = { .buf = buf };
	struct fixture *f = *state;
	uint64_t keys[2];

	establish(f, 0);
	establish(f, 1);
	struct sip_token token;
	struct sip_keys sip_keys;
	sip_keys_init(&sip_keys, &(struct hash_key){ { 5, 6 } }, 0);
	assert_true(sip_token_verify(&sip_keys, SIP_TOKEN_TAG, span_str(calls[1].tag), &token));
	assert_true(core_call_keys(f->core, token.value, keys));
	assert_int_equal(core_move_out(f->core, &f->env, token.value, &out), 0);
	fixture_take(f);
	fixture_forget(f);
	refer(f);
	assert_non_null(fixture_last(f, "SIP/2.0 202"));
	assert_null(fixture_last(f, "INVITE"));
	assert_int_equal(f->fetch.name, token.value);
	assert_int_equal(f->fetch.shard, token.shard);
	core_fetched(f->core, &f->env, f->fetch.ticket, span_make((const char *)buf, out.len));
	fixture_take(f);
	answer_all(f, "NOTIFY");
	fixture_carrier(f, "INVITE sip:secret-b", 200, FIXTURE_SDP("10.2.1.7"));
	fixture_carrier(f, "INVITE sip:secret-b", 200, FIXTURE_SDP("10.2.1.1"));
	assert_non_null(strstr(fixture_last(f, "ACK")->text, "v=0"));
	answer_all(f, "NOTIFY");
	answer_all(f, "BYE");
	fixture_wait(f, 40000);
	assert_int_equal(fixture_calls(f), 1);
	assert_int_equal(fixture_flows(f), 4);
	assert_int_equal(f->gone_count, 1); // the referrer's leg; the target's lives
}

// Nobody has it.
static void attended_nowhere(void **state)
{
	static uint8_t buf[CALL_RECORD_MAX];
	struct record_out out = { .buf = buf };
	struct fixture *f = *state;
	struct call_info info;
	uint32_t cursor = 0;

	establish(f, 0);
	establish(f, 1);
	while (core_next_call(f->core, &cursor, &info))
		if (strcmp(info.to, "122") == 0)
			assert_int_equal(core_move_out(f->core, &f->env, info.token, &out), 0);
	fixture_forget(f);
	refer(f);
	core_fetched(f->core, &f->env, f->fetch.ticket, SPAN_NONE);
	fixture_take(f);
	assert_non_null(strstr(fixture_last(f, "NOTIFY")->text, "SIP/2.0 481"));
	assert_null(fixture_last(f, "BYE"));
	answer_all(f, "NOTIFY");
	fixture_wait(f, 5000);
	assert_int_equal(fixture_calls(f), 1);
}

// The target does not want: both calls are as they were.
static void attended_refused(void **state)
{
	struct fixture *f = *state;

	establish(f, 0);
	establish(f, 1);
	fixture_forget(f);
	refer(f);
	fixture_carrier(f, "INVITE sip:secret-b", 488, "");
	assert_non_null(strstr(fixture_last(f, "NOTIFY")->text, "SIP/2.0 488"));
	assert_null(fixture_last(f, "BYE"));
	answer_all(f, "NOTIFY");
	fixture_wait(f, 40000);
	assert_int_equal(fixture_calls(f), 2);
	assert_int_equal(fixture_flows(f), 8);
	for (uint32_t i = 0; i < 2; i++) {
		struct fixture_request bye = { .method = "BYE", .cseq = 9,
			.branch = i ? "bye1" : "bye0", .call_id = calls[i].call_id,
			.to_tag = calls[i].tag };

		fixture_forget(f);
		fixture_phone(f, &bye);
		assert_non_null(fixture_last(f, "BYE sip:secret-b"));
		answer_all(f, "BYE");
	}
	fixture_wait(f, 40000);
	assert_int_equal(fixture_calls(f), 0);
	assert_int_equal(fixture_flows(f), 0);
}

// The referrer hangs up while the target is asked: it is left alone, and its answer, which crosses
// the CANCEL, is acknowledged at once in the call that it is back in.
static void attended_crossing(void **state)
{
	struct fixture *f = *state;
	char target[128];

	establish(f, 0);
	establish(f, 1);
	fixture_forget(f);
	refer(f);
	snprintf(target, sizeof(target), "%s",
		fixture_header(fixture_last(f, "INVITE sip:secret-b")->text, "Call-ID"));
	fixture_carrier(f, "INVITE sip:secret-b", 180, "");
	bye_of_the_other(f);
	assert_non_null(fixture_last(f, "CANCEL"));
	fixture_carrier(f, "INVITE sip:secret-b", 200, FIXTURE_SDP("10.2.1.7"));
	const struct fixture_message *ack = fixture_last(f, "ACK");
	assert_non_null(ack);
	assert_string_equal(fixture_header(ack->text, "Call-ID"), target);
	assert_non_null(strstr(ack->text, "v=0"));
	answer_all(f, "BYE");
	answer_all(f, "NOTIFY");
	fixture_wait(f, 40000);
	assert_int_equal(fixture_calls(f), 1);
	assert_int_equal(fixture_flows(f), 4);
}

#define LINES(ip, video, text)                                                                     \
	"v=0\r\no=- 1 1 IN IP4 " ip "\r\ns=-\r\nc=IN IP4 " ip "\r\nt=0 0\r\n"                     \
	"a=group:BUNDLE a v\r\nm=audio 4000 RTP/AVP 8\r\na=mid:a\r\na=rtcp-mux\r\n"              \
	"m=video " video " RTP/AVP 31\r\na=mid:v\r\na=rtcp-mux\r\n"                             \
	"m=text " text " RTP/AVP 98\r\na=rtpmap:98 t140/1000\r\n"

// The newest INVITE to the carrier in that dialog.
static const struct fixture_message *invite_of(const struct fixture *f, const char *call_id)
{
	for (uint32_t i = f->sent_count; i > 0; i--)
		if (strncmp(f->sent[i - 1].text, "INVITE sip:secret-b", 19) == 0 &&
			strcmp(fixture_header(f->sent[i - 1].text, "Call-ID"), call_id) == 0)
			return &f->sent[i - 1];
	return NULL;
}

// Ports of the lines that say these media; -1 = there is none.
static void read_ports(const char *text, int ports[3])
{
	static const char *const media[] = { "\r\nm=audio ", "\r\nm=video ", "\r\nm=text " };

	for (uint32_t i = 0; i < 3; i++) {
		const char *line = strstr(text, media[i]);

		ports[i] = line ? atoi(line + strlen(media[i])) : -1;
	}
}

// The one that stays refuses: the target's offer is answered by what is in force there, its bundled
// line and its rejected one as well. A refresh of either says no more than that.
static void attended_change_refused(void **state)
{
	struct fixture *f = *state;
	char stays[128], target[128];
	int before[3], first[3], ports[3];

	f->profiles[1].flow.session_mode = PROFILE_SESSION_REQUIRE;
	f->profiles[1].flow.session_expires_ms = 90000;
	establish(f, 0);
	snprintf(stays, sizeof(stays), "%s", fixture_header(fixture_last(f, "INVITE")->text,
		"Call-ID"));
	read_ports(fixture_last(f, "INVITE")->text, first);
	establish_with(f, 1, LINES("10.1.1.5", "4002", "4004"), LINES("10.2.1.1", "4000", "0"));
	snprintf(target, sizeof(target), "%s", fixture_header(fixture_last(f, "INVITE")->text,
		"Call-ID"));
	read_ports(fixture_last(f, "INVITE")->text, before);
	assert_int_not_equal(before[0], before[1]);
	fixture_forget(f);
	refer(f);
	fixture_carrier(f, "INVITE sip:secret-b", 200, LINES("10.2.1.7", "4000", "0"));
	assert_non_null(invite_of(f, stays));
	fixture_carrier(f, "INVITE sip:secret-b", 491, "");
	const struct fixture_message *ack = fixture_last(f, "ACK");
	assert_string_equal(fixture_header(ack->text, "Call-ID"), target);
	read_ports(ack->text, ports);
	assert_int_equal(ports[0], before[0]);
	assert_int_equal(ports[1], before[0]);
	assert_int_equal(ports[2], 0);
	answer_all(f, "NOTIFY");
	fixture_forget(f);
	fixture_wait(f, 30000);
	read_ports(invite_of(f, stays)->text, ports);
	assert_int_equal(ports[0], first[0]);
	read_ports(invite_of(f, target)->text, ports);
	assert_int_equal(ports[0], before[0]);
	assert_int_equal(ports[1], before[0]);
	assert_int_equal(ports[2], 0);
	assert_int_equal(fixture_calls(f), 2);
}

// Likewise, and the target has offered other lines than those in force: the answer has a line for
// each of them (RFC 3264 6), and a higher version.
static void attended_other_lines(void **state)
{
	struct fixture *f = *state;
	int before[3], ports[3];

	establish(f, 0);
	establish(f, 1);
	read_ports(fixture_last(f, "INVITE")->text, before);
	unsigned version = 0, first = 0;
	assert_int_equal(sscanf(strstr(fixture_last(f, "INVITE")->text, "o=- "), "o=- %*s %u",
		&first), 1);
	fixture_forget(f);
	refer(f);
	fixture_carrier(f, "INVITE sip:secret-b", 200, LINES("10.2.1.7", "4002", "0"));
	fixture_carrier(f, "INVITE sip:secret-b", 488, "");
	const struct fixture_message *ack = fixture_last(f, "ACK");
	read_ports(ack->text, ports);
	assert_int_equal(ports[0], before[0]);
	assert_int_equal(ports[1], 0);
	assert_int_equal(ports[2], 0);
	assert_int_equal(sscanf(strstr(ack->text, "o=- "), "o=- %*s %u", &version), 1);
	assert_true(version > first);
	answer_all(f, "NOTIFY");
	assert_int_equal(fixture_calls(f), 2);
}

// Its dialog is known to the target only: the trunk's other host is not asked.
static void attended_busy(void **state)
{
	struct fixture *f = *state;

	establish(f, 0);
	establish(f, 1);
	fixture_forget(f);
	refer(f);
	assert_non_null(fixture_last(f, "INVITE sip:secret-b@10.2.1.1"));
	fixture_carrier(f, "INVITE sip:secret-b", 503, "");
	uint32_t invites = 0;
	for (uint32_t i = 0; i < f->sent_count; i++)
		invites += strncmp(f->sent[i].text, "INVITE ", 7) == 0;
	assert_int_equal(invites, 1);
	assert_non_null(strstr(fixture_last(f, "NOTIFY")->text, "terminated"));
	answer_all(f, "NOTIFY");
	fixture_wait(f, 5000);
	assert_int_equal(fixture_calls(f), 2);
	assert_int_equal(fixture_flows(f), 8);
}

static void invite_replaces(struct fixture *f, const char *value, const char *source)
{
	char text[4096];
	const char *sdp = FIXTURE_SDP("10.1.1.6");

	snprintf(text, sizeof(text),
		"INVITE sip:111@10.1.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP %s;branch=z9hG4bKnew;rport\r\n"
		"Max-Forwards: 70\r\nFrom: <sip:66@secret.example>;tag=secret-new\r\n"
		"To: <sip:111@10.1.0.1>\r\nCall-ID: secret-new\r\nCSeq: 1 INVITE\r\n"
		"Contact: <sip:new@%s:5060>\r\nReplaces: %s\r\nRequire: replaces\r\n"
		"Content-Type: application/sdp\r\nContent-Length: %zu\r\n\r\n%s",
		source, source, value, strlen(sdp), sdp);
	fixture_receive(f, source, text);
}

static void newcomer(void **state)
{
	struct fixture *f = *state;
	char value[256];

	establish(f, 0);
	fixture_forget(f);
	snprintf(value, sizeof(value), "%s;to-tag=%s;from-tag=secret-a", calls[0].call_id,
		calls[0].tag);
	invite_replaces(f, value, "10.1.1.6");
	const struct fixture_message *re = fixture_last(f, "INVITE sip:secret-b@10.2.1.1");
	assert_non_null(re);
	assert_non_null(strstr(re->text, "c=IN IP4 10.2.0.2"));
	fixture_carrier(f, "INVITE sip:secret-b", 200, FIXTURE_SDP("10.2.1.1"));
	const struct fixture_message *ok = fixture_last(f, "SIP/2.0 200");
	assert_string_equal(fixture_header(ok->text, "Call-ID"), "secret-new");
	assert_non_null(strstr(ok->text, "c=IN IP4 10.1.0.2"));
	const struct fixture_message *bye = fixture_last(f, "BYE sip:alice@10.1.1.5");
	assert_non_null(bye);
	assert_string_equal(fixture_header(bye->text, "Call-ID"), calls[0].call_id);
	assert_int_equal(f->ended.cause, CALL_CAUSE_TRANSFER);
	answer_all(f, "BYE");
	assert_int_equal(fixture_calls(f), 1);
	assert_int_equal(fixture_flows(f), 4);
}

static void newcomer_refused(void **state)
{
	static const struct {
		const char *format, *source, *status;
	} cases[] = {
		{ "%s;to-tag=%s;from-tag=wrong", "10.1.1.6", "SIP/2.0 481" },
		{ "%s;from-tag=secret-a;to-tag=%.5s", "10.1.1.6", "SIP/2.0 481" },
		{ "%s;to-tag=%s", "10.1.1.6", "SIP/2.0 400" },
		{ "%s;to-tag=%s;from-tag=secret-a;early-only", "10.1.1.6", "SIP/2.0 486" },
		// From another network than the party that it wants to replace.
		{ "%s;to-tag=%s;from-tag=secret-a", "10.2.1.1", "SIP/2.0 403" },
	};
	struct fixture *f = *state;
	char value[256];

	establish(f, 0);
	for (uint32_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		fixture_forget(f);
		snprintf(value, sizeof(value), cases[i].format, calls[0].call_id, calls[0].tag);
		invite_replaces(f, value, cases[i].source);
		assert_non_null(fixture_last(f, cases[i].status));
		fixture_wait(f, 40000);
	}
	assert_null(fixture_last(f, "BYE"));
	assert_int_equal(fixture_calls(f), 1);
}

// One at a time takes a place, and no call is left over.
static void newcomers_in_turn(void **state)
{
	struct fixture *f = *state;
	char value[256];

	establish(f, 0);
	snprintf(value, sizeof(value), "%s;to-tag=%s;from-tag=secret-a", calls[0].call_id,
		calls[0].tag);
	fixture_forget(f);
	invite_replaces(f, value, "10.1.1.6");
	// The same dialog again, while the first newcomer waits: not by another one's INVITE.
	char text[2048];
	snprintf(text, sizeof(text),
		"INVITE sip:111@10.1.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 10.1.1.7;branch=z9hG4bKtwo\r\n"
		"Max-Forwards: 70\r\nFrom: <sip:67@x>;tag=two\r\nTo: <sip:111@x>\r\n"
		"Call-ID: secret-two\r\nCSeq: 1 INVITE\r\nContact: <sip:two@10.1.1.7>\r\n"
		"Replaces: %s\r\nContent-Length: 0\r\n\r\n", value);
	fixture_receive(f, "10.1.1.7:5060", text);
	assert_non_null(fixture_last(f, "SIP/2.0 491"));
	fixture_carrier(f, "INVITE sip:secret-b", 200, FIXTURE_SDP("10.2.1.1"));
	assert_non_null(fixture_last(f, "SIP/2.0 200"));
	answer_all(f, "BYE");
	core_hangup_all(f->core, &f->env);
	fixture_take(f);
	fixture_wait(f, 110000); // BYEs time out, then the call lingers
	assert_int_equal(fixture_calls(f), 0);
	assert_int_equal(fixture_flows(f), 0);
}

// Whom it replaces is over already.
static void newcomer_late(void **state)
{
	struct fixture *f = *state;
	struct fixture_request bye = { .method = "BYE", .cseq = 9, .branch = "bye",
		.call_id = calls[0].call_id, .to_tag = calls[0].tag };
	char value[256];

	establish(f, 0);
	fixture_phone(f, &bye);
	snprintf(value, sizeof(value), "%s;to-tag=%s;from-tag=secret-a", calls[0].call_id,
		calls[0].tag);
	invite_replaces(f, value, "10.1.1.6");
	assert_non_null(fixture_last(f, "SIP/2.0 603"));
}

// The one that stays refuses: 488 for the newcomer, the call goes on.
static void change_refused(void **state)
{
	struct fixture *f = *state;
	char value[256];

	establish(f, 0);
	fixture_forget(f);
	snprintf(value, sizeof(value), "%s;to-tag=%s;from-tag=secret-a", calls[0].call_id,
		calls[0].tag);
	invite_replaces(f, value, "10.1.1.6");
	fixture_carrier(f, "INVITE sip:secret-b", 488, "");
	assert_non_null(fixture_last(f, "SIP/2.0 488"));
	assert_null(fixture_last(f, "BYE"));
	fixture_wait(f, 40000);
	assert_int_equal(fixture_calls(f), 1);
	assert_int_equal(fixture_flows(f), 4);
}

// Two calls, passed on: named as the carrier knows its dialog.
static void passed_on(void **state)
{
	struct fixture *f = *state;

	f->profiles[0].flow.refer = PROFILE_REFER_PASS;
	establish(f, 0);
	establish(f, 1);
	const struct fixture_message *ack = fixture_last(f, "ACK");
	char call_id[128], wanted[512];
	snprintf(call_id, sizeof(call_id), "%s", fixture_header(ack->text, "Call-ID"));
	const char *from = strstr(fixture_header(ack->text, "From"), ";tag=");
	snprintf(wanted, sizeof(wanted),
		"<sip:122@10.2.0.1:5060?Replaces=%s%%3Bto-tag%%3Dsecret-b%%3Bfrom-tag%%3D%s>",
		call_id, from + 5);
	refer(f);
	const struct fixture_message *out = fixture_last(f, "REFER");
	assert_string_equal(fixture_header(out->text, "Refer-To"), wanted);
	assert_null(strstr(out->text, calls[1].tag));
	assert_null(strstr(out->text, "secret-a"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_open, fixture_close)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(attended),
		TEST(attended_refused),
		TEST(attended_crossing),
		cmocka_unit_test_setup_teardown(attended_change_refused, fixture_open_dual,
			fixture_close),
		TEST(attended_busy),
		TEST(attended_elsewhere),
		TEST(attended_nowhere),
		TEST(newcomer),
		TEST(newcomer_refused),
		TEST(newcomers_in_turn),
		TEST(newcomer_late),
		TEST(attended_other_lines),
		TEST(change_refused),
		TEST(passed_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
