// worker.h - one signaling worker: a thread, a libuv loop, its sockets, its core, its flows.
//
// Shared nothing: a worker owns the calls of its shards. It meets other threads in four places
// only: the dispatch rings (net/dispatch.h), the RCU-published configuration, the mailbox
// (worker_post()) and counters that anybody may read. No lock is taken on its path.
#pragma once

#include "base/hash.h"
#include "call/core.h"
#include "call/outbox.h"
#include "call/summary.h"
#include "config/config.h"
#include "net/alias.h"
#include "net/dispatch.h"
#include "net/metric.h"
#include "sip/token.h"
#include "net/source.h"
#include "shm/flow_table.h"
#include "worker_tls.h"

#include <stdalign.h>
#include <stdatomic.h>

#define WORKER_ENDED_MAX 256u // ended calls each worker remembers for `muga show calls --ended`

// What all workers share. Built by main before the first worker starts.
struct worker_shared {
	struct config *config;       // writer: control (RCU), readers: workers, admin
	struct dispatch *dispatch;   // constant after start
	struct trunk_table *trunks;  // constant after start; its counts: any worker, atomics
	struct source_table *sources; // constant after start; its counts: any worker, atomics
	struct aliases *aliases;     // constant after start; its slots: any worker, atomics
	struct worker_tls *tls;      // writer: control (RCU), readers: workers
	struct hash_key key;         // constant after start
	struct sip_keys keys;        // made of it; constant after start
	uint32_t workers;            // constant after start
	_Atomic bool is_draining;    // writer: control, readers: workers
};

struct worker;

struct worker_params {
	struct worker_shared *shared;     // borrowed for the worker's life
	uint32_t index;
	const struct shm_map *signaling;  // writable, borrowed
	const struct shm_map *media;      // borrowed; NULL while muga-media has not run yet
};

// Opens sockets, builds core and flow writer; nothing runs yet. Failures are logged here. 0 or
// -errno.
int worker_open(const struct worker_params *params, struct worker **out);
// Only after worker_join(), or before worker_start().
void worker_close(struct worker *worker);

int worker_start(struct worker *worker); // 0 or -errno of pthread_create(3)
void worker_stop(struct worker *worker); // any thread: asks; flows of living calls stay as they are
void worker_join(struct worker *worker);

// Any thread. Makes the worker run a turn soon.
void worker_wake(struct worker *worker);

uint32_t worker_index(const struct worker *worker);
const struct net_metrics *worker_net_metrics(const struct worker *worker);
const struct core_metrics *worker_core_metrics(const struct worker *worker);
const struct sip_transaction_metrics *worker_transaction_metrics(const struct worker *worker);
// While draining: whether the worker has no call left. Any thread.
bool worker_is_drained(const struct worker *worker);

// Worker thread only, for commands (worker_command.h). --------------------------------------------
struct core *worker_core(struct worker *worker);
struct flow_writer *worker_flows(struct worker *worker);
// Newest first; NULL beyond the oldest one remembered.
const struct call_summary *worker_ended_at(const struct worker *worker, uint32_t age);
