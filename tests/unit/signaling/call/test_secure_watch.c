// test_secure_watch.c - what media finds out about ICE and DTLS comes into the flows: pairs, keys,
// failures, lost consent; over re-INVITE, ICE restart, new certificates and restarts of either
// process.
#include "onward.h"

#include "call/export.h"
#include "proto/srtp.h"

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_browser, fixture_close)
#define HEX16	   "4A:AD:B9:B1:3F:82:18:3B:54:02:12:DF:3E:5D:49:6B"
#define PRINT_1	   HEX16 ":" HEX16
#define PRINT_2	   HEX16 ":00" HEX15
#define HEX15	   ":AD:B9:B1:3F:82:18:3B:54:02:12:DF:3E:5D:49:6B"
#define BROWSER(ufrag, print, direction) BROWSER_OF("0", ufrag, print, direction)
#define BROWSER_OF(group, ufrag, print, direction)                                                 \
	"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE " group "\r\n"          \
	"m=audio 50000 UDP/TLS/RTP/SAVPF 111 8\r\nc=IN IP4 10.1.1.5\r\n"                           \
	"a=candidate:1 1 udp 2122260223 10.1.1.5 50000 typ host\r\n"                               \
	"a=ice-ufrag:" ufrag "\r\na=ice-pwd:asd88fgpdd777uzjYhagZgTT\r\n"                          \
	"a=fingerprint:sha-256 " print "\r\na=setup:actpass\r\na=mid:0\r\n"                        \
	"a=" direction "\r\na=rtcp-mux\r\na=rtpmap:111 opus/48000/2\r\n"
#define PHONE_SDP FIXTURE_SDP("10.2.1.1")
#define CALLED(ufrag, print)                                                                       \
	"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n"                                      \
	"m=audio 50000 UDP/TLS/RTP/SAVPF 8\r\nc=IN IP4 10.2.1.1\r\n"                               \
	"a=ice-ufrag:" ufrag "\r\na=ice-pwd:asd88fgpdd777uzjYhagZgTT\r\n"                          \
	"a=fingerprint:sha-256 " print "\r\na=setup:active\r\na=rtcp-mux\r\n"

enum { DTLS_NONE, DTLS_RUNNING, DTLS_DONE, DTLS_FAILED };
enum { ICE_WAITING, ICE_RUNNING, ICE_COMPLETED };

static char tag[64];	  // ours towards the browser
static uint32_t secured; // the realm of the browser

static int open_browser(void **state)
{
	struct flow_fingerprint own = { .hash = 1, .value = { 1, 2, 3 } };
	int rc = fixture_open(state);
	struct fixture *f = *state;

	f->profiles[0].sdp.srtp = PROFILE_SRTP_DTLS;
	f->profiles[0].sdp.ice = PROFILE_ICE_LITE;
	shm_identity_publish(shm_identity_of(&f->media), &own);
	secured = REALM_ACCESS;
	return rc;
}

// The RTP record of a realm's only call.
static const struct flow_cfg *flow_of(const struct fixture *f, uint32_t realm)
{
	for (uint32_t port = 20000; port <= 20254; port += 2) {
		const struct flow_cfg *flow = flow_lookup(&f->view, realm, (uint16_t)port);

		if (flow)
			return flow;
	}
	fail_msg("no flow");
	return NULL;
}

static const struct flow_secure *agreed(const struct fixture *f)
{
	const struct flow_cfg *flow = flow_of(f, secured);

	assert_true(flow->secure > 0);
	return &f->view.secures[flow->secure - 1];
}

static struct flow_secure_result result(const char *selected, uint8_t ice, uint8_t dtls)
{
	struct flow_secure_result r = { .ice_state = ice, .dtls_state = dtls };

