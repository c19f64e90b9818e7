// Trunks by name: the call waits, the list is tried, answers come late or never; names in a dialog.
#include "names.h"

static const struct fixture_request invite = { .method = "INVITE", .cseq = 1,
	.body = FIXTURE_SDP("10.1.1.5") };

#define NAME "sip.carrier.test"

// The carrier is a name, and nothing else unless a test adds it.
static int open_named(void **state)
{
	fixture_open(state);
	struct fixture *f = *state;
	struct config_trunk *trunk = &f->trunks[1];

	trunk->hosts[0] = (struct config_host){ .name = NAME };
	trunk->host_count = 1;
	CHECK(ip_prefix_parse(SPAN_LIT("10.2.1.0/24"), &trunk->match[0]) == 0);
	trunk->match_count = 1;
	return 0;
}

static enum call_state state_of_call(struct fixture *f)
{
	struct call_info info = { 0 };
	uint32_t cursor = 0;

	assert_true(core_next_call(f->core, &cursor, &info));
	return info.state;
}

static uint64_t counted(const struct fixture *f, size_t offset)
{
	const char *metrics = (const char *)core_metrics(f->core);

	return metric_read((const _Atomic uint64_t *)(metrics + offset));
}
#define COUNTED(f, field) counted(f, offsetof(struct core_metrics, field))

static void waits_for_its_name(void **state)
{
	struct fixture *f = *state;

	fixture_phone(f, &invite);
	assert_non_null(fixture_last(f, "SIP/2.0 100"));
	assert_null(fixture_last(f, "INVITE"));
	assert_int_equal(f->resolve_count, 1);
	assert_string_equal(f->resolve_host, NAME);
	assert_int_equal(f->resolve.realm, REALM_CORE);
	assert_int_equal(f->resolve.port, 0);
	assert_false(f->resolve.has_transport);
	assert_int_equal(state_of_call(f), CALL_STATE_RESOLVING);
	assert_int_equal(fixture_flows(f), 0); // no ports for a call that leads nowhere yet
	fixture_wait(f, 1000);
	resolved(f, f->resolve.ticket, "10.2.1.1:5070,10.2.1.2");
	expect_invite_to(f, "10.2.1.1:5070");
	const char *text = fixture_last(f, "INVITE")->text;
	assert_int_equal(strncmp(text, "INVITE sip:+49100@" NAME " SIP/2.0", 35), 0);
	assert_string_equal(fixture_header(text, "To"), "<sip:+49100@" NAME ">");
	assert_non_null(strstr(text, "m=audio"));
	assert_int_equal(state_of_call(f), CALL_STATE_CALLING);
	fixture_carrier(f, "INVITE", 200, FIXTURE_SDP("10.2.1.1"));
	assert_non_null(fixture_last(f, "SIP/2.0 200"));
	assert_int_equal(fixture_flows(f), 4);
	assert_int_equal(COUNTED(f, resolves), 1);
}

// 503, then silence, then the next host of the trunk, each with a branch of its own.
static void all_targets_then_the_next_host(void **state)
{
	struct fixture *f = *state;
	char branch[128];

	f->trunks[1].hosts[1] = (struct config_host){ .addr = fixture_addr("10.2.1.9:5099") };
	f->trunks[1].host_count = 2;
	fixture_phone(f, &invite);
	resolved(f, f->resolve.ticket, "10.2.1.1,10.2.1.2");
	snprintf(branch, sizeof(branch), "%s",
		fixture_header(fixture_last(f, "INVITE")->text, "Via"));
	fixture_carrier(f, "INVITE", 503, "");
	expect_invite_to(f, "10.2.1.2");
	assert_string_not_equal(fixture_header(fixture_last(f, "INVITE")->text, "Via"), branch);
	assert_non_null(strstr(fixture_last(f, "INVITE")->text, "@" NAME " SIP/2.0"));
	fixture_wait(f, 4100);
	expect_invite_to(f, "10.2.1.9:5099");
	// That host is addressed by its own name; the dialog stays who it is.
	const char *text = fixture_last(f, "INVITE")->text;
	assert_non_null(strstr(text, "INVITE sip:+49100@10.2.1.9:5099 SIP/2.0"));
	assert_string_equal(fixture_header(text, "To"), "<sip:+49100@" NAME ">");
	assert_int_equal(f->resolve_count, 1);
	fixture_carrier(f, "INVITE", 200, FIXTURE_SDP("10.2.1.9"));
	assert_non_null(fixture_last(f, "SIP/2.0 200"));
	assert_int_equal(COUNTED(f, failovers), 2);
}

