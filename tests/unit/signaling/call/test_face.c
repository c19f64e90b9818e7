// Each early dialog of the called side shown to the caller as one of its own (flow.forks: all).
#include "dialog.h"

#include "call/export.h"
#include "call/face.h"

#define ABLE    "Supported: 100rel, 199\r\nAllow: INVITE, PRACK, UPDATE\r\n"
#define RSEQ(n) "Require: 100rel\r\nAllow: INVITE, PRACK, UPDATE\r\nRSeq: " #n "\r\n"
#define SDP_PORT(ip, port)                                                                         \
	"v=0\r\no=secret 1 1 IN IP4 " ip "\r\ns=secret\r\nc=IN IP4 " ip "\r\nt=0 0\r\n"            \
	"m=audio " #port " RTP/AVP 8\r\n"
#define ONE SDP_PORT("10.2.1.1", 4001)
#define TWO SDP_PORT("10.2.1.2", 4002)

static struct dialog d;
static char tags[2][64]; // ours towards the phone, of the forks "one" and "two"

static int open_all(void **state)
{
	fixture_open(state);
	struct fixture *f = *state;

	f->profiles[0].flow.forks = PROFILE_FORKS_ALL; // the phones'
	return 0;
}

static void answer(uint32_t status, const char *tag, const char *extra, const char *body)
{
	static struct fixture_message invite; // may have been forgotten
	struct fixture *f = d.f;

	if (fixture_last(f, "INVITE"))
		invite = *fixture_last(f, "INVITE");
	else
		f->sent[f->sent_count++] = invite;
	dialog_answer(&d, &(struct dialog_answer){ .start = "INVITE", .status = status, .tag = tag,
		.extra = extra, .body = body });
}

static uint16_t remote_port(const struct fixture *f, uint32_t realm)
{
	for (uint32_t port = 20000; port < 20256; port += 2) {
		const struct flow_cfg *cfg = flow_lookup(&f->view, realm, (uint16_t)port);

		if (cfg)
			return cfg->remote_port;
	}
	return 0;
}

// A request of the phone in the early dialog of that fork.
static void phone(uint32_t fork, const char *method, uint32_t cseq, const char *extra,
	const char *body)
{
	snprintf(d.tag_a, sizeof(d.tag_a), "%s", tags[fork]);
	dialog_phone(&d, method, cseq, extra, body);
}

static const char *rack_of(const struct fixture *f, const char *start)
{
	static char lines[4][64];
	static uint32_t next;
	char *line = lines[next++ % 4];

	snprintf(line, sizeof(lines[0]), "RAck: %s 1 INVITE\r\n",
		fixture_header(fixture_last(f, start)->text, "RSeq"));
	return line;
}

static void expect_fork(const struct fixture_message *m, const char *tag)
{
	char text[32];

	assert_non_null(m);
	snprintf(text, sizeof(text), ";tag=%s", tag);
	assert_non_null(strstr(fixture_header(m->text, "To"), text));
}

static bool is_for(const struct fixture_message *m, uint32_t fork)
{
	return m && m->realm == REALM_ACCESS && strstr(fixture_header(m->text, "To"), tags[fork]);
}

