#include "crypto.h"

#include "base/check.h"

#include <errno.h>
#include <openssl/provider.h>
#include <rte_branch_prediction.h>
#include <rte_bus_vdev.h>
#include <rte_errno.h>
#include <rte_lcore.h>
#include <stdio.h>
#include <string.h>

#define QUEUE_OPS     (4u * BURST_MAX)
#define SESSION_CACHE 0u // per lane: what lies in one would be missing in the others
// A queue that gives nothing back this often has lost operations, which software never does.
#define IDLE_POLLS_MAX 1000000u
#define IV_OFFSET      offsetof(struct crypto_op, iv)
#define IV_CM          16u
#define IV_AEAD        12u

static const char *driver_name(enum config_crypto driver)
{
	return driver == CONFIG_CRYPTO_OPENSSL ? "crypto_openssl" : "crypto_aesni_mb";
}

// Everything that the six suites need; asked once, so that a session is refused for no other reason
// than an empty pool.
static bool has_all_suites(uint8_t device)
{
	const struct rte_cryptodev_sym_capability_idx ctr = {
		.type = RTE_CRYPTO_SYM_XFORM_CIPHER, .algo.cipher = RTE_CRYPTO_CIPHER_AES_CTR
	};
	const struct rte_cryptodev_sym_capability_idx sha1 = {
		.type = RTE_CRYPTO_SYM_XFORM_AUTH, .algo.auth = RTE_CRYPTO_AUTH_SHA1_HMAC
	};
	const struct rte_cryptodev_sym_capability_idx gcm = {
		.type = RTE_CRYPTO_SYM_XFORM_AEAD, .algo.aead = RTE_CRYPTO_AEAD_AES_GCM
	};
	const struct rte_cryptodev_symmetric_capability *found;

	found = rte_cryptodev_sym_capability_get(device, &ctr);
	if (!found || rte_cryptodev_sym_capability_check_cipher(found, 16, IV_CM) ||
		rte_cryptodev_sym_capability_check_cipher(found, 32, IV_CM))
		return false;
	found = rte_cryptodev_sym_capability_get(device, &sha1);
	if (!found || rte_cryptodev_sym_capability_check_auth(found, SRTP_AUTH_KEY, 10, 0) ||
		rte_cryptodev_sym_capability_check_auth(found, SRTP_AUTH_KEY, 4, 0))
		return false;
	found = rte_cryptodev_sym_capability_get(device, &gcm);
	return found && !rte_cryptodev_sym_capability_check_aead(found, 16, 16, 12, IV_AEAD) &&
		!rte_cryptodev_sym_capability_check_aead(found, 32, 16, 12, IV_AEAD);
}

static int start_device(struct crypto *crypto, uint32_t queues)
{
	struct rte_cryptodev_config config = {
		.socket_id = SOCKET_ID_ANY,
		.nb_queue_pairs = (uint16_t)queues,
		.ff_disable = RTE_CRYPTODEV_FF_ASYMMETRIC_CRYPTO | RTE_CRYPTODEV_FF_SECURITY,
	};
	struct rte_cryptodev_qp_conf queue = {
		.nb_descriptors = QUEUE_OPS, .mp_session = crypto->sessions
	};

	if (rte_cryptodev_configure(crypto->device, &config))
		return -ENODEV;
	for (uint16_t q = 0; q < queues; q++)
		if (rte_cryptodev_queue_pair_setup(
			    crypto->device, q, &queue, (int)rte_socket_id()))
			return -ENOMEM;
	return rte_cryptodev_start(crypto->device) ? -ENODEV : 0;
}

static int open_driver(
	struct crypto *crypto, enum config_crypto driver, uint32_t queues, uint32_t sessions)
{
	const char *name = driver_name(driver);
	char args[64];

	snprintf(args, sizeof(args), "max_nb_queue_pairs=%u", queues);
	if (rte_vdev_init(name, args))
		return -ENODEV;
	*crypto = (struct crypto){ .name = name };
	crypto->device = (uint8_t)rte_cryptodev_get_dev_id(name);
	int rc = has_all_suites(crypto->device) ? 0 : -ENODEV;
	if (rc == 0) {
		uint32_t bytes = rte_cryptodev_sym_get_private_session_size(crypto->device);

		crypto->sessions = rte_cryptodev_sym_session_pool_create("srtp_sessions", sessions,
			bytes, SESSION_CACHE, 0, SOCKET_ID_ANY);
		rc = crypto->sessions ? start_device(crypto, queues) : -ENOMEM;
	}
	if (rc == 0)
		return 0;
	rte_mempool_free(crypto->sessions);
	rte_vdev_uninit(name);
	*crypto = (struct crypto){ 0 };
	return rc;
}

// DPDK's openssl driver loads OpenSSL's providers by name and unloads them when it goes, after
// which the process would have none: ours is never given back.
static void keep_provider(void)
{
	static OSSL_PROVIDER *kept;

	if (!kept)
		kept = OSSL_PROVIDER_load(NULL, "default");
}

int crypto_open(
	struct crypto *crypto, enum config_crypto driver, uint32_t queues, uint32_t sessions)
{
	keep_provider();
	int rc = open_driver(crypto, driver, queues, sessions);

