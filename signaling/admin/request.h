// request.h - from method, path, query and body to status and JSON: the admin interface without
// HTTP.
//
// Pure but for the ops and the log levels. Everything in struct admin_request comes from outside.
#pragma once

#include "admin/admin.h"
#include "base/span.h"

#define ADMIN_BODY_MAX 4096u

struct admin_request {
	const char *method; // NUL-terminated
	const char *path;
	const char *limit;  // of the query, NULL = not given
	struct span body;
};

// Returns the HTTP status; *out is the owned body, never NULL unless memory is out. *allow is the
// Allow header of a 405, else NULL.
unsigned int admin_answer(const struct admin_ops *ops, void *context,
	const struct admin_request *request, json_t **out, const char **allow);
