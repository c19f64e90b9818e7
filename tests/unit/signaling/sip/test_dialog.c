// Dialog state of RFC 3261 section 12 in both roles, and the requests that come out of it.
#include "sip/dialog.h"

#include "sip/parse.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>

static struct arena arena;
static struct sip_dialog dialog;
static struct sip_msg msg;

static int setup(void **state)
{
	(void)state;
	arena_init(&arena, 65536);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	arena_fini(&arena);
	return 0;
}

static void assert_span(struct span s, const char *text)
{
	char got[512];
	assert_int_equal(span_copy(s, got, sizeof(got)), 0);
	assert_string_equal(got, text);
}

static void parse(const char *text)
{
	struct sip_fault fault;
	int err = sip_parse(span_str(text), &msg, &fault);
	if (err)
		fail_msg("%s", fault.reason);
}

static const char invite[] = "INVITE sip:bob@192.0.2.4 SIP/2.0\r\n"
	"Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1\r\n"
	"Record-Route: <sip:p2.example;lr>, <sip:p1.example;lr>\r\n"
	"Max-Forwards: 70\r\nFrom: \"Alice\" <sip:alice@a.example>;tag=a1\r\n"
	"To: <sip:bob@b.example>\r\nCall-ID: c1@a\r\nCSeq: 17 INVITE\r\n"
	"Contact: <sip:alice@192.0.2.1:5070>\r\nContent-Length: 0\r\n\r\n";

static void response(uint32_t status, const char *tag, const char *more)
{
	static char text[1024];
	snprintf(text, sizeof(text),
		"SIP/2.0 %u X\r\nVia: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bK2\r\n"
		"From: <sip:1@sbc>;tag=own\r\nTo: <sip:2@trunk>%s\r\nCall-ID: ours\r\n"
		"CSeq: 5 INVITE\r\n%sContent-Length: 0\r\n\r\n",
		status, tag, more);
	parse(text);
}

static void init_uac(void)
{
	const struct sip_dialog_uac params = { SPAN_LIT("ours"), SPAN_LIT("own"),
		SPAN_LIT("<sip:1@sbc>"), SPAN_LIT("<sip:2@trunk>"), SPAN_LIT("sip:2@192.0.2.77"),
		5 };
	assert_int_equal(sip_dialog_init_uac(&dialog, &arena, &params), 0);
}

static struct span put(const char *method, uint32_t cseq)
{
	static char buf[2048];
	struct sip_writer w;
	struct sip_dialog_request request = { span_str(method), cseq,
		{ .transport = SPAN_LIT("UDP"), .sent_by.port = 5060,
			.branch = SPAN_LIT("z9hG4bKx") }, 70 };
	ip_parse(SPAN_LIT("192.0.2.200"), &request.via.sent_by.ip);
	sip_writer_init(&w, buf, sizeof(buf));
	sip_dialog_put_request(&dialog, &w, &request);
	sip_put_body(&w, SPAN_NONE, SPAN_NONE);
	assert_false(w.is_overflowed);
	return sip_writer_text(&w);
}

static void test_uas(void **state)
{
	(void)state;
	parse(invite);
	assert_int_equal(sip_dialog_init_uas(&dialog, &arena, &msg, SPAN_LIT("own")), 0);
	assert_span(dialog.local.text, "<sip:bob@b.example>");
	assert_span(dialog.remote.text, "\"Alice\" <sip:alice@a.example>");
	assert_span(dialog.remote_target.text, "sip:alice@192.0.2.1:5070");
	assert_int_equal(dialog.route_count, 2);
	assert_span(dialog.route[0].text, "<sip:p2.example;lr>");

	struct sip_fault fault;
	uint32_t cseq = sip_dialog_next_cseq(&dialog);
	assert_int_equal(cseq, 1);
	assert_int_equal(sip_parse(put("BYE", cseq), &msg, &fault), 0);
	assert_span(msg.uri.text, "sip:alice@192.0.2.1:5070");
	assert_span(msg.from.tag, "own");
	assert_span(msg.to.tag, "a1");
	assert_span(msg.call_id, "c1@a");
	assert_int_equal(msg.cseq.number, 1);
	assert_span(sip_msg_header(&msg, SIP_HEADER_ROUTE)->value, "<sip:p2.example;lr>");
	struct sip_uri hop;
	assert_int_equal(sip_dialog_next_hop(&dialog, &hop), 0);
	assert_span(hop.host, "p2.example");
}

static void test_uac_early_then_confirmed(void **state)
{
	(void)state;
	init_uac();
	response(180, "", "");
	assert_int_equal(sip_dialog_receive_response(&dialog, &msg), 0);
	assert_int_equal(dialog.remote_tag.text.len, 0);
	response(183, ";tag=e1", "Record-Route: <sip:r1;lr>\r\nRecord-Route: <sip:r2;lr>\r\n"
		"Contact: <sip:b@192.0.2.8>\r\n");
	assert_int_equal(sip_dialog_receive_response(&dialog, &msg), 0);
	assert_span(dialog.remote_tag.text, "e1");
	assert_span(dialog.route[0].text, "<sip:r2;lr>");
	assert_false(dialog.is_confirmed);
	response(180, ";tag=other", "");
	assert_int_equal(sip_dialog_receive_response(&dialog, &msg), -EXDEV);
	response(200, ";tag=e1", "Contact: <sip:b@192.0.2.99:5099>\r\n");
	assert_int_equal(sip_dialog_receive_response(&dialog, &msg), 0);
	assert_true(dialog.is_confirmed);
	assert_int_equal(dialog.route_count, 0);
	assert_span(dialog.remote_target.text, "sip:b@192.0.2.99:5099");
}