	if (rc == -ENODEV && driver == CONFIG_CRYPTO_AUTO)
		rc = open_driver(crypto, CONFIG_CRYPTO_OPENSSL, queues, sessions);
	return rc;
}

void crypto_close(struct crypto *crypto)
{
	if (!crypto->sessions)
		return;
	rte_cryptodev_stop(crypto->device);
	rte_vdev_uninit(crypto->name);
	rte_mempool_free(crypto->sessions);
	*crypto = (struct crypto){ 0 };
}

static uint16_t tag_bytes(const struct crypto_session *params)
{
	return params->is_rtcp ? params->suite->rtcp_tag_bytes : params->suite->rtp_tag_bytes;
}

static void *new_aead(const struct crypto *crypto, const struct crypto_session *params)
{
	struct rte_crypto_sym_xform aead = { .type = RTE_CRYPTO_SYM_XFORM_AEAD };

	aead.aead.op = params->is_protect ? RTE_CRYPTO_AEAD_OP_ENCRYPT : RTE_CRYPTO_AEAD_OP_DECRYPT;
	aead.aead.algo = RTE_CRYPTO_AEAD_AES_GCM;
	aead.aead.key.data = params->keys->cipher_key;
	aead.aead.key.length = params->suite->key_bytes;
	aead.aead.iv.offset = IV_OFFSET;
	aead.aead.iv.length = IV_AEAD;
	aead.aead.digest_length = tag_bytes(params);
	aead.aead.aad_length = params->aad_bytes;
	return rte_cryptodev_sym_session_create(crypto->device, &aead, crypto->sessions);
}

// Encrypt, then authenticate; check, then decrypt (RFC 3711 3.1).
static void *new_chain(const struct crypto *crypto, const struct crypto_session *params)
{
	struct rte_crypto_sym_xform cipher = { .type = RTE_CRYPTO_SYM_XFORM_CIPHER };
	struct rte_crypto_sym_xform auth = { .type = RTE_CRYPTO_SYM_XFORM_AUTH };
	struct rte_crypto_sym_xform *first = params->is_protect ? &cipher : &auth;

	first->next = params->is_protect ? &auth : &cipher;
	cipher.cipher.op = params->is_protect ? RTE_CRYPTO_CIPHER_OP_ENCRYPT :
						RTE_CRYPTO_CIPHER_OP_DECRYPT;
	cipher.cipher.algo = RTE_CRYPTO_CIPHER_AES_CTR;
	cipher.cipher.key.data = params->keys->cipher_key;
	cipher.cipher.key.length = params->suite->key_bytes;
	cipher.cipher.iv.offset = IV_OFFSET;
	cipher.cipher.iv.length = IV_CM;
	auth.auth.op = params->is_protect ? RTE_CRYPTO_AUTH_OP_GENERATE :
					    RTE_CRYPTO_AUTH_OP_VERIFY;
	auth.auth.algo = RTE_CRYPTO_AUTH_SHA1_HMAC;
	auth.auth.key.data = params->keys->auth_key;
	auth.auth.key.length = params->suite->auth_key_bytes;
	auth.auth.digest_length = tag_bytes(params);
	return rte_cryptodev_sym_session_create(crypto->device, first, crypto->sessions);
}

void *crypto_session_new(const struct crypto *crypto, const struct crypto_session *params)
{
	return params->suite->is_aead ? new_aead(crypto, params) : new_chain(crypto, params);
}

void crypto_session_free(const struct crypto *crypto, void *session)
{
	rte_cryptodev_sym_session_free(crypto->device, session);
}

void crypto_batch_init(struct crypto_batch *batch, const struct crypto *crypto, uint16_t queue)
{
	memset(batch, 0, sizeof(*batch));
	batch->device = crypto->device;
	batch->queue = queue;
	for (uint32_t i = 0; i < BURST_MAX; i++) {
		batch->ops[i].op.type = RTE_CRYPTO_OP_TYPE_SYMMETRIC;
		batch->ops[i].op.sess_type = RTE_CRYPTO_OP_WITH_SESSION;
		batch->list[i] = &batch->ops[i].op;
	}
}

struct crypto_op *crypto_batch_add(struct crypto_batch *batch, void *session, struct rte_mbuf *mbuf)
{
	struct crypto_op *op = &batch->ops[batch->count++];

	CHECK_HOT(batch->count <= BURST_MAX);
	op->op.status = RTE_CRYPTO_OP_STATUS_NOT_PROCESSED;
	op->sym.session = session;
	op->sym.m_src = mbuf;
	return op;
}

// The drivers' queues give back what is done and work on only when asked again, so: until all are.
void crypto_batch_run(struct crypto_batch *batch)
{
	uint32_t count = batch->count, in = 0, out = 0, idle = 0;

	while (out < count) {
		if (in < count)
			in += rte_cryptodev_enqueue_burst(batch->device, batch->queue,
				&batch->list[in], (uint16_t)(count - in));
		uint32_t done = rte_cryptodev_dequeue_burst(
			batch->device, batch->queue, batch->done, (uint16_t)(in - out));
		out += done;
		idle = done ? 0 : idle + 1;
		CHECK(idle < IDLE_POLLS_MAX);
	}
	batch->count = 0;
}
