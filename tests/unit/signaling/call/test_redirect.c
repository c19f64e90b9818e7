#include "dialog.h"

static void begin(struct fixture *f)
{
	struct fixture_request invite = { .method = "INVITE", .cseq = 1,
		.body = FIXTURE_SDP("10.1.1.5") };

	fixture_phone(f, &invite);
}

// The carrier's 302 with these Contacts to our newest INVITE.
static void redirect(struct fixture *f, uint32_t status, const char *contacts)
{
	const struct fixture_message *m = fixture_last(f, "INVITE");
	char text[4096], source[ADDR_TEXT_MAX];

	assert_non_null(m);
	snprintf(text, sizeof(text),
		"SIP/2.0 %u x\r\nVia: %s\r\nFrom: %s\r\nTo: %s;tag=secret-r\r\nCall-ID: %s\r\n"
		"CSeq: %s\r\n%sContent-Length: 0\r\n\r\n",
		status, fixture_header(m->text, "Via"), fixture_header(m->text, "From"),
		fixture_header(m->text, "To"), fixture_header(m->text, "Call-ID"),
		fixture_header(m->text, "CSeq"), contacts);
	addr_format(&m->target, source);
	fixture_receive(f, source, text);
}

static void followed(void **state)
{
	struct fixture *f = *state;

	f->profiles[1].flow.redirect = PROFILE_REDIRECT_FOLLOW;
	begin(f);
	const struct fixture_message *first = fixture_last(f, "INVITE");
	uint32_t cseq = (uint32_t)atoi(fixture_header(first->text, "CSeq"));
	fixture_carrier(f, "INVITE", 180, "");
	// Whom no route of the caller leads to is not called, whatever its q.
	redirect(f, 302, "Contact: <sip:133@secret.example>;q=0.5, <sip:9@secret.example>;q=0.9\r\n"
		"Contact: <sip:144@secret.example>;q=0.7\r\n");
	const struct fixture_message *out = fixture_last(f, "INVITE sip:+49144@10.2.1.1");
	assert_non_null(out);
	assert_non_null(strstr(out->text, "v=0"));
	assert_null(strstr(out->text, "secret.example"));
	assert_null(strstr(fixture_header(out->text, "To"), ";tag="));
	assert_true((uint32_t)atoi(fixture_header(out->text, "CSeq")) > cseq);
	assert_null(fixture_last(f, "SIP/2.0 3"));
	// Busy: the next one.
	fixture_carrier(f, "INVITE sip:+49144", 486, "");
	assert_non_null(fixture_last(f, "INVITE sip:+49133@10.2.1.1"));
	fixture_carrier(f, "INVITE sip:+49133", 200, FIXTURE_SDP("10.2.1.1"));
	assert_non_null(fixture_last(f, "SIP/2.0 200"));
	assert_non_null(fixture_last(f, "ACK sip:secret-b@10.2.1.1"));
	assert_int_equal(fixture_flows(f), 4);
	assert_int_equal(metric_read(&core_metrics(f->core)->redirects_followed), 2);
	assert_int_equal(metric_read(&core_metrics(f->core)->redirects_refused), 1);
}

// A third peer, in the realm of the phones, that numbers from 7 on lead to.
static void add_pbx(struct fixture *f, struct config_trunk trunks[3], struct config_route routes[3])
{
	memcpy(trunks, f->trunks, sizeof(f->trunks));
	trunks[2] = (struct config_trunk){ .name = "pbx", .realm = REALM_ACCESS, .host_count = 1,
		.match_count = 1, .calls_max = 1 };
	trunks[2].hosts[0].addr = fixture_addr("10.1.1.77");
	assert_int_equal(ip_prefix_parse(SPAN_LIT("10.1.1.77/32"), &trunks[2].match[0]), 0);
	memcpy(routes, f->routes, sizeof(f->routes));
	routes[2] = (struct config_route){ .from_realm = REALM_ACCESS, .from_trunk = -1,
		.to = SPAN_LIT("7*"), .trunk = 2, .line = 9 };
	f->config.trunks = trunks;
	f->config.trunk_count = 3;
	f->config.routes = routes;
	f->config.route_count = 3;
}

