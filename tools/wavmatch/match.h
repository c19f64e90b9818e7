// match.h - how well a recording repeats what was played: the speech test of quickstart.
//
// Both signals are brought to 8 kHz and to the band a G.711 call carries (300 to 3,400 Hz), aligned
// in time, and compared by normalised cross-correlation, second by second. Level does not count.
#pragma once

#include <stdint.h>

#define MATCH_RATE_HZ     8000
#define MATCH_SECONDS_MAX 3600
#define MATCH_SILENT      -1.0 // in second[]: nothing was played in this second

struct match_report {
	double overall;         // 0..1, mean over the seconds with speech, weighted by their energy
	double *second;         // [seconds] 0..1 or MATCH_SILENT, of the reference's seconds
	uint32_t seconds;
	int32_t lag_ms;         // reference starts this much after the recording does
	uint32_t speech_ms;     // of the reference that is not silence
	uint32_t missing_ms;    // of it that the recording lacks
};

// Signed 16-bit samples at rate_hz, a whole multiple of 8,000.
struct match_input {
	const int16_t *samples;
	uint32_t count;
	uint32_t rate_hz;
};

// 0, -EINVAL: an input is empty or its rate no multiple of 8,000 Hz, -ENODATA: the reference is
// silent, -ENOMEM. The report's owner calls match_report_fini().
int match_compare(const struct match_input *reference, const struct match_input *recording,
	struct match_report *out);
void match_report_fini(struct match_report *report);
