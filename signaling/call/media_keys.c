// media_keys.c - keys of a stream's legs, as descriptions have them, in the records of its ports.
#include "call/media.h"

#include <string.h>

static int set_key(struct media_stream *stream, const struct core_env *env, enum call_side side,
	enum flow_key_use use, const struct sdes_key *key)
{
	struct flow_key record = { .suite = key->suite, .mki_bytes = key->mki_bytes };

	if (key->suite == SRTP_NONE)
		return flow_pair_set_key(env->flows, &stream->pair[side], use, NULL);
	memcpy(record.key, key->key, sizeof(key->key));
	memcpy(record.salt, key->salt, sizeof(key->salt));
	memcpy(record.mki, key->mki, sizeof(key->mki));
	int err = flow_pair_set_key(env->flows, &stream->pair[side], use, &record);
	explicit_bzero(&record, sizeof(record));
	return err;
}

int media_set_keys(struct media_stream *stream, const struct core_env *env, enum call_side side,
	const struct sdes_key *rx, const struct sdes_key *tx)
{
	int err = set_key(stream, env, side, FLOW_KEY_RX, rx);

	return err ? err : set_key(stream, env, side, FLOW_KEY_TX, tx);
}

struct sdes_key media_own_key(
	const struct media_stream *stream, const struct core_env *env, enum call_side side)
{
	struct sdes_key out = { 0 };

	if (!stream || !stream->is_open)
		return out;
	const struct flow_key *key = flow_pair_key(env->flows, &stream->pair[side], FLOW_KEY_TX);
	if (!key)
		return out;
	out.suite = key->suite;
	memcpy(out.key, key->key, sizeof(out.key));
	memcpy(out.salt, key->salt, sizeof(out.salt));
	return out;
}
