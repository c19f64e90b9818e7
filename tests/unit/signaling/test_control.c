// The main thread of muga-signaling without workers: it keeps the segment alive, ends when told.
#include "control.h"

#include "base/clock.h"

#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

static struct shm_map signaling, media;
static struct worker_shared shared;
static struct control control;
static struct config config;

static int set_up(void **state)
{
	struct shm_geometry geometry = { .addresses = 1, .flows = 1024, .workers = 1, .lanes = 1 };

	(void)state;
	memset(&control, 0, sizeof(control));
	memset(&shared, 0, sizeof(shared));
	control.shared = &shared;
	shared.config = &config;
	char error[TLS_ERROR_MAX];
	if (worker_tls_new(&config, &shared.tls, error) != 0)
		return -1;
	control.signaling = &signaling;
	media_link_open(&control.media, "/nonexistent");
	return shm_anonymous(&geometry, &signaling, &media);
}

static int tear_down(void **state)
{
	(void)state;
	media_link_close(&control.media);
	worker_tls_free(shared.tls);
	shm_close(&signaling);
	shm_close(&media);
	return 0;
}

static void pause_ms(long ms)
{
	nanosleep(&(struct timespec){ .tv_nsec = ms * 1000000 }, NULL);
}

static void *signal_later(void *context)
{
	const int *numbers = context;

	for (; *numbers; numbers++) {
		pause_ms(150);
		kill(getpid(), *numbers);
	}
	return NULL;
}

static void run_with(const int *numbers)
{
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, signal_later, (void *)numbers), 0);
	assert_int_equal(control_run(&control), 0);
	pthread_join(thread, NULL);
	assert_true(control.is_stopping);
}

static void ends_by_signal(void **state)
{
	static const int numbers[][2] = { { SIGTERM, 0 }, { SIGINT, 0 } };

	(void)state;
	for (uint32_t i = 0; i < 2; i++) {
		control.is_stopping = false;
		run_with(numbers[i]);
	}
}

// A signal that asks for a reload must not end a process that carries calls.
static void outlives_a_hangup(void **state)
{
	static const int numbers[] = { SIGHUP, SIGHUP, SIGTERM, 0 };
	uint64_t begun_ms = clock_mono_ms();

	(void)state;
	run_with(numbers);
	assert_true(clock_mono_ms() - begun_ms >= 400);
	assert_int_equal(atomic_load(&control.tls_reloads), 2); // each takes renewed certificates
}

static void keeps_the_heart_beating(void **state)
{
	static const int numbers[] = { SIGTERM, 0 };
	uint64_t begun_ns = clock_mono_ns();

	(void)state;
	assert_true(atomic_load(&shm_header(&signaling)->heartbeat_ns) < begun_ns);
	run_with(numbers);
	assert_true(atomic_load(&shm_header(&signaling)->heartbeat_ns) >= begun_ns);
}

static void ends_when_drained(void **state)
{
	uint64_t begun_ms = clock_mono_ms();

	(void)state;
	atomic_store(&shared.is_draining, true);
	assert_int_equal(control_run(&control), 0);
	assert_true(clock_mono_ms() - begun_ms < 5000); // no worker has a call
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(ends_by_signal),
		TEST(outlives_a_hangup),
		TEST(keeps_the_heart_beating),
		TEST(ends_when_drained),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
