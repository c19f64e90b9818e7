#include "secure.h"

#include "base/check.h"
#include "bundle.h"
#include "frame.h"
#include "lane.h"
#include "proto/rtp.h"
#include "srtp.h"

#include <rte_eal.h>
#include <srtp2/srtp.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define SLOTS	 8u
#define CALL	 100u // incarnation of the flows of a case, BED_CALL
#define SESSIONS 64u
#define FLOWS	 1024u // routes, as the bed has flows

struct secure {
	struct crypto crypto;
	struct flow_key keys[SLOTS];
	struct flow_crypto states[SLOTS];
	srtp_t far[SLOTS]; // libsrtp2's session under the key
	struct flow_secure agreements[SLOTS];
	struct bundle bundles[SLOTS];
	uint64_t serial;
};

static struct secure secure;

static uint32_t slot_in(struct span words, const char *key)
{
	uint64_t slot = words_number(words, key, 0);

	if (slot >= SLOTS)
		golden_fail("no such slot", words);
	return (uint32_t)slot;
}

void secure_attach(struct lane *lane)
{
	memset(&secure, 0, sizeof(secure));
	lane->view.keys = secure.keys;
	lane->view.secures = secure.agreements;
	lane->view.key_count = SLOTS;
	lane->bundles = secure.bundles;
}

// Keys --------------------------------------------------------------------------------------------

// Once in a process: DPDK cannot be started again.
static void start_eal(void)
{
	static bool is_up;
	char prefix[64];
	char *args[] = { "golden", "--no-pci", "--no-huge", "--no-shconf", "--no-telemetry", "-m",
		"64", "--log-level=*:error", "--lcores=0@0", prefix };

	if (is_up)
		return;
	snprintf(prefix, sizeof(prefix), "--file-prefix=golden-%d", (int)getpid());
	CHECK(rte_eal_init((int)(sizeof(args) / sizeof(args[0])), args) >= 0);
	CHECK(srtp_init() == srtp_err_status_ok);
	is_up = true;
}

static void start_crypto(struct lane *lane)
{
	start_eal();
	CHECK(crypto_open(&secure.crypto, CONFIG_CRYPTO_AESNI_MB, 1, SESSIONS) == 0 ||
		crypto_open(&secure.crypto, CONFIG_CRYPTO_OPENSSL, 1, SESSIONS) == 0);
	lane->srtp = srtp_lane_new(&secure.crypto, 0);
	CHECK(lane->srtp != NULL);
	lane->srtp->contexts = srtp_contexts_new(SLOTS);
	lane->srtp->routes = srtp_routes_new(FLOWS);
	lane->srtp->keys = secure.keys;
	lane->srtp->states = secure.states;
	lane->srtp->key_count = SLOTS;
}

void secure_detach(struct lane *lane)
{
	if (!lane->srtp)
		return;
	srtp_detach(lane);
	srtp_contexts_free(lane->srtp->contexts, SLOTS);
	srtp_routes_free(lane->srtp->routes, FLOWS);
	srtp_lane_free(lane->srtp);
	lane->srtp = NULL;
	crypto_close(&secure.crypto);
	for (uint32_t i = 0; i < SLOTS; i++)
		if (secure.far[i])
			srtp_dealloc(secure.far[i]);
}

// The far end: as the RFCs say, from the same master key.
static srtp_t open_far(const struct flow_key *key, const struct srtp_suite_info *info)
{
	static void (*const set[SRTP_SUITE_COUNT])(srtp_crypto_policy_t *) = {
		[SRTP_AES_CM_128_HMAC_SHA1_80] = srtp_crypto_policy_set_rtp_default,
		[SRTP_AES_CM_128_HMAC_SHA1_32] = srtp_crypto_policy_set_aes_cm_128_hmac_sha1_32,
		[SRTP_AES_256_CM_HMAC_SHA1_80] = srtp_crypto_policy_set_aes_cm_256_hmac_sha1_80,
		[SRTP_AES_256_CM_HMAC_SHA1_32] = srtp_crypto_policy_set_aes_cm_256_hmac_sha1_32,
		[SRTP_AEAD_AES_128_GCM] = srtp_crypto_policy_set_aes_gcm_128_16_auth,
		[SRTP_AEAD_AES_256_GCM] = srtp_crypto_policy_set_aes_gcm_256_16_auth,
	};
	uint8_t bytes[SRTP_KEY_MAX + SRTP_SALT_MAX], mki[SRTP_MKI_MAX];
	srtp_master_key_t master = { bytes, mki, key->mki_bytes };
	srtp_master_key_t *masters[] = { &master };
	srtp_policy_t policy = { .ssrc = { .type = ssrc_any_outbound }, .window_size = 128,
		.allow_repeat_tx = 1, .keys = masters, .num_master_keys = 1 };
	srtp_t far = NULL;

	memcpy(bytes, key->key, info->key_bytes);
	memcpy(bytes + info->key_bytes, key->salt, info->salt_bytes);
	memcpy(mki, key->mki, sizeof(mki));
	if (key->mki_bytes == 0) {
		policy.keys = NULL;
		policy.num_master_keys = 0;
		policy.key = bytes;
	}
	set[key->suite](&policy.rtp);
	// RFC 4568 6.2: SRTCP keeps 80 bits where RTP has 32.
	bool is_short = key->suite == SRTP_AES_CM_128_HMAC_SHA1_32 ||
		key->suite == SRTP_AES_256_CM_HMAC_SHA1_32;
	set[is_short ? key->suite - 1 : key->suite](&policy.rtcp);
	CHECK(srtp_create(&far, &policy) == srtp_err_status_ok);
	return far;
}

