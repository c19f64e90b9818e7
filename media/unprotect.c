// unprotect.c - stage before latch, for flows with a key: SRTP and SRTCP become RTP and RTCP, or
// are counted and dropped.
//
// Only bursts with such a flow come here. Three passes: every packet is looked at and given an
// operation; all operations run; in order, what is authentic and new goes on. Nothing that latch,
// counters or the far end could see is touched before the tag was right. A locked source is
// compared first, because that is cheap and reads only.
#include "base/metric.h"
#include "lane.h"
#include "latch.h"
#include "proto/rtp.h"
#include "srtp.h"
#include "srtp_index.h"

#include <rte_branch_prediction.h>
#include <rte_mbuf.h>
#include <string.h>

#define RETRY_MASK 31u // one in so many packets of a flow without a working key looks again

// One packet between the passes.
struct job {
	struct packet *packet;
	struct srtp_context *context;
	struct flow_crypto *state;
	const struct crypto_op *op;
	uint64_t index;
	uint32_t ssrc;
	uint16_t end;
	bool is_rtcp;
	uint8_t link_byte; // of the frame's first byte, lent to the cipher
	bool is_link_lent;
};

// False, for the callers that return it.
static bool drop(struct packet *packet, enum drop_reason reason)
{
	metric_add(&packet->state->dropped_other, 1);
	packet_drop(packet, reason);
	return false;
}

static bool refuse(struct packet *packet, enum drop_reason reason, _Atomic uint64_t *counter)
{
	metric_add(counter, 1);
	return drop(packet, reason);
}

static struct flow_stream *find_stream(const struct job *job)
{
	return job->is_rtcp ?
		srtp_stream_find(job->state->reporters, FLOW_REPORTERS, job->ssrc) :
		srtp_stream_find(job->state->streams, FLOW_STREAMS, job->ssrc);
}

// The packet's index; RFC 3711 3.3.1, 3.4. False: it cannot be one that we accept.
static bool find_index(struct job *job, const uint8_t *data, const struct srtp_parts *parts)
{
	const struct flow_stream *stream;

	if (job->is_rtcp) {
		uint32_t word = rtp_load32(data + parts->index_at);
		job->ssrc = rtp_load32(data + 4);
		job->index = word & (SRTCP_INDEX_LIMIT - 1);
		stream = find_stream(job);
		if (!(word & SRTCP_ENCRYPTED))
			return refuse(job->packet, DROP_SRTP_REFUSED, &job->state->refused);
	} else {
		job->ssrc = rtp_ssrc(data);
		stream = find_stream(job);
		job->index = stream ? srtp_index_guess(flow_stream_index(stream), rtp_seq(data)) :
				      rtp_seq(data);
	}
	if ((stream && !srtp_window_has_room(stream, job->index)) ||
		job->index >= SRTP_INDEX_LIMIT)
		return refuse(job->packet, DROP_SRTP_REPLAYED, &job->state->replayed);
	return true;
}

// Ranges of an operation count from the start of the frame.
static struct crypto_range range_of(
	const struct rte_mbuf *mbuf, const uint8_t *at, uint32_t len)
{
	return (struct crypto_range){
		(uint32_t)(at - rte_pktmbuf_mtod(mbuf, const uint8_t *)), len
	};
}

static void fill_aead(
	struct job *job, struct crypto_op *op, uint8_t *data, const struct srtp_parts *parts)
{
	const struct srtp_context *context = job->context;
	uint32_t clear = parts->clear_bytes;
	uint8_t *aad = data;

	srtp_iv_aead(op->iv, job->is_rtcp ? context->rtcp_salt : context->rtp_salt, job->ssrc,
		job->index);
	if (job->is_rtcp) { // RFC 7714 9.2: header, then the word with the index
		memcpy(op->aad, data, SRTCP_CLEAR_BYTES);
		memcpy(op->aad + SRTCP_CLEAR_BYTES, data + parts->index_at, SRTP_INDEX_BYTES);
		aad = op->aad;
	}
	crypto_op_set_aead(op, range_of(job->packet->mbuf, data + clear, parts->end - clear),
		data + parts->tag_at, aad);
}

// RFC 3711 4.2: RTP is authenticated with its roll-over counter behind it, which we lay over what
// stands there, after the tag was set aside; RTCP with the word that stands there.
static void fill_chain(
	struct job *job, struct crypto_op *op, uint8_t *data, const struct srtp_parts *parts)
{
	const struct srtp_context *context = job->context;
	struct rte_mbuf *mbuf = job->packet->mbuf;
	struct crypto_range text = range_of(
		mbuf, data + parts->clear_bytes, parts->end - (uint32_t)parts->clear_bytes);

	srtp_iv_cm(op->iv, job->is_rtcp ? context->rtcp_salt : context->rtp_salt, job->ssrc,
		job->index);
	memcpy(op->tag, data + parts->tag_at, parts->tag_bytes);
	if (!job->is_rtcp)
		rtp_store32(data + parts->end, (uint32_t)(job->index >> 16));
	if (unlikely(text.len == 0)) { // the cipher wants a byte: it gets one that nobody reads
		job->is_link_lent = true;
		job->link_byte = *rte_pktmbuf_mtod(mbuf, uint8_t *);
		text = (struct crypto_range){ 0, 1 };
	}
	crypto_op_set_chain(op, text, range_of(mbuf, data, parts->end + SRTP_INDEX_BYTES), op->tag);
}

