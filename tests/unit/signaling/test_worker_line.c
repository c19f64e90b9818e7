// The line of new calls: who waits, in which order they are taken, who is turned away. The core is
// a list of what it was given.
#include "worker_private.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define GIVEN_MAX 4096u

struct given {
	char text[16];   // the user part
	char call_id[16];
	bool is_refused; // nothing was left to take
};

static struct config_trunk trunk = { .match_count = 1 }; // of everybody in 0.0.0.0/0
static struct config config;
static struct worker *worker;
static struct given given[GIVEN_MAX];
static uint32_t given_count;
static uint64_t waited_us;

void worker_core_take(struct worker *w, const struct dispatch_message *message, struct span call_id)
{
	struct core_env *env = &w->env;
	struct given *at = &given[given_count++];
	struct span user = span_sub(message->data, 11, span_find(message->data, '@', 0) - 11);

	assert_true(given_count <= GIVEN_MAX);
	span_copy(user, at->text, sizeof(at->text));
	span_copy(call_id, at->call_id, sizeof(at->call_id));
	at->is_refused = env->is_overloaded && env->calls_left == 0;
	if (at->is_refused && env->refusals_left)
		env->refusals_left--;
	else if (env->is_overloaded)
		env->calls_left--;
}

void worker_overload_waited(struct worker *w, uint64_t us)
{
	(void)w;
	waited_us = us;
}

static int set_up(void **state)
{
	(void)state;
	ip_parse(SPAN_LIT("0.0.0.0"), &trunk.match[0].ip);
	config = (struct config){ .realm_count = 1, .trunk_count = 1, .trunks = &trunk };
	worker = aligned_alloc(alignof(struct worker), sizeof(*worker));
	memset(worker, 0, sizeof(*worker));
	worker->env.config = &config;
	overload_init(&worker->overload, 0);
	given_count = 0;
	return worker_line_open(worker);
}

static int tear_down(void **state)
{
	(void)state;
	worker_line_free(worker);
	free(worker);
	return 0;
}

static bool ask_by(const char *user, sip_connection connection)
{
	char text[256], id[16];
	struct dispatch_message message = { .kind = DISPATCH_RECEIVED,
		.hop.connection = connection };

	snprintf(id, sizeof(id), "c%s", user);
	int len = snprintf(text, sizeof(text), "INVITE sip:%s@x SIP/2.0\r\nTo: <sip:b@x>\r\n"
		"Call-ID: %s\r\n\r\n", user, id);
	ip_parse(SPAN_LIT("10.1.1.5"), &message.hop.addr.ip);
	message.data = span_make(text, (uint32_t)len);
	struct span call_id = span_sub(message.data, (uint32_t)len - 4 - (uint32_t)strlen(id),
		(uint32_t)strlen(id));
	bool is_kept = worker_line_take(worker, &message, call_id);
	if (!is_kept)
		worker_core_take(worker, &message, call_id);
	memset(text, 'x', sizeof(text)); // the line has its own copy
	return is_kept;
}

static bool ask(uint32_t number)
{
	char user[16];

	snprintf(user, sizeof(user), "%u", number);
	return ask_by(user, 0);
}

static void limit(uint32_t line_max, uint32_t refusals)
{
	worker->overload.is_limiting = true;
	worker->overload.line_max = line_max;
	worker->env.is_overloaded = true;
	worker->env.calls_left = OVERLOAD_CALLS_PER_TURN;
	worker->env.refusals_left = refusals;
}

