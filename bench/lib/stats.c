// stats.c - see stats.h.
#include "stats.h"

#include "base/rng.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define RESAMPLES 2000
#define QUIET     0.1 // quantile of samples that others disturbed least

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

static double figure_of(
	const double *const *series, uint32_t width, uint32_t count, stats_figure_fn figure)
{
	double quantiles[STATS_SERIES_MAX];

	for (uint32_t s = 0; s < width; s++)
		quantiles[s] = stats_quantile(series[s], count, QUIET);
	return figure(quantiles);
}

struct stats_ratio stats_figure_of(
	const double *const *series, uint32_t width, uint32_t count, stats_figure_fn figure)
{
	static double figures[RESAMPLES], drawn[STATS_SERIES_MAX][STATS_SAMPLES_MAX];
	const double *const resampled[STATS_SERIES_MAX] = { drawn[0], drawn[1], drawn[2],
		drawn[3] };
	struct rng rng;

	if (count == 0 || count > STATS_SAMPLES_MAX || width > STATS_SERIES_MAX)
		return (struct stats_ratio){ NAN, { NAN, NAN } };
	rng_init(&rng, 1);
	for (uint32_t r = 0; r < RESAMPLES; r++) {
		for (uint32_t i = 0; i < count; i++) {
			uint32_t from = rng_below(&rng, count);
			for (uint32_t s = 0; s < width; s++)
				drawn[s][i] = series[s][from];
		}
		figures[r] = figure_of(resampled, width, count, figure);
	}
	qsort(figures, RESAMPLES, sizeof(figures[0]), compare);
	return (struct stats_ratio){
		.value = figure_of(series, width, count, figure),
		.ci95 = { figures[RESAMPLES / 40], figures[RESAMPLES - 1 - RESAMPLES / 40] },
	};
}

static double first_by_second(const double *quantiles)
{
	return quantiles[0] / quantiles[1];
}

struct stats_ratio stats_ratio_of(const double *ours, const double *peers, uint32_t count)
{
	const double *const series[] = { ours, peers };

	return stats_figure_of(series, 2, count, first_by_second);
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
