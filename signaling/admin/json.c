#include "admin/json.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define TEXT_MAX 256

json_t *admin_json_text(const char *text)
{
	json_t *value = json_string(text); // NULL for invalid UTF-8
	if (value != NULL)
		return value;
	char clean[TEXT_MAX];
	size_t len = 0;
	for (; len < TEXT_MAX - 1 && text[len] != '\0'; len++)
		clean[len] = (unsigned char)text[len] < 0x80 ? text[len] : '?';
	clean[len] = '\0';
	return json_string(clean);
}

json_t *admin_json_addr(const struct addr *addr)
{
	char text[ADDR_TEXT_MAX];
	if (ip_is_unset(&addr->ip))
		return json_null();
	addr_format(addr, text);
	return json_string(text);
}

static json_t *leg_json(const struct leg_info *leg)
{
	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:b, s:b, s:I, s:I, s:I, s:I, s:I, s:f, "
		"s:f, s:f}",
		"realm", admin_json_text(leg->realm),
		"trunk", admin_json_text(leg->trunk),
		"signaling", admin_json_addr(&leg->signaling),
		"local_media", admin_json_addr(&leg->local_media),
		"remote_media", admin_json_addr(&leg->remote_media),
		"is_latched", leg->is_latched,
		"has_media", leg->has_media,
		"packets", (json_int_t)leg->packets,
		"octets", (json_int_t)leg->octets,
		"forwarded", (json_int_t)leg->forwarded,
		"dropped", (json_int_t)leg->dropped,
		"lost", (json_int_t)leg->lost,
		"loss", leg->loss,
		"jitter_ms", leg->jitter_ms,
		"mos", leg->mos);
}

json_t *admin_json_call(const struct call_info *info)
{
	char token[24];
	// As hex text: JSON readers lose bits of numbers above 2^53.
	snprintf(token, sizeof(token), "%016llx", (unsigned long long)info->token);
	return json_pack("{s:s, s:s, s:b, s:s, s:o, s:o, s:o, s:I, s:I, s:I, s:I, s:[o, o]}",
		"token", token,
		"state", call_state_name(info->state),
		"is_emergency", info->is_emergency,
		"session_id", info->session_id,
		"from", admin_json_text(info->from),
		"to", admin_json_text(info->to),
		"codec", admin_json_text(info->codec),
		"started_unix_ms", (json_int_t)info->started_unix_ms,
		"setup_ms", (json_int_t)info->setup_ms,
		"duration_ms", (json_int_t)info->duration_ms,
		"route_line", (json_int_t)info->route_line,
		"legs", leg_json(&info->legs[CALL_LEG_A]), leg_json(&info->legs[CALL_LEG_B]));
}

json_t *admin_json_ended(const struct call_summary *summary)
{
	json_t *call = admin_json_call(&summary->info);
	const char *by = summary->ended_by == CALL_LEG_A ? "a" : "b";
	json_t *end = json_pack("{s:s, s:s?, s:i, s:I}",
		"cause", call_cause_name(summary->cause),
		"ended_by", summary->cause == CALL_CAUSE_BYE ? by : NULL,
		"code", (int)summary->code,
		"ended_unix_ms", (json_int_t)summary->ended_unix_ms);
	if (call != NULL && end != NULL && json_object_update(call, end) == 0) {
		json_decref(end);
		return call;
	}
	json_decref(call);
	json_decref(end);
	return NULL;
}

int admin_json_add_metrics(json_t *into, const struct metric_info *info, uint32_t count,
	const void *base)
{
	for (uint32_t i = 0; i < count; i++) {
		const _Atomic uint64_t *metric =
			(const void *)((const char *)base + info[i].offset);
		json_int_t sum = json_integer_value(json_object_get(into, info[i].name));
		sum += (json_int_t)metric_read(metric);
		if (json_object_set_new(into, info[i].name, json_integer(sum)) < 0)
			return -ENOMEM;
	}
	return 0;
}