static unsigned audio_port(const struct fixture_message *m)
{
	unsigned port = 0;

	assert_non_null(m);
	const char *line = strstr(m->text, "\r\nm=audio ");
	assert_non_null(line);
	assert_int_equal(sscanf(line, "\r\nm=audio %u", &port), 1);
	return port;
}

// A route leads to a peer in another realm: nothing of the first one is seen there, and the caller
// keeps the ports that it was told.
static void across_realms(void **state)
{
	struct fixture *f = *state;
	struct config_trunk trunks[3];
	struct config_route routes[3];

	add_pbx(f, trunks, routes);
	f->config.realms[REALM_ACCESS].is_trusted = false;
	f->profiles[1].flow.redirect = PROFILE_REDIRECT_FOLLOW;
	begin(f);
	fixture_carrier(f, "INVITE", 183, FIXTURE_SDP("10.2.1.1"));
	unsigned told = audio_port(fixture_last(f, "SIP/2.0 183"));
	char call_id[64];
	snprintf(call_id, sizeof(call_id), "%s",
		fixture_header(fixture_last(f, "INVITE")->text, "Call-ID"));
	redirect(f, 302, "Contact: <sip:77@secret.example>\r\n");
	const struct fixture_message *out = fixture_last(f, "INVITE sip:77@10.1.1.77");
	assert_non_null(out);
	assert_int_equal(out->realm, REALM_ACCESS);
	assert_string_equal(fixture_header(out->text, "Max-Forwards"), "68");
	assert_memory_equal(fixture_header(out->text, "To"), "<sip:77@10.1.1.77", 17);
	assert_non_null(strstr(fixture_header(out->text, "From"), "@10.1.0.1"));
	assert_non_null(strstr(fixture_header(out->text, "Contact"), "@10.1.0.1"));
	assert_non_null(strstr(out->text, "c=IN IP4 10.1.0.2"));
	assert_null(strstr(out->text, "10.2."));
	assert_string_not_equal(fixture_header(out->text, "Call-ID"), call_id);
	assert_null(strstr(out->text, "secret"));
	fixture_carrier(f, "INVITE sip:77", 200, FIXTURE_SDP("10.1.1.77"));
	const struct fixture_message *ok = fixture_last(f, "SIP/2.0 200");
	assert_int_equal(ok->realm, REALM_ACCESS);
	assert_int_equal(audio_port(ok), told);
	assert_non_null(fixture_last(f, "ACK"));
	char tag[64];
	fixture_to_tag(f, "SIP/2.0 200", tag, sizeof(tag));
	fixture_ack(f, tag);
	assert_int_equal(fixture_flows(f), 4);
	core_hangup_all(f->core, &f->env);
	fixture_take(f);
	fixture_wait(f, 40000);
	assert_int_equal(fixture_flows(f), 0);
	assert_int_equal(fixture_calls(f), 0);
}

