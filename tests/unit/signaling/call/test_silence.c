#include "base/clock.h"
#include "fixture.h"

#define TIMEOUT_MS 300000u
#define HOUR_MS    3600000u

#define SDP(ip, line)                                                                              \
	"v=0\r\no=- 1 2 IN IP4 " ip "\r\ns=-\r\nc=IN IP4 " ip "\r\nt=0 0\r\n" line

static char tag[64];

static void establish(struct fixture *f)
{
	f->config.limits.media_timeout_ms = TIMEOUT_MS;
	fixture_establish(f, tag);
}

static void reinvite(struct fixture *f, uint32_t cseq, const char *offer, const char *answer)
{
	char branch[16];
	struct fixture_request invite = { .method = "INVITE", .cseq = cseq, .to_tag = tag,
		.branch = branch, .body = offer };
	struct fixture_request ack = { .method = "ACK", .cseq = cseq, .to_tag = tag,
		.branch = "phoneack2" };

	snprintf(branch, sizeof(branch), "phone%u", cseq);
	fixture_phone(f, &invite);
	fixture_carrier(f, "INVITE", 200, answer);
	fixture_phone(f, &ack);
	fixture_forget(f);
}

// In steps of a second: an hour of the finer ones of fixture_wait() takes too long.
static void wait(struct fixture *f, uint64_t ms)
{
	for (uint64_t end = f->env.now_ms + ms; f->env.now_ms < end;) {
		f->env.now_ms += 1000;
		core_run_timers(f->core, &f->env);
		fixture_take(f);
	}
}

// As a lane does when a packet comes: port 0 is RTP, 1 RTCP.
static void hear(struct fixture *f, uint32_t realm, uint32_t which, uint64_t at_ms)
{
	for (uint32_t port = 20000 + which; port < 20256; port += 2) {
		const struct flow_cfg *cfg = flow_lookup(&f->view, realm, (uint16_t)port);

		if (!cfg)
			continue;
		struct flow_state *state = &shm_flow_state(&f->media)[cfg->state_index];
		atomic_store(&state->last_ns, at_ms * NS_PER_MS);
		atomic_store(&state->incarnation, cfg->incarnation);
		return;
	}
	fail_msg("no flow in realm %u", realm);
}

static void assert_ended(const struct fixture *f)
{
	const struct fixture_message *bye = NULL;
	uint32_t realms = 0; // BYEs are repeated

	assert_int_equal(f->ended_count, 1);
	assert_int_equal(f->ended.cause, CALL_CAUSE_MEDIA_TIMEOUT);
	assert_int_equal(f->ended.code, 200);
	assert_string_equal(call_cause_name(f->ended.cause), "media-timeout");
	for (uint32_t i = 0; i < f->sent_count; i++) {
		if (strncmp(f->sent[i].text, "BYE ", 4) != 0)
			continue;
		bye = &f->sent[i];
		realms |= 1u << bye->realm;
		assert_string_equal(fixture_header(bye->text, "Reason"),
			"Q.850;cause=102;text=\"No media\"");
	}
	assert_int_equal(realms, 3);
	assert_int_equal(fixture_flows(f), 0);
	assert_int_equal(metric_read(&core_metrics(f->core)->media_timeouts), 1);
}

static void ends_when_nobody_is_heard(void **state)
{
	struct fixture *f = *state;

	establish(f);
	wait(f, TIMEOUT_MS - 2000);
	assert_int_equal(f->ended_count, 0);
	wait(f, 3000);
	assert_ended(f);
	// Whoever is still there answers, the other side is given up; nothing is left of the call.
	fixture_carrier(f, "BYE", 200, "");
	fixture_wait(f, 40000);
	assert_int_equal(fixture_calls(f), 0);
	assert_int_equal(core_timer_count(f->core), 0);
}

