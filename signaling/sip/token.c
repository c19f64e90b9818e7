// token.c - making and checking our identifiers; finding the shard of a raw message.

#include "sip/token.h"

#include "sip/text.h"

#define TOKEN_BYTES 15u // 8 of payload, 7 of MAC; 24 characters of 5 bits
#define MAC_BYTES   7u

static const char alphabet[33] = "abcdefghijklmnopqrstuvwxyz234567";

void sip_keys_init(struct sip_keys *keys, const struct hash_key *cluster, uint8_t generation)
{
	keys->shard = *cluster;
	keys->generation = generation & 63;
	for (unsigned i = 0; i < 2; i++) {
		// One generation's key tells nothing about another's nor about the cluster key.
		uint8_t label[8] = { 'm', 'u', 'g', 'a', 't', 'o', (uint8_t)((generation - i) & 63),
			0 };
		keys->mac[i].k[0] = hash_sip(cluster, label, sizeof(label));
		label[7] = 1;
		keys->mac[i].k[1] = hash_sip(cluster, label, sizeof(label));
	}
}

static uint64_t token_mac(
	const struct hash_key *key, enum sip_token_kind kind, const uint8_t *payload)
{
	uint8_t data[9];
	memcpy(data, payload, 8);
	data[8] = (uint8_t)kind;
	return hash_sip(key, data, sizeof(data));
}

void sip_token_make(const struct sip_keys *keys, enum sip_token_kind kind,
	const struct sip_token *token, char out[SIP_TOKEN_LEN])
{
	uint8_t raw[TOKEN_BYTES];
	uint64_t payload = (uint64_t)(token->shard % SIP_SHARDS) << 54 |
		(uint64_t)keys->generation << 48 | (token->value & SIP_TOKEN_VALUE_MAX);
	for (unsigned i = 0; i < 8; i++)
		raw[i] = (uint8_t)(payload >> (56 - 8 * i));
	uint64_t mac = token_mac(&keys->mac[0], kind, raw);
	for (unsigned i = 0; i < MAC_BYTES; i++)
		raw[8 + i] = (uint8_t)(mac >> (8 * i));
	for (unsigned group = 0; group < 3; group++) { // 5 bytes become 8 characters
		const uint8_t *b = raw + 5 * group;
		uint64_t bits = (uint64_t)b[0] << 32 | (uint64_t)b[1] << 24 | (uint64_t)b[2] << 16 |
			(uint64_t)b[3] << 8 | b[4];
		for (unsigned i = 0; i < 8; i++)
			out[8 * group + i] = alphabet[bits >> (35 - 5 * i) & 31];
	}
}

// 0..31, or -1.
static int letter_value(char c)
{
	if (c >= 'a' && c <= 'z')
		return c - 'a';
	if (c >= '2' && c <= '7')
		return c - '2' + 26;
	return -1;
}

static bool token_decode(const char *text, uint8_t raw[TOKEN_BYTES])
{
	for (unsigned group = 0; group < 3; group++) {
		uint64_t bits = 0;
		for (unsigned i = 0; i < 8; i++) {
			int value = letter_value(text[8 * group + i]);
			if (value < 0)
				return false;
			bits = bits << 5 | (unsigned)value;
		}
		for (unsigned i = 0; i < 5; i++)
			raw[5 * group + i] = (uint8_t)(bits >> (32 - 8 * i));
	}
	return true;
}

bool sip_token_verify(const struct sip_keys *keys, enum sip_token_kind kind, struct span text,
	struct sip_token *out)
{
	uint8_t raw[TOKEN_BYTES];
	if (text.len != SIP_TOKEN_LEN || !token_decode(text.ptr, raw))
		return false;
	uint64_t payload = 0, mac = 0;
	for (unsigned i = 0; i < 8; i++)
		payload = payload << 8 | raw[i];
	for (unsigned i = 0; i < MAC_BYTES; i++)
		mac |= (uint64_t)raw[8 + i] << (8 * i);
	uint8_t generation = payload >> 48 & 63;
	unsigned age = (keys->generation - generation) & 63;
	if (age > 1)
		return false;
	if ((token_mac(&keys->mac[age], kind, raw) ^ mac) << 8) // 56 bits count
		return false;
	out->shard = (uint16_t)(payload >> 54);
	out->generation = generation;
	out->value = payload & SIP_TOKEN_VALUE_MAX;
	return true;
}

void sip_branch_make(const struct sip_keys *keys, const struct sip_token *token,
	char out[SIP_BRANCH_LEN])
{
	memcpy(out, "z9hG4bK", 7);
	sip_token_make(keys, SIP_TOKEN_BRANCH, token, out + 7);
}

bool sip_branch_verify(const struct sip_keys *keys, struct span branch, struct sip_token *out)
{
	return branch.len == SIP_BRANCH_LEN && span_istarts(branch, SPAN_LIT("z9hG4bK")) &&
		sip_token_verify(keys, SIP_TOKEN_BRANCH, span_from(branch, 7), out);
}

uint32_t sip_callid_shard(const struct sip_keys *keys, struct span call_id)
{
	struct sip_token token;
	if (sip_token_verify(keys, SIP_TOKEN_CALL_ID, call_id, &token))
		return token.shard;
	return (uint32_t)(hash_sip(&keys->shard, call_id.ptr, call_id.len) % SIP_SHARDS);
}

// Whether `line` (from its first byte to the end of the message) is a Call-ID line; `value` is
// where its value begins.
static bool is_callid_line(struct span line, uint32_t *value)
{
	uint32_t i;
	if (line.len > 7 && (line.ptr[0] | 0x20) == 'c' && span_istarts(line, SPAN_LIT("Call-ID")))
		i = 7;
	else if (line.len > 1 && (line.ptr[0] | 0x20) == 'i')
		i = 1;
	else
		return false;
	while (i < line.len && (line.ptr[i] == ' ' || line.ptr[i] == '\t'))
		i++;
	*value = i + 1;
	return i < line.len && line.ptr[i] == ':';
}

bool sip_scan_callid(struct span message, struct span *out)
{
	uint32_t i = 0, value;
	while (i < message.len && (message.ptr[i] == '\r' || message.ptr[i] == '\n'))
		i++;
	for (;;) {
		const char *eol = i < message.len ? memchr(message.ptr + i, '\n', message.len - i) :
						    NULL;
		if (!eol)
			return false;
		i = (uint32_t)(eol - message.ptr) + 1;
		if (i >= message.len || message.ptr[i] == '\r' || message.ptr[i] == '\n')
			return false; // the header part ends
		struct span line = span_from(message, i);
		if (!is_callid_line(line, &value))
			continue;
		// The value may be folded onto the next line; it ends at the first LWS behind it.
		const struct text t = text_of(line);
		const char *start = text_lws(t, line.ptr + value), *end = start;
		while (end < t.end && !is_lws(*end))
			end++;
		if (end == start)
			return false;
		*out = span_between(start, end);
		return true;
	}
}
