#include "call/core_private.h"

// What we would say to an INVITE, as far as OPTIONS can tell (RFC 3261 11.2): we are here, and this
// is what we speak. The same inside a dialog and outside.
void options_receive(struct core *core, const struct sip_turn *turn, struct sip_tx *tx)
{
	struct sip_writer w;

	sip_writer_init(&w, core->message, sizeof(core->message));
	sip_server_put_head(tx, &w, 200, SPAN_NONE);
	relay_put_allow(&w, core->peer);
	sip_put_lit(&w, "Accept: application/sdp\r\n");
	sip_put_body(&w, SPAN_NONE, SPAN_NONE);
	CORE_COUNT(core, options_answered);
	if (w.is_overflowed ||
		sip_server_respond(core->txs, turn, tx, 200, sip_writer_text(&w)) < 0)
		CORE_COUNT(core, responses_lost);
}
