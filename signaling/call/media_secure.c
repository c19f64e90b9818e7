// media_secure.c - ICE and DTLS in a call's streams: where it is kept, and what the records of
// ports say by it.
#include "call/media.h"

#include <errno.h>
#include <stdalign.h>
#include <string.h>

// The arena gives 8 bytes of alignment, an agreement wants a line.
static struct media_secure *place_in(struct arena *arena)
{
	size_t line = alignof(struct media_secure);
	uint8_t *room = arena_zalloc(arena, sizeof(struct media_secure) + line);

	return room ? (struct media_secure *)(room + (line - (uintptr_t)room % line)) : NULL;
}

struct media_secure *media_secure_make(
	struct media *media, uint32_t index, enum call_side side)
{
	struct media_stream *stream = media_stream_make(media, index);

	if (!stream)
		return NULL;
	if (!stream->secure[side])
		stream->secure[side] = place_in(media->arena);
	media->has_secure |= stream->secure[side] != NULL;
	return stream->secure[side];
}

void media_secure_clear(struct media_secure *secure)
{
	if (secure)
		explicit_bzero(secure, sizeof(*secure));
}

static void adopt(struct media_secure *secure, const struct core_env *env,
	const struct media_stream *stream, enum call_side side)
{
	const struct flow_pair *pair = &stream->pair[side];

	secure->next = *flow_pair_secure(env->flows, pair);
	secure->has_ice = secure->next.ice != FLOW_ICE_OFF;
	secure->has_dtls = secure->next.dtls != FLOW_DTLS_OFF;
	secure->is_keyed = secure->has_dtls &&
		flow_pair_key(env->flows, pair, FLOW_KEY_RX) != NULL &&
		flow_pair_key(env->flows, pair, FLOW_KEY_TX) != NULL;
	secure->selected[0] = stream->remote[side].rtp;
	secure->selected[1] = stream->remote[side].rtcp;
	secure->is_waiting = (secure->has_dtls && !secure->is_keyed) ||
		(secure->has_ice && secure->selected[0].port == 0);
	secure->until_ms = secure->is_waiting ? env->now_ms + MEDIA_HANDSHAKE_MS : 0;
}

int media_secure_adopt(struct media *media, const struct core_env *env, uint32_t index)
{
	struct media_stream *stream = media_stream(media, index);

	for (uint32_t side = 0; side < CALL_LEGS; side++) {
		if (!flow_pair_secure(env->flows, &stream->pair[side]))
			continue;
		if (!media_secure_make(media, index, side))
			return -ENOMEM;
		adopt(stream->secure[side], env, stream, side);
	}
	return 0;
}

struct addr media_far(const struct media_stream *stream, enum call_side side, uint32_t which)
{
	const struct media_secure *secure = stream->secure[side];

	if (secure && secure->has_ice)
		return secure->selected[which];
	return which ? stream->remote[side].rtcp : stream->remote[side].rtp;
}
