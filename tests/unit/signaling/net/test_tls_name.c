// RFC 5922 7: which certificates speak for a domain.
#include "net/tls_name.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "certs.h"

static struct certs certs;

static void test_names(void **state)
{
	static const struct {
		const char *cn, *san, *domain;
		bool is_match;
	} cases[] = {
		{ "x", "DNS:sip.example.com", "sip.example.com", true },
		{ "x", "DNS:SIP.Example.COM", "sip.example.com", true },
		{ "x", "DNS:example.com", "sip.example.com", false },
		{ "x", "DNS:a.test,DNS:b.test", "b.test", true },
		{ "x", "URI:sip:example.com", "example.com", true },
		{ "x", "URI:SIP:example.com", "example.com", true },
		{ "x", "URI:sip:alice@example.com", "example.com", false }, // 7.1: a user's
		{ "x", "URI:https:example.com", "example.com", false },
		{ "x", "DNS:*.example.com", "sip.example.com", false }, // 7.2: no wildcards
		{ "x", "DNS:*.example.com", "*.example.com", true },
		{ "example.com", NULL, "example.com", true },           // 7.1: the last resort
		{ "example.com", "DNS:other.test", "example.com", false },
		{ "example.com", "email:a@b.test", "example.com", false },
		{ "x", "IP:192.0.2.1", "", true },
		{ "x", "IP:192.0.2.2", "", false },
		{ "192.0.2.1", NULL, "", false },
		{ "x", "DNS:192.0.2.1", "", false },
		{ "x", "IP:192.0.2.1", "192.0.2.1", false },
	};
	struct ip ip = ip_from_v4(0xc0000201);
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		certs_open(&certs);
		X509 *cert = certs_issue(&certs, cases[i].cn, cases[i].san, 2);
		if (tls_name_matches(cert, span_str(cases[i].domain), &ip) != cases[i].is_match)
			fail_msg("CN=%s %s for \"%s\"", cases[i].cn,
				cases[i].san ? cases[i].san : "-", cases[i].domain);
		X509_free(cert);
		certs_close(&certs);
	}
}

static void test_ipv6(void **state)
{
	struct ip ip;
	(void)state;
	certs_open(&certs);
	X509 *cert = certs_issue(&certs, "x", "IP:2001:db8::1", 2);
	assert_int_equal(ip_parse(SPAN_LIT("2001:db8::1"), &ip), 0);
	assert_true(tls_name_matches(cert, SPAN_NONE, &ip));
	assert_int_equal(ip_parse(SPAN_LIT("2001:db8::2"), &ip), 0);
	assert_false(tls_name_matches(cert, SPAN_NONE, &ip));
	X509_free(cert);
	certs_close(&certs);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_ipv6),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
