#include "sip/sdp_secure.h"

#include "base/hash.h"
#include "sip/chars.h"

#include <errno.h>

#define FOUNDATION_MAX 32u
#define PRIORITY_MAX   0x7fffffffu

static const struct span type_names[] = {
	[ICE_TYPE_HOST] = { "host", 4 },
	[ICE_TYPE_SRFLX] = { "srflx", 5 },
	[ICE_TYPE_PRFLX] = { "prflx", 5 },
	[ICE_TYPE_RELAY] = { "relay", 5 },
};

static const struct {
	struct span name;
	uint32_t bytes;
} hashes[] = {
	[SDP_HASH_UNKNOWN] = { { "", 0 }, 0 },
	[SDP_HASH_SHA256] = { { "sha-256", 7 }, 32 },
	[SDP_HASH_SHA384] = { { "sha-384", 7 }, 48 },
	[SDP_HASH_SHA512] = { { "sha-512", 7 }, 64 },
};

static const struct span setup_names[] = {
	[SDP_SETUP_NONE] = { "", 0 },
	[SDP_SETUP_ACTPASS] = { "actpass", 7 },
	[SDP_SETUP_ACTIVE] = { "active", 6 },
	[SDP_SETUP_PASSIVE] = { "passive", 7 },
	[SDP_SETUP_HOLDCONN] = { "holdconn", 8 },
};

// The line's attribute, else the session's.
static const struct sdp_attr *find(
	const struct sdp_session *sdp, uint32_t index, enum sdp_attr_id id)
{
	const struct sdp_attr *attr = sdp_find(sdp, (int)index, id);

	return attr ? attr : sdp_find(sdp, -1, id);
}

static struct span value_of(const struct sdp_session *sdp, uint32_t index, enum sdp_attr_id id)
{
	const struct sdp_attr *attr = find(sdp, index, id);

	return attr ? span_trim(attr->value) : SPAN_NONE;
}

// ICE ---------------------------------------------------------------------------------------------

static bool is_ice_text(struct span text, uint32_t min, uint32_t max)
{
	for (uint32_t i = 0; i < text.len; i++)
		if (!ice_is_char((uint8_t)text.ptr[i]))
			return false;
	return text.len >= min && text.len <= max;
}

static bool parse_type(struct span text, uint8_t *out)
{
	for (uint32_t i = 0; i < sizeof(type_names) / sizeof(type_names[0]); i++)
		if (span_ieq(text, type_names[i])) {
			*out = (uint8_t)i;
			return true;
		}
	return false;
}

// "foundation component UDP priority address port typ type", extensions after that. False: not one
// that we can use.
static bool parse_candidate(struct span value, struct sdp_candidate *out)
{
	struct span word[8];
	uint32_t component, port;

	for (uint32_t i = 0; i < 8; i++) {
		value = span_trim(value);
		if (!span_cut(&value, ' ', &word[i]))
			return false;
	}
	if (!is_ice_text(word[0], 1, FOUNDATION_MAX) || !span_ieq(word[2], SPAN_LIT("UDP")) ||
		span_parse_u32(word[1], ICE_COMPONENTS_MAX, &component) || component < 1 ||
		span_parse_u32(word[3], PRIORITY_MAX, &out->priority) || out->priority == 0 ||
		ip_parse(word[4], &out->addr.ip) || span_parse_u32(word[5], UINT16_MAX, &port) ||
		port == 0 || !span_ieq(word[6], SPAN_LIT("typ")) ||
		!parse_type(word[7], &out->type))
		return false;
	out->foundation = hash_crc32c(0, word[0].ptr, word[0].len);
	out->component = (uint8_t)component;
	out->addr.port = (uint16_t)port;
	return true;
}

static void read_candidates(
	const struct sdp_session *sdp, const struct sdp_media *media, struct sdp_ice *out)
{
	for (uint32_t i = media->attr_first; i < media->attr_first + media->attr_count; i++) {
		struct sdp_candidate candidate = { 0 };

		if (sdp->attr[i].id != SDP_ATTR_CANDIDATE)
			continue;
		if (out->candidate_count == SDP_CANDIDATES_MAX ||
			!parse_candidate(sdp->attr[i].value, &candidate))
			out->ignored++;
		else
			out->candidates[out->candidate_count++] = candidate;
	}
}

