// export.h - a call as a record: stored while it lives, read back by whoever takes the call over.
//
// The record (shared/proto/state.proto) holds what cannot be derived; it is about one kilobyte.
// Signaling goes on from it as if nothing had happened: tags, CSeq, route sets, the descriptions in
// force. What it leaves out dies with the worker: transactions (their requests come again, or time
// out), an INVITE on its way (the session in force stays), a BYE that nobody has answered.
//
// Ports. A port has one writer, the worker to whose block it belongs (shm/flow_table.h), and that
// does not change. A worker that takes a call over claims those pairs that lie in its own blocks;
// the others go on as orphans of their owner as long as packets pass, and the call then asks both
// far ends at once to change to ports of its own (call/transfer.h). So nothing is ever written by
// two workers, and whatever the call leaves behind falls silent and is retired by its owner.
//
// Owner thread of the core, within a turn.
#pragma once

#include "call/core.h"

#define CALL_RECORD_MAX 16384u // bytes; more is refused both ways

struct record_out {
	uint8_t *buf;  // of at least CALL_RECORD_MAX bytes
	uint32_t len;  // written
};

// The record of the call named by `token`. 0; -ENOENT: no such call, or it is over, or has lost a
// leg to a transfer: an older record is worth nothing any more; -EAGAIN: not
// answered yet, or its legs are changing: an older record stays the best one; -ENOSPC: too large.
int core_export(struct core *core, struct core_env *env, uint64_t token, struct record_out *out);
// The same, and the call leaves this core without a word: its flows go on as orphans, its far ends
// notice nothing. `name` is any identifier that a leg of it carries (struct sip_token). Besides
// -EBUSY: a transaction of it is under way, or a fork that was ended may answer again.
int core_move_out(struct core *core, struct core_env *env, uint64_t name, struct record_out *out);

// Takes a call over; its legs are found by their tags from now on. 0 and its token; -EINVAL:
// damaged, or of a newer version; -ENOENT: a trunk or port of it is not in the configuration;
// -EEXIST: it lives here; -ENOSPC: call table full.
int core_import(struct core *core, struct core_env *env, struct span record, uint64_t *token);

// The answer to an OUTBOX_FETCH: the record that core_move_out() made of the call, empty = there is
// none. It is taken over like any other.
void core_fetched(struct core *core, struct core_env *env, uint64_t ticket, struct span record);

// What dispatch knows a call by that has changed its worker: keyed hashes of the Call-IDs of both
// legs. `name` as above, or the call's token. False: no such call.
bool core_call_keys(const struct core *core, uint64_t name, uint64_t out[2]);
struct sip_keys;
uint64_t core_call_key(const struct sip_keys *keys, struct span call_id);
