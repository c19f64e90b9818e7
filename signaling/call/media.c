#include "call/media.h"

#include "base/check.h"
#include "base/clock.h"
#include "call/media_policy.h"
#include "shm/recording.h"

#include <errno.h>
#include <stddef.h>

void media_init(struct media *media, struct arena *arena, uint32_t realm_a, uint32_t realm_b)
{
	*media = (struct media){ .shard = -1, .arena = arena };
	media->realm[CALL_LEG_A] = (uint16_t)realm_a;
	media->realm[CALL_LEG_B] = (uint16_t)realm_b;
}

struct media_stream *media_stream(const struct media *media, uint32_t index)
{
	return index < media->count ? &media->streams[index] : NULL;
}

// Grows twofold: what is left behind in the arena is less than what is used.
struct media_stream *media_stream_make(struct media *media, uint32_t index)
{
	uint32_t capacity = media->capacity ? media->capacity : 1;

	CHECK(index < MEDIA_STREAMS_MAX);
	while (capacity <= index)
		capacity *= 2;
	if (capacity > media->capacity) {
		struct media_stream *streams = arena_zalloc(media->arena,
			capacity * sizeof(*streams));

		if (!streams)
			return NULL;
		if (media->count)
			memcpy(streams, media->streams, media->count * sizeof(*streams));
		media->streams = streams;
		media->capacity = (uint8_t)capacity;
	}
	if (index >= media->count)
		media->count = (uint8_t)(index + 1);
	return &media->streams[index];
}

// Nothing of it is left but its place for ICE and DTLS.
static void reset_stream(struct media_stream *stream, uint8_t kind)
{
	struct media_stream empty = { .kind = kind };

	for (uint32_t side = 0; side < CALL_LEGS; side++) {
		media_secure_clear(stream->secure[side]);
		empty.secure[side] = stream->secure[side];
	}
	*stream = empty;
}

uint32_t media_open_count(const struct media *media)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < media->count; i++)
		count += media->streams[i].is_open;
	return count;
}

uint32_t media_address_base(const struct config *config, uint32_t realm)
{
	uint32_t base = 0;

	for (uint32_t i = 0; i < realm && i < config->realm_count; i++)
		base += config->realms[i].media_count;
	return base;
}

bool media_has_family(const struct config *config, uint32_t realm, bool is_v6)
{
	const struct config_realm *r = &config->realms[realm];

	for (uint32_t i = 0; i < r->media_count; i++)
		if (ip_is_v4(&r->media[i]) != is_v6)
			return true;
	return false;
}

// Starts at a random address of the realm so that all fill evenly, then at the one that the call
// has (streams may come to share a port); an address without ports is passed over.
static int reserve_leg(struct media *media, const struct core_env *env, struct flow_pair *pair,
	enum call_side side, bool is_v6)
{
	const struct config_realm *realm = &env->config->realms[media->realm[side]];
	uint32_t base = media_address_base(env->config, media->realm[side]);
	int result = -EAFNOSUPPORT;

	if (realm->media_count == 0)
		return result;
	uint32_t start = rng_below(env->rng, realm->media_count);
	if (media_has_open(media) && media->address[side] - base < realm->media_count)
		start = media->address[side] - base;
	for (uint32_t i = 0; i < realm->media_count; i++) {
		uint32_t at = (start + i) % realm->media_count;

		if (ip_is_v4(&realm->media[at]) == is_v6)
			continue;
		result = flow_pair_reserve(env->flows, (uint16_t)(base + at), media->shard, pair);
		if (result != -ENOSPC)
			break;
	}
	if (result == 0 && media->shard < 0)
		media->shard = (int)shm_media_shard(pair->port);
	return result;
}

