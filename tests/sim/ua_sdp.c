// ua_sdp.c - what user agents say about media: several lines that come, go, come back as something
// else, groups of them, codecs in any order. By printf, on purpose unlike the product's builder.
#include "sim.h"

#include "base/check.h"
#include "sip/multipart.h"

enum line_kind { LINE_AUDIO, LINE_VIDEO, LINE_TEXT, LINE_FAX, LINE_MSRP, LINE_KINDS };

static const struct {
	const char *type, *proto, *formats, *attrs;
} kinds[LINE_KINDS] = {
	[LINE_AUDIO] = { "audio", "RTP/AVP", "8 0 101", "a=rtpmap:101 telephone-event/8000\r\n" },
	[LINE_VIDEO] = { "video", "RTP/AVP", "96", "a=rtpmap:96 H264/90000\r\n" },
	[LINE_TEXT] = { "text", "RTP/AVP", "98", "a=rtpmap:98 t140/1000\r\n" },
	[LINE_FAX] = { "image", "udptl", "t38", "a=T38FaxVersion:0\r\n" },
	[LINE_MSRP] = { "message", "TCP/MSRP", "*", "a=setup:active\r\n" },
};

struct span ua_description(const struct sip_msg *msg)
{
	static struct body_parts parts;

	if (!multipart_is(msg->content_type))
		return span_ieq(multipart_type(msg->content_type), SPAN_LIT("application/sdp")) ?
			msg->body :
			SPAN_NONE;
	if (multipart_parse(msg->content_type, msg->body, &parts) < 0)
		return SPAN_NONE;
	for (uint32_t i = 0; i < parts.count; i++)
		if (span_ieq(parts.part[i].type, SPAN_LIT("application/sdp")))
			return parts.part[i].data;
	return SPAN_NONE;
}

static void put_session(struct ua *ua, char *buf, uint32_t *len, const char *connection)
{
	char ip[ADDR_TEXT_MAX];
	const char *family = ip_is_v4(&ua->addr.ip) ? "IP4" : "IP6";

	ip_format(&ua->addr.ip, ip);
	ua_append(buf, len, "v=0\r\no=%s 7 %u IN %s %s\r\ns=%s\r\n", sim_secret[ua->side],
		++ua->sdp_version, family, ip, sim_secret[ua->side]);
	ua_append(buf, len, "c=IN %s %s\r\nt=0 0\r\n", family, connection ? connection : ip);
}

static bool is_rtp(uint32_t kind)
{
	return kind <= LINE_TEXT;
}

// The lines of the next offer: those of the session, some taken away, some used again for another
// medium, maybe a new one behind them.
static void plan_lines(struct sim *sim, struct ua *ua)
{
	uint32_t wanted = 1u + (ua->script.has_video ? 2 : 0) + ua->script.lines;

	for (uint32_t i = 1; i < ua->line_count; i++) {
		if (ua->is_line_off[i])
			ua->line_kind[i] = (uint8_t)rng_below(&sim->rng, LINE_KINDS);
		ua->is_line_off[i] = sim_chance(sim, 250);
	}
	if (ua->line_count > 0 && sim_chance(sim, 700))
		return;
	for (uint32_t i = ua->line_count; i < wanted && i < SIM_LINES_MAX; i++) {
		ua->line_kind[i] = (uint8_t)(i == 0 ? LINE_AUDIO :
			ua->script.has_video && i < 3 ? (i == 1 ? LINE_VIDEO : LINE_MSRP) :
			rng_below(&sim->rng, LINE_KINDS));
		ua->is_line_off[i] = false;
		ua->line_count = (uint8_t)(i + 1);
	}
}

static void put_group(const struct ua *ua, char *buf, uint32_t *len)
{
	ua_append(buf, len, "a=group:BUNDLE");
	for (uint32_t i = 0; i < ua->line_count; i++)
		if (is_rtp(ua->line_kind[i]) && !ua->is_line_off[i])
			ua_append(buf, len, " m%u", i);
	ua_append(buf, len, "\r\n");
}

