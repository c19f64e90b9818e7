#include "net/resolver_private.h"

#include "base/slab.h"

#include <errno.h>
#include <stdlib.h>

#define ROOM_PER_RUN 48u // new record sets that one sip_locate() may ask for

// Queues ------------------------------------------------------------------------------------------

static void push(struct location_queue *queue, struct location *location)
{
	location->next_ready = NULL;
	*(queue->first ? &queue->last->next_ready : &queue->first) = location;
	queue->last = location;
}

static struct location *pop(struct location_queue *queue)
{
	struct location *location = queue->first;

	if (location)
		queue->first = location->next_ready;
	return location;
}

static void link_newest(struct resolver *resolver, struct location *location)
{
	location->older = resolver->newest;
	*(resolver->newest ? &resolver->newest->newer : &resolver->oldest) = location;
	resolver->newest = location;
}

static void unlink_age(struct resolver *resolver, struct location *location)
{
	*(location->newer ? &location->newer->older : &resolver->newest) = location->older;
	*(location->older ? &location->older->newer : &resolver->oldest) = location->newer;
}

// Whoever waited for the set is run again.
static void wake(struct record_set *set)
{
	struct location *location = set->waiting;

	set->waiting = NULL;
	while (location) {
		struct location *next = location->next_waiting;

		location->at = NULL;
		push(&set->resolver->ready, location);
		location = next;
	}
}

static void stop_waiting(struct location *location)
{
	struct location **link = &location->at->waiting;

	while (*link != location)
		link = &(*link)->next_waiting;
	*link = location->next_waiting;
	location->at = NULL;
}

// Answers -----------------------------------------------------------------------------------------

static uint64_t between(uint64_t value, uint64_t low, uint64_t high)
{
	if (value > high)
		value = high;
	return value < low ? low : value;
}

// How long an answer lives. Nothing at all is believed for a short time only, however sure its zone
// is.
static uint64_t lifetime_ms(const struct resolver *resolver, const struct dns_answer *answer)
{
	const struct resolver_options *options = &resolver->options;
	uint64_t ttl_ms = answer->has_ttl ? (uint64_t)answer->ttl_s * 1000 : 0;
	uint64_t max_ms = options->ttl_max_ms;

	if (answer->count == 0 && max_ms > RESOLVER_NOTHING_MS)
		max_ms = RESOLVER_NOTHING_MS;
	return between(ttl_ms, options->ttl_min_ms, max_ms);
}

// Nobody could say: what was known before is believed on, for the time of a failure.
static void fail(struct record_set *set)
{
	struct resolver *resolver = set->resolver;
	struct dns_answer *answer = &resolver->answer;
	bool is_fresh_enough = set->count > 0 && resolver->now_ms < set->stale_until_ms;

	metric_add(&resolver->metrics->dns_failed, 1);
	set->expires_ms = resolver->now_ms + resolver->options.ttl_min_ms;
	if (!is_fresh_enough) {
		answer->count = 0;
		record_set_fill(set, answer);
		return;
	}
	metric_add(&resolver->metrics->dns_stale, 1);
	if (set->expires_ms > set->stale_until_ms)
		set->expires_ms = set->stale_until_ms;
}

static void learn(struct record_set *set, struct span packet)
{
	struct resolver *resolver = set->resolver;
	struct dns_answer *answer = &resolver->answer;
	int err = dns_read(packet, set->type, span_make(set->name, set->len), answer);

	if (err == -EINVAL || err == -ELOOP)
		metric_add(&resolver->metrics->dns_malformed, 1);
	if (err < 0 || !record_set_fill(set, answer)) {
		fail(set);
		return;
	}
	metric_add(&resolver->metrics->dns_answered, 1);
	set->expires_ms = resolver->now_ms + lifetime_ms(resolver, answer);
	set->stale_until_ms = set->expires_ms + RESOLVER_STALE_MS;
}

static void on_answer(void *context, int status, int timeouts, unsigned char *bytes, int len)
{
	struct record_set *set = context;
	struct resolver *resolver = set->resolver;

	(void)timeouts;
	set->is_asked = false;
	set->is_known = true;
	resolver->questions--;
	if (resolver->is_closing)
		return;
	bool has_answer = status == ARES_SUCCESS || status == ARES_ENODATA ||
		status == ARES_ENOTFOUND;
	if (has_answer && bytes && len > 0)
		learn(set, span_make((const char *)bytes, (uint32_t)len));
	else
		fail(set);
	wake(set);
}

// Questions ---------------------------------------------------------------------------------------

// True: it is under way. May be answered before it returns, when no server can be spoken to.
static bool ask(struct resolver *resolver, struct record_set *set)
{
	if (resolver->questions >= RESOLVER_QUESTIONS_MAX) {
		metric_add(&resolver->metrics->dns_full, 1);
		return false;
	}
	set->is_asked = true;
	resolver->questions++;
	metric_add(&resolver->metrics->dns_asked, 1);
	ares_query(resolver->channel, set->name, DNS_CLASS_IN, dns_type_of(set->type), on_answer,
		set);
	return true;
}

static struct record_set *find_set(struct resolver *resolver, enum sip_record_type type,
	struct span name)
{
	struct record_set *set = record_cache_lookup(&resolver->cache, type, name);

