#include "call/media_policy.h"

#include "config/profile.h"

#define PROBATION_PACKETS 5u // packets of one source until it is locked

static uint8_t latch_mode(const struct config_realm *realm, const struct profile_media *profile)
{
	static const uint8_t of_profile[] = {
		[PROFILE_LATCHING_STRICT] = FLOW_LATCH_STRICT,
		[PROFILE_LATCHING_ONCE] = FLOW_LATCH_ONCE,
		[PROFILE_LATCHING_PROOF] = FLOW_LATCH_PROOF,
	};
	static const uint8_t of_realm[] = {
		[CONFIG_LATCH_STRICT] = FLOW_LATCH_STRICT,
		[CONFIG_LATCH_ONCE] = FLOW_LATCH_ONCE,
		[CONFIG_LATCH_PROOF] = FLOW_LATCH_PROOF,
	};

	if (profile->latching != PROFILE_LATCHING_REALM)
		return of_profile[profile->latching];
	return of_realm[realm->latching];
}

static uint8_t keepalive_method(const struct profile_media *profile)
{
	static const uint8_t methods[] = {
		[PROFILE_KEEPALIVE_OFF] = FLOW_KEEPALIVE_NONE,
		[PROFILE_KEEPALIVE_RTP] = FLOW_KEEPALIVE_RTP,
		[PROFILE_KEEPALIVE_RTCP] = FLOW_KEEPALIVE_RTCP,
		[PROFILE_KEEPALIVE_STUN] = FLOW_KEEPALIVE_STUN,
	};

	return methods[profile->keepalive];
}

// One audio stream, not several behind one port (RFC 8843): the next SSRC is its successor.
static bool is_alone(const struct media *media, uint32_t index)
{
	for (uint32_t i = 0; i < media->count; i++)
		if (media->streams[i].is_bundled && media->streams[i].bundle == index)
			return false;
	return media->streams[index].is_audio;
}

void media_policy_fill(const struct media *media, const struct config *config,
	const struct media_owner *owner, const struct media_place *place, struct flow_cfg *cfg)
{
	const struct media_stream *stream = &media->streams[place->stream];
	const struct media_remote *own = &stream->remote[place->side];
	const struct config_realm *realm = &config->realms[media->realm[place->side]];
	const struct config_realm *peer_realm = &config->realms[media->realm[!place->side]];
	const struct profile_media *profile =
		&config_profile(config, owner->profile[place->side])->media;
	const struct profile_media *peer =
		&config_profile(config, owner->profile[!place->side])->media;

	cfg->latch_mode = latch_mode(realm, profile);
	// A far end that muxes uses its RTP port; this one takes nothing but still is the way out
	// for the companion.
	if (place->which == 1 && (own->is_mux || stream->kind == FLOW_OPAQUE))
		cfg->latch_mode = FLOW_LATCH_STRICT;
	cfg->probation_packets = PROBATION_PACKETS;
	cfg->rate_pps_max = profile->rate_max;
	cfg->dscp = peer->has_dscp ? peer->dscp : peer_realm->dscp;
	if (profile->anchor && is_alone(media, place->stream))
		cfg->flags |= FLOW_ANCHOR;
	if (place->which == 0 && stream->kind == FLOW_RTP && !own->is_blackhole) {
		cfg->keepalive = keepalive_method(profile);
		cfg->keepalive_s = (uint8_t)(profile->keepalive_ms / 1000);
	}
}
