#include "tone_player.h"

#define PAUSE_NS      50000000u // between two events (ITU-T Q.24 asks for 40 ms)
#define VOLUME	      10u	// -10 dBm0
#define END_BIT	      0x80u
#define ENDS	      3u // RFC 4733 2.5.1.4: the end is sent three times
#define DURATION_LEAST_MS 40u
#define NS_PER_SECOND 1000000000ull

void tone_player_begin(struct tone_player *player, struct flow_event event, uint8_t payload_type,
	uint32_t rate)
{
	uint64_t ms = event.duration_ms > DURATION_LEAST_MS ? event.duration_ms : DURATION_LEAST_MS;
	uint64_t target = ms * rate / 1000;

	player->is_playing = true;
	player->is_begun = false;
	player->code = event.code;
	player->payload_type = payload_type;
	player->rate = rate;
	player->ends = 0;
	player->duration = 0;
	player->target = (uint16_t)(target < UINT16_MAX ? target : UINT16_MAX);
}

void tone_player_sync(struct tone_player *player, const struct rtp_header *rtp, uint64_t last_ns)
{
	player->ssrc = rtp->ssrc;
	player->sequence = rtp->seq;
	player->timestamp = rtp->timestamp;
	player->last_ns = last_ns;
}

static uint32_t units(const struct tone_player *player, uint64_t ns)
{
	ns = ns < 100 * NS_PER_SECOND ? ns : 100 * NS_PER_SECOND; // no overflow, whatever the clock
	return (uint32_t)(ns * player->rate / NS_PER_SECOND);
}

// The event's payload with what has passed of it; the header has sequence and SSRC of `header`.
static enum tone_step write_event(struct tone_player *player, struct rtp_header *header,
	uint8_t *out, uint64_t now_ns)
{
	bool is_first = !player->is_begun;

	if (is_first) {
		player->is_begun = true;
		player->start = header->timestamp;
		player->start_ns = now_ns;
	}
	uint32_t passed = units(player, now_ns - player->start_ns + TONE_PERIOD_NS);
	if (passed > player->duration)
		player->duration =
			(uint16_t)(passed < player->target ? passed : player->target);
	bool is_end = player->duration >= player->target;
	header->payload_type = player->payload_type;
	header->is_marked = is_first;
	header->timestamp = player->start;
	rtp_build(header, out);
	out[RTP_HEADER_BYTES] = player->code;
	out[RTP_HEADER_BYTES + 1] = (uint8_t)((is_end ? END_BIT : 0) | VOLUME);
	rtp_store16(out + RTP_HEADER_BYTES + 2, player->duration);
	if (!is_end || ++player->ends < ENDS)
		return TONE_REPLACED;
	player->is_playing = false;
	player->free_ns = now_ns + PAUSE_NS;
	return TONE_ENDED;
}

// Where the stream stands with this packet; another SSRC counts anew.
static struct rtp_header follow(struct tone_player *player, const uint8_t *rtp, uint64_t now_ns)
{
	struct rtp_header header = { .ssrc = rtp_ssrc(rtp),
		.timestamp = rtp_timestamp(rtp),
		.seq = rtp_seq(rtp) };
	bool is_new = player->last_ns == 0 || header.ssrc != player->ssrc;

	if (is_new)
		player->shift = 0;
	header.seq = (uint16_t)(header.seq + player->shift);
	if (is_new || rtp_seq_diff(header.seq, player->sequence) > 0) {
		player->sequence = header.seq;
		player->timestamp = header.timestamp;
	}
	player->ssrc = header.ssrc;
	player->last_ns = now_ns;
	return header;
}

void tone_player_skip(struct tone_player *player, const uint8_t *rtp, uint64_t now_ns)
{
	follow(player, rtp, now_ns);
	player->shift--;
	player->sequence--;
}

enum tone_step tone_player_relay(struct tone_player *player, uint8_t *rtp, uint64_t now_ns)
{
	struct rtp_header header = follow(player, rtp, now_ns);

	if (player->is_playing)
		return write_event(player, &header, rtp, now_ns);
	if (player->shift == 0)
		return TONE_PASS;
	rtp_store16(rtp + 2, header.seq);
	return TONE_SHIFTED;
}

bool tone_player_is_due(const struct tone_player *player, uint64_t now_ns)
{
	uint64_t wait_ns = player->is_begun && player->shift != 0 ? TONE_PERIOD_NS :
								   TONE_SILENCE_NS;

	return player->is_playing &&
		(player->last_ns == 0 || now_ns >= player->last_ns + wait_ns);
}

enum tone_step tone_player_make(
	struct tone_player *player, uint32_t ssrc, uint8_t *out, uint64_t now_ns)
{
	struct rtp_header header;

	if (player->last_ns == 0)
		player->ssrc = ssrc;
	else
		player->timestamp += units(player, now_ns - player->last_ns);
	player->sequence++;
	player->shift++;
	player->last_ns = now_ns;
	header = (struct rtp_header){ .ssrc = player->ssrc,
		.timestamp = player->timestamp,
		.seq = player->sequence };
	return write_event(player, &header, out, now_ns);
}