	if (selected) {
		struct addr addr = fixture_addr(selected);
		r.selected[0] = (struct flow_selected){ .ip = addr.ip, .port = addr.port };
	}
	if (dtls == DTLS_DONE) {
		r.suite = SRTP_AES_CM_128_HMAC_SHA1_80;
		memset(r.own_key, 0x11, 16);
		memset(r.own_salt, 0x12, 14);
		memset(r.far_key, 0x21, 16);
		memset(r.far_salt, 0x22, 14);
	}
	return r;
}

// Media's slow thread has that result, and nobody says so.
static void find_out(struct fixture *f, const struct flow_secure_result *r)
{
	const struct flow_cfg *flow = flow_of(f, secured);

	flow_secure_publish(&shm_flow_secure_state(&f->media)[flow->secure - 1], agreed(f), r);
}

static void hint(struct fixture *f)
{
	core_media_changed(f->core, &f->env, flow_of(f, REALM_ACCESS)->call_token);
	fixture_take(f);
}

static void tell(struct fixture *f, const struct flow_secure_result *r)
{
	find_out(f, r);
	hint(f);
}

static void call(struct fixture *f)
{
	struct fixture_request invite = { .method = "INVITE", .cseq = 1,
		.body = BROWSER("8hhY", PRINT_1, "sendrecv") };

	fixture_phone(f, &invite);
	fixture_carrier(f, "INVITE", 200, PHONE_SDP);
	fixture_to_tag(f, "SIP/2.0 200", tag, sizeof(tag));
	fixture_ack(f, tag);
	fixture_forget(f);
}

static void reinvite(struct fixture *f, const char *sdp)
{
	static char branch[16];
	static uint32_t cseq = 1;

	snprintf(branch, sizeof(branch), "re%u", ++cseq);
	struct fixture_request invite = { .method = "INVITE", .cseq = cseq, .to_tag = tag,
		.branch = branch, .body = sdp };
	fixture_forget(f);
	fixture_phone(f, &invite);
	fixture_carrier(f, "INVITE", 200, PHONE_SDP);
	assert_non_null(fixture_last(f, "SIP/2.0 200"));
	struct fixture_request ack = { .method = "ACK", .cseq = cseq, .to_tag = tag,
		.branch = "reack" };
	fixture_phone(f, &ack);
}

static bool is_dropping(const struct fixture *f)
{
	return flow_of(f, REALM_ACCESS)->flags & flow_of(f, REALM_CORE)->flags & FLOW_DROP;
}

static void assert_far(const struct fixture *f, const char *expected)
{
	const struct flow_cfg *flow = flow_of(f, secured);
	struct addr addr = fixture_addr(expected);

	assert_int_equal(flow->remote_port, addr.port);
	assert_true(ip_eq(&flow->remote_ip, &addr.ip));
}

static void done(struct fixture *f)
{
	struct flow_secure_result r = result("10.1.1.5:50000", ICE_COMPLETED, DTLS_DONE);

	call(f);
	tell(f, &r);
	assert_false(is_dropping(f));
	assert_far(f, "10.1.1.5:50000");
}

static void a_pair_and_keys_open_the_flow(void **state)
{
	struct fixture *f = *state;
	struct flow_secure_result r = result("10.1.1.5:50007", ICE_COMPLETED, DTLS_RUNNING);

	call(f);
	assert_true(is_dropping(f));
	assert_int_equal(flow_of(f, REALM_ACCESS)->remote_port, 0);
	assert_int_equal(flow_of(f, REALM_ACCESS)->latch_mode, FLOW_LATCH_STRICT);
	tell(f, &r);
	assert_far(f, "10.1.1.5:50007");
	assert_true(is_dropping(f));
	r = result("10.1.1.5:50007", ICE_COMPLETED, DTLS_DONE);
	tell(f, &r);
	const struct flow_cfg *flow = flow_of(f, REALM_ACCESS);
	assert_false(is_dropping(f));
	const struct flow_key *rx = &f->view.keys[flow->key_rx - 1];
	const struct flow_key *tx = &f->view.keys[flow->key_tx - 1];
	assert_int_equal(rx->suite, SRTP_AES_CM_128_HMAC_SHA1_80);
	assert_memory_equal(rx->key, r.far_key, 32);
	assert_memory_equal(rx->salt, r.far_salt, 16);
	assert_memory_equal(tx->key, r.own_key, 32);
	assert_memory_equal(tx->salt, r.own_salt, 16);
	assert_int_equal(flow_of(f, REALM_CORE)->key_rx | flow_of(f, REALM_CORE)->key_tx, 0);
	assert_int_equal(metric_read(&core_metrics(f->core)->secure_done), 1);
}

