// srtp_index.h - packet indexes of SRTP: the guess of the roll-over counter and the replay window
// (RFC 3711 3.3.1, 3.3.2 and appendix A).
//
// Pure functions over one struct flow_stream, called by the lane that owns it. An index is 48 bits
// for SRTP (roll-over counter << 16 | sequence) and 31 bits for SRTCP.
#pragma once

#include "shm/flow_crypto.h"

#include <stdbool.h>
#include <stdint.h>

#define SRTP_WINDOW	 128u // packets, of which each is accepted once
#define SRTP_INDEX_LIMIT (1ull << 48)

// The index nearest to `highest` with that sequence. Before the first wrap nothing lies behind it,
// so what would be below 0 is a jump ahead. May be SRTP_INDEX_LIMIT or more: the key is used up.
static inline uint64_t srtp_index_guess(uint64_t highest, uint16_t sequence)
{
	int32_t ahead = (int32_t)sequence - (int32_t)(highest & 0xffff);
	uint64_t index = (highest & ~0xffffull) | sequence;

	if (ahead < -0x8000)
		return index + 0x10000;
	return ahead > 0x8000 && highest > 0xffff ? index - 0x10000 : index;
}

// Whether the stream has not seen that index and would remember it.
static inline bool srtp_window_has_room(const struct flow_stream *stream, uint64_t index)
{
	uint64_t highest = flow_stream_index(stream);

	if (index > highest)
		return true;
	uint64_t behind = highest - index;
	return behind < SRTP_WINDOW && !(stream->window[behind / 64] >> (behind % 64) & 1);
}

// Marks the index as seen; srtp_window_has_room() has said yes.
static inline void srtp_window_take(struct flow_stream *stream, uint64_t index)
{
	uint64_t highest = flow_stream_index(stream);
	unsigned __int128 seen = (unsigned __int128)stream->window[1] << 64 | stream->window[0];

	if (index > highest) {
		uint64_t ahead = index - highest;
		seen = ahead < SRTP_WINDOW ? seen << ahead | 1 : 1;
		flow_stream_set_index(stream, index);
	} else {
		seen |= (unsigned __int128)1 << (highest - index);
	}
	stream->window[0] = (uint64_t)seen;
	stream->window[1] = (uint64_t)(seen >> 64);
}
