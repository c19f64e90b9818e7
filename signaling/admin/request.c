#include "admin/request.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

struct endpoint {
	const char *method;
	const char *path;
	unsigned int (*answer)(const struct admin_ops *ops, void *context,
		const struct admin_request *request, json_t **out);
};

static json_t *error_json(const char *text)
{
	return json_pack("{s:s}", "error", text);
}

static unsigned int bad_request(json_t **out, const char *text)
{
	*out = error_json(text);
	return 400;
}

static unsigned int finish(int rc, json_t **out)
{
	if (rc == 0)
		return 200;
	*out = error_json(rc == -ETIMEDOUT ? "a worker did not answer in time"
		: rc == -ENOMEM            ? "out of memory"
					   : strerror(-rc));
	return 503;
}

static int limit_parse(const struct admin_request *request, uint32_t *out)
{
	*out = ADMIN_LIMIT_DEFAULT;
	if (request->limit == NULL)
		return 0;
	return span_parse_u32(span_str(request->limit), ADMIN_LIMIT_MAX, out);
}

static unsigned int get_calls(const struct admin_ops *ops, void *context,
	const struct admin_request *request, json_t **out)
{
	uint32_t limit;
	if (limit_parse(request, &limit) < 0)
		return bad_request(out, "limit must be a number from 0 to 20000");
	return finish(ops->calls(context, limit, out), out);
}

static unsigned int get_ended(const struct admin_ops *ops, void *context,
	const struct admin_request *request, json_t **out)
{
	uint32_t limit;
	if (limit_parse(request, &limit) < 0)
		return bad_request(out, "limit must be a number from 0 to 20000");
	return finish(ops->ended(context, limit, out), out);
}

static unsigned int get_trunks(const struct admin_ops *ops, void *context,
	const struct admin_request *request, json_t **out)
{
	(void)request;
	return finish(ops->trunks(context, out), out);
}

static unsigned int get_metrics(const struct admin_ops *ops, void *context,
	const struct admin_request *request, json_t **out)
{
	(void)request;
	return finish(ops->metrics(context, out), out);
}

static unsigned int get_version(const struct admin_ops *ops, void *context,
	const struct admin_request *request, json_t **out)
{
	(void)ops;
	(void)context;
	(void)request;
	*out = json_pack("{s:s, s:s}", "process", "muga-signaling", "version", MUGA_VERSION);
	return 200;
}

static unsigned int post_drain(const struct admin_ops *ops, void *context,
	const struct admin_request *request, json_t **out)
{
	(void)request;
	return finish(ops->drain(context, out), out);
}

static unsigned int post_tls_reload(const struct admin_ops *ops, void *context,
	const struct admin_request *request, json_t **out)
{
	(void)request;
	int rc = ops->tls_reload(context, out);
	return rc == -EINVAL && *out != NULL ? 409 : finish(rc, out);
}

static int level_parse(const char *name, enum log_level *out)
{
	static const char *const names[] = {
		[LOG_LEVEL_ERROR] = "error",
		[LOG_LEVEL_WARN] = "warn",
		[LOG_LEVEL_INFO] = "info",
		[LOG_LEVEL_DEBUG] = "debug",
	};
	for (unsigned int i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(name, names[i]) == 0) {
			*out = (enum log_level)i;
			return 0;
		}
	}
	return -EINVAL;
}

static const char *const subsystem_names[] = {
#define LOG_SUBSYSTEM(id, name) [LOG_##id] = name,
#include "base/log_subsystem.def"
#undef LOG_SUBSYSTEM
};

// "all" or one name. -EINVAL: unknown.
static int level_set(const char *subsystem, enum log_level level)
{
	bool is_all = strcmp(subsystem, "all") == 0;
	bool is_known = is_all;
	for (int i = 0; i < LOG_SUBSYSTEM_COUNT; i++) {
		if (!is_all && strcmp(subsystem, subsystem_names[i]) != 0)
			continue;
		log_set_level((enum log_subsystem)i, level);
		is_known = true;
	}
	return is_known ? 0 : -EINVAL;
}

static int token_parse(const char *text, uint64_t *out)
{
	char *end;
	if (strlen(text) != 16 || strspn(text, "0123456789abcdefABCDEF") != 16)
		return -EINVAL;
	*out = strtoull(text, &end, 16);
	return 0;
}

// {"call": "<token>"} opens one call at every level, {"call": null} closes it again.
static unsigned int log_one_call(json_t *call, json_t **out)
{
	uint64_t token = 0;
	if (!json_is_null(call) &&
		(!json_is_string(call) || token_parse(json_string_value(call), &token) < 0))
		return bad_request(out, "call must be a token of 16 hex digits, or null");
	log_set_call(token);
	*out = json_pack("{s:O}", "call", call);
	return 200;
}