static void a_lost_hint_costs_time_only(void **state)
{
	struct fixture *f = *state;
	struct flow_secure_result r = result("10.1.1.5:50000", ICE_COMPLETED, DTLS_DONE);

	call(f);
	find_out(f, &r);
	assert_true(is_dropping(f));
	fixture_wait(f, 300);
	assert_false(is_dropping(f));
	r = result("10.1.1.5:50001", ICE_COMPLETED, DTLS_DONE);
	find_out(f, &r);
	core_media_changed(f->core, &f->env, 0);
	assert_far(f, "10.1.1.5:50001");
	core_media_changed(f->core, &f->env, 0x1234); // nobody's
}

static void a_failed_handshake_ends_the_call(void **state)
{
	struct fixture *f = *state;
	struct flow_secure_result r = result("10.1.1.5:50000", ICE_COMPLETED, DTLS_FAILED);

	call(f);
	tell(f, &r);
	assert_int_equal(fixture_count(f, "BYE"), 2);
	assert_non_null(strstr(fixture_last(f, "BYE")->text, "Reason: Q.850;cause=47"));
	assert_int_equal(f->ended.cause, CALL_CAUSE_SECURE_FAILED);
	assert_string_equal(call_cause_name(f->ended.cause), "secure-failed");
	assert_int_equal(metric_read(&core_metrics(f->core)->secure_failed), 1);
	assert_int_equal(fixture_flows(f), 0);
}

static void nothing_at_all_ends_it_in_time(void **state)
{
	struct fixture *f = *state;

	call(f);
	fixture_wait(f, 29000);
	assert_int_equal(f->ended_count, 0);
	fixture_wait(f, 2000);
	assert_int_equal(f->ended_count, 1);
	assert_int_equal(f->ended.cause, CALL_CAUSE_SECURE_FAILED);
}

static void a_call_that_rings_has_time(void **state)
{
	struct fixture *f = *state;
	struct fixture_request invite = { .method = "INVITE", .cseq = 1,
		.body = BROWSER("8hhY", PRINT_1, "sendrecv") };

	f->config.limits.ring_timeout_ms = 120000;
	fixture_phone(f, &invite);
	fixture_carrier(f, "INVITE", 180, "");
	fixture_wait(f, 60000);
	assert_int_equal(f->ended_count, 0);
	assert_int_equal(fixture_count(f, "BYE") + fixture_count(f, "CANCEL"), 0);
}

static void lost_consent_stops_media_then_the_call(void **state)
{
	struct fixture *f = *state;
	struct flow_secure_result r = result(NULL, ICE_COMPLETED, DTLS_DONE);

	done(f);
	tell(f, &r);
	assert_int_equal(flow_of(f, REALM_ACCESS)->remote_port, 0);
	fixture_wait(f, 29000);
	assert_int_equal(f->ended_count, 0);
	fixture_wait(f, 2000);
	assert_int_equal(f->ended.cause, CALL_CAUSE_MEDIA_TIMEOUT);
	assert_non_null(strstr(fixture_last(f, "BYE")->text, "No consent"));
}