// Both ring with early media, reliably.
static void ring_twice(struct fixture *f)
{
	dialog_invite(&d, f, ABLE, FIXTURE_SDP("10.1.1.5"));
	answer(183, "one", RSEQ(10), ONE);
	fixture_to_tag(f, "SIP/2.0 183", tags[0], sizeof(tags[0]));
	const char *rack_one = rack_of(f, "SIP/2.0 183");
	answer(183, "two", RSEQ(500), TWO);
	fixture_to_tag(f, "SIP/2.0 183", tags[1], sizeof(tags[1]));
	const char *rack_two = rack_of(f, "SIP/2.0 183");
	assert_string_not_equal(tags[0], tags[1]);
	phone(1, "PRACK", 2, rack_two, "");
	expect_fork(fixture_last(f, "PRACK"), "two");
	dialog_answer(&d, &(struct dialog_answer){ .start = "PRACK", .status = 200 });
	phone(0, "PRACK", 2, rack_one, "");
	expect_fork(fixture_last(f, "PRACK"), "one");
	dialog_answer(&d, &(struct dialog_answer){ .start = "PRACK", .status = 200 });
	assert_int_equal(remote_port(f, REALM_CORE), 4002);
	fixture_forget(f);
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

static void each_has_a_tag(void **state)
{
	struct fixture *f = *state;

	dialog_invite(&d, f, "", FIXTURE_SDP("10.1.1.5"));
	answer(183, "one", "", ONE);
	fixture_to_tag(f, "SIP/2.0 183", tags[0], sizeof(tags[0]));
	assert_int_equal(remote_port(f, REALM_CORE), 4001);
	answer(180, "two", "", "");
	fixture_to_tag(f, "SIP/2.0 180", tags[1], sizeof(tags[1]));
	assert_string_not_equal(tags[0], tags[1]);
	assert_int_equal(remote_port(f, REALM_CORE), 4001);
	answer(183, "two", "", TWO);
	assert_true(is_for(fixture_last(f, "SIP/2.0 183"), 1));
	assert_int_equal(remote_port(f, REALM_CORE), 4002);
	answer(180, "one", "", "");
	assert_true(is_for(fixture_last(f, "SIP/2.0 180"), 0));
	answer(200, "one", "", ONE);
	const struct fixture_message *ok = fixture_last(f, "SIP/2.0 200");
	assert_true(is_for(ok, 0));
	assert_non_null(strstr(ok->text, "v=0"));
	assert_int_equal(remote_port(f, REALM_CORE), 4001);
	phone(0, "ACK", 1, "", "");
	phone(0, "BYE", 2, "", "");
	expect_fork(fixture_last(f, "BYE"), "one");
}

// The second one wins: its tag stays that of the call, also in a record of it.
static void second_wins(void **state)
{
	struct fixture *f = *state;
	static uint8_t record[CALL_RECORD_MAX];
	struct record_out out = { .buf = record };
	struct call_info info;
	uint32_t cursor = 0;
	uint64_t token;

	ring_twice(f);
	answer(200, "two", "", "");
	const struct fixture_message *ok = fixture_last(f, "SIP/2.0 200");
	assert_true(is_for(ok, 1));
	assert_null(strstr(ok->text, "v=0")); // it was said before
	phone(1, "ACK", 1, "", "");
	phone(0, "UPDATE", 3, "", FIXTURE_SDP("10.1.1.5")); // the other one is over
	assert_non_null(fixture_last(f, "SIP/2.0 481"));
	assert_null(fixture_last(f, "UPDATE"));
	dialog_fork(&d, "one", "UPDATE 7", "", "");
	assert_int_equal(fixture_count(f, "SIP/2.0 481"), 2);
	dialog_carrier(&d, "OPTIONS 9", "", "");
	assert_int_equal(core_next_call(f->core, &cursor, &info), true);
	assert_int_equal(core_export(f->core, &f->env, info.token, &out), 0);
	restart(f);
	assert_int_equal(core_import(f->core, &f->env,
				 span_make((const char *)record, out.len), &token), 0);
	fixture_take(f);
	fixture_forget(f);
	phone(0, "BYE", 4, "", "");
	assert_non_null(fixture_last(f, "SIP/2.0 481"));
	phone(1, "BYE", 4, "", "");
	assert_non_null(fixture_last(f, "SIP/2.0 200"));
	expect_fork(fixture_last(f, "BYE"), "two");
}

// Two wait for their PRACK at once; each is repeated in its own dialog with its own RSeq, and
// neither takes the other's.
static void acknowledged_apart(void **state)
{
	struct fixture *f = *state;
	char first[4096], rack_one[64], rack_two[64];

	dialog_invite(&d, f, ABLE, FIXTURE_SDP("10.1.1.5"));
	answer(183, "one", RSEQ(10), ONE);
	fixture_to_tag(f, "SIP/2.0 183", tags[0], sizeof(tags[0]));
	snprintf(first, sizeof(first), "%s", fixture_last(f, "SIP/2.0 183")->text);
	snprintf(rack_one, sizeof(rack_one), "%s", rack_of(f, "SIP/2.0 183"));
	answer(180, "two", RSEQ(500), "");
	fixture_to_tag(f, "SIP/2.0 180", tags[1], sizeof(tags[1]));
	snprintf(rack_two, sizeof(rack_two), "%s", rack_of(f, "SIP/2.0 180"));
	fixture_forget(f);
	fixture_wait(f, 600);
	assert_int_equal(fixture_count(f, "SIP/2.0 183"), 1);
	assert_string_equal(fixture_last(f, "SIP/2.0 183")->text, first);
	assert_true(is_for(fixture_last(f, "SIP/2.0 180"), 1));
	if (strcmp(rack_one, rack_two) != 0) {
		phone(1, "PRACK", 2, rack_one, "");
		assert_non_null(fixture_last(f, "SIP/2.0 481"));
		assert_null(fixture_last(f, "PRACK"));
	}
	phone(0, "PRACK", 2, rack_one, "");
	expect_fork(fixture_last(f, "PRACK"), "one");
	assert_memory_equal(fixture_header(fixture_last(f, "PRACK")->text, "RAck"), "10 ", 3);
	fixture_forget(f);
	fixture_wait(f, 1100);
	assert_null(fixture_last(f, "SIP/2.0 183"));
	assert_int_equal(fixture_count(f, "SIP/2.0 180"), 1);
	phone(1, "PRACK", 3, rack_two, "");
	expect_fork(fixture_last(f, "PRACK"), "two");
	assert_memory_equal(fixture_header(fixture_last(f, "PRACK")->text, "RAck"), "500 ", 4);
	fixture_forget(f);
	fixture_wait(f, 8000);
	assert_null(fixture_last(f, "SIP/2.0 18"));
	// Each has a sequence of its own: its next one is one more.
	answer(180, "one", RSEQ(11), "");
	assert_true(is_for(fixture_last(f, "SIP/2.0 180"), 0));
	assert_int_equal(atoi(fixture_header(fixture_last(f, "SIP/2.0 180")->text, "RSeq")),
		atoi(rack_one + 6) + 1);
}

// The call ends for want of a PRACK in any of them, also in one that spoke no more.
static void one_is_never_acknowledged(void **state)
{
	struct fixture *f = *state;

	f->config.limits.ring_timeout_ms = 60000;
	dialog_invite(&d, f, ABLE, FIXTURE_SDP("10.1.1.5"));
	answer(183, "one", RSEQ(10), ONE);
	answer(180, "two", "", "");
	fixture_wait(f, 33000);
	assert_non_null(fixture_last(f, "SIP/2.0 50"));
	assert_int_equal(f->ended_count, 1);
	assert_non_null(fixture_last(f, "CANCEL"));
}

// UPDATE in either, by either side; media follow, and the winner's come back.
static void updates(void **state)
{
	struct fixture *f = *state;

	ring_twice(f);
	phone(0, "UPDATE", 3, "", SDP_PORT("10.1.1.6", 5000));
	expect_fork(fixture_last(f, "UPDATE"), "one");
	assert_int_equal(remote_port(f, REALM_CORE), 4002);
	// One exchange at a time in all dialogs.
	dialog_fork(&d, "two", "UPDATE 3", "", SDP_PORT("10.2.1.2", 4012));
	assert_non_null(fixture_last(f, "SIP/2.0 491"));
	dialog_answer(&d, &(struct dialog_answer){ .start = "UPDATE", .status = 200,
		.body = SDP_PORT("10.2.1.1", 4011) });
	const struct fixture_message *ok = fixture_last(f, "SIP/2.0 200");
	assert_true(is_for(ok, 0));
	assert_non_null(strstr(ok->text, "c=IN IP4 10.1.0.2"));
	assert_int_equal(remote_port(f, REALM_CORE), 4011);
	assert_int_equal(remote_port(f, REALM_ACCESS), 5000);
	fixture_forget(f);
	dialog_fork(&d, "two", "UPDATE 4", "", SDP_PORT("10.2.1.2", 4012));
	const struct fixture_message *update = fixture_last(f, "UPDATE");
	assert_int_equal(update->realm, REALM_ACCESS);
	assert_non_null(strstr(fixture_header(update->text, "From"), tags[1]));
	dialog_answer(&d, &(struct dialog_answer){ .start = "UPDATE", .status = 200,
		.body = FIXTURE_SDP("10.1.1.5") });
	assert_int_equal(remote_port(f, REALM_CORE), 4012);
	assert_int_equal(remote_port(f, REALM_ACCESS), 4000);
	// A third one answers the offer of the INVITE, which is long over elsewhere.
	answer(183, "three", "", SDP_PORT("10.2.1.3", 4003));
	assert_non_null(strstr(fixture_last(f, "SIP/2.0 183")->text, "v=0"));
	assert_int_equal(remote_port(f, REALM_CORE), 4003);
	answer(200, "one", "", "");
	ok = fixture_last(f, "SIP/2.0 200");
	assert_true(is_for(ok, 0));
	assert_null(strstr(ok->text, "v=0"));
	assert_int_equal(remote_port(f, REALM_CORE), 4011);
	assert_int_equal(remote_port(f, REALM_ACCESS), 5000);
	assert_int_equal(f->ended_count, 0);
}

// An UPDATE under way in a dialog that loses is answered, and its session forgotten.
static void update_is_overtaken(void **state)
{
	struct fixture *f = *state;

	ring_twice(f);
	phone(0, "UPDATE", 3, "", SDP_PORT("10.1.1.6", 5000));
	struct dialog_answer late = { .start = "UPDATE", .status = 200,
		.body = SDP_PORT("10.2.1.1", 4011) };
	answer(200, "two", "", "");
	assert_true(is_for(fixture_last(f, "SIP/2.0 481"), 0));
	assert_true(is_for(fixture_last(f, "SIP/2.0 200"), 1));
	dialog_answer(&d, &late);
	assert_int_equal(remote_port(f, REALM_CORE), 4002);
	assert_int_equal(remote_port(f, REALM_ACCESS), 4000);
	phone(1, "ACK", 1, "", "");
	phone(1, "UPDATE", 3, "", SDP_PORT("10.1.1.6", 5000));
	expect_fork(fixture_last(f, "UPDATE"), "two");
}

// A refused one changes nothing, and the next fork is heard.
static void update_is_refused(void **state)
{
	struct fixture *f = *state;

	ring_twice(f);
	phone(0, "UPDATE", 3, "", SDP_PORT("10.1.1.6", 5000));
	dialog_answer(&d, &(struct dialog_answer){ .start = "UPDATE", .status = 488 });
	assert_true(is_for(fixture_last(f, "SIP/2.0 488"), 0));
	assert_int_equal(remote_port(f, REALM_CORE), 4002);
	assert_int_equal(remote_port(f, REALM_ACCESS), 4000);
	answer(200, "one", "", "");
	assert_int_equal(remote_port(f, REALM_CORE), 4001);
	assert_int_equal(f->ended_count, 0);
}

// A reliable answer that cannot be told now is told when it comes again.
static void waits_for_an_update(void **state)
{
	struct fixture *f = *state;

	ring_twice(f);
	phone(0, "UPDATE", 3, "", SDP_PORT("10.1.1.6", 5000));
	answer(183, "three", RSEQ(7), SDP_PORT("10.2.1.3", 4003));
	assert_null(fixture_last(f, "SIP/2.0 183"));
	dialog_answer(&d, &(struct dialog_answer){ .start = "UPDATE", .status = 200,
		.body = SDP_PORT("10.2.1.1", 4011) });
	answer(183, "three", RSEQ(7), SDP_PORT("10.2.1.3", 4003));
	assert_non_null(strstr(fixture_last(f, "SIP/2.0 183")->text, "v=0"));
	assert_int_equal(remote_port(f, REALM_CORE), 4003);
}

static void cancelled(void **state)
{
	struct fixture *f = *state;

	dialog_invite(&d, f, ABLE, FIXTURE_SDP("10.1.1.5"));
	answer(183, "one", RSEQ(10), ONE);
	answer(183, "two", RSEQ(500), TWO);
	struct fixture_request cancel = { .method = "CANCEL", .cseq = 1 };
	fixture_forget(f);
	fixture_phone(f, &cancel);
	assert_int_equal(fixture_count(f, "SIP/2.0 487"), 1);
	assert_int_equal(fixture_count(f, "CANCEL"), 1);
	assert_int_equal(fixture_flows(f), 0);
	fixture_wait(f, 3000);
	assert_null(fixture_last(f, "SIP/2.0 183"));
}

// BYE ends the early dialog that it came in, and no other (RFC 3261 15).
static void bye_ends_one(void **state)
{
	struct fixture *f = *state;

	ring_twice(f);
	phone(1, "BYE", 3, "", "");
	assert_true(is_for(fixture_last(f, "SIP/2.0 200"), 1));
	expect_fork(fixture_last(f, "BYE"), "two");
	assert_int_equal(f->ended_count, 0);
	assert_int_equal(metric_read(&core_metrics(f->core)->forks_ended), 1);
	phone(1, "UPDATE", 4, "", "");
	assert_non_null(fixture_last(f, "SIP/2.0 481"));
	answer(200, "one", "", "");
	assert_true(is_for(fixture_last(f, "SIP/2.0 200"), 0));
	assert_int_equal(remote_port(f, REALM_CORE), 4001);
}

static void bye_in_the_last(void **state)
{
	struct fixture *f = *state;

	ring_twice(f);
	phone(1, "BYE", 3, "", "");
	phone(0, "BYE", 3, "", "");
	assert_int_equal(f->ended_count, 1);
	assert_int_equal(fixture_count(f, "SIP/2.0 487"), 1);
	assert_int_equal(fixture_count(f, "CANCEL"), 1);
}

// 199 is told in the dialog that is gone, to those who know it (RFC 6228).
static void gone(void **state)
{
	struct fixture *f = *state;

	ring_twice(f);
	answer(199, "two", "", "");
	assert_true(is_for(fixture_last(f, "SIP/2.0 199"), 1));
	answer(180, "one", "", "");
	assert_true(is_for(fixture_last(f, "SIP/2.0 180"), 0));
	answer(199, "one", "", "");
	assert_int_equal(fixture_count(f, "SIP/2.0 199"), 1); // the last one may yet answer
}

// Of the others the session is not told before they win.
static void first_by_profile(void **state)
{
	struct fixture *f = *state;

	f->profiles[1].flow.early_media = PROFILE_EARLY_MEDIA_FIRST;
	dialog_invite(&d, f, ABLE, FIXTURE_SDP("10.1.1.5"));
	answer(183, "one", RSEQ(1), ONE);
	fixture_to_tag(f, "SIP/2.0 183", tags[0], sizeof(tags[0]));
	phone(0, "PRACK", 2, rack_of(f, "SIP/2.0 183"), "");
	answer(183, "two", RSEQ(1), TWO);
	fixture_to_tag(f, "SIP/2.0 183", tags[1], sizeof(tags[1]));
	assert_null(strstr(fixture_last(f, "SIP/2.0 183")->text, "v=0"));
	assert_int_equal(remote_port(f, REALM_CORE), 4001);
	phone(1, "PRACK", 2, rack_of(f, "SIP/2.0 183"), "");
	expect_fork(fixture_last(f, "PRACK"), "two");
	answer(200, "two", "", "");
	assert_non_null(strstr(fixture_last(f, "SIP/2.0 200")->text, "v=0"));
	assert_int_equal(remote_port(f, REALM_CORE), 4002);
}

// An INVITE without an offer: each dialog brings its own, answered in its PRACK.
static void late_offers(void **state)
{
	struct fixture *f = *state;

	dialog_invite(&d, f, ABLE, "");
	answer(183, "one", RSEQ(1), ONE);
	fixture_to_tag(f, "SIP/2.0 183", tags[0], sizeof(tags[0]));
	const char *rack = rack_of(f, "SIP/2.0 183");
	answer(183, "two", RSEQ(1), TWO); // comes too early
	assert_int_equal(fixture_count(f, "SIP/2.0 183"), 1);
	phone(0, "PRACK", 2, rack, SDP_PORT("10.1.1.5", 5001));
	expect_fork(fixture_last(f, "PRACK"), "one");
	dialog_answer(&d, &(struct dialog_answer){ .start = "PRACK", .status = 200 });
	answer(183, "two", RSEQ(1), TWO);
	fixture_to_tag(f, "SIP/2.0 183", tags[1], sizeof(tags[1]));
	assert_string_not_equal(tags[0], tags[1]);
	assert_non_null(strstr(fixture_last(f, "SIP/2.0 183")->text, "v=0"));
	phone(1, "PRACK", 2, rack_of(f, "SIP/2.0 183"), SDP_PORT("10.1.1.5", 5002));
	expect_fork(fixture_last(f, "PRACK"), "two");
	assert_non_null(strstr(fixture_last(f, "PRACK")->text, "v=0"));
	assert_int_equal(remote_port(f, REALM_CORE), 4002);
	assert_int_equal(remote_port(f, REALM_ACCESS), 5002);
	answer(200, "one", "", "");
	assert_null(strstr(fixture_last(f, "SIP/2.0 200")->text, "v=0"));
	assert_int_equal(remote_port(f, REALM_CORE), 4001);
	assert_int_equal(remote_port(f, REALM_ACCESS), 5001);
	phone(0, "ACK", 1, "", "");
	assert_int_equal(f->ended_count, 0);
}

// No more than eight are ever shown, whoever answers is.
static void bounded(void **state)
{
	struct fixture *f = *state;
	char tag[16];

	dialog_invite(&d, f, "", FIXTURE_SDP("10.1.1.5"));
	for (uint32_t i = 0; i < FACES_PER_CALL + 2; i++) {
		snprintf(tag, sizeof(tag), "fork%u", i);
		answer(180, tag, "", "");
		if (i > 0)
			answer(199, tag, "", ""); // room for others
	}
	assert_int_equal(fixture_count(f, "SIP/2.0 180"), FACES_PER_CALL);
	answer(200, "fork99", "", SDP_PORT("10.2.1.3", 4099));
	assert_int_equal(remote_port(f, REALM_CORE), 4099);
	expect_fork(fixture_last(f, "ACK"), "fork99");
}

// Of one who sees all of it the lines of an answer are those of its own dialog, also repeated.
static void says_who_it_is(void **state)
{
	struct fixture *f = *state;

	dialog_invite(&d, f, ABLE, FIXTURE_SDP("10.1.1.5"));
	answer(183, "one", RSEQ(1) "P-Asserted-Identity: <sip:first@x>\r\n", ONE);
	answer(180, "two", "P-Asserted-Identity: <sip:second@x>\r\n", "");
	assert_non_null(strstr(fixture_last(f, "SIP/2.0 180")->text, "second@"));
	fixture_forget(f);
	fixture_wait(f, 600);
	const struct fixture_message *again = fixture_last(f, "SIP/2.0 183");
	assert_non_null(again);
	assert_non_null(strstr(again->text, "first@"));
	assert_null(strstr(again->text, "second@"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_all, fixture_close)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(each_has_a_tag),
		TEST(second_wins),
		TEST(acknowledged_apart),
		TEST(one_is_never_acknowledged),
		TEST(updates),
		TEST(update_is_overtaken),
		TEST(update_is_refused),
		TEST(waits_for_an_update),
		TEST(cancelled),
		TEST(bye_ends_one),
		TEST(bye_in_the_last),
		TEST(gone),
		TEST(first_by_profile),
		TEST(late_offers),
		TEST(bounded),
		TEST(says_who_it_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
