// Requests outside calls relayed by route: MESSAGE, PUBLISH, OPTIONS (RFC 3428, 3903).
#include "fixture.h"

#include "call/core_private.h"
#include "call/exchange.h"

static void allow(struct fixture *f, uint32_t requests)
{
	f->profiles[0].headers.requests = f->profiles[1].headers.requests = requests;
}

static uint32_t living(const struct fixture *f)
{
	return slab_count(f->core->exchanges) + slab_count(f->core->subscriptions);
}

static void message(void **state)
{
	struct fixture *f = *state;
	struct fixture_request r = { .method = "MESSAGE", .cseq = 5,
		.extra = "Content-Type: text/plain\r\nSubject: s\r\nX-Smuggled: 1\r\n"
			 "User-Agent: secret\r\nExpires: 60\r\n",
		.body = "hello" };

	allow(f, PROFILE_REQUEST_ALL);
	fixture_phone(f, &r);
	const struct fixture_message *m =
		fixture_last(f, "MESSAGE sip:+49100@10.2.1.1:5060 SIP/2.0");
	assert_non_null(m);
	assert_int_equal(m->realm, REALM_CORE);
	assert_null(strstr(m->text, "secret"));
	assert_null(strstr(m->text, "Smuggled"));
	assert_null(strstr(m->text, "10.1.1.5"));
	assert_null(strstr(m->text, "Contact"));
	assert_int_equal(strncmp(fixture_header(m->text, "From"),
				 "\"Alice\" <sip:55@10.2.0.1:5060>;tag=", 35), 0);
	assert_string_equal(fixture_header(m->text, "Max-Forwards"), "69");
	assert_string_equal(fixture_header(m->text, "Content-Type"), "text/plain");
	assert_string_equal(fixture_header(m->text, "Subject"), "s");
	assert_string_equal(fixture_header(m->text, "Expires"), "60");
	assert_string_equal(strstr(m->text, "\r\n\r\n"), "\r\n\r\nhello");
	fixture_carrier(f, "MESSAGE", 202, "");
	m = fixture_last(f, "SIP/2.0 202");
	assert_non_null(m);
	assert_string_equal(fixture_header(m->text, "CSeq"), "5 MESSAGE");
	assert_null(strstr(m->text, "secret-b"));
	fixture_wait(f, 40000);
	assert_int_equal(living(f), 0);
	assert_int_equal(f->ended_count, 0);
}

// 503 and a transport that fails lead to the next host; the last word is passed on.
static void next_host(void **state)
{
	struct fixture *f = *state;
	struct fixture_request r = { .method = "MESSAGE", .cseq = 5,
		.extra = "Content-Type: text/plain\r\n", .body = "hello" };
	struct addr second = fixture_addr("10.2.1.2"), third = fixture_addr("10.2.1.3");

	allow(f, PROFILE_REQUEST_ALL);
	f->trunks[1].hosts[2].addr = third;
	f->trunks[1].host_count = 3;
	fixture_phone(f, &r);
	fixture_carrier(f, "MESSAGE", 503, "");
	assert_null(fixture_last(f, "SIP/2.0 503"));
	const struct fixture_message *m = fixture_last(f, "MESSAGE");
	assert_true(addr_eq(&m->target, &second));
	core_send_failed(f->core, &f->env, m->ticket, CORE_SEND_CONNECT_FAILED);
	fixture_take(f);
	m = fixture_last(f, "MESSAGE");
	assert_true(addr_eq(&m->target, &third));
	assert_string_equal(strstr(m->text, "\r\n\r\n"), "\r\n\r\nhello");
	fixture_carrier(f, "MESSAGE", 404, "");
	assert_non_null(fixture_last(f, "SIP/2.0 404"));
	fixture_wait(f, 40000);
	assert_int_equal(living(f), 0);
}

