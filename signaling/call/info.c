#include "call/info.h"

#include "call/core_private.h"

// Key presses, and requests for a new key frame: they name nobody.
static const struct span usual_types[] = { SPAN_LIT("application/dtmf-relay"),
	SPAN_LIT("application/dtmf"), SPAN_LIT("application/media_control+xml") };

static bool is_usual(const struct sip_msg *msg)
{
	struct span type = multipart_type(msg->content_type);

	for (uint32_t i = 0; i < sizeof(usual_types) / sizeof(usual_types[0]); i++)
		if (span_ieq(type, usual_types[i]))
			return true;
	return false;
}

// "Info-Package: name;parameters": the name alone, parameters may say anything.
static struct span copy_headers(struct core *core, const struct sip_msg *msg)
{
	const struct sip_header *h = sip_msg_header(msg, SIP_HEADER_INFO_PACKAGE);
	struct span rest = h ? h->value : SPAN_NONE, name;
	struct sip_writer w;

	if (!span_cut(&rest, ';', &name) || !sip_is_token(span_trim(name)))
		return SPAN_NONE;
	sip_writer_init(&w, core->extra, sizeof(core->extra));
	sip_put_header(&w, SIP_HEADER_INFO_PACKAGE, span_trim(name));
	return w.is_overflowed ? SPAN_NONE : sip_writer_text(&w);
}

static enum relay_verdict request(struct call *call, const struct sip_turn *turn,
	struct relay *relay, const struct sip_received *in, struct leg_request *out)
{
	const struct core_env *env = core_env_of(turn);
	struct call_body body;
	enum body_verdict verdict;

	out->headers = copy_headers(call->core, in->msg);
	if (is_usual(in->msg)) {
		out->body = (struct sip_body){ .type = in->msg->content_type,
			.data = in->msg->body };
		return RELAY_SEND;
	}
	if (span_is_empty(in->msg->body))
		return RELAY_SEND;
	verdict = body_read(call, env, relay->from, in->msg, &body);
	if (verdict == BODY_OK) {
		out->body.parts = body.parts;
		return RELAY_SEND;
	}
	if (verdict == BODY_MALFORMED)
		refuse_status(call->core, turn, relay->server, 400);
	else
		refuse_type(call->core, turn, relay->server,
			config_profile(env->config, call->legs[relay->from].profile));
	return RELAY_ANSWERED;
}

const struct relay_ops info_ops = { .request = request };
