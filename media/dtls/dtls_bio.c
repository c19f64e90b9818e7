// dtls_bio.c - a BIO that keeps datagrams whole: memory BIOs would join them.
#include "dtls/dtls_private.h"

#include <openssl/bio.h>

#define UDP_OVERHEAD 48 // IPv6 and UDP header, for OpenSSL's idea of the link

static BIO_METHOD *method;

static int bio_read(BIO *bio, char *out, int room)
{
	struct dtls_endpoint *endpoint = BIO_get_data(bio);
	struct span *datagram = &endpoint->datagram;
	int len = (int)datagram->len < room ? (int)datagram->len : room;

	BIO_clear_retry_flags(bio);
	if (len == 0) {
		BIO_set_retry_read(bio);
		return -1;
	}
	memcpy(out, datagram->ptr, (size_t)len);
	if (!endpoint->is_peeked)
		*datagram = SPAN_NONE; // the rest of it is gone, as with a socket
	return len;
}

static int bio_write(BIO *bio, const char *data, int len)
{
	struct dtls_endpoint *endpoint = BIO_get_data(bio);
	// A cookie goes to whoever asked; nobody is the peer by that.
	const struct addr *to = endpoint->state == DTLS_STATE_LISTENING ? &endpoint->source :
									  &endpoint->peer;

	BIO_clear_retry_flags(bio);
	if (to->port && len > 0)
		endpoint->send(endpoint->context, to, span_make(data, (uint32_t)len));
	return len;
}

static long bio_ctrl(BIO *bio, int command, long number, void *pointer)
{
	struct dtls_endpoint *endpoint = BIO_get_data(bio);

	(void)pointer;
	switch (command) {
	case BIO_CTRL_FLUSH:
		return 1;
	case BIO_CTRL_DGRAM_SET_PEEK_MODE:
		endpoint->is_peeked = number != 0;
		return 1;
	case BIO_CTRL_DGRAM_GET_MTU_OVERHEAD:
		return UDP_OVERHEAD;
	default:
		return 0;
	}
}

static int bio_create(BIO *bio)
{
	BIO_set_init(bio, 1);
	return 1;
}

static BIO_METHOD *method_new(void)
{
	BIO_METHOD *made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "datagram");

	if (made && BIO_meth_set_read(made, bio_read) && BIO_meth_set_write(made, bio_write) &&
		BIO_meth_set_ctrl(made, bio_ctrl) && BIO_meth_set_create(made, bio_create))
		return made;
	BIO_meth_free(made);
	return NULL;
}

BIO *dtls_bio_new(struct dtls_endpoint *endpoint)
{
	BIO *bio;

	if (!method)
		method = method_new();
	bio = method ? BIO_new(method) : NULL;
	if (bio)
		BIO_set_data(bio, endpoint);
	return bio;
}

void dtls_bio_fini(void)
{
	BIO_meth_free(method);
	method = NULL;
}
