#include "wavmatch/match.h"

#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { SECONDS = 6, COUNT = SECONDS * MATCH_RATE_HZ };

// Noise in syllables: 250 ms loud, a silence of varying length, as speech has it.
static void make_speech(int16_t *x, uint32_t seed)
{
	uint32_t state = seed;
	for (int i = 0; i < COUNT; i++) {
		state = state * 1664525 + 1013904223;
		int syllable = i / (2000 + (int)(seed % 7) * 100);
		bool is_loud = (syllable * 2654435761u >> 29 & 3) != 0;
		x[i] = is_loud ? (int16_t)((int32_t)(state >> 16) % 8000 - 4000) : 0;
	}
}

struct match_case {
	const char *name;
	int shift;             // samples by which the recording is late (negative: starts late)
	double gain;
	int gap_from, gap_len; // samples of the recording blanked
	uint32_t seed;         // 1 = the same speech
	double overall_min, overall_max;
	int missing_min_ms, missing_max_ms;
};

static const struct match_case cases[] = {
	{ "identical", 0, 1, 0, 0, 1, 0.99, 1.0, 0, 0 },
	{ "late and quiet", 4321, 0.3, 0, 0, 1, 0.99, 1.0, 0, 0 },
	{ "recording began late", -1000, 1, 0, 0, 1, 0.9, 1.0, 0, 400 },
	{ "one second lost", 100, 1, 16100, 8000, 1, 0.7, 0.9, 400, 1000 },
	{ "other speech", 0, 1, 0, 0, 2, 0.0, 0.3, 0, SECONDS * 1000 },
	{ "silence", 0, 0, 0, 0, 1, 0.0, 0.0, 2000, SECONDS * 1000 },
};

static void test_compare_table(void **state)
{
	static int16_t played[COUNT], other[COUNT], recorded[COUNT + 8000];
	(void)state;
	make_speech(played, 1);
	for (size_t c = 0; c < sizeof(cases) / sizeof(cases[0]); c++) {
		const struct match_case *m = &cases[c];
		struct match_report report;
		make_speech(other, m->seed);
		memset(recorded, 0, sizeof(recorded));
		for (int i = 0; i < COUNT; i++) {
			if (i + m->shift >= 0)
				recorded[i + m->shift] = (int16_t)(other[i] * m->gain);
		}
		memset(recorded + m->gap_from, 0, (size_t)m->gap_len * 2);
		print_message("%s\n", m->name);
		assert_int_equal(match_compare(&(struct match_input){ played, COUNT, 8000 },
			&(struct match_input){ recorded, COUNT + 8000, 8000 }, &report), 0);
		assert_true(report.overall >= m->overall_min && report.overall <= m->overall_max);
		assert_in_range(report.missing_ms, m->missing_min_ms, m->missing_max_ms);
		assert_int_equal(report.seconds, SECONDS);
		if (m->overall_min > 0.8)
			assert_true(abs(report.lag_ms - m->shift / 8) <= 1);
		match_report_fini(&report);
	}
}

static void test_compare_resamples(void **state)
{
	static int16_t slow[COUNT], fast[COUNT * 2];
	struct match_report report;
	(void)state;
	for (int i = 0; i < COUNT * 2; i++)
		fast[i] = (int16_t)(9000 * sin(2 * M_PI * (400 + i / 60.0) * i / 16000.0));
	for (int i = 0; i < COUNT; i++)
		slow[i] = fast[i * 2];
	assert_int_equal(match_compare(&(struct match_input){ slow, COUNT, 8000 },
		&(struct match_input){ fast, COUNT * 2, 16000 }, &report), 0);
	assert_true(report.overall > 0.95);
	match_report_fini(&report);
}

static void test_compare_refuses(void **state)
{
	int16_t silence[8000] = { 0 };
	struct match_report report;
	struct match_input good = { silence, 8000, 8000 }, empty = { silence, 0, 8000 };
	struct match_input odd = { silence, 8000, 11025 };
	(void)state;
	assert_int_equal(match_compare(&good, &empty, &report), -EINVAL);
	assert_int_equal(match_compare(&odd, &good, &report), -EINVAL);
	assert_int_equal(match_compare(&good, &good, &report), -ENODATA);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_compare_table),
		cmocka_unit_test(test_compare_resamples),
		cmocka_unit_test(test_compare_refuses),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
