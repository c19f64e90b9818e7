#include "route/route.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static void patterns(void **state)
{
	static const struct {
		const char *pattern, *user;
		bool matches;
	} cases[] = {
		{ "", "anything", true },
		{ "", "", true },
		{ "*", "", true },
		{ "+49*", "+4930", true },
		{ "+49*", "+49", true },
		{ "+49*", "+4", false },
		{ "100", "100", true },
		{ "100", "1001", false },
		{ "100", "10", false },
		{ "Alice", "alice", false },
		{ "1*0", "1*0", true },
		{ "1*0", "120", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(route_pattern_matches(span_str(cases[i].pattern),
					 span_str(cases[i].user)),
			cases[i].matches);
}

static struct config_route routes[] = {
	{ .from_realm = 0, .from_trunk = -1, .to = { "+49*", 4 }, .trunk = 1, .strip = { "+", 1 },
		.prefix = { "00", 2 }, .line = 10 },
	{ .from_realm = -1, .from_trunk = 2, .trunk = 2, .line = 11 },
	{ .from_realm = -1, .from_trunk = -1, .from = { "55*", 3 }, .trunk = 0, .line = 12 },
	{ .from_realm = 0, .from_trunk = -1, .to = { "+4*", 3 }, .trunk = 99, .line = 13 },
	{ .from_realm = 0, .from_trunk = -1, .to = { "+4*", 3 }, .trunk = 0, .line = 14 },
	{ .from_realm = 3, .from_trunk = -1, .trunk = 0,
		.prefix = { "0123456789012345678901234567890123456789012345678901234567890123",
			64 },
		.line = 15 },
};

static const struct config config = {
	.routes = routes,
	.route_count = sizeof(routes) / sizeof(routes[0]),
	.trunk_count = 3,
};

static void decisions(void **state)
{
	static const struct {
		uint32_t realm;
		int trunk;
		const char *from, *to;
		enum route_result result;
		uint32_t line;
		const char *user;
	} cases[] = {
		{ 0, 0, "1", "+4930", ROUTE_FOUND, 10, "004930" },
		{ 1, 0, "1", "+4930", ROUTE_NONE, 0, "" },
		{ 1, 2, "1", "+4930", ROUTE_FOUND, 11, "+4930" },
		{ 1, 0, "551", "7", ROUTE_FOUND, 12, "7" },
		{ 0, 0, "1", "+43", ROUTE_FOUND, 14, "+43" }, // line 13 names no trunk that exists
		{ 3, 0, "1", "", ROUTE_FOUND, 15,
			"0123456789012345678901234567890123456789012345678901234567890123" },
		{ 3, 0, "1", "4", ROUTE_TOO_LONG, 0, "" },
		{ 2, -1, "", "", ROUTE_NONE, 0, "" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct route_query query = { .from_realm = cases[i].realm,
			.from_trunk = cases[i].trunk, .from = span_str(cases[i].from),
			.to = span_str(cases[i].to) };
		struct route_decision decision = { .line = 0 };

		assert_int_equal(route_decide(&config, &query, &decision), cases[i].result);
		if (cases[i].result != ROUTE_FOUND)
			continue;
		assert_int_equal(decision.line, cases[i].line);
		assert_true(span_eq(span_make(decision.user, decision.user_len),
			span_str(cases[i].user)));
	}
}

// A trunk with a range of numbers has those only, as its route makes them; others go on to the next
// route (RFC 6140).
static void ranges(void **state)
{
	static struct config_trunk trunks[] = {
		{ .name = "pbx", .numbers = { { "+4930123*", 9 }, { "+49309", 6 } },
			.number_count = 2 },
		{ .name = "rest" },
	};
	static struct config_route to[] = {
		{ .from_realm = -1, .from_trunk = -1, .trunk = 0, .strip = { "0", 1 },
			.prefix = { "+49", 3 }, .line = 1 },
		{ .from_realm = -1, .from_trunk = -1, .trunk = 1, .line = 2 },
	};
	static const struct {
		const char *user;
		uint32_t line;
	} cases[] = {
		{ "03012345", 1 },
		{ "030123", 1 },
		{ "0309", 1 },
		{ "03091", 2 },
		{ "0301", 2 },
		{ "+493012345", 2 }, // +49+49...
	};
	struct config own = { .routes = to, .route_count = 2, .trunks = trunks,
		.trunk_count = 2 };
	struct route_decision decision;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct route_query query = { .from_trunk = -1, .to = span_str(cases[i].user) };

		assert_int_equal(route_decide(&own, &query, &decision), ROUTE_FOUND);
		if (decision.line != cases[i].line)
			fail_msg("%s by line %u", cases[i].user, decision.line);
	}
	own.route_count = 1;
	struct route_query query = { .from_trunk = -1, .to = SPAN_LIT("03091") };
	assert_int_equal(route_decide(&own, &query, &decision), ROUTE_NONE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(patterns),
		cmocka_unit_test(decisions),
		cmocka_unit_test(ranges),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
