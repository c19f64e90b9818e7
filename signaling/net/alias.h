// alias.h - connections that the far end opened and lets us use (RFC 5923): from where we would
// dial to the connection.
//
// One table for all workers, since any of them may have something to send there. An entry is a
// hint: the worker that owns the connection says whether it is there and has proved whom it leads
// to.
// Lock-free: any worker writes and reads. Constant memory.
#pragma once

#include "base/hash.h"
#include "sip/transport.h"

#define ALIASES_MAX 4096u // a power of two

struct aliases;

struct aliases *aliases_new(const struct hash_key *key); // NULL: out of memory
void aliases_free(struct aliases *aliases);

// Messages by hop's listener to hop's address may go by `connection` from now on. False: no room
// near its place.
bool alias_put(struct aliases *aliases, const struct sip_hop *hop, sip_connection connection);
// Forgets it, unless another connection has taken its place.
void alias_drop(struct aliases *aliases, const struct sip_hop *hop, sip_connection connection);
// 0: none.
sip_connection alias_find(const struct aliases *aliases, const struct sip_hop *hop);