static void test_uac_refuses(void **state)
{
	(void)state;
	init_uac();
	response(200, "", "Contact: <sip:b@192.0.2.8>\r\n");
	assert_int_equal(sip_dialog_receive_response(&dialog, &msg), -EINVAL);
	response(200, ";tag=x", "");
	assert_int_equal(sip_dialog_receive_response(&dialog, &msg), -EINVAL);
	response(200, ";tag=x", "Contact: <tel:+491>\r\n");
	assert_int_equal(sip_dialog_receive_response(&dialog, &msg), -EINVAL);
	assert_false(dialog.is_confirmed);
}

static void test_order_and_match(void **state)
{
	(void)state;
	char text[1024];
	parse(invite);
	assert_int_equal(sip_dialog_init_uas(&dialog, &arena, &msg, SPAN_LIT("own")), 0);
	static const struct {
		const char *from_tag, *to_tag, *call_id;
		uint32_t cseq;
		enum sip_dialog_verdict verdict;
	} cases[] = {
		{ "a1", "own", "c1@a", 18, SIP_DIALOG_OK },
		{ "a1", "own", "c1@a", 18, SIP_DIALOG_OUT_OF_ORDER },
		{ "a1", "own", "c1@a", 17, SIP_DIALOG_OUT_OF_ORDER },
		{ "a2", "own", "c1@a", 30, SIP_DIALOG_FOREIGN },
		{ "a1", "OWN", "c1@a", 30, SIP_DIALOG_FOREIGN },
		{ "a1", "own", "c1@A", 30, SIP_DIALOG_FOREIGN },
		{ "a1", "own", "c1@a", 2147483647, SIP_DIALOG_OK },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		snprintf(text, sizeof(text), "INFO sip:x@192.0.2.4 SIP/2.0\r\n"
			"Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK%zu\r\nMax-Forwards: 70\r\n"
			"From: <sip:alice@a.example>;tag=%s\r\nTo: <sip:bob@b.example>;tag=%s\r\n"
			"Call-ID: %s\r\nCSeq: %u INFO\r\nContent-Length: 0\r\n\r\n", i,
			cases[i].from_tag, cases[i].to_tag, cases[i].call_id, cases[i].cseq);
		parse(text);
		assert_int_equal(sip_dialog_receive_request(&dialog, &msg), cases[i].verdict);
	}
}

// RFC 3261 12.2.1.1: the strict router's URI becomes the Request-URI, the target goes to the end.
static void test_strict_router(void **state)
{
	(void)state;
	struct sip_fault fault;
	struct span value;
	struct sip_list list;
	init_uac();
	response(200, ";tag=t", "Record-Route: <sip:loose.example;lr>\r\n"
		"Record-Route: <sip:strict.example>\r\nContact: <sip:b@192.0.2.8>\r\n");
	assert_int_equal(sip_dialog_receive_response(&dialog, &msg), 0);
	assert_int_equal(sip_parse(put("BYE", sip_dialog_next_cseq(&dialog)), &msg, &fault), 0);
	assert_span(msg.uri.text, "sip:strict.example");
	sip_list_init(&list, &msg, SIP_HEADER_ROUTE);
	assert_true(sip_list_next(&list, &value));
	assert_span(value, "<sip:loose.example;lr>");
	assert_true(sip_list_next(&list, &value));
	assert_span(value, "<sip:b@192.0.2.8>");
	assert_false(sip_list_next(&list, &value));
	assert_int_equal(msg.cseq.number, 6);
}

static void test_target_refresh_and_full_arena(void **state)
{
	(void)state;
	parse(invite);
	assert_int_equal(sip_dialog_init_uas(&dialog, &arena, &msg, SPAN_LIT("own")), 0);
	response(200, ";tag=z", "Contact: <sip:n@192.0.2.55>\r\n");
	assert_int_equal(sip_dialog_refresh_target(&dialog, &msg), 0);
	assert_span(dialog.remote_target.text, "sip:n@192.0.2.55");

	struct arena small;
	arena_init(&small, 64);
	parse(invite);
	assert_int_equal(sip_dialog_init_uas(&dialog, &small, &msg, SPAN_LIT("own")), -ENOMEM);
	arena_fini(&small);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_uas, setup, teardown),
		cmocka_unit_test_setup_teardown(test_uac_early_then_confirmed, setup, teardown),
		cmocka_unit_test_setup_teardown(test_uac_refuses, setup, teardown),
		cmocka_unit_test_setup_teardown(test_order_and_match, setup, teardown),
		cmocka_unit_test_setup_teardown(test_strict_router, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_target_refresh_and_full_arena, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
