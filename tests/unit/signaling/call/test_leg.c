// By which listener and connection a leg is spoken to, and what its messages say of that.
#include "fixture.h"

enum { BY_UDP, BY_TCP, BY_TLS, BY_WS, BY_WSS };

// Each realm gets the other transports beside UDP.
static int open_transports(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	CHECK(f);
	fixture_config(f);
	for (uint32_t i = 0; i < 2; i++) {
		struct config_realm *realm = &f->config.realms[i];

		realm->latching = CONFIG_LATCH_STRICT;
		for (uint32_t k = BY_TCP; k <= BY_WSS; k++) {
			realm->listeners[k].transport = (enum config_transport)k;
			realm->listeners[k].addr = realm->listeners[0].addr;
			realm->listeners[k].addr.port = (uint16_t)(5060 + k);
		}
		realm->listener_count = 5;
	}
	fixture_start(f, 8);
	*state = f;
	return 0;
}

static void receive(struct fixture *f, uint32_t realm, const struct sip_hop *hop, const char *text)
{
	struct core_message message = { .listener = listener_make(realm, hop->listener),
		.source = hop->addr, .connection = hop->connection, .data = span_str(text) };

	core_receive(f->core, &f->env, &message);
	fixture_take(f);
}

// A request of the phone at 10.1.1.5.
static void phone(struct fixture *f, const struct sip_hop *hop, const struct fixture_request *r)
{
	char text[8192];
	const char *body = r->body ? r->body : "";

	snprintf(text, sizeof(text),
		"%s %s SIP/2.0\r\nVia: SIP/2.0/TCP 10.1.1.5:5060;branch=z9hG4bK%s%u\r\n"
		"Max-Forwards: 70\r\nFrom: <sip:55@x.example>;tag=a\r\nTo: "
		"<sip:100@10.1.0.1>%s%s\r\n"
		"Call-ID: one@x\r\nCSeq: %u %s\r\nContact: %s\r\n%sContent-Length: %zu\r\n\r\n%s",
		r->method, r->uri ? r->uri : "sip:100@10.1.0.1", r->method, r->cseq,
		r->to_tag ? ";tag=" : "", r->to_tag ? r->to_tag : "", r->cseq, r->method,
		r->extra ? r->extra : "<sip:a@10.1.1.5:5062>",
		body[0] ? "Content-Type: application/sdp\r\n" : "", strlen(body), body);
	receive(f, REALM_ACCESS, hop, text);
}

static struct sip_hop from_phone(uint32_t by, sip_connection connection)
{
	return (struct sip_hop){ .listener = by, .addr = fixture_addr("10.1.1.5:40001"),
		.connection = connection };
}

static void answer_as(struct fixture *f, const struct sip_hop *hop, const char *tag,
	const char *contact)
{
	const struct fixture_message *m = fixture_last(f, "INVITE");
	char text[8192];

	assert_non_null(m);
	snprintf(text, sizeof(text),
		"SIP/2.0 200 OK\r\nVia: %s\r\nFrom: %s\r\nTo: %s;tag=%s\r\nCall-ID: %s\r\nCSeq: "
		"%s\r\n"
		"Contact: %s\r\nContent-Type: application/sdp\r\nContent-Length: %zu\r\n\r\n%s",
		fixture_header(m->text, "Via"), fixture_header(m->text, "From"),
		fixture_header(m->text, "To"), tag, fixture_header(m->text, "Call-ID"),
		fixture_header(m->text, "CSeq"), contact, strlen(FIXTURE_SDP("10.2.1.1")),
		FIXTURE_SDP("10.2.1.1"));
	receive(f, REALM_CORE, hop, text);
}

static void answer(struct fixture *f, const struct sip_hop *hop, const char *contact)
{
	answer_as(f, hop, "b", contact);
}

static struct sip_hop from_carrier(uint32_t by, sip_connection connection)
{
	return (struct sip_hop){ .listener = by, .addr = fixture_addr("10.2.1.1:5060"),
		.connection = connection };
}

static const struct fixture_request invite = { .method = "INVITE", .cseq = 1,
	.body = FIXTURE_SDP("10.1.1.5") };

