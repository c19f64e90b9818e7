#include "call/core_private.h"

// A first INVITE is answered 487 at once, and the called side's answer is awaited behind the
// caller's back. A re-INVITE is not: its sessions must end equal on both legs, so the CANCEL only
// goes on, and whatever the other side then answers (487, or a 200 that crossed) is passed back.
void cancel_receive(struct call *call, const struct sip_turn *turn, const struct sip_msg *msg)
{
	struct call_invite *invite = &call->invite;

	CORE_COUNT(call->core, cancels);
	struct span reason = hide_reason(call, invite->from, msg);
	if (call->answered_ms) {
		if (invite->client && !invite->is_final)
			sip_client_cancel(call->core->txs, turn, invite->client, reason);
		return;
	}
	if (invite->server && !invite->is_answered) {
		struct leg_response response = { .status = 487 };

		leg_respond(call, turn, invite->server, &response);
	}
	call->code = 487;
	call_finish(call, core_env_of(turn), CALL_CAUSE_CANCEL);
	call->state = CALL_STATE_CANCELLING;
	// Its answer came, but the caller's PRACK did not.
	leg_send_bye(call, turn, CALL_LEG_B, reason);
	invite->is_active = false;
	if (invite->client && !invite->is_final)
		sip_client_cancel(call->core->txs, turn, invite->client, reason);
	call_settle(call);
}