int media_open(struct media *media, const struct core_env *env, uint32_t index,
	const bool is_v6[CALL_LEGS])
{
	struct media_stream *stream = media_stream_make(media, index);

	if (!stream)
		return -ENOMEM;
	if (stream->is_open)
		return 0;
	// What a foreign one has stays until there are others in its place.
	struct media_stream opened = { .kind = stream->kind, .is_open = true };
	// Nothing is bound to the shard of pairs that are gone.
	if (!media_has_open(media))
		media->shard = -1;
	int shard_before = media->shard;
	int err = reserve_leg(media, env, &opened.pair[CALL_LEG_A], CALL_LEG_A, is_v6[CALL_LEG_A]);
	if (err)
		return err;
	err = reserve_leg(media, env, &opened.pair[CALL_LEG_B], CALL_LEG_B, is_v6[CALL_LEG_B]);
	if (err) {
		flow_pair_retire(env->flows, &opened.pair[CALL_LEG_A]);
		media->shard = shard_before;
		return err;
	}
	media->address[CALL_LEG_A] = opened.pair[CALL_LEG_A].media_address;
	media->address[CALL_LEG_B] = opened.pair[CALL_LEG_B].media_address;
	memcpy(opened.secure, stream->secure, sizeof(opened.secure));
	*stream = opened;
	media->foreign &= ~(1u << index);
	return 0;
}

int media_reserve_move(struct media *media, const struct core_env *env, enum call_side side,
	bool is_v6, struct flow_pair *out)
{
	return reserve_leg(media, env, out, side, is_v6);
}

void media_move(struct media *media, const struct core_env *env, uint32_t index,
	enum call_side side, const struct flow_pair *pair)
{
	struct media_stream *stream = media_stream(media, index);

	CHECK(stream && stream->is_open);
	flow_pair_retire(env->flows, &stream->pair[side]);
	stream->pair[side] = *pair;
	stream->print[side][0] = stream->print[side][1] = 0;
	media_secure_unbind(stream->secure[side]); // nothing went along
	media->address[side] = pair->media_address;
}

// Where the pairs of a leg are to be from now on.
struct pair_place {
	enum call_side side;
	uint16_t realm;
	bool is_any_family; // each has the one that it had
	bool is_v6;
	bool is_other_far; // what has secrets goes elsewhere in any case
};

static bool has_secrets(const struct flow_pair *pair)
{
	return pair->key[FLOW_KEY_RX] != 0 || pair->key[FLOW_KEY_TX] != 0 ||
		pair->key[FLOW_KEY_SECURE] != 0;
}

// Whether the pair has an address of IPv6; the realm is still the one that it was reserved in.
static bool is_pair_v6(const struct media *media, const struct core_env *env, enum call_side side,
	const struct flow_pair *pair)
{
	const struct config_realm *realm = &env->config->realms[media->realm[side]];
	uint32_t at = pair->media_address - media_address_base(env->config, media->realm[side]);

	return at < realm->media_count && !ip_is_v4(&realm->media[at]);
}

// The pair that stream `i` gets there. 0: it is in `out`; 1: it has one already.
static int reserve_place(struct media *media, const struct core_env *env, uint32_t i,
	const struct pair_place *place, struct flow_pair *out)
{
	const struct media_stream *stream = &media->streams[i];
	uint16_t before = media->realm[place->side];

	if (!stream->is_open)
		return 1;
	bool was_v6 = is_pair_v6(media, env, place->side, &stream->pair[place->side]);
	bool is_v6 = place->is_any_family ? was_v6 : place->is_v6;
	if (!media_has_family(env->config, place->realm, is_v6))
		is_v6 = !is_v6;
	if (place->realm == before && is_v6 == was_v6 &&
		!(place->is_other_far && has_secrets(&stream->pair[place->side])))
		return 1;
	media->realm[place->side] = place->realm;
	int err = reserve_leg(media, env, out, place->side, is_v6);
	media->realm[place->side] = before;
	return err;
}

static int change_place(struct media *media, const struct core_env *env,
	const struct pair_place *place)
{
	struct flow_pair pairs[MEDIA_STREAMS_MAX];
	int result[MEDIA_STREAMS_MAX];
	uint32_t count = 0;
	int err = 0;

	for (; count < media->count && err >= 0; count++)
		err = result[count] = reserve_place(media, env, count, place, &pairs[count]);
	for (uint32_t i = 0; i < count; i++) {
		if (result[i] == 0 && err >= 0)
			media_move(media, env, i, place->side, &pairs[i]);
		else if (result[i] == 0)
			flow_pair_retire(env->flows, &pairs[i]);
	}
	if (err < 0)
		return err;
	media->realm[place->side] = place->realm;
	return 0;
}

int media_change_realm(struct media *media, const struct core_env *env, enum call_side side,
	uint32_t realm)
{
	struct pair_place place = { .side = side, .realm = (uint16_t)realm,
		.is_any_family = true };

	return change_place(media, env, &place);
}