static void contact_of_each_transport(void **state)
{
	static const char *const ends[] = { "@10.1.0.1:5060>", "@10.1.0.1:5061;transport=tcp>",
		"@10.1.0.1:5062;transport=tls>", "@10.1.0.1:5063;transport=ws>",
		"@10.1.0.1:5064;transport=ws>" };
	struct fixture *f = *state;

	for (uint32_t by = BY_UDP; by <= BY_WSS; by++) {
		struct sip_hop hop = from_phone(by, by ? 7 : 0);
		struct sip_hop back = from_carrier(BY_UDP, 0);
		struct fixture_request request = invite;

		request.cseq = by + 1;
		phone(f, &hop, &request);
		answer(f, &back, "<sip:b@10.2.1.1>");
		const struct fixture_message *ok = fixture_last(f, "SIP/2.0 200");
		assert_non_null(ok);
		assert_int_equal(ok->hop.listener, listener_make(REALM_ACCESS, by));
		assert_int_equal(ok->hop.connection, hop.connection);
		assert_int_equal(ok->hop.is_bound, by >= BY_WS);
		assert_non_null(strstr(fixture_header(ok->text, "Contact"), ends[by]));
		assert_non_null(strstr(fixture_header(ok->text, "Contact"), "<sip:"));
	}
}

// RFC 3261 12.1.1: by sips, and so is what goes on (26.2.2).
static void secure_call(void **state)
{
	struct fixture *f = *state;
	struct sip_hop tls = from_phone(BY_TLS, 7), udp = from_phone(BY_UDP, 0);
	struct sip_hop back = from_carrier(BY_TLS, 9);
	struct fixture_request request = invite;

	request.uri = "sips:100@10.1.0.1";
	request.extra = "<sips:a@10.1.1.5>";
	phone(f, &udp, &request);
	assert_non_null(fixture_last(f, "SIP/2.0 416"));
	fixture_forget(f);
	request.cseq = 2;
	phone(f, &tls, &request);
	const struct fixture_message *out = fixture_last(f, "INVITE sips:");
	assert_non_null(out);
	assert_int_equal(out->hop.listener, listener_make(REALM_CORE, BY_TLS));
	assert_int_equal(
		strncmp(fixture_header(out->text, "Via"), "SIP/2.0/TLS 10.2.0.1:5062;", 26), 0);
	assert_non_null(strstr(fixture_header(out->text, "Contact"), "<sips:"));
	assert_null(strstr(fixture_header(out->text, "Contact"), "transport"));
	answer(f, &back, "<sips:b@10.2.1.1>");
	assert_non_null(strstr(fixture_header(fixture_last(f, "SIP/2.0 200")->text, "Contact"),
		"<sips:"));
	f->config.realms[REALM_CORE].listener_count = 2; // no TLS there
	request.cseq = 3;
	phone(f, &tls, &request);
	assert_non_null(fixture_last(f, "SIP/2.0 503"));
}

// What the far end spoke by last is where it is spoken to, as long as it is the same place.
static void latest_connection(void **state)
{
	struct fixture *f = *state;
	struct sip_hop hop = from_phone(BY_TCP, 7), again = from_phone(BY_TCP, 8);
	struct sip_hop back = from_carrier(BY_UDP, 0);
	char tag[64];

	phone(f, &hop, &invite);
	answer(f, &back, "<sip:b@10.2.1.1>");
	fixture_to_tag(f, "SIP/2.0 200", tag, sizeof(tag));
	struct fixture_request ack = { .method = "ACK", .cseq = 1, .to_tag = tag };
	phone(f, &again, &ack);
	core_hangup_all(f->core, &f->env);
	fixture_take(f);
	for (uint32_t i = 0; i < f->sent_count; i++) {
		const struct fixture_message *m = &f->sent[i];

		if (strncmp(m->text, "BYE", 3) != 0 || m->realm != REALM_ACCESS)
			continue;
		assert_int_equal(m->hop.connection, 8);
		assert_int_equal(m->hop.listener, listener_make(REALM_ACCESS, BY_TCP));
		assert_int_equal(m->target.port, 5062); // its Contact's, should 8 be gone
		assert_false(m->hop.is_bound);
		assert_non_null(strstr(m->text, "\r\nVia: SIP/2.0/TCP 10.1.0.1:5061;"));
		return;
	}
	fail();
}

// The ACK goes to whom the Contact names: by its transport, and by the connection only if that
// leads there.
static void next_hop_of_the_dialog(void **state)
{
	static const struct {
		const char *contact;
		uint32_t by;
		sip_connection connection;
		const char *target;
	} rows[] = {
		{ "<sip:b@10.2.1.1:5070>", BY_UDP, 0, "10.2.1.1:5070" },
		{ "<sip:b@10.2.1.1:5070;transport=tcp>", BY_TCP, 0, "10.2.1.1:5070" },
		{ "<sip:b@10.2.1.9:5070>", BY_UDP, 0, "10.2.1.9:5070" },
	};
	struct fixture *f = *state;
	struct sip_hop hop = from_phone(BY_TCP, 7), back = from_carrier(BY_UDP, 0);

	for (uint32_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct fixture_request request = invite;
		struct addr target = fixture_addr(rows[i].target);

		request.cseq = i + 1;
		phone(f, &hop, &request);
		answer(f, &back, rows[i].contact);
		const struct fixture_message *ack = fixture_last(f, "ACK");
		assert_non_null(ack);
		assert_int_equal(ack->hop.listener, listener_make(REALM_CORE, rows[i].by));
		assert_int_equal(ack->hop.connection, rows[i].connection);
		assert_true(addr_eq(&ack->target, &target));
		fixture_forget(f);
	}
}

