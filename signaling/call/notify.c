#include "call/notify.h"

#include "call/core_private.h"
#include "call/exchange.h"

#define FRAGMENT_TYPE SPAN_LIT("message/sipfrag;version=2.0")

void notify_expect(struct call *call, enum call_side from, uint32_t refer_cseq)
{
	struct call_leg *leg = &call->legs[from];

	leg->refer_asked = refer_cseq;
	leg->refer_passed = call->legs[call_other(from)].dialog.local_cseq + 1;
}

void notify_expect_none(struct call *call, enum call_side from)
{
	call->legs[from].refer_asked = call->legs[from].refer_passed = 0;
}

// "Event: refer;id=N" of the REFER that went on. False: of something else.
static bool put_event(struct sip_writer *w, const struct call_leg *referrer,
	const struct sip_msg *msg)
{
	struct span rest = sip_msg_header(msg, SIP_HEADER_EVENT)->value, package;
	struct sip_param id;
	uint32_t number;

	if (!referrer->refer_passed || !span_cut(&rest, ';', &package) ||
		!span_ieq(span_trim(package), SPAN_LIT("refer")))
		return false;
	sip_put_lit(w, "Event: refer");
	if (sip_param_find(rest, SPAN_LIT("id"), &id)) {
		if (span_parse_u32(id.value, UINT32_MAX, &number) < 0 ||
			number != referrer->refer_passed)
			return false;
		sip_put_lit(w, ";id=");
		sip_put_u64(w, referrer->refer_asked);
	}
	sip_put_lit(w, "\r\n");
	return true;
}

// The status in a fragment "SIP/2.0 180 Ringing"; 0: it has none.
static uint16_t read_fragment(const struct sip_msg *msg)
{
	struct span rest = msg->body, version, number;
	uint32_t status;

	if (!span_istarts(multipart_type(msg->content_type), SPAN_LIT("message/sipfrag")) ||
		!span_cut(&rest, ' ', &version) || !span_eq(version, SPAN_LIT("SIP/2.0")))
		return 0;
	number = span_sub(rest, 0, 3);
	return number.len == 3 && span_parse_u32(number, 699, &status) == 0 && status >= 100 ?
		(uint16_t)status :
		0;
}

static bool is_terminated(const struct sip_msg *msg)
{
	const struct sip_header *h = sip_msg_header(msg, SIP_HEADER_SUBSCRIPTION_STATE);
	struct span rest = h ? h->value : SPAN_NONE, state;

	return span_cut(&rest, ';', &state) && span_ieq(span_trim(state), SPAN_LIT("terminated"));
}

static enum relay_verdict request(struct call *call, const struct sip_turn *turn,
	struct relay *relay, const struct sip_received *in, struct leg_request *out)
{
	struct core *core = call->core;
	enum call_side to = call_other(relay->from);
	uint16_t status = read_fragment(in->msg);
	struct sip_writer w, body;

	if (!sip_msg_header(in->msg, SIP_HEADER_EVENT)) {
		refuse_status(core, turn, relay->server, 489);
		return RELAY_ANSWERED;
	}
	sip_writer_init(&w, core->extra, sizeof(core->extra));
	if (!put_event(&w, &call->legs[to], in->msg)) {
		CORE_COUNT(core, refused_dialog);
		refuse_status(core, turn, relay->server, 481);
		return RELAY_ANSWERED;
	}
	exchange_put_state(&w, in->msg);
	out->headers = sip_writer_text(&w);
	if (status) {
		sip_writer_init(&body, core->parts, sizeof(core->parts));
		sip_put_status_line(&body, status, SPAN_NONE);
		out->body = (struct sip_body){ .type = FRAGMENT_TYPE,
			.data = sip_writer_text(&body) };
	}
	if (is_terminated(in->msg))
		notify_expect_none(call, to);
	return RELAY_SEND;
}

const struct relay_ops notify_ops = { .request = request };
