// resolver_private.h - the inside of the resolver: its cache of record sets and its questions.
#pragma once

#include "base/hash.h"
#include "net/dns_record.h"
#include "net/resolver.h"

#include <ares.h>

#define RESOLVER_QUESTIONS_MAX 1024u    // under way at name servers
#define RESOLVER_STALE_MS      3600000u // how long an expired record set stands in for failures
#define RESOLVER_NOTHING_MS    300000u  // how long "there is none" is believed at most

struct location;

// One record set: {type, name} and what is known of it.
struct record_set {
	struct record_set *next;          // in its bucket
	struct record_set *newer, *older; // by last use
	struct location *waiting;         // list by location.next_waiting
	struct resolver *resolver;
	struct sip_record *records;       // [count], with their texts behind; NULL = none
	uint32_t count;
	bool is_known;                    // was filled once
	bool is_asked;                    // c-ares holds it: it must stay
	uint64_t expires_ms;
	uint64_t stale_until_ms;          // stands in for failures until then, 0 = never learned
	enum sip_record_type type;
	uint32_t len;
	char name[];                      // lower case, NUL-terminated
};

struct record_cache {
	struct record_set **buckets;      // [mask + 1]
	uint32_t mask;
	uint32_t count, count_max;
	struct record_set *newest, *oldest;
	struct hash_key key;              // random: nobody chooses our collisions
};

// A place on its way to targets.
struct location {
	struct location *newer, *older;   // all that are under way: deadlines in this order
	struct location *next_waiting;    // at the record set it waits for
	struct location *next_ready;      // waits to be run, or done
	struct record_set *at;            // that it waits for, NULL = ready
	bool is_last;                     // no more waiting: what is not known is not there
	uint64_t ticket;
	uint64_t deadline_ms;
	struct sip_place place;
	struct sip_ability ability;
	uint32_t count;
	struct sip_target targets[SIP_TARGETS_MAX];
	char host[SIP_DOMAIN_MAX + 2];
};

struct location_queue {
	struct location *first, *last;
};

struct resolver {
	struct resolver_options options;
	struct rng *rng;
	struct net_metrics *metrics;
	ares_channel channel;
	bool has_library, has_channel;
	bool is_closing;
	int epoll_fd;
	uint32_t questions;               // under way
	struct record_cache cache;
	struct slab *locations;
	struct location *newest, *oldest; // under way
	struct location_queue ready;      // to be run again
	struct location_queue done;
	struct location *running;
	uint64_t now_ms;
	struct dns_answer answer;
};

// resolver_channel.c: c-ares and its sockets. 0, -ENOMEM, -EINVAL, or -errno.
int resolver_channel_open(struct resolver *resolver);
void resolver_channel_close(struct resolver *resolver);
// Reads what came, repeats what was not answered; never blocks.
void resolver_channel_run(struct resolver *resolver);

// record_cache.c
bool record_cache_init(struct record_cache *cache, uint32_t count_max);
void record_cache_fini(struct record_cache *cache);
struct record_set *record_cache_lookup(struct record_cache *cache, enum sip_record_type type,
	struct span name);
// A new one, unknown yet. NULL: full of sets that cannot go, or out of memory.
struct record_set *record_cache_add(struct record_cache *cache, enum sip_record_type type,
	struct span name);
// Used now: the last one to go.
void record_cache_touch(struct record_cache *cache, struct record_set *set);
// Drops sets that were not used for long until `count` fit in; those in use stay. Returns how many.
uint32_t record_cache_make_room(struct record_cache *cache, uint32_t count);
// Takes a copy of the answer's records. False: out of memory, nothing changed.
bool record_set_fill(struct record_set *set, const struct dns_answer *answer);
