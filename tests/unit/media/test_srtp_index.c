// test_srtp_index.c - roll-over guesses against RFC 3711 appendix A taken literally, and the
// replay window against a list of all that was seen.
#include "srtp_index.h"
#include "base/rng.h"
#include "unit/unit.h"

// RFC 3711 appendix A, word by word; a roll-over counter below 0 stays 0.
static uint64_t guess_by_rfc(uint64_t highest, uint16_t sequence)
{
	uint32_t roc = (uint32_t)(highest >> 16), s_l = highest & 0xffff, v = roc;

	if (s_l < 32768) {
		if (sequence > s_l && sequence - s_l > 32768)
			v = roc == 0 ? 0 : roc - 1;
	} else if (s_l - 32768 > sequence) {
		v = roc + 1;
	}
	return (uint64_t)v << 16 | sequence;
}

static void test_guess(void **state)
{
	static const uint64_t highest[] = { 0, 1, 100, 0x7fff, 0x8000, 0x8001, 0xffff, 0x10000,
		0x17fff, 0x18000, 0x1ffff, 0x123450000ull, 0x12345ffffull };
	(void)state;

	for (size_t i = 0; i < COUNT_OF(highest); i++)
		for (uint32_t sequence = 0; sequence <= 0xffff; sequence++)
			assert_int_equal(srtp_index_guess(highest[i], (uint16_t)sequence),
				guess_by_rfc(highest[i], (uint16_t)sequence));
}

static void test_guess_follows_wraps(void **state)
{
	uint64_t index = 65000;
	(void)state;

	for (uint32_t i = 0; i < 300000; i++) {
		uint64_t guess = srtp_index_guess(index, (uint16_t)(index + 7));
		assert_int_equal(guess, index + 7);
		index = guess;
	}
	assert_true(index >> 16 > 30);
	assert_int_equal(srtp_index_guess(0x50002, 0xfffe), 0x4fffe); // late across the wrap
	assert_true(srtp_index_guess(SRTP_INDEX_LIMIT - 1, 0) >= SRTP_INDEX_LIMIT);
}

static struct flow_stream stream_at(uint64_t index)
{
	struct flow_stream stream = { .window = { 1, 0 } };

	flow_stream_set_index(&stream, index);
	return stream;
}

static void test_window_edges(void **state)
{
	struct flow_stream stream = stream_at(1000);
	(void)state;

	assert_false(srtp_window_has_room(&stream, 1000));
	assert_true(srtp_window_has_room(&stream, 1001));
	assert_true(srtp_window_has_room(&stream, 1000 - SRTP_WINDOW + 1));
	assert_false(srtp_window_has_room(&stream, 1000 - SRTP_WINDOW));
	srtp_window_take(&stream, 1000 - SRTP_WINDOW + 1);
	assert_false(srtp_window_has_room(&stream, 1000 - SRTP_WINDOW + 1));
	srtp_window_take(&stream, 1064); // from one word into the other
	assert_false(srtp_window_has_room(&stream, 1000));
	assert_true(srtp_window_has_room(&stream, 1001));
	srtp_window_take(&stream, 1064 + SRTP_WINDOW); // everything known leaves
	assert_false(srtp_window_has_room(&stream, 1064));
	assert_true(srtp_window_has_room(&stream, 1065));
	assert_int_equal(flow_stream_index(&stream), 1064 + SRTP_WINDOW);
}

// Whatever comes in which order: an index is taken once, and none of the last 128 is refused.
static void test_window_against_a_list(void **state)
{
	enum { START = 500, SPAN = 4000 };
	static bool seen[START + SPAN + 300];
	struct flow_stream stream = stream_at(START);
	uint64_t highest = START;
	struct rng rng;
	(void)state;

	rng_init(&rng, 7);
	memset(seen, 0, sizeof(seen));
	seen[START] = true;
	while (highest < START + SPAN) {
		uint64_t index = highest + rng_below(&rng, 320) - 300;
		bool is_free = index > highest ||
			(highest - index < SRTP_WINDOW && !seen[index]);

		assert_int_equal(srtp_window_has_room(&stream, index), is_free);
		if (!is_free)
			continue;
		srtp_window_take(&stream, index);
		seen[index] = true;
		highest = index > highest ? index : highest;
		assert_int_equal(flow_stream_index(&stream), highest);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_guess),
		cmocka_unit_test(test_guess_follows_wraps),
		cmocka_unit_test(test_window_edges),
		cmocka_unit_test(test_window_against_a_list),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
