// The filter on real sockets of the loopback: new calls go, nothing else does.
#include "net/shed.h"

#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define REST " SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1\r\n\r\n"

static int from, to;

static int set_up(void **state)
{
	struct sockaddr_in addr = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(addr);

	(void)state;
	to = socket(AF_INET, SOCK_DGRAM, 0);
	from = socket(AF_INET, SOCK_DGRAM, 0);
	return bind(to, (struct sockaddr *)&addr, len) ||
		getsockname(to, (struct sockaddr *)&addr, &len) ||
		connect(from, (struct sockaddr *)&addr, len);
}

static int tear_down(void **state)
{
	(void)state;
	return close(from) | close(to);
}

static uint32_t passed(const char *text, uint32_t times)
{
	char data[512];
	uint32_t count = 0;

	for (uint32_t i = 0; i < times; i++) {
		assert_int_equal(send(from, text, strlen(text), 0), strlen(text));
		count += recv(to, data, sizeof(data), MSG_DONTWAIT) >= 0;
	}
	return count;
}

static void only_new_calls(void **state)
{
	static const struct {
		const char *text;
		bool is_passed;
	} cases[] = {
		{ "INVITE sip:100@192.0.2.1" REST, false },
		{ "INVITE sip:sbc" REST, false },
		{ "INVITE sip:192.0.2.1" REST, true }, // looks like (19)20.21, without its '@'
		{ "INVITE sip:1@192.0.2.1" REST, false },
		{ "INVITE sip:+4930112@192.0.2.1" REST, false },
		{ "INVITE sip:1121@192.0.2.1" REST, false },
		{ "INVITE sip:112@192.0.2.1" REST, true },
		{ "INVITE sip:112;phone-context=+49@192.0.2.1" REST, true },
		{ "INVITE sip:%31%31%32@192.0.2.1" REST, true }, // for the parser to see
		{ "INVITE sip:1%312@192.0.2.1" REST, true },
		{ "INVITE sip:11%32@192.0.2.1" REST, true },
		{ "INVITE sip:11011%30@192.0.2.1" REST, true }, // the last of the longest
		{ "INVITE sip:1234567%31@192.0.2.1" REST, false }, // longer than any number
		{ "INVITE sip:1-1-2@192.0.2.1;user=phone" REST, true },
		{ "INVITE sip:112.@192.0.2.1;user=phone" REST, true },
		{ "INVITE sip:(110)110@192.0.2.1;user=phone" REST, true },
		{ "INVITE sip:110110)@192.0.2.1;user=phone" REST, true },
		{ "INVITE sip:112:secret@192.0.2.1" REST, true },
		{ "INVITE sip:anneliese.m@192.0.2.1" REST, false },
		{ "INVITE sip:+4930999@192.0.2.1" REST, false }, // not on the list yet
		{ "INVITE sip:999@192.0.2.1" REST, true },
		{ "INVITE sip:110110@192.0.2.1" REST, true },
		{ "INVITE urn:service:sos" REST, true },
		{ "INVITE sip:abcdefghijklmnopqrstuvwx@192.0.2.1" REST, true }, // as our Contacts
		{ "INVITE sip:abcdefghijklmnopqrstuvwxy@192.0.2.1" REST, false },
		{ "BYE sip:100@192.0.2.1" REST, true },
		{ "REGISTER sip:192.0.2.1" REST, true },
		{ "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 192.0.2.1\r\n\r\n", true },
		{ "INVITE sip:1", true }, // shorter than anything: the parser's business
		{ "\r\n\r\n", true },
		{ "", true },
	};
	const struct span spared[] = { SPAN_LIT("112"), SPAN_LIT("999"), SPAN_LIT("110110"),
		SPAN_LIT("+4930999") };

	(void)state;
	assert_int_equal(shed_set(to, 1000, spared, 3), 0);
	for (uint32_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (passed(cases[i].text, 20) != (cases[i].is_passed ? 20 : 0))
			fail_msg("%s", cases[i].text);
	assert_int_equal(shed_set(to, 1000, spared, 4), 0);
	assert_int_equal(passed("INVITE sip:+4930999@192.0.2.1" REST, 20), 20); // eight characters
}

static void as_many_as_wanted(void **state)
{
	(void)state;
	assert_int_equal(shed_set(to, 750, NULL, 0), 0);
	assert_in_range(passed("INVITE sip:100@192.0.2.1" REST, 4000), 860, 1140); // 5 deviations
	assert_int_equal(shed_set(to, 0, NULL, 0), 0);
	assert_int_equal(passed("INVITE sip:100@192.0.2.1" REST, 100), 100);
	assert_int_equal(shed_set(to, 0, NULL, 0), 0); // nothing there to take away
}

static void as_many_numbers_as_fit(void **state)
{
	struct span spared[SHED_SPARED_MAX + 1];

	(void)state;
	for (uint32_t i = 0; i <= SHED_SPARED_MAX; i++)
		spared[i] = SPAN_LIT("1234567");
	spared[SHED_SPARED_MAX - 1] = SPAN_LIT("112");
	assert_int_equal(shed_set(to, 1000, spared, SHED_SPARED_MAX), 0);
	assert_int_equal(passed("INVITE sip:1234567@192.0.2.1" REST, 10), 10);
	assert_int_equal(passed("INVITE sip:112@192.0.2.1" REST, 10), 10);
	assert_int_equal(passed("INVITE sip:113@192.0.2.1" REST, 10), 0);
	// A list that cannot be kept is no filter: nobody on it may be dropped.
	assert_int_equal(shed_set(to, 1000, spared, SHED_SPARED_MAX + 1), -E2BIG);
	spared[0] = SPAN_LIT("123456789");
	assert_int_equal(shed_set(to, 1000, spared, 1), -EINVAL);
	spared[0] = SPAN_LIT("");
	assert_int_equal(shed_set(to, 1000, spared, 1), -EINVAL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(only_new_calls),
		TEST(as_many_as_wanted),
		TEST(as_many_numbers_as_fit),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