static bool has_option(struct span options, struct span wanted)
{
	struct span word;

	while (span_cut(&options, ' ', &word))
		if (span_eq(word, wanted))
			return true;
	return false;
}

int sdp_ice_of(const struct sdp_session *sdp, uint32_t index, struct sdp_ice *out)
{
	struct span ufrag = value_of(sdp, index, SDP_ATTR_ICE_UFRAG);
	struct span pwd = value_of(sdp, index, SDP_ATTR_ICE_PWD);

	if (!find(sdp, index, SDP_ATTR_ICE_UFRAG) || !find(sdp, index, SDP_ATTR_ICE_PWD))
		return -ENOENT;
	if (!is_ice_text(ufrag, ICE_UFRAG_MIN, ICE_SECRET_MAX) ||
		!is_ice_text(pwd, ICE_PWD_MIN, ICE_SECRET_MAX))
		return -EINVAL;
	*out = (struct sdp_ice){ .ufrag = ufrag, .pwd = pwd,
		.is_lite = sdp_find(sdp, -1, SDP_ATTR_ICE_LITE) != NULL,
		.is_trickle = has_option(
			value_of(sdp, index, SDP_ATTR_ICE_OPTIONS), SPAN_LIT("trickle")),
		.is_ended = find(sdp, index, SDP_ATTR_END_OF_CANDIDATES) != NULL,
		.is_mismatch = find(sdp, index, SDP_ATTR_ICE_MISMATCH) != NULL };
	read_candidates(sdp, &sdp->media[index], out);
	return 0;
}

void sdp_put_ice(struct sip_writer *w, const struct sdp_ice *ice)
{
	if (ice->is_mismatch) {
		sip_put_lit(w, "a=ice-mismatch\r\n");
		return;
	}
	sip_put_lit(w, "a=ice-ufrag:");
	sip_put(w, ice->ufrag);
	sip_put_lit(w, "\r\na=ice-pwd:");
	sip_put(w, ice->pwd);
	sip_put_lit(w, "\r\n");
	for (uint32_t i = 0; i < ice->candidate_count; i++) {
		const struct sdp_candidate *candidate = &ice->candidates[i];

		sip_put_lit(w, "a=candidate:");
		sip_put_u64(w, candidate->foundation);
		sip_put_char(w, ' ');
		sip_put_u64(w, candidate->component);
		sip_put_lit(w, " UDP ");
		sip_put_u64(w, candidate->priority);
		sip_put_char(w, ' ');
		sip_put_ip(w, &candidate->addr.ip);
		sip_put_char(w, ' ');
		sip_put_u64(w, candidate->addr.port);
		sip_put_lit(w, " typ ");
		sip_put(w, type_names[candidate->type]);
		sip_put_lit(w, "\r\n");
	}
	if (ice->is_ended)
		sip_put_lit(w, "a=end-of-candidates\r\n");
}

// DTLS --------------------------------------------------------------------------------------------

// "4A:AD:...", exactly `bytes` of them.
static bool parse_hex(struct span text, uint32_t bytes, uint8_t *out)
{
	if (text.len != bytes * 3 - 1)
		return false;
	for (uint32_t i = 0; i < bytes; i++) {
		const char *digits = text.ptr + 3 * i;

		if (!char_is(digits[0], CHAR_HEX) || !char_is(digits[1], CHAR_HEX) ||
			(i + 1 < bytes && digits[2] != ':'))
			return false;
		out[i] = (uint8_t)(hex_value(digits[0]) << 4 | hex_value(digits[1]));
	}
	return true;
}

// False: malformed. A hash that we do not know is well formed.
static bool parse_fingerprint(struct span value, struct sdp_fingerprint *out)
{
	struct span name;

	value = span_trim(value);
	if (!span_cut(&value, ' ', &name))
		return false;
	value = span_trim(value);
	for (uint32_t i = SDP_HASH_SHA256; i <= SDP_HASH_SHA512; i++)
		if (span_ieq(name, hashes[i].name)) {
			out->hash = (uint8_t)i;
			return parse_hex(value, hashes[i].bytes, out->value);
		}
	return value.len > 0;
}

