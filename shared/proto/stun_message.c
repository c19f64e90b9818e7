#include "proto/stun_message.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#define ATTRIBUTE_BYTES   4u // type and length in front of each value
#define INTEGRITY_BYTES   20u
#define FINGERPRINT_BYTES 4u
#define FINGERPRINT_XOR   0x5354554eu
#define FAMILY_V4         1u
#define FAMILY_V6         2u
#define MUST_UNDERSTAND   0x8000u // types below must be understood

// RFC 8489 18.3, RFC 8445 16.1.
enum attribute {
	MAPPED_ADDRESS = 0x0001,
	USERNAME = 0x0006,
	MESSAGE_INTEGRITY = 0x0008,
	ERROR_CODE = 0x0009,
	UNKNOWN_ATTRIBUTES = 0x000a,
	XOR_MAPPED_ADDRESS = 0x0020,
	PRIORITY = 0x0024,
	USE_CANDIDATE = 0x0025,
	FINGERPRINT = 0x8028,
	ICE_CONTROLLED = 0x8029,
	ICE_CONTROLLING = 0x802a,
};

uint32_t stun_crc32(const uint8_t *p, uint32_t len)
{
	static const uint32_t nibbles[16] = { 0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac,
		0x76dc4190, 0x6b6b51f4, 0x4db26158, 0x5005713c, 0xedb88320, 0xf00f9344, 0xd6d6a3e8,
		0xcb61b38c, 0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c };
	uint32_t crc = UINT32_MAX;

	for (uint32_t i = 0; i < len; i++) {
		crc ^= p[i];
		crc = crc >> 4 ^ nibbles[crc & 15];
		crc = crc >> 4 ^ nibbles[crc & 15];
	}
	return ~crc;
}

// Parsing -----------------------------------------------------------------------------------------

struct attribute_view {
	const uint8_t *value;
	uint32_t len;
	uint16_t type;
};

static uint64_t load64(const uint8_t *p)
{
	return (uint64_t)rtp_load32(p) << 32 | rtp_load32(p + 4);
}

// RFC 8489 14.2: the address is laid over with the cookie and the transaction.
static bool read_mapped(const uint8_t *message, const struct attribute_view *in, struct addr *out)
{
	bool is_v6 = in->len >= 2 && in->value[1] == FAMILY_V6;

	if (in->len != (is_v6 ? 20u : 8u) || (!is_v6 && in->value[1] != FAMILY_V4))
		return false;
	out->port = rtp_load16(in->value + 2) ^ (uint16_t)(STUN_MAGIC >> 16);
	if (!is_v6) {
		out->ip = ip_from_v4(rtp_load32(in->value + 4) ^ STUN_MAGIC);
		return true;
	}
	for (uint32_t i = 0; i < 16; i++)
		out->ip.b[i] = in->value[4 + i] ^ message[4 + i];
	return true;
}

static bool read_error(const struct attribute_view *in, uint16_t *out)
{
	if (in->len < 4 || (in->value[2] & 7) < 3 || (in->value[2] & 7) > 6 || in->value[3] > 99)
		return false;
	*out = (uint16_t)((in->value[2] & 7) * 100 + in->value[3]);
	return true;
}

static bool read_role(
	const struct attribute_view *in, enum stun_role role, struct stun_message *out)
{
	if (in->len != 8)
		return false;
	if (out->role == STUN_ROLE_NONE) {
		out->role = role;
		out->tie_breaker = load64(in->value);
	}
	return true;
}

static void note_unknown(const struct attribute_view *in, struct stun_message *out)
{
	if (in->type < MUST_UNDERSTAND && out->unknown_count < STUN_UNKNOWN_MAX)
		out->unknown[out->unknown_count++] = in->type;
}

// False: impossible.
static bool read_attribute(
	const uint8_t *message, const struct attribute_view *in, struct stun_message *out)
{
	switch (in->type) {
	case USERNAME:
		if (in->len == 0 || in->len > STUN_USERNAME_MAX)
			return false;
		if (span_is_empty(out->username))
			out->username = span_make((const char *)in->value, in->len);
		return true;
	case XOR_MAPPED_ADDRESS:
		return out->mapped.port || read_mapped(message, in, &out->mapped);
	case PRIORITY:
		if (in->len == 4 && !out->priority)
			out->priority = rtp_load32(in->value);
		return in->len == 4;
	case USE_CANDIDATE:
		out->is_nominating = true;
		return in->len == 0;
	case ICE_CONTROLLED:
		return read_role(in, STUN_ROLE_CONTROLLED, out);
	case ICE_CONTROLLING:
		return read_role(in, STUN_ROLE_CONTROLLING, out);
	case ERROR_CODE:
		return out->error || read_error(in, &out->error);
	case MESSAGE_INTEGRITY:
		out->integrity_at = (uint16_t)(in->value - ATTRIBUTE_BYTES - message);
		return in->len == INTEGRITY_BYTES;
	case MAPPED_ADDRESS:
	case UNKNOWN_ATTRIBUTES:
		return true;
	default:
		note_unknown(in, out);
		return true;
	}
}

