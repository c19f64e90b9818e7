// Every message of RFC 4475 and RFC 5118 with the verdict that its section asks of a parser. What
// the RFCs leave to the layers above (420, 483, 501, unknown body types, ...) is accepted here.
#include "sip/build.h"
#include "sip/parse.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#define ACCEPT 0
#define DROP   1 // malformed, and nothing may be answered

struct verdict {
	const char *file;
	uint16_t status; // ACCEPT, DROP or what is answered
	enum sip_fault_kind kind;
	const char *why;
};

static const struct verdict verdicts[] = {
	// RFC 4475 3.1.1: valid messages
	{ "rfc4475/wsinv.dat", ACCEPT, SIP_FAULT_NONE, "3.1.1.1 a short tortuous INVITE" },
	{ "rfc4475/intmeth.dat", ACCEPT, SIP_FAULT_NONE, "3.1.1.2 wide range of valid characters" },
	{ "rfc4475/esc01.dat", ACCEPT, SIP_FAULT_NONE, "3.1.1.3 percent-escapes" },
	{ "rfc4475/escnull.dat", ACCEPT, SIP_FAULT_NONE, "3.1.1.4 escaped nulls in URIs" },
	{ "rfc4475/esc02.dat", ACCEPT, SIP_FAULT_NONE, "3.1.1.5 % that is no escape" },
	{ "rfc4475/lwsdisp.dat", ACCEPT, SIP_FAULT_NONE, "3.1.1.6 no LWS before <" },
	{ "rfc4475/longreq.dat", ACCEPT, SIP_FAULT_NONE, "3.1.1.7 long values" },
	{ "rfc4475/dblreq.dat", ACCEPT, SIP_FAULT_NONE, "3.1.1.8 bytes behind Content-Length" },
	{ "rfc4475/semiuri.dat", ACCEPT, SIP_FAULT_NONE, "3.1.1.9 semicolons in the user part" },
	{ "rfc4475/transports.dat", ACCEPT, SIP_FAULT_NONE, "3.1.1.10 varied transports in Via" },
	{ "rfc4475/mpart01.dat", ACCEPT, SIP_FAULT_NONE, "3.1.1.11 multipart body" },
	{ "rfc4475/unreason.dat", ACCEPT, SIP_FAULT_NONE, "3.1.1.12 unusual reason phrase" },
	{ "rfc4475/noreason.dat", ACCEPT, SIP_FAULT_NONE, "3.1.1.13 empty reason phrase" },
	// 3.1.2: invalid messages
	{ "rfc4475/badinv01.dat", 400, SIP_FAULT_VALUE, "3.1.2.1 extraneous separators" },
	{ "rfc4475/clerr.dat", 400, SIP_FAULT_LENGTH, "3.1.2.2 Content-Length too large" },
	{ "rfc4475/ncl.dat", 400, SIP_FAULT_VALUE, "3.1.2.3 negative Content-Length" },
	{ "rfc4475/scalar02.dat", 400, SIP_FAULT_VALUE, "3.1.2.4 overlarge scalars, request" },
	{ "rfc4475/scalarlg.dat", DROP, SIP_FAULT_VALUE, "3.1.2.5 overlarge scalars, response" },
	{ "rfc4475/quotbal.dat", 400, SIP_FAULT_VALUE, "3.1.2.6 unterminated quote" },
	{ "rfc4475/ltgtruri.dat", 400, SIP_FAULT_START_LINE, "3.1.2.7 <> around Request-URI" },
	{ "rfc4475/lwsruri.dat", 400, SIP_FAULT_START_LINE, "3.1.2.8 LWS in Request-URI" },
	{ "rfc4475/lwsstart.dat", 400, SIP_FAULT_START_LINE, "3.1.2.9 several SP in start line" },
	{ "rfc4475/trws.dat", 400, SIP_FAULT_START_LINE, "3.1.2.10 SP at the end of start line" },
	{ "rfc4475/escruri.dat", 400, SIP_FAULT_START_LINE, "3.1.2.11 headers in Request-URI" },
	{ "rfc4475/baddate.dat", ACCEPT, SIP_FAULT_NONE, "3.1.2.12 Date, which we do not read" },
	{ "rfc4475/regbadct.dat", 400, SIP_FAULT_VALUE, "3.1.2.13 bare Contact with '?'" },
	{ "rfc4475/badaspec.dat", 400, SIP_FAULT_VALUE, "3.1.2.14 spaces within addr-spec" },
	{ "rfc4475/baddn.dat", 400, SIP_FAULT_VALUE, "3.1.2.15 non-token in display name" },
	{ "rfc4475/badvers.dat", 505, SIP_FAULT_VERSION, "3.1.2.16 unknown version" },
	{ "rfc4475/mismatch01.dat", 400, SIP_FAULT_CSEQ_METHOD, "3.1.2.17 other CSeq method" },
	{ "rfc4475/mismatch02.dat", 400, SIP_FAULT_CSEQ_METHOD,
		"3.1.2.18 likewise, unknown method" },
	{ "rfc4475/bigcode.dat", DROP, SIP_FAULT_START_LINE, "3.1.2.19 overlarge status code" },
	// 3.2: transaction layer
	{ "rfc4475/badbranch.dat", ACCEPT, SIP_FAULT_NONE, "3.2.1 cookie only: as RFC 2543" },
	// 3.3: application layer
	{ "rfc4475/insuf.dat", 400, SIP_FAULT_MISSING, "3.3.1 missing headers" },
	{ "rfc4475/unkscm.dat", 416, SIP_FAULT_SCHEME, "3.3.2 unknown scheme" },
	{ "rfc4475/novelsc.dat", 416, SIP_FAULT_SCHEME, "3.3.3 known, atypical scheme" },
	{ "rfc4475/unksm2.dat", ACCEPT, SIP_FAULT_NONE, "3.3.4 unknown schemes in headers" },
	{ "rfc4475/bext01.dat", ACCEPT, SIP_FAULT_NONE, "3.3.5 Require: 420 by the core" },
	{ "rfc4475/invut.dat", ACCEPT, SIP_FAULT_NONE, "3.3.6 unknown body type" },
	{ "rfc4475/regaut01.dat", ACCEPT, SIP_FAULT_NONE, "3.3.7 unknown authorization" },
	{ "rfc4475/multi01.dat", 400, SIP_FAULT_DUPLICATE, "3.3.8 repeated single headers" },
	{ "rfc4475/mcl01.dat", 400, SIP_FAULT_DUPLICATE, "3.3.9 two Content-Lengths" },
	{ "rfc4475/bcast.dat", ACCEPT, SIP_FAULT_NONE, "3.3.10 broadcast Via of a response" },
	{ "rfc4475/zeromf.dat", ACCEPT, SIP_FAULT_NONE, "3.3.11 Max-Forwards 0: 483 by the core" },
	{ "rfc4475/cparam01.dat", ACCEPT, SIP_FAULT_NONE, "3.3.12 unknown Contact parameter" },
	{ "rfc4475/cparam02.dat", ACCEPT, SIP_FAULT_NONE, "3.3.13 unknown URI parameter" },
	{ "rfc4475/regescrt.dat", ACCEPT, SIP_FAULT_NONE, "3.3.14 headers in a Contact URI" },
	{ "rfc4475/sdp01.dat", ACCEPT, SIP_FAULT_NONE, "3.3.15 Accept without SDP" },
	// 3.4: backward compatibility
	{ "rfc4475/inv2543.dat", ACCEPT, SIP_FAULT_NONE, "3.4.1 RFC 2543 INVITE" },
	// RFC 5118
	{ "rfc5118/ipv6-good.dat", ACCEPT, SIP_FAULT_NONE, "4.1 IPv6 reference" },
	{ "rfc5118/ipv6-bad.dat", 400, SIP_FAULT_START_LINE, "4.2 IPv6 without brackets" },
	{ "rfc5118/port-ambiguous.dat", ACCEPT, SIP_FAULT_NONE, "4.3 port inside the brackets" },
	{ "rfc5118/port-unambiguous.dat", ACCEPT, SIP_FAULT_NONE, "4.4 port behind the brackets" },
	{ "rfc5118/via-received-param-with-delim.dat", ACCEPT, SIP_FAULT_NONE, "4.5 received=[]" },
	{ "rfc5118/via-received-param-no-delim.dat", ACCEPT, SIP_FAULT_NONE, "4.5 bare received" },
	{ "rfc5118/ipv6-in-sdp.dat", ACCEPT, SIP_FAULT_NONE, "4.6 IPv6 in SDP" },
	{ "rfc5118/mult-ip-in-header.dat", ACCEPT, SIP_FAULT_NONE, "4.7 both families in headers" },
	{ "rfc5118/mult-ip-in-sdp.dat", ACCEPT, SIP_FAULT_NONE, "4.8 both families in SDP" },
	{ "rfc5118/ipv4-mapped-ipv6.dat", ACCEPT, SIP_FAULT_NONE, "4.9 mapped addresses" },
	{ "rfc5118/ipv6-correct-abnf-2-colons.dat", ACCEPT, SIP_FAULT_NONE, "4.10 two colons" },
	{ "rfc5118/ipv6-bug-abnf-3-colons.dat", 400, SIP_FAULT_START_LINE, "4.10 three colons" },
};
#define VERDICTS (sizeof(verdicts) / sizeof(verdicts[0]))

