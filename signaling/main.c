// main.c - muga-signaling: options, the order of start-up, and its reverse.
#include "control.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/rng.h"
#include "call/trunk.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <urcu/urcu-qsbr.h>

#define EXIT_FAILED      1 // start-up failed; the last log line says why
#define EXIT_USAGE       2 // wrong command line or configuration: a restart does not help
#define ERRORS_MAX       32u
#define RING_BYTES       (512u << 10) // about 500 messages of 1 kB between two workers
#define SOCKET_NAME      "muga.sock"
#define PID_NAME         "muga-signaling.pid"
#define LOG_NAME         "muga-signaling.log"

struct options {
	const char *config_path;
	const char *user;     // NULL = stay
	const char *log_file; // NULL = stderr, or run_dir/LOG_NAME in the background
	bool is_foreground;
};

// Everything that start-up builds, in this order; teardown() goes backwards.
struct daemon {
	struct config *config;
	struct shm_map signaling;
	struct worker_shared shared;
	struct worker *workers[SHM_WORKER_MAX];
	struct control control;
	struct admin *admin;
	char socket_path[PATH_MAX];
	char pid_path[PATH_MAX];
};

static void print_help(FILE *out)
{
	fputs("usage: muga-signaling --config FILE [options]\n"
	      "  --config FILE    the configuration (YAML); check it with 'muga check FILE'\n"
	      "  --foreground     stay attached, log to stderr; default: background\n"
	      "  --log-file FILE  log there; in the background default RUN_DIR/" LOG_NAME "\n"
	      "  --user NAME      give up root for this user once everything is open\n"
	      "  --version, --help\n"
	      "SIGTERM and SIGINT stop it; living calls keep their media (see 'muga drain').\n"
	      "exit: 0 stopped cleanly, 1 start-up failed, 2 wrong usage or configuration\n",
		out);
}

