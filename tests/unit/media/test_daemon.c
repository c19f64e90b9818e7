// muga-media from start to stop in a child of the test: waits for signaling's file, beats, forwards
// nothing without need, gives everything back.
#include "daemon.h"

#include "base/clock.h"
#include "base/log.h"
#include "shm/segment.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define WAIT_MS 20000

static char dir[64];
static int ready_pipe[2];
static pid_t child;

static int set_up(void **state)
{
	(void)state;
	strcpy(dir, "/tmp/muga-daemon-XXXXXX");
	return mkdtemp(dir) && pipe(ready_pipe) == 0 ? 0 : -1;
}

static int tear_down(void **state)
{
	static const char *const names[] = { "media.seg", "signaling.seg" };
	char path[128];

	(void)state;
	close(ready_pipe[0]);
	close(ready_pipe[1]);
	for (uint32_t i = 0; i < 2; i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
		unlink(path);
	}
	return rmdir(dir);
}

static void tell(void *context)
{
	(void)context;
	if (write(ready_pipe[1], "1", 1) != 1)
		_exit(99);
}

// In a child, because EAL starts once in a process. Its exit status is -errno of daemon_run().
static void start(void)
{
	struct config config = { .run_dir = dir, .shm_dir = dir, .device_count = 1,
		.dataplane = { .lanes = 1, .memory_mb = 64 } };

	config.dataplane.cores[0] = (uint32_t)sysconf(_SC_NPROCESSORS_ONLN) - 1;
	config.devices[0] = (struct config_device){ .name = "a", .kind = CONFIG_PORT_NULL };
	child = fork();
	assert_true(child >= 0);
	if (child > 0)
		return;
	log_init(&(struct log_config){ .level = LOG_LEVEL_WARN, .fd = 2, .process = "media" });
	daemon_block_signals();
	_exit(-daemon_run(&(struct daemon_params){ .config = &config, .ready = tell }));
}

static bool is_ready_within(int ms)
{
	struct timeval time = { .tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000 };
	fd_set set;
	char byte;

	FD_ZERO(&set);
	FD_SET(ready_pipe[0], &set);
	return select(ready_pipe[0] + 1, &set, NULL, NULL, &time) == 1 &&
		read(ready_pipe[0], &byte, 1) == 1;
}

static int end(void)
{
	int status;

	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void signaling_make(struct shm_map *map)
{
	struct shm_geometry geometry = { .addresses = 1, .flows = 1024, .workers = 1, .lanes = 1 };

	assert_int_equal(shm_signaling_create(dir, &geometry, map), 0);
}

static void waits_for_signaling_then_beats(void **state)
{
	struct shm_map signaling, media;

	(void)state;
	start();
	assert_false(is_ready_within(300));
	signaling_make(&signaling);
	assert_true(is_ready_within(WAIT_MS));
	assert_int_equal(shm_media_attach(dir, &media), 0);
	assert_true(shm_writer_is_alive(&media));
	uint64_t began_ns = clock_mono_ns(), beat_ns = 0;
	while (beat_ns < began_ns && clock_mono_ns() - began_ns < WAIT_MS * NS_PER_MS)
		beat_ns = atomic_load(&shm_header(&media)->heartbeat_ns);
	assert_true(beat_ns >= began_ns);
	kill(child, SIGTERM);
	assert_int_equal(end(), 0);
	assert_false(shm_writer_is_alive(&media));
	shm_close(&media);
	shm_close(&signaling);
}

static void is_stopped_while_it_waits(void **state)
{
	(void)state;
	start();
	assert_false(is_ready_within(200));
	kill(child, SIGTERM);
	assert_int_equal(end(), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(waits_for_signaling_then_beats),
		TEST(is_stopped_while_it_waits),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