// Of attributes first..first + count. False: a malformed one.
static bool read_fingerprints(
	const struct sdp_session *sdp, uint32_t first, uint32_t count, struct sdp_dtls *out)
{
	for (uint32_t i = first; i < first + count; i++) {
		struct sdp_fingerprint fingerprint = { .hash = SDP_HASH_UNKNOWN };

		if (sdp->attr[i].id != SDP_ATTR_FINGERPRINT)
			continue;
		if (!parse_fingerprint(sdp->attr[i].value, &fingerprint))
			return false;
		if (out->fingerprint_count < SDP_FINGERPRINTS_MAX)
			out->fingerprints[out->fingerprint_count++] = fingerprint;
	}
	return true;
}

static bool parse_setup(struct span value, enum sdp_setup *out)
{
	for (uint32_t i = SDP_SETUP_ACTPASS; i <= SDP_SETUP_HOLDCONN; i++)
		if (span_ieq(value, setup_names[i])) {
			*out = (enum sdp_setup)i;
			return true;
		}
	return false;
}

int sdp_dtls_of(const struct sdp_session *sdp, uint32_t index, struct sdp_dtls *out)
{
	const struct sdp_media *media = &sdp->media[index];
	struct sdp_dtls found = { .tls_id = value_of(sdp, index, SDP_ATTR_TLS_ID) };

	// RFC 8122 5: the line's take the place of the session's.
	if (!read_fingerprints(sdp, media->attr_first, media->attr_count, &found) ||
		(found.fingerprint_count == 0 &&
			!read_fingerprints(sdp, 0, sdp->attr_count, &found)))
		return -EINVAL;
	if (found.fingerprint_count == 0)
		return -ENOENT;
	if (find(sdp, index, SDP_ATTR_SETUP) &&
		!parse_setup(value_of(sdp, index, SDP_ATTR_SETUP), &found.setup))
		return -EINVAL;
	*out = found;
	return 0;
}

enum sdp_setup sdp_setup_answer(enum sdp_setup offered)
{
	switch (offered) {
	case SDP_SETUP_NONE: // RFC 8842 5.2 wants actpass in every offer
	case SDP_SETUP_ACTPASS:
	case SDP_SETUP_PASSIVE:
		return SDP_SETUP_ACTIVE;
	case SDP_SETUP_ACTIVE:
		return SDP_SETUP_PASSIVE;
	case SDP_SETUP_HOLDCONN:
		break;
	}
	return SDP_SETUP_NONE;
}

enum sdp_setup sdp_setup_agreed(enum sdp_setup answered)
{
	switch (answered) {
	case SDP_SETUP_NONE: // RFC 4145 4.1: an answer without it is active
	case SDP_SETUP_ACTIVE:
		return SDP_SETUP_PASSIVE;
	case SDP_SETUP_PASSIVE:
		return SDP_SETUP_ACTIVE;
	case SDP_SETUP_ACTPASS:
	case SDP_SETUP_HOLDCONN:
		break;
	}
	return SDP_SETUP_NONE;
}

static void put_hex(struct sip_writer *w, const uint8_t *bytes, uint32_t count)
{
	static const char digits[] = "0123456789ABCDEF";

	for (uint32_t i = 0; i < count; i++) {
		if (i > 0)
			sip_put_char(w, ':');
		sip_put_char(w, digits[bytes[i] >> 4]);
		sip_put_char(w, digits[bytes[i] & 15]);
	}
}

void sdp_put_dtls(struct sip_writer *w, const struct sdp_dtls *dtls)
{
	for (uint32_t i = 0; i < dtls->fingerprint_count; i++) {
		const struct sdp_fingerprint *fingerprint = &dtls->fingerprints[i];

		if (fingerprint->hash == SDP_HASH_UNKNOWN)
			continue;
		sip_put_lit(w, "a=fingerprint:");
		sip_put(w, hashes[fingerprint->hash].name);
		sip_put_char(w, ' ');
		put_hex(w, fingerprint->value, hashes[fingerprint->hash].bytes);
		sip_put_lit(w, "\r\n");
	}
	if (dtls->setup != SDP_SETUP_NONE) {
		sip_put_lit(w, "a=setup:");
		sip_put(w, setup_names[dtls->setup]);
		sip_put_lit(w, "\r\n");
	}
	if (dtls->tls_id.len) {
		sip_put_lit(w, "a=tls-id:");
		sip_put(w, dtls->tls_id);
		sip_put_lit(w, "\r\n");
	}
}
