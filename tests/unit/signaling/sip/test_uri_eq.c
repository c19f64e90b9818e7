// Equivalence of URIs, with the examples of RFC 3261 19.1.4.
#include "sip/uri.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static const struct {
	const char *a, *b;
	bool is_equal;
} cases[] = {
	{ "sip:%61lice@atlanta.com;transport=TCP", "sip:alice@AtLanTa.CoM;Transport=tcp", true },
	{ "sip:carol@chicago.com", "sip:carol@chicago.com;newparam=5", true },
	{ "sip:carol@chicago.com;security=on", "sip:carol@chicago.com;newparam=5", true },
	{ "sip:biloxi.com;transport=tcp;method=REGISTER?to=sip:bob%40biloxi.com",
		"sip:biloxi.com;method=REGISTER;transport=tcp?to=sip:bob%40biloxi.com", true },
	{ "sip:alice@atlanta.com?subject=project%20x&priority=urgent",
		"sip:alice@atlanta.com?priority=urgent&subject=project%20x", true },
	{ "SIP:ALICE@AtLanTa.CoM;Transport=udp", "sip:alice@AtLanTa.CoM;Transport=UDP", false },
	{ "sip:bob@biloxi.com", "sip:bob@biloxi.com:5060", false },
	{ "sip:bob@biloxi.com", "sip:bob@biloxi.com;transport=udp", false },
	{ "sip:bob@biloxi.com", "sip:bob@biloxi.com:6000;transport=tcp", false },
	{ "sip:carol@chicago.com", "sip:carol@chicago.com?Subject=next%20meeting", false },
	{ "sip:bob@phone21.boxesbybob.com", "sip:bob@192.0.2.4", false },
	{ "sip:carol@chicago.com;security=on", "sip:carol@chicago.com;security=off", false },
	{ "sip:a@h", "sips:a@h", false },
	{ "sip:a@h", "sip:h", false },
	{ "sip:a:x@h", "sip:a:y@h", false },
	{ "sip:a@[2001:DB8::1]", "sip:a@[2001:db8:0:0::1]", true },
	{ "tel:+1-201-555-0123", "tel:+1.201.555.0123", true },
	{ "tel:+12015550123", "tel:12015550123", false },
	{ "tel:123;phone-context=a.b", "tel:123", false },
	{ "tel:123;ext=1;phone-context=a", "tel:123;phone-context=A;ext=1", true },
	{ "urn:Service:sos", "urn:service:sos", true },
	{ "urn:service:sos", "urn:service:SOS", false },
	{ "http://a", "http://a", true },
	{ "http://a", "http://b", false },
};

static void equivalence_is_as_the_rfc_says(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct sip_uri a, b;
		assert_int_equal(sip_uri_parse(span_str(cases[i].a), &a), 0);
		assert_int_equal(sip_uri_parse(span_str(cases[i].b), &b), 0);
		if (sip_uri_eq(&a, &b) != cases[i].is_equal ||
			sip_uri_eq(&b, &a) != cases[i].is_equal)
			fail_msg("%s and %s", cases[i].a, cases[i].b);
		assert_true(sip_uri_eq(&a, &a));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(equivalence_is_as_the_rfc_says) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
