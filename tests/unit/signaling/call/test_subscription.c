// SUBSCRIBE and NOTIFY: two dialogs, their requests, their end (RFC 6665).
#include "fixture.h"

#include "call/core_private.h"
#include "call/exchange.h"

static uint32_t living(const struct fixture *f)
{
	return slab_count(f->core->exchanges) + slab_count(f->core->subscriptions);
}

static void subscribe(struct fixture *f, const char *to_tag, uint32_t cseq, const char *expires)
{
	char extra[256], branch[16];
	struct fixture_request r = { .method = "SUBSCRIBE", .cseq = cseq, .extra = extra,
		.to_tag = to_tag, .branch = branch };

	f->profiles[0].headers.requests = PROFILE_REQUEST_ALL;
	snprintf(branch, sizeof(branch), "s%u", cseq);
	snprintf(extra, sizeof(extra), "Event: dialog;call-id=secret;id=7\r\nExpires: %s\r\n"
		"Accept: application/dialog-info+xml\r\n", expires);
	fixture_phone(f, &r);
}

// The notifier's side, in the dialog of our newest SUBSCRIBE.
static void notify(struct fixture *f, uint32_t cseq, const char *subscription_state)
{
	const struct fixture_message *m = fixture_last(f, "SUBSCRIBE");
	char text[4096], to[256], from[256];

	assert_non_null(m);
	snprintf(to, sizeof(to), "%s", fixture_header(m->text, "From"));
	snprintf(from, sizeof(from), "%.*s", (int)strcspn(fixture_header(m->text, "To"), ";"),
		fixture_header(m->text, "To"));
	snprintf(text, sizeof(text),
		"NOTIFY sip:x@10.2.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 10.2.1.1;branch=z9hG4bKn%u\r\n"
		"Max-Forwards: 70\r\nFrom: %s;tag=secret-b\r\nTo: %s\r\nCall-ID: %s\r\n"
		"CSeq: %u NOTIFY\r\nContact: <sip:secret-b@10.2.1.1>\r\nEvent: dialog;id=7\r\n"
		"Subscription-State: %s\r\nContent-Type: application/dialog-info+xml\r\n"
		"Content-Length: 4\r\n\r\n<d/>",
		cseq, from, to, fixture_header(m->text, "Call-ID"), cseq, subscription_state);
	fixture_receive(f, "10.2.1.1:5060", text);
}

// The phone answers our newest NOTIFY.
static void phone_answers(struct fixture *f, uint32_t status)
{
	const struct fixture_message *m = fixture_last(f, "NOTIFY");
	char text[2048];

	assert_non_null(m);
	snprintf(text, sizeof(text),
		"SIP/2.0 %u x\r\nVia: %s\r\nFrom: %s\r\nTo: %s\r\nCall-ID: %s\r\nCSeq: %s\r\n"
		"Content-Length: 0\r\n\r\n", status, fixture_header(m->text, "Via"),
		fixture_header(m->text, "From"), fixture_header(m->text, "To"),
		fixture_header(m->text, "Call-ID"), fixture_header(m->text, "CSeq"));
	fixture_receive(f, "10.1.1.5:5060", text);
}

static void begin(struct fixture *f, char tag[64])
{
	subscribe(f, NULL, 1, "600");
	fixture_carrier(f, "SUBSCRIBE", 200, "");
	fixture_to_tag(f, "SIP/2.0 200", tag, 64);
}

// A notifier that refuses to serve leads to the next host, which is subscribed to anew.
static void next_host(void **state)
{
	struct fixture *f = *state;
	struct addr second = fixture_addr("10.2.1.2");
	char first_id[128], tag[64];

	subscribe(f, NULL, 1, "600");
	snprintf(first_id, sizeof(first_id), "%s",
		fixture_header(fixture_last(f, "SUBSCRIBE")->text, "Call-ID"));
	fixture_carrier(f, "SUBSCRIBE", 503, "");
	assert_null(fixture_last(f, "SIP/2.0 503"));
	const struct fixture_message *m = fixture_last(f, "SUBSCRIBE sip:+49100@10.2.1.2:5060");
	assert_non_null(m);
	assert_true(addr_eq(&m->target, &second));
	assert_string_not_equal(fixture_header(m->text, "Call-ID"), first_id);
	assert_int_equal(slab_count(f->core->subscriptions), 1);
	fixture_carrier(f, "SUBSCRIBE", 200, "");
	fixture_to_tag(f, "SIP/2.0 200", tag, sizeof(tag));
	notify(f, 1, "active;expires=600");
	assert_non_null(fixture_last(f, "NOTIFY sip:"));
	phone_answers(f, 200);
	assert_non_null(fixture_last(f, "SIP/2.0 200"));
	// Once it stands, a refusal is an answer like any other.
	fixture_forget(f);
	subscribe(f, tag, 2, "600");
	fixture_carrier(f, "SUBSCRIBE", 503, "");
	assert_non_null(fixture_last(f, "SIP/2.0 503"));
}

