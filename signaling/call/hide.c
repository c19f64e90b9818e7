// hide.c - the allow-list: what is not named here does not cross the border.
#include "call/core_private.h"

// Lines that hold no address, key or name of equipment.
static const uint8_t passed_request[] = { SIP_HEADER_SUBJECT, SIP_HEADER_PRIORITY,
	SIP_HEADER_ACCEPT_LANGUAGE };

struct hide_params hide_params_of(const struct call *call, const struct core_env *env,
	enum call_side from, const struct sip_msg *msg)
{
	const struct call_leg *sender = &call->legs[from], *other = &call->legs[call_other(from)];
	const struct config *config = env->config;
	int trunk = config->has_checked_callers && from == CALL_LEG_A && !call->is_emergency ?
		config_find_trunk(config, span_str(sender->trunk)) : -1;

	return (struct hide_params){
		.msg = msg,
		.caller = trunk < 0 || config->trunks[trunk].callers == CONFIG_CALLERS_ANY ?
			NULL : &config->trunks[trunk],
		.own = listener_local(config, other->hop.listener).sent_by,
		.from = config_profile(config, sender->profile),
		.to = config_profile(config, other->profile),
		.is_from_trusted = config->realms[sender->hop.listener >> 8].is_trusted,
		.is_to_trusted = config->realms[other->hop.listener >> 8].is_trusted,
		.is_emergency = call->is_emergency,
	};
}

void hide_put_own_host(struct sip_writer *w, const struct hide_params *params)
{
	if (params->to->headers.from_host)
		sip_put(w, span_str(params->to->headers.from_host));
	else
		sip_put_addr(w, &params->own);
}

static bool names(const struct profile_headers *headers, const char *name)
{
	for (uint32_t i = 0; i < headers->pass_count; i++)
		if (span_ieq(span_str(headers->pass[i]), span_str(name)))
			return true;
	return false;
}

static void put_named(struct sip_writer *w, const struct sip_msg *msg, struct span name)
{
	enum sip_header_id id = sip_header_lookup(name);

	if (id != SIP_HEADER_OTHER) {
		sip_put_headers_of(w, msg, id);
		return;
	}
	for (uint32_t i = 0; i < msg->header_count; i++)
		if (span_ieq(msg->header[i].name, name))
			sip_put_header_named(w, name, msg->header[i].value);
}

// What both peers' profiles list.
static void put_listed(struct sip_writer *w, const struct hide_params *params)
{
	const struct profile_headers *from = &params->from->headers;

	for (uint32_t i = 0; i < from->pass_count; i++)
		if (names(&params->to->headers, from->pass[i]))
			put_named(w, params->msg, span_str(from->pass[i]));
}

void hide_put_request(struct sip_writer *w, const struct hide_params *params)
{
	for (uint32_t i = 0; i < sizeof(passed_request); i++)
		sip_put_headers_of(w, params->msg, passed_request[i]);
	// A priority that anybody could claim is none (RFC 4412 11).
	if (params->is_from_trusted && params->is_to_trusted)
		sip_put_headers_of(w, params->msg, SIP_HEADER_RESOURCE_PRIORITY);
	// Names of packages, no more (RFC 6086 4.2.1).
	sip_put_headers_of(w, params->msg, SIP_HEADER_RECV_INFO);
	identity_put(w, params);
	challenge_put_credentials(w, params);
	put_listed(w, params);
}

// "399 agent "text"" with our own name as the agent (RFC 3261 20.43).
static void put_warning(struct sip_writer *w, const struct hide_params *params, struct span value)
{
	struct span code, agent;
	uint32_t number;

	if (!span_cut(&value, ' ', &code) || !span_cut(&value, ' ', &agent) ||
		span_parse_u32(code, 999, &number) < 0 || number < 100)
		return;
	value = span_trim(value);
	if (value.len < 2 || value.ptr[0] != '"' || value.ptr[value.len - 1] != '"')
		return;
	sip_put_lit(w, "Warning: ");
	sip_put_u64(w, number);
	sip_put_char(w, ' ');
	hide_put_own_host(w, params);
	sip_put_char(w, ' ');
	sip_put_value(w, value);
	sip_put_lit(w, "\r\n");
}

static void put_warnings(struct sip_writer *w, const struct hide_params *params)
{
	struct sip_list list;
	struct span value;

	if (!params->to->headers.is_warning_passed)
		return;
	sip_list_init(&list, params->msg, SIP_HEADER_WARNING);
	while (sip_list_next(&list, &value))
		put_warning(w, params, value);
}

void hide_put_answer(struct sip_writer *w, const struct hide_params *params)
{
	sip_put_headers_of(w, params->msg, SIP_HEADER_RECV_INFO);
	identity_put(w, params);
	challenge_put_info(w, params);
	put_listed(w, params);
	put_warnings(w, params);
}