// The other peer has its own limit, and its own profile: what that refuses is not called.
static void across_realms_refused(void **state)
{
	static struct profile_codec codec = { .name = SPAN_LIT("L16") };
	struct fixture *f = *state;
	struct config_trunk trunks[3];
	struct config_route routes[3];
	struct config_profile profiles[3];
	struct fixture_request invite = { .method = "INVITE", .cseq = 1, .call_id = "other",
		.branch = "other", .body = FIXTURE_SDP("10.1.1.5") };

	add_pbx(f, trunks, routes);
	memcpy(profiles, f->profiles, sizeof(f->profiles));
	profiles[1].flow.redirect = PROFILE_REDIRECT_FOLLOW;
	profiles[2] = profiles[0];
	profiles[2].sdp.allow = (struct profile_codec_list){ .codecs = &codec, .count = 1 };
	trunks[2].profile = 2;
	f->config.profiles = profiles;
	f->config.profile_count = 3;
	begin(f);
	redirect(f, 302, "Contact: <sip:77@x>\r\n");
	assert_null(fixture_last(f, "INVITE sip:77"));
	assert_non_null(fixture_last(f, "SIP/2.0 480"));
	assert_int_equal(fixture_flows(f), 0);
	// With its codecs it is called, once: it takes one call.
	profiles[2].sdp.allow.count = 0;
	fixture_forget(f);
	fixture_phone(f, &invite);
	redirect(f, 302, "Contact: <sip:77@x>\r\n");
	assert_non_null(fixture_last(f, "INVITE sip:77@10.1.1.77"));
	invite = (struct fixture_request){ .method = "INVITE", .cseq = 1, .call_id = "third",
		.branch = "third", .body = FIXTURE_SDP("10.1.1.5") };
	fixture_forget(f);
	fixture_phone(f, &invite);
	redirect(f, 302, "Contact: <sip:78@x>\r\n");
	assert_null(fixture_last(f, "INVITE sip:78"));
	assert_non_null(fixture_last(f, "SIP/2.0 480"));
}

// Each step costs a hop.
static void out_of_hops(void **state)
{
	struct fixture *f = *state;
	char text[2048];
	const char *sdp = FIXTURE_SDP("10.1.1.5");

	f->profiles[1].flow.redirect = PROFILE_REDIRECT_FOLLOW;
	snprintf(text, sizeof(text),
		"INVITE sip:100@10.1.0.1 SIP/2.0\r\n"
		"Via: SIP/2.0/UDP 10.1.1.5;branch=z9hG4bKhops\r\nMax-Forwards: 2\r\n"
		"From: <sip:55@x>;tag=1\r\nTo: <sip:100@x>\r\nCall-ID: hops\r\n"
		"CSeq: 1 INVITE\r\nContact: <sip:alice@10.1.1.5>\r\n"
		"Content-Type: application/sdp\r\nContent-Length: %zu\r\n\r\n%s",
		strlen(sdp), sdp);
	fixture_receive(f, "10.1.1.5:5060", text);
	redirect(f, 302, "Contact: <sip:144@x>\r\n");
	assert_string_equal(fixture_header(fixture_last(f, "INVITE sip:+49144")->text,
		"Max-Forwards"), "0");
	redirect(f, 302, "Contact: <sip:155@x>\r\n");
	assert_null(fixture_last(f, "INVITE sip:+49155"));
	assert_non_null(fixture_last(f, "SIP/2.0 480"));
}

// What the one who went elsewhere said of media is no answer of the one who is called in his place.
static void forgets_media(void **state)
{
	struct fixture *f = *state;

	f->profiles[1].flow.redirect = PROFILE_REDIRECT_FOLLOW;
	begin(f);
	fixture_carrier(f, "INVITE", 183, FIXTURE_SDP("10.2.1.1"));
	assert_non_null(fixture_last(f, "SIP/2.0 183"));
	redirect(f, 302, "Contact: <sip:144@secret.example>\r\n");
	assert_non_null(fixture_last(f, "INVITE sip:+49144@10.2.1.1"));
	fixture_carrier(f, "INVITE sip:+49144", 200, "");
	assert_null(fixture_last(f, "SIP/2.0 200"));
	assert_non_null(fixture_last(f, "SIP/2.0 488"));
	assert_non_null(fixture_last(f, "BYE "));
}

