// protect.c - stage after rewrite, for packets that leave under a key: RTP and RTCP become SRTP and
// SRTCP.
//
// rewrite has made room and written the headers for the length that comes out (protect_reserve()).
// An index is marked as used before anything is encrypted under it, and one that was used, or may
// have been, is refused: two packets under one key stream would give both away (RFC 3711 9.1).
#include "anchor.h"
#include "base/metric.h"
#include "lane.h"
#include "proto/rtp.h"
#include "rewrite.h"
#include "srtp.h"
#include "srtp_index.h"
#include "sum.h"

#include <rte_branch_prediction.h>
#include <rte_mbuf.h>
#include <string.h>

// One packet between the passes.
struct job {
	struct packet *packet;
	struct srtp_context *context;
	struct flow_crypto *state;
	const struct ready_header *header;
	const struct crypto_op *op;
	struct srtp_parts parts;
	uint64_t index;
	uint64_t behind; // the highest one, if index was refused
	uint32_t ssrc;
	bool is_rtcp;
	uint8_t link_byte; // of the frame's first byte, lent to the cipher
	bool is_link_lent;
};

static uint32_t trailer_bytes(const struct srtp_form *form, bool is_rtcp)
{
	return form->mki_bytes + (is_rtcp ? form->suite->rtcp_tag_bytes + SRTP_INDEX_BYTES :
					    form->suite->rtp_tag_bytes);
}

bool protect_reserve(struct lane *lane, struct burst *burst, struct packet *packet,
	struct ready_header *header)
{
	struct srtp_lane *srtp = lane->srtp;
	const struct srtp_route *route = &srtp->routes[header - lane->headers];
	const struct srtp_context *context = srtp_context_of(srtp, route->tx, route->tx_serial);
	const struct rte_mbuf *mbuf = packet->mbuf;

	if (unlikely(!context)) {
		header->epoch = 0; // the next packet builds it anew
		packet_drop(packet, DROP_SRTP_NO_KEY);
		return false;
	}
	uint32_t len = packet->udp_len + trailer_bytes(&context->form, packet->flags & PACKET_RTCP);
	if (len > (uint32_t)((uint8_t *)mbuf->buf_addr + mbuf->buf_len - packet->udp)) {
		packet_drop(packet, DROP_TOO_LONG);
		return false;
	}
	packet->udp_len = (uint16_t)len;
	packet->flags |= PACKET_CHANGED | PACKET_PROTECT;
	srtp->exits[packet - burst->packets] = (struct srtp_exit){
		.header = header, .serial = route->tx_serial, .key = route->tx
	};
	burst->is_protected = true;
	return true;
}

// Nothing leaves: rewrite had counted it in.
static void fail(struct burst *burst, struct packet *packet, enum drop_reason reason)
{
	burst->octets -= packet->mbuf->data_len;
	metric_add(&packet->state->dropped_other, 1);
	packet_drop(packet, reason);
}

// The index under which the packet leaves: the source's sequence goes on in it. False: used.
static bool take_rtp_index(struct job *job, const uint8_t *data, uint32_t now_s)
{
	job->ssrc = rtp_ssrc(data);
	struct flow_stream *stream =
		srtp_stream_find(job->state->streams, FLOW_STREAMS, job->ssrc);

	if (unlikely(!stream)) {
		job->index = rtp_seq(data);
		stream = srtp_stream_add(job->state, false, job->ssrc, job->index, true);
		if (!stream)
			return false;
	} else {
		uint64_t highest = flow_stream_index(stream);

		job->index = srtp_index_guess(highest, rtp_seq(data));
		if (job->index >= SRTP_INDEX_LIMIT || !srtp_window_has_room(stream, job->index)) {
			job->behind = highest - job->index;
			return false;
		}
		srtp_window_take(stream, job->index);
	}
	atomic_store_explicit(&stream->used_s, now_s, memory_order_relaxed);
	return true;
}

// RTCP has one counter for all SSRCs under the key.
static bool take_rtcp_index(struct job *job, uint8_t *data)
{
	uint32_t next = atomic_load_explicit(&job->state->rtcp_index, memory_order_relaxed);

	if (next >= SRTCP_INDEX_LIMIT)
		return false;
	atomic_store_explicit(&job->state->rtcp_index, next + 1, memory_order_relaxed);
	job->ssrc = rtp_load32(data + 4);
	job->index = next;
	rtp_store32(data + job->parts.index_at, SRTCP_ENCRYPTED | next);
	return true;
}

static struct crypto_range range_of(
	const struct rte_mbuf *mbuf, const uint8_t *at, uint32_t len)
{
	return (struct crypto_range){
		(uint32_t)(at - rte_pktmbuf_mtod(mbuf, const uint8_t *)), len
	};
}

static void fill_aead(struct job *job, struct crypto_op *op, uint8_t *data)
{
	const struct srtp_context *context = job->context;
	uint32_t clear = job->parts.clear_bytes;
	uint8_t *aad = data;

	srtp_iv_aead(op->iv, job->is_rtcp ? context->rtcp_salt : context->rtp_salt, job->ssrc,
		job->index);
	if (job->is_rtcp) {
		memcpy(op->aad, data, SRTCP_CLEAR_BYTES);
		memcpy(op->aad + SRTCP_CLEAR_BYTES, data + job->parts.index_at, SRTP_INDEX_BYTES);
		aad = op->aad;
	}
	crypto_op_set_aead(op, range_of(job->packet->mbuf, data + clear, job->parts.end - clear),
		data + job->parts.tag_at, aad);
}

