// cli.h - what the verbs of `muga` share: options, exit codes, the admin client.
//
// One file per verb. A verb returns its exit status, having printed what is to be said.
#pragma once

#include <jansson.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

// Documented in muga(1): scripts depend on them.
enum cli_exit {
	CLI_OK = 0,
	CLI_FAILED = 1,      // the configuration has mistakes, a segment file cannot be read
	CLI_USAGE = 2,       // wrong command line
	CLI_UNREACHABLE = 3, // muga-signaling does not answer, or refused
};

struct cli {
	bool is_json;
	bool is_ended;        // show calls --ended
	bool is_decrypted;    // record start --decrypted
	const char *file;     // record start --file, NULL = none was given
	uint32_t limit;       // most calls asked for
	uint32_t interval_ms; // top, show cores
	uint32_t count;       // top: screens, 0 = until interrupted
	char run_dir[PATH_MAX];
	char shm_dir[PATH_MAX];
	uint32_t quarantine_ms; // limits.quarantine_ms, of the configuration if one was named
	int word_count;       // arguments after the verb
	char **words;
};

#define CLI_RUN_DIR "/run/muga" // unless an option or a configuration says otherwise

// What the options said, before defaults. Borrows argv and the environment.
struct cli_choices {
	const char *config, *run_dir, *shm_dir; // NULL = not said
	bool is_help;
};

// All of the program: options, then the verb. Returns the exit status.
int cli_run(int argc, char **argv);
// Fills both with defaults, then by the options; getopt's optind is at the verb afterwards. CLI_OK,
// or CLI_USAGE with the reason printed.
int options_parse(int argc, char **argv, struct cli_choices *choices, struct cli *cli);
// The directories: an option goes before the configuration, that before the default. CLI_OK, or an
// exit status with the reason printed.
int options_dirs(const struct cli_choices *choices, struct cli *cli);

typedef int (*cli_verb_fn)(const struct cli *cli);

int check_run(const struct cli *cli);
int show_run(const struct cli *cli);
int show_calls_run(const struct cli *cli);
int show_trunks_run(const struct cli *cli);
int show_cores_run(const struct cli *cli);
int show_flows_run(const struct cli *cli);
int show_media_run(const struct cli *cli);
int show_recordings_run(const struct cli *cli);
int show_ports_run(const struct cli *cli);
int top_run(const struct cli *cli);
int shmdump_run(const struct cli *cli);
int config_run(const struct cli *cli);
int drain_run(const struct cli *cli);
int record_run(const struct cli *cli);
int reload_run(const struct cli *cli);
int log_run(const struct cli *cli);
int version_run(const struct cli *cli);

// "muga: ..." on stderr; returns `status`, so that a verb can end with it.
int cli_fail(int status, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
// Pretty JSON on stdout; takes `value`.
int cli_print_json(json_t *value);
// Reads and checks a configuration; prints mistakes as FILE:LINE:COLUMN: key: message. NULL: had
// some.
struct config;
struct config *cli_load_config(const char *path, uint32_t *mistakes);

// client.c: the admin interface of muga-signaling, RUN_DIR/muga.sock. Returns CLI_OK with an owned
// value, or CLI_UNREACHABLE with the reason printed (unless is_quiet).
struct client_request {
	const char *path;
	const char *body; // NULL = GET
	bool is_quiet;
};
int client_ask(const struct cli *cli, const struct client_request *request, json_t **out);
