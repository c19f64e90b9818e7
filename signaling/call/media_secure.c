// media_secure.c - ICE and DTLS in a call's streams: where it is kept, and what the records of
// ports say by it.
#include "call/media.h"

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

struct addr media_far(const struct media_stream *stream, enum call_side side, uint32_t which)
{
	const struct media_secure *secure = stream->secure[side];

	if (secure && secure->has_ice)
		return secure->selected[which];
	return which ? stream->remote[side].rtcp : stream->remote[side].rtp;
}
