// test_sdp_secure.c - ICE and DTLS of a browser's offer read and written; what is malformed, what
// is only left out, who becomes active.
#include "sip/sdp_secure.h"
#include "unit/unit.h"

#include <errno.h>
#include <stdio.h>

#define HEAD "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nt=0 0\r\n"
#define LINE "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\nc=IN IP4 0.0.0.0\r\n"
#define PWD  "asd88fgpdd777uzjYhagZg"
#define HEX  "4A:AD:B9:B1:3F:82:18:3B:54:02:12:DF:3E:5D:49:6B:" HEX2
#define HEX2 "19:E5:7C:AB:4A:AD:B9:B1:3F:82:18:3B:54:02:12:DF"

static struct sdp_session sdp;
static struct sdp_ice ice;
static struct sdp_dtls dtls;

static void parse(const char *text)
{
	struct sdp_fault fault;

	assert_int_equal(sdp_parse(span_str(text), &sdp, &fault), 0);
}

static int ice_of(const char *attributes)
{
	static char text[16384];

	assert_in_range(
		snprintf(text, sizeof(text), HEAD LINE "%s", attributes), 1, sizeof(text) - 1);
	parse(text);
	return sdp_ice_of(&sdp, 0, &ice);
}

static int dtls_of(const char *attributes)
{
	ice_of(attributes);
	return sdp_dtls_of(&sdp, 0, &dtls);
}

static void test_browser(void **state)
{
	struct addr expected;
	(void)state;
	assert_int_equal(ice_of("a=ice-ufrag:8hhY\r\na=ice-pwd:" PWD "\r\n"
				"a=ice-options:trickle renomination\r\n"
				"a=candidate:1467250027 1 udp 2122260223 192.168.0.196 46243 typ "
				"host generation 0 network-id 1\r\n"
				"a=candidate:1853887674 2 UDP 1518280447 198.51.100.7 36768 typ "
				"srflx raddr 192.168.0.196 rport 36768\r\n"
				"a=candidate:9 1 udp 41885439 2001:db8::7 3478 typ relay raddr "
				"198.51.100.7 rport 1\r\n"
				"a=end-of-candidates\r\n"),
		0);
	assert_true(span_eq(ice.ufrag, SPAN_LIT("8hhY")));
	assert_true(span_eq(ice.pwd, SPAN_LIT(PWD)));
	assert_true(ice.is_trickle && ice.is_ended && !ice.is_lite && !ice.is_mismatch);
	assert_int_equal(ice.candidate_count, 3);
	assert_int_equal(ice.ignored, 0);
	assert_int_equal(ice.candidates[0].priority, 2122260223);
	assert_int_equal(addr_parse(SPAN_LIT("198.51.100.7:36768"), 0, &expected), 0);
	assert_true(addr_eq(&ice.candidates[1].addr, &expected));
	assert_int_equal(ice.candidates[1].component, 2);
	assert_int_equal(ice.candidates[1].type, ICE_TYPE_SRFLX);
	assert_int_equal(ice.candidates[2].type, ICE_TYPE_RELAY);
	assert_int_not_equal(ice.candidates[0].foundation, ice.candidates[1].foundation);
}

static void test_session_and_line(void **state)
{
	(void)state;
	parse(HEAD "a=ice-lite\r\na=ice-ufrag:sess\r\na=ice-pwd:" PWD "\r\n"
		   "a=fingerprint:sha-256 " HEX "\r\na=setup:passive\r\n"
		   LINE LINE "a=ice-ufrag:line\r\na=ice-pwd:" PWD "x\r\n"
		   "a=fingerprint:sha-512 " HEX ":" HEX "\r\na=setup:active\r\na=tls-id:ab12\r\n");
	assert_int_equal(sdp_ice_of(&sdp, 0, &ice), 0);
	assert_true(span_eq(ice.ufrag, SPAN_LIT("sess")) && ice.is_lite);
	assert_int_equal(sdp_ice_of(&sdp, 1, &ice), 0);
	assert_true(span_eq(ice.ufrag, SPAN_LIT("line")) && ice.is_lite);
	assert_true(span_eq(ice.pwd, SPAN_LIT(PWD "x")));
	assert_int_equal(sdp_dtls_of(&sdp, 0, &dtls), 0);
	assert_int_equal(dtls.setup, SDP_SETUP_PASSIVE);
	assert_int_equal(dtls.fingerprint_count, 1);
	assert_int_equal(dtls.fingerprints[0].hash, SDP_HASH_SHA256);
	assert_int_equal(dtls.fingerprints[0].value[1], 0xad);
	assert_int_equal(sdp_dtls_of(&sdp, 1, &dtls), 0);
	assert_int_equal(dtls.fingerprint_count, 1);
	assert_int_equal(dtls.fingerprints[0].hash, SDP_HASH_SHA512);
	assert_int_equal(dtls.fingerprints[0].value[63], 0xdf);
	assert_true(span_eq(dtls.tls_id, SPAN_LIT("ab12")));
}