// A name waits for its targets, which are tried in turn; none at all is 503.
static void by_name(void **state)
{
	static const struct sip_target targets[] = {
		{ { .port = 5060 }, SIP_TRANSPORT_TCP }, // no such listener
		{ { .port = 5060 }, SIP_TRANSPORT_UDP },
		{ { .port = 5061 }, SIP_TRANSPORT_UDP },
	};
	struct fixture *f = *state;
	struct fixture_request r = { .method = "MESSAGE", .cseq = 5, .body = "hello",
		.extra = "Content-Type: text/plain\r\n" };
	struct sip_target list[3];

	allow(f, PROFILE_REQUEST_ALL);
	for (uint32_t i = 0; i < 3; i++) {
		list[i] = targets[i];
		list[i].addr.ip = fixture_addr("10.2.1.7").ip;
	}
	f->trunks[1].hosts[0] = (struct config_host){ .name = "sip.b.test", .addr.port = 5070 };
	fixture_phone(f, &r);
	assert_null(fixture_last(f, "MESSAGE"));
	assert_string_equal(f->resolve_host, "sip.b.test");
	core_resolved(f->core, &f->env, f->resolve.ticket, list, 3);
	fixture_take(f);
	const struct fixture_message *m =
		fixture_last(f, "MESSAGE sip:+49100@sip.b.test:5070 SIP/2.0");
	assert_non_null(m);
	assert_int_equal(m->target.port, 5060);
	fixture_carrier(f, "MESSAGE", 503, "");
	assert_int_equal(fixture_last(f, "MESSAGE")->target.port, 5061);
	fixture_carrier(f, "MESSAGE", 200, "");
	assert_non_null(fixture_last(f, "SIP/2.0 200"));
	// The name leads nowhere: the next host, or none.
	r.branch = r.call_id = "other";
	fixture_forget(f);
	fixture_phone(f, &r);
	core_resolved(f->core, &f->env, f->resolve.ticket, NULL, 0);
	fixture_take(f);
	m = fixture_last(f, "MESSAGE sip:+49100@10.2.1.2:5060 SIP/2.0");
	assert_non_null(m);
	fixture_carrier(f, "MESSAGE", 200, "");
	f->trunks[1].host_count = 1;
	r.branch = r.call_id = "nowhere";
	fixture_forget(f);
	fixture_phone(f, &r);
	core_resolved(f->core, &f->env, f->resolve.ticket, NULL, 0);
	fixture_take(f);
	assert_null(fixture_last(f, "MESSAGE"));
	assert_non_null(fixture_last(f, "SIP/2.0 503"));
	fixture_wait(f, 40000);
	assert_int_equal(living(f), 0);
}

// A name behind an address is looked up once the address has failed.
static void name_behind_address(void **state)
{
	struct fixture *f = *state;
	struct fixture_request r = { .method = "MESSAGE", .cseq = 5, .body = "hello",
		.extra = "Content-Type: text/plain\r\n" };
	struct sip_target target = { fixture_addr("10.2.1.7"), SIP_TRANSPORT_UDP };

	allow(f, PROFILE_REQUEST_ALL);
	f->trunks[1].hosts[1] = (struct config_host){ .name = "sip.b.test" };
	fixture_phone(f, &r);
	assert_int_equal(f->resolve_count, 0);
	fixture_carrier(f, "MESSAGE", 503, "");
	assert_null(fixture_last(f, "SIP/2.0 503"));
	assert_int_equal(f->resolve_count, 1);
	core_resolved(f->core, &f->env, f->resolve.ticket, &target, 1);
	fixture_take(f);
	const struct fixture_message *m = fixture_last(f, "MESSAGE sip:+49100@sip.b.test SIP/2.0");
	assert_non_null(m);
	assert_true(addr_eq(&m->target, &target.addr));
	fixture_carrier(f, "MESSAGE", 503, "");
	assert_non_null(fixture_last(f, "SIP/2.0 503"));
	fixture_wait(f, 40000);
	assert_int_equal(living(f), 0);
}

// What says how the content is to be read goes with it, and only with it.
static void content(void **state)
{
	struct fixture *f = *state;
	struct fixture_request r = { .method = "MESSAGE", .cseq = 5, .body = "hello",
		.extra = "Content-Type: text/plain\r\nContent-Encoding: x-code\r\n"
			"Content-Disposition: render;handling=optional\r\n"
			"Content-Language: en\r\n" };

	allow(f, PROFILE_REQUEST_ALL);
	fixture_phone(f, &r);
	const struct fixture_message *m = fixture_last(f, "MESSAGE");
	assert_non_null(m);
	assert_string_equal(fixture_header(m->text, "Content-Encoding"), "x-code");
	assert_string_equal(fixture_header(m->text, "Content-Disposition"),
		"render;handling=optional");
	assert_string_equal(fixture_header(m->text, "Content-Language"), "en");
	r.branch = r.call_id = "empty";
	r.body = NULL;
	r.extra = "Content-Encoding: x-code\r\n";
	fixture_forget(f);
	fixture_phone(f, &r);
	assert_null(strstr(fixture_last(f, "MESSAGE")->text, "Content-Encoding"));
}

