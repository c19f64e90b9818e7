// Commands between threads, with a worker that is nothing but a mailbox.
#include "worker_command.h"

#include "base/clock.h"

#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#define ASKERS   4
#define COMMANDS 20000

struct worker {
	struct worker_mailbox mailbox;
	_Atomic bool is_stopping;
	uint32_t ran;
	uint64_t last[ASKERS];
	uint32_t disorder;
};

struct add_command {
	struct worker_command command;
	uint32_t asker;
	uint64_t number;
	uint64_t answer;
};

// Stands before that of worker.c.
void worker_post(struct worker *worker, struct worker_command *command)
{
	worker_mailbox_push(&worker->mailbox, command);
}

static void run_add(struct worker *worker, struct worker_command *command)
{
	struct add_command *mine = (struct add_command *)command;
	worker->ran++;
	worker->disorder += mine->number <= worker->last[mine->asker];
	worker->last[mine->asker] = mine->number;
	mine->answer = mine->number + 1;
}

static void *worker_thread(void *context)
{
	struct worker *worker = context;
	while (!atomic_load(&worker->is_stopping) || worker_mailbox_run(&worker->mailbox, worker)) {
		worker_mailbox_run(&worker->mailbox, worker);
		sched_yield();
	}
	return NULL;
}

struct asker {
	struct worker *worker;
	uint32_t index;
	uint32_t wrong;
};

static void *asker_thread(void *context)
{
	struct asker *asker = context;
	for (uint64_t i = 1; i <= COMMANDS; i++) {
		struct add_command *command = worker_command_new(sizeof(*command), run_add);
		command->asker = asker->index;
		command->number = i;
		if (i % 16 == 0) {
			asker->wrong += !worker_ask(asker->worker, &command->command, 5000);
			asker->wrong += command->answer != i + 1;
		} else {
			worker_post(asker->worker, &command->command);
		}
		worker_command_put(&command->command);
	}
	return NULL;
}

static void test_many_askers(void **state)
{
	static struct worker worker;
	struct asker askers[ASKERS];
	pthread_t threads[ASKERS + 1];
	(void)state;
	pthread_create(&threads[ASKERS], NULL, worker_thread, &worker);
	for (uint32_t i = 0; i < ASKERS; i++) {
		askers[i] = (struct asker){ .worker = &worker, .index = i };
		pthread_create(&threads[i], NULL, asker_thread, &askers[i]);
	}
	for (int i = 0; i < ASKERS; i++) {
		pthread_join(threads[i], NULL);
		assert_int_equal(askers[i].wrong, 0);
	}
	atomic_store(&worker.is_stopping, true);
	pthread_join(threads[ASKERS], NULL);
	assert_int_equal(worker.ran, ASKERS * COMMANDS);
	assert_int_equal(worker.disorder, 0);
	for (int i = 0; i < ASKERS; i++)
		assert_int_equal(worker.last[i], COMMANDS);
}

// The asker has gone; the late answer frees the command (the asan build sees a leak or a use after
// free).
static void test_late_answer(void **state)
{
	static struct worker worker;
	(void)state;
	struct add_command *command = worker_command_new(sizeof(*command), run_add);
	command->number = 1;
	uint64_t before_ns = clock_mono_ns();
	assert_false(worker_ask(&worker, &command->command, 30));
	assert_true(clock_mono_ns() - before_ns >= 29 * NS_PER_MS);
	worker_command_put(&command->command);
	assert_true(worker_mailbox_run(&worker.mailbox, &worker));
	assert_int_equal(worker.ran, 1);
	assert_false(worker_mailbox_run(&worker.mailbox, &worker));
}

static void test_clear(void **state)
{
	static struct worker worker;
	(void)state;
	for (int i = 0; i < 3; i++) {
		struct add_command *command = worker_command_new(sizeof(*command), run_add);
		worker_post(&worker, &command->command);
		worker_command_put(&command->command);
	}
	worker_mailbox_clear(&worker.mailbox);
	assert_false(worker_mailbox_run(&worker.mailbox, &worker));
	assert_int_equal(worker.ran, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_many_askers),
		cmocka_unit_test(test_late_answer),
		cmocka_unit_test(test_clear),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