static void connection_of_a_response(void **state)
{
	struct fixture *f = *state;
	struct sip_hop hop = from_phone(BY_TCP, 7), back = from_carrier(BY_TCP, 9);
	struct config_realm *core = &f->config.realms[REALM_CORE];

	core->listeners[BY_UDP] = core->listeners[BY_TCP]; // a trunk that speaks nothing else
	core->listeners[BY_TCP].addr.port = 0;
	back.listener = 0;
	phone(f, &hop, &invite);
	const struct fixture_message *out = fixture_last(f, "INVITE");
	assert_non_null(out);
	assert_int_equal(out->hop.connection, 0);
	assert_non_null(strstr(out->text, "\r\nVia: SIP/2.0/TCP 10.2.0.1:5061;"));
	answer(f, &back, "<sip:b@10.2.1.1>");
	assert_int_equal(fixture_last(f, "ACK")->hop.connection, 9);
	// Somebody else behind that connection is not reached by it.
	fixture_forget(f);
	struct fixture_request request = invite;
	request.cseq = 2;
	phone(f, &hop, &request);
	answer(f, &back, "<sip:b@10.2.1.9>");
	assert_int_equal(fixture_last(f, "ACK")->hop.connection, 0);
}

// core_send_failed(): the next host at once, not after four seconds.
static void next_host_when_not_sent(void **state)
{
	struct fixture *f = *state;
	struct sip_hop hop = from_phone(BY_TCP, 7);
	struct addr second = fixture_addr("10.2.1.2");

	phone(f, &hop, &invite);
	const struct fixture_message *out = fixture_last(f, "INVITE");
	assert_non_null(out);
	assert_int_not_equal(out->ticket, 0);
	core_send_failed(f->core, &f->env, out->ticket, CORE_SEND_CONNECT_FAILED);
	fixture_take(f);
	out = fixture_last(f, "INVITE");
	assert_true(addr_eq(&out->target, &second));
	core_send_failed(f->core, &f->env, out->ticket, CORE_SEND_CLOSED);
	fixture_take(f);
	assert_non_null(fixture_last(f, "SIP/2.0 503"));
	assert_int_equal(f->ended.cause, CALL_CAUSE_UNREACHABLE);
	assert_int_equal(metric_read(&core_metrics(f->core)->sends_failed), 2);
	core_send_failed(f->core, &f->env, out->ticket, CORE_SEND_CLOSED);
	core_send_failed(f->core, &f->env, 0, CORE_SEND_CLOSED);
	core_send_failed(f->core, &f->env, UINT64_MAX, CORE_SEND_CLOSED);
	assert_int_equal(fixture_calls(f), 0);
}

// The first host is silent, the second one refuses the connection: the call is over for the caller,
// but not for the first host, which answers late and must be told.
static void late_answer_after_not_sent(void **state)
{
	struct fixture *f = *state;
	struct sip_hop hop = from_phone(BY_TCP, 7), back = from_carrier(BY_UDP, 0);
	struct fixture_message first;

	phone(f, &hop, &invite);
	first = *fixture_last(f, "INVITE");
	fixture_wait(f, 4100);
	const struct fixture_message *second = fixture_last(f, "INVITE");
	assert_string_not_equal(second->text, first.text);
	core_send_failed(f->core, &f->env, second->ticket, CORE_SEND_CONNECT_FAILED);
	fixture_take(f);
	assert_non_null(fixture_last(f, "SIP/2.0 503"));
	fixture_wait(f, 1000);
	fixture_forget(f);
	f->sent[f->sent_count++] = first; // it is this one that is answered
	answer(f, &back, "<sip:b@10.2.1.1>");
	assert_non_null(fixture_last(f, "ACK"));
	assert_non_null(fixture_last(f, "BYE"));
	fixture_wait(f, 70000);
	assert_int_equal(fixture_calls(f), 0);
}

