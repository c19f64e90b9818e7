// The program on real files: its figures, its exit status, its usage.
#include "wavmatch/run.h"

#include "unit/unit.h"

#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define RATE    8000u
#define SECONDS 3u

static char played[] = "/tmp/muga-test-wav-a-XXXXXX", other[] = "/tmp/muga-test-wav-b-XXXXXX";
static char out[65536];

static void put(FILE *file, uint32_t value, int bytes)
{
	for (int i = 0; i < bytes; i++)
		fputc((int)(value >> (8 * i) & 0xff), file);
}

// Noise with pauses, as speech has them.
static int write_wav(char *path, uint32_t seed)
{
	int fd = mkstemp(path);
	FILE *file = fd < 0 ? NULL : fdopen(fd, "w");
	if (!file)
		return -1;
	fputs("RIFF", file);
	put(file, 36 + 2 * RATE * SECONDS, 4);
	fputs("WAVEfmt ", file);
	put(file, 16, 4);
	put(file, 1, 2); // PCM
	put(file, 1, 2);
	put(file, RATE, 4);
	put(file, 2 * RATE, 4);
	put(file, 2, 2);
	put(file, 16, 2);
	fputs("data", file);
	put(file, 2 * RATE * SECONDS, 4);
	uint32_t state = seed;
	for (uint32_t i = 0; i < RATE * SECONDS; i++) {
		state = state * 1664525 + 1013904223;
		bool is_loud = (i / 2000 * 2654435761u >> 29 & 3) != 0;
		put(file, is_loud ? (uint32_t)((int32_t)(state >> 16) % 8000 - 4000) : 0, 2);
	}
	return fclose(file);
}

static int make_files(void **state)
{
	(void)state;
	return write_wav(played, 1) || write_wav(other, 77);
}

static int remove_files(void **state)
{
	(void)state;
	return unlink(played) || unlink(other);
}

// What is printed lies in `out`.
static int run(int argc, char **argv)
{
	fflush(stdout);
	fflush(stderr);
	int kept[2] = { dup(1), dup(2) }, fd = memfd_create("out", MFD_CLOEXEC);
	dup2(fd, 1);
	dup2(fd, 2);
	optind = 0; // getopt() starts anew
	int status = wavmatch_run(argc, argv);
	fflush(stdout);
	fflush(stderr);
	for (int i = 0; i < 2; i++) {
		dup2(kept[i], 1 + i);
		close(kept[i]);
	}
	ssize_t len = pread(fd, out, sizeof(out) - 1, 0);
	assert_true(len >= 0);
	out[len] = '\0';
	close(fd);
	return status;
}

static void test_verdicts(void **state)
{
	static const struct {
		const char *recorded, *percent;
		int status;
	} cases[] = {
		{ played, "0", 0 },
		{ played, "99", 0 },
		{ other, "0", 0 },
		{ other, "50", 1 },
	};
	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		char *argv[] = { "wavmatch", "--min", (char *)cases[i].percent, played,
			(char *)cases[i].recorded, NULL };
		int status = run(5, argv);
		if (status != cases[i].status)
			fail_msg("case %zu: %d\n%s", i, status, out);
		double percent = -1;
		assert_int_equal(sscanf(out, "match %lf %%, lag ", &percent), 1);
		assert_true(cases[i].recorded == played ? percent > 99 : percent < 50);
	}
}

static void test_json(void **state)
{
	char *argv[] = { "wavmatch", "--json", played, played, NULL };
	(void)state;
	assert_int_equal(run(4, argv), 0);
	assert_int_equal(out[0], '{');
	assert_string_equal(out + strlen(out) - 2, "}\n");
	assert_non_null(strstr(out, "\"lag_ms\": 0"));
}

static void test_refused(void **state)
{
	static const struct {
		int argc;
		char *argv[5];
		const char *message;
	} cases[] = {
		{ 1, { "wavmatch" }, "usage: wavmatch" },
		{ 2, { "wavmatch", "a" }, "usage: wavmatch" },
		{ 4, { "wavmatch", "a", "b", "c" }, "usage: wavmatch" },
		{ 4, { "wavmatch", "--loud", "a", "b" }, "usage: wavmatch" },
		{ 5, { "wavmatch", "--min", "x", "a", "b" }, "usage: wavmatch" },
		{ 5, { "wavmatch", "--min", "5x", "a", "b" }, "usage: wavmatch" },
		{ 5, { "wavmatch", "--min", "", "a", "b" }, "usage: wavmatch" },
		{ 3, { "wavmatch", "/nonexistent/a", "b" }, "No such file or directory" },
		{ 3, { "wavmatch", played, "/dev/null" }, "/dev/null" },
	};
	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		char *argv[6] = { 0 };
		memcpy(argv, cases[i].argv, sizeof(cases[i].argv));
		assert_int_equal(run(cases[i].argc, argv), 2);
		if (!strstr(out, cases[i].message))
			fail_msg("case %zu: %s", i, out);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_verdicts),
		cmocka_unit_test(test_json),
		cmocka_unit_test(test_refused),
	};
	return cmocka_run_group_tests(tests, make_files, remove_files);
}
