// media.h - the ports and flows of one call: reserved in pairs, published for both legs, retired at
// once.
//
// Pure core, owner thread. Stream i is line i of the descriptions; records of streams lie in the
// call's arena, as many as were needed so far. It knows addresses, directions and flows, no SDP
// (offer.h) and no SIP.
// Stream i of leg A and stream i of leg B are peers: what A's port receives leaves from B's.
#pragma once

#include "base/arena.h"
#include "call/env.h"
#include "call/sdes.h"
#include "call/summary.h"

#define MEDIA_STREAMS_MAX  32u
#define MEDIA_HANDSHAKE_MS 30000u // until a pair is found and DTLS is done

// What the far end of one leg signaled for one stream.
struct media_remote {
	struct addr rtp;   // unset = not known yet
	struct addr rtcp;  // of its own port; unset with mux or when not known yet
	bool is_mux;       // RTP and RTCP share the port (RFC 5761), agreed on this leg
	bool is_blackhole; // c=0.0.0.0 or ::, nothing may be sent to it (RFC 3264 8.4)
	bool is_inactive;  // a=inactive: neither sent nor received
	bool is_held;      // not both ways: silence on this stream says nothing
	bool is_unkeyed;   // SRTP is asked of it and no key agreed: nothing may pass either way
	// What its line said: RTP/SAVP, UDP/TLS before that, a final F (RFC 4585).
	bool is_savp;
	bool is_tls;
	bool is_avpf;
};

// ICE and DTLS with the far end of one leg of a stream.
struct media_secure {
	struct flow_secure next;  // of the exchange under way (agreement.c)
	struct addr selected[2];  // in force by ICE, for RTP and RTCP; unset = nobody
	bool has_ice, has_dtls;   // in force
	bool is_keyed;            // keys of a handshake are in force
	bool is_waiting;          // for a first pair, or for a handshake
	uint64_t until_ms;        // is_waiting: for no longer than that, 0 = an answer must come
	                          // first; else when consent that was lost ends the call, 0 = never
};

struct media_stream {
	bool is_open;         // pairs are reserved
	uint8_t kind;         // enum flow_kind: FLOW_RTP or FLOW_OPAQUE
	bool is_audio;        // m=audio
	// Its packets run in stream `bundle` (RFC 8843); own pairs, if open, wait for the end of
	// the exchange.
	bool is_bundled;
	uint8_t bundle;
	// 1 + the stream whose port and keys it has on that leg alone (share.c), 0 = its own.
	uint8_t shared[CALL_LEGS];
	struct flow_pair pair[CALL_LEGS];
	struct media_remote remote[CALL_LEGS];
	struct media_secure *secure[CALL_LEGS]; // NULL = there was never ICE or DTLS
	uint64_t print[CALL_LEGS][2]; // hash of the record published last, 0 = none
};

struct media {
	struct arena *arena;         // the call's
	struct media_stream *streams; // [count], in it
	uint8_t count, capacity;
	uint8_t passed;              // lines in force whose media goes past us
	uint32_t foreign;            // bit i: the ports of stream i are another worker's
	bool has_secure;             // some stream has a media_secure
	int shard;                   // media shard of the whole call, -1 until the first pair
	uint16_t recording;          // slot + 1 of shm/recording.h, 0 = the call is not recorded
	uint16_t realm[CALL_LEGS];   // index
	uint16_t address[CALL_LEGS]; // media address id of the stream opened last
};

struct media_owner {
	uint64_t call_token;
	uint32_t worker;
	uint32_t profile[CALL_LEGS]; // index
};

// `arena` is borrowed for the life of the call.
void media_init(struct media *media, struct arena *arena, uint32_t realm_a, uint32_t realm_b);

// Stream `index`, there from now on. NULL: the arena is full.
struct media_stream *media_stream_make(struct media *media, uint32_t index);
// Stream `index`, borrowed until the next media_open(). NULL: never opened.
struct media_stream *media_stream(const struct media *media, uint32_t index);
// Streams with pairs of their own.
uint32_t media_open_count(const struct media *media);

// Reserves both legs' pairs of stream `index`; `is_v6` is the family that each far end needs.
// Already open: 0 at once. -ENOSPC: no ports, -ENOMEM: no slots or no room in the arena,
// -EAFNOSUPPORT: a realm has no address of that family.
int media_open(struct media *media, const struct core_env *env, uint32_t index,
	const bool is_v6[CALL_LEGS]);
// A pair on one leg that may take the place of the stream's, for a far end that changed its address
// family. Errors like media_open(). Given back by flow_pair_retire() if it is not used.
int media_reserve_move(struct media *media, const struct core_env *env, enum call_side side,
	bool is_v6, struct flow_pair *out);
// Takes the pair into use, retires the old one.
void media_move(struct media *media, const struct core_env *env, uint32_t index,
	enum call_side side, const struct flow_pair *pair);
// Pairs of another realm in place of those of that leg, of the same family where the realm has it;
// or of that family in its own realm, likewise. All or none; errors like media_open().
int media_change_realm(struct media *media, const struct core_env *env, enum call_side side,
	uint32_t realm);
int media_change_family(struct media *media, const struct core_env *env, enum call_side side,
	bool is_v6);
