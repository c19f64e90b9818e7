// stats.h - numbers for a noisy machine: medians, quantiles, ratios of interleaved pairs with a
// bootstrap confidence interval, and a histogram of cycles. Single thread.
#pragma once

#include <stdint.h>

#define STATS_SAMPLES_MAX 256

#define STATS_SERIES_MAX 4

struct stats_ratio {
	double value;
	double ci95[2]; // bootstrap, 2,000 resamplings of whole rounds from a fixed seed
};

// A figure made of one quantile of each series.
typedef double (*stats_figure_fn)(const double *quantiles);

// 0 <= q <= 1; sorts a copy. NaN when count is 0. count <= STATS_SAMPLES_MAX.
double stats_quantile(const double *samples, uint32_t count, double q);

// The ratio of the 10th percentiles of both. What others do to the machine only ever adds to a
// sample, so the low quantile is what lies closest to the truth.
struct stats_ratio stats_ratio_of(const double *ours, const double *peers, uint32_t count);

// The same for a figure of `width` <= STATS_SERIES_MAX series with samples of the same moments.
struct stats_ratio stats_figure_of(
	const double *const *series, uint32_t width, uint32_t count, stats_figure_fn figure);

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
