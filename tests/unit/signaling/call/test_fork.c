// Several early dialogs of one INVITE.
#include "dialog.h"

#include "call/fork.h"

#define ABLE    "Supported: 100rel\r\nAllow: INVITE, PRACK, UPDATE\r\n"
#define RSEQ(n) "Require: 100rel\r\nAllow: INVITE, PRACK, UPDATE\r\nRSeq: " #n "\r\n"
#define SDP_PORT(ip, port)                                                                         \
	"v=0\r\no=secret 1 1 IN IP4 " ip "\r\ns=secret\r\nc=IN IP4 " ip "\r\nt=0 0\r\n"            \
	"m=audio " #port " RTP/AVP 8\r\n"

static struct dialog d;

static void answer(uint32_t status, const char *tag, const char *extra, const char *body)
{
	dialog_answer(&d, &(struct dialog_answer){ .start = "INVITE", .status = status, .tag = tag,
		.extra = extra, .body = body });
}

static uint16_t remote_port(const struct fixture *f)
{
	for (uint32_t port = 20000; port < 20256; port += 2) {
		const struct flow_cfg *cfg = flow_lookup(&f->view, REALM_CORE, (uint16_t)port);

		if (cfg)
			return cfg->remote_port;
	}
	return 0;
}

static const char *to_tag(const struct fixture *f, const char *start)
{
	static char tags[4][64];
	static uint32_t next;
	char *tag = tags[next++ % 4];

	fixture_to_tag(f, start, tag, sizeof(tags[0]));
	return tag;
}

// The caller sees one dialog; early media follow the newest fork, the answer follows the winner.
static void newest_then_winner(void **state)
{
	struct fixture *f = *state;

	dialog_invite(&d, f, "", FIXTURE_SDP("10.1.1.5"));
	answer(183, "one", "", SDP_PORT("10.2.1.1", 4001));
	assert_int_equal(remote_port(f), 4001);
	const char *tag = to_tag(f, "SIP/2.0 183");
	answer(183, "two", "", SDP_PORT("10.2.1.2", 4002));
	assert_int_equal(remote_port(f), 4002);
	assert_string_equal(to_tag(f, "SIP/2.0 183"), tag);
	answer(200, "one", "", SDP_PORT("10.2.1.1", 4001));
	assert_int_equal(remote_port(f), 4001);
	assert_string_equal(to_tag(f, "SIP/2.0 200"), tag);
	const struct fixture_message *ack = fixture_last(f, "ACK");
	assert_non_null(strstr(fixture_header(ack->text, "To"), ";tag=one"));
	// The other one answers too, and is let go.
	answer(200, "two", "", SDP_PORT("10.2.1.2", 4002));
	const struct fixture_message *bye = fixture_last(f, "BYE");
	assert_non_null(strstr(fixture_header(bye->text, "To"), ";tag=two"));
	assert_int_equal(remote_port(f), 4001);
	assert_int_equal(f->ended_count, 0);
	assert_int_equal(metric_read(&core_metrics(f->core)->forks), 1);
}

static void first_by_profile(void **state)
{
	struct fixture *f = *state;

	f->profiles[1].flow.early_media = PROFILE_EARLY_MEDIA_FIRST; // the carrier's
	dialog_invite(&d, f, "", FIXTURE_SDP("10.1.1.5"));
	answer(183, "one", "", SDP_PORT("10.2.1.1", 4001));
	answer(183, "two", "", SDP_PORT("10.2.1.2", 4002));
	assert_int_equal(remote_port(f), 4001);
	answer(200, "two", "", SDP_PORT("10.2.1.2", 4002));
	assert_int_equal(remote_port(f), 4002);
}

// Each fork has its own RSeq; PRACKs go to the one that they acknowledge, with its own CSeq.
static void prack_in_its_dialog(void **state)
{
	struct fixture *f = *state;
	char rack[64];

	dialog_invite(&d, f, ABLE, FIXTURE_SDP("10.1.1.5"));
	answer(183, "one", RSEQ(10), SDP_PORT("10.2.1.1", 4001));
	fixture_to_tag(f, "SIP/2.0 183", d.tag_a, sizeof(d.tag_a));
	const struct fixture_message *m = fixture_last(f, "SIP/2.0 183");
	snprintf(rack, sizeof(rack), "RAck: %s 1 INVITE\r\n", fixture_header(m->text, "RSeq"));
	answer(180, "two", RSEQ(500), "");
	assert_null(fixture_last(f, "SIP/2.0 180")); // waits
	dialog_phone(&d, "PRACK", 2, rack, "");
	const struct fixture_message *first = fixture_last(f, "PRACK");
	assert_non_null(strstr(fixture_header(first->text, "To"), ";tag=one"));
	assert_memory_equal(fixture_header(first->text, "RAck"), "10 ", 3);
	m = fixture_last(f, "SIP/2.0 180");
	snprintf(rack, sizeof(rack), "RAck: %s 1 INVITE\r\n", fixture_header(m->text, "RSeq"));
	dialog_phone(&d, "PRACK", 3, rack, "");
	const struct fixture_message *second = fixture_last(f, "PRACK");
	assert_non_null(strstr(fixture_header(second->text, "To"), ";tag=two"));
	assert_memory_equal(fixture_header(second->text, "RAck"), "500 ", 4);
	assert_int_equal(atoi(fixture_header(second->text, "CSeq")),
		atoi(fixture_header(first->text, "CSeq")));
	// The first one wins without saying its session again.
	answer(200, "one", "", "");
	assert_int_equal(remote_port(f), 4001);
	dialog_phone(&d, "ACK", 1, "", "");
	answer(200, "two", "", SDP_PORT("10.2.1.2", 4002));
	const struct fixture_message *bye = fixture_last(f, "BYE");
	assert_true(atoi(fixture_header(bye->text, "CSeq")) >
		atoi(fixture_header(second->text, "CSeq")));
}