// A name behind an address is looked up when the address failed, not before.
static void name_after_an_address(void **state)
{
	struct fixture *f = *state;

	f->trunks[1].hosts[1] = f->trunks[1].hosts[0];
	f->trunks[1].hosts[0] = (struct config_host){ .addr = fixture_addr("10.2.1.9") };
	f->trunks[1].host_count = 2;
	fixture_phone(f, &invite);
	expect_invite_to(f, "10.2.1.9");
	assert_int_equal(f->resolve_count, 0);
	fixture_carrier(f, "INVITE", 503, "");
	assert_int_equal(f->resolve_count, 1);
	assert_int_equal(state_of_call(f), CALL_STATE_RESOLVING);
	assert_null(fixture_last(f, "SIP/2.0 503"));
	resolved(f, f->resolve.ticket, "10.2.1.1");
	expect_invite_to(f, "10.2.1.1");
	assert_non_null(strstr(fixture_last(f, "INVITE")->text, "@" NAME " SIP/2.0"));
	fixture_carrier(f, "INVITE", 503, "");
	assert_non_null(fixture_last(f, "SIP/2.0 503"));
	assert_int_equal(fixture_calls(f), 0);
}

static void name_leads_nowhere(void **state)
{
	struct fixture *f = *state;

	fixture_phone(f, &invite);
	resolved(f, f->resolve.ticket, "");
	assert_null(fixture_last(f, "INVITE"));
	assert_non_null(fixture_last(f, "SIP/2.0 503"));
	assert_int_equal(f->ended.cause, CALL_CAUSE_UNREACHABLE);
	assert_int_equal(COUNTED(f, resolves_empty), 1);
	assert_int_equal(fixture_calls(f), 0);
}

// Nobody answers: the core does not wait for ever, and what comes then is nobody's.
static void answer_too_late(void **state)
{
	struct fixture *f = *state;

	f->config.dns.deadline_ms = 2000;
	fixture_phone(f, &invite);
	fixture_wait(f, 2900);
	assert_null(fixture_last(f, "SIP/2.0 503"));
	fixture_wait(f, 200);
	assert_non_null(fixture_last(f, "SIP/2.0 503"));
	assert_int_equal(COUNTED(f, resolves_silent), 1);
	assert_int_equal(fixture_calls(f), 0);
	resolved(f, f->resolve.ticket, "10.2.1.1");
	resolved(f, 0, "10.2.1.1");
	resolved(f, UINT64_MAX, "10.2.1.1");
	assert_int_equal(COUNTED(f, resolves_late), 3);
	assert_null(fixture_last(f, "INVITE"));
	fixture_wait(f, 40000);
	assert_int_equal(core_timer_count(f->core), 0);
}

static void cancelled_while_waiting(void **state)
{
	struct fixture *f = *state;
	struct fixture_request cancel = { .method = "CANCEL", .cseq = 1 };

	fixture_phone(f, &invite);
	fixture_phone(f, &cancel);
	assert_non_null(fixture_last(f, "SIP/2.0 487"));
	assert_int_equal(fixture_calls(f), 0);
	resolved(f, f->resolve.ticket, "10.2.1.1");
	assert_int_equal(COUNTED(f, resolves_late), 1);
	assert_null(fixture_last(f, "INVITE"));
	assert_int_equal(core_timer_count(f->core), 0);
}

static void hung_up_while_waiting(void **state)
{
	struct fixture *f = *state;

	fixture_phone(f, &invite);
	core_hangup_all(f->core, &f->env);
	fixture_take(f);
	assert_non_null(fixture_last(f, "SIP/2.0 503"));
	assert_int_equal(fixture_calls(f), 0);
}

// What no listener of the realm reaches, and ourselves, are passed over.
static void targets_out_of_reach(void **state)
{
	struct fixture *f = *state;

	fixture_phone(f, &invite);
	resolved(f, f->resolve.ticket, "[2001:db8::1],!10.2.1.1,10.2.0.1,10.1.0.1,10.2.1.3");
	expect_invite_to(f, "10.2.1.3");
	assert_int_equal(COUNTED(f, targets_refused), 4);
}

