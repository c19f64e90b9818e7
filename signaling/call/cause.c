// cause.c - why a call failed or ended: SIP status and Q.850 cause, RFC 3326, RFC 3398, RFC 6432.
#include "call/core_private.h"

#define CAUSE_NORMAL 16u

struct pair {
	uint16_t from, to;
};

// RFC 3398 8.2.6.1; 603 as 3GPP TS 29.163 7.2.3.1.
static const struct pair by_status[] = { { 400, 41 }, { 401, 21 }, { 402, 21 }, { 403, 21 },
	{ 404, 1 }, { 405, 63 }, { 406, 79 }, { 407, 21 }, { 408, 102 }, { 410, 22 }, { 413, 127 },
	{ 414, 127 }, { 415, 79 }, { 416, 127 }, { 420, 127 }, { 421, 127 }, { 423, 127 },
	{ 480, 18 }, { 481, 41 }, { 482, 25 }, { 483, 25 }, { 484, 28 }, { 485, 1 }, { 486, 17 },
	{ 487, 16 }, { 488, 88 }, { 500, 41 }, { 501, 79 }, { 502, 38 }, { 503, 41 }, { 504, 102 },
	{ 505, 127 }, { 513, 127 }, { 600, 17 }, { 603, 21 }, { 604, 1 }, { 606, 88 } };

// RFC 3398 7.2.4.1.
static const struct pair by_cause[] = { { 1, 404 }, { 2, 404 }, { 3, 404 }, { 17, 486 },
	{ 18, 408 }, { 19, 480 }, { 20, 480 }, { 21, 403 }, { 22, 410 }, { 23, 410 }, { 26, 404 },
	{ 27, 502 }, { 28, 484 }, { 29, 501 }, { 31, 480 }, { 34, 503 }, { 38, 503 }, { 41, 503 },
	{ 42, 503 }, { 47, 503 }, { 55, 403 }, { 57, 403 }, { 58, 503 }, { 65, 488 }, { 70, 488 },
	{ 79, 501 }, { 87, 403 }, { 88, 503 }, { 102, 504 }, { 111, 500 }, { 127, 500 } };

#define COUNT_OF(table) (sizeof(table) / sizeof((table)[0]))

uint32_t cause_of_status(uint32_t status)
{
	for (uint32_t i = 0; i < COUNT_OF(by_status); i++)
		if (by_status[i].from == status)
			return by_status[i].to;
	return 0;
}

uint32_t cause_to_status(uint32_t cause)
{
	for (uint32_t i = 0; i < COUNT_OF(by_cause); i++)
		if (by_cause[i].from == cause)
			return by_cause[i].to;
	return 0;
}

// One Reason value without its text, which may say anything.
struct reason {
	bool is_q850; // else SIP
	uint32_t cause;
};

static bool read_reason(struct span value, struct reason *out)
{
	struct span protocol;
	struct sip_param cause;

	if (!span_cut(&value, ';', &protocol))
		return false;
	protocol = span_trim(protocol);
	out->is_q850 = span_ieq(protocol, SPAN_LIT("Q.850"));
	if (!out->is_q850 && !span_ieq(protocol, SPAN_LIT("SIP")))
		return false;
	return sip_param_find(value, SPAN_LIT("cause"), &cause) &&
		span_parse_u32(cause.value, 699, &out->cause) == 0;
}

static void put_reason(struct sip_writer *w, struct reason reason)
{
	sip_put(w, reason.is_q850 ? SPAN_LIT("Reason: Q.850;cause=") :
				    SPAN_LIT("Reason: SIP;cause="));
	sip_put_u64(w, reason.cause);
	sip_put_lit(w, "\r\n");
}

// The cause that stands for what the message alone says.
static uint32_t made_q850(uint32_t status, uint32_t sip_cause)
{
	uint32_t cause = cause_of_status(status ? status : sip_cause);

	return cause || status ? cause : CAUSE_NORMAL;
}

void cause_put(struct sip_writer *w, const struct hide_params *params, uint32_t status)
{
	enum profile_reason wish = params->to->headers.reason;
	uint32_t q850 = 0, sip = 0;
	struct reason reason;
	struct sip_list list;
	struct span value;

	if (wish == PROFILE_REASON_NONE)
		return;
	sip_list_init(&list, params->msg, SIP_HEADER_REASON);
	while (sip_list_next(&list, &value)) {
		if (!read_reason(value, &reason))
			continue;
		put_reason(w, reason);
		*(reason.is_q850 ? &q850 : &sip) = reason.cause;
	}
	if (wish == PROFILE_REASON_Q850 && !q850)
		reason = (struct reason){ true, made_q850(status, sip) };
	else if (wish == PROFILE_REASON_SIP && !sip && q850)
		reason = (struct reason){ false, cause_to_status(q850) };
	else
		return;
	if (reason.cause)
		put_reason(w, reason);
}
