#include "driver.h"

#include <stdlib.h>
#include <string.h>

enum { RETRY_NS = 500000000 };

struct endpoint {
	char host[80];
	uint16_t port;
};

static struct endpoint endpoint_of(const struct driver *driver, int side)
{
	struct endpoint e = { .port = driver->params.sip_port[side] };
	sip_text_host(driver->params.ip[side], e.host, sizeof(e.host));
	return e;
}

static void send_text(const struct driver *driver, int side, const char *text,
	const struct sockaddr_storage *to)
{
	// A full socket buffer is a lost datagram, which retransmission covers.
	(void)!sendto(driver->sip_fd[side], text, strlen(text), 0, (const struct sockaddr *)to,
		sip_text_address_len(to));
}

// Requests of the caller all have one shape.
static void send_caller_request(const struct driver *driver, const struct call *call,
	const char *method,
	const char *body)
{
	struct endpoint e = endpoint_of(driver, CALLER);
	bool is_initial = !strcmp(method, "INVITE");
	int cseq = !strcmp(method, "BYE") ? 2 : 1;
	char text[SIP_TEXT_MAX], uri[256];

	snprintf(uri, sizeof(uri), "sip:%sc%u@%s", driver->params.prefix,
		call->number, driver->params.border_host);
	snprintf(text, sizeof(text),
		"%s %s SIP/2.0\r\n"
		"Via: SIP/2.0/UDP %s:%u;branch=z9hG4bK%s%s%u;rport\r\n"
		"Max-Forwards: 70\r\n"
		"From: <sip:caller@%s>;tag=%s%u\r\n"
		"To: %s\r\n"
		"Call-ID: %s-%u@%s\r\n"
		"CSeq: %d %s\r\n"
		"Contact: <sip:caller@%s:%u>\r\n"
		"%sContent-Length: %zu\r\n\r\n%s",
		method, is_initial ? uri : call->target, e.host, e.port, driver->tag,
		method, call->number, e.host, driver->tag, call->number,
		call->to, driver->tag, call->number, e.host, cseq, method, e.host, e.port,
		*body ? "Content-Type: application/sdp\r\n" : "", strlen(body), body);
	send_text(driver, CALLER, text, &driver->params.border);
}

void dialog_invite(struct driver *driver, struct call *call, uint64_t now_ns)
{
	char sdp[512], crypto[160];

	if (!call->tries) {
		snprintf(call->to, sizeof(call->to), "<sip:%sc%u@%s>", driver->params.prefix,
			call->number, driver->params.border_host);
		if (driver->params.srtp)
			sip_text_make_key(driver->params.srtp, call->key);
	}
	snprintf(crypto, sizeof(crypto), "1 %s inline:%s",
		driver->params.srtp ? driver->params.srtp : "", call->key);
	sip_text_sdp(driver->params.ip[CALLER], call->stream[CALLER].port,
		driver->params.srtp ? crypto : NULL, sdp, sizeof(sdp));
	send_caller_request(driver, call, "INVITE", sdp);
	call->state = CALL_INVITED;
	call->tries++;
	call->next_ns = now_ns + RETRY_NS;
}

void dialog_bye(struct driver *driver, struct call *call)
{
	send_caller_request(driver, call, "BYE", "");
}

void dialog_send_answer(struct driver *driver, struct call *call)
{
	struct sockaddr_storage to;
	char via[256];
	const char *from = strstr(call->answer, "\r\nVia: SIP/2.0/UDP ");

	// Back to the topmost Via's sent-by, as RFC 3261 18.2.2 asks; the border never sits behind
	// a NAT.
	if (!from)
		return;
	snprintf(via, sizeof(via), "%.*s", (int)strcspn(from + 19, ";\r"), from + 19);
	char *colon = strrchr(via, ':');
	char *bracket = strchr(via, ']');
	uint16_t port = 5060;
	if (colon && (!bracket || colon > bracket)) {
		port = (uint16_t)atoi(colon + 1);
		*colon = '\0';
	}
	if (bracket)
		*bracket = '\0';
	if (sip_text_address(via[0] == '[' ? via + 1 : via, port, &to))
		send_text(driver, CALLEE, call->answer, &to);
}

static void answer_request(const struct driver *driver, struct call *call, const char *request,
	int status)
{
	struct endpoint e = endpoint_of(driver, CALLEE);
	char via[1024], from[256] = "", to[256] = "", call_id[256] = "", cseq[64] = "";
	char sdp[512] = "";
	bool is_invite = !strncmp(request, "INVITE ", 7);

	sip_text_copy_lines(request, "Via", via, sizeof(via));
	sip_text_header(request, "From", from, sizeof(from));
	sip_text_header(request, "To", to, sizeof(to));
	sip_text_header(request, "Call-ID", call_id, sizeof(call_id));
	sip_text_header(request, "CSeq", cseq, sizeof(cseq));
	if (is_invite && status == 200)
		sip_text_sdp(driver->params.ip[CALLEE], call->stream[CALLEE].port, NULL, sdp,
			sizeof(sdp));
	snprintf(call->answer, sizeof(call->answer),
		"SIP/2.0 %d %s\r\n%sFrom: %s\r\nTo: %s%s%s\r\nCall-ID: %s\r\nCSeq: %s\r\n"
		"Contact: <sip:callee@%s:%u>\r\n%sContent-Length: %zu\r\n\r\n%s",
		status, status == 200 ? "OK" : "Ringing", via, from, to,
		strstr(to, ";tag=") ? "" : ";tag=c", strstr(to, ";tag=") ? "" : driver->tag,
		call_id, cseq, e.host, e.port, *sdp ? "Content-Type: application/sdp\r\n" : "",
		strlen(sdp), sdp);
}