int media_change_family(struct media *media, const struct core_env *env, enum call_side side,
	bool is_v6)
{
	struct pair_place place = { .side = side, .realm = media->realm[side], .is_v6 = is_v6 };

	return change_place(media, env, &place);
}

int media_change_far(struct media *media, const struct core_env *env, enum call_side side)
{
	struct pair_place place = { .side = side, .realm = media->realm[side],
		.is_any_family = true, .is_other_far = true };
	int err = change_place(media, env, &place);

	for (uint32_t i = 0; i < media->count && !err; i++)
		media->streams[i].shared[side] = 0;
	return err;
}

void media_rename(struct media *media, const struct core_env *env, uint32_t from, uint32_t to)
{
	CHECK(from != to && from < media->count && to < media->count);
	media_close(media, env, to);
	struct media_stream moved = media->streams[from];
	memcpy(media->streams[from].secure, media->streams[to].secure, sizeof(moved.secure));
	reset_stream(&media->streams[from], moved.kind);
	moved.is_bundled = false;
	media->streams[to] = moved;
}

int media_join(struct media *media, uint32_t index, uint32_t owner)
{
	struct media_stream *stream = media_stream_make(media, index);

	if (!stream)
		return -ENOMEM;
	stream->is_bundled = true;
	stream->bundle = (uint8_t)owner;
	return 0;
}

void media_leave(struct media *media, uint32_t index)
{
	struct media_stream *stream = media_stream(media, index);

	if (stream)
		stream->is_bundled = false;
}

void media_release(struct media *media, const struct core_env *env, uint32_t index)
{
	struct media_stream *stream = media_stream(media, index);
	uint8_t owner = stream->bundle;

	media_close(media, env, index);
	stream->is_bundled = true;
	stream->bundle = owner;
}

static void fill_common(const struct media *media,
	const struct media_stream *stream, enum call_side side, struct flow_cfg *cfg)
{
	enum call_side other = side == CALL_LEG_A ? CALL_LEG_B : CALL_LEG_A;

	*cfg = (struct flow_cfg){
		.peer_incarnation = stream->pair[other].incarnation,
		.peer_address = stream->pair[other].media_address,
		.call_leg = side,
		.recording = media->recording,
		// So that a new key is a change; flow_publish() sets them itself.
		.key_rx = stream->pair[side].key[FLOW_KEY_RX],
		.key_tx = stream->pair[side].key[FLOW_KEY_TX],
		.secure = stream->pair[side].key[FLOW_KEY_SECURE],
	};
	const struct media_stream *carrier = media_transport(media, stream, side);
	if (carrier != stream)
		cfg->bundle_port = carrier->pair[side].port;
}

// ICE has asked who sends, and before there are keys nobody can show who he is.
static bool is_source_known(
	const struct media *media, const struct media_stream *stream, enum call_side side)
{
	const struct media_secure *secure = media_transport(media, stream, side)->secure[side];

	return secure && (secure->has_ice || media_is_leg_unkeyed(media, stream, side));
}

// Packets of `side` are dropped when the other far end must not get any.
static uint8_t drop_flag(
	const struct media *media, const struct media_stream *stream, enum call_side side)
{
	enum call_side other = side == CALL_LEG_A ? CALL_LEG_B : CALL_LEG_A;

	return stream->remote[other].is_blackhole || stream->remote[side].is_inactive ||
			stream->remote[other].is_inactive || media_is_unkeyed(media, stream) ?
		FLOW_DROP :
		0;
}

static void fill_rtp(const struct media *media,
	const struct media_stream *stream, enum call_side side, struct flow_cfg *cfg)
{
	const struct media_remote *own = &stream->remote[side];
	const struct media_remote *peer = &stream->remote[!side];

	fill_common(media, stream, side, cfg);
	cfg->kind = stream->kind;
	cfg->flags = drop_flag(media, stream, side);
	if (own->is_mux)
		cfg->flags |= FLOW_RTCP_MUX;
	// The other side has a port of its own for RTCP: what comes muxed leaves from there.
	if (own->is_mux && !peer->is_mux)
		cfg->flags |= FLOW_RTCP_COMPANION;
	struct addr far = media_far(media_transport(media, stream, side), side, 0);
	cfg->remote_ip = far.ip;
	cfg->remote_port = far.port;
	cfg->peer_port = stream->pair[!side].port;
}