// Returns -1 to go on, else the exit status.
static int options_parse(int argc, char **argv, struct options *out)
{
	static const struct option known[] = {
		{ "config", required_argument, NULL, 'c' },
		{ "foreground", no_argument, NULL, 'f' },
		{ "log-file", required_argument, NULL, 'l' },
		{ "user", required_argument, NULL, 'u' },
		{ "version", no_argument, NULL, 'v' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	int c;
	while ((c = getopt_long(argc, argv, "c:fl:u:vh", known, NULL)) != -1) {
		switch (c) {
		case 'c':
			out->config_path = optarg;
			break;
		case 'f':
			out->is_foreground = true;
			break;
		case 'l':
			out->log_file = optarg;
			break;
		case 'u':
			out->user = optarg;
			break;
		case 'v':
			puts("muga-signaling " MUGA_VERSION);
			return 0;
		case 'h':
			print_help(stdout);
			return 0;
		default:
			print_help(stderr);
			return EXIT_USAGE;
		}
	}
	if (out->config_path == NULL || optind != argc) {
		print_help(stderr);
		return EXIT_USAGE;
	}
	return -1;
}

static int load_config(const char *path, struct config **out)
{
	static struct config_error errors[ERRORS_MAX];
	uint32_t count = 0;
	int rc = config_load(path, out, errors, ERRORS_MAX, &count);
	if (rc == 0)
		return 0;
	for (uint32_t i = 0; i < count && i < ERRORS_MAX; i++)
		fprintf(stderr, "%s:%u:%u: %s: %s\n", errors[i].file, errors[i].line,
			errors[i].column, errors[i].key, errors[i].message);
	if (count == 0)
		fprintf(stderr, "%s: %s\n", path, strerror(-rc));
	return rc;
}

static int log_open(const struct config *config, const struct options *options)
{
	char path[PATH_MAX];
	int fd = STDERR_FILENO;
	if (options->log_file != NULL || !options->is_foreground) {
		snprintf(path, sizeof(path), "%s/%s", config->run_dir, LOG_NAME);
		const char *name = options->log_file != NULL ? options->log_file : path;
		fd = open(name, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
		if (fd < 0) {
			fprintf(stderr, "muga-signaling: %s: %s\n", name, strerror(errno));
			return -errno;
		}
	}
	struct log_config log = {
		.level = (enum log_level)config->log_level,
		.is_json = config->is_log_json,
		.fd = fd,
		.process = "signaling",
	};
	log_init(&log);
	return 0;
}

// The cluster key: from node.secret, so that all nodes and the next start agree on tags and shards;
// without a secret a random one, and what the last start handed out is not recognised any more.
static void key_make(const struct config *config, struct hash_key *out)
{
	static const char label[] = "muga cluster key 1";
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned int len = sizeof(digest);
	if (config->secret.len == 0) {
		rng_secure(out, sizeof(*out));
		return;
	}
	HMAC(EVP_sha256(), config->secret.ptr, (int)config->secret.len,
		(const unsigned char *)label, sizeof(label), digest, &len);
	memcpy(out, digest, sizeof(*out));
}

static int dirs_make(const struct config *config)
{
	const char *const dirs[] = { config->run_dir, config->shm_dir };
	for (unsigned int i = 0; i < 2; i++) {
		int rc = process_make_dir(dirs[i]);
		if (rc < 0) {
			fprintf(stderr, "muga-signaling: %s: %s\n", dirs[i], strerror(-rc));
			return rc;
		}
	}
	return 0;
}

static void wake_worker(void *context, uint32_t to)
{
	struct daemon *daemon = context;
	worker_wake(daemon->workers[to]);
}

static int connections_prepare(struct daemon *daemon)
{
	const struct config_connections *config = &daemon->config->connections;
	struct source_limits limits = {
		.connections_max = config->count_max,
		.connections_per_source_max = config->per_source_max,
		.bytes_max = config->buffer_max,
		.bytes_per_source_max = config->buffer_per_source_max,
	};
	daemon->shared.sources = source_table_new(&limits, &daemon->shared.key);
	daemon->shared.aliases = aliases_new(&daemon->shared.key);
	if (daemon->shared.sources == NULL || daemon->shared.aliases == NULL)
		return -ENOMEM;
	char error[TLS_ERROR_MAX];
	return worker_tls_new(daemon->config, &daemon->shared.tls, error);
}

static int workers_open(struct daemon *daemon)
{
	struct dispatch_params dispatch = {
		.workers = daemon->config->workers,
		.shards = CORE_SHARDS,
		.ring_bytes = RING_BYTES,
		.wake = wake_worker,
		.wake_context = daemon,
	};
	daemon->shared.dispatch = dispatch_new(&dispatch);
	// One table of the process: a trunk's limit holds over all workers together.
	daemon->shared.trunks = trunk_table_new();
	if (daemon->shared.dispatch == NULL || daemon->shared.trunks == NULL)
		return -ENOMEM;
	int rc = connections_prepare(daemon);
	for (uint32_t i = 0; i < daemon->config->workers && rc == 0; i++) {
		struct worker_params params = {
			.shared = &daemon->shared,
			.index = i,
			.signaling = &daemon->signaling,
			.media = daemon->control.media.current,
		};
		rc = worker_open(&params, &daemon->workers[i]);
	}
	return rc;
}

static int admin_begin(struct daemon *daemon)
{
	struct admin_params params = {
		.path = daemon->socket_path,
		.ops = &control_admin_ops,
		.context = &daemon->control,
	};
	int rc = admin_open(&params, &daemon->admin);
	if (rc < 0)
		LOG_ERROR(ADMIN, "listen_failed", "path=%s error=\"%s\"", daemon->socket_path,
			strerror(-rc));
	return rc;
}

static int workers_start(struct daemon *daemon)
{
	for (uint32_t i = 0; i < daemon->config->workers; i++) {
		int rc = worker_start(daemon->workers[i]);
		if (rc < 0)
			return rc;
	}
	return 0;
}

static int paths_make(struct daemon *daemon)
{
	const char *dir = daemon->config->run_dir;
	snprintf(daemon->pid_path, sizeof(daemon->pid_path), "%s/%s", dir, PID_NAME);
	snprintf(daemon->socket_path, sizeof(daemon->socket_path), "%s/%s", dir, SOCKET_NAME);
	int rc = process_write_pid(daemon->pid_path);
	if (rc < 0)
		LOG_ERROR(MAIN, "pid_file", "path=%s error=\"%s\"", daemon->pid_path,
			strerror(-rc));
	return rc;
}

// The segment's lock comes first: only its holder may touch the socket and the pid file.
static int start_up(struct daemon *daemon, const struct options *options)
{
	struct config *config = daemon->config;
	int rc = control_segment_open(config, &daemon->signaling);
	if (rc < 0)
		return rc;
	daemon->shared.config = config;
	daemon->shared.workers = config->workers;
	key_make(config, &daemon->shared.key);
	sip_keys_init(&daemon->shared.keys, &daemon->shared.key, 0);
	daemon->control.shared = &daemon->shared;
	daemon->control.workers = daemon->workers;
	daemon->control.signaling = &daemon->signaling;
	media_link_open(&daemon->control.media, config->shm_dir);
	rc = paths_make(daemon);
	if (rc == 0)
		rc = workers_open(daemon);
	if (rc == 0)
		rc = admin_begin(daemon);
	if (rc == 0 && options->user != NULL) {
		rc = process_drop_privileges(options->user, config, daemon->admin);
		if (rc < 0)
			LOG_ERROR(MAIN, "privileges", "user=%s error=\"%s\"", options->user,
				strerror(-rc));
	}
	return rc == 0 ? workers_start(daemon) : rc;
}

static void tear_down(struct daemon *daemon)
{
	uint32_t workers = daemon->config->workers;
	admin_close(daemon->admin); // nobody asks the workers any more
	for (uint32_t i = 0; i < workers; i++)
		worker_stop(daemon->workers[i]);
	for (uint32_t i = 0; i < workers; i++)
		worker_join(daemon->workers[i]);
	for (uint32_t i = 0; i < workers; i++)
		worker_close(daemon->workers[i]);
	dispatch_free(daemon->shared.dispatch);
	trunk_table_free(daemon->shared.trunks);
	source_table_free(daemon->shared.sources);
	aliases_free(daemon->shared.aliases);
	worker_tls_free(daemon->shared.tls);
	media_link_close(&daemon->control.media);
	unlink(daemon->pid_path);
	shm_close(&daemon->signaling); // last: releases the lock that names us the writer
	config_free(daemon->config);
}

static void detach_streams(void)
{
	int fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return;
	for (int i = 0; i <= 2; i++)
		dup2(fd, i);
	close(fd);
}

int main(int argc, char **argv)
{
	static struct daemon daemon;
	struct options options = { 0 };
	int rc = options_parse(argc, argv, &options);
	if (rc >= 0)
		return rc;
	if (load_config(options.config_path, &daemon.config) < 0)
		return EXIT_USAGE;
	if (dirs_make(daemon.config) < 0)
		return EXIT_FAILED;
	if (!options.is_foreground)
		process_background(); // before any thread exists
	if (log_open(daemon.config, &options) < 0)
		return EXIT_FAILED;
	signal(SIGPIPE, SIG_IGN);
	process_raise_limits();
	if (start_up(&daemon, &options) < 0) {
		// Nothing runs yet that would have to be stopped; the exit gives all of it back.
		fputs("muga-signaling: start-up failed, see the log\n", stderr);
		if (daemon.pid_path[0] != '\0')
			unlink(daemon.pid_path);
		return EXIT_FAILED;
	}
	LOG_INFO(MAIN, "ready",
		"version=%s node=%s workers=%u realms=%u trunks=%u routes=%u admin=%s",
		MUGA_VERSION, daemon.config->node_id, daemon.config->workers,
		daemon.config->realm_count, daemon.config->trunk_count, daemon.config->route_count,
		daemon.socket_path);
	process_ready();
	if (!options.is_foreground)
		detach_streams();
	rc = control_run(&daemon.control);
	tear_down(&daemon);
	LOG_INFO(MAIN, "stopped", "status=%d", rc);
	return rc < 0 ? EXIT_FAILED : 0;
}