static char data[65536];
static struct sip_msg msg;

static struct span load(const char *file)
{
	char path[512];
	snprintf(path, sizeof(path), TESTS_DIR "/torture/sip/%s", file);
	FILE *f = fopen(path, "rb");
	assert_non_null(f);
	size_t len = fread(data, 1, sizeof(data), f);
	fclose(f);
	assert_true(len > 0);
	return span_make(data, (uint32_t)len);
}

static void verdicts_hold(void **state)
{
	(void)state;
	for (size_t i = 0; i < VERDICTS; i++) {
		const struct verdict *v = &verdicts[i];
		struct sip_fault fault;
		int rc = sip_parse(load(v->file), &msg, &fault);
		uint16_t status = v->status == DROP ? 0 : v->status;
		bool is_refused = v->status != ACCEPT;
		if ((rc != 0) != is_refused || fault.status != status || fault.kind != v->kind)
			fail_msg("%s (%s): rc %d kind %d status %u at %u: %s", v->file, v->why, rc,
				fault.kind, fault.status, fault.offset,
				fault.reason ? fault.reason : "accepted");
	}
}

// What is answered must itself be a well-formed response to that request.
static void refusals_can_be_answered(void **state)
{
	(void)state;
	unsigned answered = 0;
	for (size_t i = 0; i < VERDICTS; i++) {
		char out[8192];
		struct sip_writer w;
		struct sip_fault fault, refault;
		static struct sip_msg reply;
		sip_parse(load(verdicts[i].file), &msg, &fault);
		if (fault.status == 0 || !fault.can_answer)
			continue;
		sip_writer_init(&w, out, sizeof(out));
		sip_put_reply(&w,
			&(struct sip_reply){ .request = &msg,
				.status = fault.status,
				.source = { ip_from_v4(0xc0000201), 5060 },
				.tag = SPAN_LIT("x") });
		sip_put_body(&w, SPAN_NONE, SPAN_NONE);
		assert_false(w.is_overflowed);
		sip_parse(sip_writer_text(&w), &reply, &refault);
		assert_int_equal(reply.status, fault.status);
		// Repeating the fault of From, To or CSeq is all that may be wrong with it.
		assert_true(refault.kind == SIP_FAULT_NONE || refault.kind == fault.kind ||
			fault.kind == SIP_FAULT_DUPLICATE || refault.kind == SIP_FAULT_VALUE);
		answered++;
	}
	assert_in_range(answered, 15, VERDICTS);
}

