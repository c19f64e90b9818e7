// dtls_pair.h - two DTLS endpoints and the network between them, by a false clock and from a seed.
//
// OpenSSL reads the time with gettimeofday(): the one defined here takes the place of libc's.
#pragma once

#include "base/rng.h"
#include "dtls/dtls_private.h"
#include "unit/unit.h"

#include <stdlib.h>
#include <sys/time.h>

#define PAIR_DATAGRAMS 256u
#define PAIR_BYTES     2048u
#define PAIR_NOW_S     1700000000u

struct pair_datagram {
	uint64_t at_us;
	uint32_t to; // end
	uint32_t len;
	uint8_t data[PAIR_BYTES];
};

struct pair_end {
	struct dtls_endpoint *endpoint;
	struct dtls_identity *identity;
	struct addr addr;
	uint32_t sent, sent_max; // datagrams, and the longest
};

struct pair {
	uint64_t now_us;
	struct rng rng;
	uint32_t loss_percent, repeat_percent;
	uint64_t delay_max_us; // beyond 1 ms: datagrams overtake each other
	struct pair_end ends[2]; // [0] is active
	uint32_t count;
	struct pair_datagram datagrams[PAIR_DATAGRAMS];
};

static struct pair pair;

int gettimeofday(struct timeval *restrict out, void *restrict zone)
{
	(void)zone;
	out->tv_sec = (time_t)(PAIR_NOW_S + pair.now_us / 1000000);
	out->tv_usec = (suseconds_t)(pair.now_us % 1000000);
	return 0;
}

static inline void pair_post(uint32_t to, struct span data)
{
	struct pair_datagram *datagram = &pair.datagrams[pair.count];

	assert_true(pair.count < PAIR_DATAGRAMS && data.len <= PAIR_BYTES);
	if (rng_below(&pair.rng, 100) < pair.loss_percent)
		return;
	datagram->to = to;
	datagram->len = data.len;
	datagram->at_us = pair.now_us + 1000 +
		(pair.delay_max_us ? rng_below(&pair.rng, (uint32_t)pair.delay_max_us) : 0);
	memcpy(datagram->data, data.ptr, data.len);
	pair.count++;
}

static inline void pair_send(void *context, const struct addr *to, struct span data)
{
	struct pair_end *end = context;
	uint32_t n = (uint32_t)(end - pair.ends);

	end->sent++;
	end->sent_max = data.len > end->sent_max ? data.len : end->sent_max;
	if (!addr_eq(to, &pair.ends[1 - n].addr))
		return; // to somebody else
	pair_post(1 - n, data);
	if (rng_below(&pair.rng, 100) < pair.repeat_percent)
		pair_post(1 - n, data);
}

static inline void pair_fini(void)
{
	for (uint32_t n = 0; n < 2; n++) {
		dtls_endpoint_free(pair.ends[n].endpoint);
		pair.ends[n].endpoint = NULL;
	}
}

// New endpoints; the identities stay from one to the next, since they take time to make.
static inline void pair_init(uint64_t seed, uint16_t mtu, const struct hash_key *cookie_key)
{
	pair_fini();
	pair.now_us = 1000000;
	pair.count = pair.loss_percent = pair.repeat_percent = 0;
	pair.delay_max_us = 0;
	rng_init(&pair.rng, seed);
	for (uint32_t n = 0; n < 2; n++) {
		struct pair_end *end = &pair.ends[n];

		if (!end->identity)
			end->identity = dtls_identity_new(PAIR_NOW_S);
		assert_non_null(end->identity);
		end->addr = (struct addr){ .ip = ip_from_v4(0xc6336401 + n), .port = 20000 };
		end->sent = end->sent_max = 0;
		end->endpoint = dtls_endpoint_new(&(struct dtls_params){
			.identity = end->identity, .is_active = n == 0, .mtu = mtu,
			.cookie_key = cookie_key, .context = end, .send = pair_send });
		assert_non_null(end->endpoint);
	}
}

static inline void pair_expect(uint32_t n)
{
	dtls_endpoint_expect(pair.ends[n].endpoint,
		dtls_identity_fingerprint(pair.ends[1 - n].identity), 1);
}

static inline uint64_t pair_next(uint32_t *which)
{
	uint64_t next = UINT64_MAX;

	*which = PAIR_DATAGRAMS;
	for (uint32_t i = 0; i < pair.count; i++)
		if (pair.datagrams[i].at_us < next) {
			next = pair.datagrams[i].at_us;
			*which = i;
		}
	for (uint32_t n = 0; n < 2; n++) {
		uint32_t wait_ms = dtls_endpoint_wait_ms(pair.ends[n].endpoint);

		if (wait_ms != UINT32_MAX && pair.now_us + wait_ms * 1000ull < next) {
			next = pair.now_us + wait_ms * 1000ull;
			*which = PAIR_DATAGRAMS;
		}
	}
	return next;
}

// Until nothing happens any more, or that long.
static inline void pair_run(uint32_t for_ms)
{
	uint64_t end_us = pair.now_us + for_ms * 1000ull;
	uint32_t which;
	uint64_t next;

	while ((next = pair_next(&which)) <= end_us) {
		pair.now_us = next > pair.now_us ? next : pair.now_us;
		if (which < PAIR_DATAGRAMS) {
			struct pair_datagram datagram = pair.datagrams[which];
			struct pair_end *to = &pair.ends[datagram.to];

			pair.datagrams[which] = pair.datagrams[--pair.count];
			dtls_endpoint_receive(to->endpoint, &pair.ends[1 - datagram.to].addr,
				span_make((const char *)datagram.data, datagram.len));
		}
		for (uint32_t n = 0; n < 2; n++)
			dtls_endpoint_run(pair.ends[n].endpoint);
	}
	pair.now_us = end_us;
}

static inline void pair_start(void)
{
	dtls_endpoint_start(pair.ends[0].endpoint, &pair.ends[1].addr);
}

static inline enum dtls_state pair_state(uint32_t n)
{
	return dtls_endpoint_state(pair.ends[n].endpoint);
}

// Both are connected, with the same keys crosswise, and none of them is zero or alike.
static inline void pair_assert_keys(enum srtp_suite suite)
{
	const struct srtp_suite_info *info = srtp_suite_info(suite);
	struct dtls_keys a, b;
	static const uint8_t zero[SRTP_KEY_MAX];

	assert_int_equal(pair_state(0), DTLS_STATE_CONNECTED);
	assert_int_equal(pair_state(1), DTLS_STATE_CONNECTED);
	assert_true(dtls_endpoint_keys(pair.ends[0].endpoint, &a));
	assert_true(dtls_endpoint_keys(pair.ends[1].endpoint, &b));
	assert_int_equal(a.suite, suite);
	assert_int_equal(b.suite, suite);
	assert_memory_equal(&a.own, &b.far, sizeof(a.own));
	assert_memory_equal(&a.far, &b.own, sizeof(a.own));
	assert_memory_not_equal(a.own.key, a.far.key, info->key_bytes);
	assert_memory_not_equal(a.own.salt, a.far.salt, info->salt_bytes);
	assert_memory_not_equal(a.own.key, zero, info->key_bytes);
	assert_memory_equal(a.own.key + info->key_bytes, zero, SRTP_KEY_MAX - info->key_bytes);
}
