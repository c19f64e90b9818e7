// cli.c - the verbs of muga by name, help, and what every verb says its results with.
#include "cli.h"

#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct verb {
	const char *name;
	const char *words; // for the usage line
	const char *help;
	cli_verb_fn run;
};

static const struct verb verbs[] = {
	{ "check", "FILE", "check a configuration; prints every mistake with its place",
		check_run },
	{ "show", "calls|cores|flows|media|ports|recordings|trunks", "tables of what is going on "
		"('show calls --ended' for the calls that are over)", show_run },
	{ "top", "", "a screen of rates, refreshed ('--json': one sample)", top_run },
	{ "shmdump", "[DIR]", "both files of the shared segment, also after a crash", shmdump_run },
	{ "config", "schema", "every key of the configuration with type, range and default",
		config_run },
	{ "log", "SUBSYSTEM|all LEVEL", "set log levels while running; 'log call TOKEN|off' opens "
		"one call", log_run },
	{ "reload", "tls", "take renewed certificates, keys and CA files; living connections stay",
		reload_run },
	{ "record", "start|stop CALL", "record a call to pcapng, as it comes or '--decrypted'",
		record_run },
	{ "drain", "", "hang up every call, then stop muga-signaling", drain_run },
	{ "version", "", "of this tool and of the running muga-signaling", version_run },
};

#define VERB_COUNT (sizeof(verbs) / sizeof(verbs[0]))

int cli_fail(int status, const char *fmt, ...)
{
	va_list args;
	va_start(args, fmt);
	fputs("muga: ", stderr);
	vfprintf(stderr, fmt, args);
	fputc('\n', stderr);
	va_end(args);
	return status;
}

int cli_print_json(json_t *value)
{
	if (value == NULL)
		return cli_fail(CLI_FAILED, "out of memory");
	json_dumpf(value, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(6));
	putchar('\n');
	json_decref(value);
	return CLI_OK;
}

static void print_help(FILE *out)
{
	fputs("usage: muga [options] VERB ...\n\n", out);
	for (size_t i = 0; i < VERB_COUNT; i++) {
		char left[64];
		snprintf(left, sizeof(left), "%s %s", verbs[i].name, verbs[i].words);
		fprintf(out, "  %-30s %s\n", left, verbs[i].help);
	}
	fputs("\noptions:\n"
	      "  --json            machine-readable output\n"
	      "  --ended           with 'show calls': the last calls that are over\n"
	      "  --limit N         with 'show calls': at most N calls (default 1000)\n"
	      "  --interval MS     with 'top' and 'show cores': time measured (default 1000)\n"
	      "  --count N         with 'top': end after N screens\n"
	      "  --decrypted       with 'record start': media without its SRTP\n"
	      "  --file NAME       with 'record start': file in recording.folder (default: made of "
	      "call and time)\n"
	      "  --config FILE     take the directories from this configuration ($MUGA_CONFIG)\n"
	      "  --run-dir DIR     where muga.sock lies (default " CLI_RUN_DIR ")\n"
	      "  --shm-dir DIR     where the segment files lie (default RUN_DIR/shm)\n"
	      "  --help\n\n"
	      "exit: 0 done, 1 failed, 2 wrong usage, 3 muga-signaling does not answer\n",
		out);
}

int cli_run(int argc, char **argv)
{
	struct cli cli;
	struct cli_choices choices;
	int rc = options_parse(argc, argv, &choices, &cli);
	if (rc != CLI_OK)
		return rc;
	if (choices.is_help) {
		print_help(stdout);
		return CLI_OK;
	}
	if (optind == argc) {
		print_help(stderr);
		return CLI_USAGE;
	}
	cli.words = argv + optind + 1;
	cli.word_count = argc - optind - 1;
	for (size_t i = 0; i < VERB_COUNT; i++) {
		if (strcmp(argv[optind], verbs[i].name) != 0)
			continue;
		// `check` is about the file it names, not about where things run.
		rc = verbs[i].run == check_run ? CLI_OK : options_dirs(&choices, &cli);
		return rc == CLI_OK ? verbs[i].run(&cli) : rc;
	}
	return cli_fail(CLI_USAGE, "no verb \"%s\"; 'muga --help' lists them", argv[optind]);
}
