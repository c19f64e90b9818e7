// What the admin interface is told, with workers of a few lines in place of the real ones: walks in
// pieces, sums over workers, a worker that does not answer.
#include "control.h"
#include "worker_command.h"

#include "call/metric.h"
#include "call/recording.h"
#include "shm/recording.h"
#include "sip/transaction.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <urcu/urcu-qsbr.h>

#include <cmocka.h>

#define WORKERS 2u

struct worker {
	uint32_t index, calls, ended, asked;
	bool is_silent;
	struct net_metrics net;
	struct core_metrics core;
	struct sip_transaction_metrics transactions;
	struct call_summary summaries[3];
};

static struct worker workers[WORKERS];
static struct worker *list[WORKERS] = { &workers[0], &workers[1] };
static struct config config;
static struct config_trunk trunks[2] = { { .name = "pbx", .calls_max = 9 }, { .name = "carrier" } };
static struct worker_shared shared = { .config = &config, .workers = WORKERS };
static struct control control = { .shared = &shared, .workers = list };

// The tiny workers --------------------------------------------------------------------------------

void *worker_command_new(size_t bytes, worker_command_fn run)
{
	struct worker_command *command = calloc(1, bytes);

	command->run = run;
	return command;
}

void worker_command_put(struct worker_command *command)
{
	free(command);
}

bool worker_ask(struct worker *worker, struct worker_command *command, uint32_t timeout_ms)
{
	(void)timeout_ms;
	worker->asked++;
	if (!worker->is_silent)
		command->run(worker, command);
	return !worker->is_silent;
}

uint32_t worker_index(const struct worker *worker)
{
	return worker->index;
}

struct core *worker_core(struct worker *worker)
{
	return (struct core *)worker;
}

struct flow_writer *worker_flows(struct worker *worker)
{
	return (struct flow_writer *)worker;
}

const struct net_metrics *worker_net_metrics(const struct worker *worker)
{
	return &worker->net;
}

const struct core_metrics *worker_core_metrics(const struct worker *worker)
{
	return &worker->core;
}

const struct sip_transaction_metrics *worker_transaction_metrics(const struct worker *worker)
{
	return &worker->transactions;
}

const struct call_summary *worker_ended_at(const struct worker *worker, uint32_t age)
{
	return age < worker->ended ? &worker->summaries[age] : NULL;
}

bool worker_is_drained(const struct worker *worker)
{
	return worker->calls == 0;
}

bool core_next_call(const struct core *core, uint32_t *cursor, struct call_info *out)
{
	const struct worker *worker = (const void *)core;

	if (*cursor >= worker->calls)
		return false;
	*out = (struct call_info){ .token = worker->index * 1000 + *cursor };
	snprintf(out->legs[0].trunk, sizeof(out->legs[0].trunk), "pbx");
	snprintf(out->legs[1].trunk, sizeof(out->legs[1].trunk),
		*cursor % 2 ? "carrier" : "no longer there");
	++*cursor;
	return true;
}

// The call with the number of its worker is there, once.
int core_record_start(struct core *core, uint64_t token, const struct recording_order *order)
{
	const struct worker *worker = (const void *)core;

	if (token != worker->index)
		return -ENOENT;
	return order->flags == RECORDING_DECRYPTED && strcmp(order->name, "mine") == 0 ? 0 :
											-EEXIST;
}

int core_record_stop(struct core *core, uint64_t token)
{
	return token == ((const struct worker *)(const void *)core)->index ? 0 : -ENOENT;
}

void flow_writer_counters(const struct flow_writer *writer, struct flow_counters *out)
{
	const struct worker *worker = (const void *)writer;

	*out = (struct flow_counters){ .reserved = 10 + worker->index,
		.is_stalled = worker->index == 1 };
}

// Tests -------------------------------------------------------------------------------------------

static int set_up(void **state)
{
	(void)state;
	memset(workers, 0, sizeof(workers));
	workers[1].index = 1;
	config = (struct config){ .trunks = trunks, .trunk_count = 2, .realm_count = 1 };
	config.realms[0].name = "core";
	atomic_store(&shared.is_draining, false);
	char error[TLS_ERROR_MAX];
	return worker_tls_new(&config, &shared.tls, error);
}

static int tear_down(void **state)
{
	(void)state;
	worker_tls_free(shared.tls);
	return 0;
}

static json_int_t number(const json_t *object, const char *key)
{
	const json_t *value = json_object_get(object, key);

	assert_true(json_is_integer(value));
	return json_integer_value(value);
}

static void calls_of_all_workers_in_pieces(void **state)
{
	json_t *out = NULL;

	(void)state;
	workers[0].calls = 150; // two whole pieces and a bit
	workers[1].calls = 3;
	assert_int_equal(control_admin_ops.calls(&control, 1000, &out), 0);
	assert_int_equal(json_array_size(json_object_get(out, "calls")), 153);
	assert_int_equal(number(out, "total"), 153);
	assert_true(json_is_false(json_object_get(out, "is_truncated")));
	assert_int_equal(workers[0].asked, 3);
	json_decref(out);
}

