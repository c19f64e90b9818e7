#include "call/sdes.h"

#include "base/base64.h"
#include "base/rng.h"

#include <string.h>

#define TAG_MAX	     999999999u
#define MKI_TEXT_MAX 0xffffffffu
#define LIFETIME_MAX 48u // "2^48"

const uint8_t sdes_offers[SDES_OFFERS_MAX] = { SRTP_AEAD_AES_128_GCM, SRTP_AES_CM_128_HMAC_SHA1_80,
	SRTP_AEAD_AES_256_GCM, SRTP_AES_256_CM_HMAC_SHA1_80 };

// "2^20" or "1048576". What it says is not kept: no call sends that many.
static bool is_lifetime(struct span text)
{
	uint32_t exponent;

	if (span_istarts(text, SPAN_LIT("2^")))
		return span_parse_u32(span_sub(text, 2, text.len), LIFETIME_MAX, &exponent) == 0;
	for (uint32_t i = 0; i < text.len; i++)
		if (text.ptr[i] < '0' || text.ptr[i] > '9')
			return false;
	return text.len > 0 && text.len <= 15;
}

// "1:4": the number 1 in four bytes.
static bool parse_mki(struct span text, struct sdes_key *out)
{
	struct span value;
	uint32_t number, len;

	if (!span_cut(&text, ':', &value) || span_parse_u32(value, MKI_TEXT_MAX, &number) != 0 ||
		span_parse_u32(text, SRTP_MKI_MAX, &len) != 0 || len == 0)
		return false;
	for (uint32_t i = 0; i < len && i < sizeof(number); i++)
		out->mki[len - 1 - i] = (uint8_t)(number >> (8 * i));
	out->mki_bytes = (uint8_t)len;
	return len >= sizeof(number) || number >> (8 * len) == 0;
}

// "inline:KEY||SALT[|lifetime][|MKI:length]", one only (RFC 4568 6.1).
static bool parse_key(struct span text, struct sdes_key *out)
{
	const struct srtp_suite_info *info = srtp_suite_info(out->suite);
	uint8_t bytes[SRTP_KEY_MAX + SRTP_SALT_MAX];
	struct span part;
	bool has_lifetime = false, has_mki = false;

	if (!span_istarts(text, SPAN_LIT("inline:")) || span_find(text, ';', 0) >= 0)
		return false;
	text = span_sub(text, 7, text.len);
	span_cut(&text, '|', &part);
	if (base64_decode(part, bytes, sizeof(bytes)) != info->key_bytes + info->salt_bytes)
		return false;
	memcpy(out->key, bytes, info->key_bytes);
	memcpy(out->salt, bytes + info->key_bytes, info->salt_bytes);
	explicit_bzero(bytes, sizeof(bytes));
	while (text.len > 0) {
		span_cut(&text, '|', &part);
		bool is_mki = span_find(part, ':', 0) >= 0;
		if (has_mki || (!is_mki && has_lifetime) ||
			!(is_mki ? parse_mki(part, out) : is_lifetime(part)))
			return false;
		has_mki = is_mki;
		has_lifetime = true;
	}
	return true;
}

// A window is the receiver's own business, a rate of 0 what we do; what begins with '-' may be
// ignored (RFC 4568 6.3.7). Everything else changes what packets look like.
static bool is_parameter_fine(struct span text)
{
	return text.len == 0 || text.ptr[0] == '-' || span_istarts(text, SPAN_LIT("WSH=")) ||
		span_ieq(text, SPAN_LIT("KDR=0"));
}

bool sdes_parse(struct span value, struct sdes_crypto *out)
{
	struct span tag, suite, key, parameter;

	*out = (struct sdes_crypto){ 0 };
	if (!span_cut(&value, ' ', &tag) || span_parse_u32(tag, TAG_MAX, &out->tag) != 0)
		return false;
	value = span_trim(value);
	if (!span_cut(&value, ' ', &suite))
		return false;
	out->key.suite = (uint8_t)srtp_suite_by_name(suite.ptr, suite.len);
	value = span_trim(value);
	span_cut(&value, ' ', &key);
	if (out->key.suite == SRTP_NONE || !parse_key(key, &out->key))
		return false;
	while (value.len > 0) {
		span_cut(&value, ' ', &parameter);
		if (!is_parameter_fine(parameter))
			return false;
	}
	return true;
}

bool sdes_choose(const struct sdp_session *sdp, uint32_t index, struct sdes_crypto *out)
{
	const struct sdp_media *m = &sdp->media[index];

	for (uint32_t i = m->attr_first; i < m->attr_first + m->attr_count; i++)
		if (sdp->attr[i].id == SDP_ATTR_CRYPTO && sdes_parse(sdp->attr[i].value, out))
			return true;
	return false;
}

static char *put(char *at, const char *text, size_t len)
{
	memcpy(at, text, len);
	return at + len;
}

uint32_t sdes_format(uint32_t tag, const struct sdes_key *key, char *out)
{
	const struct srtp_suite_info *info = srtp_suite_info(key->suite);
	uint8_t bytes[SRTP_KEY_MAX + SRTP_SALT_MAX];
	uint32_t len = (uint32_t)info->key_bytes + info->salt_bytes;
	char *at = out, digits[10], *digit = digits + sizeof(digits);

	memcpy(bytes, key->key, info->key_bytes);
	memcpy(bytes + info->key_bytes, key->salt, info->salt_bytes);
	for (uint32_t rest = tag; digit == digits + sizeof(digits) || rest > 0; rest /= 10)
		*--digit = (char)('0' + rest % 10);
	at = put(at, digit, (size_t)(digits + sizeof(digits) - digit));
	at = put(at, " ", 1);
	at = put(at, info->name, strlen(info->name));
	at = put(at, " inline:", 8);
	base64_encode(bytes, len, at);
	explicit_bzero(bytes, sizeof(bytes));
	return (uint32_t)(at - out) + (uint32_t)BASE64_BYTES(len);
}

void sdes_make(struct sdes_key *out)
{
	*out = (struct sdes_key){ 0 };
	rng_secure(out->key, sizeof(out->key));
	rng_secure(out->salt, sizeof(out->salt));
}

struct sdes_key sdes_key_for(const struct sdes_key *key, enum srtp_suite suite)
{
	const struct srtp_suite_info *info = srtp_suite_info(suite);
	struct sdes_key out = { .suite = (uint8_t)suite };

	memcpy(out.key, key->key, info->key_bytes);
	memcpy(out.salt, key->salt, info->salt_bytes);
	return out;
}
