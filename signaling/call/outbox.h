// outbox.h - what the core asks of the world in one turn: a bounded list with its own arena.
//
// Filled by the core, carried out in order and cleared by the conductor (worker.c or the
// simulator), both on the worker's thread. A full outbox refuses; nothing is ever sent twice, and
// what goes to one place with one Call-ID in no other order.
#pragma once

#include "base/arena.h"
#include "call/env.h"

#include <stddef.h>

// `entries_max` entries and `bytes_max` bytes of messages per turn. NULL: out of memory.
struct outbox *outbox_new(uint32_t entries_max, size_t bytes_max);
void outbox_free(struct outbox *outbox);

// Forgets every entry; all spans and summaries in it die.
void outbox_clear(struct outbox *outbox);

uint32_t outbox_count(const struct outbox *outbox);
// index < outbox_count(). Borrowed until outbox_clear().
const struct outbox_entry *outbox_at(const struct outbox *outbox, uint32_t index);

// Copies `send->data` and the hop's tls_name into the outbox. 0, or -ENOBUFS: full, nothing was
// added (and it is counted).
int outbox_send(struct outbox *outbox, const struct outbox_send *send);
// Copies `resolve` with its host into the outbox. 0, or -ENOBUFS.
int outbox_resolve(struct outbox *outbox, const struct outbox_resolve *resolve);
// 0, or -ENOBUFS.
int outbox_fetch(struct outbox *outbox, const struct outbox_fetch *fetch);
// Copies the message into the outbox. 0, or -ENOBUFS.
int outbox_handover(struct outbox *outbox, const struct outbox_handover *handover);
// 0, or -ENOBUFS.
int outbox_alias(struct outbox *outbox, const struct outbox_alias *alias);
int outbox_gone(struct outbox *outbox, uint64_t key);
// Copies `summary` into the outbox. 0, or -ENOBUFS.
int outbox_call_end(struct outbox *outbox, const struct call_summary *summary);

// Entries refused because the outbox was full, since outbox_new().
uint64_t outbox_refused(const struct outbox *outbox);