// The far end of that leg is another one from now on: fresh pairs for streams with which the one
// before had keys, ICE or DTLS, in place of theirs. Those secrets, what the far end has shown and
// how packets were counted under a key all stay with the old pair; no port is shared any more. All
// or none; errors like media_open().
int media_change_far(struct media *media, const struct core_env *env, enum call_side side);
// Makes stream `to` the one that has the pairs of stream `from`, which is not open any more.
void media_rename(struct media *media, const struct core_env *env, uint32_t from, uint32_t to);
// Stream `index` runs in stream `owner` from now on (RFC 8843); pairs of its own rest until they
// are released, or it leaves again. 0, -ENOMEM.
int media_join(struct media *media, uint32_t index, uint32_t owner);
void media_leave(struct media *media, uint32_t index);
void media_release(struct media *media, const struct core_env *env, uint32_t index);
// Keys of one leg of an open stream, in force with the next media_publish(); suite SRTP_NONE:
// plain. -ENOMEM: no slot for a key is left, one direction may have changed.
int media_set_keys(struct media_stream *stream, const struct core_env *env, enum call_side side,
	const struct sdes_key *rx, const struct sdes_key *tx);
// The key under which we send there, SRTP_NONE: none, or no stream.
struct sdes_key media_own_key(
	const struct media_stream *stream, const struct core_env *env, enum call_side side);
// The place for ICE and DTLS of a leg of stream `index`, open or not; there for the life of the
// call. NULL: the arena is full.
struct media_secure *media_secure_make(
	struct media *media, uint32_t index, enum call_side side);
// Of a stream whose pairs were claimed: its agreements and keys as the segment has them. -ENOMEM.
int media_secure_adopt(struct media *media, const struct core_env *env, uint32_t index);
// Ends what is agreed there; its place stays.
void media_secure_clear(struct media_secure *secure);
// The leg has other ports, without a pair of addresses and without keys: it is mute, if it had
// them, until something is agreed there.
void media_secure_unbind(struct media_secure *secure);
// The stream whose port carries this one on that leg: itself, unless they share it.
const struct media_stream *media_transport(
	const struct media *media, const struct media_stream *stream, enum call_side side);
// Some leg of it waits for its key: nothing may pass.
bool media_is_unkeyed(const struct media *media, const struct media_stream *stream);
bool media_is_leg_unkeyed(
	const struct media *media, const struct media_stream *stream, enum call_side side);
// Two open streams exchange their ports on that leg, with all that is agreed there.
void media_swap_leg(struct media *media, enum call_side side, uint32_t a, uint32_t b);
// The stream ends: those that share a port of it are mute until they have one.
void media_unshare(struct media *media, uint32_t index);
// Where the far end's RTP (0) or RTCP (1) goes to: as ICE found it, else as signaled.
struct addr media_far(const struct media_stream *stream, enum call_side side, uint32_t which);
// Publishes what changed, both legs of all open streams; records are complete before the first
// store to the index. -ENOMEM: no slot for a new generation; some legs may still serve the old one.
int media_publish(struct media *media, const struct core_env *env, const struct media_owner *owner);
// A stream of a call that came as a record: its pairs are claimed from the orphans of this worker.
struct media_adopt {
	uint32_t index;
	uint8_t kind;
	uint16_t address[CALL_LEGS], port[CALL_LEGS];
	uint64_t incarnation[CALL_LEGS];
	struct media_remote remote[CALL_LEGS];
	uint8_t shared[CALL_LEGS]; // as in struct media_stream
};
// -ENOENT: not both are here, nothing was claimed. -EEXIST: the stream is open.
int media_adopt(struct media *media, const struct core_env *env, const struct media_adopt *adopt);
// It was not to be had by media_adopt(): its flows go on elsewhere until it is opened or closed.
// Its pairs and far ends stand there for the next record.
bool media_is_foreign(const struct media *media, uint32_t index);
// The call goes elsewhere: everything becomes orphans.
void media_disown(struct media *media, const struct core_env *env);

// Retires one stream's pairs; safe on one that is not open.
void media_close(struct media *media, const struct core_env *env, uint32_t index);
void media_close_all(struct media *media, const struct core_env *env);
bool media_has_open(const struct media *media);

// What the far end of `side` is told: our address (or the realm's `advertise`) and RTP port. RTCP
// is at the next port. Only for open streams and bundled ones.
struct addr media_local(const struct media *media, const struct config *config, uint32_t index,
	enum call_side side);

// Whether media may be sent to `ip` on behalf of that realm: not one of our own media addresses
// (packet loops) and nothing special unless the realm itself lives there.
bool media_is_allowed_remote(const struct config *config, uint32_t realm, const struct ip *ip);

// First media address id of a realm; ids follow the configuration, realm by realm.
uint32_t media_address_base(const struct config *config, uint32_t realm);
// Whether the realm has a media address of the family.
bool media_has_family(const struct config *config, uint32_t realm, bool is_v6);

// When a packet, RTP or RTCP, was last accepted from either far end, in ms of env->now_ms; 0 = none
// that can be believed.
uint64_t media_last_ms(const struct media *media, const struct core_env *env);
// No open stream is meant to carry media both ways.
bool media_is_held(const struct media *media);

// Fills the media part of a leg: addresses, counters, jitter, MOS. Sums over streams; jitter and
// MOS are those of the first one.
void media_leg_info(const struct media *media, const struct core_env *env, enum call_side side,
	struct span codec, struct leg_info *out);