static void so_many_in_a_turn(void **state)
{
	const uint32_t count = 3 * OVERLOAD_CALLS_PER_TURN + 5;

	(void)state;
	for (uint32_t i = 0; i < count; i++)
		assert_int_equal(ask(i), i >= OVERLOAD_CALLS_PER_TURN);
	worker->env.now_ms = 7;
	for (uint32_t turn = 1; turn <= 4; turn++) {
		worker->is_more = false;
		worker_line_run(worker);
		bool is_over = turn == 4;
		assert_int_equal(given_count, is_over ? count : turn * OVERLOAD_CALLS_PER_TURN);
		assert_int_equal(worker->is_more, !is_over);
		assert_int_equal(waited_us, is_over ? 0 : 7000);
	}
	for (uint32_t i = 0; i < count; i++) {
		assert_int_equal(atoi(given[i].text), i);
		assert_int_equal(atoi(given[i].call_id + 1), i);
		assert_false(given[i].is_refused);
	}
	assert_false(ask(count)); // nobody waits: at once
}

// What belongs to a call or is an emergency passes those who wait.
static void living_calls_pass(void **state)
{
	struct dispatch_message bye = { .data = SPAN_LIT("BYE sip:b@x SIP/2.0\r\n\r\n") };

	(void)state;
	config.realms[0].emergency[0] = "112";
	config.realms[0].emergency_count = 1;
	limit(1, 0);
	for (uint32_t i = 0; i <= OVERLOAD_CALLS_PER_TURN; i++)
		ask(i);
	assert_int_equal(worker->line.count, 1);
	assert_false(worker_line_take(worker, &bye, SPAN_NONE));
	assert_false(ask(112));
	assert_true(ask(113));
	// However many they are, they leave the line its turn.
	for (uint32_t i = 0; i < 100; i++)
		assert_false(ask(112));
	given_count = 0;
	worker->line.taken = OVERLOAD_CALLS_PER_TURN - 1;
	for (uint32_t i = 0; i < 100; i++)
		assert_false(ask(112));
	worker_line_run(worker);
	assert_int_equal(worker->line.count, 0);
	assert_string_equal(given[100].text, "16");
	assert_int_equal(worker->env.calls_dropped, 1);
	assert_int_equal(metric_read(&worker->metrics.dropped_overload), 1);
}

static void turned_away(void **state)
{
	(void)state;
	limit(2, 3);
	worker->line.taken = OVERLOAD_CALLS_PER_TURN;
	for (uint32_t i = 0; i < 7; i++)
		assert_true(ask(i));
	// Two wait, three are refused, two heard nothing; what the core may take is as before.
	assert_int_equal(given_count, 3);
	assert_true(given[0].is_refused && given[1].is_refused && given[2].is_refused);
	assert_string_equal(given[0].text, "2");
	assert_int_equal(worker->env.calls_dropped, 2);
	assert_int_equal(worker->env.calls_left, OVERLOAD_CALLS_PER_TURN);
	assert_true(worker->env.is_overloaded);
	// Nobody repeats on a connection: an answer in any case.
	assert_true(ask_by("tcp", 5));
	assert_string_equal(given[3].text, "tcp");
	assert_true(given[3].is_refused);
	assert_int_equal(worker->env.calls_dropped, 2);
}

// A burst that no line holds is refused, though nothing is limited yet.
static void full_before_the_limit(void **state)
{
	uint32_t i = 0;

	(void)state;
	worker->env.refusals_left = 1;
	while (given_count <= OVERLOAD_CALLS_PER_TURN)
		ask(i++);
	assert_in_range(i, 1000, 10000);
	assert_true(given[OVERLOAD_CALLS_PER_TURN].is_refused);
	assert_false(worker->env.is_overloaded);
}

static void late_ones_are_turned_away(void **state)
{
	(void)state;
	limit(10, 5);
	worker->line.taken = OVERLOAD_CALLS_PER_TURN;
	ask(1);
	worker->env.now_ms = 300;
	ask(2);
	worker->line.taken = 0;
	worker->env.now_ms = 401;
	worker_line_run(worker);
	assert_int_equal(given_count, 2);
	assert_true(given[0].is_refused);
	assert_false(given[1].is_refused);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = { TEST(so_many_in_a_turn), TEST(living_calls_pass),
		TEST(turned_away), TEST(full_before_the_limit), TEST(late_ones_are_turned_away) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
