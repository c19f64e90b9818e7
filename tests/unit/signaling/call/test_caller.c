// A PBX with a range of numbers (RFC 6140): it calls by its own ones only, and has one contact for
// all of them.
#include "dialog.h"
#include "params.h"

#include "call/caller.h"

#define PAI(user) "P-Asserted-Identity: <sip:" user "@pbx.example>\r\n"
#define PPI(user) "P-Preferred-Identity: <sip:" user "@pbx.example>\r\n"

static const struct config_trunk pbx = { .numbers = { SPAN_LIT("+4930123*"), SPAN_LIT("110") },
	.number_count = 2, .callers = CONFIG_CALLERS_REFUSE,
	.main_number = SPAN_LIT("+49301230") };

static void own(void **state)
{
	static const struct { const char *user; bool is_own; } cases[] = {
		{ "+493012345", true }, { "110", true }, { "+49301230", true }, { "+4930", false },
		{ "1101", false }, { "", false }, { "anonymous", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(caller_is_own(&pbx, span_str(cases[i].user)), cases[i].is_own);
}

static void checked(void **state)
{
	static const struct {
		const char *from, *headers;
		bool is_taken;     // where foreign ones are refused
		const char *user;  // where they are replaced
	} cases[] = {
		{ "<sip:+493012345@x>;tag=1", "", true, "+493012345" },
		{ "<sip:+491701@x>;tag=1", "", false, "+49301230" },
		{ "<sip:+493012345@x>;tag=1", PAI("+493012346"), true, "+493012345" },
		{ "<sip:+493012345@x>;tag=1", PAI("+491701"), false, "+493012345" },
		{ "<sip:+493012345@x>;tag=1", PPI("+491701"), false, "+493012345" },
		{ "<sip:+493012345@x>;tag=1", PAI("110") PAI("+491701"), false, "+493012345" },
		{ "<sip:+491701@x>;tag=1", PAI("+493012345"), false, "+49301230" },
		{ "<tel:+491701>;tag=1", "", false, "+49301230" },
		{ "<sip:pbx.example>;tag=1", "", false, "+49301230" },
		// Who is anonymous is named elsewhere.
		{ "<sip:anonymous@anonymous.invalid>;tag=1", "", false, "anonymous" },
		{ "<sip:anonymous@anonymous.invalid>;tag=1", PAI("110"), true, "anonymous" },
		{ "<sip:anonymous@anonymous.invalid>;tag=1", PAI("1"), false, "anonymous" },
		{ "<sip:anonymous@pbx.example>;tag=1", PAI("110"), false, "+49301230" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct config_trunk trunk = pbx;
		char user[CALL_PARTY_MAX];
		char buf[CALL_PARTY_MAX];
		struct span said;

		params_parse("INVITE sip:1@x SIP/2.0", cases[i].from, cases[i].headers);
		assert_int_equal(sip_uri_user(&params_msg.from.uri, buf, sizeof(buf), &said), 0);
		assert_int_equal(span_copy(said, user, sizeof(user)), 0);
		assert_int_equal(caller_check(&trunk, &params_msg, user), cases[i].is_taken);
		assert_true(span_eq(span_str(user), said));
		trunk.callers = CONFIG_CALLERS_REPLACE;
		assert_true(caller_check(&trunk, &params_msg, user));
		assert_string_equal(user, cases[i].user);
		trunk.callers = CONFIG_CALLERS_ANY;
		assert_int_equal(span_copy(said, user, sizeof(user)), 0);
		assert_true(caller_check(&trunk, &params_msg, user));
		assert_true(span_eq(span_str(user), said));
	}
}

// Whom the carrier hears of.
static void asserted(void **state)
{
	static const struct {
		const char *headers;
		bool is_trusted; // the PBX's realm
		enum profile_assert identity;
		const char *told;
	} cases[] = {
		{ PAI("+493012345"), true, PROFILE_ASSERT_NONE, "+493012345" },
		{ PAI("+491701"), true, PROFILE_ASSERT_NONE, "+49301230" },
		{ PAI("+491701") PAI("110"), true, PROFILE_ASSERT_NONE, "110" },
		{ "", true, PROFILE_ASSERT_NONE, "+49301230" },
		{ PPI("+493012345"), false, PROFILE_ASSERT_PREFERRED, "+493012345" },
		{ PPI("+491701"), false, PROFILE_ASSERT_PREFERRED, "+49301230" },
		{ "", false, PROFILE_ASSERT_FROM, "+49301230" },
		{ "", false, PROFILE_ASSERT_NONE, NULL },
	};
	struct config_trunk trunk = pbx;

	(void)state;
	trunk.callers = CONFIG_CALLERS_REPLACE;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct hide_params params = params_make(cases[i].is_trusted, true);
		char out[1024], line[256] = "";
		struct sip_writer w;

		params.caller = &trunk;
		params_from.headers.identity = cases[i].identity;
		params_parse("INVITE sip:1@x SIP/2.0", "\"Foe\" <sip:+491701@x>;tag=1",
			cases[i].headers);
		sip_writer_init(&w, out, sizeof(out));
		identity_put(&w, &params);
		if (cases[i].told)
			snprintf(line, sizeof(line),
				"P-Asserted-Identity: <sip:%s@10.2.0.1:5060>\r\n", cases[i].told);
		params_expect(&w, line, cases[i].headers);
		sip_writer_init(&w, out, sizeof(out));
		identity_put_from(&w, &params, trunk.main_number);
		params_expect(&w, "<sip:+49301230@10.2.0.1:5060>", "From without a name");
	}
	params_from.headers.identity = PROFILE_ASSERT_NONE;
}

static void make_pbx(struct fixture *f, enum config_callers callers)
{
	f->trunks[0].numbers[0] = SPAN_LIT("+4930123*");
	f->trunks[0].number_count = 1;
	f->trunks[0].main_number = SPAN_LIT("+49301230");
	f->trunks[0].callers = callers;
	f->config.has_checked_callers = true;
}

// The phone of the fixture calls itself 55.
static void refused(void **state)
{
	struct fixture *f = *state;
	struct fixture_request invite = { .method = "INVITE", .cseq = 1,
		.body = FIXTURE_SDP("10.1.1.5") };

	make_pbx(f, CONFIG_CALLERS_REFUSE);
	fixture_phone(f, &invite);
	assert_non_null(fixture_last(f, "SIP/2.0 403"));
	assert_null(fixture_last(f, "INVITE"));
	assert_int_equal(metric_read(&core_metrics(f->core)->refused_caller), 1);
	// An emergency call goes on, whoever it is.
	invite.uri = "urn:service:sos";
	invite.branch = "sos";
	invite.call_id = "sos@10.1.1.5";
	f->routes[0].to = SPAN_NONE;
	fixture_phone(f, &invite);
	assert_non_null(strstr(fixture_header(fixture_last(f, "INVITE")->text, "From"), "sip:55@"));
}

static void replaced(void **state)
{
	struct fixture *f = *state;
	static struct dialog d;

	make_pbx(f, CONFIG_CALLERS_REPLACE);
	dialog_invite(&d, f, PAI("77"), FIXTURE_SDP("10.1.1.5"));
	const struct fixture_message *m = fixture_last(f, "INVITE");
	assert_memory_equal(fixture_header(m->text, "From"), "<sip:+49301230@", 15);
	assert_memory_equal(fixture_header(m->text, "P-Asserted-Identity"), "<sip:+49301230@", 15);
	dialog_answer(&d, &(struct dialog_answer){ .start = "INVITE", .status = 200,
		.body = FIXTURE_SDP("10.2.1.1") });
	fixture_to_tag(f, "SIP/2.0 200", d.tag_a, sizeof(d.tag_a));
	dialog_phone(&d, "ACK", 1, "", "");
	fixture_forget(f);
	dialog_phone(&d, "INVITE", 2, PAI("77"), FIXTURE_SDP("10.1.1.6"));
	m = fixture_last(f, "INVITE");
	assert_memory_equal(fixture_header(m->text, "P-Asserted-Identity"), "<sip:+49301230@", 15);
}

static void outside_calls(void **state)
{
	struct fixture *f = *state;
	struct fixture_request message = { .method = "MESSAGE", .cseq = 1,
		.extra = "Content-Type: text/plain\r\n", .body = "hello" };

	f->profiles[0].headers.requests = f->profiles[1].headers.requests = PROFILE_REQUEST_ALL;
	make_pbx(f, CONFIG_CALLERS_REFUSE);
	fixture_phone(f, &message);
	assert_non_null(fixture_last(f, "SIP/2.0 403"));
	f->trunks[0].callers = CONFIG_CALLERS_REPLACE;
	message.branch = "again";
	message.call_id = "again@10.1.1.5";
	fixture_phone(f, &message);
	assert_memory_equal(fixture_header(fixture_last(f, "MESSAGE")->text, "From"),
		"<sip:+49301230@", 15);
}

// A PBX that has one contact for all of its numbers (RFC 6140 5.3): requests go to its hosts and
// are addressed by that.
static void bulk(void **state)
{
	struct fixture *f = *state;
	struct fixture_request request = { .method = "INVITE", .cseq = 1,
		.body = FIXTURE_SDP("10.1.1.5") };
	struct fixture_request message = { .method = "MESSAGE", .cseq = 1, .body = "hello",
		.extra = "Content-Type: text/plain\r\n", .branch = "m", .call_id = "m" };

	f->trunks[1].bulk_contact = SPAN_LIT("sip:pbx.example.com:5070;transport=tcp;bnc;x=1");
	f->trunks[1].numbers[0] = SPAN_LIT("+4910*");
	f->trunks[1].number_count = 1;
	f->profiles[0].headers.requests = PROFILE_REQUEST_ALL;
	fixture_phone(f, &request);
	const struct fixture_message *m = fixture_last(f,
		"INVITE sip:+49100@pbx.example.com:5070;transport=tcp;x=1 SIP/2.0\r\n");
	assert_non_null(m);
	struct addr host = fixture_addr("10.2.1.1");
	assert_true(addr_eq(&m->target, &host));
	// The next host is another way to the same contact.
	fixture_carrier(f, "INVITE", 503, "");
	m = fixture_last(f, "INVITE sip:+49100@pbx.example.com:5070;transport=tcp;x=1 ");
	host = fixture_addr("10.2.1.2");
	assert_true(addr_eq(&m->target, &host));
	fixture_phone(f, &message);
	assert_non_null(fixture_last(f,
		"MESSAGE sip:+49100@pbx.example.com:5070;transport=tcp;x=1 SIP/2.0\r\n"));
	// Not one of its numbers.
	request = (struct fixture_request){ .method = "INVITE", .cseq = 1, .uri = "sip:120@x",
		.branch = "n", .call_id = "n", .body = FIXTURE_SDP("10.1.1.5") };
	fixture_phone(f, &request);
	assert_non_null(fixture_last(f, "SIP/2.0 404"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_open, fixture_close)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(own),
		cmocka_unit_test(checked),
		cmocka_unit_test(asserted),
		TEST(refused),
		TEST(replaced),
		TEST(outside_calls),
		TEST(bulk),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
