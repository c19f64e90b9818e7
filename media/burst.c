// burst.c - the order of the stages, and what happens to packets that did not leave.
#include "burst.h"

#include "base/metric.h"
#include "lane.h"
#include "tap.h"

#include <rte_branch_prediction.h>
#include <rte_mbuf.h>
#include <rte_prefetch.h>

struct reason_text {
	const char *name;
	const char *help;
};

static const struct reason_text reasons[DROP_REASON_COUNT] = {
#define DROP_REASON(id, name, help) [DROP_##id] = { name, help },
#include "drop_reason.def"
#undef DROP_REASON
};

const char *drop_reason_name(uint32_t reason)
{
	return reason < DROP_REASON_COUNT ? reasons[reason].name : "?";
}

const char *drop_reason_help(uint32_t reason)
{
	return reason < DROP_REASON_COUNT ? reasons[reason].help : "?";
}

void burst_init(struct burst *burst, struct rte_mbuf *const *mbufs, uint32_t count, uint64_t now_ns)
{
	burst->count = count;
	burst->now_ns = now_ns;
	burst->now_8khz = (uint32_t)(now_ns / 125000);
	burst->is_sent = false;
	burst->is_protected = false;
	for (uint32_t i = 0; i < count; i++) {
		struct packet *packet = &burst->packets[i];
		struct rte_mbuf *mbuf = mbufs[i];
		rte_prefetch0(rte_pktmbuf_mtod(mbuf, void *)); // classify comes at once
		packet->mbuf = mbuf;
		burst->mbufs[i] = mbuf;
		packet->flags = 0;
		packet->reason = DROP_NONE;
		packet->verdict = VERDICT_FORWARD;
		packet->tx_port = 0; // the four are one store
	}
}

void forward_burst(struct lane *lane, struct burst *burst)
{
	burst->lane = lane;
	lane_routes_follow(lane);
	classify_burst(lane, burst); // what is not media leaves to the kernel path here
	lookup_burst(lane, burst);   // port -> flow, ready header, state
	if (unlikely(burst->ready & READY_ASIDE)) {
		tap_arrive_burst(lane, burst); // recorded as it came
		divert_burst(lane, burst);     // STUN and DTLS -> slow thread
	}
	if (unlikely(burst->ready & READY_SRTP_IN))
		unprotect_burst(lane, burst); // SRTP -> RTP, or nothing of it is believed
	if (unlikely(burst->ready & READY_BUNDLE))
		unbundle_burst(lane, burst); // one port -> the records of its m= lines
	latch_burst(lane, burst);    // source check, learning, RTP validity, rate, statistics
	if (unlikely(burst->ready & READY_ASIDE))
		tap_accept_burst(lane, burst); // recorded as it was meant; telephone events
	rewrite_burst(lane, burst);  // the header of the other leg
	if (unlikely(burst->is_protected))
		protect_burst(lane, burst); // RTP -> SRTP, under the other leg's key
	transmit_burst(lane, burst);
}

void burst_finish(struct lane *lane, struct burst *burst)
{
	struct rte_mbuf *dead[BURST_MAX];
	uint32_t count = 0;

	if (likely(burst->is_sent))
		return;
	for (uint32_t i = 0; i < burst->count; i++) {
		struct packet *packet = &burst->packets[i];
		if (likely(packet->verdict == VERDICT_SENT))
			continue;
		metric_add(&lane->counters.dropped[packet->reason], 1);
		packet->verdict = VERDICT_SENT;
		dead[count++] = packet->mbuf;
	}
	if (count > 0)
		rte_pktmbuf_free_bulk(dead, count);
}