// Two were answered reliably, and the one that is not in force wins with an empty 2xx.
static void winner_said_it_before(void **state)
{
	struct fixture *f = *state;

	dialog_invite(&d, f, "", FIXTURE_SDP("10.1.1.5"));
	answer(183, "one", RSEQ(1), SDP_PORT("10.2.1.1", 4001));
	answer(183, "two", RSEQ(1), SDP_PORT("10.2.1.2", 4002));
	assert_int_equal(remote_port(f), 4002);
	answer(200, "one", "", "");
	assert_int_equal(remote_port(f), 4001);
	assert_non_null(strstr(fixture_last(f, "SIP/2.0 200")->text, "v=0"));
}

// The winner has never said what it takes; what another fork said is not its answer.
static void winner_said_nothing(void **state)
{
	struct fixture *f = *state;

	dialog_invite(&d, f, "", FIXTURE_SDP("10.1.1.5"));
	answer(183, "one", "", SDP_PORT("10.2.1.1", 4001));
	answer(180, "two", "", "");
	answer(200, "two", "", "");
	assert_null(fixture_last(f, "SIP/2.0 200"));
	assert_non_null(fixture_last(f, "SIP/2.0 488"));
	const struct fixture_message *bye = fixture_last(f, "BYE");
	assert_non_null(strstr(fixture_header(bye->text, "To"), ";tag=two"));
}

static void update_in_its_dialog(void **state)
{
	struct fixture *f = *state;

	dialog_invite(&d, f, "", FIXTURE_SDP("10.1.1.5"));
	answer(180, "one", "", "");
	answer(180, "two", "", "");
	dialog_fork(&d, "one", "UPDATE 7", "", "");
	dialog_fork(&d, "two", "UPDATE 3", "", ""); // a CSeq of its own
	assert_non_null(fixture_last(f, "SIP/2.0 200"));
	assert_null(fixture_last(f, "SIP/2.0 500"));
	dialog_fork(&d, "three", "UPDATE 9", "", "");
	assert_non_null(fixture_last(f, "SIP/2.0 481"));
}

// 199 ends one of them, nothing of it crosses.
static void gone(void **state)
{
	struct fixture *f = *state;

	dialog_invite(&d, f, "", FIXTURE_SDP("10.1.1.5"));
	answer(180, "one", "", "");
	answer(180, "two", "", "");
	answer(199, "two", "", "");
	assert_null(fixture_last(f, "SIP/2.0 199"));
	dialog_fork(&d, "two", "UPDATE 7", "", "");
	assert_non_null(fixture_last(f, "SIP/2.0 481"));
	dialog_fork(&d, "one", "UPDATE 7", "", "");
	assert_non_null(fixture_last(f, "SIP/2.0 200"));
}

// The one whose media were first is gone: another one's are heard again.
static void first_is_gone(void **state)
{
	struct fixture *f = *state;

	f->profiles[1].flow.early_media = PROFILE_EARLY_MEDIA_FIRST;
	dialog_invite(&d, f, "", FIXTURE_SDP("10.1.1.5"));
	answer(183, "one", "", SDP_PORT("10.2.1.1", 4001));
	answer(183, "two", "", SDP_PORT("10.2.1.2", 4002));
	answer(199, "one", "", "");
	assert_int_equal(remote_port(f), 4001);
	answer(183, "two", "", SDP_PORT("10.2.1.2", 4002));
	assert_int_equal(remote_port(f), 4002);
}

#define UUID_ONE "11111111111111111111111111111111"
#define UUID_TWO "22222222222222222222222222222222"

// What a fork says that lost is not said of the one that won.
static void loser_is_not_heard(void **state)
{
	struct fixture *f = *state;

	dialog_invite(&d, f, "", FIXTURE_SDP("10.1.1.5"));
	answer(200, "one", "Session-ID: " UUID_ONE "\r\n", SDP_PORT("10.2.1.1", 4001));
	fixture_to_tag(f, "SIP/2.0 200", d.tag_a, sizeof(d.tag_a));
	dialog_phone(&d, "ACK", 1, "", "");
	answer(200, "two", "Session-ID: " UUID_TWO "\r\n", SDP_PORT("10.2.1.2", 4002));
	fixture_forget(f);
	dialog_phone(&d, "BYE", 2, "", "");
	const struct fixture_message *bye = fixture_last(f, "BYE");
	assert_non_null(strstr(fixture_header(bye->text, "To"), ";tag=one"));
	assert_non_null(strstr(fixture_header(bye->text, "Session-ID"), ";remote=" UUID_ONE));
}

