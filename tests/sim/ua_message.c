// ua_message.c - what user agents say. Built by printf, on purpose unlike the product's builder.
#include "sim.h"

#include "base/check.h"

#include <stdarg.h>

// In every name that must not cross the border.
const char *const sim_secret[SIM_SIDES] = { "SECRETA", "SECRETB", "SECRETC" };

struct addr ua_muga(const struct ua *ua)
{
	static const char *const listeners[SIM_SIDES] = { "10.1.0.1", "10.2.0.1", "fd00:2::1" };
	struct addr addr;

	CHECK(addr_parse(span_str(listeners[ua->side]), 5060, &addr) == 0);
	return addr;
}

static void append(char *buf, uint32_t *len, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static void append(char *buf, uint32_t *len, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	int n = vsnprintf(buf + *len, SIM_TEXT_MAX - *len, format, args);
	va_end(args);
	CHECK(n >= 0 && *len + (uint32_t)n < SIM_TEXT_MAX);
	*len += (uint32_t)n;
}

static void append_body(char *buf, uint32_t *len, const char *body)
{
	if (body[0])
		append(buf, len, "Content-Type: application/sdp\r\n");
	append(buf, len, "Content-Length: %zu\r\n\r\n%s", strlen(body), body);
}

uint32_t ua_put_request(struct sim *sim, struct ua *ua, const struct ua_request *request, char *buf)
{
	char addr[ADDR_TEXT_MAX], branch[48];
	const char *secret = sim_secret[ua->side];
	uint32_t len = 0;

	addr_format(&ua->addr, addr);
	snprintf(branch, sizeof(branch), "z9hG4bK%s%llx", secret,
		(unsigned long long)rng_u64(&sim->rng));
	append(buf, &len, "%s %s SIP/2.0\r\n", request->method, ua->target);
	append(buf, &len, "Via: SIP/2.0/UDP %s;branch=%s;rport\r\n", addr,
		request->branch ? request->branch : branch);
	append(buf, &len, "Max-Forwards: 70\r\nFrom: \"Caller %u\" <%s>;tag=%s\r\n", ua->number,
		ua->local_uri, ua->local_tag);
	append(buf, &len, "To: <%s>%s%s\r\n", ua->remote_uri, ua->remote_tag[0] ? ";tag=" : "",
		ua->remote_tag);
	append(buf, &len, "Call-ID: %s\r\nCSeq: %u %s\r\n", ua->call_id, request->cseq,
		request->method);
	append(buf, &len, "Contact: <sip:%s@%s>\r\nUser-Agent: %s/1.0\r\n", secret, addr, secret);
	append(buf, &len, "X-Internal: %s\r\nP-Asserted-Identity: <sip:1@%s.example>\r\n", secret,
		secret);
	append(buf, &len, "Reason: SIP;cause=200;text=\"%s\"\r\n", secret);
	append_body(buf, &len, request->body);
	return len;
}

uint32_t ua_put_answer(struct ua *ua, uint16_t status, const char *body, char *buf)
{
	char addr[ADDR_TEXT_MAX];
	uint32_t len = 0;

	addr_format(&ua->addr, addr);
	append(buf, &len, "SIP/2.0 %u %s\r\n%s", status, sim_secret[ua->side], ua->server_via);
	append(buf, &len, "Contact: <sip:%s@%s>\r\nServer: %s\r\nWarning: 399 %s \"no\"\r\n",
		sim_secret[ua->side], addr, sim_secret[ua->side], sim_secret[ua->side]);
	append_body(buf, &len, body);
	return len;
}

static void append_session(struct ua *ua, char *buf, uint32_t *len, const char *connection)
{
	char ip[ADDR_TEXT_MAX];
	const char *family = ip_is_v4(&ua->addr.ip) ? "IP4" : "IP6";

	ip_format(&ua->addr.ip, ip);
	append(buf, len, "v=0\r\no=%s 7 %u IN %s %s\r\ns=%s\r\n", sim_secret[ua->side],
		++ua->sdp_version, family, ip, sim_secret[ua->side]);
	append(buf, len, "c=IN %s %s\r\nt=0 0\r\n", family, connection ? connection : ip);
}

void ua_put_offer(struct sim *sim, struct ua *ua, bool is_hold, char *buf)
{
	uint32_t port = SIM_VOICE_PORT + ua->number * SIM_VOICE_PORTS + 4 * rng_below(&sim->rng, 8);
	uint32_t len = 0;
	bool is_zero = is_hold && ua->script.hold == 2 && ip_is_v4(&ua->addr.ip);

	append_session(ua, buf, &len, is_zero ? "0.0.0.0" : NULL);
	append(buf, &len, "m=audio %u RTP/AVP 8 0 101\r\n", port);
	append(buf, &len, "a=rtpmap:101 telephone-event/8000\r\na=X-origin:%s\r\n",
		sim_secret[ua->side]);
	if (is_hold && !is_zero)
		append(buf, &len, "a=%s\r\n", ua->script.hold ? "inactive" : "sendonly");
	if (sim_chance(sim, 300))
		append(buf, &len, "a=rtcp-mux\r\n");
	else
		append(buf, &len, "a=rtcp:%u\r\n", port + 1);
	if (ua->script.has_video)
		append(buf, &len, "m=video %u RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n", port + 2);
	if (ua->script.has_video)
		append(buf, &len, "m=application 9 TCP/MSRP *\r\na=path:msrp://%s\r\n",
			sim_secret[ua->side]);
}

bool ua_put_sdp_answer(struct sim *sim, struct ua *ua, struct span offer, char *buf)
{
	struct sdp_fault fault;
	uint32_t len = 0;
	uint32_t port = SIM_VOICE_PORT + ua->number * SIM_VOICE_PORTS + 32;

	buf[0] = 0;
	if (sdp_parse(offer, &sim->sdp, &fault) < 0)
		return false;
	append_session(ua, buf, &len, NULL);
	for (uint32_t i = 0; i < sim->sdp.media_count; i++) {
		const struct sdp_media *m = &sim->sdp.media[i];

		append(buf, &len, "m=%.*s %u %.*s %.*s\r\n", SPAN_ARG(m->type),
			m->port ? port + 2 * i : 0, SPAN_ARG(m->proto), SPAN_ARG(m->format[0]));
		if (m->port && m->direction == SDP_SENDONLY)
			append(buf, &len, "a=recvonly\r\n");
		if (m->port && m->direction == SDP_INACTIVE)
			append(buf, &len, "a=inactive\r\n");
		if (m->port && m->has_rtcp_mux && ua->script.has_video)
			append(buf, &len, "a=rtcp-mux\r\n");
	}
	return true;
}

void ua_transmit(struct sim *sim, struct ua *ua, const char *data, uint32_t len)
{
	struct addr muga = ua_muga(ua);

	network_send(sim, &ua->addr, &muga, span_make(data, len));
}
