// worker_private.h - the inside of a worker, for worker*.c only.
#pragma once

#include "base/ring.h"
#include "net/resolver.h"
#include "net/stream.h"
#include "net/overload.h"
#include "net/udp.h"
#include "worker.h"
#include "worker_command.h"

#include <pthread.h>
#include <uv.h>

// One SIP listener: every worker has its own socket on the same address (SO_REUSEPORT).
struct worker_listener {
	struct worker *worker;
	listener_id id;
	struct udp_socket socket;
	struct udp_sender *sender;
	uv_poll_t poll;
	bool is_polled;    // poll is initialised
	bool is_readable;  // libuv reported it; read in the next turn
	bool is_blocked;   // waits until the socket is writable
	uint32_t shed_permille; // as its filter has it
};

struct worker_line {
	struct ring *ring; // both ends are the worker's
	uint32_t count;    // waiting in it
	uint32_t taken;    // INVITEs that the core got in this turn
};

struct worker_ended {
	uint64_t count;    // calls ever ended; the newest WORKER_ENDED_MAX are kept
	struct call_summary calls[WORKER_ENDED_MAX];
};

// Sends with a ticket that did not leave, until the core is told.
#define WORKER_FAILURES_MAX 8192u // more in one turn: the transactions' timers find out
struct worker_failure {
	uint64_t ticket;
	uint32_t failure; // enum core_send_failure
};
struct worker_failures {
	uint32_t count;
	struct worker_failure of[WORKER_FAILURES_MAX];
};

struct worker {
	// constant after worker_open()
	struct worker_shared *shared;
	uint32_t index;
	pthread_t thread;

	// the worker's thread only
	struct core *core;
	struct core_env env;
	struct rng rng;
	struct udp_batch *batch;
	struct worker_listener *listeners; // [listener_count]
	uint32_t listener_count;
	uint16_t listener_at[CONFIG_REALMS_MAX][CONFIG_LISTENERS_MAX]; // 1 + index, 0 = none
	struct streams *streams;
	struct worker_failures failures;
	struct worker_failure failures_told[WORKER_FAILURES_MAX]; // while the core is told
	uv_poll_t stream_poll;             // of streams_fd()
	bool is_stream_polled;             // stream_poll is initialised
	bool is_stream_readable;           // libuv reported it
	struct worker_keep *keep;          // worker_keep.c
	struct resolver *resolver;
	uv_poll_t resolver_poll;           // of resolver_fd()
	bool is_resolver_polled;           // resolver_poll is initialised
	uv_loop_t loop;
	uv_prepare_t prepare;
	uv_check_t check;
	uv_timer_t timer;
	uv_idle_t no_sleep;                // active: the next poll returns at once
	uint64_t hangup_ms;                // last core_hangup_all() while draining
	bool is_more;                      // work is left over: turn again at once
	bool is_busy;                      // the last turn read datagrams: more will come soon
	struct worker_ended ended;
	struct overload overload;
	struct worker_line line;
	uint64_t calls_begun;              // the core's counter at the beginning of the turn

	// writer: any thread, reader: the worker
	alignas(64) struct worker_mailbox mailbox;
	uv_async_t async;
	_Atomic bool is_stopping;

	// writer: the worker, readers: any thread
	alignas(64) struct net_metrics metrics;
	_Atomic bool is_drained;
};

// worker_overload.c
void worker_overload_open(struct worker *worker, uint64_t now_ms);
void worker_overload_arrival(struct worker *worker, uint64_t unix_ns); // of a batch's oldest
void worker_overload_waited(struct worker *worker, uint64_t waited_us);
void worker_overload_begin(struct worker *worker); // before the core sees a message of this turn
void worker_overload_end(struct worker *worker);   // after the last one

// worker_line.c: new calls that wait.
int worker_line_open(struct worker *worker);
void worker_line_free(struct worker *worker);
// True: it was a new call, and waits or was turned away; else it is the core's now.
bool worker_line_take(struct worker *worker, const struct dispatch_message *message,
	struct span call_id);
void worker_line_run(struct worker *worker); // after everything else in a turn

// worker_io.c: sockets, dispatch and the outbox.
int worker_io_open(struct worker *worker, const struct config *config);
int worker_io_poll(struct worker *worker);
void worker_io_close_handles(struct worker *worker);
void worker_io_free(struct worker *worker);

void worker_receive(struct worker *worker); // sockets that are readable
void worker_take(struct worker *worker);    // messages from other workers
void worker_flush(struct worker *worker);   // the outbox, in order
// A message of a call of ours; `call_id` as core_scan() saw it.
void worker_core_take(struct worker *worker, const struct dispatch_message *message,
	struct span call_id);
// To the core if the message is ours, else into the owner's ring.
void worker_dispatch(struct worker *worker, const struct dispatch_message *message);

// worker_stream.c: connections. Opening may fail in the middle, worker_streams_free() follows.
int worker_streams_open(struct worker *worker, const struct config *config, uint64_t now_ms);
int worker_streams_poll(struct worker *worker);
void worker_streams_close_handles(struct worker *worker);
void worker_streams_free(struct worker *worker);
void worker_streams_receive(struct worker *worker);
uint64_t worker_streams_next_ms(const struct worker *worker); // next turn at the latest
void worker_stream_send(struct worker *worker, const struct dispatch_message *message);
void worker_stream_failed(struct worker *worker, const struct dispatch_message *message);
void worker_stream_alias(struct worker *worker, const struct dispatch_message *message);

// worker_resolver.c: names. Opening may fail in the middle, worker_resolver_free() follows.
int worker_resolver_open(struct worker *worker, const struct config *config);
int worker_resolver_poll(struct worker *worker);
void worker_resolver_close_handles(struct worker *worker);
void worker_resolver_free(struct worker *worker);
void worker_resolver_run(struct worker *worker);
void worker_resolve(struct worker *worker, const struct outbox_resolve *resolve);

// worker_keep.c: flows that are kept without a call. Opening may fail, worker_keep_free() follows.
#define WORKER_KEEP_TICKET (1u << 31) // tickets of connections and names that are its own
struct keepalive_ask; // net/keepalive.h
int worker_keep_open(struct worker *worker, const struct config *config);
void worker_keep_free(struct worker *worker);
void worker_keep_run(struct worker *worker);
void worker_keep_resolved(struct worker *worker, const struct resolver_answer *answer);
void worker_keep_failed(struct worker *worker, uint64_t ticket); // no connection, or no more
void worker_keep_heard(struct worker *worker, const struct keepalive_ask *ask);

// worker_moved.c: calls that change their worker (call/export.h).
// Who gets a message of that shard, or of that Call-ID.
uint32_t worker_owner_of(const struct worker *worker, const struct core_scan *scan);
void worker_fetch(struct worker *worker, const struct outbox_fetch *fetch);
void worker_asked(struct worker *worker, const struct dispatch_message *message);
void worker_given(struct worker *worker, const struct dispatch_message *message);
// An INVITE whose call another worker has, or nobody.
void worker_hand_over(struct worker *worker, const struct outbox_handover *handover);
void worker_leg_gone(struct worker *worker, uint64_t key);

// worker_media.c: hints of lanes.
void worker_media_run(struct worker *worker);

// worker_ended.c: the log line of an ended call, and its place in the ring.
void worker_call_ended(struct worker *worker, const struct call_summary *summary);