void ua_put_offer(struct sim *sim, struct ua *ua, bool is_hold, char *buf)
{
	uint32_t port = SIM_VOICE_PORT + ua->number * SIM_VOICE_PORTS + 4 * rng_below(&sim->rng, 4);
	uint32_t len = 0;
	bool is_zero = is_hold && ua->script.hold == 2 && ip_is_v4(&ua->addr.ip);
	bool is_mux = ua->script.is_bundling || sim_chance(sim, 300);

	ua->offered = !is_hold || is_zero ? SDP_SENDRECV :
		ua->script.hold ? SDP_INACTIVE : SDP_SENDONLY;
	plan_lines(sim, ua);
	put_session(ua, buf, &len, is_zero ? "0.0.0.0" : NULL);
	if (ua->script.is_bundling)
		put_group(ua, buf, &len);
	for (uint32_t i = 0; i < ua->line_count; i++) {
		uint32_t kind = ua->line_kind[i];

		ua_append(buf, &len, "m=%s %u %s %s\r\n", kinds[kind].type,
			ua->is_line_off[i] ? 0 : port + 2 * i, kinds[kind].proto,
			kinds[kind].formats);
		if (ua->is_line_off[i])
			continue;
		ua_append(buf, &len, "%sa=X-origin:%s\r\n", kinds[kind].attrs,
			sim_secret[ua->side]);
		if (is_hold && !is_zero)
			ua_append(buf, &len, "a=%s\r\n", ua->script.hold ? "inactive" : "sendonly");
		if (is_rtp(kind) && is_mux)
			ua_append(buf, &len, "a=rtcp-mux\r\n");
		else if (is_rtp(kind))
			ua_append(buf, &len, "a=rtcp:%u\r\n", port + 2 * i + 1);
		if (ua->script.is_bundling)
			ua_append(buf, &len, "a=mid:m%u\r\n", i);
	}
}

static uint32_t kind_of(const struct sdp_media *m)
{
	for (uint32_t kind = 0; kind < LINE_KINDS; kind++)
		if (span_eq(m->type, span_str(kinds[kind].type)))
			return kind;
	return LINE_MSRP;
}

// The same for the early and the final answer to one offer.
static bool is_rejected(const struct ua *ua, uint32_t i)
{
	return i > 0 && (ua->number * 5 + ua->server_cseq + i * 3) % 7 == 0;
}

static void note_lines(struct sim *sim, struct ua *ua)
{
	ua->line_count = 0;
	for (uint32_t i = 0; i < sim->sdp.media_count && i < SIM_LINES_MAX; i++) {
		const struct sdp_media *m = &sim->sdp.media[i];

		ua->line_kind[i] = (uint8_t)kind_of(m);
		ua->is_line_off[i] = m->port == 0 || is_rejected(ua, i);
		ua->line_count++;
	}
}

// Which lines of the offer's first group are accepted as one; returns how many.
static uint32_t agree(struct sim *sim, const struct ua *ua, bool is_grouped[SDP_MEDIA_MAX])
{
	const struct sdp_attr *attr = NULL;
	struct span mids;
	uint32_t i, count = 0;

	memset(is_grouped, 0, SDP_MEDIA_MAX * sizeof(bool));
	if (!ua->script.is_bundling || !sdp_next_bundle(&sim->sdp, &attr, &mids))
		return 0;
	while (sdp_next_of_bundle(&sim->sdp, &mids, &i)) {
		is_grouped[i] = i < SIM_LINES_MAX && !ua->is_line_off[i];
		count += is_grouped[i];
	}
	return count;
}

static void put_answer_line(const struct sim *sim, const struct ua *ua, uint32_t i, char *buf,
	uint32_t *len)
{
	const struct sdp_media *m = &sim->sdp.media[i];

	// The codec that it likes best need not be the first.
	uint32_t best = (ua->number + i) % m->format_count;
	ua_append(buf, len, " " SPAN_FMT " " SPAN_FMT, SPAN_ARG(m->proto),
		SPAN_ARG(m->format[best]));
	for (uint32_t k = 0; k < m->format_count; k++)
		if (k != best)
			ua_append(buf, len, " " SPAN_FMT, SPAN_ARG(m->format[k]));
	ua_append(buf, len, "\r\n");
	if (m->direction == SDP_SENDONLY)
		ua_append(buf, len, "a=recvonly\r\n");
	if (m->direction == SDP_INACTIVE)
		ua_append(buf, len, "a=inactive\r\n");
}

