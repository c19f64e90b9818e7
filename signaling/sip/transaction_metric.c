// transaction_metric.c - names, units and help of the transaction layer's counters.

#include "sip/transaction.h"

#include <stddef.h>

const struct metric_info sip_transaction_metric_info[] = {
#define METRIC(field, kind, unit, help)                                                            \
	{ #field, unit, help, kind, offsetof(struct sip_transaction_metrics, field) },
#include "sip/transaction.def"
#undef METRIC
};

const uint32_t sip_transaction_metric_count =
	sizeof(sip_transaction_metric_info) / sizeof(sip_transaction_metric_info[0]);
