// test_addr.c - address text in both families, prefixes, socket addresses.
#include "base/addr.h"
#include "unit/unit.h"

#include <arpa/inet.h>
#include <arpa/inet.h>
#include <errno.h>

static struct ip ip_of(const char *text)
{
	struct ip ip;
	assert_int_equal(ip_parse(span_str(text), &ip), 0);
	return ip;
}

static void test_ip_text(void **state)
{
	static const struct {
		const char *in, *out; // out NULL = refused
	} cases[] = {
		{ "192.0.2.1", "192.0.2.1" },
		{ "2001:DB8::1", "2001:db8::1" },
		{ "[2001:db8::1]", "2001:db8::1" },
		{ "::", "::" },
		{ "::ffff:192.0.2.1", "192.0.2.1" },
		{ "[192.0.2.1]", NULL },
		{ "192.0.2", NULL },
		{ "192.0.2.256", NULL },
		{ "192.0.2.1 ", NULL },
		{ "[2001:db8::1", NULL },
		{ "fe80::1%eth0", NULL },
		{ "", NULL },
		{ "[]", NULL },
		{ "sip.example.com", NULL },
		{ "1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb:cccc", NULL },
	};
	char buf[ADDR_TEXT_MAX];
	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct ip ip;
		int err = ip_parse(span_str(cases[i].in), &ip);
		assert_int_equal(err, cases[i].out ? 0 : -EINVAL);
		if (err)
			continue;
		assert_int_equal(ip_format(&ip, buf), strlen(cases[i].out));
		assert_string_equal(buf, cases[i].out);
	}
	assert_int_equal(ip_parse(span_make("192.0.2.1\0x", 11), &(struct ip){ 0 }), -EINVAL);
}

// Our own formatter must say what the C library says, for every byte in every place.
static void test_v4_text(void **state)
{
	char ours[ADDR_TEXT_MAX], theirs[INET_ADDRSTRLEN];
	(void)state;
	for (uint32_t i = 0; i < 256 * 4; i++) {
		uint32_t host_order = 0x0a630064 ^ (i % 256) << (i / 256 * 8);
		struct ip ip = ip_from_v4(host_order);
		uint32_t network = htonl(host_order);
		inet_ntop(AF_INET, &network, theirs, sizeof(theirs));
		assert_int_equal(ip_format(&ip, ours), strlen(theirs));
		assert_string_equal(ours, theirs);
	}
}

static void test_addr_text(void **state)
{
	static const struct {
		const char *in, *out;
	} cases[] = {
		{ "192.0.2.1:5080", "192.0.2.1:5080" },
		{ "192.0.2.1", "192.0.2.1:5060" },
		{ "[2001:db8::1]:5080", "[2001:db8::1]:5080" },
		{ "[2001:db8::1]", "[2001:db8::1]:5060" },
		{ "2001:db8::1", "[2001:db8::1]:5060" },
		{ "192.0.2.1:0", NULL },
		{ "192.0.2.1:65536", NULL },
		{ "192.0.2.1:", NULL },
		{ "192.0.2.1:5060x", NULL },
		{ "[2001:db8::1]x:5060", NULL },
		{ ":5060", NULL },
	};
	char buf[ADDR_TEXT_MAX];
	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct addr addr;
		int err = addr_parse(span_str(cases[i].in), 5060, &addr);
		assert_int_equal(err, cases[i].out ? 0 : -EINVAL);
		if (err)
			continue;
		assert_int_equal(addr_format(&addr, buf), strlen(cases[i].out));
		assert_string_equal(buf, cases[i].out);
	}
}

static void test_longest_text_fits(void **state)
{
	char buf[ADDR_TEXT_MAX];
	struct addr addr = { .ip = ip_of("1111:2222:3333:4444:5555:6666:7777:8888"),
		.port = 65535 };
	(void)state;
	uint32_t len = addr_format(&addr, buf);
	assert_int_equal(len, strlen(buf));
	assert_string_equal(buf, "[1111:2222:3333:4444:5555:6666:7777:8888]:65535");
	assert_int_equal(ip_format_host(&addr.ip, buf), 41);
}