bool ua_put_sdp_answer(struct sim *sim, struct ua *ua, struct span offer, char *buf)
{
	struct sdp_fault fault;
	uint32_t len = 0, shared = UINT32_MAX;
	uint32_t port = SIM_VOICE_PORT + ua->number * SIM_VOICE_PORTS + 32;
	bool is_grouped[SDP_MEDIA_MAX];

	buf[0] = 0;
	if (sdp_parse(offer, &sim->sdp, &fault) < 0)
		return false;
	note_lines(sim, ua);
	put_session(ua, buf, &len, NULL);
	if (agree(sim, ua, is_grouped) > 0) {
		ua_append(buf, &len, "a=group:BUNDLE");
		for (uint32_t i = 0; i < sim->sdp.media_count; i++)
			if (is_grouped[i])
				ua_append(buf, &len, " " SPAN_FMT, SPAN_ARG(sim->sdp.media[i].mid));
		ua_append(buf, &len, "\r\n");
	}
	for (uint32_t i = 0; i < sim->sdp.media_count; i++) {
		const struct sdp_media *m = &sim->sdp.media[i];
		bool is_off = m->port == 0 || is_rejected(ua, i);

		if (is_grouped[i] && shared == UINT32_MAX)
			shared = port + 2 * i;
		ua_append(buf, &len, "m=" SPAN_FMT " %u", SPAN_ARG(m->type),
			is_off ? 0 : is_grouped[i] ? shared : port + 2 * i);
		put_answer_line(sim, ua, i, buf, &len);
		if (is_grouped[i])
			ua_append(buf, &len, "a=mid:" SPAN_FMT "\r\n", SPAN_ARG(m->mid));
		if (!is_off && m->has_rtcp_mux && (is_grouped[i] || ua->script.has_video))
			ua_append(buf, &len, "a=rtcp-mux\r\n");
	}
	return true;
}

// Only what was offered (nobody here can do more), in the direction that is left.
static void check_line(struct sim *sim, const struct ua *ua, uint32_t i)
{
	const struct sdp_media *m = &sim->sdp.media[i];
	bool is_sending = m->direction == SDP_SENDRECV || m->direction == SDP_SENDONLY;
	bool is_receiving = m->direction == SDP_SENDRECV || m->direction == SDP_RECVONLY;

	for (uint32_t k = 0; k < m->format_count; k++) {
		struct span rest = span_str(kinds[ua->line_kind[i]].formats), format = SPAN_NONE;

		while (span_cut(&rest, ' ', &format) && !span_eq(format, m->format[k])) {
		}
		if (!span_eq(format, m->format[k]))
			sim_fail(sim, "answer: line %u of %s has a format that was not offered",
				i, ua->call_id);
	}
	if ((is_sending && ua->offered != SDP_SENDRECV) ||
		(is_receiving && ua->offered == SDP_INACTIVE))
		sim_fail(sim, "answer: line %u of %s in a direction that was not offered", i,
			ua->call_id);
}

void ua_check_answer(struct sim *sim, const struct ua *ua, struct span answer)
{
	struct sdp_fault fault;

	if (span_is_empty(answer) || sdp_parse(answer, &sim->sdp, &fault) < 0)
		return;
	if (sim->sdp.media_count != ua->line_count) {
		sim_fail(sim, "answer: %u lines to %u of %s", sim->sdp.media_count,
			ua->line_count, ua->call_id);
		return;
	}
	for (uint32_t i = 0; i < ua->line_count; i++) {
		const struct sdp_media *m = &sim->sdp.media[i];

		if (kind_of(m) != ua->line_kind[i])
			sim_fail(sim, "answer: line %u of %s is another medium", i, ua->call_id);
		if (ua->is_line_off[i] && m->port != 0)
			sim_fail(sim, "answer: line %u of %s was off", i, ua->call_id);
		if (m->port != 0 && kind_of(m) == ua->line_kind[i])
			check_line(sim, ua, i);
	}
}