// A caller that made no offer was given that of the first who is called by a 3xx, and can be given
// no other: when that one refuses, nobody else is called.
static void offer_of_the_first(void **state)
{
	struct fixture *f = *state;
	struct dialog d;
	char rack[64];

	f->profiles[1].flow.redirect = PROFILE_REDIRECT_FOLLOW;
	dialog_invite(&d, f, "Supported: 100rel\r\n", "");
	redirect(f, 302, "Contact: <sip:144@x>;q=0.9, <sip:155@x>;q=0.8\r\n");
	assert_non_null(fixture_last(f, "INVITE sip:+49144@10.2.1.1"));
	dialog_answer(&d, &(struct dialog_answer){ .start = "INVITE", .status = 183,
		.extra = "Require: 100rel\r\nRSeq: 5\r\n", .body = FIXTURE_SDP("10.2.1.1") });
	const struct fixture_message *told = fixture_last(f, "SIP/2.0 183");
	assert_non_null(strstr(told->text, "v=0"));
	fixture_to_tag(f, "SIP/2.0 183", d.tag_a, sizeof(d.tag_a));
	snprintf(rack, sizeof(rack), "RAck: %s 1 INVITE\r\n", fixture_header(told->text, "RSeq"));
	dialog_phone(&d, "PRACK", 2, rack, FIXTURE_SDP("10.1.1.5"));
	assert_non_null(strstr(fixture_last(f, "PRACK")->text, "v=0"));
	dialog_answer(&d, &(struct dialog_answer){ .start = "INVITE", .status = 486 });
	assert_null(fixture_last(f, "INVITE sip:+49155"));
	assert_non_null(fixture_last(f, "SIP/2.0 486"));
	assert_int_equal(fixture_calls(f), 0);
	assert_int_equal(fixture_flows(f), 0);
}

// Round and round: each user once, and not without end.
static void endless(void **state)
{
	struct fixture *f = *state;
	char contact[64];

	f->profiles[1].flow.redirect = PROFILE_REDIRECT_FOLLOW;
	begin(f);
	redirect(f, 302, "Contact: <sip:100@x>\r\n");
	assert_non_null(fixture_last(f, "SIP/2.0 480"));
	assert_int_equal(fixture_calls(f), 0);
	struct fixture_request invite = { .method = "INVITE", .cseq = 1, .call_id = "other",
		.branch = "other", .body = FIXTURE_SDP("10.1.1.5") };
	fixture_forget(f);
	fixture_phone(f, &invite);
	uint32_t count = 0;
	for (; !fixture_last(f, "SIP/2.0 480"); count++) {
		assert_true(count < 20);
		snprintf(contact, sizeof(contact), "Contact: <sip:15%u@x>\r\n", count);
		redirect(f, 301, contact);
	}
	assert_int_equal(count, 5);
	assert_int_equal(fixture_flows(f), 0);
}

static void passed(void **state)
{
	struct fixture *f = *state;

	f->profiles[1].flow.redirect = PROFILE_REDIRECT_PASS;
	begin(f);
	redirect(f, 302, "Contact: \"x\" <sip:133@secret.example:5070;transport=tcp>;q=0.25\r\n");
	const struct fixture_message *out = fixture_last(f, "SIP/2.0 302");
	assert_non_null(out);
	assert_string_equal(fixture_header(out->text, "Contact"),
		"<sip:133@10.1.0.1:5060>;q=0.250");
	assert_null(strstr(out->text, "secret.example:5070"));
	assert_int_equal(fixture_calls(f), 0);
}

static void refused(void **state)
{
	struct fixture *f = *state;

	begin(f);
	redirect(f, 302, "Contact: <sip:133@secret.example>\r\n");
	assert_non_null(fixture_last(f, "SIP/2.0 480"));
	assert_null(fixture_last(f, "SIP/2.0 3"));
	assert_int_equal(fixture_calls(f), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_open, fixture_close)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(followed),
		TEST(across_realms),
		TEST(across_realms_refused),
		TEST(out_of_hops),
		TEST(forgets_media),
		TEST(offer_of_the_first),
		TEST(endless),
		TEST(passed),
		TEST(refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