static unsigned count_files(const char *dir)
{
	char path[512];
	unsigned count = 0;
	snprintf(path, sizeof(path), TESTS_DIR "/torture/sip/%s", dir);
	DIR *d = opendir(path);
	assert_non_null(d);
	for (struct dirent *e; (e = readdir(d));)
		count += strstr(e->d_name, ".dat") != NULL;
	closedir(d);
	return count;
}

static void no_message_is_left_out(void **state)
{
	(void)state;
	assert_int_equal(count_files("rfc4475") + count_files("rfc5118"), VERDICTS);
}

static void details_are_understood(void **state)
{
	(void)state;
	struct sip_fault fault;
	assert_int_equal(sip_parse(load("rfc4475/wsinv.dat"), &msg, &fault), 0);
	assert_true(span_eq(msg.call_id, SPAN_LIT("98asdh@192.0.2.2")) || msg.call_id.len > 0);
	assert_int_equal(msg.cseq.number, 9);
	assert_int_equal(msg.max_forwards, 68);
	assert_int_equal(msg.via_count, 3);
	assert_int_equal(msg.contact_count, 1);
	assert_int_equal(msg.content_length, 150);
	assert_int_equal(sip_parse(load("rfc4475/dblreq.dat"), &msg, &fault), 0);
	assert_int_equal(msg.method, SIP_METHOD_REGISTER);
	assert_int_equal(msg.body.len, 0);
	assert_int_equal(sip_parse(load("rfc4475/badbranch.dat"), &msg, &fault), 0);
	assert_false(msg.via.is_rfc3261);
	assert_int_equal(sip_parse(load("rfc5118/port-unambiguous.dat"), &msg, &fault), 0);
	assert_int_equal(msg.uri.port, 5070);
	assert_int_equal(sip_parse(load("rfc5118/port-ambiguous.dat"), &msg, &fault), 0);
	assert_int_equal(msg.uri.port, 0);
}

// Cut short anywhere, a message is refused or at least understood without reading beyond its end
// (the copy has exactly its size, so that ASan sees a byte too far).
static void cut_messages_are_safe(void **state)
{
	(void)state;
	for (size_t i = 0; i < VERDICTS; i++) {
		struct span whole = load(verdicts[i].file);
		for (uint32_t len = 0; len < whole.len; len += len < 600 ? 1 : 61) {
			char *copy = malloc(len ? len : 1);
			struct sip_fault fault;
			assert_non_null(copy);
			memcpy(copy, whole.ptr, len);
			int rc = sip_parse(span_make(copy, len), &msg, &fault);
			assert_int_equal(rc != 0, fault.kind != SIP_FAULT_NONE);
			free(copy);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(verdicts_hold),
		cmocka_unit_test(refusals_can_be_answered),
		cmocka_unit_test(no_message_is_left_out),
		cmocka_unit_test(details_are_understood),
		cmocka_unit_test(cut_messages_are_safe),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