static void a_restart_saves_it(void **state)
{
	struct fixture *f = *state;
	struct flow_secure_result r = result(NULL, ICE_COMPLETED, DTLS_DONE);

	done(f);
	tell(f, &r);
	reinvite(f, BROWSER("8hhZ", PRINT_1, "sendrecv"));
	r = result("10.1.1.5:50020", ICE_COMPLETED, DTLS_DONE);
	tell(f, &r);
	assert_far(f, "10.1.1.5:50020");
	fixture_wait(f, 60000);
	assert_int_equal(f->ended_count, 0);
}

static void hold_changes_neither_credentials_nor_keys(void **state)
{
	struct fixture *f = *state;
	struct flow_secure before;

	done(f);
	before = *agreed(f);
	uint32_t key_rx = flow_of(f, REALM_ACCESS)->key_rx;
	reinvite(f, BROWSER("8hhY", PRINT_1, "sendonly"));
	assert_int_equal(agreed(f)->serial, before.serial);
	assert_int_equal(flow_of(f, REALM_ACCESS)->key_rx, key_rx);
	assert_far(f, "10.1.1.5:50000");
	assert_non_null(strstr(fixture_last(f, "SIP/2.0 200")->text, "a=setup:active"));
	fixture_wait(f, 60000);
	assert_int_equal(f->ended_count, 0);
}

static void a_restart_keeps_pair_and_keys_until_there_are_others(void **state)
{
	struct fixture *f = *state;
	struct flow_secure_result r = result(NULL, ICE_WAITING, DTLS_DONE);
	struct flow_secure before;

	done(f);
	before = *agreed(f);
	reinvite(f, BROWSER("other", PRINT_1, "sendrecv"));
	assert_memory_not_equal(agreed(f)->own_ufrag, before.own_ufrag, 8);
	assert_memory_not_equal(agreed(f)->own_pwd, before.own_pwd, 22);
	assert_int_equal(agreed(f)->association, before.association);
	assert_far(f, "10.1.1.5:50000");
	assert_false(is_dropping(f));
	tell(f, &r);
	assert_far(f, "10.1.1.5:50000");
	r = result("10.1.1.5:50010", ICE_COMPLETED, DTLS_DONE);
	tell(f, &r);
	assert_far(f, "10.1.1.5:50010");
	assert_false(is_dropping(f));
}

static void another_certificate_is_another_association(void **state)
{
	struct fixture *f = *state;
	struct flow_secure_result r = result("10.1.1.5:50000", ICE_COMPLETED, DTLS_RUNNING);
	uint32_t before;

	done(f);
	before = agreed(f)->association;
	uint32_t key_rx = flow_of(f, REALM_ACCESS)->key_rx;
	reinvite(f, BROWSER("8hhY", PRINT_2, "sendrecv"));
	assert_int_not_equal(agreed(f)->association, before);
	tell(f, &r);
	assert_int_equal(flow_of(f, REALM_ACCESS)->key_rx, key_rx);
	r = result("10.1.1.5:50000", ICE_COMPLETED, DTLS_DONE);
	memset(r.far_key, 0x77, 16);
	tell(f, &r);
	assert_int_not_equal(flow_of(f, REALM_ACCESS)->key_rx, key_rx);
	assert_memory_equal(
		f->view.keys[flow_of(f, REALM_ACCESS)->key_rx - 1].key, r.far_key, 16);
	// And if it never comes about, the call is over.
	reinvite(f, BROWSER("8hhY", PRINT_1, "sendrecv"));
	r = result("10.1.1.5:50000", ICE_COMPLETED, DTLS_FAILED);
	tell(f, &r);
	assert_int_equal(f->ended.cause, CALL_CAUSE_SECURE_FAILED);
}

static void media_that_begins_anew_takes_nothing_away(void **state)
{
	struct fixture *f = *state;
	struct flow_secure_result r = result(NULL, ICE_WAITING, DTLS_RUNNING);

	done(f);
	tell(f, &r);
	assert_far(f, "10.1.1.5:50000");
	assert_false(is_dropping(f));
	r = result(NULL, ICE_WAITING, DTLS_FAILED);
	tell(f, &r);
	fixture_wait(f, 60000);
	assert_int_equal(f->ended_count, 0);
	assert_false(is_dropping(f));
}

