#include "wavmatch/match.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum {
	TAPS = 129,                           // of the band-pass, at 8 kHz
	ENVELOPE_STEP = MATCH_RATE_HZ / 200,  // 5 ms
	PART = MATCH_RATE_HZ / 5,             // 200 ms: the grain of "missing"
	// a jitter buffer may add or drop frames between seconds
	DRIFT = MATCH_RATE_HZ * 60 / 1000,
};

static const double SPEECH_RMS_MIN = 60.0;   // of full scale 32,768: -55 dBFS
static const double MISSING_RATIO = 0.1;     // recording's RMS below this part of the reference's

struct signal {
	float *x;
	int32_t count;
};

// Sample at i, silence outside.
static float signal_at(const struct signal *s, int32_t i)
{
	return i < 0 || i >= s->count ? 0.0f : s->x[i];
}

static double sinc_band(double hz, double n, double rate_hz)
{
	double w = 2.0 * hz / rate_hz;
	return n == 0.0 ? w : sin(M_PI * w * n) / (M_PI * n);
}

// Windowed-sinc band-pass with decimation: only every rate/8000th output is computed.
static int signal_init(struct signal *s, const struct match_input *in)
{
	uint32_t step = in->rate_hz / MATCH_RATE_HZ;
	int32_t taps = TAPS * (int32_t)step | 1;
	double *h = calloc((size_t)taps, sizeof(*h));

	s->count = (int32_t)(in->count / step);
	s->x = calloc((size_t)s->count + 1, sizeof(*s->x));
	if (!h || !s->x) {
		free(h);
		free(s->x);
		return -ENOMEM;
	}
	for (int32_t k = 0; k < taps; k++) {
		double n = k - taps / 2;
		double window = 0.54 - 0.46 * cos(2.0 * M_PI * k / (taps - 1));
		h[k] = window * (sinc_band(3400, n, in->rate_hz) - sinc_band(300, n, in->rate_hz));
	}
	for (int32_t i = 0; i < s->count; i++) {
		int64_t first = (int64_t)i * step - taps / 2;
		double sum = 0;
		for (int32_t k = 0; k < taps; k++) {
			int64_t at = first + k;
			if (at >= 0 && at < in->count)
				sum += h[k] * in->samples[at];
		}
		s->x[i] = (float)sum;
	}
	free(h);
	return 0;
}

static double energy(const struct signal *s, int32_t from, int32_t len)
{
	double sum = 0;
	for (int32_t i = from; i < from + len; i++)
		sum += (double)signal_at(s, i) * signal_at(s, i);
	return sum;
}

// Normalised correlation of reference[from, from + len) with the recording `lag` samples later.
static double correlate(const struct signal *ref, const struct signal *rec, int32_t from,
	int32_t len, int32_t lag)
{
	double xy = 0, xx = 0, yy = 0;

	for (int32_t i = from; i < from + len; i++) {
		double x = signal_at(ref, i), y = signal_at(rec, i + lag);
		xy += x * y;
		xx += x * x;
		yy += y * y;
	}
	return xx > 0 && yy > 0 ? xy / sqrt(xx * yy) : 0.0;
}

static int envelope_init(struct signal *out, const struct signal *in)
{
	double mean = 0;

	out->count = in->count / ENVELOPE_STEP;
	out->x = calloc((size_t)out->count + 1, sizeof(*out->x));
	if (!out->x)
		return -ENOMEM;
	for (int32_t i = 0; i < out->count; i++) {
		double e = energy(in, i * ENVELOPE_STEP, ENVELOPE_STEP) / ENVELOPE_STEP;
		out->x[i] = (float)log10(1.0 + e);
		mean += out->x[i];
	}
	for (int32_t i = 0; i < out->count; i++)
		out->x[i] -= (float)(mean / out->count);
	return 0;
}

