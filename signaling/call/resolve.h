// resolve.h - questions of the core about names (OUTBOX_RESOLVE), until they are answered or late.
//
// A question has an owner, who is found again by number and may be gone by then, and a deadline of
// its own, so that nobody waits for a resolver that forgot. Owner thread of the core only.
#pragma once

#include "call/env.h"
#include "sip/locate.h"
#include "sip/transaction.h"

struct core;

// `count` 0: nowhere, or too late. The question is over.
typedef void resolve_fn(struct core *core, const struct sip_turn *turn, uint64_t owner,
	const struct sip_target *targets, uint32_t count);

struct resolve_params {
	uint32_t realm;         // index, whose listeners will carry the request
	struct sip_place place; // copied
	uint64_t owner;         // handed to fn
	resolve_fn *fn;
};

// The ticket, or 0: too many questions, fn is not called. fn is never called before this returns.
uint64_t resolve_start(struct core *core, const struct core_env *env,
	const struct resolve_params *params);
// Nobody wants to know any more. Safe with 0 and with tickets of the past.
void resolve_cancel(struct core *core, uint64_t ticket);
