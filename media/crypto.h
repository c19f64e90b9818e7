// crypto.h - DPDK's cryptodev as SRTP uses it: one device, a queue pair for each lane, sessions
// from a bounded pool, and batches of operations that are run to their end.
//
// The main thread opens and closes. A lane makes, uses and frees its own sessions and runs batches
// on its own queue; nothing here is shared by lanes but the pool, which is made for it. Knows of
// keys and bytes only: which bytes of a packet is srtp_packet.h's business.
#pragma once

#include "burst.h"
#include "config/config.h"
#include "srtp_kdf.h"

#include <rte_cryptodev.h>
#include <stdalign.h>
#include <stdint.h>

struct crypto {
	struct rte_mempool *sessions; // NULL: closed
	uint8_t device;
	const char *name; // of the driver, for logs
};

// 0; -ENODEV: no such driver works here; -ENOMEM. `queues`: lanes, numbered from 0. `sessions` of
// one key, one direction and one AAD length each, in use at once at most.
int crypto_open(
	struct crypto *crypto, enum config_crypto driver, uint32_t queues, uint32_t sessions);
void crypto_close(struct crypto *crypto);

struct crypto_session {
	const struct srtp_suite_info *suite;
	const struct srtp_session_keys *keys; // borrowed for the call
	bool is_rtcp;
	bool is_protect;    // encrypt and make the tag; else check the tag and decrypt
	uint16_t aad_bytes; // AEAD: every packet of the session has as many, 1..
};

// NULL: the pool is empty, or the driver refuses.
void *crypto_session_new(const struct crypto *crypto, const struct crypto_session *params);
void crypto_session_free(const struct crypto *crypto, void *session);

// One operation, with what it points at.
struct crypto_op {
	alignas(64) struct rte_crypto_op op;
	struct rte_crypto_sym_op sym; // directly behind op
	uint8_t iv[16];		      // 12 bytes of it with AEAD
	uint8_t tag[24];	      // the tag that came, set aside
	uint8_t aad[16];	      // SRTCP: header, E bit and index
};
_Static_assert(offsetof(struct crypto_op, sym) == sizeof(struct rte_crypto_op),
	"where rte_crypto_op looks for it");

// Of one lane; runs on queue pair `queue`.
struct crypto_batch {
	uint8_t device;
	uint16_t queue;
	uint32_t count; // operations filled in
	struct rte_crypto_op *list[BURST_MAX];
	struct rte_crypto_op *done[BURST_MAX];
	struct crypto_op ops[BURST_MAX];
};

void crypto_batch_init(struct crypto_batch *batch, const struct crypto *crypto, uint16_t queue);

// The next operation, with session and packet set and everything else to be filled. The batch has
// room: a burst has at most one operation for each packet.
struct crypto_op *crypto_batch_add(
	struct crypto_batch *batch, void *session, struct rte_mbuf *mbuf);

// Runs all of them until all are back. Each one's op.status tells how it went; the count is 0 again
// afterwards, the operations stay readable until the next crypto_batch_add().
void crypto_batch_run(struct crypto_batch *batch);

// Where the cipher and the authentication of a packet lie, in bytes from the start of the frame.
struct crypto_range {
	uint32_t at, len;
};

static inline void crypto_op_set_aead(struct crypto_op *op, struct crypto_range text,
	uint8_t *tag, uint8_t *aad)
{
	op->sym.aead.data.offset = text.at;
	op->sym.aead.data.length = text.len;
	op->sym.aead.digest.data = tag;
	op->sym.aead.aad.data = aad;
}

static inline void crypto_op_set_chain(struct crypto_op *op, struct crypto_range text,
	struct crypto_range authenticated, uint8_t *tag)
{
	op->sym.cipher.data.offset = text.at;
	op->sym.cipher.data.length = text.len;
	op->sym.auth.data.offset = authenticated.at;
	op->sym.auth.data.length = authenticated.len;
	op->sym.auth.digest.data = tag;
}
