// URIs: parts, refusals, ports, users.
#include "sip/read.h"
#include "sip/uri.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <errno.h>

static void assert_span(struct span s, const char *text)
{
	if (!span_eq(s, span_str(text)))
		fail_msg("\"" SPAN_FMT "\" is not \"%s\"", SPAN_ARG(s), text);
}

static void parts(void **state)
{
	static const struct {
		const char *text;
		enum sip_scheme scheme;
		const char *user, *password, *host;
		uint16_t port, meant;
		const char *params, *headers;
	} good[] = {
		{ "sip:alice@atlanta.com", SIP_SCHEME_SIP, "alice", "", "atlanta.com", 0, 5060, "",
			"" },
		{ "SIP:a:pw@192.0.2.4:5070;transport=tcp;lr?to=x&b=%20", SIP_SCHEME_SIP, "a", "pw",
			"192.0.2.4", 5070, 5070, "transport=tcp;lr", "to=x&b=%20" },
		{ "sips:1212@gateway.com", SIP_SCHEME_SIPS, "1212", "", "gateway.com", 0, 5061, "",
			"" },
		{ "sip:h;transport=TLS", SIP_SCHEME_SIP, "", "", "h", 0, 5061, "transport=TLS",
			"" },
		{ "sip:[2001:db8::1]:65535", SIP_SCHEME_SIP, "", "", "2001:db8::1", 65535, 65535,
			"", "" },
		{ "sip:a;b=c?d/e@x.y", SIP_SCHEME_SIP, "a;b=c?d/e", "", "x.y", 0, 5060, "", "" },
		{ "sip:%61@x.", SIP_SCHEME_SIP, "%61", "", "x.", 0, 5060, "", "" },
		{ "tel:+1-201-555-0123;phone-context=+1", SIP_SCHEME_TEL, "+1-201-555-0123", "", "",
			0, 5060, "phone-context=+1", "" },
		{ "urn:service:sos.police", SIP_SCHEME_URN, "service:sos.police", "", "", 0, 5060,
			"", "" },
		{ "http://www.example.com/", SIP_SCHEME_OTHER, "", "", "", 0, 5060, "", "" },
	};
	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		struct sip_uri uri;
		if (sip_uri_parse(span_str(good[i].text), &uri))
			fail_msg("%s refused", good[i].text);
		assert_int_equal(uri.scheme, good[i].scheme);
		assert_span(uri.user, good[i].user);
		assert_span(uri.password, good[i].password);
		assert_span(uri.host, good[i].host);
		assert_int_equal(uri.port, good[i].port);
		assert_int_equal(sip_uri_port(&uri), good[i].meant);
		assert_span(uri.params, good[i].params);
		assert_span(uri.headers, good[i].headers);
	}
}

// What stands behind a host is no part of it, although it is looked at.
static void hosts_end_with_their_text(void **state)
{
	static const char text[] = "192.0.2.1234567890.example.net";
	static const struct {
		uint32_t len;
		bool is_host, is_address;
	} cases[] = {
		{ 9, true, true },    // 192.0.2.1
		{ 10, true, true },   // 192.0.2.12
		{ 11, true, true },   // 192.0.2.123
		{ 12, false, false }, // 192.0.2.1234
		{ 7, false, false },  // 192.0.2
		{ 8, true, false },   // 192.0.2. as a name with its final dot
		{ 26, true, false },  // 192.0.2.1234567890.example
		{ 30, true, false },
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct text t = text_until(text_of(SPAN_LIT(text)), text + cases[i].len);
		struct sip_host host = { 0 };
		const char *end = sip_host_read(t, text, &host.host, &host.ip);
		if ((end == t.end) != cases[i].is_host)
			fail_msg("%u bytes: %td", cases[i].len, end ? end - text : -1);
		assert_int_equal(end && !ip_is_unset(&host.ip), cases[i].is_address);
	}
	struct sip_host none;
	uint32_t pos = 0;
	assert_int_equal(sip_host_parse(SPAN_NONE, &pos, &none), -EINVAL);
}

