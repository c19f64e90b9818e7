// Rules on whole messages: what each action does, what no rule can do, where the limits are.
#include "unit/shared/config/patterns.h"

#include "config/header_rules.h"

#include <stdio.h>

#define REQUEST  "INVITE sip:030@sbc SIP/2.0\r\n"
#define RESPONSE "SIP/2.0 486 Busy Here\r\n"
#define CSEQ     "CSeq: 7 INVITE\r\n"

// One rule, with its expressions as text.
struct row {
	struct header_rule rule;
	const char *pattern, *when;
	const char *in, *out; // between start line and end; out NULL: unchanged
	const char *first;    // start line, NULL = REQUEST; "*" = out begins with its own
};

static const struct row rows[] = {
	{ { .action = HEADER_ADD, .name = "X-A", .value = "1" }, NULL, NULL, "X-A: 0\r\n" CSEQ,
		"X-A: 0\r\n" CSEQ "X-A: 1\r\n", NULL },
	{ { .action = HEADER_SET, .name = "X-A", .value = "1" }, NULL, NULL,
		"x-a: 0\r\nX-A: 2\r\n" CSEQ, "x-a: 1\r\n" CSEQ, NULL },
	{ { .action = HEADER_SET, .name = "X-A", .value = "1" }, NULL, NULL, CSEQ,
		CSEQ "X-A: 1\r\n", NULL },
	{ { .action = HEADER_SET, .name = "X-A", .value = "1" }, NULL, NULL, "X-A: 1\r\n" CSEQ,
		NULL, NULL },
	{ { .action = HEADER_REMOVE, .name = "Subject" }, NULL, NULL,
		"s: a\r\nSubject: b\r\n c\r\n" CSEQ, CSEQ, NULL },
	{ { .action = HEADER_REMOVE, .name = "X-*" }, NULL, NULL,
		"X-A: 1\r\nx-b: 2\r\nQ: 3\r\n" CSEQ, "Q: 3\r\n" CSEQ, NULL },
	{ { .action = HEADER_REMOVE, .name = "C*" }, NULL, NULL, "Contact: a\r\n" CSEQ, NULL,
		NULL },
	{ { .action = HEADER_REMOVE, .name = "Supported" }, "^100rel$", NULL,
		"Supported: timer\r\nk: 100rel\r\n" CSEQ, "Supported: timer\r\n" CSEQ, NULL },
	{ { .action = HEADER_RENAME, .name = "X-A", .to = "X-B" }, NULL, NULL,
		"X-A: 1\r\nX-A: 2\r\n" CSEQ, "X-B: 1\r\nX-B: 2\r\n" CSEQ, NULL },
	{ { .action = HEADER_REGEX, .name = "X-A", .replacement = "<\\1>" }, "b(.)", NULL,
		"X-A: abcbd\r\nX-A: xx\r\n" CSEQ, "X-A: a<c>bd\r\nX-A: xx\r\n" CSEQ, NULL },
	// Numbers of From and Request-URI; the tag is out of reach.
	{ { .action = HEADER_REGEX, .name = "From", .replacement = "<sip:+49\\1@" },
		"<sip:0([0-9]+)@", NULL, "f: \"x>;\" <sip:030@a>;tag=<sip:05@\r\n" CSEQ,
		"From: \"x>;\" <sip:+4930@a>;tag=<sip:05@\r\n" CSEQ, NULL },
	{ { .action = HEADER_REGEX, .name = "From", .replacement = "x" }, "tag", NULL,
		"From: <sip:1@a>;tag=1\r\n" CSEQ, NULL, NULL },
	{ { .action = HEADER_REGEX, .name = "From", .replacement = "" }, ".*", NULL,
		"From: sip:1@a;tag=1\r\n" CSEQ, "!", NULL },
	{ { .action = HEADER_SET, .name = "From", .value = "<sip:anonymous@anonymous.invalid>" },
		NULL, NULL, "From: \"A\" <sip:1@a>;tag=1\r\n" CSEQ,
		"From: <sip:anonymous@anonymous.invalid>;tag=1\r\n" CSEQ, NULL },
	{ { .action = HEADER_REGEX, .name = "Request-URI", .replacement = "sip:+49\\1@" },
		"^sip:0([0-9]+)@", NULL, CSEQ, "INVITE sip:+4930@sbc SIP/2.0\r\n" CSEQ, "*" },
	// A response echoes From and To and has no Request-URI.
	{ { .action = HEADER_SET, .name = "From", .value = "x" }, NULL, NULL,
		"From: <sip:1@a>;tag=1\r\n" CSEQ, NULL, RESPONSE },
	{ { .action = HEADER_SET, .name = "Request-URI", .value = "x" }, NULL, NULL, CSEQ, NULL,
		RESPONSE },
	// A value out of another field.
	{ { .action = HEADER_SET, .name = "X-User", .from = "From", .replacement = "\\1" },
		"<sip:([^@]*)@", NULL, "From: <sip:al@a>;tag=1\r\n" CSEQ,
		"From: <sip:al@a>;tag=1\r\n" CSEQ "X-User: al\r\n", NULL },
	{ { .action = HEADER_ADD, .name = "X-Id", .from = "Call-ID", .replacement = "\\0" },
		".*", NULL, "i: 5\r\n" CSEQ, "Call-ID: 5\r\n" CSEQ "X-Id: 5\r\n", NULL },
	{ { .action = HEADER_SET, .name = "X-User", .from = "X-None", .replacement = "\\0" }, ".*",
		NULL, CSEQ, NULL, NULL },
	// Conditions.
	{ { .action = HEADER_ADD, .name = "Z", .value = "1", .methods = { "BYE", "INVITE" },
		  .method_count = 2 }, NULL, NULL, CSEQ, CSEQ "Z: 1\r\n", NULL },
	{ { .action = HEADER_ADD, .name = "Z", .value = "1", .methods = { "BYE" },
		  .method_count = 1 }, NULL, NULL, CSEQ, NULL, NULL },
	{ { .action = HEADER_ADD, .name = "Z", .value = "1", .messages = HEADER_IN_RESPONSES },
		NULL, NULL, CSEQ, NULL, NULL },
	{ { .action = HEADER_ADD, .name = "Z", .value = "1", .messages = HEADER_IN_REQUESTS },
		NULL, NULL, CSEQ, NULL, RESPONSE },
	{ { .action = HEADER_ADD, .name = "Z", .value = "1", .when_name = "Status" }, NULL, "^48",
		CSEQ, CSEQ "Z: 1\r\n", RESPONSE },
	{ { .action = HEADER_ADD, .name = "Z", .value = "1", .when_name = "Status" }, NULL, "^2",
		CSEQ, NULL, RESPONSE },
	{ { .action = HEADER_ADD, .name = "Z", .value = "1", .when_name = "To" }, NULL, "@b>$",
		"To: <sip:2@b>;tag=1\r\n" CSEQ, "To: <sip:2@b>;tag=1\r\n" CSEQ "Z: 1\r\n", NULL },
	{ { .action = HEADER_ADD, .name = "Z", .value = "1", .when_name = "Request-URI" }, NULL,
		"^tel:", CSEQ, NULL, NULL },
	// One line stays one line.
	{ { .action = HEADER_REGEX, .name = "Z", .replacement = "\\0!" }, "(?s).+", NULL,
		"Z: a\r\n b\r\n" CSEQ, "Z: a   b!\r\n" CSEQ, NULL },
	// Too expensive: the message goes as it is.
	{ { .action = HEADER_REMOVE, .name = "Z" }, "^(a+)+$", NULL,
		"Z: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!\r\n" CSEQ, "!", NULL },
};