static void fill_rtcp(const struct media *media,
	const struct media_stream *stream, enum call_side side, struct flow_cfg *cfg)
{
	const struct media_remote *peer = &stream->remote[!side];

	fill_common(media, stream, side, cfg);
	cfg->kind = stream->kind == FLOW_RTP ? FLOW_RTCP : FLOW_OPAQUE;
	// RTCP goes on while media is inactive (RFC 3264 5.1), not to c=0.0.0.0.
	cfg->flags = peer->is_blackhole || media_is_unkeyed(media, stream) ? FLOW_DROP : 0;
	struct addr far = media_far(media_transport(media, stream, side), side, 1);
	cfg->remote_ip = far.ip;
	cfg->remote_port = far.port;
	cfg->peer_port = (uint16_t)(stream->pair[!side].port + (peer->is_mux ? 0 : 1));
}

// What is compared to find a change: everything but identity and time, which flow_publish() sets.
#define SAID_FIRST offsetof(struct flow_cfg, remote_ip)
#define SAID_END   offsetof(struct flow_cfg, checksum)

static uint64_t record_print(const struct flow_cfg *cfg)
{
	static const struct hash_key key = { { 0x6d65646961, 0x7072696e74 } };
	const uint8_t *said = (const uint8_t *)cfg + SAID_FIRST;
	uint64_t print = hash_sip(&key, said, SAID_END - SAID_FIRST);

	if (cfg->secure != 0 || cfg->bundle_port != 0) {
		const uint64_t both[] = { print, (uint64_t)cfg->bundle_port << 32 | cfg->secure };
		print = hash_sip(&key, both, sizeof(both));
	}
	return print ? print : 1;
}

struct record {
	struct media_stream *stream;
	enum call_side side;
	uint32_t which;
	uint64_t print; // of cfg
	struct flow_cfg cfg;
};

static uint32_t fill_stream(const struct media *media, const struct core_env *env,
	const struct media_owner *owner, struct media_stream *stream, struct record *out)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < 4; i++) {
		struct record *r = &out[count];

		*r = (struct record){ .stream = stream, .side = i >> 1, .which = i & 1 };
		if (r->which == 0)
			fill_rtp(media, stream, r->side, &r->cfg);
		else
			fill_rtcp(media, stream, r->side, &r->cfg);
		struct media_place place = { .stream = (uint32_t)(stream - media->streams),
			.side = r->side, .which = r->which };
		media_policy_fill(media, env->config, owner, &place, &r->cfg);
		if (is_source_known(media, stream, r->side))
			r->cfg.latch_mode = FLOW_LATCH_STRICT;
		r->cfg.call_token = owner->call_token;
		r->cfg.owner = owner->worker;
		r->print = record_print(&r->cfg);
		count += r->print != stream->print[r->side][r->which];
	}
	return count;
}

static bool is_flowing(const struct media_stream *stream)
{
	return stream->is_open && !stream->is_bundled;
}

int media_publish(struct media *media, const struct core_env *env, const struct media_owner *owner)
{
	for (uint32_t i = 0; i < media->count; i++) {
		struct record records[4];
		uint32_t count = is_flowing(&media->streams[i]) ?
			fill_stream(media, env, owner, &media->streams[i], records) :
			0;

		for (uint32_t k = 0; k < count; k++) {
			struct record *r = &records[k];

			r->cfg.created_ns = env->now_ms * NS_PER_MS;
			int err = flow_publish(env->flows, &r->stream->pair[r->side], r->which,
				&r->cfg);
			if (err)
				return err;
			r->stream->print[r->side][r->which] = r->print;
		}
	}
	return 0;
}

void media_close(struct media *media, const struct core_env *env, uint32_t index)
{
	struct media_stream *stream = media_stream(media, index);

	if (!stream)
		return;
	media->foreign &= ~(1u << index);
	media_unshare(media, index);
	if (stream->is_open) {
		flow_pair_retire(env->flows, &stream->pair[CALL_LEG_A]);
		flow_pair_retire(env->flows, &stream->pair[CALL_LEG_B]);
	}
	reset_stream(stream, 0);
}

void media_close_all(struct media *media, const struct core_env *env)
{
	for (uint32_t i = 0; i < media->count; i++)
		media_close(media, env, i);
	if (media->recording != 0)
		recording_close(flow_writer_signaling(env->flows), media->recording - 1u);
	media->recording = 0;
	media->shard = -1;
	media->passed = 0;
}