static void whole_life(void **state)
{
	struct fixture *f = *state;
	char tag[64];

	subscribe(f, NULL, 1, "600");
	const struct fixture_message *m = fixture_last(f, "SUBSCRIBE sip:+49100@10.2.1.1:5060");
	assert_non_null(m);
	assert_string_equal(fixture_header(m->text, "Event"), "dialog;id=7");
	assert_string_equal(fixture_header(m->text, "Expires"), "600");
	assert_string_equal(fixture_header(m->text, "Accept"), "application/dialog-info+xml");
	assert_null(strstr(m->text, "secret"));
	assert_null(strstr(m->text, "10.1.1.5"));
	fixture_carrier(f, "SUBSCRIBE", 200, "");
	m = fixture_last(f, "SIP/2.0 200");
	assert_null(strstr(m->text, "secret-b"));
	assert_non_null(strstr(fixture_header(m->text, "Contact"), "@10.1.0.1:5060>"));
	fixture_to_tag(f, "SIP/2.0 200", tag, sizeof(tag));

	notify(f, 1, "active;expires=500;reason=x;secret=1");
	m = fixture_last(f, "NOTIFY sip:alice@10.1.1.5:5060");
	assert_non_null(m);
	assert_string_equal(fixture_header(m->text, "Subscription-State"),
		"active;reason=x;expires=500");
	assert_null(strstr(m->text, "secret-b"));
	assert_string_equal(strstr(m->text, "\r\n\r\n"), "\r\n\r\n<d/>");
	fixture_forget(f);
	subscribe(f, tag, 2, "0");
	m = fixture_last(f, "SUBSCRIBE sip:secret-b@10.2.1.1 SIP/2.0");
	assert_non_null(m);
	assert_string_equal(fixture_header(m->text, "Expires"), "0");
	fixture_carrier(f, "SUBSCRIBE", 200, "");
	assert_int_equal(slab_count(f->core->subscriptions), 1);
	notify(f, 2, "terminated;reason=timeout");
	phone_answers(f, 200);
	assert_non_null(fixture_last(f, "SIP/2.0 200"));
	fixture_wait(f, 80000);
	assert_int_equal(living(f), 0);
	// The dialogs are gone.
	fixture_forget(f);
	subscribe(f, tag, 3, "600");
	assert_non_null(fixture_last(f, "SIP/2.0 481"));
}

static void notify_overtakes(void **state)
{
	struct fixture *f = *state;

	subscribe(f, NULL, 1, "600");
	notify(f, 1, "pending");
	assert_non_null(fixture_last(f, "NOTIFY sip:alice@10.1.1.5:5060"));
	phone_answers(f, 200);
	fixture_carrier(f, "SUBSCRIBE", 202, "");
	assert_non_null(fixture_last(f, "SIP/2.0 202"));
	notify(f, 2, "active");
	assert_int_equal(slab_count(f->core->subscriptions), 1);
}

// 481 of either side, a refusal, silence: nothing stays.
static void ends(void **state)
{
	static const struct {
		bool is_refused, is_unanswered, is_notify_refused;
	} cases[] = { { .is_refused = true }, { .is_unanswered = true },
		{ .is_notify_refused = true }, { false, false, false } };

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		void *one;
		struct fixture *f;
		char tag[64];

		fixture_open(&one);
		f = one;
		if (cases[i].is_refused || cases[i].is_unanswered)
			subscribe(f, NULL, 1, "600");
		else
			begin(f, tag);
		if (cases[i].is_refused)
			fixture_carrier(f, "SUBSCRIBE", 489, "");
		if (cases[i].is_notify_refused) {
			notify(f, 1, "active");
			phone_answers(f, 481);
			assert_non_null(fixture_last(f, "SIP/2.0 481"));
		}
		for (uint32_t k = 0; k < 14; k++) { // 600 s and more
			fixture_forget(f);
			fixture_wait(f, 50000);
		}
		if (living(f))
			fail_msg("case %zu: %u exchanges, %u subscriptions", i,
				slab_count(f->core->exchanges), slab_count(f->core->subscriptions));
		if (metric_read(&core_metrics(f->core)->subscriptions_expired) != (i == 3))
			fail_msg("case %zu", i);
		fixture_close(&one);
	}
}

static void wrong_requests(void **state)
{
	struct fixture *f = *state;
	struct fixture_request bye = { .method = "BYE", .cseq = 2, .branch = "bye" };
	char tag[64];

	begin(f, tag);
	bye.to_tag = tag;
	fixture_phone(f, &bye);
	assert_non_null(fixture_last(f, "SIP/2.0 405"));
	subscribe(f, tag, 1, "600");
	// Of the past: answered from memory or refused, never relayed.
	fixture_forget(f);
	struct fixture_request old = { .method = "SUBSCRIBE", .cseq = 1, .branch = "old",
		.to_tag = tag };
	fixture_phone(f, &old);
	assert_non_null(fixture_last(f, "SIP/2.0 500"));
	assert_null(fixture_last(f, "SUBSCRIBE"));
}

// As many as there are slots.
static void bounded(void **state)
{
	struct fixture *f = *state;
	uint32_t refused = 0, limit = slab_limit(f->core->subscriptions);

	f->profiles[0].headers.requests = PROFILE_REQUEST_ALL;
	for (uint32_t i = 0; i < limit + 5; i++) {
		char branch[16], call_id[16];
		struct fixture_request r = { .method = "SUBSCRIBE", .cseq = 1, .branch = branch,
			.call_id = call_id, .extra = "Event: x\r\n" };

		snprintf(branch, sizeof(branch), "b%u", i);
		snprintf(call_id, sizeof(call_id), "i%u", i);
		fixture_forget(f);
		fixture_phone(f, &r);
		refused += fixture_last(f, "SIP/2.0 503") != NULL;
	}
	assert_int_equal(refused, 5);
	assert_int_equal(slab_count(f->core->exchanges), limit);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_open, fixture_close)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(whole_life),
		TEST(next_host),
		TEST(notify_overtakes),
		cmocka_unit_test(ends),
		TEST(wrong_requests),
		TEST(bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