static void each_action(void **state)
{
	char in[1024], wanted[1024], made[1024];

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		const struct row *row = &rows[i];
		struct header_rule rule = row->rule;
		struct header_rules rules = { .list = &rule, .count = 1 };
		struct header_output out = { .buf = made, .cap = sizeof made };
		bool has_own = row->first && row->first[0] == '*';
		const char *first = row->first && !has_own ? row->first : REQUEST;
		bool is_failed = row->out && row->out[0] == '!';

		rule.pattern = pattern_of(row->pattern);
		rule.when = pattern_of(row->when);
		snprintf(in, sizeof in, "%s%s\r\nbody: 1\r\n", first, row->in);
		enum header_outcome outcome = header_rules_apply(&rules, span_str(in), &out);
		assert_int_equal(outcome, is_failed ? HEADER_FAILED
				: row->out          ? HEADER_CHANGED
						    : HEADER_UNCHANGED);
		if (outcome != HEADER_CHANGED)
			continue;
		snprintf(wanted, sizeof wanted, "%s%s\r\nbody: 1\r\n", has_own ? "" : first,
			row->out);
		if (!span_eq(span_make(out.buf, out.len), span_str(wanted)))
			fail_msg("row %zu: wanted\n%s\nmade\n%.*s", i, wanted, (int)out.len,
				out.buf);
	}
}

