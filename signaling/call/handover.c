#include "call/handover.h"

#include "call/core_private.h"
#include "call/export.h"
#include "call/replaces.h"

#include <stddef.h>

#define LINGER_MS     (64u * 500u) // of a refusal and its ACK (RFC 3261 17.2.1 timer H)
#define RETRY_MS      100u         // when the outbox was full
#define HANDOVERS_MAX 1024u        // INVITEs with Replaces within that time

struct handover {
	struct core *core;
	uint64_t key; // core_call_key() of the Call-ID
	struct timer timer;
};

static void on_timer(struct timer *timer, void *context)
{
	struct handover *handover =
		(struct handover *)((char *)timer - offsetof(struct handover, timer));
	const struct sip_turn *turn = context;
	struct core *core = handover->core;

	// Nobody else would ever say it.
	if (outbox_gone(core->env->outbox, handover->key) < 0)
		timer_start(core->wheel, timer, turn->now_ms + RETRY_MS, on_timer);
	else
		slab_put(core->handovers, handover);
}

static struct handover *find(const struct core *core, uint64_t key)
{
	struct handover *handover;
	uint32_t cursor = 0;

	while ((handover = slab_next(core->handovers, &cursor)))
		if (handover->key == key)
			return handover;
	return NULL;
}

// Whether it was led here is not known, and does not matter. False: there are too many.
static bool watch(struct core *core, const struct sip_turn *turn, uint64_t key)
{
	struct handover *handover = find(core, key);

	if (handover)
		return true; // a repetition
	handover = slab_get(core->handovers);
	if (!handover)
		return false;
	handover->core = core;
	handover->key = key;
	timer_start(core->wheel, &handover->timer, turn->now_ms + LINGER_MS, on_timer);
	return true;
}

static bool send_on(struct core *core, const struct core_message *message,
	const struct sip_hop *hop, struct span text)
{
	struct replaces_value value;
	struct sip_token token;

	if (message->is_handed_over || !replaces_name(core, text, &token) ||
		!replaces_parse(text, &value))
		return false;
	struct outbox_handover handover = { .shard = token.shard, .name = token.value,
		.dialog = core_call_key(&core->keys, value.call_id),
		.own = core_call_key(&core->keys, core->msg.call_id),
		.hop = *hop, .data = message->data };
	CORE_COUNT(core, handovers);
	if (outbox_handover(core->env->outbox, &handover) < 0)
		CORE_COUNT(core, outbox_full); // it comes again
	return true;
}

bool handover_take(struct core *core, const struct sip_turn *turn, const struct sip_received *in,
	const struct core_message *message)
{
	const struct sip_msg *msg = in->msg;
	const struct sip_header *replaces = sip_msg_header(msg, SIP_HEADER_REPLACES);

	if (!replaces || !msg->is_request || msg->method != SIP_METHOD_INVITE ||
		!span_is_empty(msg->to.tag))
		return false;
	uint64_t own = core_call_key(&core->keys, msg->call_id);
	if (send_on(core, message, &in->hop, replaces->value))
		return true;
	// A repetition may belong to a dialog by now.
	if (sip_transactions_knows(core->txs, msg) || watch(core, turn, own))
		return false;
	CORE_COUNT(core, refused_full);
	sip_reply_stateless(core->txs, turn, in, 503, SPAN_NONE);
	if (outbox_gone(core->env->outbox, own) < 0)
		CORE_COUNT(core, outbox_full);
	return true;
}

void handover_keep(struct core *core, struct span call_id)
{
	struct handover *handover = find(core, core_call_key(&core->keys, call_id));

	if (!handover)
		return;
	timer_stop(core->wheel, &handover->timer);
	slab_put(core->handovers, handover);
}

struct slab *handover_table_new(void)
{
	return slab_new(sizeof(struct handover), HANDOVERS_MAX);
}
