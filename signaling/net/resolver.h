// resolver.h - looks names up for one worker: c-ares, a cache by TTL, RFC 3263 over what it holds.
//
// Owned by the worker's thread; never blocks. Each worker has its own, so that nothing is shared
// and no call waits for another thread; the price is one question per worker and TTL. c-ares'
// sockets hang on an epoll descriptor (resolver_fd()) that the worker's loop polls; all work is
// done in resolver_run(), in the worker's turn. Equal questions are asked once, answers live
// between ttl_min and ttl_max, failures for ttl_min; what cannot be asked anew is believed an hour
// longer (RFC 8767). Random source ports and identifiers are c-ares'. /etc/hosts is not read.
#pragma once

#include "net/metric.h"
#include "sip/locate.h"

#define RESOLVER_SERVERS_MAX 4u

struct resolver_options {
	struct addr servers[RESOLVER_SERVERS_MAX];
	uint32_t server_count;  // 0 = those of /etc/resolv.conf
	uint32_t timeout_ms;    // of one question to one server, doubled in each round
	uint32_t tries;         // rounds
	uint32_t deadline_ms;   // of one place, at most ttl_min_ms
	uint32_t cache_max;     // record sets
	uint32_t ttl_min_ms, ttl_max_ms;
	uint32_t asks_max;      // places under way and answers not taken
};

struct resolver_ask {
	uint64_t ticket;
	struct sip_place place;      // its host is copied
	struct sip_ability ability;
};

struct resolver_answer {
	uint64_t ticket;
	uint32_t count;              // 0 = nowhere, or not in time
	struct sip_target targets[SIP_TARGETS_MAX];
};

struct resolver;

// 0, -ENOMEM, -EINVAL (c-ares does not take the servers), or -errno. `rng` and `metrics` are
// borrowed for the resolver's life.
int resolver_open(const struct resolver_options *options, struct rng *rng,
	struct net_metrics *metrics, struct resolver **out);
// Nobody is answered any more. Safe with NULL.
void resolver_close(struct resolver *resolver);

// Readable: resolver_run() has work.
int resolver_fd(const struct resolver *resolver);

// Answered exactly once, by resolver_take() after this call or a later resolver_run(). False: too
// many are under way, there will be no answer (counted).
bool resolver_ask(struct resolver *resolver, const struct resolver_ask *ask, uint64_t now_ms);
// Reads answers, repeats questions, ends what took too long: in each turn, and at least as often as
// times are to be kept.
void resolver_run(struct resolver *resolver, uint64_t now_ms);
// The next answer, in the order in which they came. False: none.
bool resolver_take(struct resolver *resolver, struct resolver_answer *out);
bool resolver_has_answer(const struct resolver *resolver);
