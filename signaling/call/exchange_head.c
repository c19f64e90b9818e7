// exchange_head.c - which header fields of requests outside calls cross, and those of our own.
#include "call/exchange.h"

#include "call/contact.h"
#include "call/core_private.h"

// By method, what else goes along; 0 ends a row.
static const uint8_t request_fields[SIP_METHOD_COUNT][4] = {
	[SIP_METHOD_MESSAGE] = { SIP_HEADER_EXPIRES },
	[SIP_METHOD_PUBLISH] = { SIP_HEADER_EXPIRES, SIP_HEADER_SIP_IF_MATCH },
	[SIP_METHOD_SUBSCRIBE] = { SIP_HEADER_EXPIRES, SIP_HEADER_ACCEPT },
	[SIP_METHOD_OPTIONS] = { SIP_HEADER_ACCEPT },
};
static const uint8_t answer_fields[SIP_METHOD_COUNT][4] = {
	[SIP_METHOD_PUBLISH] = { SIP_HEADER_EXPIRES, SIP_HEADER_SIP_ETAG, SIP_HEADER_MIN_EXPIRES,
		SIP_HEADER_ALLOW_EVENTS },
	[SIP_METHOD_SUBSCRIBE] = { SIP_HEADER_EXPIRES, SIP_HEADER_MIN_EXPIRES,
		SIP_HEADER_ALLOW_EVENTS },
};

static void put_fields(struct sip_writer *w, const struct sip_msg *msg, const uint8_t fields[4])
{
	for (uint32_t i = 0; i < 4 && fields[i]; i++)
		sip_put_headers_of(w, msg, fields[i]);
}

// What says how the content is to be read; each with a body only.
static const uint8_t content_fields[4] = { SIP_HEADER_CONTENT_ENCODING,
	SIP_HEADER_CONTENT_DISPOSITION, SIP_HEADER_CONTENT_LANGUAGE };

// The value without its parameters, but for those that name nobody.
static void put_some_params(struct sip_writer *w, const struct sip_msg *msg,
	enum sip_header_id id, const struct span *names)
{
	const struct sip_header *h = sip_msg_header(msg, id);
	struct sip_param param;
	struct span rest, head;

	if (!h)
		return;
	rest = h->value;
	span_cut(&rest, ';', &head);
	sip_put(w, sip_header_name(id));
	sip_put_lit(w, ": ");
	sip_put_value(w, span_trim(head));
	for (; names->len; names++) {
		if (!sip_param_find(rest, *names, &param))
			continue;
		sip_put_char(w, ';');
		sip_put(w, *names);
		sip_put_char(w, '=');
		sip_put_value(w, param.value);
	}
	sip_put_lit(w, "\r\n");
}

void exchange_put_state(struct sip_writer *w, const struct sip_msg *msg)
{
	static const struct span names[] = { SPAN_LIT("reason"), SPAN_LIT("expires"),
		SPAN_LIT("retry-after"), SPAN_NONE };

	put_some_params(w, msg, SIP_HEADER_SUBSCRIPTION_STATE, names);
}

void exchange_put_rest(struct sip_writer *w, const struct exchange *x,
	const struct hide_params *hide)
{
	static const struct span event[] = { SPAN_LIT("id"), SPAN_NONE };
	const struct sip_msg *msg = hide->msg;

	edit_put_agent(w, hide->to, true);
	hide_put_request(w, hide);
	put_fields(w, msg, request_fields[x->method]);
	put_some_params(w, msg, SIP_HEADER_EVENT, event);
	if (x->method == SIP_METHOD_NOTIFY)
		exchange_put_state(w, msg);
	// Content is what these requests are for: it goes from end to end.
	if (!span_is_empty(msg->body))
		put_fields(w, msg, content_fields);
	sip_put_body(w, msg->content_type, msg->body);
}

void exchange_put_answer(struct sip_writer *w, const struct exchange *x, const struct sip_msg *msg)
{
	put_fields(w, msg, answer_fields[x->method]);
}

void exchange_put_contact(struct sip_writer *w, const struct config *config,
	const struct subscription_side *side)
{
	struct contact contact = { .user = span_make(side->contact, sizeof(side->contact)),
		.listener = side->hop.listener, .profile = side->profile,
		.is_secure = side->dialog.is_secure };

	contact_put(w, config, &contact);
	relay_put_allow(w, config_profile(config, side->profile));
}

void exchange_put_methods(struct sip_writer *w, const struct config_profile *profile)
{
	uint32_t bits = profile->headers.requests;

	if (bits & PROFILE_REQUEST_MESSAGE)
		sip_put_lit(w, ", MESSAGE");
	if (bits & PROFILE_REQUEST_PUBLISH)
		sip_put_lit(w, ", PUBLISH");
	if (bits & PROFILE_REQUEST_SUBSCRIBE)
		sip_put_lit(w, ", SUBSCRIBE");
}
