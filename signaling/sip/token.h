// token.h - the identifiers that we put into messages: Call-IDs, tags, branches, Contact users.
//
// Each is 24 characters of [a-z2-7]: {shard, key generation, value} and a 56-bit SipHash MAC that
// also binds its kind. Whoever receives one finds the shard without any table and knows that we
// made it. Any thread, pure.
#pragma once

#include "base/hash.h"
#include "base/span.h"

#include <stdbool.h>
#include <stdint.h>

#define SIP_SHARDS          1024u
#define SIP_TOKEN_LEN       24u
#define SIP_TOKEN_VALUE_MAX ((1ull << 48) - 1)
#define SIP_BRANCH_LEN      (7u + SIP_TOKEN_LEN) // cookie and token

enum sip_token_kind {
	SIP_TOKEN_CALL_ID = 1,
	SIP_TOKEN_TAG,
	SIP_TOKEN_BRANCH,
	SIP_TOKEN_CONTACT,   // user part of our Contact
	SIP_TOKEN_STATELESS, // To tag of an answer given without a transaction; absorbs its ACK
	SIP_TOKEN_FORK,      // To tag of a further early dialog, this kind and those behind it
};

#define SIP_TOKEN_FORK_COUNT 7u

struct sip_token {
	uint16_t shard;     // 0..1023
	uint8_t generation; // of the key, 0..63; sip_token_make() fills in the current one
	uint64_t value; // 48 bits: random, or what the maker wants to find again (it is readable)
};

// Keys of one cluster. Tokens of the current and the previous generation are valid.
struct sip_keys {
	struct hash_key shard;  // cluster key itself: never rotated, dispatch must stay stable
	struct hash_key mac[2]; // [0] current, [1] previous generation
	uint8_t generation;     // 0..63
};

// generation 0..63; its predecessor (modulo 64) stays valid.
void sip_keys_init(struct sip_keys *keys, const struct hash_key *cluster, uint8_t generation);

// Writes SIP_TOKEN_LEN characters, no NUL.
void sip_token_make(const struct sip_keys *keys, enum sip_token_kind kind,
	const struct sip_token *token, char out[SIP_TOKEN_LEN]);
// False: not ours, another kind, or of a forgotten generation.
bool sip_token_verify(const struct sip_keys *keys, enum sip_token_kind kind, struct span text,
	struct sip_token *out);

// SIP_BRANCH_LEN characters: "z9hG4bK" and a SIP_TOKEN_BRANCH token.
void sip_branch_make(const struct sip_keys *keys, const struct sip_token *token,
	char out[SIP_BRANCH_LEN]);
bool sip_branch_verify(const struct sip_keys *keys, struct span branch, struct sip_token *out);

// The shard of a Call-ID: the one inside if we made it, else by hash. Always 0..1023.
uint32_t sip_callid_shard(const struct sip_keys *keys, struct span call_id);
// The first Call-ID of a message not yet parsed, a part of `message`: looks no further than its
// line. False: none found.
bool sip_scan_callid(struct span message, struct span *out);
