#include "keepalive.h"

#include "base/hash.h"
#include "base/metric.h"
#include "depart.h"
#include "flow_sync.h"
#include "lane.h"
#include "proto/rtcp.h"
#include "proto/stun_message.h"

#include <string.h>

#define NS_PER_SECOND 1000000000ull
#define BYTES_MAX     64u
// RFC 3551 6: unassigned, and static, so that nobody can have agreed on it
#define UNKNOWN_TYPE  20u
#define CNAME_ITEM    1u
#define CNAME_BYTES   8u

// When something was sent to the port's far end last, 0 = never. What its peer receives on hold is
// not.
static uint64_t sent_ns(struct lane *lane, const struct flow_cfg *cfg)
{
	struct flow_state *state;
	const struct flow_cfg *peer;

	if (cfg->peer_incarnation == 0 || cfg->peer_address >= lane->view.addresses ||
		lane->shard_lane[shm_media_shard(cfg->peer_port)] != lane->id)
		return 0;
	peer = flow_lookup(&lane->view, cfg->peer_address, cfg->peer_port);
	if (peer == NULL || (peer->flags & FLOW_DROP))
		return 0;
	state = flow_sync_neighbour(
		lane, cfg->peer_address, cfg->peer_port, cfg->peer_incarnation);
	return state ? metric_read(&state->last_ns) : 0;
}

static bool is_silent_since(uint64_t then_ns, uint64_t now_ns, uint32_t seconds)
{
	return now_ns > then_ns && now_ns - then_ns >= seconds * NS_PER_SECOND;
}

// Of our own, never that of a stream which passes: its numbers would not fit.
static uint32_t own_ssrc(const struct flow_cfg *cfg)
{
	return hash_crc32c(0x4b454550, &cfg->incarnation, sizeof(cfg->incarnation));
}

static uint32_t put_rtp(const struct flow_cfg *cfg, uint64_t now_ns, uint8_t *out)
{
	struct rtp_header header = { .ssrc = own_ssrc(cfg),
		.timestamp = (uint32_t)(now_ns / 125000),
		.seq = (uint16_t)(now_ns / (cfg->keepalive_s * NS_PER_SECOND)),
		.payload_type = UNKNOWN_TYPE };

	rtp_build(&header, out);
	return RTP_HEADER_BYTES;
}

// An empty RR and a CNAME (RFC 3550 6.1), which says nothing (RFC 7022).
static uint32_t put_rtcp(const struct flow_cfg *cfg, uint8_t *out)
{
	static const char digits[] = "0123456789abcdef";
	uint32_t ssrc = own_ssrc(cfg);
	uint32_t name = hash_crc32c(ssrc, &cfg->incarnation, sizeof(cfg->incarnation));
	struct rtcp_build build = { .ssrc = ssrc };
	int len = rtcp_build_report(&build, out, BYTES_MAX);
	uint8_t *sdes = out + len;

	memset(sdes, 0, 20);
	sdes[0] = RTP_VERSION << 6 | 1;
	sdes[1] = RTCP_SDES;
	rtp_store16(sdes + 2, 4);
	rtp_store32(sdes + 4, ssrc);
	sdes[8] = CNAME_ITEM;
	sdes[9] = CNAME_BYTES;
	for (uint32_t i = 0; i < CNAME_BYTES; i++)
		sdes[10 + i] = (uint8_t)digits[name >> 4 * i & 0xf];
	return (uint32_t)len + 20;
}

static uint32_t put_stun(const struct flow_cfg *cfg, uint64_t now_ns, uint8_t *out)
{
	uint8_t transaction[STUN_TRANSACTION_BYTES];
	struct stun_build build = { .class = STUN_INDICATION,
		.transaction = transaction,
		.has_fingerprint = true };

	// Nobody answers an indication, so it need not be hard to guess.
	memcpy(transaction, &now_ns, sizeof(now_ns));
	rtp_store32(transaction + 8, own_ssrc(cfg));
	int len = stun_build(&build, out, BYTES_MAX);
	return len > 0 ? (uint32_t)len : 0;
}

// RTP and RTCP of ours would have to be encrypted: SRTP legs get STUN.
static uint32_t put_message(const struct flow_cfg *cfg, uint64_t now_ns, uint8_t *out)
{
	if (cfg->keepalive == FLOW_KEEPALIVE_STUN || cfg->key_tx != 0 || cfg->secure != 0)
		return put_stun(cfg, now_ns, out);
	if (cfg->keepalive == FLOW_KEEPALIVE_RTCP && (cfg->flags & FLOW_RTCP_MUX))
		return put_rtcp(cfg, out);
	return put_rtp(cfg, now_ns, out);
}

void keepalive_run(struct lane *lane, const struct flow_cfg *record, uint64_t now_ns)
{
	struct flow_cfg cfg;
	uint32_t slot = (uint32_t)(record - lane->view.cfg);
	uint8_t message[BYTES_MAX];

	if (record->keepalive == FLOW_KEEPALIVE_NONE ||
		!flow_sync_copy(lane, slot, record->media_address, record->port, &cfg) ||
		cfg.keepalive_s == 0 || cfg.bundle_port != 0 ||
		cfg.media_address >= lane->view.addresses ||
		lane->shard_lane[shm_media_shard(cfg.port)] != lane->id)
		return;
	struct flow_state *state =
		flow_sync_neighbour(lane, cfg.media_address, cfg.port, cfg.incarnation);
	if (state == NULL)
		return;
	struct flow_latch latch = flow_sync_latch(state);
	uint16_t now_s = (uint16_t)(now_ns / NS_PER_SECOND);
	if ((uint16_t)(now_s - state->police.kept_s) < cfg.keepalive_s ||
		!is_silent_since(metric_read(&state->last_ns), now_ns, cfg.keepalive_s) ||
		!is_silent_since(sent_ns(lane, &cfg), now_ns, cfg.keepalive_s))
		return;
	state->police.kept_s = now_s;
	struct depart_datagram datagram = { .address = cfg.media_address,
		.port = cfg.port,
		.to = { .ip = cfg.remote_ip, .port = cfg.remote_port },
		.data = message };
	if (latch.phase != FLOW_LATCH_NONE)
		datagram.to = (struct addr){ .ip = latch.ip, .port = latch.port };
	datagram.len = (uint16_t)put_message(&cfg, now_ns, message);
	if (ip_is_unset(&datagram.to.ip) || datagram.len == 0)
		return;
	metric_add(depart_send(lane, &datagram) ? &lane->counters.keepalives :
						  &lane->counters.departures_lost,
		1);
}