static void record_finds_the_worker(void **state)
{
	struct admin_record record = { .call = 1, .is_decrypted = true, .file = "mine" };
	json_t *out = NULL;

	(void)state;
	assert_int_equal(control_admin_ops.record(&control, &record, &out), 0);
	assert_true(json_is_true(json_object_get(out, "is_recorded")));
	assert_string_equal(
		json_string_value(json_object_get(out, "call")), "0000000000000001");
	json_decref(out);
	assert_int_equal(workers[0].asked, 1);
	assert_int_equal(workers[1].asked, 1);
	record.file = "";
	assert_int_equal(control_admin_ops.record(&control, &record, &out), -EEXIST);
	record.is_stop = true;
	assert_int_equal(control_admin_ops.record(&control, &record, &out), 0);
	assert_true(json_is_false(json_object_get(out, "is_recorded")));
	json_decref(out);
	record.call = 7;
	assert_int_equal(control_admin_ops.record(&control, &record, &out), -ENOENT);
	workers[0].is_silent = true;
	assert_int_equal(control_admin_ops.record(&control, &record, &out), -ETIMEDOUT);
	char name[200];
	memset(name, 'a', sizeof(name));
	name[sizeof(name) - 1] = '\0';
	record.file = name;
	assert_int_equal(control_admin_ops.record(&control, &record, &out), -EINVAL);
}

static void no_more_than_asked_for(void **state)
{
	json_t *out = NULL;

	(void)state;
	workers[0].calls = 70;
	workers[1].calls = 70;
	assert_int_equal(control_admin_ops.calls(&control, 100, &out), 0);
	assert_int_equal(json_array_size(json_object_get(out, "calls")), 100);
	assert_int_equal(number(out, "total"), 140); // counted all the same
	assert_true(json_is_true(json_object_get(out, "is_truncated")));
	json_decref(out);
}

static void a_worker_that_does_not_answer(void **state)
{
	json_t *out = NULL;

	(void)state;
	workers[1].is_silent = true;
	assert_int_equal(control_admin_ops.calls(&control, 10, &out), -ETIMEDOUT);
	assert_int_equal(control_admin_ops.ended(&control, 10, &out), -ETIMEDOUT);
	assert_int_equal(control_admin_ops.trunks(&control, &out), -ETIMEDOUT);
	assert_int_equal(control_admin_ops.metrics(&control, &out), -ETIMEDOUT);
	assert_null(out);
}

static void ended_calls(void **state)
{
	json_t *out = NULL;

	(void)state;
	workers[0].ended = 3;
	workers[1].ended = 1;
	assert_int_equal(control_admin_ops.ended(&control, 2, &out), 0);
	assert_int_equal(json_array_size(json_object_get(out, "calls")), 2);
	assert_int_equal(number(out, "total"), 4);
	json_decref(out);
}

static void calls_per_trunk(void **state)
{
	json_t *out = NULL;

	(void)state;
	workers[0].calls = 5; // two of them to the carrier
	workers[1].calls = 2; // one
	assert_int_equal(control_admin_ops.trunks(&control, &out), 0);
	const json_t *array = json_object_get(out, "trunks");
	assert_int_equal(json_array_size(array), 2);
	assert_string_equal(
		json_string_value(json_object_get(json_array_get(array, 0), "name")), "pbx");
	assert_int_equal(number(json_array_get(array, 0), "calls"), 7);
	assert_int_equal(number(json_array_get(array, 0), "calls_max"), 9);
	assert_int_equal(number(json_array_get(array, 1), "calls"), 3);
	json_decref(out);
}

static void counters_are_sums(void **state)
{
	json_t *out = NULL;

	(void)state;
	metric_add(&workers[0].net.received, 5);
	metric_add(&workers[1].net.received, 6);
	metric_add(&workers[1].core.received, 7);
	assert_int_equal(control_admin_ops.metrics(&control, &out), 0);
	assert_int_equal(number(out, "workers"), WORKERS);
	assert_int_equal(number(json_object_get(out, "net"), "received"), 11);
	assert_int_equal(number(json_object_get(out, "core"), "received"), 7);
	assert_true(json_is_object(json_object_get(out, "transactions")));
	const json_t *flows = json_object_get(out, "flows");
	assert_int_equal(number(flows, "reserved"), 21);
	assert_true(json_is_true(json_object_get(flows, "is_stalled"))); // one is enough
	json_decref(out);
}

static void drain_is_asked_for(void **state)
{
	json_t *out = NULL;

	(void)state;
	assert_int_equal(control_admin_ops.drain(&control, &out), 0);
	assert_true(atomic_load(&shared.is_draining));
	json_decref(out);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(calls_of_all_workers_in_pieces),
		TEST(record_finds_the_worker),
		TEST(no_more_than_asked_for),
		TEST(a_worker_that_does_not_answer),
		TEST(ended_calls),
		TEST(calls_per_trunk),
		TEST(counters_are_sums),
		TEST(drain_is_asked_for),
	};

	control_admin_ops.thread_begin(&control);
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	control_admin_ops.thread_end(&control);
	return failed;
}
