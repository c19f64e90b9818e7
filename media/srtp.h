// srtp.h - the keys that a lane works with: what is made of a struct flow_key, and the memory of
// packets under it.
//
// A context is private memory of muga-media beside slot k of the segment's two slabs: sessions,
// salts, lengths. The lane of the pair's shard takes it into use at the first packet or hint and
// lets go of it when the sweep finds that the key was wiped. The memory of packets (struct
// flow_crypto) lies in media's file, so it outlives this process. Lanes only, between two
// quiescent states.
#pragma once

#include "crypto.h"
#include "shm/flow_crypto.h"
#include "srtp_packet.h"

#include <stdalign.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define SRTP_EXTRAS 6u // sessions for other lengths of RTP header, AEAD only
#define SRTP_NO_KEY UINT32_MAX

struct flow_cfg;
struct lane;
struct ready_header;

// A session for headers that are longer than the fixed one.
struct srtp_extra {
	void *session; // NULL = free
	uint16_t aad_bytes;
	uint32_t used; // batch number: the one that was not used longest gives way
};

struct srtp_context {
	// line 0: every packet
	alignas(64) uint64_t serial; // of the key, 0 = none
	void *rtp, *rtcp;	     // sessions, NULL until the first packet
	struct srtp_form form;
	_Atomic uint32_t holder; // lane + 1, 0 = nobody; SRTP_BUSY while it changes hands
	bool is_protect;
	uint8_t mki[SRTP_MKI_MAX];
	// line 1
	alignas(64) uint8_t rtp_salt[SRTP_SALT_MAX];
	uint8_t rtcp_salt[SRTP_SALT_MAX];
	// rare
	alignas(64) struct srtp_extra extras[SRTP_EXTRAS];
	struct srtp_session_keys keys[2]; // for sessions to come: RTP, RTCP
};

// What a record's header needs to find its keys again: beside each ready header.
struct srtp_route {
	uint32_t rx, tx; // key slots, SRTP_NO_KEY = none that works
	uint64_t rx_serial, tx_serial;
};

// A burst's packet on its way out, set by rewrite for protect.
struct srtp_exit {
	const struct ready_header *header; // with which it leaves
	uint64_t serial;		   // of the key for which room was made
	uint32_t key;			   // slot
};

// One lane's SRTP. `contexts` and `routes` are shared by lanes, one writer per entry.
struct srtp_lane {
	const struct crypto *crypto;
	struct srtp_kdf kdf;
	struct srtp_context *contexts; // [keys]
	struct srtp_route *routes;     // [headers_max]
	const struct flow_key *keys;   // signaling's, [keys]
	struct flow_crypto *states;    // media's file, [keys]
	uint32_t key_count;
	uint32_t sweep_at; // next context that the sweep looks at
	uint32_t batches;  // number of the current one, for srtp_extra.used
	struct srtp_exit exits[BURST_MAX];
	struct crypto_batch batch;
};

// Makes slot `key` of the pair `incarnation` ready for that direction. Derives session keys on
// first sight (microseconds) and resets or takes up the memory of packets. The key's serial, or 0:
// no such key, not whole, or in other hands.
uint64_t srtp_take(struct lane *lane, uint32_t key, uint64_t incarnation, bool is_protect);

// The context of a slot that srtp_take() has made ready, or NULL: it is another key by now.
static inline struct srtp_context *srtp_context_of(
	const struct srtp_lane *srtp, uint32_t key, uint64_t serial)
{
	if (key >= srtp->key_count || srtp->contexts[key].serial != serial)
		return NULL;
	return &srtp->contexts[key];
}

// What a stage has made of a packet.
enum srtp_step {
	SRTP_DECIDED, // dropped
	SRTP_ADDED,   // its operation waits in the batch
	SRTP_FULL,    // the sessions that its key may have are in use: run the batch, then again
};

// The session for that kind of packet, made at its first use. NULL: none is left, or all that the
// key may have are in use in this batch.
void *srtp_session_make(
	struct srtp_lane *srtp, struct srtp_context *context, bool is_rtcp, uint32_t aad_bytes);

static inline void *srtp_session_of(
	struct srtp_lane *srtp, struct srtp_context *context, bool is_rtcp, uint32_t aad_bytes)
{
	void *session = is_rtcp ? context->rtcp : context->rtp;

	if (session && (is_rtcp || aad_bytes == 12 || !context->form.suite->is_aead))
		return session;
	return srtp_session_make(srtp, context, is_rtcp, aad_bytes);
}

// Entry of the SSRC, NULL: none.
static inline struct flow_stream *srtp_stream_find(
	struct flow_stream *table, uint32_t count, uint32_t ssrc)
{
	for (uint32_t i = 0; i < count; i++)
		if (atomic_load_explicit(&table[i].ssrc, memory_order_relaxed) == ssrc &&
			atomic_load_explicit(&table[i].used_s, memory_order_relaxed) != 0)
			return &table[i];
	return NULL;
}

// Gives the SSRC an entry that starts at `index`, at the cost of the one not used longest. What we
// send under (`is_protect`) must not begin anew: an SSRC that lost its entry is refused. NULL:
// refused.
struct flow_stream *srtp_stream_add(struct flow_crypto *state, bool is_rtcp, uint32_t ssrc,
	uint64_t index, bool is_protect);

// Of the burst, for flow_stream.used_s: never 0.
static inline uint32_t srtp_now_s(const struct burst *burst)
{
	return (uint32_t)(burst->now_ns / 1000000000u) + 1;
}

// Whether the packet is RTCP, by the flow's kind or by its bytes (RFC 5761 4).
bool srtp_is_rtcp(const struct packet *packet);

// Lets go of this lane's keys that signaling has wiped, a few slots at each call.
void srtp_sweep(struct lane *lane);
// Lets go of all of them: the segment goes.
void srtp_detach(struct lane *lane);

// `count` contexts or routes in untouched pages, kept out of core dumps. NULL: out of memory.
struct srtp_context *srtp_contexts_new(uint32_t count);
void srtp_contexts_free(struct srtp_context *contexts, uint32_t count);
struct srtp_route *srtp_routes_new(uint32_t count);
void srtp_routes_free(struct srtp_route *routes, uint32_t count);

// A lane's SRTP on queue pair `queue`; contexts, routes and slabs are set at attachment. NULL: out
// of memory. `crypto` is borrowed.
struct srtp_lane *srtp_lane_new(const struct crypto *crypto, uint32_t queue);
void srtp_lane_free(struct srtp_lane *srtp);
