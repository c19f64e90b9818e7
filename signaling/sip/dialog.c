// dialog.c - RFC 3261 section 12.
#include "sip/dialog.h"

#include "sip/parse.h"

#include <errno.h>

// Replaces the text, reusing its room. -ENOMEM: the arena is full, the old text stays.
static int text_set(struct arena *arena, struct sip_text *text, struct span value)
{
	if (value.len > text->cap) {
		struct span copy;
		if (!arena_copy(arena, value, &copy))
			return -ENOMEM;
		text->text = copy;
		text->cap = copy.len;
		return 0;
	}
	if (value.len)
		memmove((char *)(uintptr_t)text->text.ptr, value.ptr, value.len);
	text->text.len = value.len;
	return 0;
}

// Empties a tag parameter out of a From or To value: name-addr without header parameters, or the
// bare addr-spec. Other header parameters have no meaning in later requests of the dialog.
static struct span without_params(const struct sip_name_addr *addr)
{
	struct span text = addr->text;

	if (addr->params.len == 0 && addr->tag.len == 0)
		return text;
	text.len = (uint32_t)(addr->params.ptr - text.ptr);
	while (text.len && text.ptr[text.len - 1] != '>' && text.ptr[text.len - 1] != ';')
		text.len--;
	if (text.len && text.ptr[text.len - 1] == ';')
		text.len--;
	return span_trim(text);
}

int sip_dialog_make_room(struct sip_dialog *dialog, uint32_t route_count)
{
	struct sip_text *route;

	if (route_count <= dialog->route_room)
		return 0;
	route = arena_zalloc(dialog->arena, route_count * sizeof(route[0]));
	if (!route)
		return -ENOMEM;
	if (dialog->route_room)
		memcpy(route, dialog->route, dialog->route_room * sizeof(route[0]));
	dialog->route = route;
	dialog->route_room = route_count;
	return 0;
}

// Route set from Record-Route: in order as UAS (12.1.1), reversed as UAC (12.1.2).
static int take_route_set(struct sip_dialog *dialog, const struct sip_msg *msg, bool is_reversed)
{
	struct span hop[SIP_DIALOG_ROUTES_MAX];
	struct sip_list list;
	struct span value;
	uint32_t count = 0;

	sip_list_init(&list, msg, SIP_HEADER_RECORD_ROUTE);
	while (sip_list_next(&list, &value)) {
		struct sip_name_addr addr;
		if (count == SIP_DIALOG_ROUTES_MAX || sip_name_addr_parse(value, &addr) < 0)
			return -EINVAL;
		hop[count++] = value;
	}
	if (sip_dialog_make_room(dialog, count) < 0)
		return -ENOMEM;
	for (uint32_t i = 0; i < count; i++) {
		struct span from = hop[is_reversed ? count - 1 - i : i];
		if (text_set(dialog->arena, &dialog->route[i], from) < 0)
			return -ENOMEM;
	}
	dialog->route_count = count;
	return 0;
}

static int take_target(struct sip_dialog *dialog, const struct sip_msg *msg)
{
	enum sip_scheme scheme = msg->contact.uri.scheme;

	if (msg->contact_count == 0 || msg->is_contact_star)
		return -EINVAL;
	if (scheme != SIP_SCHEME_SIP && scheme != SIP_SCHEME_SIPS)
		return -EINVAL;
	return text_set(dialog->arena, &dialog->remote_target, msg->contact.uri.text);
}

int sip_dialog_init_uas(struct sip_dialog *dialog, struct arena *arena,
	const struct sip_msg *request, struct span local_tag)
{
	int err;

	memset(dialog, 0, sizeof(*dialog));
	dialog->arena = arena;
	err = take_route_set(dialog, request, false);
	if (!err)
		err = take_target(dialog, request);
	if (err)
		return err;
	if (text_set(arena, &dialog->call_id, request->call_id) < 0 ||
		text_set(arena, &dialog->local_tag, local_tag) < 0 ||
		text_set(arena, &dialog->remote_tag, request->from.tag) < 0 ||
		text_set(arena, &dialog->local, without_params(&request->to)) < 0 ||
		text_set(arena, &dialog->remote, without_params(&request->from)) < 0)
		return -ENOMEM;
	dialog->remote_cseq = request->cseq.number;
	dialog->has_remote_cseq = true;
	dialog->is_secure = request->uri.scheme == SIP_SCHEME_SIPS;
	return 0;
}

int sip_dialog_init_uac(struct sip_dialog *dialog, struct arena *arena,
	const struct sip_dialog_uac *params)
{
	memset(dialog, 0, sizeof(*dialog));
	dialog->arena = arena;
	dialog->is_uac = true;
	dialog->local_cseq = params->cseq_first;
	dialog->is_secure = span_istarts(params->target, SPAN_LIT("sips:"));
	if (text_set(arena, &dialog->call_id, params->call_id) < 0 ||
		text_set(arena, &dialog->local_tag, params->local_tag) < 0 ||
		text_set(arena, &dialog->local, params->local) < 0 ||
		text_set(arena, &dialog->remote, params->remote) < 0 ||
		text_set(arena, &dialog->remote_target, params->target) < 0)
		return -ENOMEM;
	return 0;
}