// The worker dies, another one takes its place on the same segment.
static void restart(struct fixture *f)
{
	struct core_params core = { .calls_max = 4, .transactions_max = 256, .key = { { 5, 6 } },
		.now_ms = f->env.now_ms };
	struct flow_writer_params flows = { .signaling = &f->signaling, .media = &f->media,
		.workers = 1, .quarantine_ms = 1000, .orphan_timeout_ms = 1000 };

	core_free(f->core);
	flow_writer_free(f->env.flows);
	f->core = core_new(&core);
	f->env.flows = flow_writer_new(&flows, f->env.now_ms);
	assert_non_null(f->core);
	assert_non_null(f->env.flows);
}

static void a_record_brings_it_back(void **state)
{
	static uint8_t record[CALL_RECORD_MAX];
	struct fixture *f = *state;
	struct record_out out = { .buf = record };
	struct flow_secure_result r = result("10.1.1.5:50030", ICE_COMPLETED, DTLS_DONE);
	uint64_t token;

	done(f);
	struct flow_cfg before = *flow_of(f, REALM_ACCESS);
	assert_int_equal(core_export(f->core, &f->env, before.call_token, &out), 0);
	restart(f);
	assert_int_equal(core_import(f->core, &f->env,
				 span_make((const char *)record, out.len), &token), 0);
	fixture_wait(f, 2000); // the slots of the dead worker have to rest
	reinvite(f, BROWSER("8hhY", PRINT_1, "sendrecv"));
	const struct flow_cfg *after = flow_of(f, REALM_ACCESS);
	assert_int_equal(after->secure, before.secure);
	assert_int_equal(after->key_rx, before.key_rx);
	assert_int_equal(after->key_tx, before.key_tx);
	assert_far(f, "10.1.1.5:50000");
	assert_false(is_dropping(f));
	assert_non_null(
		strstr(fixture_last(f, "SIP/2.0 200")->text, "UDP/TLS/RTP/SAVPF"));
	tell(f, &r);
	assert_far(f, "10.1.1.5:50030");
	fixture_wait(f, 60000);
	assert_int_equal(f->ended_count, 0);
}

#define VIDEO                                                                                      \
	"m=video 0 UDP/TLS/RTP/SAVPF 96\r\nc=IN IP4 0.0.0.0\r\na=bundle-only\r\na=mid:1\r\n"       \
	"a=rtcp-mux\r\na=rtpmap:96 VP8/90000\r\n"

static uint32_t flows_dropping(const struct fixture *f)
{
	uint32_t count = 0;

	for (uint32_t realm = 0; realm < 2; realm++)
		for (uint32_t port = 20000; port <= 20255; port++) {
			const struct flow_cfg *flow = flow_lookup(&f->view, realm, (uint16_t)port);
			count += flow && flow->flags & FLOW_DROP;
		}
	return count;
}

// The records of the line that has no port of its own there.
static uint32_t flows_by(const struct fixture *f, uint16_t owner)
{
	uint32_t count = 0;

	for (uint32_t port = 20000; port <= 20255; port++) {
		const struct flow_cfg *flow = flow_lookup(&f->view, REALM_ACCESS, (uint16_t)port);

		if (!flow || flow->bundle_port == 0)
			continue;
		assert_int_equal(flow->bundle_port, owner);
		assert_int_equal(flow->key_rx | flow->key_tx | flow->secure, 0);
		count++;
	}
	return count;
}

