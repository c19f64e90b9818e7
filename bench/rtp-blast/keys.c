#include "keys.h"

#include <openssl/evp.h>
#include <srtp2/srtp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct blast_keys {
	srtp_t sender, receiver;
	uint32_t tag_bytes;
};

struct suite {
	const char *name;
	void (*set_policy)(srtp_crypto_policy_t *policy);
	uint32_t key_bytes; // with salt
	uint32_t tag_bytes;
};

static const struct suite suites[] = {
	{ "AES_CM_128_HMAC_SHA1_80", srtp_crypto_policy_set_rtp_default, 30, 10 },
	{ "AEAD_AES_128_GCM", srtp_crypto_policy_set_aes_gcm_128_16_auth, 28, 16 },
};

static const struct suite *suite_of(const char *name)
{
	for (size_t i = 0; i < sizeof(suites) / sizeof(suites[0]); i++)
		if (strcmp(suites[i].name, name) == 0)
			return &suites[i];
	return NULL;
}

static srtp_t session_new(const struct suite *suite, const char *key, srtp_ssrc_type_t type)
{
	uint8_t raw[96] = { 0 };
	// What the kernel did not take is sent again.
	srtp_policy_t policy = { .ssrc = { .type = type }, .key = raw, .window_size = 1024,
		.allow_repeat_tx = 1 };
	size_t len = strlen(key);
	srtp_t session;

	// Four digits are three octets, and the last group may be cut short.
	if (len != (suite->key_bytes + 2) / 3 * 4 ||
		EVP_DecodeBlock(raw, (const unsigned char *)key, (int)len) < 0)
		return NULL;
	suite->set_policy(&policy.rtp);
	suite->set_policy(&policy.rtcp);
	return srtp_create(&session, &policy) == srtp_err_status_ok ? session : NULL;
}

struct blast_keys *blast_keys_new(const char *suite_name, const char *own, const char *border)
{
	static bool is_up;
	const struct suite *suite = suite_of(suite_name);
	struct blast_keys *keys = calloc(1, sizeof(*keys));

	is_up = is_up || srtp_init() == srtp_err_status_ok;
	if (keys && suite && is_up) {
		keys->tag_bytes = suite->tag_bytes;
		keys->sender = session_new(suite, own, ssrc_any_outbound);
		keys->receiver = session_new(suite, border, ssrc_any_inbound);
	}
	if (keys && keys->sender && keys->receiver)
		return keys;
	fprintf(stderr, "rtp-blast: \"%s\" with its keys is no suite that libsrtp2 has here\n",
		suite_name);
	blast_keys_free(keys);
	return NULL;
}

void blast_keys_free(struct blast_keys *keys)
{
	if (!keys)
		return;
	if (keys->sender)
		srtp_dealloc(keys->sender);
	if (keys->receiver)
		srtp_dealloc(keys->receiver);
	free(keys);
}

uint32_t blast_keys_tag_bytes(const struct blast_keys *keys)
{
	return keys->tag_bytes;
}

uint32_t blast_keys_protect(struct blast_keys *keys, uint8_t *rtp, uint32_t len)
{
	int bytes = (int)len;

	return srtp_protect(keys->sender, rtp, &bytes) == srtp_err_status_ok ? (uint32_t)bytes : 0;
}

uint32_t blast_keys_unprotect(struct blast_keys *keys, uint8_t *srtp, uint32_t len)
{
	int bytes = (int)len;

	return srtp_unprotect(keys->receiver, srtp, &bytes) == srtp_err_status_ok ?
		(uint32_t)bytes : 0;
}