void secure_put_key(struct lane *lane, struct span words)
{
	struct span name = words_get(words, "suite");
	uint32_t slot = slot_in(words, "slot"), seed = (uint32_t)words_number(words, "seed", 1);
	struct flow_key key = { .incarnation = words_number(words, "call", CALL),
		.serial = ++secure.serial,
		.suite = (uint8_t)srtp_suite_by_name(name.ptr, name.len),
		.mki_bytes = (uint8_t)words_number(words, "mki", 0),
		.rtcp_index = 1 }; // where libsrtp2 begins
	const struct srtp_suite_info *info = srtp_suite_info(key.suite);

	if (key.suite == SRTP_NONE || key.mki_bytes > SRTP_MKI_MAX)
		golden_fail("no such suite, or a long MKI", words);
	if (!lane->srtp)
		start_crypto(lane);
	for (uint32_t i = 0; i < info->key_bytes; i++)
		key.key[i] = (uint8_t)(seed * 31 + i * 7);
	for (uint32_t i = 0; i < info->salt_bytes; i++)
		key.salt[i] = (uint8_t)(seed * 17 + i * 5);
	for (uint32_t i = 0; i < key.mki_bytes; i++)
		key.mki[i] = (uint8_t)(seed + i);
	key.checksum = flow_key_checksum(&key);
	secure.keys[slot] = key;
	secure.far[slot] = open_far(&key, info);
}

uint32_t secure_protect(uint64_t slot, uint8_t *packet, uint32_t len)
{
	bool has_mki = slot < SLOTS && secure.keys[slot].mki_bytes > 0;
	int bytes = (int)len;

	CHECK(slot < SLOTS && secure.far[slot] != NULL);
	if (rtp_demux_of(packet, len) == RTP_DEMUX_RTCP)
		CHECK(srtp_protect_rtcp_mki(secure.far[slot], packet, &bytes, has_mki, 0) ==
			srtp_err_status_ok);
	else
		CHECK(srtp_protect_mki(secure.far[slot], packet, &bytes, has_mki, 0) ==
			srtp_err_status_ok);
	return (uint32_t)bytes;
}

bool secure_check(struct span words)
{
	const struct flow_crypto *state = &secure.states[slot_in(words, "slot")];
	const struct {
		const char *key;
		uint64_t value;
	} numbers[] = { { "packets", state->packets }, { "auth_failed", state->auth_failed },
		{ "replayed", state->replayed }, { "refused", state->refused } };
	bool is_good = true;

	for (uint32_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		if (words_number(words, numbers[i].key, numbers[i].value) == numbers[i].value)
			continue;
		fprintf(stderr, "  %s is %lu\n", numbers[i].key, numbers[i].value);
		is_good = false;
	}
	return is_good;
}

// Groups ------------------------------------------------------------------------------------------

void secure_put_bundle(struct span words)
{
	secure.agreements[slot_in(words, "slot")] = (struct flow_secure){
		.incarnation = words_number(words, "call", CALL),
		.media_address = (uint16_t)words_number(words, "address", 0),
		.port = (uint16_t)words_number(words, "port", 20000),
		.components = 1,
		.mtu = 1200,
		.bundle.mid_extension = (uint8_t)words_number(words, "ext", 0),
	};
}

void secure_put_member(struct span words)
{
	struct flow_bundle *bundle = &secure.agreements[slot_in(words, "slot")].bundle;
	struct span mid = words_get(words, "mid"), types = words_get(words, "types"), type;
	uint32_t number;

	if (bundle->count >= FLOW_MEMBERS_MAX || mid.len > FLOW_MID_MAX)
		golden_fail("too many members, or a long mid", words);
	struct flow_member *member = &bundle->members[bundle->count++];
	member->port = (uint16_t)words_number(words, "port", 0);
	member->mid_bytes = (uint8_t)mid.len;
	if (mid.len > 0)
		memcpy(member->mid, mid.ptr, mid.len);
	member->ssrc[0] = (uint32_t)words_number(words, "ssrc", 0);
	while (!span_is_empty(types)) {
		span_cut(&types, ',', &type);
		if (span_parse_u32(type, 127, &number) != 0)
			golden_fail("not a payload type", type);
		member->payload_types[number / 8] |= (uint8_t)(1u << number % 8);
	}
}

void secure_fill_flow(struct span words, struct flow_cfg *cfg)
{
	if (!span_is_empty(words_get(words, "rx")))
		cfg->key_rx = slot_in(words, "rx") + 1;
	if (!span_is_empty(words_get(words, "tx")))
		cfg->key_tx = slot_in(words, "tx") + 1;
	cfg->bundle_port = (uint16_t)words_number(words, "bundle", 0);
	if (span_is_empty(words_get(words, "secure")))
		return;
	struct flow_secure *agreement = &secure.agreements[slot_in(words, "secure")];
	cfg->secure = slot_in(words, "secure") + 1;
	agreement->serial = ++secure.serial;
	agreement->checksum = flow_secure_checksum(agreement);
}
