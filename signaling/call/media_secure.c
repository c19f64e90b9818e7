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

void media_secure_unbind(struct media_secure *secure)
{
	if (!secure)
		return;
	memset(secure->selected, 0, sizeof(secure->selected));
	secure->is_keyed = false;
	secure->is_waiting = secure->has_ice || secure->has_dtls;
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

// Shared ports ------------------------------------------------------------------------------------

const struct media_stream *media_transport(
	const struct media *media, const struct media_stream *stream, enum call_side side)
{
	const struct media_stream *owner;

	if (stream->shared[side] == 0)
		return stream;
	owner = media_stream(media, stream->shared[side] - 1u);
	return owner && owner->is_open ? owner : stream;
}

bool media_is_leg_unkeyed(
	const struct media *media, const struct media_stream *stream, enum call_side side)
{
	const struct media_stream *carrier = media_transport(media, stream, side);
	const struct media_secure *secure = carrier->secure[side];
	const uint32_t *key = carrier->pair[side].key;
	bool has_keys = key[FLOW_KEY_RX] != 0 && key[FLOW_KEY_TX] != 0;

	return stream->remote[side].is_unkeyed ||
		(secure && secure->has_dtls && !(secure->is_keyed && has_keys));
}

bool media_is_unkeyed(const struct media *media, const struct media_stream *stream)
{
	return media_is_leg_unkeyed(media, stream, CALL_LEG_A) ||
		media_is_leg_unkeyed(media, stream, CALL_LEG_B);
}

void media_swap_leg(struct media *media, enum call_side side, uint32_t a, uint32_t b)
{
	struct media_stream *one = media_stream(media, a), *other = media_stream(media, b);
	struct media_stream was = *one;

	one->pair[side] = other->pair[side];
	one->secure[side] = other->secure[side];
	other->pair[side] = was.pair[side];
	other->secure[side] = was.secure[side];
	one->shared[side] = (uint8_t)(b + 1);
	other->shared[side] = 0;
	memset(one->print[side], 0, sizeof(one->print[side]));
	memset(other->print[side], 0, sizeof(other->print[side]));
	for (uint32_t i = 0; i < media->count; i++)
		if (i != b && media->streams[i].shared[side] == a + 1)
			media->streams[i].shared[side] = (uint8_t)(b + 1);
}

void media_unshare(struct media *media, uint32_t index)
{
	for (uint32_t i = 0; i < media->count * (uint32_t)CALL_LEGS; i++) {
		struct media_stream *stream = &media->streams[i / CALL_LEGS];
		enum call_side side = i % CALL_LEGS;

		if (stream->shared[side] != index + 1)
			continue;
		stream->shared[side] = 0;
		stream->remote[side].is_unkeyed = true;
	}
}