static unsigned int log_level(json_t *body, json_t **out)
{
	const char *subsystem = "all", *level_name;
	enum log_level level;
	json_t *call = json_object_get(body, "call");
	if (call != NULL)
		return log_one_call(call, out);
	if (json_unpack(body, "{s?s, s:s}", "subsystem", &subsystem, "level", &level_name) < 0)
		return bad_request(out,
			"expected {\"subsystem\": \"sip\", \"level\": \"debug\"} "
			"or {\"call\": token}");
	if (level_parse(level_name, &level) < 0)
		return bad_request(out, "level must be error, warn, info or debug");
	if (level_set(subsystem, level) < 0)
		return bad_request(out, "unknown subsystem");
	*out = json_pack("{s:s, s:s}", "subsystem", subsystem, "level", level_name);
	LOG_INFO(ADMIN, "log_level", "subsystem=%s level=%s", subsystem, level_name);
	return 200;
}

static unsigned int post_log_level(const struct admin_ops *ops, void *context,
	const struct admin_request *request, json_t **out)
{
	(void)ops;
	(void)context;
	json_t *body = json_loadb(request->body.ptr != NULL ? request->body.ptr : "",
		request->body.len, JSON_REJECT_DUPLICATES, NULL);
	if (!json_is_object(body)) {
		json_decref(body);
		return bad_request(out, "the body must be a JSON object");
	}
	unsigned int status = log_level(body, out);
	json_decref(body);
	return status;
}

static unsigned int record_finish(int rc, json_t **out)
{
	static const struct {
		int rc;
		unsigned int status;
		const char *text;
	} refusals[] = {
		{ -ENOENT, 404, "no such call, or it has no media, or it is not being recorded" },
		{ -EEXIST, 409, "the call is being recorded" },
		{ -ENOSPC, 503, "too many calls are being recorded" },
		{ -EINVAL, 400, "file must be a plain name of at most 80 characters" },
	};

	for (unsigned int i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
		if (rc != refusals[i].rc)
			continue;
		*out = error_json(refusals[i].text);
		return refusals[i].status;
	}
	return finish(rc, out);
}

// {"call": token} and, to start, "decrypted" and "file".
static unsigned int record(const struct admin_ops *ops, void *context,
	const struct admin_request *request, struct admin_record *wanted, json_t **out)
{
	json_t *body = json_loadb(request->body.ptr != NULL ? request->body.ptr : "",
		request->body.len, JSON_REJECT_DUPLICATES, NULL);
	const char *call = NULL;
	int is_decrypted = 0;
	unsigned int status;

	wanted->file = "";
	if (json_unpack(body, "{s:s, s?b, s?s !}", "call", &call, "decrypted", &is_decrypted,
		    "file", &wanted->file) < 0 || token_parse(call, &wanted->call) < 0) {
		status = bad_request(out, "expected {\"call\": token of 16 hex digits, "
			"\"decrypted\": true, \"file\": name}");
	} else {
		wanted->is_decrypted = is_decrypted;
		status = record_finish(ops->record(context, wanted, out), out);
	}
	json_decref(body);
	return status;
}

static unsigned int post_record(const struct admin_ops *ops, void *context,
	const struct admin_request *request, json_t **out)
{
	struct admin_record wanted = { .is_stop = false };
	return record(ops, context, request, &wanted, out);
}

static unsigned int post_record_stop(const struct admin_ops *ops, void *context,
	const struct admin_request *request, json_t **out)
{
	struct admin_record wanted = { .is_stop = true };
	return record(ops, context, request, &wanted, out);
}

static const struct endpoint endpoints[] = {
	{ "GET", "/v1/calls", get_calls },
	{ "GET", "/v1/calls/ended", get_ended },
	{ "GET", "/v1/trunks", get_trunks },
	{ "GET", "/v1/metrics", get_metrics },
	{ "GET", "/v1/version", get_version },
	{ "POST", "/v1/log/level", post_log_level },
	{ "POST", "/v1/drain", post_drain },
	{ "POST", "/v1/tls/reload", post_tls_reload },
	{ "POST", "/v1/recordings", post_record },
	{ "POST", "/v1/recordings/stop", post_record_stop },
};

unsigned int admin_answer(const struct admin_ops *ops, void *context,
	const struct admin_request *request, json_t **out, const char **allow)
{
	*out = NULL;
	*allow = NULL;
	for (unsigned int i = 0; i < sizeof(endpoints) / sizeof(endpoints[0]); i++) {
		const struct endpoint *endpoint = &endpoints[i];
		if (strcmp(request->path, endpoint->path) != 0)
			continue;
		if (strcmp(request->method, endpoint->method) == 0)
			return endpoint->answer(ops, context, request, out);
		*allow = endpoint->method;
	}
	if (*allow != NULL) {
		*out = error_json("method not allowed");
		return 405;
	}
	*out = error_json("no such resource");
	return 404;
}
