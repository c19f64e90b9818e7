#include "call/metric.h"

#include <stddef.h>

const struct metric_info core_metric_info[] = {
#define METRIC(field, kind, unit, help)                                                            \
	{ #field, unit, help, kind, offsetof(struct core_metrics, field) },
#include "call/core_metric.def"
#undef METRIC
};

const uint32_t core_metric_count = sizeof(core_metric_info) / sizeof(core_metric_info[0]);
