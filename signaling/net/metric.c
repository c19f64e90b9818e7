#include "net/metric.h"

#include <stddef.h>

const struct metric_info net_metric_info[] = {
#define METRIC(field, kind, unit, help)                                                            \
	{ #field, unit, help, kind, offsetof(struct net_metrics, field) },
#include "net/net_metric.def"
#undef METRIC
};

const uint32_t net_metric_count = sizeof(net_metric_info) / sizeof(net_metric_info[0]);
