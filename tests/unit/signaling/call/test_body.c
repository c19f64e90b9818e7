// Bodies between the legs: the description is negotiated, listed parts go along, others do not.
#include "dialog.h"

#include "sip/multipart.h"

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_open, fixture_close)
#define TYPE       "Content-Type: multipart/mixed;boundary=secret\r\n"
#define SDP(ip)    "--secret\r\nContent-Type: application/sdp\r\n\r\n" FIXTURE_SDP(ip) "\r\n"
#define SDP_A      SDP("10.1.1.5")
#define SDP_B      SDP("10.2.1.1")
#define ISUP(text)                                                                                 \
	"--secret\r\nContent-Type: application/isup;version=itu\r\n"                               \
	"Content-Disposition: signal;handling=optional\r\nX-Secret: secret\r\n\r\n" text "\r\n"
#define PLACE                                                                                      \
	"--secret\r\nContent-Type: application/pidf+xml\r\nContent-ID: <target@host>\r\n\r\n" \
	"<p/>\r\n"
#define END "--secret--\r\n"

static struct span bodies[] = { SPAN_LIT("application/isup"), SPAN_LIT("application/pidf+xml") };
static struct dialog d;

static void list_bodies(struct fixture *f, uint32_t phones, uint32_t carrier)
{
	f->profiles[0].sdp.bodies = f->profiles[1].sdp.bodies = bodies;
	f->profiles[0].sdp.body_count = phones;
	f->profiles[1].sdp.body_count = carrier;
}

// The newest message that starts so has this body type and these parts, "type=data" joined by '|',
// descriptions as "sdp". Nothing of the sender is left.
static void expect(struct fixture *f, const char *start, const char *wanted)
{
	static struct body_parts parts;
	char text[4096] = "";
	const struct fixture_message *m = fixture_last(f, start);
	size_t len = 0;

	assert_non_null(m);
	struct span type = span_str(fixture_header(m->text, "Content-Type"));
	struct span body = span_str(strstr(m->text, "\r\n\r\n") + 4);
	assert_int_equal(atoi(fixture_header(m->text, "Content-Length")), body.len);
	parts = (struct body_parts){ .count = body.len > 0,
		.part[0] = { .type = type, .data = body } };
	if (multipart_is(type))
		assert_int_equal(multipart_parse(type, body, &parts), 0);
	for (uint32_t i = 0; i < parts.count; i++) {
		const struct body_part *part = &parts.part[i];
		bool is_sdp = span_eq(part->type, SPAN_LIT("application/sdp"));

		len += (size_t)snprintf(text + len, sizeof(text) - len,
			"%s" SPAN_FMT "%s" SPAN_FMT, i ? "|" : "",
			SPAN_ARG(is_sdp ? SPAN_LIT("sdp") : part->type), is_sdp ? "" : "=",
			SPAN_ARG(is_sdp ? SPAN_NONE : part->data));
	}
	if (strcmp(text, wanted) != 0)
		fail_msg("%s: %s, expected %s", start, text, wanted);
	assert_null(strstr(m->text, "secret\r\n"));
	assert_null(strstr(m->text, "X-Secret"));
}

static void carried(void **state)
{
	struct fixture *f = *state;

	list_bodies(f, 2, 2);
	dialog_invite(&d, f, TYPE, SDP_A ISUP("IAM") PLACE END);
	expect(f, "INVITE", "sdp|application/isup=IAM|application/pidf+xml=<p/>");
	const char *invite = fixture_last(f, "INVITE")->text;
	assert_non_null(strstr(invite, "\r\nContent-ID: <target@host>\r\n"));
	assert_non_null(strstr(invite,
		"Accept: application/sdp, application/isup, application/pidf+xml, "
		"multipart/mixed\r\n"));
	dialog_answer(&d, &(struct dialog_answer){ .start = "INVITE", .status = 180,
		.extra = "Content-Type: application/isup\r\n", .body = "ACM" });
	expect(f, "SIP/2.0 180", "application/isup=ACM");
	dialog_answer(&d, &(struct dialog_answer){ .start = "INVITE", .status = 200,
		.extra = TYPE, .body = ISUP("ANM") SDP_B END });
	expect(f, "SIP/2.0 200", "sdp|application/isup=ANM");
	fixture_to_tag(f, "SIP/2.0 200", d.tag_a, sizeof(d.tag_a));
	dialog_phone(&d, "ACK", 1, "", "");
	dialog_phone(&d, "INVITE", 2, TYPE, SDP_A ISUP("CPG") END);
	expect(f, "INVITE", "sdp|application/isup=CPG");
	dialog_answer(&d, &(struct dialog_answer){ .start = "INVITE", .status = 200,
		.body = FIXTURE_SDP("10.2.1.1") });
	expect(f, "SIP/2.0 200", "sdp");
	dialog_phone(&d, "ACK", 2, "", "");
	dialog_phone(&d, "BYE", 3, "Content-Type: application/isup\r\n", "REL");
	expect(f, "BYE", "application/isup=REL");
	assert_int_equal(metric_read(&core_metrics(f->core)->parts_passed), 6);
}

