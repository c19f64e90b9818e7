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

void ua_append(char *buf, uint32_t *len, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	int n = vsnprintf(buf + *len, SIM_TEXT_MAX - *len, format, args);
	va_end(args);
	CHECK(n >= 0 && *len + (uint32_t)n < SIM_TEXT_MAX);
	*len += (uint32_t)n;
}

// With parts: what crosses by list, and what must stay here for it may be left out.
static void append_parts(const struct ua *ua, char *buf, uint32_t *len, const char *body)
{
	char parts[SIM_TEXT_MAX];
	uint32_t size = 0;

	ua_append(parts, &size, "preamble of %s\r\n--sim\r\nContent-Type: application/isup\r\n"
		"Content-Disposition: signal;handling=optional\r\nX-From: %s\r\n\r\nIAM\r\n",
		sim_secret[ua->side], sim_secret[ua->side]);
	if (body[0])
		ua_append(parts, &size, "--sim\r\nContent-Type: application/sdp\r\n\r\n%s\r\n",
			body);
	ua_append(parts, &size, "--sim\r\nContent-Type: text/plain\r\n"
		"Content-Disposition: icon;handling=optional\r\n\r\n%s\r\n--sim--\r\n",
		sim_secret[ua->side]);
	ua_append(buf, len, "Content-Type: multipart/mixed;boundary=sim\r\n"
		"Content-Length: %u\r\n\r\n%s", size, parts);
}

static void append_body(const struct ua *ua, char *buf, uint32_t *len, const char *type,
	const char *body)
{
	if (ua->script.has_parts && !type && ua->role <= UA_CALLED) {
		append_parts(ua, buf, len, body);
		return;
	}
	if (body[0])
		ua_append(buf, len, "Content-Type: %s\r\n", type ? type : "application/sdp");
	ua_append(buf, len, "Content-Length: %zu\r\n\r\n%s", strlen(body), body);
}

uint32_t ua_put_request(struct sim *sim, struct ua *ua, const struct ua_request *request, char *buf)
{
	char addr[ADDR_TEXT_MAX], branch[48];
	const char *secret = sim_secret[ua->side];
	uint32_t len = 0;

	addr_format(&ua->addr, addr);
	snprintf(branch, sizeof(branch), "z9hG4bK%s%llx", secret,
		(unsigned long long)rng_u64(&sim->rng));
	ua_append(buf, &len, "%s %s SIP/2.0\r\n", request->method, ua->target);
	ua_append(buf, &len, "Via: SIP/2.0/%s %s;branch=%s;rport\r\n",
		ua->is_stream ? "TCP" : "UDP", addr,
		request->branch ? request->branch : branch);
	ua_append(buf, &len, "Max-Forwards: 70\r\nFrom: \"Caller %u\" <%s>;tag=%s\r\n", ua->number,
		ua->local_uri, ua->local_tag);
	ua_append(buf, &len, "To: <%s>%s%s\r\n", ua->remote_uri, ua->remote_tag[0] ? ";tag=" : "",
		ua->remote_tag);
	ua_append(buf, &len, "Call-ID: %s\r\nCSeq: %u %s\r\n", ua->call_id, request->cseq,
		request->method);
	ua_append(buf, &len, "Contact: <sip:%s@%s%s>\r\nUser-Agent: %s/1.0\r\n", secret, addr,
		ua->is_stream ? ";transport=tcp" : "",
		secret);
	ua_append(buf, &len, "X-Internal: %s\r\nP-Asserted-Identity: <sip:1@%s.example>\r\n",
		secret, secret);
	ua_append(buf, &len, "Reason: SIP;cause=200;text=\"%s\"\r\n", secret);
	char self[256] = "";
	if (strcmp(request->method, "INVITE") == 0)
		flow_put_invite(ua, self, sizeof(self));
	else if (strcmp(request->method, "UPDATE") == 0)
		flow_put_self(ua, self, sizeof(self));
	char id[128];
	ua_put_session_id(ua, id, sizeof(id));
	ua_append(buf, &len, "%s%s%s", self, id, request->headers ? request->headers : "");
	append_body(ua, buf, &len, request->type, request->body);
	return len;
}

uint32_t ua_put_answer(struct sim *sim, struct ua *ua, uint16_t status, const char *body,
	char *buf)
{
	char addr[ADDR_TEXT_MAX], session[96], id[128];
	uint32_t len = 0;

	addr_format(&ua->addr, addr);
	ua_append(buf, &len, "SIP/2.0 %u %s\r\n%s", status, sim_secret[ua->side], ua->server_via);
	if (status == 302)
		ua_append(buf, &len, "Contact: <sip:1%u@%s>;q=0.5, <sip:6%u@%s>;q=0.7\r\n",
			ua->number, addr, ua->number, addr);
	else
		ua_append(buf, &len, "Contact: <sip:%s@%s%s>\r\n", sim_secret[ua->side], addr,
			ua->is_stream ? ";transport=tcp" : "");
	char self[256];
	flow_put_self(ua, self, sizeof(self));
	ua_session_put_answer(sim, ua, status, session, sizeof(session));
	ua_put_session_id(ua, id, sizeof(id));
	ua_append(buf, &len, "%s%s%s%s", self, ua->extra, session, id);
	ua_append(buf, &len, "Server: %s\r\nWarning: 399 %s \"no\"\r\n",
		sim_secret[ua->side], sim_secret[ua->side]);
	append_body(ua, buf, &len, NULL, body);
	return len;
}

void ua_transmit(struct sim *sim, struct ua *ua, const char *data, uint32_t len)
{
	struct addr muga = ua_muga(ua);

	if (ua->is_stream) {
		stream_from_ua(sim, ua, span_make(data, len));
		return;
	}
	network_send(sim, &ua->addr, &muga, span_make(data, len));
}