// RFC 8489 14.7: the last attribute, over all that lies before it.
static bool is_fingerprint_right(
	const uint8_t *message, const struct attribute_view *in, uint32_t len)
{
	uint32_t at = (uint32_t)(in->value - message);

	return in->len == FINGERPRINT_BYTES && at + FINGERPRINT_BYTES == len &&
		rtp_load32(in->value) ==
		(stun_crc32(message, at - ATTRIBUTE_BYTES) ^ FINGERPRINT_XOR);
}

int stun_parse(const uint8_t *p, uint32_t len, struct stun_message *out)
{
	struct stun_message found = { 0 };
	uint32_t at = STUN_HEADER_BYTES;

	if (len > STUN_MESSAGE_MAX || !stun_is_message(p, len))
		return -EBADMSG;
	found.class = stun_class_of(p);
	found.method = stun_method_of(p);
	found.transaction = p + 8;
	while (at < len) { // both are multiples of 4, so a header fits
		struct attribute_view view = { .type = rtp_load16(p + at),
			.len = rtp_load16(p + at + 2), .value = p + at + ATTRIBUTE_BYTES };
		uint32_t padded = (view.len + 3u) & ~3u;

		if (padded > len - at - ATTRIBUTE_BYTES)
			return -EBADMSG;
		if (view.type == FINGERPRINT) {
			if (!is_fingerprint_right(p, &view, len))
				return -EBADMSG;
			found.has_fingerprint = true;
		} else if (!found.integrity_at && !read_attribute(p, &view, &found)) {
			return -EBADMSG;
		}
		at += ATTRIBUTE_BYTES + padded;
	}
	*out = found;
	return 0;
}

// Integrity ---------------------------------------------------------------------------------------

// HMAC-SHA1 over the first `at` bytes, with the length that the message had if it ended behind
// MESSAGE-INTEGRITY.
static bool integrity_make(
	const uint8_t *message, uint32_t at, struct span key, uint8_t out[INTEGRITY_BYTES])
{
	uint8_t copy[STUN_MESSAGE_MAX];
	uint32_t end = at + ATTRIBUTE_BYTES + INTEGRITY_BYTES;
	unsigned int made = 0;

	memcpy(copy, message, at);
	rtp_store16(copy + 2, (uint16_t)(end - STUN_HEADER_BYTES));
	return HMAC(EVP_sha1(), key.ptr, (int)key.len, copy, at, out, &made) != NULL &&
		made == INTEGRITY_BYTES;
}

bool stun_is_authentic(const uint8_t *p, const struct stun_message *message, struct span key)
{
	uint8_t right[INTEGRITY_BYTES];

	return message->integrity_at != 0 && key.len != 0 &&
		integrity_make(p, message->integrity_at, key, right) &&
		CRYPTO_memcmp(right, p + message->integrity_at + ATTRIBUTE_BYTES,
			INTEGRITY_BYTES) == 0;
}

// Building ----------------------------------------------------------------------------------------

struct writer {
	uint8_t *out;
	uint32_t cap, at;
	bool is_full;
};

// Room for one attribute with zeroed padding; NULL when it does not fit, which is remembered.
static uint8_t *put(struct writer *writer, uint16_t type, uint32_t len)
{
	uint32_t padded = (len + 3u) & ~3u;
	uint8_t *p = writer->out + writer->at;

	if (writer->is_full || ATTRIBUTE_BYTES + padded > writer->cap - writer->at) {
		writer->is_full = true;
		return NULL;
	}
	rtp_store16(p, type);
	rtp_store16(p + 2, (uint16_t)len);
	memset(p + ATTRIBUTE_BYTES, 0, padded);
	writer->at += ATTRIBUTE_BYTES + padded;
	return p + ATTRIBUTE_BYTES;
}

