// Single header values: Via, name-addr, CSeq, Call-ID, display names.
#include "sip/parse.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <errno.h>

static void vias(void **state)
{
	static const struct {
		const char *text, *transport, *host, *branch, *received;
		uint16_t port, rport;
		bool has_rport, is_rfc3261;
	} good[] = {
		{ "SIP/2.0/UDP h", "UDP", "h", "", "", 0, 0, false, false },
		{ "SIP / 2.0 / TCP [::1] : 5061 ;branch=z9hG4bKx", "TCP", "::1", "z9hG4bKx", "",
			5061, 0, false, true },
		{ "sip/2.0/UDP 1.2.3.4:5;rport=9;received=::1;branch=z9hG4bK", "UDP", "1.2.3.4",
			"z9hG4bK", "::1", 5, 9, true, false },
		{ "SIP/2.0/TLS a.b;rport;ttl=255;maddr=224.2.0.1;x", "TLS", "a.b", "", "", 0, 0,
			true, false },
	};
	static const char *const bad[] = { "", "SIP/2.0/UDP", "SIP/2.0/UDP ", "SIP/2.0 h",
		"SAP/2.0/UDP h", "SIP/2.0/UDPh", "SIP/2.0/UDP h:0", "SIP/2.0/UDP h:65536",
		"SIP/2.0/UDP h:", "SIP/2.0/UDP h;", "SIP/2.0/UDP h;;a",
		"SIP/2.0/UDP h;branch=a;branch=b", "SIP/2.0/UDP h;branch=\"a\"",
		"SIP/2.0/UDP h;branch", "SIP/2.0/UDP h;rport=0", "SIP/2.0/UDP h;rport=x",
		"SIP/2.0/UDP h;rport;rport", "SIP/2.0/UDP h;ttl=256", "SIP/2.0/UDP h;received=x.y",
		"SIP/2.0/UDP h x", "SIP/2.0/UDP ::1" };
	struct sip_via via;
	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		if (sip_via_parse(span_str(good[i].text), &via))
			fail_msg("%s refused", good[i].text);
		assert_true(span_eq(via.transport, span_str(good[i].transport)));
		assert_true(span_eq(via.host, span_str(good[i].host)));
		assert_true(span_eq(via.branch, span_str(good[i].branch)));
		assert_true(span_eq(via.received, span_str(good[i].received)));
		assert_int_equal(via.port, good[i].port);
		assert_int_equal(via.rport, good[i].rport);
		assert_int_equal(via.has_rport, good[i].has_rport);
		assert_int_equal(via.is_rfc3261, good[i].is_rfc3261);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (sip_via_parse(span_str(bad[i]), &via) != -EINVAL)
			fail_msg("\"%s\" accepted", bad[i]);
	}
}

static void name_addrs(void **state)
{
	static const struct {
		const char *text, *display, *uri, *params, *tag;
	} good[] = {
		{ "sip:a@h", "", "sip:a@h", "", "" },
		{ " sip:a@h ; tag = x ", "", "sip:a@h", " tag = x", "x" },
		{ "<sip:a@h;p=1>;TAG=x;q", "", "sip:a@h;p=1", "TAG=x;q", "x" },
		{ "Alice B. <sip:a@h>", "Alice B.", "sip:a@h", "", "" },
		{ "\"<sip:x> \\\" ;tag=no\"<sip:a@h>;tag=y", "\"<sip:x> \\\" ;tag=no\"", "sip:a@h",
			"tag=y", "y" },
		{ "A<tel:+1>", "A", "tel:+1", "", "" },
		{ "<foo:bar>", "", "foo:bar", "", "" },
	};
	static const char *const bad[] = { "", "<>", "<sip:a@h", "sip:a@h>", "\"A <sip:a@h>",
		"\"A\" sip:a@h", "A@B <sip:a@h>", "sip:a@h?x=y", "sip:a,b@h", "<sip:a@h>x",
		"<sip:a@h>;", "<sip:a@h>;tag=", "<sip:a@h>;tag=a;tag=b", "<sip:a@h>;tag=\"a\"",
		"< sip:a@h>", "<sip:a@h >", "Alice", "\"\"" };
	struct sip_name_addr na;
	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		if (sip_name_addr_parse(span_str(good[i].text), &na))
			fail_msg("%s refused", good[i].text);
		assert_true(span_eq(na.display, span_str(good[i].display)));
		assert_true(span_eq(na.uri.text, span_str(good[i].uri)));
		assert_true(span_eq(na.params, span_str(good[i].params)));
		assert_true(span_eq(na.tag, span_str(good[i].tag)));
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (sip_name_addr_parse(span_str(bad[i]), &na) != -EINVAL)
			fail_msg("\"%s\" accepted", bad[i]);
	}
}

static void cseqs(void **state)
{
	static const char *const bad[] = { "", "1", "INVITE", "1INVITE", "-1 INVITE",
		"2147483648 BYE", "99999999999999999999999 BYE", "1 IN VITE", "1 BYE;x", " 1 BYE" };
	struct sip_cseq cseq;
	(void)state;
	assert_int_equal(sip_cseq_parse(SPAN_LIT("2147483647 \t NEWMETHOD"), &cseq), 0);
	assert_int_equal(cseq.number, 2147483647);
	assert_int_equal(cseq.method, SIP_METHOD_OTHER);
	assert_true(span_eq(cseq.method_text, SPAN_LIT("NEWMETHOD")));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (sip_cseq_parse(span_str(bad[i]), &cseq) != -EINVAL)
			fail_msg("\"%s\" accepted", bad[i]);
	}
}

static void call_ids_and_tokens(void **state)
{
	(void)state;
	assert_true(sip_is_callid(SPAN_LIT("a84b4c76e66710@pc33.atlanta.com")));
	assert_true(sip_is_callid(SPAN_LIT("<>()\\\"/[]?{}:~")));
	assert_false(sip_is_callid(SPAN_LIT("")));
	assert_false(sip_is_callid(SPAN_LIT("a@")));
	assert_false(sip_is_callid(SPAN_LIT("@a")));
	assert_false(sip_is_callid(SPAN_LIT("a@b@c")));
	assert_false(sip_is_callid(SPAN_LIT("a b")));
	assert_true(sip_is_token(SPAN_LIT("-.!%*_+`'~az09AZ")));
	assert_false(sip_is_token(SPAN_LIT("a/b")));
	assert_false(sip_is_token(SPAN_NONE));
}

static void displays(void **state)
{
	static const struct {
		const char *display, *plain;
		int rc;
	} cases[] = { { "Bob", "Bob", 0 }, { "\"B \\\"o\\\\b\"", "B \"o\\b", 0 }, { "\"\"", "", 0 },
		{ "\"open", "", -EINVAL }, { "\"a\"b", "", -EINVAL },
		{ "0123456789abcdefg", "", -ENOSPC } };
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char buf[16];
		struct span plain = SPAN_NONE;
		assert_int_equal(
			sip_display_unquote(span_str(cases[i].display), buf, sizeof(buf), &plain),
			cases[i].rc);
		assert_true(span_eq(plain, span_str(cases[i].plain)));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(vias),
		cmocka_unit_test(name_addrs),
		cmocka_unit_test(cseqs),
		cmocka_unit_test(call_ids_and_tokens),
		cmocka_unit_test(displays),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
