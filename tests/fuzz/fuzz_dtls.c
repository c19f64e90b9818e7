// fuzz_dtls.c - datagrams to a passive DTLS endpoint: bit 0 of the first byte asks for cookies,
// then each datagram follows its length in two bytes.
//
// Invariants: nobody who does not have our peer's key gets as far as keys; without a cookie nothing
// is kept, and no answer is longer than what it answers.
#include "base/check.h"
#include "dtls/dtls_endpoint.h"

#include <stddef.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct dtls_identity *identity;
static uint32_t received, sent;

static void count_send(void *context, const struct addr *to, struct span datagram)
{
	(void)context;
	CHECK(to->port == 40000 && datagram.len <= DTLS_MTU_DEFAULT);
	sent += datagram.len;
}

static void feed(struct dtls_endpoint *endpoint, const uint8_t *data, size_t size)
{
	struct addr source = { .ip = ip_from_v4(0xcb007105), .port = 40000 };

	while (size >= 2) {
		size_t len = (size_t)(data[0] << 8 | data[1]);

		data += 2;
		size -= 2;
		len = len < size ? len : size;
		received = (uint32_t)len;
		sent = 0;
		bool is_listening = dtls_endpoint_state(endpoint) == DTLS_STATE_LISTENING;
		dtls_endpoint_receive(
			endpoint, &source, span_make((const char *)data, (uint32_t)len));
		if (is_listening && dtls_endpoint_state(endpoint) == DTLS_STATE_LISTENING)
			CHECK(sent <= received && dtls_endpoint_peer(endpoint).port == 0);
		dtls_endpoint_run(endpoint);
		data += len;
		size -= len;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct hash_key key = { { 5, 6 } };
	const struct dtls_fingerprint expected = { .hash = DTLS_HASH_SHA256 };
	struct dtls_endpoint *endpoint;
	struct dtls_keys keys;

	if (size < 1 || size > 8192)
		return 0;
	if (!identity)
		identity = dtls_identity_new(1700000000);
	CHECK(identity != NULL);
	endpoint = dtls_endpoint_new(&(struct dtls_params){ .identity = identity,
		.mtu = DTLS_MTU_DEFAULT, .cookie_key = data[0] & 1 ? &key : NULL,
		.send = count_send });
	CHECK(endpoint != NULL);
	dtls_endpoint_expect(endpoint, &expected, 1);
	feed(endpoint, data + 1, size - 1);
	CHECK(!dtls_endpoint_keys(endpoint, &keys));
	CHECK(dtls_endpoint_state(endpoint) != DTLS_STATE_CONNECTED);
	dtls_endpoint_free(endpoint);
	return 0;
}