static void test_credentials(void **state)
{
	(void)state;
	assert_int_equal(ice_of(""), -ENOENT);
	assert_int_equal(ice_of("a=ice-ufrag:abcd\r\n"), -ENOENT);
	assert_int_equal(ice_of("a=ice-pwd:" PWD "\r\n"), -ENOENT);
	assert_int_equal(ice_of("a=ice-ufrag:abc\r\na=ice-pwd:" PWD "\r\n"), -EINVAL);
	assert_int_equal(ice_of("a=ice-ufrag:ab:d\r\na=ice-pwd:" PWD "\r\n"), -EINVAL);
	assert_int_equal(ice_of("a=ice-ufrag:abcd\r\na=ice-pwd:short\r\n"), -EINVAL);
	assert_int_equal(ice_of("a=ice-ufrag\r\na=ice-pwd:" PWD "\r\n"), -EINVAL);
}

static void test_candidates_left_out(void **state)
{
	static const char *const lines[] = {
		"1 1 tcp 1 192.0.2.1 9 typ host tcptype active",
		"1 1 udp 1 6f5d.local 5000 typ host",
		"1 1 udp 0 192.0.2.1 5000 typ host",
		"1 1 udp 2147483648 192.0.2.1 5000 typ host",
		"1 0 udp 1 192.0.2.1 5000 typ host",
		"1 3 udp 1 192.0.2.1 5000 typ host",
		"1 1 udp 1 192.0.2.1 0 typ host",
		"1 1 udp 1 192.0.2.1 65536 typ host",
		"1 1 udp 1 192.0.2.1 5000 typ other",
		"1 1 udp 1 192.0.2.1 5000 kind host",
		"1 1 udp 1 192.0.2.1 5000 typ",
		"1:1 1 udp 1 192.0.2.1 5000 typ host",
		"123456789012345678901234567890123 1 udp 1 192.0.2.1 5000 typ host",
		"",
	};
	char text[512];
	(void)state;
	for (uint32_t i = 0; i < COUNT_OF(lines); i++) {
		snprintf(text, sizeof(text),
			"a=ice-ufrag:abcd\r\na=ice-pwd:" PWD "\r\na=candidate:%s\r\n", lines[i]);
		assert_int_equal(ice_of(text), 0);
		if (ice.candidate_count != 0 || ice.ignored != 1)
			fail_msg("\"%s\" is taken", lines[i]);
	}
}

static void test_many_candidates(void **state)
{
	static char text[8192];
	int at = snprintf(text, sizeof(text), "a=ice-ufrag:abcd\r\na=ice-pwd:" PWD "\r\n");
	(void)state;
	for (uint32_t i = 0; i < SDP_CANDIDATES_MAX + 4; i++)
		at += snprintf(text + at, sizeof(text) - (size_t)at,
			"a=candidate:%u 1 udp %u 192.0.2.1 %u typ host\r\n", i, 1 + i, 5000 + i);
	assert_int_equal(ice_of(text), 0);
	assert_int_equal(ice.candidate_count, SDP_CANDIDATES_MAX);
	assert_int_equal(ice.ignored, 4);
}

static void test_fingerprints(void **state)
{
	(void)state;
	assert_int_equal(dtls_of(""), -ENOENT);
	assert_int_equal(dtls_of("a=fingerprint:SHA-256 " HEX "\r\n"), 0);
	assert_int_equal(dtls.setup, SDP_SETUP_NONE);
	assert_int_equal(dtls_of("a=fingerprint:sha-1 4A:AD\r\n"
				 "a=fingerprint:sha-256 " HEX "\r\n"),
		0);
	assert_int_equal(dtls.fingerprint_count, 2);
	assert_int_equal(dtls.fingerprints[0].hash, SDP_HASH_UNKNOWN);
	assert_int_equal(dtls.fingerprints[1].hash, SDP_HASH_SHA256);
	assert_int_equal(dtls_of("a=fingerprint:sha-256 4A:AD\r\n"), -EINVAL);
	assert_int_equal(dtls_of("a=fingerprint:sha-256 " HEX ":00\r\n"), -EINVAL);
	assert_int_equal(dtls_of("a=fingerprint:sha-384 " HEX "\r\n"), -EINVAL);
	assert_int_equal(dtls_of("a=fingerprint:sha-256\r\n"), -EINVAL);
	assert_int_equal(dtls_of("a=fingerprint\r\n"), -EINVAL);
	assert_int_equal(
		dtls_of("a=fingerprint:sha-256 " HEX "\r\na=setup:maybe\r\n"), -EINVAL);
	assert_int_equal(
		dtls_of("a=fingerprint:sha-256 " HEX "\r\na=setup:actpass\r\n"), 0);
	assert_int_equal(dtls.setup, SDP_SETUP_ACTPASS);
}