// By the listener of its transport: Via says so.
static void listener_of_each_target(void **state)
{
	struct fixture *f = *state;
	struct config_realm *core = &f->config.realms[REALM_CORE];

	core->listeners[1] = (struct config_listener){ .transport = CONFIG_TCP,
		.addr = fixture_addr("10.2.0.1:5061") };
	core->listener_count = 2;
	fixture_phone(f, &invite);
	resolved(f, f->resolve.ticket, "!10.2.1.1,10.2.1.2");
	const struct fixture_message *out = fixture_last(f, "INVITE");
	assert_int_equal(out->hop.listener, listener_make(REALM_CORE, 1));
	assert_non_null(strstr(out->text, "\r\nVia: SIP/2.0/TCP 10.2.0.1:5061;"));
	assert_true(span_eq(out->hop.tls_name, SPAN_NONE) || out->hop.tls_name.len > 0);
	core_send_failed(f->core, &f->env, out->ticket, CORE_SEND_CONNECT_FAILED);
	fixture_take(f);
	expect_invite_to(f, "10.2.1.2");
	out = fixture_last(f, "INVITE");
	assert_int_equal(out->hop.listener, listener_make(REALM_CORE, 0));
	assert_non_null(strstr(out->text, "\r\nVia: SIP/2.0/UDP 10.2.0.1:5060;"));
}

// Our port towards the phone, which may have been told it.
static uint32_t port_of_the_phone(const struct fixture *f)
{
	uint32_t found = 0;

	for (uint32_t port = 20000; port < FIXTURE_DUAL_PORT_MAX; port += 2)
		if (flow_lookup(&f->view, 0, (uint16_t)port))
			found = found ? UINT32_MAX : port;
	return found;
}

// Media follow the family of the target, also when the next one has the other. The phone keeps its
// port.
static void offer_of_the_targets_family(void **state)
{
	struct fixture *f = *state;
	struct config_realm *core = &f->config.realms[REALM_CORE];

	core->listeners[1].addr = fixture_addr("[2001:db8:2::1]:5060");
	core->listener_count = 2;
	f->trunks[1].hosts[0] = (struct config_host){ .name = NAME };
	f->trunks[1].host_count = 1;
	fixture_phone(f, &invite);
	resolved(f, f->resolve.ticket, "[2001:db8:2::9],10.2.1.1,[2001:db8:2::8]");
	expect_invite_to(f, "[2001:db8:2::9]");
	assert_non_null(strstr(fixture_last(f, "INVITE")->text, "c=IN IP6 2001:db8:2::2\r\n"));
	uint32_t port = port_of_the_phone(f);
	assert_in_range(port, 20000, FIXTURE_DUAL_PORT_MAX);
	fixture_carrier(f, "INVITE", 503, "");
	expect_invite_to(f, "10.2.1.1");
	assert_non_null(strstr(fixture_last(f, "INVITE")->text, "c=IN IP4 10.2.0.2\r\n"));
	assert_int_equal(port_of_the_phone(f), port);
	fixture_carrier(f, "INVITE", 503, "");
	expect_invite_to(f, "[2001:db8:2::8]");
	assert_non_null(strstr(fixture_last(f, "INVITE")->text, "c=IN IP6 2001:db8:2::2\r\n"));
	assert_int_equal(port_of_the_phone(f), port);
}

// How a host of the file is asked for, and how the called user is named there.
static void hosts_of_the_file(void **state)
{
	static const struct {
		struct config_host host;
		const char *uri;
		uint16_t port;
		bool has_transport, is_secure;
	} rows[] = {
		{ { .name = "a.test" }, "sip:+49100@a.test ", 0, false, false },
		{ { .name = "a.test", .addr.port = 5070 }, "sip:+49100@a.test:5070 ", 5070, false,
		  false },
		{ { .name = "a.test", .transport = CONFIG_TCP, .has_transport = true },
		  "sip:+49100@a.test;transport=tcp ", 0, true, false },
		{ { .name = "a.test", .transport = CONFIG_UDP, .has_transport = true },
		  "sip:+49100@a.test ", 0, true, false },
		{ { .name = "a.test", .is_secure = true }, "sips:+49100@a.test ", 0, false, true },
	};
	struct fixture *f = *state;

	for (uint32_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct fixture_request request = invite;
		char id[16], start[64];

		snprintf(id, sizeof(id), "host-%u", i);
		request.call_id = request.branch = id;
		f->trunks[1].hosts[0] = rows[i].host;
		fixture_forget(f);
		fixture_phone(f, &request);
		assert_int_equal(f->resolve_count, 1);
		assert_int_equal(f->resolve.port, rows[i].port);
		assert_int_equal(f->resolve.has_transport, rows[i].has_transport);
		assert_int_equal(f->resolve.is_secure, rows[i].is_secure);
		resolved(f, f->resolve.ticket, "10.2.1.1");
		snprintf(start, sizeof(start), "INVITE %s", rows[i].uri);
		assert_non_null(fixture_last(f, start));
		fixture_carrier(f, "INVITE", 486, "");
	}
}

