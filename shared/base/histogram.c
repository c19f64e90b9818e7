#include "base/histogram.h"

void histogram_sum(struct histogram_counts *sum, const struct histogram *histogram)
{
	for (uint32_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
		uint64_t count = metric_read(&histogram->buckets[i]);
		sum->buckets[i] += count;
		sum->total += count;
	}
}

uint64_t histogram_quantile(const struct histogram_counts *counts, uint32_t permille)
{
	// In two parts: total * permille may exceed 64 bits where a file is hostile.
	uint64_t rank = counts->total / 1000 * permille + counts->total % 1000 * permille / 1000;
	uint64_t seen = 0;

	for (uint32_t i = 0; i < HISTOGRAM_BUCKETS && counts->total > 0; i++) {
		seen += counts->buckets[i];
		if (seen > rank || seen >= counts->total)
			return histogram_floor(i + 1) - 1;
	}
	return 0;
}