static void one_handshake_opens_all_lines_of_a_group(void **state)
{
	static uint8_t record[CALL_RECORD_MAX];
	struct fixture *f = *state;
	struct record_out out = { .buf = record };
	struct flow_secure_result r = result("10.1.1.5:50000", ICE_COMPLETED, DTLS_DONE);
	struct fixture_request invite = { .method = "INVITE", .cseq = 1,
		.body = BROWSER_OF("0 1", "8hhY", PRINT_1, "sendrecv") VIDEO };
	uint64_t token;

	f->profiles[1].sdp.bundle = PROFILE_BUNDLE_PASS;
	fixture_phone(f, &invite);
	fixture_carrier(f, "INVITE", 200,
		PHONE_SDP "m=video 4002 RTP/AVP 96\r\na=rtpmap:96 VP8/90000\r\n");
	fixture_to_tag(f, "SIP/2.0 200", tag, sizeof(tag));
	fixture_ack(f, tag);
	assert_int_equal(flows_dropping(f), 8);
	uint16_t owner = 0;
	for (uint32_t port = 20000; port <= 20255 && !owner; port += 2) {
		const struct flow_cfg *flow = flow_lookup(&f->view, REALM_ACCESS, (uint16_t)port);

		if (flow && flow->secure) {
			owner = (uint16_t)port;
			flow_secure_publish(&shm_flow_secure_state(&f->media)[flow->secure - 1],
				&f->view.secures[flow->secure - 1], &r);
		}
	}
	assert_int_not_equal(owner, 0);
	assert_int_equal(flows_by(f, owner), 2);
	core_media_changed(f->core, &f->env, 0);
	assert_int_equal(flows_dropping(f), 0);
	assert_int_equal(flows_by(f, owner), 2);
	const struct flow_cfg *flow = flow_lookup(&f->view, REALM_ACCESS, owner);
	assert_true(flow->key_rx && flow->key_tx);
	assert_int_equal(f->view.secures[flow->secure - 1].bundle.count, 2);
	// And over a restart.
	assert_int_equal(core_export(f->core, &f->env, flow->call_token, &out), 0);
	restart(f);
	assert_int_equal(core_import(f->core, &f->env,
				 span_make((const char *)record, out.len), &token), 0);
	fixture_wait(f, 2000);
	r = result("10.1.1.5:50044", ICE_COMPLETED, DTLS_DONE);
	flow_secure_publish(&shm_flow_secure_state(&f->media)[flow->secure - 1],
		&f->view.secures[flow->secure - 1], &r);
	core_media_changed(f->core, &f->env, token);
	assert_int_equal(flow_lookup(&f->view, REALM_ACCESS, owner)->remote_port, 50044);
	assert_int_equal(flows_by(f, owner), 2);
	assert_int_equal(flows_dropping(f), 0);
}

// Key slots of both directions, which change with the keys.
static uint64_t keys_of(const struct fixture *f, uint32_t realm)
{
	const struct flow_cfg *flow = flow_of(f, realm);

	return (uint64_t)flow->key_rx << 32 | flow->key_tx;
}

static void begin(struct dialog *d, struct fixture *f, const char *offer, const char *early)
{
	dialog_invite(d, f, "", offer);
	dialog_answer(d, &(struct dialog_answer){ "INVITE", 183, .body = early });
}

// The caller has its keys since the early media of the one who redirects it: they stay, and nothing
// passes until somebody else has answered.
static void a_redirect_keeps_the_callers_keys(void **state)
{
	static const char *const users[] = { "77", "133" }; // another trunk, and the same
	struct fixture *f = *state;
	struct flow_secure_result r = result("10.1.1.5:50000", ICE_COMPLETED, DTLS_DONE);
	struct onward onward;
	struct dialog d;

	onward_open(&onward, f);
	begin(&d, f, BROWSER("8hhY", PRINT_1, "sendrecv"), PHONE_SDP);
	tell(f, &r);
	uint64_t keys = keys_of(f, REALM_ACCESS);
	assert_true(keys >> 32 && (uint32_t)keys);
	assert_false(is_dropping(f));
	for (uint32_t i = 0; i < 2; i++) {
		onward_send(&d, users[i]);
		assert_true(is_dropping(f));
		assert_true(keys_of(f, REALM_ACCESS) == keys);
		hint(f);
		assert_true(is_dropping(f));
		dialog_answer(&d, &(struct dialog_answer){ .start = "INVITE",
			.status = i ? 200 : 183, .body = FIXTURE_SDP("10.2.1.77") });
		assert_false(is_dropping(f));
		assert_true(keys_of(f, REALM_ACCESS) == keys);
		assert_far(f, "10.1.1.5:50000");
	}
	assert_int_equal(metric_read(&core_metrics(f->core)->secure_done), 1);
}