static void put_retry_after(struct sip_writer *w, const struct sip_msg *msg)
{
	const struct sip_header *retry = sip_msg_header(msg, SIP_HEADER_RETRY_AFTER);
	struct span number;
	uint32_t seconds;

	if (!retry)
		return;
	number = retry->value;
	for (uint32_t i = 0; i < number.len; i++)
		if (number.ptr[i] < '0' || number.ptr[i] > '9')
			number.len = i;
	if (span_parse_u32(number, 86400, &seconds) == 0)
		sip_put_header_u32(w, SIP_HEADER_RETRY_AFTER, seconds);
}

void hide_put_error(struct sip_writer *w, const struct hide_params *params)
{
	cause_put(w, params, hide_told(params));
	put_retry_after(w, params->msg);
	if (hide_told(params) == params->msg->status)
		challenge_put(w, params);
	put_listed(w, params);
	put_warnings(w, params);
}

// Redirections name hosts of the other side, challenges are meant for us unless a profile passes
// them: neither helps the caller.
uint16_t hide_status(uint16_t status)
{
	if (status < 400)
		return 480;
	return status == 401 || status == 407 ? 403 : status;
}

static uint32_t q850_cause(const struct sip_msg *msg)
{
	struct sip_list list;
	struct span value, protocol;
	struct sip_param cause;
	uint32_t number;

	sip_list_init(&list, msg, SIP_HEADER_REASON);
	while (sip_list_next(&list, &value))
		if (span_cut(&value, ';', &protocol) &&
			span_ieq(span_trim(protocol), SPAN_LIT("Q.850")) &&
			sip_param_find(value, SPAN_LIT("cause"), &cause) &&
			span_parse_u32(cause.value, 127, &number) == 0)
			return number;
	return 0;
}

uint16_t hide_told(const struct hide_params *params)
{
	const struct profile_headers *to = &params->to->headers;
	uint16_t status = params->msg->status;
	uint32_t by_cause;

	for (uint32_t i = 0; i < to->code_count; i++)
		if (to->codes[i].status == status)
			return to->codes[i].told;
	if (challenge_passes(params))
		return status;
	by_cause = to->is_code_from_cause ? cause_to_status(q850_cause(params->msg)) : 0;
	return by_cause ? (uint16_t)by_cause : hide_status(status);
}

struct passing {
	struct hide_params params;
	struct sip_writer w;
};

static struct passing pass_begin(struct call *call, enum call_side from,
	const struct sip_msg *msg)
{
	struct core *core = call->core;
	struct passing passing = { .params = hide_params_of(call, core->env, from, msg) };

	sip_writer_init(&passing.w, core->extra, sizeof(core->extra));
	return passing;
}

static struct span pass_end(const struct passing *passing)
{
	return passing->w.is_overflowed ? SPAN_NONE : sip_writer_text(&passing->w);
}

struct span hide_request(struct call *call, enum call_side from, const struct sip_msg *msg)
{
	struct passing passing = pass_begin(call, from, msg);

	hide_put_request(&passing.w, &passing.params);
	return pass_end(&passing);
}

struct span hide_add_credentials(const struct call *call, enum call_side from,
	const struct sip_msg *msg, struct span lines, char *buf)
{
	struct hide_params params = hide_params_of(call, call->core->env, from, msg);
	struct sip_writer w;

	if (!(msg->is_request ? params.to : params.from)->headers.is_challenge_passed)
		return lines;
	sip_writer_init(&w, buf, CORE_EXTRA_MAX);
	sip_put(&w, lines);
	if (msg->is_request)
		challenge_put_credentials(&w, &params);
	else
		challenge_put_info(&w, &params);
	return w.is_overflowed ? lines : sip_writer_text(&w);
}

bool hide_is_challenge(const struct call *call, enum call_side from, const struct sip_msg *msg)
{
	struct hide_params params = hide_params_of(call, call->core->env, from, msg);

	return challenge_passes(&params) && hide_told(&params) == msg->status;
}

struct span hide_answer(struct call *call, enum call_side from, const struct sip_msg *msg)
{
	struct passing passing = pass_begin(call, from, msg);

	hide_put_answer(&passing.w, &passing.params);
	return pass_end(&passing);
}

struct span hide_error(struct call *call, enum call_side from, const struct sip_msg *msg,
	uint16_t *status)
{
	struct passing passing = pass_begin(call, from, msg);

	*status = hide_told(&passing.params);
	hide_put_error(&passing.w, &passing.params);
	return pass_end(&passing);
}

struct span hide_reason(struct call *call, enum call_side from, const struct sip_msg *msg)
{
	struct passing passing = pass_begin(call, from, msg);

	cause_put(&passing.w, &passing.params, 0);
	return pass_end(&passing);
}