static void refused_call(void **state)
{
	struct fixture *f = *state;

	list_bodies(f, 1, 1);
	dialog_invite(&d, f, "", FIXTURE_SDP("10.1.1.5"));
	dialog_answer(&d, &(struct dialog_answer){ .start = "INVITE", .status = 486,
		.extra = "Content-Type: application/isup\r\n", .body = "REL" });
	expect(f, "SIP/2.0 486", "application/isup=REL");
}

// Failover repeats what the first host got.
static void next_host(void **state)
{
	struct fixture *f = *state;

	list_bodies(f, 1, 1);
	dialog_invite(&d, f, TYPE, SDP_A ISUP("IAM") END);
	fixture_forget(f);
	fixture_wait(f, 4100);
	expect(f, "INVITE", "sdp|application/isup=IAM");
}

static void without_description(void **state)
{
	struct fixture *f = *state;

	list_bodies(f, 1, 1);
	dialog_invite(&d, f, "Content-Type: application/isup\r\n", "IAM");
	expect(f, "INVITE", "application/isup=IAM");
	dialog_answer(&d, &(struct dialog_answer){ .start = "INVITE", .status = 200,
		.body = FIXTURE_SDP("10.2.1.1") });
	expect(f, "SIP/2.0 200", "sdp"); // a late offer
}

static void by_list_of_both(void **state)
{
	static const struct {
		uint32_t phones, carrier;
		const char *body, *wanted; // NULL: 415
	} cases[] = {
		{ 0, 2, SDP_A ISUP("1") END, "sdp" },
		{ 2, 0, SDP_A ISUP("1") END, "sdp" },
		{ 2, 1, SDP_A PLACE END, NULL }, // it must be understood, and is not listed
		{ 1, 2, SDP_A PLACE END, NULL },
		{ 0, 0, SDP_A SDP_A END, NULL },
		{ 0, 0, SDP_A END, "sdp" },
		{ 0, 0, "--secret\r\nContent-Type: multipart/alternative;boundary=y\r\n\r\n--y\r\n"
			"\r\nplain\r\n--y\r\nContent-Type: application/sdp\r\n\r\n"
			FIXTURE_SDP("10.1.1.5") "\r\n--y\r\nContent-Type: a/b\r\n\r\n?\r\n--y--\r\n"
			END, "sdp" },
		{ 2, 2, "--secret\r\nContent-Type: multipart/alternative;boundary=y\r\n\r\n--y\r\n"
			"Content-Type: application/isup\r\n\r\n1\r\n--y\r\n"
			"Content-Type: application/pidf+xml\r\n\r\n2\r\n--y\r\n"
			"Content-Type: a/b\r\n\r\n3\r\n--y--\r\n" SDP_A END,
			"sdp|application/pidf+xml=2" },
		{ 0, 0, "--secret\r\nContent-Type: application/sdp\r\n"
			"Content-Disposition: early-session\r\n\r\nv=0\r\n" SDP_A END, NULL },
		{ 0, 0, "--secret\r\nContent-Type: application/sdp\r\n"
			"Content-Disposition: early-session;handling=optional\r\n\r\nv=0\r\n" SDP_A
			END, "sdp" },
		{ 0, 0, "--secret\r\nContent-Type: application/sdp\r\n"
			"Content-Transfer-Encoding: base64\r\n\r\ndj0w\r\n" END, NULL },
		{ 2, 2, SDP_A "--secret\r\nContent-Type: application/isup\r\n"
			"Content-Encoding: gzip\r\n\r\n1\r\n" END, NULL },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct fixture_request invite = { .method = "INVITE", .cseq = 1, .extra = TYPE,
			.body = cases[i].body };
		struct fixture *f;
		assert_int_equal(fixture_open(state), 0);
		f = *state;
		list_bodies(f, cases[i].phones, cases[i].carrier);
		fixture_phone(f, &invite);
		if (cases[i].wanted)
			expect(f, "INVITE", cases[i].wanted);
		else if (!fixture_last(f, "SIP/2.0 415"))
			fail_msg("case %zu was not refused", i);
		fixture_close(state);
	}
}

// A response cannot be refused: what does not cross is left out.
static void of_responses(void **state)
{
	struct fixture *f = *state;

	dialog_invite(&d, f, "", FIXTURE_SDP("10.1.1.5"));
	dialog_answer(&d, &(struct dialog_answer){ .start = "INVITE", .status = 200,
		.extra = TYPE, .body = PLACE SDP_B END });
	expect(f, "SIP/2.0 200", "sdp");
	assert_int_equal(metric_read(&core_metrics(f->core)->bodies_unsupported), 1);
}

// What is too large for our buffer does not cross, the call does.
static void too_large(void **state)
{
	static char body[24576];
	struct fixture *f = *state;
	struct fixture_request invite = { .method = "INVITE", .cseq = 1, .extra = TYPE,
		.body = body };
	int len = snprintf(body, sizeof(body),
		"%s--secret\r\nContent-Type: application/isup\r\n\r\n", SDP_A);

	memset(body + len, 'i', 17000);
	snprintf(body + len + 17000, sizeof(body) - (size_t)len - 17000, "\r\n" END);
	list_bodies(f, 1, 1);
	fixture_phone(f, &invite);
	expect(f, "INVITE", "sdp");
	assert_int_equal(metric_read(&core_metrics(f->core)->parts_lost), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(carried), TEST(refused_call), TEST(next_host), TEST(without_description),
		cmocka_unit_test(by_list_of_both), TEST(of_responses), TEST(too_large),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
