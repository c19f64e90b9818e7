// record_cache.c - record sets by {type, name}, bounded; those not used for longest go first.
#include "net/resolver_private.h"

#include <stdlib.h>

bool record_cache_init(struct record_cache *cache, uint32_t count_max)
{
	uint32_t buckets = 64;

	while (buckets < count_max && buckets < 1u << 20)
		buckets <<= 1;
	*cache = (struct record_cache){ .mask = buckets - 1, .count_max = count_max };
	rng_secure(&cache->key, sizeof(cache->key));
	cache->buckets = calloc(buckets, sizeof(cache->buckets[0]));
	return cache->buckets != NULL;
}

static struct record_set **bucket_of(struct record_cache *cache, enum sip_record_type type,
	struct span name)
{
	uint64_t hash = hash_sip(&cache->key, name.ptr, name.len) + (uint64_t)type;

	return &cache->buckets[hash & cache->mask];
}

static void unlink_age(struct record_cache *cache, struct record_set *set)
{
	*(set->newer ? &set->newer->older : &cache->newest) = set->older;
	*(set->older ? &set->older->newer : &cache->oldest) = set->newer;
	set->newer = set->older = NULL;
}

static void link_newest(struct record_cache *cache, struct record_set *set)
{
	set->older = cache->newest;
	*(cache->newest ? &cache->newest->newer : &cache->oldest) = set;
	cache->newest = set;
}

static void drop(struct record_cache *cache, struct record_set *set)
{
	struct record_set **link =
		bucket_of(cache, set->type, span_make(set->name, set->len));

	while (*link != set)
		link = &(*link)->next;
	*link = set->next;
	unlink_age(cache, set);
	cache->count--;
	free(set->records);
	free(set);
}

void record_cache_fini(struct record_cache *cache)
{
	while (cache->oldest)
		drop(cache, cache->oldest);
	free(cache->buckets);
}

struct record_set *record_cache_lookup(struct record_cache *cache, enum sip_record_type type,
	struct span name)
{
	struct record_set *set = *bucket_of(cache, type, name);

	while (set && (set->type != type || !span_eq(span_make(set->name, set->len), name)))
		set = set->next;
	return set;
}

void record_cache_touch(struct record_cache *cache, struct record_set *set)
{
	if (cache->newest == set)
		return;
	unlink_age(cache, set);
	link_newest(cache, set);
}

uint32_t record_cache_make_room(struct record_cache *cache, uint32_t count)
{
	struct record_set *set = cache->oldest;
	uint32_t dropped = 0;

	while (set && cache->count + count > cache->count_max) {
		struct record_set *next = set->newer;

		if (!set->is_asked && !set->waiting) {
			drop(cache, set);
			dropped++;
		}
		set = next;
	}
	return dropped;
}

struct record_set *record_cache_add(struct record_cache *cache, enum sip_record_type type,
	struct span name)
{
	struct record_set **bucket = bucket_of(cache, type, name);

	if (cache->count >= cache->count_max)
		return NULL;
	struct record_set *set = calloc(1, sizeof(*set) + name.len + 1);
	if (!set)
		return NULL;
	set->type = type;
	set->len = name.len;
	memcpy(set->name, name.ptr, name.len);
	set->next = *bucket;
	*bucket = set;
	link_newest(cache, set);
	cache->count++;
	return set;
}

// The texts move with their records.
static struct span moved(struct span text, const char *from, char *to)
{
	return text.len ? span_make(to + (text.ptr - from), text.len) : SPAN_NONE;
}

bool record_set_fill(struct record_set *set, const struct dns_answer *answer)
{
	size_t size = answer->count * sizeof(struct sip_record);
	struct sip_record *records = NULL;

	if (answer->count > 0) {
		records = malloc(size + answer->text_len);
		if (!records)
			return false;
		char *text = (char *)records + size;
		memcpy(text, answer->text, answer->text_len);
		for (uint32_t i = 0; i < answer->count; i++) {
			records[i] = answer->records[i];
			records[i].name = moved(records[i].name, answer->text, text);
			if (set->type != SIP_RECORD_NAPTR)
				continue;
			records[i].naptr.flags =
				moved(records[i].naptr.flags, answer->text, text);
			records[i].naptr.service =
				moved(records[i].naptr.service, answer->text, text);
		}
	}
	free(set->records);
	set->records = records;
	set->count = answer->count;
	return true;
}
