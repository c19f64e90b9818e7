// source.c - the index of sources: a hash table of {realm, prefix}, asked once for each prefix
// length that the realm uses, longest first. Real files use a handful of lengths, however many
// trunks.
#include "config/source.h"

#include "base/arena.h"
#include "base/hash.h"

#include <errno.h>
#include <string.h>

#define LENGTHS     129u // 0..128 bits
#define HOST_BITS   128u
#define WORDS       ((LENGTHS + 63) / 64)

// What is hashed: no padding, no byte undefined.
struct source_key {
	struct ip ip;  // host bits cleared
	uint32_t realm;
	uint32_t bits;
};
_Static_assert(sizeof(struct source_key) == 24, "hashed as bytes");

struct source {
	struct source_key key;
	uint32_t trunk; // index + 1, 0 = free
};

// A name in certificates. The text is the trunk's.
struct source_name {
	struct span name;
	uint32_t realm;
	uint32_t trunk; // index + 1, 0 = free
};

struct config_sources {
	struct source_name *names;                  // [name_mask + 1], at most half full
	uint32_t name_mask;
	uint64_t lengths[CONFIG_REALMS_MAX][WORDS]; // bit per length in use
	uint32_t mask;
	struct source table[];                      // [mask + 1], at most half full
};

static struct source_key make_key(uint32_t realm, const struct ip *ip, uint32_t bits)
{
	struct source_key key = { .realm = realm, .bits = bits };
	uint32_t whole = bits / 8;

	memcpy(key.ip.b, ip->b, whole);
	if (bits % 8)
		key.ip.b[whole] = ip->b[whole] & (uint8_t)(0xff << (8 - bits % 8));
	return key;
}

// The entry of that key, or the free one where it would stand.
static uint32_t find(const struct config_sources *sources, const struct source_key *key)
{
	uint32_t at = hash_crc32c(0, key, sizeof(*key)) & sources->mask;

	while (sources->table[at].trunk != 0 &&
		memcmp(&sources->table[at].key, key, sizeof(*key)) != 0)
		at = (at + 1) & sources->mask;
	return at;
}

static void add(struct config_sources *sources, uint32_t realm, const struct ip_prefix *prefix,
	uint32_t trunk)
{
	struct source_key key = make_key(realm, &prefix->ip, prefix->bits);
	struct source *source = &sources->table[find(sources, &key)];

	// Of two trunks with one prefix the first in the file has it.
	if (source->trunk != 0)
		return;
	source->key = key;
	source->trunk = trunk + 1;
	sources->lengths[realm][prefix->bits / 64] |= 1ull << prefix->bits % 64;
}

static uint32_t name_hash(uint32_t realm, struct span name)
{
	uint32_t hash = realm;

	for (uint32_t i = 0; i < name.len; i++) {
		char c = name.ptr[i];

		c = c >= 'A' && c <= 'Z' ? c | 0x20 : c;
		hash = hash_crc32c(hash, &c, 1);
	}
	return hash;
}

static struct source_name *find_name(const struct config_sources *sources, uint32_t realm,
	struct span name)
{
	uint32_t at = name_hash(realm, name) & sources->name_mask;

	while (sources->names[at].trunk != 0 &&
		(sources->names[at].realm != realm || !span_ieq(sources->names[at].name, name)))
		at = (at + 1) & sources->name_mask;
	return &sources->names[at];
}

static void add_names(struct config_sources *sources, const struct config_trunk *trunk, uint32_t i)
{
	for (uint32_t n = 0; n < trunk->tls_san_count; n++) {
		struct span name = span_str(trunk->tls_san[n]);
		struct source_name *at = find_name(sources, trunk->realm, name);

		if (at->trunk == 0)
			*at = (struct source_name){ name, trunk->realm, i + 1 };
	}
}

static bool make_names(struct config_sources *sources, const struct config *config,
	struct arena *arena)
{
	uint32_t count = 0, size = 2;

	for (uint32_t i = 0; i < config->trunk_count; i++)
		count += config->trunks[i].tls_san_count;
	while (size < 2 * count)
		size *= 2;
	sources->name_mask = size - 1;
	sources->names = arena_zalloc(arena, size * sizeof(sources->names[0]));
	for (uint32_t i = 0; sources->names && i < config->trunk_count; i++)
		add_names(sources, &config->trunks[i], i);
	return sources->names != NULL;
}

static void add_trunk(struct config_sources *sources, const struct config *config, uint32_t i)
{
	const struct config_trunk *trunk = &config->trunks[i];

	for (uint32_t m = 0; m < trunk->match_count; m++)
		add(sources, trunk->realm, &trunk->match[m], i);
	for (uint32_t h = 0; config_is_by_hosts(trunk) && h < trunk->host_count; h++) {
		struct ip_prefix host = { .ip = trunk->hosts[h].addr.ip, .bits = HOST_BITS };

		add(sources, trunk->realm, &host, i);
	}
}

int config_build_sources(struct config *config, struct arena *arena)
{
	uint32_t count = 0, size = 16;

	for (uint32_t i = 0; i < config->trunk_count; i++)
		count += config->trunks[i].match_count ? config->trunks[i].match_count :
							 config->trunks[i].host_count;
	while (size < 2 * count)
		size *= 2;
	struct config_sources *sources = arena_zalloc(arena,
		sizeof(*sources) + (size_t)size * sizeof(sources->table[0]));
	if (!sources || !make_names(sources, config, arena))
		return -ENOMEM;
	sources->mask = size - 1;
	for (uint32_t i = 0; i < config->trunk_count; i++)
		add_trunk(sources, config, i);
	config->sources = sources;
	return 0;
}

int config_find_source(const struct config *config, uint32_t realm, const struct ip *source)
{
	const struct config_sources *sources = config->sources;

	for (int word = WORDS - 1; word >= 0; word--) {
		uint64_t lengths = sources->lengths[realm][word];

		while (lengths) {
			uint32_t bit = 63 - (uint32_t)__builtin_clzll(lengths);
			struct source_key key = make_key(realm, source, (uint32_t)word * 64 + bit);
			uint32_t trunk = sources->table[find(sources, &key)].trunk;

			if (trunk != 0)
				return (int)trunk - 1;
			lengths &= ~(1ull << bit);
		}
	}
	return -1;
}

int config_find_tls_name(const struct config *config, uint32_t realm, struct span name)
{
	return config->sources ? (int)find_name(config->sources, realm, name)->trunk - 1 : -1;
}
