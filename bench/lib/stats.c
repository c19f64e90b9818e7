// stats.c - see stats.h.
#include "stats.h"

#include "base/rng.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define RESAMPLES 2000

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

double stats_quantile(const double *samples, uint32_t count, double q)
{
	double sorted[STATS_SAMPLES_MAX];

	if (count == 0 || count > STATS_SAMPLES_MAX)
		return NAN;
	memcpy(sorted, samples, count * sizeof(sorted[0]));
	qsort(sorted, count, sizeof(sorted[0]), compare);
	double at = q * (count - 1);
	uint32_t low = (uint32_t)at;
	if (low + 1 >= count)
		return sorted[count - 1];
	return sorted[low] + (at - low) * (sorted[low + 1] - sorted[low]);
}

struct stats_ratio stats_ratio_of(const double *ours, const double *peers, uint32_t count)
{
	static double medians[RESAMPLES];
	double ratios[STATS_SAMPLES_MAX], drawn[STATS_SAMPLES_MAX];
	struct rng rng;

	if (count == 0 || count > STATS_SAMPLES_MAX)
		return (struct stats_ratio){ NAN, { NAN, NAN } };
	for (uint32_t i = 0; i < count; i++)
		ratios[i] = ours[i] / peers[i];
	rng_init(&rng, 1);
	for (uint32_t r = 0; r < RESAMPLES; r++) {
		for (uint32_t i = 0; i < count; i++)
			drawn[i] = ratios[rng_below(&rng, count)];
		medians[r] = stats_quantile(drawn, count, 0.5);
	}
	qsort(medians, RESAMPLES, sizeof(medians[0]), compare);
	return (struct stats_ratio){
		.median = stats_quantile(ratios, count, 0.5),
		.ci95 = { medians[RESAMPLES / 40], medians[RESAMPLES - 1 - RESAMPLES / 40] },
	};
}

double stats_histogram_quantile(const struct stats_histogram *histogram, double q)
{
	uint64_t seen = 0, wanted = (uint64_t)(q * (double)histogram->count);

	for (uint32_t i = 0; i < STATS_BINS; i++) {
		seen += histogram->bins[i];
		if (seen > wanted)
			return i;
	}
	return STATS_BINS - 1;
}
