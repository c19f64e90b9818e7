// worker_command.h - asking a worker something from another thread, without a lock.
//
// A command is a heap object shared by asker and worker (two references, the last one frees it).
// The worker runs it between two turns' work, on its own thread, so it may touch core and flows. An
// asker that loses patience just drops its reference: the late answer goes nowhere.
#pragma once

#include <semaphore.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct worker;
struct worker_command;

// Runs on the worker's thread; must be bounded (the calls of the worker wait meanwhile).
typedef void (*worker_command_fn)(struct worker *worker, struct worker_command *command);

// First member of every command.
struct worker_command {
	struct worker_command *next; // mailbox only
	worker_command_fn run;
	_Atomic uint32_t references;
	_Atomic bool is_done;        // release-stored by the worker after run()
	sem_t done;                  // posted after that
};

// Lock-free stack of commands; a worker takes all of them at once.
struct worker_mailbox {
	struct worker_command *_Atomic head; // writers: any thread (push), the worker (take all)
};

// Zeroed `bytes` >= sizeof(struct worker_command), one reference. NULL: out of memory.
void *worker_command_new(size_t bytes, worker_command_fn run);
void worker_command_put(struct worker_command *command);

// Posts and wakes; the worker holds a reference of its own. Does not wait.
void worker_post(struct worker *worker, struct worker_command *command);
// Posts and waits. False: no answer within `timeout_ms`; then only worker_command_put() may follow.
bool worker_ask(struct worker *worker, struct worker_command *command, uint32_t timeout_ms);

// worker.c ----------------------------------------------------------------------------------------
void worker_mailbox_push(struct worker_mailbox *mailbox, struct worker_command *command);
// Runs everything posted, in the order of posting. False: there was nothing.
bool worker_mailbox_run(struct worker_mailbox *mailbox, struct worker *worker);
// Drops what nobody will run any more: askers time out.
void worker_mailbox_clear(struct worker_mailbox *mailbox);
