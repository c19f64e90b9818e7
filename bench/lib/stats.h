// stats.h - numbers for a noisy machine: medians, quantiles, ratios of interleaved pairs with a
// bootstrap confidence interval, and a histogram of cycles. Single thread.
#pragma once

#include <stdint.h>

#define STATS_SAMPLES_MAX 256

struct stats_ratio {
	double median;
	double ci95[2]; // bootstrap of the median, 2,000 resamplings from a fixed seed
};

// 0 <= q <= 1; sorts a copy. NaN when count is 0. count <= STATS_SAMPLES_MAX.
double stats_quantile(const double *samples, uint32_t count, double q);

// ours[i] / peers[i], taken at neighbouring moments.
struct stats_ratio stats_ratio_of(const double *ours, const double *peers, uint32_t count);

#define STATS_BINS 4096

// Values 0..STATS_BINS-1 exactly, larger ones in the last bin.
struct stats_histogram {
	uint64_t count;
	uint64_t bins[STATS_BINS];
};

static inline void stats_count(struct stats_histogram *histogram, uint64_t value)
{
	histogram->bins[value < STATS_BINS ? value : STATS_BINS - 1]++;
	histogram->count++;
}

double stats_histogram_quantile(const struct stats_histogram *histogram, double q);
