// test_quality.c - published reference points of G.107 and its behaviour between them.
#include "proto/quality.h"
#include "unit/unit.h"

#include <math.h>

static void assert_near(double value, double expected, double tolerance)
{
	if (!(fabs(value - expected) <= tolerance))
		fail_msg("%f is not within %f of %f", value, tolerance, expected);
}

// G.107 annex B, table B.1.
static void test_mos_of_r(void **state)
{
	static const struct {
		double r, mos;
	} cases[] = {
		{ 93.2, 4.41 },
		{ 90, 4.34 },
		{ 80, 4.03 },
		{ 70, 3.60 },
		{ 60, 3.10 },
		{ 50, 2.58 },
		{ 100, 4.5 },
		{ 120, 4.5 },
		{ 0, 1 },
		{ -20, 1 },
	};
	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++)
		assert_near(quality_mos_of_r(cases[i].r), cases[i].mos, 0.01);
	assert_near(quality_mos_of_r(NAN), 1, 0);
}

static struct quality_score rate(struct quality_input input)
{
	struct quality_score score;
	quality_rate(&input, &score);
	return score;
}

// Table 2: all defaults give R = 93.2. G.113: G.729 takes 11 off; 2 % random loss of G.711 with
// concealment takes 95 * 2 / (2 + 25.1).
static void test_reference_points(void **state)
{
	(void)state;
	struct quality_score best = rate((struct quality_input){ .codec = QUALITY_PCMU });
	assert_near(best.r, 93.2, 0.05);
	assert_near(best.mos, 4.41, 0.005);
	assert_near(rate((struct quality_input){ .codec = QUALITY_G729 }).r, 82.2, 0.05);
	assert_near(rate((struct quality_input){ .codec = QUALITY_PCMA, .loss_percent = 2 }).r,
		93.2 - 95 * 2 / 27.1, 0.05);
}

// G.107 figure on delay without echo: flat up to 150 ms, steep from 200 ms on.
static void test_delay(void **state)
{
	(void)state;
	double at_0 = rate((struct quality_input){ .delay_ms = 0 }).r;
	double at_100 = rate((struct quality_input){ .delay_ms = 100 }).r;
	double at_150 = rate((struct quality_input){ .delay_ms = 150 }).r;
	double at_400 = rate((struct quality_input){ .delay_ms = 400 }).r;
	assert_true(at_0 - at_100 < 4);
	assert_true(at_0 - at_150 < 7);
	assert_in_range((uintmax_t)(at_0 - at_400), 25, 45);
	// Jitter counts twice, through the buffer that must hold it.
	assert_near(rate((struct quality_input){ .jitter_ms = 75 }).r, at_150, 0.001);
	assert_near(rate((struct quality_input){ .frame_ms = 100 }).r, at_100, 0.001);
}

static void test_monotonic(void **state)
{
	(void)state;
	for (int codec = 0; codec < QUALITY_CODEC_COUNT; codec++) {
		double last = 101;
		for (double loss = 0; loss <= 100; loss += 5) {
			struct quality_input input = { .codec = (enum quality_codec)codec,
				.loss_percent = loss,
				.delay_ms = 40,
				.jitter_ms = 5,
				.frame_ms = 20 };
			struct quality_score score = rate(input);
			assert_true(score.r <= last && score.r >= 0);
			assert_true(score.mos >= 1 && score.mos <= 4.5);
			last = score.r;
		}
		assert_true(last < 30);
	}
}

// What a broken measurement may hand in.
static void test_odd_input(void **state)
{
	static const double odd[] = { -5, 1e30, NAN, INFINITY, -INFINITY };
	(void)state;
	for (size_t i = 0; i < COUNT_OF(odd); i++) {
		struct quality_input input = { .codec = (enum quality_codec)99,
			.loss_percent = odd[i],
			.jitter_ms = odd[i],
			.delay_ms = odd[i],
			.frame_ms = odd[i] };
		struct quality_score score = rate(input);
		assert_true(score.r >= 0 && score.r <= 100);
		assert_true(score.mos >= 1 && score.mos <= 4.5);
	}
}

static void test_codec_names(void **state)
{
	(void)state;
	assert_int_equal(quality_codec_of("pcma", 4), QUALITY_PCMA);
	assert_int_equal(quality_codec_of("OPUS/48000", 4), QUALITY_OPUS);
	assert_int_equal(quality_codec_of("G729", 4), QUALITY_G729);
	assert_int_equal(quality_codec_of("G7", 2), QUALITY_PCMU);
	assert_int_equal(quality_codec_of("", 0), QUALITY_PCMU);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_mos_of_r),
		cmocka_unit_test(test_reference_points),
		cmocka_unit_test(test_delay),
		cmocka_unit_test(test_monotonic),
		cmocka_unit_test(test_odd_input),
		cmocka_unit_test(test_codec_names),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
