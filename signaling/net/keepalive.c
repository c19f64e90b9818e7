// keepalive.c - see keepalive.h. STUN by RFC 5389 (6 and 7.3), without authentication or
// fingerprint, as RFC 5626 8 wants it between SIP and its NAT.
#include "net/keepalive.h"

#include "proto/stun.h"

enum {
	TYPE_BINDING_SUCCESS = 0x0101,
	TYPE_BINDING_ERROR = 0x0111,
	ATTR_ERROR_CODE = 0x0009,
	ATTR_UNKNOWN_ATTRIBUTES = 0x000a,
	ATTR_XOR_MAPPED_ADDRESS = 0x0020,
	ATTR_OPTIONAL = 0x8000, // from here on attributes may be ignored
};

#define ATTR_HEADER_BYTES 4u
#define UNKNOWN_MAX       8u // attribute types that a 420 names

struct unknown {
	uint16_t types[UNKNOWN_MAX];
	uint32_t count;
};

// Walks the attributes of a message that passed stun_is_message(). False: malformed.
static bool attributes_walk(const uint8_t *p, uint32_t len, struct unknown *unknown)
{
	for (uint32_t i = STUN_HEADER_BYTES; i < len;) {
		// The length is a multiple of 4, so a header is whole.
		uint16_t type = rtp_load16(p + i);
		uint32_t padded = (rtp_load16(p + i + 2) + 3u) & ~3u;
		if (padded > len - i - ATTR_HEADER_BYTES)
			return false;
		if (type < ATTR_OPTIONAL && unknown->count < UNKNOWN_MAX)
			unknown->types[unknown->count++] = type;
		i += ATTR_HEADER_BYTES + padded;
	}
	return true;
}

static void attribute_put(uint8_t *p, uint16_t type, uint32_t len)
{
	rtp_store16(p, type);
	rtp_store16(p + 2, (uint16_t)len);
}

// Magic cookie and transaction are the request's. Returns the whole length.
static uint32_t header_put(uint8_t *out, uint16_t type, const uint8_t *request, uint32_t body)
{
	rtp_store16(out, type);
	rtp_store16(out + 2, (uint16_t)body);
	memcpy(out + 4, request + 4, STUN_HEADER_BYTES - 4);
	return STUN_HEADER_BYTES + body;
}

// RFC 5389 15.2: XORed with what begins at the magic cookie.
static uint32_t success_put(uint8_t *out, const uint8_t *request, const struct addr *source)
{
	bool is_v4 = ip_is_v4(&source->ip);
	uint32_t ip_len = is_v4 ? 4 : 16;
	const uint8_t *ip = source->ip.b + sizeof(source->ip.b) - ip_len;
	uint8_t *value = out + STUN_HEADER_BYTES + ATTR_HEADER_BYTES;

	attribute_put(out + STUN_HEADER_BYTES, ATTR_XOR_MAPPED_ADDRESS, 4 + ip_len);
	value[0] = 0;
	value[1] = is_v4 ? 1 : 2;
	rtp_store16(value + 2, source->port ^ (uint16_t)(STUN_MAGIC >> 16));
	for (uint32_t i = 0; i < ip_len; i++)
		value[4 + i] = ip[i] ^ request[4 + i];
	return header_put(out, TYPE_BINDING_SUCCESS, request, ATTR_HEADER_BYTES + 4 + ip_len);
}

// RFC 5389 15.6 and 15.9; the reason phrase may be empty.
static uint32_t error_put(uint8_t *out, const uint8_t *request, const struct unknown *unknown)
{
	uint8_t *error = out + STUN_HEADER_BYTES, *types = error + 2 * ATTR_HEADER_BYTES;
	uint32_t len = 2 * unknown->count, padded = (len + 3) & ~3u;

	attribute_put(error, ATTR_ERROR_CODE, 4);
	rtp_store16(error + 4, 0);
	error[6] = 4;
	error[7] = 20;
	attribute_put(types, ATTR_UNKNOWN_ATTRIBUTES, len);
	memset(types + ATTR_HEADER_BYTES, 0, padded);
	for (uint32_t i = 0; i < unknown->count; i++)
		rtp_store16(types + ATTR_HEADER_BYTES + 2 * i, unknown->types[i]);
	return header_put(out, TYPE_BINDING_ERROR, request, 3 * ATTR_HEADER_BYTES + padded);
}