// Whose packet it is, and which one. False: dropped.
static bool identify(
	struct srtp_lane *srtp, struct packet *packet, struct job *job, struct srtp_parts *parts)
{
	const uint8_t *data = packet->udp + 8;
	const struct srtp_route *route = &srtp->routes[packet->slot];
	*job = (struct job){ .packet = packet, .is_rtcp = srtp_is_rtcp(packet) };
	if (!job->is_rtcp && rtp_demux_of(data, packet->udp_len - 8u) != RTP_DEMUX_RTP)
		return drop(packet, DROP_NOT_RTP);
	job->context = srtp_context_of(srtp, route->rx, route->rx_serial);
	if (unlikely(!job->context)) {
		if ((packet->header->retry_in++ & RETRY_MASK) == 0)
			packet->header->epoch = 0; // the next packet builds it anew
		return drop(packet, DROP_SRTP_NO_KEY);
	}
	job->state = &srtp->states[route->rx];
	const struct srtp_context *context = job->context;
	if (!srtp_parts_of(&context->form, job->is_rtcp, data, packet->udp_len - 8u, parts) ||
		memcmp(data + parts->mki_at, context->mki, context->form.mki_bytes) != 0)
		return refuse(packet, DROP_SRTP_REFUSED, &job->state->refused);
	return find_index(job, data, parts);
}

static enum srtp_step prepare(struct srtp_lane *srtp, struct packet *packet, struct job *job)
{
	uint8_t *data = packet->udp + 8;
	struct srtp_parts parts;

	if (!identify(srtp, packet, job, &parts))
		return SRTP_DECIDED;
	void *session = srtp_session_of(srtp, job->context, job->is_rtcp, parts.clear_bytes);
	if (unlikely(!session))
		return SRTP_FULL;
	struct crypto_op *op = crypto_batch_add(&srtp->batch, session, packet->mbuf);
	if (job->context->form.suite->is_aead)
		fill_aead(job, op, data, &parts);
	else
		fill_chain(job, op, data, &parts);
	job->op = op;
	job->end = parts.end;
	return SRTP_ADDED;
}

// The tag was right: the packet counts, unless its index was taken meanwhile by another one of this
// burst.
static void take_in(struct job *job, uint32_t now_s)
{
	struct packet *packet = job->packet;
	struct flow_stream *stream = find_stream(job);

	if (!stream) {
		stream = srtp_stream_add(
			job->state, job->is_rtcp, job->ssrc, job->index, false);
	} else if (srtp_window_has_room(stream, job->index)) {
		srtp_window_take(stream, job->index);
	} else {
		refuse(packet, DROP_SRTP_REPLAYED, &job->state->replayed);
		return;
	}
	atomic_store_explicit(&stream->used_s, now_s, memory_order_relaxed);
	metric_add(&job->state->packets, 1);
	packet->udp_len = (uint16_t)(8 + job->end);
	packet->flags = (uint8_t)((packet->flags & ~PACKET_PLAIN) | PACKET_CHANGED);
}

static void conclude(struct job *job, uint32_t now_s)
{
	if (unlikely(job->is_link_lent))
		*rte_pktmbuf_mtod(job->packet->mbuf, uint8_t *) = job->link_byte;
	switch (job->op->op.status) {
	case RTE_CRYPTO_OP_STATUS_SUCCESS:
		take_in(job, now_s);
		return;
	case RTE_CRYPTO_OP_STATUS_AUTH_FAILED:
		refuse(job->packet, DROP_SRTP_AUTH, &job->state->auth_failed);
		return;
	default:
		drop(job->packet, DROP_SRTP_FAILED);
	}
}

static void run(struct srtp_lane *srtp, struct job *jobs, uint32_t count, uint32_t now_s)
{
	crypto_batch_run(&srtp->batch);
	srtp->batches++;
	for (uint32_t i = 0; i < count; i++)
		conclude(&jobs[i], now_s);
}

void unprotect_burst(struct lane *lane, struct burst *burst)
{
	struct job jobs[BURST_MAX];
	uint32_t count = 0, now_s = srtp_now_s(burst);

	for (struct packet *packet = burst->packets, *end = packet + burst->count; packet < end;
		packet++) {
		if (packet->verdict != VERDICT_FORWARD || !(packet->header->flags & READY_SRTP_IN))
			continue;
		if (!lane->srtp) {
			drop(packet, DROP_SRTP_NO_KEY);
			continue;
		}
		if (latch_drop_foreign(burst, packet))
			continue;
		enum srtp_step step = prepare(lane->srtp, packet, &jobs[count]);
		if (unlikely(step == SRTP_FULL)) {
			run(lane->srtp, jobs, count, now_s);
			count = 0;
			step = prepare(lane->srtp, packet, &jobs[0]);
			if (step == SRTP_FULL)
				drop(packet, DROP_SRTP_NO_SESSION);
		}
		count += step == SRTP_ADDED;
	}
	if (count > 0)
		run(lane->srtp, jobs, count, now_s);
}
