// srtp_context.c - the life of a key in this process: taken, used, wiped.
#include "lane.h"
#include "srtp.h"

#include "base/check.h"
#include "proto/rtp.h"

#include <string.h>
#include <sys/mman.h>

#define SRTP_BUSY   UINT32_MAX // holder: somebody builds or takes it apart
#define SWEEP_SLICE 64u
#define BASE_AAD    12u // bytes of a fixed RTP header, and of SRTCP's header with its index word

static void *map_private(size_t bytes)
{
	void *memory = mmap(NULL, bytes ? bytes : 1, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (memory == MAP_FAILED)
		return NULL;
	madvise(memory, bytes, MADV_DONTDUMP);
	return memory;
}

struct srtp_context *srtp_contexts_new(uint32_t count)
{
	return map_private(count * sizeof(struct srtp_context));
}

void srtp_contexts_free(struct srtp_context *contexts, uint32_t count)
{
	if (contexts)
		munmap(contexts, count ? count * sizeof(*contexts) : 1);
}

struct srtp_route *srtp_routes_new(uint32_t count)
{
	return map_private(count * sizeof(struct srtp_route));
}

void srtp_routes_free(struct srtp_route *routes, uint32_t count)
{
	if (routes)
		munmap(routes, count ? count * sizeof(*routes) : 1);
}

// Sessions and secrets go; `holder` is SRTP_BUSY meanwhile.
static void empty_context(const struct srtp_lane *srtp, struct srtp_context *context)
{
	if (context->rtp)
		crypto_session_free(srtp->crypto, context->rtp);
	if (context->rtcp)
		crypto_session_free(srtp->crypto, context->rtcp);
	for (uint32_t i = 0; i < SRTP_EXTRAS; i++)
		if (context->extras[i].session)
			crypto_session_free(srtp->crypto, context->extras[i].session);
	context->serial = 0;
	context->rtp = context->rtcp = NULL;
	explicit_bzero(context->keys, sizeof(context->keys));
	memset(context->extras, 0, sizeof(context->extras));
	explicit_bzero(context->rtp_salt, sizeof(context->rtp_salt));
	explicit_bzero(context->rtcp_salt, sizeof(context->rtcp_salt));
}

// Keys --------------------------------------------------------------------------------------------

// A copy of the other process's record, checked whole.
static bool copy_key(
	const struct srtp_lane *srtp, uint32_t key, uint64_t incarnation, struct flow_key *out)
{
	memcpy(out, &srtp->keys[key], sizeof(*out));
	return flow_key_is_valid(out, incarnation) && srtp_suite_info(out->suite) &&
		out->mki_bytes <= SRTP_MKI_MAX;
}

static bool fill_context(
	struct srtp_lane *srtp, struct srtp_context *context, const struct flow_key *key)
{
	const struct srtp_suite_info *suite = srtp_suite_info(key->suite);

	if (srtp_kdf_derive(&srtp->kdf, suite, key->key, key->salt, context->keys))
		return false;
	context->form = (struct srtp_form){ .suite = suite, .mki_bytes = key->mki_bytes };
	memcpy(context->mki, key->mki, sizeof(context->mki));
	memcpy(context->rtp_salt, context->keys[0].salt, sizeof(context->rtp_salt));
	memcpy(context->rtcp_salt, context->keys[1].salt, sizeof(context->rtcp_salt));
	context->serial = key->serial;
	return true;
}

// What stands before the highest index may have been seen: nobody remembers.
static void forget_windows(struct flow_stream *table, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		table[i].window[0] = table[i].window[1] = UINT64_MAX;
}

static void reset_state(struct flow_crypto *state, const struct flow_key *key)
{
	atomic_store_explicit(&state->incarnation, 0, memory_order_relaxed);
	atomic_thread_fence(memory_order_release); // nobody sees reset words under the old one
	_Atomic uint64_t *const words[] = { &state->packets, &state->auth_failed, &state->replayed,
		&state->refused };
	for (uint32_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		atomic_store_explicit(words[i], 0, memory_order_relaxed);
	memset(state->gone, 0, sizeof(state->gone));
	memset(state->streams, 0, sizeof(state->streams));
	memset(state->reporters, 0, sizeof(state->reporters));
	atomic_store_explicit(&state->rtcp_index, key->rtcp_index, memory_order_relaxed);
	for (uint32_t i = 0; i < FLOW_KEY_MARKS; i++) {
		const struct flow_mark *mark = &key->marks[i];
		struct flow_stream *stream = &state->streams[i];
		if (mark->ssrc == 0)
			continue;
		atomic_store_explicit(&stream->ssrc, mark->ssrc, memory_order_relaxed);
		atomic_store_explicit(&stream->used_s, 1, memory_order_relaxed);
		flow_stream_set_index(stream, (uint64_t)mark->roc << 16 | mark->sequence);
	}
	forget_windows(state->streams, FLOW_KEY_MARKS);
}

static void sync_state(struct flow_crypto *state, const struct flow_key *key)
{
	bool is_known = atomic_load_explicit(&state->incarnation, memory_order_relaxed) ==
			key->incarnation &&
		atomic_load_explicit(&state->serial, memory_order_relaxed) == key->serial;

	if (!is_known)
		reset_state(state, key);
	else
		forget_windows(state->streams, FLOW_STREAMS + FLOW_REPORTERS);
	atomic_store_explicit(&state->serial, key->serial, memory_order_relaxed);
	// release: pairs with the acquire of readers
	atomic_store_explicit(&state->incarnation, key->incarnation, memory_order_release);
}
_Static_assert(offsetof(struct flow_crypto, reporters) ==
		offsetof(struct flow_crypto, streams) + sizeof(struct flow_stream) * FLOW_STREAMS,
	"sync_state() takes both tables for one");

// `from` is whole. The key's serial, or 0: it is in other hands, or cannot be used.
static uint64_t take(struct lane *lane, uint32_t key, const struct flow_key *from, bool is_protect)
{
	struct srtp_lane *srtp = lane->srtp;
	struct srtp_context *context = &srtp->contexts[key];
	uint32_t holder = atomic_load_explicit(&context->holder, memory_order_acquire);

	if (holder == SRTP_BUSY)
		return 0;
	if (holder == lane->id + 1 && context->serial == from->serial)
		return context->is_protect == is_protect ? from->serial : 0;
	// acquire, release: what another lane left there is seen whole, and the other way round
	if (!atomic_compare_exchange_strong_explicit(&context->holder, &holder, SRTP_BUSY,
		    memory_order_acq_rel, memory_order_relaxed))
		return 0;
	empty_context(srtp, context);
	context->is_protect = is_protect;
	bool is_ready = fill_context(srtp, context, from);
	if (is_ready)
		sync_state(&srtp->states[key], from);
	atomic_store_explicit(
		&context->holder, is_ready ? lane->id + 1 : 0, memory_order_release);
	return is_ready ? from->serial : 0;
}

uint64_t srtp_take(struct lane *lane, uint32_t key, uint64_t incarnation, bool is_protect)
{
	struct flow_key copy;
	uint64_t serial = 0;

	if (!lane->srtp || key >= lane->srtp->key_count)
		return 0;
	if (copy_key(lane->srtp, key, incarnation, &copy))
		serial = take(lane, key, &copy, is_protect);
	explicit_bzero(&copy, sizeof(copy)); // also what was refused: it may be another call's key
	return serial;
}

// Frees the context if it is this lane's.
static void let_go(struct lane *lane, struct srtp_context *context)
{
	uint32_t own = lane->id + 1;

	if (!atomic_compare_exchange_strong_explicit(&context->holder, &own, SRTP_BUSY,
		    memory_order_acq_rel, memory_order_relaxed))
		return;
	empty_context(lane->srtp, context);
	atomic_store_explicit(&context->holder, 0, memory_order_release);
}

void srtp_sweep(struct lane *lane)
{
	struct srtp_lane *srtp = lane->srtp;

	if (!srtp)
		return;
	if (srtp->sweep_at >= srtp->key_count)
		srtp->sweep_at = 0;
	uint32_t end = srtp->sweep_at + SWEEP_SLICE;
	end = end < srtp->key_count ? end : srtp->key_count;
	for (; srtp->sweep_at < end; srtp->sweep_at++) {
		struct srtp_context *context = &srtp->contexts[srtp->sweep_at];
		uint32_t holder = atomic_load_explicit(&context->holder, memory_order_relaxed);
		if (holder == lane->id + 1 &&
			__atomic_load_n(&srtp->keys[srtp->sweep_at].serial, __ATOMIC_RELAXED) !=
				context->serial)
			let_go(lane, context);
	}
}

void srtp_detach(struct lane *lane)
{
	struct srtp_lane *srtp = lane->srtp;

	for (uint32_t key = 0; srtp && key < srtp->key_count; key++)
		let_go(lane, &srtp->contexts[key]);
}

// Sessions ----------------------------------------------------------------------------------------

static void *new_session(const struct srtp_lane *srtp, const struct srtp_context *context,
	bool is_rtcp, uint32_t aad_bytes)
{
	struct crypto_session params = {
		.suite = context->form.suite,
		.keys = &context->keys[is_rtcp],
		.is_rtcp = is_rtcp,
		.is_protect = context->is_protect,
		.aad_bytes = (uint16_t)aad_bytes,
	};

	return crypto_session_new(srtp->crypto, &params);
}

// A session of AEAD is for one length of header. Operations that wait may use those that were used
// in this batch.
static void *extra_session(
	struct srtp_lane *srtp, struct srtp_context *context, uint32_t aad_bytes)
{
	struct srtp_extra *oldest = NULL;
	uint32_t oldest_age = 0;

	for (uint32_t i = 0; i < SRTP_EXTRAS; i++) {
		struct srtp_extra *extra = &context->extras[i];
		if (extra->session && extra->aad_bytes == aad_bytes) {
			extra->used = srtp->batches;
			return extra->session;
		}
		uint32_t age = extra->session ? srtp->batches - extra->used : UINT32_MAX;
		if (age > oldest_age) { // 0: in this batch
			oldest = extra;
			oldest_age = age;
		}
	}
	if (!oldest)
		return NULL;
	if (oldest->session)
		crypto_session_free(srtp->crypto, oldest->session);
	*oldest = (struct srtp_extra){ .session = new_session(srtp, context, false, aad_bytes),
		.aad_bytes = (uint16_t)aad_bytes, .used = srtp->batches };
	return oldest->session;
}

void *srtp_session_make(
	struct srtp_lane *srtp, struct srtp_context *context, bool is_rtcp, uint32_t aad_bytes)
{
	if (!is_rtcp && context->form.suite->is_aead && aad_bytes != BASE_AAD)
		return extra_session(srtp, context, aad_bytes);
	void **session = is_rtcp ? &context->rtcp : &context->rtp;
	if (!*session)
		*session = new_session(srtp, context, is_rtcp, BASE_AAD);
	return *session;
}

// SSRCs -------------------------------------------------------------------------------------------

// Three bits of 512 for an SSRC.
static bool gone_has(const struct flow_crypto *state, uint32_t ssrc)
{
	for (uint32_t i = 0; i < 3; i++) {
		uint32_t bit = ssrc * 0x9e3779b1u >> (5 + i * 9) & 511;
		if (!(state->gone[bit / 64] >> (bit % 64) & 1))
			return false;
	}
	return true;
}

static void gone_add(struct flow_crypto *state, uint32_t ssrc)
{
	for (uint32_t i = 0; i < 3; i++) {
		uint32_t bit = ssrc * 0x9e3779b1u >> (5 + i * 9) & 511;
		state->gone[bit / 64] |= 1ull << (bit % 64);
	}
}

struct flow_stream *srtp_stream_add(struct flow_crypto *state, bool is_rtcp, uint32_t ssrc,
	uint64_t index, bool is_protect)
{
	struct flow_stream *table = is_rtcp ? state->reporters : state->streams;
	uint32_t count = is_rtcp ? FLOW_REPORTERS : FLOW_STREAMS;
	struct flow_stream *oldest = &table[0];

	if (is_protect && gone_has(state, ssrc))
		return NULL;
	for (uint32_t i = 1; i < count; i++)
		if (atomic_load_explicit(&table[i].used_s, memory_order_relaxed) <
			atomic_load_explicit(&oldest->used_s, memory_order_relaxed))
			oldest = &table[i];
	if (is_protect && atomic_load_explicit(&oldest->used_s, memory_order_relaxed) != 0)
		gone_add(state, atomic_load_explicit(&oldest->ssrc, memory_order_relaxed));
	atomic_store_explicit(&oldest->ssrc, ssrc, memory_order_relaxed);
	flow_stream_set_index(oldest, index);
	oldest->window[0] = 1;
	oldest->window[1] = 0;
	return oldest;
}

bool srtp_is_rtcp(const struct packet *packet)
{
	uint16_t flags = packet->header->flags;

	return (flags & READY_RTCP) ||
		((flags & READY_MUX) &&
			rtp_demux_of(packet->udp + 8, packet->udp_len - 8u) == RTP_DEMUX_RTCP);
}

// Lanes -------------------------------------------------------------------------------------------

struct srtp_lane *srtp_lane_new(const struct crypto *crypto, uint32_t queue)
{
	struct srtp_lane *srtp = map_private(sizeof(*srtp));

	if (!srtp)
		return NULL;
	srtp->crypto = crypto;
	crypto_batch_init(&srtp->batch, crypto, (uint16_t)queue);
	if (srtp_kdf_init(&srtp->kdf) == 0)
		return srtp;
	munmap(srtp, sizeof(*srtp));
	return NULL;
}

void srtp_lane_free(struct srtp_lane *srtp)
{
	if (!srtp)
		return;
	srtp_kdf_fini(&srtp->kdf);
	munmap(srtp, sizeof(*srtp));
}
