#include "dtls/dtls_endpoint.h"

#include "dtls/dtls_private.h"

#include <openssl/err.h>
#include <stdlib.h>
#include <sys/time.h>

#define EXPORTER	 "EXTRACTOR-dtls_srtp" // RFC 5764 4.2
#define READ_BYTES	 2048		       // application data means nothing here
#define TIMEOUT_FIRST_US 250000u // RFC 6347 4.2.4.1 recommends 1 s, too long for somebody who waits
#define TIMEOUT_MAX_US	 60000000u

// Keys --------------------------------------------------------------------------------------------

// RFC 5764 4.1.2, RFC 7714 14.2.
static enum srtp_suite suite_of(unsigned long profile)
{
	switch (profile) {
	case SRTP_AES128_CM_SHA1_80:
		return SRTP_AES_CM_128_HMAC_SHA1_80;
	case SRTP_AES128_CM_SHA1_32:
		return SRTP_AES_CM_128_HMAC_SHA1_32;
	case 7:
		return SRTP_AEAD_AES_128_GCM;
	case 8:
		return SRTP_AEAD_AES_256_GCM;
	default:
		return SRTP_NONE;
	}
}

// Client key, server key, client salt, server salt. False: no profile, or OpenSSL refuses.
static bool export_keys(struct dtls_endpoint *endpoint)
{
	const SRTP_PROTECTION_PROFILE *profile = SSL_get_selected_srtp_profile(endpoint->ssl);
	enum srtp_suite suite = profile ? suite_of(profile->id) : SRTP_NONE;
	const struct srtp_suite_info *info = srtp_suite_info(suite);
	struct dtls_key *client = endpoint->is_active ? &endpoint->keys.own : &endpoint->keys.far;
	struct dtls_key *server = endpoint->is_active ? &endpoint->keys.far : &endpoint->keys.own;
	uint8_t block[2 * (SRTP_KEY_MAX + SRTP_SALT_MAX)], *p = block;

	if (!info ||
		SSL_export_keying_material(endpoint->ssl, block,
			2u * (info->key_bytes + info->salt_bytes), EXPORTER,
			sizeof(EXPORTER) - 1, NULL, 0, 0) != 1)
		return false;
	memcpy(client->key, p, info->key_bytes);
	memcpy(server->key, p += info->key_bytes, info->key_bytes);
	memcpy(client->salt, p += info->key_bytes, info->salt_bytes);
	memcpy(server->salt, p + info->salt_bytes, info->salt_bytes);
	OPENSSL_cleanse(block, sizeof(block));
	endpoint->keys.suite = suite;
	return true;
}

static void fail(struct dtls_endpoint *endpoint, enum dtls_failure failure)
{
	endpoint->state = DTLS_STATE_FAILED;
	if (endpoint->failure == DTLS_FAILURE_NONE)
		endpoint->failure = failure;
	OPENSSL_cleanse(&endpoint->keys, sizeof(endpoint->keys));
}

// The handshake is done: is it with whom signaling named?
static void verify(struct dtls_endpoint *endpoint)
{
	X509 *certificate = SSL_get0_peer_certificate(endpoint->ssl);

	if (!endpoint->is_expecting)
		endpoint->state = DTLS_STATE_UNVERIFIED;
	else if (certificate && dtls_is_expected(endpoint, certificate))
		endpoint->state = DTLS_STATE_CONNECTED;
	else
		fail(endpoint, DTLS_FAILURE_FINGERPRINT);
}

// Handshake ---------------------------------------------------------------------------------------

static void handshake(struct dtls_endpoint *endpoint)
{
	int rc;

	ERR_clear_error();
	rc = SSL_do_handshake(endpoint->ssl);
	if (rc == 1 && !export_keys(endpoint)) {
		fail(endpoint, DTLS_FAILURE_PROFILE);
	} else if (rc == 1) {
		verify(endpoint);
	} else if (SSL_get_error(endpoint->ssl, rc) != SSL_ERROR_WANT_READ) {
		fail(endpoint, DTLS_FAILURE_PROTOCOL);
	}
	ERR_clear_error();
}

