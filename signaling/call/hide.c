// hide.c - the allow-list: what is not named here does not cross the border.
#include "call/core_private.h"

// Lines that hold no address, key or name of equipment.
static const uint8_t passed_request[] = { SIP_HEADER_SUBJECT, SIP_HEADER_PRIORITY,
	SIP_HEADER_PRIVACY, SIP_HEADER_ACCEPT_LANGUAGE };

// The user of an identity under our own host, so that the number goes on and its home does not.
static void put_identity(struct sip_writer *w, const struct hide_params *params, struct span value)
{
	struct sip_name_addr identity;
	char buf[CALL_PARTY_MAX];
	struct span user;

	if (sip_name_addr_parse(value, &identity) < 0 ||
		sip_uri_user(&identity.uri, buf, sizeof(buf), &user) < 0 || span_is_empty(user))
		return;
	sip_put_lit(w, "P-Asserted-Identity: <sip:");
	sip_put_escaped_user(w, user);
	sip_put_char(w, '@');
	sip_put_addr(w, &params->own);
	sip_put_lit(w, ">\r\n");
}

void hide_put_request(struct sip_writer *w, const struct hide_params *params)
{
	struct sip_list list;
	struct span value;

	for (uint32_t i = 0; i < sizeof(passed_request); i++)
		sip_put_headers_of(w, params->msg, passed_request[i]);
	if (!params->is_trusted)
		return;
	sip_list_init(&list, params->msg, SIP_HEADER_P_ASSERTED_IDENTITY);
	while (sip_list_next(&list, &value))
		put_identity(w, params, value);
}

// "SIP;cause=200;text=..." -> protocol and cause; the text may say anything.
static void put_reason(struct sip_writer *w, struct span value)
{
	struct span protocol;
	struct sip_param cause;
	uint32_t number;

	if (!span_cut(&value, ';', &protocol))
		return;
	protocol = span_trim(protocol);
	if (!span_ieq(protocol, SPAN_LIT("SIP")) && !span_ieq(protocol, SPAN_LIT("Q.850")))
		return;
	if (!sip_param_find(value, SPAN_LIT("cause"), &cause) ||
		span_parse_u32(cause.value, 699, &number) < 0)
		return;
	sip_put_lit(w, "Reason: ");
	sip_put(w, protocol);
	sip_put_lit(w, ";cause=");
	sip_put_u64(w, number);
	sip_put_lit(w, "\r\n");
}

void hide_put_reason(struct sip_writer *w, const struct sip_msg *msg)
{
	struct sip_list list;
	struct span value;

	sip_list_init(&list, msg, SIP_HEADER_REASON);
	while (sip_list_next(&list, &value))
		put_reason(w, value);
}

void hide_put_error(struct sip_writer *w, const struct sip_msg *msg)
{
	const struct sip_header *retry = sip_msg_header(msg, SIP_HEADER_RETRY_AFTER);
	uint32_t seconds;
	struct span number;

	hide_put_reason(w, msg);
	if (!retry)
		return;
	number = retry->value;
	for (uint32_t i = 0; i < number.len; i++)
		if (number.ptr[i] < '0' || number.ptr[i] > '9')
			number.len = i;
	if (span_parse_u32(number, 86400, &seconds) == 0)
		sip_put_header_u32(w, SIP_HEADER_RETRY_AFTER, seconds);
}

uint16_t hide_status(uint16_t status)
{
	// Redirections name hosts of the other side, challenges are meant for us: neither helps the
	// caller.
	if (status < 400)
		return 480;
	if (status == 401 || status == 407)
		return 403;
	return status;
}
