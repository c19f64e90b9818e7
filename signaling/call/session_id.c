// session_id.c - one name of a call along all its hops: RFC 7989.
//
// Each end has a UUID. What an end says of itself we pass on; for an end that says nothing we make
// one (RFC 7989 section 7), so that either side sees the same pair all along.
#include "call/core_private.h"

#define NIL_UUID "00000000000000000000000000000000"
_Static_assert(sizeof(NIL_UUID) - 1 == CALL_UUID_LEN, "32 digits");

static bool is_uuid(struct span text)
{
	if (text.len != CALL_UUID_LEN || span_eq(text, SPAN_LIT(NIL_UUID)))
		return false;
	for (uint32_t i = 0; i < text.len; i++) {
		char c = text.ptr[i];

		if (!(c >= '0' && c <= '9') && !(c >= 'a' && c <= 'f'))
			return false;
	}
	return true;
}

// Version 4 of RFC 4122.
static void make_uuid(const struct core_env *env, char out[CALL_UUID_LEN])
{
	static const char hex[] = "0123456789abcdef";
	uint64_t random[2] = { rng_u64(env->rng), rng_u64(env->rng) };

	for (uint32_t i = 0; i < CALL_UUID_LEN; i++)
		out[i] = hex[random[i / 16] >> (i % 16 * 4) & 15];
	out[12] = '4';
	out[16] = hex[8 | (random[1] & 3)];
}

// The sender's own UUID. False: the message has none that is usable.
static bool read_uuid(const struct sip_msg *msg, char out[CALL_UUID_LEN])
{
	const struct sip_header *h = sip_msg_header(msg, SIP_HEADER_SESSION_ID);
	struct span rest, local;

	if (!h)
		return false;
	rest = h->value;
	if (!span_cut(&rest, ';', &local) || !is_uuid(span_trim(local)))
		return false;
	memcpy(out, span_trim(local).ptr, CALL_UUID_LEN);
	return true;
}

void session_id_begin(struct call *call, const struct core_env *env, const struct sip_msg *invite)
{
	if (!read_uuid(invite, call->legs[CALL_LEG_A].uuid))
		make_uuid(env, call->legs[CALL_LEG_A].uuid);
}

void session_id_learn(struct call *call, const struct core_env *env, enum call_side side,
	const struct sip_msg *msg)
{
	char *uuid = call->legs[side].uuid;

	if (read_uuid(msg, uuid) || uuid[0] != '\0')
		return;
	if (msg->is_request || msg->status > 100)
		make_uuid(env, uuid);
}

static uint8_t digit_of(char c)
{
	return (uint8_t)(c <= '9' ? c - '0' : c - 'a' + 10);
}

bool session_id_pack(const struct call_leg *leg, uint8_t out[SESSION_ID_BYTES])
{
	if (leg->uuid[0] == '\0')
		return false;
	for (uint32_t i = 0; i < SESSION_ID_BYTES; i++)
		out[i] = (uint8_t)(digit_of(leg->uuid[2 * i]) << 4 |
			digit_of(leg->uuid[2 * i + 1]));
	return true;
}

void session_id_unpack(struct call_leg *leg, const uint8_t in[SESSION_ID_BYTES])
{
	static const char hex[] = "0123456789abcdef";

	for (uint32_t i = 0; i < SESSION_ID_BYTES; i++) {
		leg->uuid[2 * i] = hex[in[i] >> 4];
		leg->uuid[2 * i + 1] = hex[in[i] & 15];
	}
}

static struct span uuid_of(const struct call_leg *leg)
{
	return leg->uuid[0] ? span_make(leg->uuid, CALL_UUID_LEN) : SPAN_LIT(NIL_UUID);
}

void session_id_put(struct sip_writer *w, const struct call *call, enum call_side side)
{
	const struct config *config = call->core->env->config;

	if (config_profile(config, call->legs[side].profile)->headers.is_session_id_off)
		return;
	sip_put_lit(w, "Session-ID: ");
	sip_put(w, uuid_of(&call->legs[call_other(side)]));
	sip_put_lit(w, ";remote=");
	sip_put(w, uuid_of(&call->legs[side]));
	sip_put_lit(w, "\r\n");
}
