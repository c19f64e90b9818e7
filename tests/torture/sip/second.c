// second.c - see second.h.
#include "second.h"

#include <osipparser2/osip_message.h>
#include <osipparser2/osip_parser.h>
#include <osipparser2/osip_port.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

// tidy-allow parameters: libosip2's callback
static void trace_ignore(
	const char *file, int line, osip_trace_level_t level, const char *format, va_list arguments)
{
	(void)file;
	(void)line;
	(void)level;
	(void)format;
	(void)arguments;
}

void second_init(void)
{
	osip_trace_initialize_func(END_TRACE_LEVEL, trace_ignore);
	parser_init();
}

#define COPY(field, text) snprintf(field, sizeof(field), "%s", (text) ? (text) : "")

static void copy_param(char *out, size_t cap, osip_list_t *params, const char *name)
{
	osip_generic_param_t *param = NULL;
	osip_generic_param_get_byname(params, (char *)name, &param);
	snprintf(out, cap, "%s", param && param->gvalue ? param->gvalue : "");
}

static void copy_via(const osip_message_t *msg, struct second_opinion *out)
{
	osip_via_t *via = osip_list_get(&msg->vias, 0);
	out->vias = (uint32_t)osip_list_size(&msg->vias);
	if (!via)
		return;
	COPY(out->via_host, via->host);
	copy_param(out->branch, sizeof(out->branch), &via->via_params, "branch");
}

static void copy_fields(osip_message_t *msg, struct second_opinion *out)
{
	char *call_id = NULL;
	osip_body_t *body = osip_list_get(&msg->bodies, 0);
	out->status = (uint16_t)msg->status_code;
	out->body_bytes = body ? (int32_t)body->length : -1;
	COPY(out->method, msg->sip_method);
	if (msg->req_uri) {
		COPY(out->user, msg->req_uri->username);
		COPY(out->host, msg->req_uri->host);
	}
	osip_call_id_to_str(msg->call_id, &call_id);
	COPY(out->call_id, call_id);
	osip_free(call_id);
	COPY(out->cseq, msg->cseq->number);
	COPY(out->cseq_method, msg->cseq->method);
	copy_param(out->from_tag, sizeof(out->from_tag), &msg->from->gen_params, "tag");
	copy_param(out->to_tag, sizeof(out->to_tag), &msg->to->gen_params, "tag");
	copy_via(msg, out);
}

void second_parse(struct span message, struct second_opinion *out)
{
	osip_message_t *msg;
	memset(out, 0, sizeof(*out));
	if (osip_message_init(&msg))
		return;
	if (osip_message_parse(msg, message.ptr, message.len) == 0 && msg->from && msg->to &&
		msg->call_id && msg->cseq && osip_list_size(&msg->vias) > 0) {
		out->is_accepted = true;
		copy_fields(msg, out);
	}
	osip_message_free(msg);
}