int sip_dialog_receive_response(struct sip_dialog *dialog, const struct sip_msg *response)
{
	bool is_final = response->status >= 200;
	int err;

	if (response->status <= 100 || response->status >= 300)
		return 0;
	if (response->to.tag.len == 0)
		return is_final ? -EINVAL : 0;
	if (dialog->remote_tag.text.len && !span_eq(dialog->remote_tag.text, response->to.tag))
		return -EXDEV;
	if (dialog->is_confirmed)
		return 0;
	if (is_final && response->contact_count == 0)
		return -EINVAL;
	err = take_route_set(dialog, response, true);
	if (!err && response->contact_count)
		err = take_target(dialog, response);
	if (!err)
		err = text_set(dialog->arena, &dialog->remote_tag, response->to.tag);
	if (err)
		return err;
	dialog->is_confirmed = is_final;
	return 0;
}

int sip_dialog_take_request(struct sip_dialog *dialog, const struct sip_msg *request)
{
	int err = take_route_set(dialog, request, false);

	if (!err)
		err = take_target(dialog, request);
	if (!err)
		err = text_set(dialog->arena, &dialog->remote_tag, request->from.tag);
	if (!err)
		dialog->is_confirmed = true;
	return err;
}

bool sip_dialog_matches(const struct sip_dialog *dialog, const struct sip_msg *msg)
{
	struct span local = msg->is_request ? msg->to.tag : msg->from.tag;
	struct span remote = msg->is_request ? msg->from.tag : msg->to.tag;

	if (!span_eq(dialog->call_id.text, msg->call_id) || !span_eq(dialog->local_tag.text, local))
		return false;
	if (dialog->remote_tag.text.len == 0 && dialog->is_uac && !dialog->is_confirmed)
		return true;
	return span_eq(dialog->remote_tag.text, remote);
}

enum sip_dialog_verdict sip_dialog_receive_request(struct sip_dialog *dialog,
	const struct sip_msg *request)
{
	if (!sip_dialog_matches(dialog, request))
		return SIP_DIALOG_FOREIGN;
	if (dialog->has_remote_cseq && request->cseq.number <= dialog->remote_cseq)
		return SIP_DIALOG_OUT_OF_ORDER;
	dialog->remote_cseq = request->cseq.number;
	dialog->has_remote_cseq = true;
	return SIP_DIALOG_OK;
}

int sip_dialog_refresh_target(struct sip_dialog *dialog, const struct sip_msg *msg)
{
	return msg->contact_count ? take_target(dialog, msg) : 0;
}

uint32_t sip_dialog_next_cseq(struct sip_dialog *dialog)
{
	return ++dialog->local_cseq;
}

static bool first_route(const struct sip_dialog *dialog, struct sip_name_addr *out)
{
	return dialog->route_count && sip_name_addr_parse(dialog->route[0].text, out) == 0;
}

static bool is_loose(const struct sip_name_addr *route)
{
	struct sip_param lr;
	return sip_param_find(route->uri.params, SPAN_LIT("lr"), &lr);
}

// 12.2.1.1: a first hop that is a strict router gets the Request-URI, and the remote target moves
// to the end of the Route headers.
static void put_routes(const struct sip_dialog *dialog, struct sip_writer *w, bool is_strict)
{
	for (uint32_t i = is_strict ? 1 : 0; i < dialog->route_count; i++)
		sip_put_header(w, SIP_HEADER_ROUTE, dialog->route[i].text);
	if (is_strict) {
		sip_put(w, sip_header_name(SIP_HEADER_ROUTE));
		sip_put_lit(w, ": <");
		sip_put_value(w, dialog->remote_target.text);
		sip_put_lit(w, ">\r\n");
	}
}

static void put_party(
	struct sip_writer *w, enum sip_header_id id, struct span value, struct span tag)
{
	sip_put(w, sip_header_name(id));
	sip_put_lit(w, ": ");
	sip_put_value(w, value);
	if (tag.len) {
		sip_put_lit(w, ";tag=");
		sip_put_value(w, tag);
	}
	sip_put_lit(w, "\r\n");
}

void sip_dialog_put_request(const struct sip_dialog *dialog, struct sip_writer *w,
	const struct sip_dialog_request *request)
{
	struct sip_name_addr route;
	bool is_strict = first_route(dialog, &route) && !is_loose(&route);

	sip_put_request_line(w, request->method,
		is_strict ? route.uri.text : dialog->remote_target.text);
	sip_put_via(w, &request->via);
	sip_put_header_u32(w, SIP_HEADER_MAX_FORWARDS, request->max_forwards);
	put_routes(dialog, w, is_strict);
	put_party(w, SIP_HEADER_FROM, dialog->local.text, dialog->local_tag.text);
	put_party(w, SIP_HEADER_TO, dialog->remote.text, dialog->remote_tag.text);
	sip_put_header(w, SIP_HEADER_CALL_ID, dialog->call_id.text);
	sip_put_cseq(w, request->cseq, request->method);
}

int sip_dialog_next_hop(const struct sip_dialog *dialog, struct sip_uri *out)
{
	struct sip_name_addr route;

	if (dialog->route_count == 0)
		return sip_uri_parse(dialog->remote_target.text, out);
	if (!first_route(dialog, &route))
		return -EINVAL;
	*out = route.uri;
	return 0;
}