// The lag by loudness over time first, which is cheap over all lags and has no false peak at every
// pitch period; then by waveform around it.
static int find_lag(const struct signal *ref, const struct signal *rec, int32_t *lag)
{
	struct signal a = { 0 }, b = { 0 };
	int err = envelope_init(&a, ref) || envelope_init(&b, rec) ? -ENOMEM : 0;
	double best = -2;
	int32_t coarse = 0;

	for (int32_t l = -a.count + 1; !err && l < b.count; l++) {
		double sum = 0;
		for (int32_t i = l < 0 ? -l : 0; i < a.count && i + l < b.count; i++)
			sum += (double)a.x[i] * b.x[i + l];
		if (sum > best) {
			best = sum;
			coarse = l * ENVELOPE_STEP;
		}
	}
	free(a.x);
	free(b.x);
	if (err)
		return err;
	best = -2;
	for (int32_t l = coarse - 2 * DRIFT; l <= coarse + 2 * DRIFT; l++) {
		int32_t len = ref->count < 4 * MATCH_RATE_HZ ? ref->count : 4 * MATCH_RATE_HZ;
		double c = correlate(ref, rec, 0, len, l);
		if (c > best) {
			best = c;
			*lag = l;
		}
	}
	return 0;
}

static void count_missing(const struct signal *ref, const struct signal *rec, int32_t from,
	int32_t lag, struct match_report *out)
{
	double played = sqrt(energy(ref, from, PART) / PART);
	double heard = sqrt(energy(rec, from + lag, PART) / PART);

	if (played < SPEECH_RMS_MIN)
		return;
	out->speech_ms += PART * 1000 / MATCH_RATE_HZ;
	if (heard < played * MISSING_RATIO)
		out->missing_ms += PART * 1000 / MATCH_RATE_HZ;
}

// One second of the reference; follows the lag as the jitter buffer moves it.
static double compare_second(const struct signal *ref, const struct signal *rec, int32_t from,
	int32_t *lag)
{
	double best = correlate(ref, rec, from, MATCH_RATE_HZ, *lag);
	int32_t best_lag = *lag;

	for (int32_t l = *lag - DRIFT; l <= *lag + DRIFT && best < 0.98; l++) {
		double c = correlate(ref, rec, from, MATCH_RATE_HZ, l);
		if (c > best) {
			best = c;
			best_lag = l;
		}
	}
	if (best > 0.5)
		*lag = best_lag;
	return best < 0 ? 0 : best;
}

static int compare(const struct signal *ref, const struct signal *rec, struct match_report *out)
{
	double weight = 0, sum = 0;
	int32_t lag = 0;
	int err = find_lag(ref, rec, &lag);

	if (err)
		return err;
	out->lag_ms = lag * 1000 / MATCH_RATE_HZ;
	for (uint32_t s = 0; s < out->seconds; s++) {
		int32_t from = (int32_t)s * MATCH_RATE_HZ;
		double e = energy(ref, from, MATCH_RATE_HZ);
		bool is_silent = sqrt(e / MATCH_RATE_HZ) < SPEECH_RMS_MIN;
		out->second[s] = is_silent ? MATCH_SILENT : compare_second(ref, rec, from, &lag);
		for (int32_t part = 0; part < MATCH_RATE_HZ; part += PART)
			count_missing(ref, rec, from + part, lag, out);
		if (!is_silent) {
			sum += out->second[s] * e;
			weight += e;
		}
	}
	out->overall = weight > 0 ? sum / weight : 0;
	return weight > 0 ? 0 : -ENODATA;
}

static bool input_is_valid(const struct match_input *in)
{
	return in->count > 0 && in->rate_hz >= MATCH_RATE_HZ && in->rate_hz % MATCH_RATE_HZ == 0 &&
		in->count / in->rate_hz < MATCH_SECONDS_MAX;
}

int match_compare(const struct match_input *reference, const struct match_input *recording,
	struct match_report *out)
{
	struct match_report report = { 0 };
	struct signal ref = { 0 }, rec = { 0 };

	if (!input_is_valid(reference) || !input_is_valid(recording))
		return -EINVAL;
	int err = signal_init(&ref, reference);
	if (err)
		return err;
	err = signal_init(&rec, recording);
	if (err)
		goto err_ref;
	report.seconds = ((uint32_t)ref.count + MATCH_RATE_HZ - 1) / MATCH_RATE_HZ;
	report.second = calloc(report.seconds + 1, sizeof(*report.second));
	err = report.second ? compare(&ref, &rec, &report) : -ENOMEM;
	if (err)
		free(report.second);
	else
		*out = report;
	free(rec.x);
err_ref:
	free(ref.x);
	return err;
}

void match_report_fini(struct match_report *report)
{
	free(report->second);
	*report = (struct match_report){ 0 };
}