static void put_u32(struct writer *writer, uint16_t type, uint32_t value)
{
	uint8_t *p = put(writer, type, 4);

	if (p)
		rtp_store32(p, value);
}

static void put_role(struct writer *writer, const struct stun_build *build)
{
	uint8_t *p;

	if (build->role == STUN_ROLE_NONE)
		return;
	p = put(writer,
		build->role == STUN_ROLE_CONTROLLING ? ICE_CONTROLLING : ICE_CONTROLLED, 8);
	if (!p)
		return;
	rtp_store32(p, (uint32_t)(build->tie_breaker >> 32));
	rtp_store32(p + 4, (uint32_t)build->tie_breaker);
}

static void put_mapped(struct writer *writer, const struct addr *mapped)
{
	bool is_v4 = ip_is_v4(&mapped->ip);
	uint8_t *p = put(writer, XOR_MAPPED_ADDRESS, is_v4 ? 8 : 20);

	if (!p)
		return;
	p[1] = is_v4 ? FAMILY_V4 : FAMILY_V6;
	rtp_store16(p + 2, mapped->port ^ (uint16_t)(STUN_MAGIC >> 16));
	if (is_v4) {
		rtp_store32(p + 4, rtp_load32(mapped->ip.b + 12) ^ STUN_MAGIC);
		return;
	}
	for (uint32_t i = 0; i < 16; i++)
		p[4 + i] = mapped->ip.b[i] ^ writer->out[4 + i];
}

static void put_error(struct writer *writer, const struct stun_build *build)
{
	uint8_t *p = put(writer, ERROR_CODE, 4);

	if (p) {
		p[2] = (uint8_t)(build->error / 100);
		p[3] = (uint8_t)(build->error % 100);
	}
	if (!build->unknown_count)
		return;
	p = put(writer, UNKNOWN_ATTRIBUTES, build->unknown_count * 2u);
	for (uint32_t i = 0; p && i < build->unknown_count; i++)
		rtp_store16(p + 2 * i, build->unknown[i]);
}

// False: OpenSSL refuses.
static bool put_integrity(struct writer *writer, struct span key)
{
	uint32_t at = writer->at;
	uint8_t *p = put(writer, MESSAGE_INTEGRITY, INTEGRITY_BYTES);

	return !p || integrity_make(writer->out, at, key, p);
}

static void put_fingerprint(struct writer *writer)
{
	uint32_t at = writer->at;
	uint8_t *p = put(writer, FINGERPRINT, FINGERPRINT_BYTES);

	if (!p)
		return;
	rtp_store16(writer->out + 2, (uint16_t)(writer->at - STUN_HEADER_BYTES));
	rtp_store32(p, stun_crc32(writer->out, at) ^ FINGERPRINT_XOR);
}

static uint16_t type_of(enum stun_class class)
{
	return (uint16_t)(STUN_METHOD_BINDING | (class & 1) << 4 | (class & 2) << 7);
}

int stun_build(const struct stun_build *build, uint8_t *out, uint32_t cap)
{
	struct writer writer = { .out = out, .at = STUN_HEADER_BYTES,
		.cap = cap < STUN_MESSAGE_MAX ? cap : STUN_MESSAGE_MAX };

	if (cap < STUN_HEADER_BYTES || build->unknown_count > STUN_UNKNOWN_MAX)
		return -ENOSPC;
	rtp_store16(out, type_of(build->class));
	rtp_store32(out + 4, STUN_MAGIC);
	memcpy(out + 8, build->transaction, STUN_TRANSACTION_BYTES);
	if (build->error)
		put_error(&writer, build);
	if (build->mapped)
		put_mapped(&writer, build->mapped);
	if (build->priority)
		put_u32(&writer, PRIORITY, build->priority);
	put_role(&writer, build);
	if (build->is_nominating)
		put(&writer, USE_CANDIDATE, 0);
	if (!span_is_empty(build->username)) {
		uint8_t *p = put(&writer, USERNAME, build->username.len);

		if (p)
			memcpy(p, build->username.ptr, build->username.len);
	}
	if (!span_is_empty(build->key) && !put_integrity(&writer, build->key))
		return -EINVAL;
	if (build->has_fingerprint)
		put_fingerprint(&writer);
	if (writer.is_full)
		return -ENOSPC;
	rtp_store16(out + 2, (uint16_t)(writer.at - STUN_HEADER_BYTES));
	return (int)writer.at;
}