static void in_order(void **state)
{
	struct header_rule list[] = {
		{ .action = HEADER_RENAME, .name = "X-A", .to = "X-B" },
		{ .action = HEADER_SET, .name = "X-B", .value = "2" },
		{ .action = HEADER_ADD, .name = "X-B", .value = "3" },
	};
	struct header_rules rules = { .list = list, .count = 3 };
	char made[256];
	struct header_output out = { .buf = made, .cap = sizeof made };

	(void)state;
	assert_int_equal(header_rules_apply(&rules, SPAN_LIT(REQUEST "X-A: 1\r\n" CSEQ "\r\n"),
				 &out), HEADER_CHANGED);
	assert_true(span_eq(span_make(made, out.len),
		SPAN_LIT(REQUEST "X-B: 2\r\n" CSEQ "X-B: 3\r\n\r\n")));
}

static void limits(void **state)
{
	static char in[32768], made[65536];
	struct header_rule list[] = { { .action = HEADER_ADD, .name = "Z", .value = "1" } };
	struct header_rules rules = { .list = list, .count = 1 }, none = { 0 };
	struct header_output out = { .buf = made, .cap = sizeof made };
	size_t len = (size_t)snprintf(in, sizeof in, REQUEST);

	(void)state;
	for (uint32_t i = 0; i < HEADER_FIELDS_MAX - 1; i++)
		len += (size_t)snprintf(in + len, sizeof in - len, "A: %u\r\n", i);
	snprintf(in + len, sizeof in - len, "\r\n");
	assert_int_equal(header_rules_apply(&rules, span_str(in), &out), HEADER_CHANGED);
	snprintf(in + len, sizeof in - len, "A: 1\r\n\r\n");
	assert_int_equal(header_rules_apply(&rules, span_str(in), &out), HEADER_FAILED);
	assert_int_equal(header_rules_apply(&none, span_str(in), &out), HEADER_UNCHANGED);
	out.cap = 40;
	assert_int_equal(header_rules_apply(&rules, SPAN_LIT(REQUEST CSEQ "\r\n"), &out),
		HEADER_FAILED);
}

static void no_message(void **state)
{
	static const char *const texts[] = { "", "\r\n", "INVITE\r\n\r\n", REQUEST, REQUEST CSEQ,
		REQUEST "no colon\r\n\r\n", "INVITE  SIP/2.0" };
	struct header_rule list[] = { { .action = HEADER_ADD, .name = "Z", .value = "1" } };
	struct header_rules rules = { .list = list, .count = 1 };
	char made[256];
	struct header_output out = { .buf = made, .cap = sizeof made };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(texts); i++)
		assert_int_equal(header_rules_apply(&rules, span_str(texts[i]), &out),
			HEADER_FAILED);
}

static void names(void **state)
{
	static const char *const fixed[] = { "Via", "v", "CONTACT", "m", "Call-ID", "i", "CSeq",
		"Route", "Record-Route", "Content-Length", "l", "Max-Forwards" };
	static const char *const free_names[] = { "From", "Subject", "X-A", "P-Asserted-Identity" };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(fixed); i++)
		assert_true(header_name_is_fixed(span_str(fixed[i])));
	for (size_t i = 0; i < COUNT_OF(free_names); i++)
		assert_false(header_name_is_fixed(span_str(free_names[i])));
	assert_true(header_name_is_single(SPAN_LIT("t")));
	assert_true(header_name_is_single(SPAN_LIT("request-uri")));
	assert_true(header_name_is_valid(SPAN_LIT("X-a.b_~1")));
	assert_false(header_name_is_valid(SPAN_LIT("X a")));
	assert_false(header_name_is_valid(SPAN_LIT("X:")));
	assert_false(header_name_is_valid(SPAN_NONE));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_action),
		cmocka_unit_test(in_order),
		cmocka_unit_test(limits),
		cmocka_unit_test(no_message),
		cmocka_unit_test(names),
	};

	return cmocka_run_group_tests(tests, arena_open, arena_close);
}