// Its dialog was dropped, yet it answers: the BYE has no number that its PRACK had.
static void gone_answers(void **state)
{
	struct fixture *f = *state;

	dialog_invite(&d, f, "", FIXTURE_SDP("10.1.1.5"));
	answer(180, "one", "", "");
	answer(183, "two", RSEQ(1), SDP_PORT("10.2.1.2", 4002));
	int prack = atoi(fixture_header(fixture_last(f, "PRACK")->text, "CSeq"));
	answer(199, "two", "", "");
	answer(200, "one", "", SDP_PORT("10.2.1.1", 4001));
	answer(200, "two", "", SDP_PORT("10.2.1.2", 4002));
	const struct fixture_message *bye = fixture_last(f, "BYE");
	assert_non_null(strstr(fixture_header(bye->text, "To"), ";tag=two"));
	assert_true(atoi(fixture_header(bye->text, "CSeq")) > prack);
}

// The caller, who made no offer, has answered that of one fork. Another one, which offers in its
// 2xx, can have no answer: it is not left waiting for one.
static void late_offer_of_two(void **state)
{
	struct fixture *f = *state;
	char rack[64];

	dialog_invite(&d, f, ABLE, "");
	answer(183, "one", RSEQ(10), SDP_PORT("10.2.1.1", 4001));
	fixture_to_tag(f, "SIP/2.0 183", d.tag_a, sizeof(d.tag_a));
	snprintf(rack, sizeof(rack), "RAck: %s 1 INVITE\r\n",
		fixture_header(fixture_last(f, "SIP/2.0 183")->text, "RSeq"));
	dialog_phone(&d, "PRACK", 2, rack, FIXTURE_SDP("10.1.1.5"));
	answer(200, "two", "", SDP_PORT("10.2.1.2", 4002));
	assert_non_null(fixture_last(f, "SIP/2.0 488"));
	assert_non_null(strstr(fixture_header(fixture_last(f, "ACK")->text, "To"), ";tag=two"));
	assert_non_null(strstr(fixture_header(fixture_last(f, "BYE")->text, "To"), ";tag=two"));
	assert_int_equal(f->ended.cause, CALL_CAUSE_MEDIA_REFUSED);
	assert_int_equal(fixture_flows(f), 0);
}

// What it answers to its BYE says nothing of the one that talks.
static void loser_is_not_learned(void **state)
{
	static const char winner[] = "47755a9de7794ba387653f2099600ef2";
	struct fixture *f = *state;

	dialog_invite(&d, f, "", FIXTURE_SDP("10.1.1.5"));
	answer(200, "one", "Session-ID: 47755a9de7794ba387653f2099600ef2\r\n",
		SDP_PORT("10.2.1.1", 4001));
	fixture_to_tag(f, "SIP/2.0 200", d.tag_a, sizeof(d.tag_a));
	dialog_phone(&d, "ACK", 1, "", "");
	answer(200, "two", "", SDP_PORT("10.2.1.2", 4002));
	dialog_answer(&d, &(struct dialog_answer){ .start = "BYE", .status = 200,
		.extra = "Session-ID: ab30317f1a784dc48ff824d0d3715d86\r\n" });
	dialog_phone(&d, "INVITE", 2, "", FIXTURE_SDP("10.1.1.5"));
	const char *id = fixture_header(fixture_last(f, "INVITE")->text, "Session-ID");
	assert_string_equal(strstr(id, ";remote=") + 8, winner);
}

static void bounded(void **state)
{
	struct fixture *f = *state;
	char tag[16];

	dialog_invite(&d, f, "", FIXTURE_SDP("10.1.1.5"));
	for (uint32_t i = 0; i < FORKS_PER_CALL + 3; i++) {
		snprintf(tag, sizeof(tag), "fork%u", i);
		answer(180, tag, "", "");
	}
	assert_int_equal(metric_read(&core_metrics(f->core)->forks), FORKS_PER_CALL);
	assert_int_equal(metric_read(&core_metrics(f->core)->forks_full), 2);
	// Nobody who answers is turned away.
	answer(200, "fork99", "", SDP_PORT("10.2.1.3", 4099));
	assert_int_equal(remote_port(f), 4099);
	assert_non_null(strstr(fixture_header(fixture_last(f, "ACK")->text, "To"), "fork99"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_open, fixture_close)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(newest_then_winner),
		TEST(first_by_profile),
		TEST(prack_in_its_dialog),
		TEST(winner_said_it_before),
		TEST(winner_said_nothing),
		TEST(update_in_its_dialog),
		TEST(gone),
		TEST(first_is_gone),
		TEST(loser_is_not_heard),
		TEST(gone_answers),
		TEST(late_offer_of_two),
		TEST(loser_is_not_learned),
		TEST(bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
