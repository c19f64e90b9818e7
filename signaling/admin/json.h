// json.h - calls, summaries and metrics as JSON values. Any thread; results are owned by the
// caller, NULL when memory is out.
#pragma once

#include "base/addr.h"
#include "base/metric.h"
#include "call/summary.h"

#include <jansson.h>

// Text from the network: what is not UTF-8 is replaced by '?', so that JSON stays JSON.
json_t *admin_json_text(const char *text);
// "192.0.2.1:5060", null when unset.
json_t *admin_json_addr(const struct addr *addr);
json_t *admin_json_call(const struct call_info *info);
json_t *admin_json_ended(const struct call_summary *summary);
// {"field": value, ...}; `base` points at the struct that the offsets count from. Adds to what
// `into` holds already, so that several workers sum up. 0 or -ENOMEM.
int admin_json_add_metrics(json_t *into, const struct metric_info *info, uint32_t count,
	const void *base);
