// media_info.c - what the counters of a call's flows say about its quality.
#include "call/media.h"

#include "base/clock.h"
#include "proto/quality.h"

#define CLOCK_AHEAD_MS 1000u

static uint64_t word(const _Atomic uint64_t *value)
{
	return atomic_load_explicit(value, memory_order_relaxed);
}

static uint32_t half(const _Atomic uint32_t *value)
{
	return atomic_load_explicit(value, memory_order_relaxed);
}

// RFC 3550 A.3; the words are read one by one, so a fresh packet may make the loss look negative.
static uint64_t state_lost(const struct flow_state *state)
{
	uint32_t received = half(&state->stream_packets);
	uint32_t expected = half(&state->sequence_max) - half(&state->sequence_base) + 1;
	uint64_t lost = half(&state->lost_before);

	if (received > 0 && expected > received)
		lost += expected - received;
	return lost;
}

static void add_state(const struct flow_state *state, struct leg_info *out)
{
	uint64_t packets = word(&state->packets);

	out->packets += packets;
	out->octets += word(&state->octets);
	out->forwarded += word(&state->forwarded);
	out->dropped += word(&state->dropped_source) + word(&state->dropped_rate) +
		word(&state->dropped_other);
	out->lost += state_lost(state);
	out->has_media |= packets > 0;
}

static void judge(const struct flow_state *state, struct span codec, struct leg_info *out)
{
	uint32_t rate = half(&state->clock_rate);
	struct quality_score score;

	if (rate == 0)
		rate = 8000;
	out->jitter_ms = half(&state->jitter_x16) / 16.0 * 1000.0 / rate;
	if (out->packets + out->lost > 0)
		out->loss = (double)out->lost / (double)(out->packets + out->lost);
	if (out->packets == 0)
		return;
	struct quality_input input = {
		.codec = quality_codec_of(codec.ptr, codec.len),
		.loss_percent = out->loss * 100.0,
		.jitter_ms = out->jitter_ms,
		.frame_ms = 20.0,
	};
	quality_rate(&input, &score);
	out->mos = score.mos;
}

static void read_latch(const struct flow_state *state, struct leg_info *out)
{
	struct flow_latch latch;

	if (!flow_latch_read(state, &latch) || latch.phase != FLOW_LATCH_LOCKED)
		return;
	out->is_latched = true;
	out->remote_media = (struct addr){ .ip = latch.ip, .port = latch.port };
}

static uint64_t pair_last_ms(const struct core_env *env, const struct flow_pair *pair)
{
	uint64_t last_ms = 0;

	for (uint32_t which = 0; which < 2; which++) {
		const struct flow_state *state = flow_state_of(env->flows, pair, which);
		uint64_t ms = state ? word(&state->last_ns) / NS_PER_MS : 0;

		// Media reads the same clock a little later; a time far ahead would keep the call
		// for ever.
		if (ms > last_ms && ms <= env->now_ms + CLOCK_AHEAD_MS)
			last_ms = ms;
	}
	return last_ms;
}

uint64_t media_last_ms(const struct media *media, const struct core_env *env)
{
	uint64_t last_ms = 0;

	for (uint32_t i = 0; i < media->count * (uint32_t)CALL_LEGS; i++) {
		const struct media_stream *stream = &media->streams[i / CALL_LEGS];
		uint64_t ms = stream->is_open ?
			pair_last_ms(env, &stream->pair[i % CALL_LEGS]) :
			0;

		last_ms = ms > last_ms ? ms : last_ms;
	}
	return last_ms;
}

bool media_is_held(const struct media *media)
{
	for (uint32_t i = 0; i < media->count; i++) {
		const struct media_stream *stream = &media->streams[i];

		if (stream->is_open && !stream->is_bundled &&
			!stream->remote[CALL_LEG_A].is_held &&
			!stream->remote[CALL_LEG_B].is_held)
			return false;
	}
	return true;
}

void media_leg_info(const struct media *media, const struct core_env *env, enum call_side side,
	struct span codec, struct leg_info *out)
{
	const struct flow_state *first = NULL;

	for (uint32_t i = 0; i < media->count; i++) {
		const struct media_stream *stream = &media->streams[i];

		if (!stream->is_open || stream->is_bundled)
			continue;
		const struct flow_state *state = flow_state_of(env->flows, &stream->pair[side], 0);
		if (state)
			add_state(state, out);
		if (!ip_is_unset(&out->local_media.ip))
			continue;
		out->local_media = media_local(media, env->config, i, side);
		out->remote_media = media_far(stream, side, 0);
		first = state;
	}
	if (!first)
		return;
	read_latch(first, out);
	judge(first, codec, out);
}