// The roll-over counter lies where MKI and tag will be: it is authenticated, not sent.
static void fill_chain(struct job *job, struct crypto_op *op, uint8_t *data)
{
	const struct srtp_context *context = job->context;
	const struct srtp_parts *parts = &job->parts;
	struct rte_mbuf *mbuf = job->packet->mbuf;
	struct crypto_range text = range_of(
		mbuf, data + parts->clear_bytes, parts->end - (uint32_t)parts->clear_bytes);

	srtp_iv_cm(op->iv, job->is_rtcp ? context->rtcp_salt : context->rtp_salt, job->ssrc,
		job->index);
	if (!job->is_rtcp)
		rtp_store32(data + parts->end, (uint32_t)(job->index >> 16));
	if (unlikely(text.len == 0)) { // the cipher wants a byte: it borrows one
		job->is_link_lent = true;
		job->link_byte = *rte_pktmbuf_mtod(mbuf, uint8_t *);
		text = (struct crypto_range){ 0, 1 };
	}
	crypto_op_set_chain(op, text, range_of(mbuf, data, parts->end + SRTP_INDEX_BYTES),
		data + parts->tag_at);
}

// An index was used, or may have been. A source that begins anew far behind gets other sequence
// numbers from its third packet on; what is only late or doubled does not.
static void refuse_index(struct lane *lane, struct burst *burst, struct job *job)
{
	metric_add(&job->state->replayed, 1);
	if (!job->is_rtcp && job->behind >= SRTP_WINDOW && job->behind <= UINT16_MAX)
		anchor_restart(lane, burst, job->packet, (uint16_t)(job->index + job->behind));
	fail(burst, job->packet, DROP_SRTP_INDEX_USED);
}

static enum srtp_step prepare(
	struct lane *lane, struct burst *burst, struct packet *packet, struct job *job)
{
	struct srtp_lane *srtp = lane->srtp;
	const struct srtp_exit *exit = &srtp->exits[packet - burst->packets];
	bool is_rtcp = packet->flags & PACKET_RTCP;
	struct srtp_context *context = srtp_context_of(srtp, exit->key, exit->serial);

	// A header that rewrite built for a later packet of the burst has taken another key into
	// the slot: the room was made for the one before.
	if (unlikely(!context)) {
		fail(burst, packet, DROP_SRTP_NO_KEY);
		return SRTP_DECIDED;
	}
	uint32_t plain = packet->udp_len - 8u - trailer_bytes(&context->form, is_rtcp);
	uint8_t *data = packet->udp + 8;

	*job = (struct job){ .packet = packet, .context = context, .header = exit->header,
		.state = &srtp->states[exit->key], .is_rtcp = is_rtcp };
	if (!srtp_parts_for(&context->form, is_rtcp, data, plain, &job->parts)) {
		fail(burst, packet, is_rtcp ? DROP_NOT_RTCP : DROP_NOT_RTP);
		return SRTP_DECIDED;
	}
	void *session = srtp_session_of(srtp, context, is_rtcp, job->parts.clear_bytes);
	if (unlikely(!session))
		return SRTP_FULL;
	if (!(is_rtcp ? take_rtcp_index(job, data) :
			take_rtp_index(job, data, srtp_now_s(burst)))) {
		refuse_index(lane, burst, job);
		return SRTP_DECIDED;
	}
	struct crypto_op *op = crypto_batch_add(&srtp->batch, session, packet->mbuf);
	if (context->form.suite->is_aead)
		fill_aead(job, op, data);
	else
		fill_chain(job, op, data);
	job->op = op;
	return SRTP_ADDED;
}

static void conclude(struct burst *burst, struct job *job)
{
	struct packet *packet = job->packet;
	uint8_t *data = packet->udp + 8;

	if (unlikely(job->is_link_lent))
		*rte_pktmbuf_mtod(packet->mbuf, uint8_t *) = job->link_byte;
	if (unlikely(job->op->op.status != RTE_CRYPTO_OP_STATUS_SUCCESS)) {
		fail(burst, packet, DROP_SRTP_FAILED);
		return;
	}
	memcpy(data + job->parts.mki_at, job->context->mki, job->context->form.mki_bytes);
	uint16_t checksum = rewrite_checksum(packet, job->header);
	memcpy(packet->udp + 6, &checksum, sizeof(checksum));
	metric_add(&job->state->packets, 1);
}

static void run(
	struct srtp_lane *srtp, struct burst *burst, struct job *jobs, uint32_t count)
{
	crypto_batch_run(&srtp->batch);
	srtp->batches++;
	for (uint32_t i = 0; i < count; i++)
		conclude(burst, &jobs[i]);
}

void protect_burst(struct lane *lane, struct burst *burst)
{
	struct job jobs[BURST_MAX];
	uint32_t count = 0;

	for (struct packet *packet = burst->packets, *end = packet + burst->count; packet < end;
		packet++) {
		if (packet->verdict != VERDICT_FORWARD || !(packet->flags & PACKET_PROTECT))
			continue;
		enum srtp_step step = prepare(lane, burst, packet, &jobs[count]);
		if (unlikely(step == SRTP_FULL)) {
			run(lane->srtp, burst, jobs, count);
			count = 0;
			step = prepare(lane, burst, packet, &jobs[0]);
			if (step == SRTP_FULL)
				fail(burst, packet, DROP_SRTP_NO_SESSION);
		}
		count += step == SRTP_ADDED;
	}
	if (count > 0)
		run(lane->srtp, burst, jobs, count);
}