// Dialogs ----------------------------------------------------------------------------------------

static void ack_waits_for_the_contact(void **state)
{
	struct fixture *f = *state;

	fixture_phone(f, &invite);
	answer_with_contact(f, "<sip:b@edge.carrier.test:5080>");
	assert_non_null(fixture_last(f, "SIP/2.0 200"));
	assert_null(fixture_last(f, "ACK"));
	assert_string_equal(f->resolve_host, "edge.carrier.test");
	assert_int_equal(f->resolve.port, 5080);
	resolved(f, f->resolve.ticket, "10.2.1.77:5080,10.2.1.78");
	expect_target(f, "ACK sip:b@edge.carrier.test:5080", "10.2.1.77:5080");
	// Known from now on.
	f->resolve_count = 0;
	core_hangup_all(f->core, &f->env);
	fixture_take(f);
	char tag[64];
	fixture_to_tag(f, "SIP/2.0 200", tag, sizeof(tag));
	struct fixture_request ack = { .method = "ACK", .cseq = 1, .to_tag = tag };
	fixture_phone(f, &ack);
	assert_int_equal(f->resolve_count, 0);
	bool is_found = false;
	for (uint32_t i = 0; i < f->sent_count; i++)
		is_found |= strncmp(f->sent[i].text, "BYE sip:b@edge", 14) == 0 &&
			f->sent[i].target.ip.b[15] == 77;
	assert_true(is_found);
}

// A re-INVITE and other requests of the call go on along the list, the same request each time; when
// it is at its end their sender is told.
static void requests_along_the_list(void **state)
{
	static const struct { const char *method, *body, *told; } rows[] = {
		{ "INVITE", FIXTURE_SDP("10.1.1.6"), "SIP/2.0 408" },
		{ "INFO", "", "SIP/2.0 503" },
		{ "UPDATE", "", "SIP/2.0 503" },
	};

	for (uint32_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct fixture *f;
		char tag[64], cseq[64], branch[128], start[64];

		fixture_open((void **)&f);
		fixture_phone(f, &invite);
		answer_with_contact(f, "<sip:b@edge.carrier.test>\r\nAllow: UPDATE");
		resolved(f, f->resolve.ticket, "10.2.1.77,10.2.1.78");
		fixture_to_tag(f, "SIP/2.0 200", tag, sizeof(tag));
		fixture_ack(f, tag);
		fixture_forget(f);
		struct fixture_request r = { .method = rows[i].method, .cseq = 2, .to_tag = tag,
			.branch = "again", .body = rows[i].body };
		fixture_phone(f, &r);
		snprintf(start, sizeof(start), "%s sip:b@edge.carrier.test ", rows[i].method);
		expect_target(f, start, "10.2.1.77");
		const struct fixture_message *m = fixture_last(f, start);
		snprintf(cseq, sizeof(cseq), "%s", fixture_header(m->text, "CSeq"));
		snprintf(branch, sizeof(branch), "%s", fixture_header(m->text, "Via"));
		const char *rest = strchr(strchr(m->text, '\n') + 1, '\n');
		core_send_failed(f->core, &f->env, m->ticket, CORE_SEND_CONNECT_FAILED);
		fixture_take(f);
		expect_target(f, start, "10.2.1.78");
		m = fixture_last(f, start);
		assert_string_not_equal(fixture_header(m->text, "Via"), branch);
		assert_string_equal(strchr(strchr(m->text, '\n') + 1, '\n'), rest);
		assert_null(fixture_last(f, "SIP/2.0 503"));
		core_send_failed(f->core, &f->env, m->ticket, CORE_SEND_CONNECT_FAILED);
		fixture_take(f);
		assert_non_null(fixture_last(f, rows[i].told));
		assert_int_equal(COUNTED(f, failovers), 1);
		void *end = f;
		fixture_close(&end);
	}
	(void)state;
}