static void test_special(void **state)
{
	static const struct {
		const char *text;
		bool is_special, is_loopback;
	} cases[] = {
		{ "0.0.0.0", true, false },     { "127.0.0.1", true, true },
		{ "127.255.0.9", true, true },  { "169.254.1.1", true, false },
		{ "224.0.0.1", true, false },   { "255.255.255.255", true, false },
		{ "223.255.255.1", false, false }, { "10.0.0.1", false, false },
		{ "::", true, false },          { "::1", true, true },
		{ "fe80::1", true, false },     { "febf::1", true, false },
		{ "fec0::1", false, false },    { "ff02::1", true, false },
		{ "2001:db8::1", false, false }, { "169.255.1.1", false, false },
	};
	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct ip ip = ip_of(cases[i].text);
		assert_int_equal(ip_is_special(&ip), cases[i].is_special);
		assert_int_equal(ip_is_loopback(&ip), cases[i].is_loopback);
	}
}

static void test_prefixes(void **state)
{
	static const struct {
		const char *prefix, *ip;
		bool is_in;
	} cases[] = {
		{ "192.0.2.0/24", "192.0.2.255", true },
		{ "192.0.2.0/24", "192.0.3.0", false },
		{ "192.0.2.64/26", "192.0.2.127", true },
		{ "192.0.2.64/26", "192.0.2.128", false },
		{ "192.0.2.7", "192.0.2.7", true },
		{ "192.0.2.7", "192.0.2.6", false },
		{ "0.0.0.0/0", "203.0.113.1", true },
		{ "0.0.0.0/0", "2001:db8::1", false },
		{ "::/0", "2001:db8::1", true },
		{ "2001:db8::/33", "2001:db8:7fff::1", true },
		{ "2001:db8::/33", "2001:db8:8000::1", false },
	};
	static const char *const bad[] = { "192.0.2.1/24", "192.0.2.0/33", "2001:db8::/129", "/24",
		"192.0.2.0/", "192.0.2.0/-1", "2001:db8::1/64", "192.0.2.0/24/8" };
	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct ip_prefix prefix;
		struct ip ip = ip_of(cases[i].ip);
		assert_int_equal(ip_prefix_parse(span_str(cases[i].prefix), &prefix), 0);
		assert_int_equal(ip_prefix_has(&prefix, &ip), cases[i].is_in);
	}
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		struct ip_prefix prefix;
		assert_int_equal(ip_prefix_parse(span_str(bad[i]), &prefix), -EINVAL);
	}
}

static void test_sockaddr(void **state)
{
	static const char *const texts[] = { "192.0.2.1:5060", "[2001:db8::1]:65535" };
	static const int families[] = { AF_INET, AF_INET6 };
	(void)state;
	for (size_t i = 0; i < COUNT_OF(texts); i++) {
		struct addr in, out;
		struct sockaddr_storage ss;
		assert_int_equal(addr_parse(span_str(texts[i]), 0, &in), 0);
		assert_true(addr_to_sockaddr(&in, &ss) > 0);
		assert_int_equal(ss.ss_family, families[i]);
		assert_int_equal(addr_from_sockaddr((struct sockaddr *)&ss, &out), 0);
		assert_true(addr_eq(&in, &out));
	}
	struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = htons(5060),
		.sin_addr.s_addr = htonl(0xc0000201) };
	struct addr addr;
	assert_int_equal(addr_from_sockaddr((struct sockaddr *)&v4, &addr), 0);
	struct ip expected = ip_from_v4(0xc0000201);
	assert_true(ip_eq(&addr.ip, &expected) && addr.port == 5060);
	struct sockaddr other = { .sa_family = AF_UNIX };
	assert_int_equal(addr_from_sockaddr(&other, &addr), -EAFNOSUPPORT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ip_text),
		cmocka_unit_test(test_v4_text),
		cmocka_unit_test(test_addr_text),
		cmocka_unit_test(test_longest_text_fits),
		cmocka_unit_test(test_special),
		cmocka_unit_test(test_prefixes),
		cmocka_unit_test(test_sockaddr),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
