// flow_keys.c - the keys of a pair of ports: taken, named by records, given back, wiped.
#include "shm/flow_writer.h"

#include <errno.h>
#include <string.h>

static bool is_possible(const struct flow_key *key)
{
	return key->suite != 0 && key->mki_bytes <= sizeof(key->mki);
}

static bool is_same(const struct flow_key *a, const struct flow_key *b)
{
	return a->suite == b->suite && a->mki_bytes == b->mki_bytes &&
	       memcmp(a->key, b->key, sizeof(a->key)) == 0 &&
	       memcmp(a->salt, b->salt, sizeof(a->salt)) == 0 &&
	       memcmp(a->mki, b->mki, sizeof(a->mki)) == 0;
}

static void fill_key(struct flow_writer *w, const struct flow_pair *pair,
	const struct flow_key *from, struct flow_key *to)
{
	struct flow_key key = *from;

	key.incarnation = pair->incarnation;
	key.serial = next_incarnation(w); // a number that never repeats
	key.spare = 0;
	key.checksum = flow_key_checksum(&key);
	*to = key;
	explicit_bzero(&key, sizeof(key));
	SHM_CRASH_POINT(67);
}

void key_drop_unused(
	struct flow_writer *w, const struct flow_pair *pair, enum flow_key_use use, uint32_t key)
{
	if (key != 0 && key != pair->key[use] && key != pair->published_key[0][use] &&
		key != pair->published_key[1][use])
		pool_rest(&w->keys, key - 1);
}

// The slot + 1 of the pair that holds the key already, 0: none. Also one that only a record in
// force names: under a second slot the key's indexes would begin anew (RFC 3711 9.1).
static uint32_t key_find(const struct flow_writer *w, const struct flow_pair *pair,
	enum flow_key_use use, const struct flow_key *key)
{
	const uint32_t named[] = { pair->key[use], pair->published_key[0][use],
		pair->published_key[1][use] };

	for (uint32_t i = 0; i < sizeof(named) / sizeof(named[0]); i++)
		if (named[i] != 0 && is_same(&w->keys.secrets[named[i] - 1], key))
			return named[i];
	return 0;
}

// A slot + 1 with the key in it; 0: no slot is left.
static uint32_t key_store(
	struct flow_writer *w, const struct flow_pair *pair, const struct flow_key *key)
{
	uint32_t slot = pool_take(&w->keys);

	if (slot == SHM_FLOW_NONE) {
		w->counters.refused_keys++;
		return 0;
	}
	fill_key(w, pair, key, &w->keys.secrets[slot]);
	return slot + 1;
}

int flow_pair_set_key(struct flow_writer *w, struct flow_pair *pair, enum flow_key_use use,
	const struct flow_key *key)
{
	uint32_t old = pair->key[use], next = 0;

	if (key != NULL) {
		if (!is_possible(key))
			return -EINVAL;
		next = key_find(w, pair, use, key);
		if (next == 0)
			next = key_store(w, pair, key);
		if (next == 0)
			return -ENOMEM;
	}
	pair->key[use] = next;
	key_drop_unused(w, pair, use, old);
	return 0;
}

void keys_retire(struct flow_writer *w, struct flow_pair *pair)
{
	for (uint32_t use = 0; use < FLOW_KEY_USES; use++) {
		uint32_t named[3] = { pair->key[use], pair->published_key[0][use],
			pair->published_key[1][use] };

		pair->key[use] = pair->published_key[0][use] = pair->published_key[1][use] = 0;
		for (uint32_t i = 0; i < 3; i++) {
			bool is_again = (i > 0 && named[i] == named[0]) ||
					(i > 1 && named[i] == named[1]);
			if (!is_again)
				key_drop_unused(w, pair, use, named[i]);
		}
	}
}

const struct flow_key *flow_pair_key(
	const struct flow_writer *w, const struct flow_pair *pair, enum flow_key_use use)
{
	return pair->key[use] != 0 ? &w->keys.secrets[pair->key[use] - 1] : NULL;
}