// What the first place refuses for want of room the second one gets (RFC 3263 4.3).
static void busy_place(void **state)
{
	struct fixture *f = *state;
	char tag[64];

	fixture_phone(f, &invite);
	answer_with_contact(f, "<sip:b@edge.carrier.test>");
	resolved(f, f->resolve.ticket, "10.2.1.77,10.2.1.78");
	fixture_to_tag(f, "SIP/2.0 200", tag, sizeof(tag));
	fixture_ack(f, tag);
	fixture_forget(f);
	struct fixture_request r = { .method = "INVITE", .cseq = 2, .to_tag = tag,
		.branch = "again", .body = FIXTURE_SDP("10.1.1.6") };
	fixture_phone(f, &r);
	fixture_carrier(f, "INVITE", 503, "");
	expect_target(f, "INVITE", "10.2.1.78");
	assert_null(fixture_last(f, "SIP/2.0 503"));
	fixture_carrier(f, "INVITE", 200, FIXTURE_SDP("10.2.1.9"));
	assert_non_null(fixture_last(f, "SIP/2.0 200"));
	assert_int_equal(f->ended_count, 0);
}

// A BYE waits for the name of its target, and goes on along the list when a target fails.
static void bye_along_the_list(void **state)
{
	struct fixture *f = *state;
	char tag[64];

	fixture_phone(f, &invite);
	answer_with_contact(f, "<sip:b@edge.carrier.test>");
	fixture_to_tag(f, "SIP/2.0 200", tag, sizeof(tag));
	struct fixture_request r = { .method = "ACK", .cseq = 1, .to_tag = tag };
	fixture_phone(f, &r);
	r = (struct fixture_request){ .method = "BYE", .cseq = 2, .to_tag = tag };
	fixture_phone(f, &r);
	assert_non_null(fixture_last(f, "SIP/2.0 200")); // the phone need not wait
	assert_null(fixture_last(f, "BYE"));
	assert_int_equal(f->ended_count, 1);
	resolved(f, f->resolve.ticket, "10.2.1.77,10.2.1.78");
	expect_target(f, "ACK", "10.2.1.77");
	expect_target(f, "BYE", "10.2.1.77");
	const char *cseq = fixture_header(fixture_last(f, "BYE")->text, "CSeq");
	unsigned long first = strtoul(cseq, NULL, 10);
	fixture_wait(f, 33000); // nobody there
	expect_target(f, "BYE", "10.2.1.78");
	cseq = fixture_header(fixture_last(f, "BYE")->text, "CSeq");
	assert_int_equal(strtoul(cseq, NULL, 10), first + 1);
	fixture_carrier(f, "BYE", 200, "");
	fixture_wait(f, 1000);
	struct call_info info;
	uint32_t cursor = 0;
	assert_false(core_next_call(f->core, &cursor, &info));
}

// A call of hours outlives what DNS said: a request goes to the known place and asks, the next one
// goes to the new one. Where the question fails, the old place stays.
static void contact_moves(void **state)
{
	static const struct {
		const char *answer, *target;
	} rows[] = {
		{ "10.2.1.78", "10.2.1.77" },
		{ "", "10.2.1.78" },
		{ "10.2.1.79", "10.2.1.78" },
	};
	struct fixture *f = *state;
	char tag[64];

	fixture_phone(f, &invite);
	answer_with_contact(f, "<sip:b@edge.carrier.test>");
	resolved(f, f->resolve.ticket, "10.2.1.77");
	fixture_to_tag(f, "SIP/2.0 200", tag, sizeof(tag));
	struct fixture_request ack = { .method = "ACK", .cseq = 1, .to_tag = tag };
	fixture_phone(f, &ack);
	for (uint32_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char branch[16];
		struct fixture_request again = { .method = "INVITE", .cseq = i + 2, .to_tag = tag,
			.body = FIXTURE_SDP("10.1.1.5"), .branch = branch };

		snprintf(branch, sizeof(branch), "again%u", i);
		fixture_forget(f);
		fixture_wait(f, 61000);
		fixture_phone(f, &again);
		assert_int_equal(f->resolve_count, 1);
		expect_target(f, "INVITE", rows[i].target);
		resolved(f, f->resolve.ticket, rows[i].answer);
		fixture_carrier(f, "INVITE", 488, "");
	}
}

