// Questions of the core about names: one answer each, in time or not at all.
#include "fixture.h"

#include "call/core_private.h"
#include "call/resolve.h"

static struct {
	uint32_t calls;
	uint64_t owner;
	uint32_t count;
	uint16_t port; // of the first target
} heard;

static void on_answer(struct core *core, const struct sip_turn *turn, uint64_t owner,
	const struct sip_target *targets, uint32_t count)
{
	assert_non_null(core);
	assert_non_null(turn->env);
	heard.calls++;
	heard.owner = owner;
	heard.count = count;
	heard.port = count ? targets[0].addr.port : 0;
}

static uint64_t start(struct fixture *f, uint64_t owner)
{
	struct resolve_params params = { .realm = REALM_CORE, .owner = owner, .fn = on_answer,
		.place = { .host = SPAN_LIT("a.test"), .port = 5070,
			.transport = SIP_TRANSPORT_TCP, .has_transport = true } };
	uint64_t ticket = resolve_start(f->core, &f->env, &params);

	fixture_take(f);
	return ticket;
}

static void answer(struct fixture *f, uint64_t ticket, uint32_t count)
{
	struct sip_target targets[SIP_TARGETS_MAX] = { { .addr.port = 7 } };

	core_resolved(f->core, &f->env, ticket, targets, count);
}

static void asked_and_answered(void **state)
{
	struct fixture *f = *state;
	uint64_t first = start(f, 11), second = start(f, 22);

	assert_int_not_equal(first, 0);
	assert_int_not_equal(first, second);
	assert_int_equal(heard.calls, 0);
	assert_int_equal(f->resolve_count, 2);
	assert_int_equal(f->resolve.ticket, second);
	assert_string_equal(f->resolve_host, "a.test");
	assert_int_equal(f->resolve.port, 5070);
	assert_int_equal(f->resolve.transport, SIP_TRANSPORT_TCP);
	assert_true(f->resolve.has_transport);
	answer(f, second, 2);
	assert_int_equal(heard.owner, 22);
	assert_int_equal(heard.count, 2);
	assert_int_equal(heard.port, 7);
	answer(f, first, 0);
	assert_int_equal(heard.owner, 11);
	assert_int_equal(heard.count, 0);
	// Twice is once too often, also when the place was taken by another question.
	answer(f, second, 1);
	assert_int_not_equal(start(f, 33), second);
	answer(f, second, 1);
	assert_int_equal(heard.calls, 2);
	assert_int_equal(metric_read(&core_metrics(f->core)->resolves_late), 2);
}

static void deadline(void **state)
{
	struct fixture *f = *state;

	f->config.dns.deadline_ms = 300;
	uint64_t ticket = start(f, 5);
	fixture_wait(f, 1250);
	assert_int_equal(heard.calls, 0);
	fixture_wait(f, 100);
	assert_int_equal(heard.calls, 1);
	assert_int_equal(heard.owner, 5);
	assert_int_equal(heard.count, 0);
	answer(f, ticket, 1);
	assert_int_equal(heard.calls, 1);
	assert_int_equal(core_timer_count(f->core), 0);
}

static void cancelled(void **state)
{
	struct fixture *f = *state;
	uint64_t ticket = start(f, 5);

	resolve_cancel(f->core, ticket);
	resolve_cancel(f->core, ticket);
	resolve_cancel(f->core, 0);
	answer(f, ticket, 1);
	fixture_wait(f, 10000);
	assert_int_equal(heard.calls, 0);
	assert_int_equal(core_timer_count(f->core), 0);
	assert_int_equal(slab_count(f->core->asks), 0);
}

// A full table, and a full outbox, refuse; nothing is left behind.
static void bounded(void **state)
{
	struct fixture *f = *state;
	struct resolve_params params = { .realm = REALM_CORE, .fn = on_answer,
		.place = { .host = SPAN_LIT("a.test") } };
	uint32_t count = 0;

	while (start(f, count) != 0)
		count++;
	assert_int_equal(count, slab_limit(f->core->asks));
	assert_int_equal(metric_read(&core_metrics(f->core)->resolves_refused), 1);
	fixture_wait(f, 5100);
	assert_int_equal(heard.calls, count);
	while (resolve_start(f->core, &f->env, &params) != 0)
		;
	assert_true(outbox_refused(f->env.outbox) > 0 || slab_count(f->core->asks) == count);
	fixture_take(f);
	fixture_wait(f, 5100);
	assert_int_equal(slab_count(f->core->asks), 0);
}

static int open_core(void **state)
{
	memset(&heard, 0, sizeof(heard));
	return fixture_open(state);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_core, fixture_close)

int main(void)
{
	const struct CMUnitTest tests[] = { TEST(asked_and_answered), TEST(deadline),
		TEST(cancelled), TEST(bounded) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
