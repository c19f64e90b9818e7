// tiny_core.h - a core of a few lines in place of the real one, for test_worker.c: "shard N echo
// TEXT" comes back as "W TEXT", W being the worker that had it.
#pragma once

#include "worker.h"

#include "call/export.h"
#include "call/metric.h"
#include "call/outbox.h"
#include "call/trunk.h"
#include "sip/token.h"
#include "sip/transaction.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define WORKERS 2u
#define TRUNK_CALLS_MAX 5u

struct core {
	struct core_params params;
	struct core_metrics metrics;
	struct sip_transaction_metrics transactions;
	uint64_t timer_ms; // UINT64_MAX = none
	struct outbox_send timer_send;
	uint32_t calls;
	struct outbox_send failing; // to whom core_send_failed() is reported
};

struct core *core_new(const struct core_params *params)
{
	struct core *core = calloc(1, sizeof(*core));
	core->params = *params;
	core->timer_ms = UINT64_MAX;
	return core;
}

void core_free(struct core *core)
{
	free(core);
}

bool core_scan(const struct sip_keys *keys, struct span message, struct core_scan *out)
{
	struct span word;
	(void)keys;
	if (!sip_scan_callid(message, &out->call_id))
		out->call_id = SPAN_NONE;
	return span_cut(&message, ' ', &word) && span_eq(word, SPAN_LIT("shard")) &&
		span_cut(&message, ' ', &word) &&
		span_parse_u32(word, CORE_SHARDS - 1, &out->shard) == 0;
}

static void answer(struct core *core, struct core_env *env, const struct core_message *message,
	struct span text)
{
	char buf[128];
	int n = snprintf(buf, sizeof(buf), "%u " SPAN_FMT, core->params.worker, SPAN_ARG(text));
	struct outbox_send send = {
		.hop = { .listener = message->listener, .addr = message->source,
			.connection = message->connection },
		.data = span_make(buf, (uint32_t)n),
	};
	assert_int_equal(outbox_send(env->outbox, &send), 0);
}

void core_send_failed(struct core *core, struct core_env *env, uint64_t ticket,
	enum core_send_failure failure)
{
	char buf[64];
	struct outbox_send send = core->failing;
	int n = snprintf(buf, sizeof(buf), "%u failed %u %d", core->params.worker, (unsigned)ticket,
		(int)failure);
	send.data = span_make(buf, (uint32_t)n);
	assert_int_equal(outbox_send(env->outbox, &send), 0);
}

// Sends by a connection of the other worker that never was; the news must come back here.
static void send_nowhere(struct core *core, struct core_env *env,
	const struct core_message *message)
{
	uint64_t worker = (core->params.worker + 1) % WORKERS;
	struct outbox_send send = {
		.hop = { .listener = message->listener, .addr = message->source,
			.connection = worker << 56 | UINT64_C(12) << 32 | 99, .is_bound = true },
		.data = SPAN_LIT("lost"),
		.ticket = 5,
	};
	core->failing.hop = (struct sip_hop){ .listener = message->listener,
		.addr = message->source, .connection = message->connection };
	assert_int_equal(outbox_send(env->outbox, &send), 0);
}

static struct worker_shared shared;

// "hand N": worker N has its call.
static void hand_over(struct core *core, struct core_env *env, const struct core_message *message,
	struct span text)
{
	struct outbox_handover handover = { .data = message->data,
		.own = core_call_key(&shared.keys, SPAN_LIT("handed")),
		.hop = { .listener = message->listener, .addr = message->source } };
	assert_int_equal(span_parse_u32(span_sub(text, 0, 1), WORKERS - 1, &handover.shard), 0);
	if (message->is_handed_over)
		answer(core, env, message, SPAN_LIT("back"));
	else if (handover.shard == core->params.worker && text.ptr[1] != '!')
		answer(core, env, message, SPAN_LIT("here"));
	else
		assert_int_equal(outbox_handover(env->outbox, &handover), 0);
}

void core_receive(struct core *core, struct core_env *env, const struct core_message *message)
{
	struct span rest = message->data, word;
	assert_non_null(env->config);
	span_cut(&rest, ' ', &word);
	span_cut(&rest, ' ', &word);
	span_cut(&rest, ' ', &word);
	if (span_eq(word, SPAN_LIT("timer"))) {
		core->timer_ms = env->now_ms + 30;
		core->timer_send.hop.listener = message->listener;
		core->timer_send.hop.addr = message->source;
	} else if (span_eq(word, SPAN_LIT("trunk"))) {
		uint32_t slot = trunk_slot(core->params.trunks, SPAN_LIT("shared"));
		answer(core, env, message, trunk_take(core->params.trunks, slot, TRUNK_CALLS_MAX) ?
			SPAN_LIT("taken") : SPAN_LIT("full"));
	} else if (span_eq(word, SPAN_LIT("call"))) {
		core->calls++;
	} else if (span_eq(word, SPAN_LIT("hand"))) {
		hand_over(core, env, message, rest);
	} else if (span_eq(word, SPAN_LIT("nowhere"))) {
		struct core_message lost = *message;
		lost.listener = listener_make(60, 3);
		answer(core, env, &lost, rest);
	} else if (span_starts(rest, SPAN_LIT("0\r\nGone"))) {
		send_nowhere(core, env, message);
	} else if (span_eq(word, SPAN_LIT("end"))) {
		struct call_summary summary = { .info.token = 77, .info.from = "a b\"c=\n" };
		outbox_call_end(env->outbox, &summary);
		answer(core, env, message, rest);
	} else {
		answer(core, env, message, rest);
	}
}

void core_run_timers(struct core *core, struct core_env *env)
{
	if (core->timer_ms > env->now_ms)
		return;
	core->timer_ms = UINT64_MAX;
	core->timer_send.data = SPAN_LIT("fired");
	outbox_send(env->outbox, &core->timer_send);
}

uint64_t core_next_timer_ms(const struct core *core)
{
	return core->timer_ms;
}

void core_hangup_all(struct core *core, struct core_env *env)
{
	(void)env;
	core->calls = 0;
}

const struct core_metrics *core_metrics(const struct core *core)
{
	return &core->metrics;
}

const struct sip_transaction_metrics *core_transaction_metrics(const struct core *core)
{
	return &core->transactions;
}

bool core_next_call(const struct core *core, uint32_t *cursor, struct call_info *out)
{
	if (*cursor >= core->calls)
		return false;
	memset(out, 0, sizeof(*out));
	out->token = ++*cursor;
	return true;
}