static void test_roles(void **state)
{
	static const struct {
		enum sdp_setup said, as_answerer, as_offerer;
	} cases[] = {
		{ SDP_SETUP_NONE, SDP_SETUP_ACTIVE, SDP_SETUP_PASSIVE },
		{ SDP_SETUP_ACTPASS, SDP_SETUP_ACTIVE, SDP_SETUP_NONE },
		{ SDP_SETUP_ACTIVE, SDP_SETUP_PASSIVE, SDP_SETUP_PASSIVE },
		{ SDP_SETUP_PASSIVE, SDP_SETUP_ACTIVE, SDP_SETUP_ACTIVE },
		{ SDP_SETUP_HOLDCONN, SDP_SETUP_NONE, SDP_SETUP_NONE },
	};
	(void)state;
	for (uint32_t i = 0; i < COUNT_OF(cases); i++) {
		assert_int_equal(sdp_setup_answer(cases[i].said), cases[i].as_answerer);
		assert_int_equal(sdp_setup_agreed(cases[i].said), cases[i].as_offerer);
	}
}

static void test_written(void **state)
{
	static char buf[4096], text[8192];
	struct sdp_ice own = { .ufrag = SPAN_LIT("Own1"), .pwd = SPAN_LIT(PWD), .is_ended = true,
		.candidate_count = 2 };
	struct sdp_dtls shown = { .setup = SDP_SETUP_ACTPASS, .tls_id = SPAN_LIT("0123abcd"),
		.fingerprint_count = 1 };
	struct sip_writer w;
	(void)state;
	assert_int_equal(addr_parse(SPAN_LIT("198.51.100.1:20000"), 0, &own.candidates[0].addr), 0);
	own.candidates[0].priority = 2130706431;
	own.candidates[0].foundation = 1;
	own.candidates[0].component = 1;
	own.candidates[1] = own.candidates[0];
	own.candidates[1].component = 2;
	own.candidates[1].priority--;
	own.candidates[1].addr.port++;
	shown.fingerprints[0].hash = SDP_HASH_SHA256;
	memset(shown.fingerprints[0].value, 0xa5, 32);
	sip_writer_init(&w, buf, sizeof(buf));
	sdp_put_ice(&w, &own);
	sdp_put_dtls(&w, &shown);
	assert_false(w.is_overflowed);
	struct span lines = sip_writer_text(&w);
	assert_true(span_starts(lines,
		SPAN_LIT("a=ice-ufrag:Own1\r\na=ice-pwd:" PWD "\r\n"
			 "a=candidate:1 1 UDP 2130706431 198.51.100.1 20000 typ host\r\n"
			 "a=candidate:1 2 UDP 2130706430 198.51.100.1 20001 typ host\r\n"
			 "a=end-of-candidates\r\na=fingerprint:sha-256 A5:A5:")));
	snprintf(text, sizeof(text), SPAN_FMT, SPAN_ARG(lines));
	assert_int_equal(dtls_of(text), 0);
	assert_memory_equal(dtls.fingerprints[0].value, shown.fingerprints[0].value, 32);
	assert_int_equal(dtls.setup, SDP_SETUP_ACTPASS);
	assert_true(span_eq(dtls.tls_id, shown.tls_id));
	assert_int_equal(ice.candidate_count, 2);
	assert_true(addr_eq(&ice.candidates[1].addr, &own.candidates[1].addr));
	assert_true(ice.is_ended);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_browser),
		cmocka_unit_test(test_session_and_line),
		cmocka_unit_test(test_credentials),
		cmocka_unit_test(test_candidates_left_out),
		cmocka_unit_test(test_many_candidates),
		cmocka_unit_test(test_fingerprints),
		cmocka_unit_test(test_roles),
		cmocka_unit_test(test_written),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