static void refusals(void **state)
{
	static const char *const bad[] = { "", "s", "sip:", "sip", "sip:@h", "sip:a@", "sip:a@@h",
		"sip:a b@h", "sip:a@h:", "sip:a@h:0", "sip:a@h:65536", "sip:a@h:99999999999",
		"sip:a@h:5x", "sip:a@h;", "sip:a@h;;x", "sip:a@h;x=", "sip:a@h?", "sip:a%4@h",
		"sip:a%zz@h", "sip:a@1.2.3", "sip:a@1.2.3.256", "sip:a@1.2.3.04",
		"sip:a@1.2.3.4.5", "sip:a@1..3.4", "sip:a@1.2.3.1234", "sip:a@h@i", "sip:a:b@c@h",
		"sip:a@h;x=a@b", "sip:a@h;x=%4", "sip:a@[::1", "sip:a@[1.2.3.4]",
		"sip:a@[:::1]", "sip:a@2001:db8::1", "sip:a@-h", "sip:a@.h", "sip:a@h ", "sip:a@h>",
		"sip:a@h;x=\"y\"", "sip:a@h?x y", "tel:", "tel:+", "tel:abcxyz", "urn:x",
		"urn:service:", "<sip:a@h>", "1http:x", "http:", "nocolon" };
	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct sip_uri uri;
		if (sip_uri_parse(span_str(bad[i]), &uri) != -EINVAL)
			fail_msg("\"%s\" accepted", bad[i]);
	}
}

static void params_one_by_one(void **state)
{
	struct span rest = SPAN_LIT("; a = b ;c;d=\"x;y\\\"\" ;e=[::1]");
	struct sip_param param;
	(void)state;
	assert_int_equal(sip_param_next(&rest, &param), 1);
	assert_span(param.name, "a");
	assert_span(param.value, "b");
	assert_int_equal(sip_param_next(&rest, &param), 1);
	assert_span(param.name, "c");
	assert_false(param.has_value);
	assert_int_equal(sip_param_next(&rest, &param), 1);
	assert_span(param.value, "\"x;y\\\"\"");
	assert_int_equal(sip_param_next(&rest, &param), 1);
	assert_span(param.value, "[::1]");
	assert_int_equal(sip_param_next(&rest, &param), 0);
	static const char *const bad[] = { ";", ";;a", "a=", "a b", "a=\"x", "a,b", "=x" };
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		rest = span_str(bad[i]);
		if (sip_param_next(&rest, &param) != -EINVAL)
			fail_msg("\"%s\" accepted", bad[i]);
	}
	assert_true(sip_param_find(SPAN_LIT("x=1;LR;y"), SPAN_LIT("lr"), &param));
	assert_false(sip_param_find(SPAN_LIT("x=lr"), SPAN_LIT("lr"), &param));
}

static void users(void **state)
{
	static const struct {
		const char *uri, *user;
		int rc;
	} cases[] = {
		{ "sip:al%69ce@h", "alice", 0 },
		{ "sip:+1-(201).555@h", "+1201555", 0 },
		{ "sip:1-2@h;user=phone", "12", 0 },
		{ "sip:1-2@h", "1-2", 0 },
		{ "sip:123;phone-context=x@h", "123", 0 },
		{ "tel:+44-20", "+4420", 0 },
		{ "sip:a%00b@h", "", -EINVAL },
		{ "sip:abcdefghijklmnopq@h", "", -ENOSPC },
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct sip_uri uri;
		struct span user = SPAN_NONE;
		char buf[16];
		assert_int_equal(sip_uri_parse(span_str(cases[i].uri), &uri), 0);
		assert_int_equal(sip_uri_user(&uri, buf, sizeof(buf), &user), cases[i].rc);
		assert_span(user, cases[i].user);
	}
}

static void emergency(void **state)
{
	static const struct {
		const char *uri;
		bool is_emergency;
	} cases[] = { { "urn:service:sos", true }, { "URN:service:sos.fire", true },
		{ "urn:service:sosx", false }, { "sip:sos@h", false },
		{ "urn:service:info", false } };
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct sip_uri uri;
		assert_int_equal(sip_uri_parse(span_str(cases[i].uri), &uri), 0);
		assert_int_equal(sip_uri_is_emergency(&uri), cases[i].is_emergency);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parts),
		cmocka_unit_test(hosts_end_with_their_text),
		cmocka_unit_test(refusals),
		cmocka_unit_test(params_one_by_one),
		cmocka_unit_test(users),
		cmocka_unit_test(emergency),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