const struct flow_crypto *flow_crypto_of(
	const struct flow_writer *w, const struct flow_pair *pair, enum flow_key_use use)
{
	uint32_t key = pair->key[use];

	if (!w->has_media || key == 0 || key > w->media.geometry.keys)
		return NULL;
	const struct flow_crypto *crypto = &shm_flow_crypto(&w->media)[key - 1];
	// acquire: pairs with the lane's store after it reset the rest
	if (atomic_load_explicit(&crypto->incarnation, memory_order_acquire) != pair->incarnation ||
		atomic_load_explicit(&crypto->serial, memory_order_relaxed) !=
			w->keys.secrets[key - 1].serial)
		return NULL;
	return crypto;
}

// The same but for what names it.
static bool is_same_secure(const struct flow_secure *a, const struct flow_secure *b)
{
	struct flow_secure copy = *b;
	bool is_same;

	copy.incarnation = a->incarnation;
	copy.serial = a->serial;
	copy.media_address = a->media_address;
	copy.port = a->port;
	is_same = memcmp(a, &copy, offsetof(struct flow_secure, checksum)) == 0;
	explicit_bzero(&copy, sizeof(copy));
	return is_same;
}

// False: impossible, nothing is stored.
static bool fill_secure(struct flow_writer *w, const struct flow_pair *pair,
	const struct flow_secure *from, struct flow_secure *to)
{
	struct flow_secure secure = *from;
	bool is_valid;

	secure.incarnation = pair->incarnation;
	secure.serial = next_incarnation(w);
	secure.media_address = pair->media_address;
	secure.port = pair->port;
	secure.checksum = flow_secure_checksum(&secure);
	is_valid = flow_secure_is_valid(&secure, pair->incarnation);
	if (is_valid)
		*to = secure;
	explicit_bzero(&secure, sizeof(secure));
	return is_valid;
}

int flow_pair_set_secure(
	struct flow_writer *w, struct flow_pair *pair, const struct flow_secure *secure)
{
	uint32_t old = pair->key[FLOW_KEY_SECURE], slot = SHM_FLOW_NONE;

	if (secure != NULL) {
		if (old != 0 && is_same_secure(&w->keys.agreements[old - 1], secure))
			return 0;
		slot = pool_take(&w->keys);
		if (slot == SHM_FLOW_NONE) {
			w->counters.refused_keys++;
			return -ENOMEM;
		}
		if (!fill_secure(w, pair, secure, &w->keys.agreements[slot])) {
			pool_rest(&w->keys, slot);
			return -EINVAL;
		}
		SHM_CRASH_POINT(68);
	}
	pair->key[FLOW_KEY_SECURE] = slot == SHM_FLOW_NONE ? 0 : slot + 1;
	key_drop_unused(w, pair, FLOW_KEY_SECURE, old);
	return 0;
}

bool flow_secure_of(const struct flow_writer *w, const struct flow_pair *pair,
	struct flow_secure_result *out)
{
	uint32_t secure = pair->key[FLOW_KEY_SECURE];

	if (!w->has_media || secure == 0 || secure > w->media.geometry.keys)
		return false;
	return flow_secure_read(&shm_flow_secure_state(&w->media)[secure - 1], pair->incarnation,
		w->keys.agreements[secure - 1].serial, out);
}

const struct flow_secure *flow_pair_secure(
	const struct flow_writer *w, const struct flow_pair *pair)
{
	uint32_t secure = pair->key[FLOW_KEY_SECURE];

	return secure != 0 ? &w->keys.agreements[secure - 1] : NULL;
}

uint32_t flow_identity_of(
	const struct flow_writer *w, uint32_t serial, struct flow_fingerprint *out)
{
	const struct shm_identity *identity;

	if (!w->has_media)
		return 0;
	identity = shm_identity_of(&w->media);
	if (serial != 0 && shm_identity_find(identity, serial, out))
		return serial;
	return shm_identity_read(identity, out);
}
