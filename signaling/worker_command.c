#include "worker_command.h"

#include "base/check.h"
#include "base/clock.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

void *worker_command_new(size_t bytes, worker_command_fn run)
{
	CHECK(bytes >= sizeof(struct worker_command));
	struct worker_command *command = calloc(1, bytes);
	if (command == NULL)
		return NULL;
	command->run = run;
	atomic_init(&command->references, 1);
	sem_init(&command->done, 0, 0);
	return command;
}

void worker_command_put(struct worker_command *command)
{
	// acq_rel: whoever frees has seen all that the other side wrote.
	if (atomic_fetch_sub_explicit(&command->references, 1, memory_order_acq_rel) > 1)
		return;
	sem_destroy(&command->done);
	free(command);
}

void worker_mailbox_push(struct worker_mailbox *mailbox, struct worker_command *command)
{
	struct worker_command *head = atomic_load_explicit(&mailbox->head, memory_order_relaxed);
	atomic_fetch_add_explicit(&command->references, 1, memory_order_relaxed);
	do {
		command->next = head;
		// release: pairs with the exchange in mailbox_take()
	} while (!atomic_compare_exchange_weak_explicit(&mailbox->head, &head, command,
		memory_order_release, memory_order_relaxed));
}

// All commands, oldest first.
static struct worker_command *mailbox_take(struct worker_mailbox *mailbox)
{
	if (atomic_load_explicit(&mailbox->head, memory_order_relaxed) == NULL)
		return NULL; // the usual turn: no bus-locked exchange
	struct worker_command *newest =
		atomic_exchange_explicit(&mailbox->head, NULL, memory_order_acquire);
	struct worker_command *oldest = NULL;
	while (newest != NULL) {
		struct worker_command *next = newest->next;
		newest->next = oldest;
		oldest = newest;
		newest = next;
	}
	return oldest;
}

bool worker_mailbox_run(struct worker_mailbox *mailbox, struct worker *worker)
{
	struct worker_command *command = mailbox_take(mailbox);
	bool is_any = command != NULL;
	while (command != NULL) {
		struct worker_command *next = command->next;
		command->run(worker, command);
		// release: pairs with worker_ask(); the answer is whole
		atomic_store_explicit(&command->is_done, true, memory_order_release);
		sem_post(&command->done);
		worker_command_put(command);
		command = next;
	}
	return is_any;
}

void worker_mailbox_clear(struct worker_mailbox *mailbox)
{
	struct worker_command *command = mailbox_take(mailbox);
	while (command != NULL) {
		struct worker_command *next = command->next;
		worker_command_put(command);
		command = next;
	}
}

bool worker_ask(struct worker *worker, struct worker_command *command, uint32_t timeout_ms)
{
	uint64_t until_ns = clock_mono_ns() + timeout_ms * NS_PER_MS;
	struct timespec until = {
		.tv_sec = (time_t)(until_ns / NS_PER_S),
		.tv_nsec = (long)(until_ns % NS_PER_S),
	};
	worker_post(worker, command);
	while (sem_clockwait(&command->done, CLOCK_MONOTONIC, &until) < 0)
		if (errno != EINTR)
			break;
	return atomic_load_explicit(&command->is_done, memory_order_acquire);
}
