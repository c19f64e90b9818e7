// wavmatch - compares a recording with what was played; exit status 0 if it matches well enough.
//
//   wavmatch [--json] [--min PERCENT] PLAYED.wav RECORDED.wav
//
// Exit status: 0 the match is PERCENT (default 0) or better, 1 it is not, 2 usage or a file that
// cannot be compared.
#include "wavmatch/run.h"

#include "wavmatch/match.h"
#include "wavmatch/wav.h"

#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int usage(void)
{
	fprintf(stderr, "usage: wavmatch [--json] [--min PERCENT] PLAYED.wav RECORDED.wav\n");
	return 2;
}

static void print_json(const struct match_report *r)
{
	printf("{\"match_percent\": %.1f, \"lag_ms\": %d, \"speech_ms\": %u, \"missing_ms\": %u, "
	       "\"seconds\": [", 100 * r->overall, r->lag_ms, r->speech_ms, r->missing_ms);
	for (uint32_t i = 0; i < r->seconds; i++) {
		if (r->second[i] < 0)
			printf("%snull", i ? ", " : "");
		else
			printf("%s%.1f", i ? ", " : "", 100 * r->second[i]);
	}
	printf("]}\n");
}

static void print_text(const struct match_report *r)
{
	printf("match %.1f %%, lag %d ms, %u of %u ms of speech missing\n", 100 * r->overall,
		r->lag_ms, r->missing_ms, r->speech_ms);
	printf("by second:");
	for (uint32_t i = 0; i < r->seconds; i++) {
		if (r->second[i] < 0)
			printf(" -");
		else
			printf(" %.0f", 100 * r->second[i]);
	}
	printf("\n");
}

static int compare_files(const char *played, const char *recorded, struct match_report *report)
{
	struct wav wav[2] = { { 0 } };
	const char *path[2] = { played, recorded };

	for (int i = 0; i < 2; i++) {
		int err = wav_open(path[i], &wav[i]);
		if (err) {
			fprintf(stderr, "wavmatch: %s: %s\n", path[i], strerror(-err));
			wav_close(&wav[0]);
			return err;
		}
	}
	struct match_input inputs[2];
	for (int i = 0; i < 2; i++)
		inputs[i] = (struct match_input){ wav[i].samples, wav[i].count, wav[i].rate_hz };
	int err = match_compare(&inputs[0], &inputs[1], report);
	if (err)
		fprintf(stderr, "wavmatch: cannot compare %s and %s: %s\n", played, recorded,
			strerror(-err));
	wav_close(&wav[0]);
	wav_close(&wav[1]);
	return err;
}

int wavmatch_run(int argc, char **argv)
{
	static const struct option options[] = {
		{ "json", no_argument, NULL, 'j' },
		{ "min", required_argument, NULL, 'm' },
		{ 0 },
	};
	bool is_json = false;
	double percent_min = 0;
	char *end = NULL;
	int opt;

	while ((opt = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (opt == 'j')
			is_json = true;
		else if (opt == 'm')
			percent_min = strtod(optarg, &end);
		else
			return usage();
		if (end && (end == optarg || *end))
			return usage();
	}
	if (argc - optind != 2)
		return usage();
	struct match_report report;
	if (compare_files(argv[optind], argv[optind + 1], &report))
		return 2;
	if (is_json)
		print_json(&report);
	else
		print_text(&report);
	int status = 100 * report.overall >= percent_min ? 0 : 1;
	match_report_fini(&report);
	return status;
}