// Repetitions of the far end's last flight are answered in here; all else is nothing to us.
static void read_on(struct dtls_endpoint *endpoint)
{
	uint8_t data[READ_BYTES];
	int rc;

	ERR_clear_error();
	do
		rc = SSL_read(endpoint->ssl, data, sizeof(data));
	while (rc > 0);
	if (SSL_get_error(endpoint->ssl, rc) == SSL_ERROR_WANT_READ)
		;
	else if (endpoint->state == DTLS_STATE_UNVERIFIED)
		fail(endpoint, DTLS_FAILURE_PROTOCOL);
	else
		endpoint->state = DTLS_STATE_CLOSED;
	ERR_clear_error();
}

static void listen_for_cookie(struct dtls_endpoint *endpoint)
{
	BIO_ADDR *unused = BIO_ADDR_new();
	int rc = -1;

	ERR_clear_error();
	if (unused)
		rc = DTLSv1_listen(endpoint->ssl, unused);
	BIO_ADDR_free(unused);
	ERR_clear_error();
	endpoint->is_peeked = false;
	if (rc != 1)
		return;
	endpoint->state = DTLS_STATE_HANDSHAKE;
	endpoint->peer = endpoint->source;
	handshake(endpoint);
}

void dtls_endpoint_receive(
	struct dtls_endpoint *endpoint, const struct addr *source, struct span datagram)
{
	if (datagram.len < DTLS_RECORD_BYTES)
		return;
	// A cookie has proven one source; nobody else takes part then.
	if (endpoint->cookie_key && endpoint->peer.port && !addr_eq(&endpoint->peer, source))
		return;
	endpoint->source = *source;
	endpoint->datagram = datagram;
	switch (endpoint->state) {
	case DTLS_STATE_LISTENING:
		listen_for_cookie(endpoint);
		break;
	case DTLS_STATE_HANDSHAKE:
		if (endpoint->peer.port == 0)
			endpoint->peer = *source;
		handshake(endpoint);
		break;
	case DTLS_STATE_UNVERIFIED:
	case DTLS_STATE_CONNECTED:
		read_on(endpoint);
		break;
	case DTLS_STATE_CLOSED:
	case DTLS_STATE_FAILED:
		break;
	}
	endpoint->datagram = SPAN_NONE;
}

void dtls_endpoint_start(struct dtls_endpoint *endpoint, const struct addr *to)
{
	bool is_first = endpoint->peer.port == 0;

	if (endpoint->state == DTLS_STATE_LISTENING)
		return;
	endpoint->peer = *to;
	if (is_first && endpoint->is_active && endpoint->state == DTLS_STATE_HANDSHAKE)
		handshake(endpoint);
}

// Time --------------------------------------------------------------------------------------------

static unsigned int next_timeout_us(SSL *ssl, unsigned int last_us)
{
	(void)ssl;
	if (last_us == 0)
		return TIMEOUT_FIRST_US;
	return last_us > TIMEOUT_MAX_US / 2 ? TIMEOUT_MAX_US : last_us * 2;
}

void dtls_endpoint_run(struct dtls_endpoint *endpoint)
{
	if (endpoint->state != DTLS_STATE_HANDSHAKE)
		return;
	ERR_clear_error();
	if (DTLSv1_handle_timeout(endpoint->ssl) < 0)
		fail(endpoint, DTLS_FAILURE_TIMEOUT);
	ERR_clear_error();
}

uint32_t dtls_endpoint_wait_ms(struct dtls_endpoint *endpoint)
{
	struct timeval left;

	if (endpoint->state != DTLS_STATE_HANDSHAKE || !DTLSv1_get_timeout(endpoint->ssl, &left))
		return UINT32_MAX;
	return (uint32_t)left.tv_sec * 1000 + ((uint32_t)left.tv_usec + 999) / 1000;
}

