// What a lane notes of a burst: always the burst, at times the packets of each address.
#include "latency.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static struct histogram latency[3], bursts;
static struct lane lane = { .latency = latency, .bursts = &bursts };

static uint64_t total(const struct histogram *histogram)
{
	struct histogram_counts counts = { 0 };

	histogram_sum(&counts, histogram);
	return counts.total;
}

static void samples(void **state)
{
	static struct burst burst = { .count = 4 };
	static const uint16_t addresses[] = { 2, 0, 2, UINT16_MAX };

	(void)state;
	for (uint32_t i = 0; i < burst.count; i++) {
		burst.packets[i].address = addresses[i];
		// What was dropped early has no address: it is not looked at.
		burst.packets[i].verdict = i == 3 ? VERDICT_DROP : VERDICT_SENT;
	}
	for (uint32_t i = 0; i < 10 * LATENCY_SAMPLE; i++)
		latency_note(&lane, &burst, 1000);
	assert_int_equal(total(&bursts), 10 * LATENCY_SAMPLE);
	assert_int_equal(metric_read(&bursts.buckets[histogram_bucket(1000)]),
		10 * LATENCY_SAMPLE);
	assert_int_equal(total(&latency[0]), 10);
	assert_int_equal(total(&latency[1]), 0);
	assert_int_equal(metric_read(&latency[2].buckets[histogram_bucket(1000)]), 20);
	// A lane that was stopped for minutes.
	latency_note(&lane, &burst, UINT64_MAX);
	assert_int_equal(metric_read(&bursts.buckets[HISTOGRAM_BUCKETS - 1]), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(samples),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
