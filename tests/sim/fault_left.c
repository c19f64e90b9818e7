// fault_left.c - faults of what is kept: records with a wrong field, and things that stay behind at
// the end.
#include "sim.h"

#include "base/check.h"

#include "state.pb-c.h"

void fault_record(struct sim *sim, struct record *record)
{
	bool is_cseq = fault_is(sim, "record-cseq"), is_port = fault_is(sim, "record-port");

	if (!is_cseq && !is_port)
		return;
	Muga__State__Call *call = muga__state__call__unpack(NULL, record->len, record->data);
	CHECK(call && call->a && call->b);
	if (is_cseq)
		call->b->local_cseq = call->a->local_cseq = 1;
	for (size_t i = 0; is_port && i < call->n_stream; i++)
		if (call->stream[i]->a)
			call->stream[i]->a->port += 2;
	record->len = (uint32_t)muga__state__call__pack(call, record->data);
	muga__state__call__free_unpacked(call, NULL);
	sim->is_broken = true;
}

// Whatever a caller can begin must not be overlooked when it has no end yet.
void fault_end(struct sim *sim)
{
	static const struct {
		const char *name, *method, *headers;
	} faults[] = {
		{ "call-kept", "INVITE", "" },
		{ "timer-kept", "SUBSCRIBE", "Event: presence\r\n" },
		{ "transaction-kept", "PUBLISH", "Event: presence\r\n" },
	};
	struct addr from;

	CHECK(addr_parse(SPAN_LIT("10.1.1.9"), 5060, &from) == 0);
	sim->stress = (struct stress){ 0 };
	for (uint32_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
		char text[SIM_TEXT_MAX];
		struct ua ua = { .role = UA_SENDER, .addr = from, .local_tag = "late" };
		struct ua_request request = { .method = faults[i].method, .cseq = 1, .body = "",
			.headers = faults[i].headers };

		if (!fault_is(sim, faults[i].name))
			continue;
		ua_name(&ua, "61234");
		uint32_t len = ua_put_request(sim, &ua, &request, text);
		struct packet packet = { .from = from, .to = ua_muga(&ua), .len = len,
			.data = text };
		world_receive(sim, &packet);
		sim->is_broken = true;
	}
}