static void start_media(struct driver *driver, struct call *call, int side, uint64_t now_ns)
{
	struct stream *stream = &call->stream[side];
	if (!driver->params.has_media || (side == CALLEE && driver->params.is_callee_silent))
		return;
	// Phases spread over the packet time: bursts on one tick would test the socket buffers.
	stream->next_ns = now_ns + call->number * 7919000ull % STREAM_PERIOD_NS;
	stream->is_sending = true;
}

static void receive_invite(struct driver *driver, struct call *call, const char *msg,
	uint64_t now_ns)
{
	if (call->callee_call_id[0]) {
		dialog_send_answer(driver, call);
		return;
	}
	sip_text_header(msg, "Call-ID", call->callee_call_id, sizeof(call->callee_call_id));
	sip_text_media(msg, &call->stream[CALLEE].remote);
	answer_request(driver, call, msg, 180);
	dialog_send_answer(driver, call);
	answer_request(driver, call, msg, 200);
	dialog_send_answer(driver, call);
	call->callee_next_ns = now_ns + RETRY_NS;
}

static struct call *find_by_callee_call_id(struct driver *driver, const char *msg)
{
	char call_id[256];
	if (!sip_text_header(msg, "Call-ID", call_id, sizeof(call_id)))
		return NULL;
	for (uint32_t i = 0; i < driver->started; i++) {
		if (!strcmp(driver->calls[i].callee_call_id, call_id))
			return &driver->calls[i];
	}
	return NULL;
}

static void receive_at_callee(struct driver *driver, const char *msg, uint64_t now_ns)
{
	struct call *call = find_by_callee_call_id(driver, msg);

	if (!call && !strncmp(msg, "INVITE sip:c", 12)) {
		uint32_t number = (uint32_t)strtoul(msg + 12, NULL, 10);
		call = number < driver->params.calls ? &driver->calls[number] : NULL;
	}
	if (!call) {
		driver->strays++;
	} else if (!strncmp(msg, "INVITE ", 7)) {
		receive_invite(driver, call, msg, now_ns);
	} else if (!strncmp(msg, "ACK ", 4)) {
		if (!call->is_acked)
			start_media(driver, call, CALLEE, now_ns);
		call->is_acked = true;
	} else if (!sip_text_status(msg)) {
		call->is_callee_ended |= !strncmp(msg, "BYE ", 4);
		answer_request(driver, call, msg, 200);
		dialog_send_answer(driver, call);
	}
}

// Whether the answer has a place for our media, and a key where we offered one.
static bool take_answer(const struct driver *driver, struct call *call, const char *msg)
{
	char suite[32];

	if (driver->params.srtp &&
		(!sip_text_crypto(msg, suite, call->remote_key) ||
			strcmp(suite, driver->params.srtp) != 0))
		return false;
	return sip_text_media(msg, &call->stream[CALLER].remote);
}

static void receive_final(struct driver *driver, struct call *call, const char *msg,
	uint64_t now_ns)
{
	char contact[256] = "";
	int status = sip_text_status(msg);

	sip_text_header(msg, "To", call->to, sizeof(call->to));
	if (sip_text_header(msg, "Contact", contact, sizeof(contact)))
		sip_text_uri(contact, call->target, sizeof(call->target));
	if (status >= 300 || !take_answer(driver, call, msg)) {
		snprintf(call->target, sizeof(call->target), "sip:%sc%u@%s", driver->params.prefix,
		call->number, driver->params.border_host);
		send_caller_request(driver, call, "ACK", "");
		call->state = CALL_FAILED;
		call->failure = status;
		driver->finished++;
		return;
	}
	send_caller_request(driver, call, "ACK", "");
	if (call->state != CALL_INVITED)
		return;
	call->state = CALL_ANSWERED;
	call->answered_ns = now_ns;
	call->next_ns = now_ns + driver->params.hold_ms * 1000000ull;
	call->tries = 0;
	start_media(driver, call, CALLER, now_ns);
}

static void receive_at_caller(struct driver *driver, const char *msg, uint64_t now_ns)
{
	char call_id[256] = "", cseq[64] = "";
	size_t tag_len = strlen(driver->tag);
	int status = sip_text_status(msg);

	sip_text_header(msg, "Call-ID", call_id, sizeof(call_id));
	sip_text_header(msg, "CSeq", cseq, sizeof(cseq));
	uint32_t number = strncmp(call_id, driver->tag, tag_len) ? UINT32_MAX :
		(uint32_t)strtoul(call_id + tag_len + 1, NULL, 10);
	if (number >= driver->started || !status) {
		driver->strays++;
		return;
	}
	struct call *call = &driver->calls[number];
	if (status < 200) {
		call->next_ns = now_ns + 60ull * RETRY_NS;
	} else if (strstr(cseq, "INVITE") && call->state != CALL_FAILED) {
		receive_final(driver, call, msg, now_ns);
	} else if (strstr(cseq, "BYE") && call->state == CALL_ENDING) {
		call->bye_status = status;
		call->state = CALL_DONE;
		driver->finished++;
	}
}

void dialog_receive(struct driver *driver, int side, uint64_t now_ns)
{
	char msg[SIP_TEXT_MAX];
	ssize_t len;

	while ((len = recv(driver->sip_fd[side], msg, sizeof(msg) - 1, 0)) >= 0) {
		msg[len] = '\0';
		if (side == CALLER)
			receive_at_caller(driver, msg, now_ns);
		else
			receive_at_callee(driver, msg, now_ns);
	}
}
