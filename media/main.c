// muga-media: the packets of calls. See daemon.h for what starts in which order.
#include "daemon.h"

#include "base/log.h"
#include "config/config.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CONFIG_ERRORS_SHOWN 20

struct options {
	const char *config;
	bool is_foreground;
};

static void usage(FILE *out)
{
	fprintf(out, "usage: muga-media --config FILE [--foreground]\n"
		"  -c, --config FILE   configuration, shared with muga-signaling\n"
		"  -f, --foreground    stay in the foreground, log to stderr\n"
		"  -V, --version\n"
		"  -h, --help\n"
		"Without --foreground it returns once media is forwarded, and logs to\n"
		"muga-media.log in the run directory.\n");
}

// -1: go on; else the exit status.
static int options_parse(int argc, char **argv, struct options *out)
{
	static const struct option longs[] = {
		{ "config", required_argument, NULL, 'c' },
		{ "foreground", no_argument, NULL, 'f' },
		{ "version", no_argument, NULL, 'V' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	int option;

	while ((option = getopt_long(argc, argv, "c:fVh", longs, NULL)) != -1) {
		switch (option) {
		case 'c':
			out->config = optarg;
			break;
		case 'f':
			out->is_foreground = true;
			break;
		case 'V':
			printf("muga-media %s\n", MUGA_VERSION);
			return 0;
		case 'h':
			usage(stdout);
			return 0;
		default:
			usage(stderr);
			return 2;
		}
	}
	if (out->config && optind == argc)
		return -1;
	usage(stderr);
	return 2;
}

static struct config *load(const char *path)
{
	static struct config_error errors[CONFIG_ERRORS_SHOWN];
	struct config *config = NULL;
	uint32_t count = 0;
	int rc = config_load(path, &config, errors, CONFIG_ERRORS_SHOWN, &count);

	for (uint32_t i = 0; rc && i < count && i < CONFIG_ERRORS_SHOWN; i++)
		fprintf(stderr, "%s:%u:%u: %s: %s\n", errors[i].file, errors[i].line,
			errors[i].column, errors[i].key, errors[i].message);
	if (rc && !count)
		fprintf(stderr, "%s: %s\n", path, strerror(-rc));
	return rc ? NULL : config;
}

static int folder_make(const char *path)
{
	char buf[PATH_MAX];

	if (snprintf(buf, sizeof(buf), "%s", path) >= (int)sizeof(buf))
		return -ENAMETOOLONG;
	for (char *slash = strchr(buf + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		mkdir(buf, 0755);
		*slash = '/';
	}
	return mkdir(buf, 0755) && errno != EEXIST ? -errno : 0;
}

static int file_open(const struct config *config, const char *name, int flags)
{
	char path[PATH_MAX];

	if (snprintf(path, sizeof(path), "%s/%s", config->run_dir, name) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	return open(path, O_WRONLY | O_CREAT | O_CLOEXEC | flags, 0644);
}

static void pid_write(const struct config *config)
{
	int fd = file_open(config, "muga-media.pid", O_TRUNC);

	if (fd < 0)
		return;
	dprintf(fd, "%d\n", (int)getpid());
	close(fd);
}

static void pid_remove(const struct config *config)
{
	char path[PATH_MAX];

	if (snprintf(path, sizeof(path), "%s/muga-media.pid", config->run_dir) < (int)sizeof(path))
		unlink(path);
}

// The parent waits for one byte, which says that media is forwarded; its status tells what became
// of us. Returns the descriptor to write it to.
static int go_to_background(const struct config *config)
{
	int ends[2], log, null;
	char byte;
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC))
		return -errno;
	pid = fork();
	if (pid < 0)
		return -errno;
	if (pid > 0) {
		close(ends[1]);
		_exit(read(ends[0], &byte, 1) == 1 ? 0 : 1);
	}
	close(ends[0]);
	setsid();
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	log = file_open(config, "muga-media.log", O_APPEND);
	if (null < 0 || log < 0)
		return -errno;
	dup2(null, 0);
	dup2(null, 1);
	dup2(log, 2);
	return ends[1];
}

struct ready {
	const struct config *config;
	int parent_fd; // -1 in the foreground
	bool is_ready;
};

static void ready_tell(void *context)
{
	struct ready *ready = context;

	ready->is_ready = true;
	pid_write(ready->config);
	if (ready->parent_fd >= 0 && write(ready->parent_fd, "1", 1) == 1)
		close(ready->parent_fd);
	ready->parent_fd = -1;
}

int main(int argc, char **argv)
{
	struct options options = { 0 };
	struct ready ready = { .parent_fd = -1 };
	int rc = options_parse(argc, argv, &options);
	struct config *config;

	if (rc >= 0)
		return rc;
	config = load(options.config);
	if (!config)
		return 2;
	rc = folder_make(config->run_dir);
	if (!rc)
		rc = folder_make(config->shm_dir);
	if (rc) {
		fprintf(stderr, "%s: %s\n", config->run_dir, strerror(-rc));
		return 1;
	}
	if (!options.is_foreground) {
		ready.parent_fd = go_to_background(config);
		if (ready.parent_fd < 0)
			return 1;
	}
	log_init(&(struct log_config){ .level = (enum log_level)config->log_level,
		.is_json = config->is_log_json, .fd = 2, .process = "media" });
	daemon_block_signals();
	ready.config = config;
	rc = daemon_run(&(struct daemon_params){ .config = config, .ready = ready_tell,
		.context = &ready });
	if (ready.is_ready)
		pid_remove(config);
	config_free(config);
	return rc ? 1 : 0;
}