static void one_side_keeps_it(void **state)
{
	static const struct {
		uint32_t realm, which;
	} cases[] = { { REALM_ACCESS, 0 }, { REALM_CORE, 0 }, { REALM_ACCESS, 1 },
		{ REALM_CORE, 1 } };
	struct fixture *f = *state;

	establish(f);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		wait(f, TIMEOUT_MS - 10000);
		hear(f, cases[i].realm, cases[i].which, f->env.now_ms);
	}
	assert_int_equal(f->ended_count, 0);
	wait(f, TIMEOUT_MS - 2000);
	assert_int_equal(f->ended_count, 0);
	wait(f, 3000);
	assert_ended(f);
}

// What another call left in the state, or a time that cannot be, keeps nobody alive.
static void unbelievable_times(void **state)
{
	struct fixture *f = *state;

	establish(f);
	hear(f, REALM_ACCESS, 0, f->env.now_ms + 86400000);
	wait(f, TIMEOUT_MS + 1000);
	assert_ended(f);
}

static void held_for_an_hour(void **state)
{
	static const char *const holds[] = { "m=audio 4000 RTP/AVP 8\r\na=sendonly\r\n",
		"m=audio 4000 RTP/AVP 8\r\na=inactive\r\n" };
	static const char *const answers[] = { "m=audio 4000 RTP/AVP 8\r\na=recvonly\r\n",
		"m=audio 4000 RTP/AVP 8\r\na=inactive\r\n" };
	struct fixture *f = *state;

	establish(f);
	for (uint32_t i = 0; i < 2; i++) {
		char offer[512], answer[512];

		snprintf(offer, sizeof(offer), SDP("10.1.1.5", "%s"), holds[i]);
		snprintf(answer, sizeof(answer), SDP("10.2.1.1", "%s"), answers[i]);
		reinvite(f, 2 + i, offer, answer);
		wait(f, HOUR_MS - 10000);
		assert_int_equal(f->ended_count, 0);
	}
	// Taken off hold, it has the usual time again before the first packet must have come.
	reinvite(f, 4, FIXTURE_SDP("10.1.1.5"), FIXTURE_SDP("10.2.1.1"));
	wait(f, TIMEOUT_MS - 2000);
	assert_int_equal(f->ended_count, 0);
	wait(f, 3000);
	assert_ended(f);
}

static void held_too_long(void **state)
{
	struct fixture *f = *state;

	establish(f);
	reinvite(f, 2, SDP("0.0.0.0", "m=audio 4000 RTP/AVP 8\r\n"), FIXTURE_SDP("10.2.1.1"));
	wait(f, HOUR_MS + 1000);
	assert_ended(f);
}

static void switched_while_it_lives(void **state)
{
	struct fixture *f = *state;

	establish(f);
	f->config.limits.media_timeout_ms = 0;
	wait(f, 2 * HOUR_MS);
	assert_int_equal(f->ended_count, 0);
	f->config.limits.media_timeout_ms = TIMEOUT_MS;
	hear(f, REALM_CORE, 0, f->env.now_ms);
	wait(f, TIMEOUT_MS - 2000);
	assert_int_equal(f->ended_count, 0);
	wait(f, 62000);
	assert_ended(f);
}

// While it rings nobody needs to be heard: that is what ring_timeout is for.
static void not_before_the_answer(void **state)
{
	struct fixture *f = *state;
	struct fixture_request invite = { .method = "INVITE", .cseq = 1,
		.body = FIXTURE_SDP("10.1.1.5") };

	f->config.limits.media_timeout_ms = 1000;
	f->config.limits.ring_timeout_ms = 60000;
	fixture_phone(f, &invite);
	fixture_carrier(f, "INVITE", 180, "");
	fixture_wait(f, 50000);
	assert_int_equal(f->ended_count, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_open, fixture_close)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(ends_when_nobody_is_heard), TEST(one_side_keeps_it), TEST(unbelievable_times),
		TEST(held_for_an_hour), TEST(held_too_long), TEST(switched_while_it_lives),
		TEST(not_before_the_answer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