static void errors(void **state)
{
	struct fixture *f = *state;
	static const struct {
		const char *method, *uri, *extra;
		uint32_t requests;
		const char *answer;
	} cases[] = {
		{ "MESSAGE", "sip:9@10.1.0.1", "", PROFILE_REQUEST_ALL, "SIP/2.0 404" },
		{ "MESSAGE", NULL, "", PROFILE_REQUEST_PUBLISH, "SIP/2.0 405" },
		{ "PUBLISH", NULL, "Event: presence\r\n", 0, "SIP/2.0 405" },
		{ "SUBSCRIBE", NULL, "Event: presence\r\n", 0, "SIP/2.0 405" },
		{ "NOTIFY", NULL, "Event: presence\r\nSubscription-State: active\r\n",
			PROFILE_REQUEST_ALL, "SIP/2.0 481" },
		{ "INFO", NULL, "", PROFILE_REQUEST_ALL, "SIP/2.0 481" },
		{ "MESSAGE", NULL, "Require: nonsense\r\n", PROFILE_REQUEST_ALL, "SIP/2.0 420" },
		{ "OPTIONS", NULL, "", PROFILE_REQUEST_ALL, "SIP/2.0 200" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char branch[16], call_id[16];
		struct fixture_request r = { .method = cases[i].method, .uri = cases[i].uri,
			.extra = cases[i].extra, .cseq = 1, .branch = branch, .call_id = call_id };

		snprintf(branch, sizeof(branch), "r%zu", i);
		snprintf(call_id, sizeof(call_id), "i%zu", i);
		fixture_forget(f);
		allow(f, cases[i].requests);
		fixture_phone(f, &r);
		if (!fixture_last(f, cases[i].answer))
			fail_msg("%s %zu: %s", cases[i].method, i,
				f->sent_count ? f->sent[0].text : "nothing");
		assert_int_equal(living(f), 0);
	}
	f->env.is_draining = true;
	struct fixture_request r = { .method = "MESSAGE", .cseq = 1, .branch = "drain" };
	allow(f, PROFILE_REQUEST_ALL);
	fixture_phone(f, &r);
	assert_non_null(strstr(fixture_last(f, "SIP/2.0 503")->text, "Retry-After"));
	assert_int_equal(living(f), 0);
}

static void options_relayed(void **state)
{
	struct fixture *f = *state;
	struct fixture_request r = { .method = "OPTIONS", .cseq = 1 };

	allow(f, PROFILE_REQUEST_OPTIONS);
	fixture_phone(f, &r);
	assert_non_null(fixture_last(f, "OPTIONS sip:+49100@10.2.1.1:5060"));
	fixture_carrier(f, "OPTIONS", 200, "v=0\r\n");
	const struct fixture_message *m = fixture_last(f, "SIP/2.0 200");
	assert_non_null(m);
	assert_non_null(strstr(fixture_header(m->text, "Allow"), "INVITE"));
	assert_string_equal(fixture_header(m->text, "Content-Length"), "0");
}

static void published(void **state)
{
	struct fixture *f = *state;
	struct fixture_request r = { .method = "PUBLISH", .cseq = 1,
		.extra = "Event: presence;id=4;host=secret.example\r\nSIP-If-Match: abc\r\n"
			 "Content-Type: application/pidf+xml\r\n",
		.body = "<presence/>" };

	allow(f, PROFILE_REQUEST_ALL);
	fixture_phone(f, &r);
	const struct fixture_message *m = fixture_last(f, "PUBLISH");
	assert_non_null(m);
	assert_string_equal(fixture_header(m->text, "Event"), "presence;id=4");
	assert_string_equal(fixture_header(m->text, "SIP-If-Match"), "abc");
	fixture_carrier(f, "PUBLISH", 412, "");
	assert_non_null(fixture_last(f, "SIP/2.0 412"));
}

// Nobody answers: the sender has given up as well, no 408 is in its way (RFC 4320 4.2).
static void silence(void **state)
{
	struct fixture *f = *state;
	struct fixture_request r = { .method = "MESSAGE", .cseq = 1 };

	allow(f, PROFILE_REQUEST_ALL);
	fixture_phone(f, &r);
	fixture_wait(f, 80000);
	assert_null(fixture_last(f, "SIP/2.0 408"));
	assert_int_equal(living(f), 0);
}

// A full table refuses, and is empty again afterwards.
static void bounded(void **state)
{
	struct fixture *f = *state;
	uint32_t refused = 0;

	allow(f, PROFILE_REQUEST_ALL);
	for (uint32_t i = 0; i < 400; i++) {
		char branch[16], call_id[16];
		struct fixture_request r = { .method = "MESSAGE", .cseq = 1, .branch = branch,
			.call_id = call_id };

		snprintf(branch, sizeof(branch), "b%u", i);
		snprintf(call_id, sizeof(call_id), "i%u", i);
		fixture_forget(f);
		fixture_phone(f, &r);
		refused += fixture_last(f, "SIP/2.0 503") != NULL;
	}
	assert_true(refused > 100);
	for (uint32_t i = 0; i < 200; i++) {
		fixture_forget(f);
		fixture_wait(f, 500);
	}
	assert_int_equal(living(f), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_open, fixture_close)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(message),
		TEST(next_host),
		TEST(by_name),
		TEST(name_behind_address),
		TEST(content),
		TEST(errors),
		TEST(options_relayed),
		TEST(published),
		TEST(silence),
		TEST(bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