	if (!set) {
		set = record_cache_add(&resolver->cache, type, name);
		if (set)
			set->resolver = resolver;
	}
	if (!set)
		metric_add(&resolver->metrics->dns_full, 1);
	return set;
}

// The first one that is not there: when it is, the place is run again, and waits for the next one.
static void wait_for(struct location *location, struct record_set *set)
{
	if (location->at)
		return;
	location->at = set;
	location->next_waiting = set->waiting;
	set->waiting = location;
}

// For sip_locate(). What cannot be asked for is as if it were not there.
static bool lookup(void *context, enum sip_record_type type, struct span name,
	struct sip_records *out)
{
	struct resolver *resolver = context;
	struct location *location = resolver->running;
	struct record_set *set = find_set(resolver, type, name);

	if (!set)
		return true;
	record_cache_touch(&resolver->cache, set);
	if (set->is_known && resolver->now_ms < set->expires_ms) {
		metric_add(&resolver->metrics->dns_cached, 1);
	} else if (!location->is_last && (set->is_asked || ask(resolver, set)) && set->is_asked) {
		wait_for(location, set);
		return false;
	}
	// Too old, and nobody said anything newer in time.
	if (resolver->now_ms >= set->stale_until_ms)
		return true;
	*out = (struct sip_records){ set->records, set->count };
	return true;
}

static void run(struct resolver *resolver, struct location *location)
{
	struct sip_locator locator = { .ability = location->ability, .rng = resolver->rng,
		.lookup = lookup, .context = resolver };

	metric_add(&resolver->metrics->dns_evicted,
		record_cache_make_room(&resolver->cache, ROOM_PER_RUN));
	resolver->running = location;
	int count = sip_locate(&locator, &location->place, location->targets);
	resolver->running = NULL;
	if (count == -EAGAIN)
		return; // it waits, or was woken up meanwhile
	unlink_age(resolver, location);
	location->count = count > 0 ? (uint32_t)count : 0;
	push(&resolver->done, location);
}

static void run_ready(struct resolver *resolver)
{
	struct location *location;

	while ((location = pop(&resolver->ready)))
		run(resolver, location);
}

// With what is known by now, which may be enough: one family of two, say.
static void finish_oldest(struct resolver *resolver)
{
	struct location *location = resolver->oldest;

	if (location->at)
		stop_waiting(location);
	location->is_last = true;
	metric_add(&resolver->metrics->dns_late, 1);
	run(resolver, location);
}

bool resolver_ask(struct resolver *resolver, const struct resolver_ask *asked, uint64_t now_ms)
{
	resolver->now_ms = now_ms;
	metric_add(&resolver->metrics->dns_places, 1);
	struct location *location = slab_get(resolver->locations);
	if (!location) {
		metric_add(&resolver->metrics->dns_full, 1);
		return false;
	}
	location->ticket = asked->ticket;
	location->place = asked->place;
	location->ability = asked->ability;
	location->deadline_ms = now_ms + resolver->options.deadline_ms;
	if (span_copy(asked->place.host, location->host, sizeof(location->host)) < 0)
		location->host[0] = 0;
	location->place.host = span_str(location->host);
	link_newest(resolver, location);
	run(resolver, location);
	run_ready(resolver);
	return true;
}

void resolver_run(struct resolver *resolver, uint64_t now_ms)
{
	resolver->now_ms = now_ms;
	if (resolver->questions > 0) {
		resolver_channel_run(resolver);
		run_ready(resolver);
	}
	while (resolver->oldest && resolver->oldest->deadline_ms <= now_ms)
		finish_oldest(resolver);
}

bool resolver_take(struct resolver *resolver, struct resolver_answer *out)
{
	struct location *location = pop(&resolver->done);

	if (!location)
		return false;
	out->ticket = location->ticket;
	out->count = location->count;
	memcpy(out->targets, location->targets, location->count * sizeof(out->targets[0]));
	slab_put(resolver->locations, location);
	return true;
}

bool resolver_has_answer(const struct resolver *resolver)
{
	return resolver->done.first != NULL;
}

int resolver_fd(const struct resolver *resolver)
{
	return resolver->epoll_fd;
}

int resolver_open(const struct resolver_options *options, struct rng *rng,
	struct net_metrics *metrics, struct resolver **out)
{
	struct resolver *resolver = calloc(1, sizeof(*resolver));

	if (!resolver)
		return -ENOMEM;
	resolver->options = *options;
	resolver->rng = rng;
	resolver->metrics = metrics;
	resolver->epoll_fd = -1;
	resolver->locations = slab_new(sizeof(struct location), options->asks_max);
	int err = resolver->locations &&
			record_cache_init(&resolver->cache, options->cache_max + ROOM_PER_RUN) ?
		resolver_channel_open(resolver) :
		-ENOMEM;
	if (err) {
		resolver_close(resolver);
		return err;
	}
	*out = resolver;
	return 0;
}

void resolver_close(struct resolver *resolver)
{
	if (!resolver)
		return;
	resolver->is_closing = true;
	resolver_channel_close(resolver);
	record_cache_fini(&resolver->cache);
	if (resolver->locations)
		slab_free(resolver->locations);
	free(resolver);
}