_Static_assert(STUN_HEADER_BYTES + 3 * ATTR_HEADER_BYTES + 2 * UNKNOWN_MAX <= KEEPALIVE_ANSWER_MAX,
	"an error with all its types fits");

static bool is_blank(struct span s)
{
	for (uint32_t i = 0; i < s.len; i++) {
		if (s.ptr[i] != '\r' && s.ptr[i] != '\n' && s.ptr[i] != '\0')
			return false;
	}
	return true;
}

enum keepalive_kind keepalive_judge(
	struct span datagram, const struct addr *source, uint8_t *buf, struct span *answer)
{
	const uint8_t *p = (const uint8_t *)datagram.ptr;
	struct unknown unknown = { .count = 0 };
	uint32_t len;

	if (datagram.len && (p[0] > 3 && p[0] != '\r' && p[0] != '\n'))
		return KEEPALIVE_NONE;
	if (!stun_is_message(p, datagram.len)) {
		if (is_blank(datagram))
			return KEEPALIVE_SILENT;
		return p[0] > 3 ? KEEPALIVE_NONE : KEEPALIVE_MALFORMED;
	}
	// An error says as well that somebody is there.
	if (stun_class_of(p) == STUN_SUCCESS || stun_class_of(p) == STUN_ERROR)
		return KEEPALIVE_HEARD;
	if (stun_class_of(p) != STUN_REQUEST || stun_method_of(p) != STUN_METHOD_BINDING ||
		!attributes_walk(p, datagram.len, &unknown))
		return KEEPALIVE_MALFORMED;
	len = unknown.count ? error_put(buf, p, &unknown) : success_put(buf, p, source);
	*answer = span_make((const char *)buf, len);
	return KEEPALIVE_ANSWERED;
}

static uint64_t ask_mac(const struct hash_key *key, const uint8_t *id, const struct addr *target)
{
	uint8_t bytes[4 + sizeof(target->ip.b) + 2];

	memcpy(bytes, id, 4);
	memcpy(bytes + 4, target->ip.b, sizeof(target->ip.b));
	rtp_store16(bytes + 4 + sizeof(target->ip.b), target->port);
	return hash_sip(key, bytes, sizeof(bytes));
}

struct span keepalive_ask(const struct hash_key *key, const struct keepalive_ask *ask,
	const struct addr *target, uint8_t *buf)
{
	uint8_t *id = buf + 8;
	uint64_t mac;

	rtp_store16(buf, STUN_METHOD_BINDING);
	rtp_store16(buf + 2, 0);
	rtp_store16(buf + 4, (uint16_t)(STUN_MAGIC >> 16));
	rtp_store16(buf + 6, (uint16_t)STUN_MAGIC);
	id[0] = ask->worker;
	rtp_store16(id + 1, ask->flow);
	id[3] = ask->sequence;
	mac = ask_mac(key, id, target);
	memcpy(id + 4, &mac, sizeof(mac));
	return span_make((const char *)buf, KEEPALIVE_ASK_BYTES);
}

bool keepalive_heard(const struct hash_key *key, struct span datagram, const struct addr *source,
	struct keepalive_ask *out)
{
	const uint8_t *id = (const uint8_t *)datagram.ptr + 8;
	uint64_t mac = ask_mac(key, id, source);

	if (memcmp(id + 4, &mac, sizeof(mac)) != 0)
		return false;
	*out = (struct keepalive_ask){ .worker = id[0], .flow = rtp_load16(id + 1),
		.sequence = id[3] };
	return true;
}
