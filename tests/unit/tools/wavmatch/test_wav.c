#include "wavmatch/wav.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define RIFF "RIFF\x24\0\0\0WAVE"
#define FMT(channels, rate_lo, rate_hi, bits) \
	"fmt \x10\0\0\0\x01\0" channels "\0" rate_lo rate_hi "\0\0\0\0\0\0" bits "\0"
#define MONO FMT("\x01", "\x40\x1f", "\0\0", "\x10")
#define BYTES(s) s, sizeof(s) - 1

struct wav_case {
	const char *name;
	const char *bytes;
	size_t len;
	int err;
	uint32_t count;
};

static const struct wav_case cases[] = {
	{ "mono", BYTES(RIFF MONO "data\x04\0\0\0\x01\0\xff\xff"), 0, 2 },
	{ "stereo keeps the first channel",
	  BYTES(RIFF FMT("\x02", "\x40\x1f", "\0\0", "\x10")
	  "data\x08\0\0\0\x01\0\x09\0\xff\xff\x09\0"),
	  0, 2 },
	{ "unknown chunk of odd length before", BYTES(RIFF "LIST\x01\0\0\0x\0" MONO
	  "data\x04\0\0\0\x01\0\xff\xff"), 0, 2 },
	{ "length never written", BYTES(RIFF MONO "data\0\0\0\0\x01\0\xff\xff"), 0, 2 },
	{ "data shorter than told", BYTES(RIFF MONO "data\x40\0\0\0\x01\0\xff\xff"), 0, 2 },
	{ "8 bits", BYTES(RIFF FMT("\x01", "\x40\x1f", "\0\0", "\x08") "data\x02\0\0\0\x01\0"),
	  -ENOTSUP, 0 },
	{ "rate too low", BYTES(RIFF FMT("\x01", "\x00\x10", "\0\0", "\x10")
	  "data\x02\0\0\0\x01\0"),
	  -ENOTSUP, 0 },
	{ "data before format", BYTES(RIFF "data\x02\0\0\0\x01\0"), -EPROTO, 0 },
	{ "no data", BYTES(RIFF MONO), -EPROTO, 0 },
	{ "chunk beyond 2 GiB", BYTES(RIFF "LIST\xff\xff\xff\xff"), -EPROTO, 0 },
	{ "not RIFF", BYTES("OggS\0\0\0\0\0\0\0\0\0\0"), -EPROTO, 0 },
	{ "empty", BYTES(""), -EPROTO, 0 },
};

static void test_open_table(void **state)
{
	(void)state;
	for (size_t c = 0; c < sizeof(cases) / sizeof(cases[0]); c++) {
		char path[] = "/tmp/wavXXXXXX";
		int fd = mkstemp(path);
		struct wav wav = { 0 };
		assert_true(fd >= 0);
		assert_int_equal(write(fd, cases[c].bytes, cases[c].len), cases[c].len);
		close(fd);
		print_message("%s\n", cases[c].name);
		assert_int_equal(wav_open(path, &wav), cases[c].err);
		unlink(path);
		assert_int_equal(wav.count, cases[c].count);
		if (cases[c].count == 2) {
			assert_int_equal(wav.samples[0], 1);
			assert_int_equal(wav.samples[1], -1);
			assert_int_equal(wav.rate_hz, 8000);
		}
		wav_close(&wav);
	}
}

static void test_open_absent(void **state)
{
	struct wav wav;
	(void)state;
	assert_int_equal(wav_open("/nonexistent.wav", &wav), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_open_table),
		cmocka_unit_test(test_open_absent),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