// The caller's Contact is looked up as soon as it is known, not when the BYE must leave.
static void name_of_the_caller(void **state)
{
	struct fixture *f = *state;

	f->config.realms[REALM_ACCESS].latching = CONFIG_LATCH_STRICT;
	fixture_receive(f, "10.1.1.5:5060",
		"INVITE sip:100@10.1.0.1 SIP/2.0\r\n"
		"Via: SIP/2.0/UDP 10.1.1.5;branch=z9hG4bKname\r\nMax-Forwards: 70\r\n"
		"From: <sip:1@x.test>;tag=a\r\nTo: <sip:100@10.1.0.1>\r\nCall-ID: name\r\n"
		"CSeq: 1 INVITE\r\nContact: <sip:1@phone.test>\r\nContent-Length: 0\r\n\r\n");
	assert_int_equal(f->resolve_count, 1);
	assert_string_equal(f->resolve_host, "phone.test");
	assert_int_equal(f->resolve.realm, REALM_ACCESS);
	assert_non_null(fixture_last(f, "INVITE")); // nobody waits for it
}

// Nobody knows the name: the ACK goes where the 2xx came from.
static void contact_leads_nowhere(void **state)
{
	struct fixture *f = *state;

	fixture_phone(f, &invite);
	answer_with_contact(f, "<sip:b@edge.carrier.test>");
	assert_null(fixture_last(f, "ACK"));
	fixture_wait(f, 5100); // not even an answer
	expect_target(f, "ACK", "10.2.1.1");
	assert_int_equal(COUNTED(f, resolves_silent), 1);
}

// Numbers need no question; a transport in the URI leads to its listener.
static void contact_is_a_number(void **state)
{
	static const struct {
		const char *contact, *target;
		uint32_t listener;
	} rows[] = {
		{ "<sip:b@10.2.1.9:5070>", "10.2.1.9:5070", 0 },
		{ "<sip:b@10.2.1.9;transport=tcp>", "10.2.1.9:5060", 1 },
		{ "<sip:b@10.2.1.9;transport=TLS>", "10.2.1.9:5061", 2 },
		{ "<sips:b@10.2.1.9>", "10.2.1.9:5061", 2 },
		{ "<sips:b@10.2.1.9;transport=tcp>", "10.2.1.9:5061", 2 },
		{ "<sip:b@10.2.1.9;transport=sctp>", "10.2.1.1:5060", 0 }, // back
		{ "<sip:b@10.2.1.9;transport=ws>", "10.2.1.1:5060", 0 },   // no such listener
		{ "<sip:b@[2001:db8::9]>", "10.2.1.1:5060", 0 },           // no such family
		{ "<sip:b@x.test;maddr=10.2.1.8>", "10.2.1.8:5060", 0 },
	};
	struct fixture *f = *state;
	struct config_realm *core = &f->config.realms[REALM_CORE];

	core->listeners[1] = (struct config_listener){ .transport = CONFIG_TCP,
		.addr = fixture_addr("10.2.0.1:5060") };
	core->listeners[2] = (struct config_listener){ .transport = CONFIG_TLS,
		.addr = fixture_addr("10.2.0.1:5061") };
	core->listener_count = 3;
	for (uint32_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct fixture_request request = invite;
		char id[16];

		snprintf(id, sizeof(id), "number-%u", i);
		request.call_id = request.branch = id;
		fixture_forget(f);
		fixture_phone(f, &request);
		answer_with_contact(f, rows[i].contact);
		assert_int_equal(f->resolve_count, 0);
		expect_target(f, "ACK", rows[i].target);
		assert_int_equal(fixture_last(f, "ACK")->hop.listener,
			listener_make(REALM_CORE, rows[i].listener));
		core_hangup_all(f->core, &f->env);
		fixture_take(f);
		fixture_wait(f, 70000);
	}
}

#define NAMED(name) cmocka_unit_test_setup_teardown(name, open_named, fixture_close)
#define PLAIN(name) cmocka_unit_test_setup_teardown(name, fixture_open, fixture_close)

int main(void)
{
	const struct CMUnitTest tests[] = {
		NAMED(waits_for_its_name), NAMED(all_targets_then_the_next_host),
		NAMED(name_after_an_address), NAMED(name_leads_nowhere), NAMED(answer_too_late),
		NAMED(cancelled_while_waiting), NAMED(hung_up_while_waiting),
		NAMED(targets_out_of_reach), NAMED(listener_of_each_target),
		cmocka_unit_test_setup_teardown(offer_of_the_targets_family, fixture_open_dual,
			fixture_close),
		NAMED(hosts_of_the_file), PLAIN(ack_waits_for_the_contact),
		PLAIN(bye_along_the_list),
		PLAIN(busy_place),
		cmocka_unit_test(requests_along_the_list),
		PLAIN(contact_moves), PLAIN(name_of_the_caller), PLAIN(contact_leads_nowhere),
		PLAIN(contact_is_a_number),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
