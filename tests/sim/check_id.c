// check_id.c - Session-ID (RFC 7989) of user agents: what they say, and that the border knows whom
// it talks to.
#include "sim.h"

#define NIL "00000000000000000000000000000000"

void ua_put_session_id(const struct ua *ua, char *buf, uint32_t cap)
{
	buf[0] = 0;
	if (ua->uuid[0])
		snprintf(buf, cap, "Session-ID: %s;remote=%s\r\n", ua->uuid,
			ua->far_uuid[0] ? ua->far_uuid : NIL);
}

// Where the border must know this side's: in requests of the dialog, and in what answers an INVITE.
static bool must_know(const struct ua *ua, const struct sip_msg *msg)
{
	if (!ua->uuid[0] || ua->is_excused || ua->is_mangled || ua->is_fork ||
		ua->script.is_forked || ua->role > UA_CALLED)
		return false;
	// Of a host that was given up and answers late, it is told nothing but ACK and BYE.
	bool is_parting = ua->role == UA_CALLED &&
		(msg->method == SIP_METHOD_ACK || msg->method == SIP_METHOD_BYE);
	return msg->is_request ? !span_is_empty(msg->to.tag) && ua->connected_ms && !is_parting :
				 msg->cseq.method == SIP_METHOD_INVITE && msg->status > 100 &&
			msg->status < 300;
}

void check_session_id(struct sim *sim, struct ua *ua, const struct sip_msg *msg)
{
	const struct sip_header *header = sip_msg_header(msg, SIP_HEADER_SESSION_ID);
	struct span rest = header ? header->value : SPAN_NONE, local = SPAN_NONE;
	struct sip_param remote;

	span_cut(&rest, ';', &local);
	bool is_ours = header && sip_param_find(rest, SPAN_LIT("remote"), &remote) &&
		span_eq(remote.value, span_str(ua->uuid));
	if (must_know(ua, msg) && !is_ours)
		sim_fail(sim, "session-id: %.*s %u does not name %s:\n%.*s",
			SPAN_ARG(msg->cseq.method_text), msg->cseq.number, ua->call_id,
			SPAN_ARG(msg->raw));
	if (local.len == sizeof(NIL) - 1 && !span_eq(local, SPAN_LIT(NIL)))
		span_copy(local, ua->far_uuid, sizeof(ua->far_uuid));
}