// What the next record of the call says of it: it may come to the worker whose ports they are.
static void keep_foreign(struct media *media, const struct media_adopt *adopt)
{
	struct media_stream *stream = &media->streams[adopt->index];

	media->foreign |= 1u << adopt->index;
	reset_stream(stream, adopt->kind);
	for (uint32_t side = 0; side < CALL_LEGS; side++) {
		stream->pair[side].media_address = adopt->address[side];
		stream->pair[side].port = adopt->port[side];
		stream->pair[side].incarnation = adopt->incarnation[side];
		stream->remote[side] = adopt->remote[side];
	}
}

int media_adopt(struct media *media, const struct core_env *env, const struct media_adopt *adopt)
{
	struct media_stream *stream = media_stream_make(media, adopt->index);
	struct media_stream found = { .is_open = true, .kind = adopt->kind };

	if (!stream)
		return -ENOMEM;
	if (stream->is_open)
		return -EEXIST;
	for (uint32_t side = 0; side < CALL_LEGS; side++) {
		int err = flow_pair_claim(env->flows, adopt->address[side], adopt->port[side],
			adopt->incarnation[side], &found.pair[side]);

		if (err && side == CALL_LEG_B)
			flow_pair_disown(env->flows, &found.pair[CALL_LEG_A]);
		if (err == -ENOENT)
			keep_foreign(media, adopt);
		if (err)
			return err;
		found.remote[side] = adopt->remote[side];
		found.shared[side] = adopt->shared[side];
		media->address[side] = adopt->address[side];
	}
	memcpy(found.secure, stream->secure, sizeof(found.secure));
	*stream = found;
	media->shard = (int)shm_media_shard(adopt->port[CALL_LEG_A]);
	return media_secure_adopt(media, env, adopt->index);
}

bool media_is_foreign(const struct media *media, uint32_t index)
{
	return media->foreign & 1u << index;
}

void media_disown(struct media *media, const struct core_env *env)
{
	for (uint32_t i = 0; i < media->count; i++) {
		struct media_stream *stream = &media->streams[i];

		for (uint32_t side = 0; stream->is_open && side < CALL_LEGS; side++)
			flow_pair_disown(env->flows, &stream->pair[side]);
		reset_stream(stream, 0);
	}
	media->recording = 0; // goes on: recording_resume()
	media->shard = -1;
}

bool media_has_open(const struct media *media)
{
	return media_open_count(media) > 0;
}

struct addr media_local(const struct media *media, const struct config *config, uint32_t index,
	enum call_side side)
{
	const struct media_stream *stream = media_stream(media, index);
	const struct config_realm *realm = &config->realms[media->realm[side]];

	if (stream && stream->is_bundled)
		stream = media_stream(media, stream->bundle);
	CHECK(stream && stream->is_open);
	stream = media_transport(media, stream, side);
	uint32_t at = stream->pair[side].media_address -
		media_address_base(config, media->realm[side]);
	struct addr local = { .port = stream->pair[side].port };
	if (at < realm->media_count)
		local.ip = realm->media[at];
	// One public address stands for the private ones of its family (1:1 NAT).
	if (!ip_is_unset(&realm->advertise) && ip_is_v4(&realm->advertise) == ip_is_v4(&local.ip))
		local.ip = realm->advertise;
	return local;
}

static bool is_own_address(const struct config_realm *realm, const struct ip *ip)
{
	for (uint32_t i = 0; i < realm->media_count; i++)
		if (ip_eq(&realm->media[i], ip))
			return true;
	return !ip_is_unset(&realm->advertise) && ip_eq(&realm->advertise, ip);
}

// Realms on one device and VLAN are one network: there an address of either is ours. In another
// network the same address may be somebody else's.
bool media_is_allowed_remote(const struct config *config, uint32_t realm, const struct ip *ip)
{
	const struct config_realm *own = &config->realms[realm];
	bool is_special_realm = false;

	for (uint32_t i = 0; i < config->realm_count; i++) {
		const struct config_realm *other = &config->realms[i];

		if (other->device == own->device && other->vlan == own->vlan &&
			is_own_address(other, ip))
			return false;
	}
	for (uint32_t i = 0; i < own->media_count; i++)
		is_special_realm |= ip_is_special(&own->media[i]);
	return is_special_realm || !ip_is_special(ip);
}
