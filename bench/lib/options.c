// options.c - see options.h.
#include "options.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

int bench_options_parse(int argc, char **argv, const char *name, struct bench_options *out)
{
	static const struct option options[] = { { "quick", no_argument, NULL, 'q' },
		{ "json", required_argument, NULL, 'j' }, { "count", required_argument, NULL, 'c' },
		{ "pcap", required_argument, NULL, 'p' }, { "gate", required_argument, NULL, 'g' },
		{ 0 } };
	int option;

	*out = (struct bench_options){ .count = -1 };
	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (option) {
		case 'q':
			out->is_quick = true;
			break;
		case 'j':
			out->json = optarg;
			break;
		case 'c':
			out->count = atoi(optarg);
			break;
		case 'p':
			out->pcap = optarg;
			break;
		case 'g':
			out->gate = optarg;
			break;
		default:
			fprintf(stderr, "usage: bench/run %s [--quick] [--json FILE]\n", name);
			return 2;
		}
	}
	return 0;
}
