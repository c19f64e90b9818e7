#include "peer.h"

#include "base/check.h"
#include "proto/rtp.h"
#include "world.h"

#include <rte_cycles.h>
#include <srtp2/srtp.h>
#include <string.h>

struct peer_session {
	srtp_t sender, receiver;
	uint16_t sequence;
};

static struct peer_session sessions[WORLD_CALLS_MAX];
static uint32_t session_count, turn, last_turn;
static uint8_t packets[WORLD_BURST][WORLD_RTP_BYTES + SRTP_MAX_TRAILER_LEN];
static int lengths[WORLD_BURST];

static srtp_t session_new(enum srtp_suite suite, srtp_ssrc_type_t type, uint32_t seed)
{
	uint8_t key[SRTP_KEY_MAX + SRTP_SALT_MAX];
	srtp_policy_t policy = { .ssrc = { .type = type }, .key = key, .window_size = 128 };
	srtp_t session;

	memset(key, (int)seed + 1, sizeof(key));
	if (suite == SRTP_AEAD_AES_128_GCM) {
		srtp_crypto_policy_set_aes_gcm_128_16_auth(&policy.rtp);
		srtp_crypto_policy_set_aes_gcm_128_16_auth(&policy.rtcp);
	} else {
		srtp_crypto_policy_set_rtp_default(&policy.rtp);
		srtp_crypto_policy_set_rtcp_default(&policy.rtcp);
	}
	CHECK(srtp_create(&session, &policy) == srtp_err_status_ok);
	return session;
}

void peer_fill(uint32_t count, enum srtp_suite suite)
{
	static bool is_up;

	if (!is_up)
		CHECK(srtp_init() == srtp_err_status_ok);
	is_up = true;
	peer_clear();
	for (uint32_t i = 0; i < count; i++)
		sessions[i] = (struct peer_session){
			.sender = session_new(suite, ssrc_any_outbound, i),
			.receiver = session_new(suite, ssrc_any_inbound, i),
			.sequence = 1,
		};
	session_count = count;
	turn = 0;
}

void peer_clear(void)
{
	for (uint32_t i = 0; i < session_count; i++) {
		srtp_dealloc(sessions[i].sender);
		srtp_dealloc(sessions[i].receiver);
	}
	session_count = 0;
}

uint64_t peer_protect(uint32_t count)
{
	last_turn = turn;
	for (uint32_t i = 0; i < count; i++) {
		struct peer_session *session = &sessions[(turn + i) % session_count];
		struct rtp_header rtp = { .ssrc = (turn + i) % session_count + 1,
			.seq = session->sequence++ };
		rtp_build(&rtp, packets[i]);
		lengths[i] = WORLD_RTP_BYTES;
	}
	uint64_t start = rte_rdtsc_precise();
	for (uint32_t i = 0; i < count; i++)
		CHECK(srtp_protect(sessions[(turn + i) % session_count].sender, packets[i],
			      &lengths[i]) == srtp_err_status_ok);
	uint64_t cycles = rte_rdtsc_precise() - start;
	turn = (turn + count) % session_count;
	return cycles;
}

uint64_t peer_unprotect(uint32_t count)
{
	uint64_t start = rte_rdtsc_precise();

	for (uint32_t i = 0; i < count; i++)
		CHECK(srtp_unprotect(sessions[(last_turn + i) % session_count].receiver, packets[i],
			      &lengths[i]) == srtp_err_status_ok);
	return rte_rdtsc_precise() - start;
}
