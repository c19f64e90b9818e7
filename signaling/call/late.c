// late.c - an INVITE without an offer, and a called side that wants one (RFC 3264 5, RFC 3725 4.4).
//
// We offer plain telephony in the caller's name. The answer then is the offer of our 2xx, and the
// caller's ACK answers it; by that its address becomes known.
#include "call/core_private.h"

// Nobody listens there (RFC 863): nothing is known of the caller's media yet.
#define DISCARD_PORT "9"

bool late_is_converted(const struct call *call, const struct core_env *env)
{
	const struct config_profile *profile =
		config_profile(env->config, call->legs[CALL_LEG_B].profile);

	return profile->flow.late_offer == PROFILE_LATE_OFFER_CONVERT;
}

struct span late_make_offer(struct call *call)
{
	const struct ip *ip = &call->legs[CALL_LEG_A].hop.addr.ip;
	struct span family = ip_is_v4(ip) ? SPAN_LIT(" IP4 ") : SPAN_LIT(" IP6 ");
	char text[ADDR_TEXT_MAX];
	struct span host = span_make(text, ip_format(ip, text));
	struct sip_writer w;

	sip_writer_init(&w, call->core->extra, sizeof(call->core->extra));
	sip_put_lit(&w, "v=0\r\no=- 1 1 IN");
	sip_put(&w, family);
	sip_put(&w, host);
	sip_put_lit(&w, "\r\ns=-\r\nc=IN");
	sip_put(&w, family);
	sip_put(&w, host);
	sip_put_lit(&w, "\r\nt=0 0\r\nm=audio " DISCARD_PORT " RTP/AVP 8 0 101\r\n"
		"a=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\n"
		"a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\n");
	return sip_writer_text(&w);
}

// The exchange once more, the right way round: what the caller accepts stands for its offer, and
// the called side's answer is the one that it gave.
static bool take_answer(struct call *call, const struct core_env *env, struct span sdp)
{
	if (span_is_empty(sdp) || call->offer.is_open ||
		offer_receive(call, env, CALL_LEG_A, sdp) != OFFER_OK)
		return false;
	return offer_answer(call, env, call->fork.answer.text, true) == OFFER_OK;
}

void late_take_ack(struct call *call, const struct sip_turn *turn, const struct sip_msg *ack)
{
	struct call_hangup hangup = { .cause = CALL_CAUSE_MEDIA_REFUSED, .code = 488 };

	if (take_answer(call, core_env_of(turn), body_sdp(ack)))
		return;
	CORE_COUNT(call->core, answers_unusable);
	call_hangup(call, turn, &hangup);
}
