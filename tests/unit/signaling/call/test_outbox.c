#include "call/outbox.h"
#include "call/summary.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <errno.h>

static void copies_in_order(void **state)
{
	struct outbox *outbox = outbox_new(4, 65536);
	char text[] = "first";
	struct outbox_send send = { .hop.listener = 3, .data = span_str(text) };
	struct call_summary summary = { .code = 486 };

	(void)state;
	assert_int_equal(outbox_send(outbox, &send), 0);
	text[0] = 'X';
	summary.code = 487;
	assert_int_equal(outbox_call_end(outbox, &summary), 0);
	summary.code = 200;
	assert_int_equal(outbox_count(outbox), 2);
	assert_int_equal(outbox_at(outbox, 0)->kind, OUTBOX_SEND);
	assert_true(span_eq(outbox_at(outbox, 0)->send.data, SPAN_LIT("first")));
	assert_int_equal(outbox_at(outbox, 0)->send.hop.listener, 3);
	assert_int_equal(outbox_at(outbox, 1)->kind, OUTBOX_CALL_END);
	assert_int_equal(outbox_at(outbox, 1)->call_end->code, 487);
	outbox_clear(outbox);
	assert_int_equal(outbox_count(outbox), 0);
	outbox_free(outbox);
}

static void full_of_entries(void **state)
{
	struct outbox *outbox = outbox_new(2, 65536);
	struct outbox_send send = { .data = SPAN_LIT("x") };

	(void)state;
	assert_int_equal(outbox_send(outbox, &send), 0);
	assert_int_equal(outbox_send(outbox, &send), 0);
	assert_int_equal(outbox_send(outbox, &send), -ENOBUFS);
	assert_int_equal(outbox_refused(outbox), 1);
	assert_int_equal(outbox_count(outbox), 2);
	outbox_clear(outbox);
	assert_int_equal(outbox_send(outbox, &send), 0);
	outbox_free(outbox);
}

static void full_of_bytes(void **state)
{
	static char big[5000];
	struct outbox *outbox = outbox_new(100, 8192);
	struct outbox_send send = { .data = { big, sizeof(big) } };

	(void)state;
	assert_int_equal(outbox_send(outbox, &send), 0);
	assert_int_equal(outbox_send(outbox, &send), -ENOBUFS);
	assert_int_equal(outbox_count(outbox), 1);
	assert_int_equal(outbox_refused(outbox), 1);
	outbox_free(outbox);
}

// Names of questions and of certificates are the outbox's own too.
static void copies_names(void **state)
{
	struct outbox *outbox = outbox_new(3, 65536);
	char host[] = "a.test", tls[] = "b.test";
	struct outbox_resolve resolve = { .ticket = 9, .host = span_str(host), .port = 5070 };
	struct outbox_send send = { .hop.tls_name = span_str(tls), .data = SPAN_LIT("x") };

	(void)state;
	assert_int_equal(outbox_resolve(outbox, &resolve), 0);
	assert_int_equal(outbox_send(outbox, &send), 0);
	host[0] = tls[0] = 'X';
	assert_int_equal(outbox_at(outbox, 0)->kind, OUTBOX_RESOLVE);
	assert_true(span_eq(outbox_at(outbox, 0)->resolve.host, SPAN_LIT("a.test")));
	assert_int_equal(outbox_at(outbox, 0)->resolve.ticket, 9);
	assert_int_equal(outbox_at(outbox, 0)->resolve.port, 5070);
	assert_true(span_eq(outbox_at(outbox, 1)->send.hop.tls_name, SPAN_LIT("b.test")));
	assert_int_equal(outbox_resolve(outbox, &resolve), 0);
	assert_int_equal(outbox_resolve(outbox, &resolve), -ENOBUFS);
	assert_int_equal(outbox_refused(outbox), 1);
	outbox_free(outbox);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(copies_in_order),
		cmocka_unit_test(full_of_entries),
		cmocka_unit_test(full_of_bytes),
		cmocka_unit_test(copies_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