// Life --------------------------------------------------------------------------------------------

static bool ssl_make(struct dtls_endpoint *endpoint, uint16_t mtu)
{
	BIO *bio;

	endpoint->ssl = SSL_new(endpoint->identity->ssl_context);
	bio = endpoint->ssl ? dtls_bio_new(endpoint) : NULL;
	if (!bio)
		return false;
	SSL_set_app_data(endpoint->ssl, (char *)endpoint);
	SSL_set_bio(endpoint->ssl, bio, bio); // takes it, for both directions
	SSL_set_mtu(endpoint->ssl, mtu < DTLS_MTU_MIN ? DTLS_MTU_MIN : mtu);
	DTLS_set_timer_cb(endpoint->ssl, next_timeout_us);
	if (endpoint->is_active)
		SSL_set_connect_state(endpoint->ssl);
	else
		SSL_set_accept_state(endpoint->ssl);
	if (endpoint->cookie_key)
		SSL_set_options(endpoint->ssl, SSL_OP_COOKIE_EXCHANGE);
	return true;
}

struct dtls_endpoint *dtls_endpoint_new(const struct dtls_params *params)
{
	struct dtls_endpoint *endpoint = calloc(1, sizeof(*endpoint));

	if (!endpoint)
		return NULL;
	endpoint->identity = dtls_identity_get(params->identity);
	endpoint->context = params->context;
	endpoint->send = params->send;
	endpoint->is_active = params->is_active;
	endpoint->cookie_key = params->is_active ? NULL : params->cookie_key;
	endpoint->state = endpoint->cookie_key ? DTLS_STATE_LISTENING : DTLS_STATE_HANDSHAKE;
	if (!ssl_make(endpoint, params->mtu)) {
		dtls_endpoint_free(endpoint);
		return NULL;
	}
	return endpoint;
}

void dtls_endpoint_free(struct dtls_endpoint *endpoint)
{
	if (!endpoint)
		return;
	SSL_free(endpoint->ssl);
	dtls_identity_put(endpoint->identity);
	OPENSSL_cleanse(endpoint, sizeof(*endpoint));
	free(endpoint);
}

void dtls_endpoint_expect(struct dtls_endpoint *endpoint,
	const struct dtls_fingerprint *fingerprints, uint32_t count)
{
	endpoint->expected_count = 0;
	endpoint->is_expecting = count != 0;
	for (uint32_t i = 0; i < count && i < DTLS_FINGERPRINTS_MAX; i++)
		if (dtls_hash_bytes(fingerprints[i].hash))
			endpoint->expected[endpoint->expected_count++] = fingerprints[i];
	if (endpoint->state == DTLS_STATE_UNVERIFIED || endpoint->state == DTLS_STATE_CONNECTED)
		verify(endpoint);
}

void dtls_endpoint_close(struct dtls_endpoint *endpoint)
{
	if (endpoint->state != DTLS_STATE_UNVERIFIED && endpoint->state != DTLS_STATE_CONNECTED)
		return;
	ERR_clear_error();
	SSL_shutdown(endpoint->ssl);
	ERR_clear_error();
	endpoint->state = DTLS_STATE_CLOSED;
	OPENSSL_cleanse(&endpoint->keys, sizeof(endpoint->keys));
}

enum dtls_state dtls_endpoint_state(const struct dtls_endpoint *endpoint)
{
	return endpoint->state;
}

enum dtls_failure dtls_endpoint_failure(const struct dtls_endpoint *endpoint)
{
	return endpoint->failure;
}

struct addr dtls_endpoint_peer(const struct dtls_endpoint *endpoint)
{
	return endpoint->peer;
}

bool dtls_endpoint_keys(const struct dtls_endpoint *endpoint, struct dtls_keys *out)
{
	if ((endpoint->state != DTLS_STATE_CONNECTED && endpoint->state != DTLS_STATE_CLOSED) ||
		endpoint->keys.suite == SRTP_NONE)
		return false;
	*out = endpoint->keys;
	return true;
}
