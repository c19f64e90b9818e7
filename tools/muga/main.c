// main.c - muga: the command line of operators. Verbs, options, help.
#include "cli.h"

#include "base/span.h"
#include "config/config.h"

#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RUN_DIR_DEFAULT    "/run/muga"
#define LIMIT_DEFAULT      1000u
#define LIMIT_MAX          20000u
#define INTERVAL_DEFAULT   1000u
#define QUARANTINE_DEFAULT 5000u

struct verb {
	const char *name;
	const char *words; // for the usage line
	const char *help;
	cli_verb_fn run;
};

static const struct verb verbs[] = {
	{ "check", "FILE", "check a configuration; prints every mistake with its place",
		check_run },
	{ "show", "calls|media|ports|trunks", "tables of what is going on ('show calls --ended' "
		"for the calls that are over)", show_run },
	{ "top", "", "a screen of rates, refreshed ('--json': one sample)", top_run },
	{ "shmdump", "[DIR]", "both files of the shared segment, also after a crash", shmdump_run },
	{ "config", "schema", "every key of the configuration with type, range and default",
		config_run },
	{ "log", "SUBSYSTEM|all LEVEL", "set log levels while running; 'log call TOKEN|off' opens "
		"one call", log_run },
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
	      "  --interval MS     with 'top': time between screens (default 1000)\n"
	      "  --count N         with 'top': end after N screens\n"
	      "  --config FILE     take the directories from this configuration ($MUGA_CONFIG)\n"
	      "  --run-dir DIR     where muga.sock lies (default " RUN_DIR_DEFAULT ")\n"
	      "  --shm-dir DIR     where the segment files lie (default RUN_DIR/shm)\n"
	      "  --help\n\n"
	      "exit: 0 done, 1 failed, 2 wrong usage, 3 muga-signaling does not answer\n",
		out);
}

// What the options said, before defaults.
struct choices {
	const char *config, *run_dir, *shm_dir;
};

static int number(const char *text, uint32_t max, uint32_t *out)
{
	if (span_parse_u32(span_str(text), max, out) == 0)
		return CLI_OK;
	return cli_fail(CLI_USAGE, "\"%s\" is not a number from 0 to %u", text, max);
}

static int dir_set(char out[PATH_MAX], const char *text)
{
	if (span_copy(span_str(text), out, PATH_MAX) < 0)
		return cli_fail(CLI_USAGE, "path too long: %s", text);
	return CLI_OK;
}

static int dirs_choose(const struct choices *choices, struct cli *cli)
{
	struct config *config = NULL;
	uint32_t mistakes;
	if (choices->config != NULL) {
		config = cli_load_config(choices->config, &mistakes);
		if (config == NULL)
			return CLI_FAILED;
		cli->quarantine_ms = config->limits.quarantine_ms;
	}
	const char *run_dir = choices->run_dir ? choices->run_dir
		: config                       ? config->run_dir
					       : RUN_DIR_DEFAULT;
	int rc = dir_set(cli->run_dir, run_dir);
	if (rc == CLI_OK && choices->shm_dir)
		rc = dir_set(cli->shm_dir, choices->shm_dir);
	else if (rc == CLI_OK && config && !choices->run_dir)
		rc = dir_set(cli->shm_dir, config->shm_dir);
	else if (rc == CLI_OK && snprintf(cli->shm_dir, PATH_MAX, "%s/shm", run_dir) >= PATH_MAX)
		rc = cli_fail(CLI_USAGE, "path too long: %s", run_dir);
	if (config != NULL)
		config_free(config);
	return rc;
}

static int option_take(int c, struct choices *choices, struct cli *cli)
{
	switch (c) {
	case 'j':
		cli->is_json = true;
		return CLI_OK;
	case 'e':
		cli->is_ended = true;
		return CLI_OK;
	case 'l':
		return number(optarg, LIMIT_MAX, &cli->limit);
	case 'i':
		return number(optarg, 3600000, &cli->interval_ms);
	case 'n':
		return number(optarg, UINT32_MAX, &cli->count);
	case 'c':
		choices->config = optarg;
		return CLI_OK;
	case 'r':
		choices->run_dir = optarg;
		return CLI_OK;
	case 's':
		choices->shm_dir = optarg;
		return CLI_OK;
	default:
		return CLI_USAGE;
	}
}

// Returns -1 to go on, else the exit status.
static int options_parse(int argc, char **argv, struct choices *choices, struct cli *cli)
{
	static const struct option known[] = {
		{ "json", no_argument, NULL, 'j' },
		{ "ended", no_argument, NULL, 'e' },
		{ "limit", required_argument, NULL, 'l' },
		{ "interval", required_argument, NULL, 'i' },
		{ "count", required_argument, NULL, 'n' },
		{ "config", required_argument, NULL, 'c' },
		{ "run-dir", required_argument, NULL, 'r' },
		{ "shm-dir", required_argument, NULL, 's' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	int c;
	while ((c = getopt_long(argc, argv, "h", known, NULL)) != -1) {
		if (c == 'h') {
			print_help(stdout);
			return CLI_OK;
		}
		if (option_take(c, choices, cli) != CLI_OK)
			return CLI_USAGE;
	}
	return -1;
}

int main(int argc, char **argv)
{
	struct cli cli = {
		.limit = LIMIT_DEFAULT,
		.interval_ms = INTERVAL_DEFAULT,
		.quarantine_ms = QUARANTINE_DEFAULT,
	};
	struct choices choices = { .config = getenv("MUGA_CONFIG") };
	int rc = options_parse(argc, argv, &choices, &cli);
	if (rc >= 0)
		return rc;
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
		rc = verbs[i].run == check_run ? CLI_OK : dirs_choose(&choices, &cli);
		return rc == CLI_OK ? verbs[i].run(&cli) : rc;
	}
	return cli_fail(CLI_USAGE, "no verb \"%s\"; 'muga --help' lists them", argv[optind]);
}