// The called side's: what one has agreed is nothing to the next, who has to find its own pair and
// to make its own handshake, on ports and by credentials that the first has never seen.
static void a_redirect_ends_what_the_called_had(void **state)
{
	struct fixture *f = *state;
	struct flow_secure_result r = result("10.2.1.1:50000", ICE_COMPLETED, DTLS_DONE);
	struct onward onward;
	struct dialog d;

	f->profiles[1].sdp = f->profiles[0].sdp;
	f->profiles[0].sdp.srtp = PROFILE_SRTP_OFF;
	f->profiles[0].sdp.ice = PROFILE_ICE_OFF;
	secured = REALM_CORE;
	onward_open(&onward, f);
	begin(&d, f, FIXTURE_SDP("10.1.1.5"), CALLED("8hhY", PRINT_1));
	struct flow_secure before = *agreed(f);
	tell(f, &r);
	assert_false(is_dropping(f));
	assert_far(f, "10.2.1.1:50000");
	onward_send(&d, "77");
	assert_true(is_dropping(f));
	assert_true(keys_of(f, REALM_CORE) == 0);
	assert_int_not_equal(agreed(f)->incarnation, before.incarnation);
	assert_int_not_equal(agreed(f)->port, before.port);
	assert_memory_not_equal(agreed(f)->own_ufrag, before.own_ufrag, 8);
	assert_memory_not_equal(agreed(f)->own_pwd, before.own_pwd, 22);
	dialog_answer(&d, &(struct dialog_answer){
		.start = "INVITE", .status = 200, .body = CALLED("8hhZ", PRINT_2) });
	assert_true(is_dropping(f));
	assert_int_equal(flow_of(f, REALM_CORE)->remote_port, 0);
	r = result("10.2.1.77:50002", ICE_COMPLETED, DTLS_DONE);
	tell(f, &r);
	assert_false(is_dropping(f));
	assert_far(f, "10.2.1.77:50002");
}

static void no_certificate_no_line(void **state)
{
	struct fixture *f = *state;
	struct fixture_request invite = { .method = "INVITE", .cseq = 1,
		.body = BROWSER("8hhY", PRINT_1, "sendrecv") };

	memset(shm_identity_of(&f->media), 0, sizeof(struct shm_identity));
	fixture_phone(f, &invite);
	assert_non_null(fixture_last(f, "SIP/2.0 488"));
	assert_int_equal(metric_read(&core_metrics(f->core)->agreements_refused), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_pair_and_keys_open_the_flow),
		TEST(a_lost_hint_costs_time_only),
		TEST(a_failed_handshake_ends_the_call),
		TEST(nothing_at_all_ends_it_in_time),
		TEST(a_call_that_rings_has_time),
		TEST(lost_consent_stops_media_then_the_call),
		TEST(a_restart_saves_it),
		TEST(hold_changes_neither_credentials_nor_keys),
		TEST(a_restart_keeps_pair_and_keys_until_there_are_others),
		TEST(another_certificate_is_another_association),
		TEST(media_that_begins_anew_takes_nothing_away),
		TEST(a_record_brings_it_back),
		TEST(one_handshake_opens_all_lines_of_a_group),
		TEST(a_redirect_keeps_the_callers_keys),
		TEST(a_redirect_ends_what_the_called_had),
		TEST(no_certificate_no_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