// The second host has answered by TCP when the first one does by UDP, which is let go by that.
static void late_answer_by_another_transport(void **state)
{
	struct fixture *f = *state;
	struct sip_hop hop = from_phone(BY_TCP, 7), back = from_carrier(BY_TCP, 9);
	struct addr late = fixture_addr("10.2.1.1");
	struct fixture_message first;

	f->trunks[1].hosts[1].has_transport = true;
	f->trunks[1].hosts[1].transport = CONFIG_TCP;
	phone(f, &hop, &invite);
	first = *fixture_last(f, "INVITE");
	fixture_wait(f, 4100);
	assert_int_equal(fixture_last(f, "INVITE")->hop.listener, listener_make(REALM_CORE, 1));
	back.addr = fixture_addr("10.2.1.2");
	answer_as(f, &back, "second", "<sip:b@10.2.1.2;transport=tcp>");
	assert_non_null(fixture_last(f, "SIP/2.0 200"));
	fixture_forget(f);
	f->sent[f->sent_count++] = first;
	back = from_carrier(BY_UDP, 0);
	answer_as(f, &back, "first", "<sip:b@10.2.1.1>");
	for (uint32_t i = 1; i < f->sent_count; i++) {
		const struct fixture_message *m = &f->sent[i];

		assert_non_null(strstr(fixture_header(m->text, "To"), ";tag=first"));
		assert_int_equal(m->hop.listener, listener_make(REALM_CORE, BY_UDP));
		assert_int_equal(m->hop.connection, 0);
		assert_true(addr_eq(&m->target, &late));
		assert_memory_equal(fixture_header(m->text, "Via"), "SIP/2.0/UDP ", 12);
	}
	assert_int_equal(fixture_count(f, "ACK"), 1);
	assert_int_equal(fixture_count(f, "BYE"), 1);
	// The call itself goes by what it went.
	fixture_forget(f);
	core_hangup_all(f->core, &f->env);
	fixture_take(f);
	fixture_wait(f, 33000);
	assert_int_equal(fixture_last(f, "BYE sip:b@10.2.1.2")->hop.connection, 9);
}

// The caller's connection is gone: its answer is lost, the call ends as one without ACK does.
static void answer_not_delivered(void **state)
{
	struct fixture *f = *state;
	struct sip_hop hop = from_phone(BY_TCP, 7), back = from_carrier(BY_UDP, 0);

	phone(f, &hop, &invite);
	answer(f, &back, "<sip:b@10.2.1.1>");
	core_send_failed(f->core, &f->env, fixture_last(f, "SIP/2.0 200")->ticket,
		CORE_SEND_CLOSED);
	fixture_take(f);
	assert_int_equal(fixture_calls(f), 1);
	fixture_wait(f, 33000);
	assert_int_equal(f->ended.cause, CALL_CAUSE_ACK_TIMEOUT);
	assert_non_null(fixture_last(f, "BYE"));
}

// RFC 3261 18.1.1 over both legs: a long INVITE goes on by TCP, and by UDP if nobody listens there.
static void long_invite(void **state)
{
	struct fixture *f = *state;
	struct sip_hop hop = from_phone(BY_TCP, 7);
	struct fixture_request request = invite;
	char body[2048] = FIXTURE_SDP("10.1.1.5");

	for (uint32_t i = 0; i < 30; i++)
		snprintf(body + strlen(body), sizeof(body) - strlen(body),
			"a=fmtp:8 mode=%u;text=abcdefghijklmnopqrstuvw\r\n", i);
	request.body = body;
	phone(f, &hop, &request);
	const struct fixture_message *out = fixture_last(f, "INVITE");
	assert_non_null(out);
	assert_int_equal(out->hop.listener, listener_make(REALM_CORE, BY_TCP));
	assert_non_null(strstr(out->text, "\r\nVia: SIP/2.0/TCP 10.2.0.1:5061;"));
	// The Contact stays what the leg is: the far end's own requests may come by UDP.
	assert_null(strstr(fixture_header(out->text, "Contact"), "transport"));
	core_send_failed(f->core, &f->env, out->ticket, CORE_SEND_CONNECT_FAILED);
	fixture_take(f);
	out = fixture_last(f, "INVITE");
	assert_int_equal(out->hop.listener, listener_make(REALM_CORE, BY_UDP));
	assert_int_equal(out->hop.addr.ip.b[15], 1); // the same host
	assert_non_null(strstr(out->text, "\r\nVia: SIP/2.0/UDP 10.2.0.1:5060;"));
	assert_int_equal(metric_read(&core_metrics(f->core)->failovers), 0);
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, open_transports, fixture_close)
	const struct CMUnitTest tests[] = {
		TEST(contact_of_each_transport),
		TEST(secure_call),
		TEST(latest_connection),
		TEST(next_hop_of_the_dialog),
		TEST(connection_of_a_response),
		TEST(next_host_when_not_sent),
		TEST(late_answer_after_not_sent),
		TEST(late_answer_by_another_transport),
		TEST(answer_not_delivered),
		TEST(long_invite),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
