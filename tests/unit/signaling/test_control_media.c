// Media's file as muga-signaling follows it: late, replaced, with its writer dead. What the workers
// do with a new map is the system test signaling_races; here there are none.
#include "control.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

static char dir[64];
static struct shm_map signaling, media;
static struct media_link link_;

static void path_of(const char *name, char out[128])
{
	snprintf(out, 128, "%s/%s", dir, name);
}

static int set_up(void **state)
{
	struct shm_geometry geometry = { .addresses = 1, .flows = 1024, .workers = 1, .lanes = 1 };
	(void)state;
	strcpy(dir, "/tmp/muga-link-XXXXXX");
	if (mkdtemp(dir) == NULL || shm_signaling_create(dir, &geometry, &signaling) < 0)
		return -1;
	memset(&link_, 0, sizeof(link_));
	return 0;
}

static int tear_down(void **state)
{
	static const char *const names[] = { "signaling.seg", "media.seg" };
	char path[128];
	(void)state;
	media_link_close(&link_);
	shm_close(&signaling);
	for (unsigned int i = 0; i < 2; i++) {
		path_of(names[i], path);
		unlink(path);
	}
	return rmdir(dir);
}

static void late(void **state)
{
	(void)state;
	media_link_open(&link_, dir);
	assert_null(link_.current);
	media_link_run(&link_, NULL, 0);
	assert_null(link_.current);
	assert_int_equal(shm_media_create(dir, &signaling, &media), 0);
	media_link_run(&link_, NULL, 0);
	assert_non_null(link_.current);
	assert_null(link_.old);
	media_link_run(&link_, NULL, 0);
	assert_true(link_.is_alive);
	shm_close(&media);
}

// Dead is whoever holds the lock no more; the map stays, its flows may still be read.
static void writer_dies_and_comes_back(void **state)
{
	(void)state;
	assert_int_equal(shm_media_create(dir, &signaling, &media), 0);
	media_link_open(&link_, dir);
	media_link_run(&link_, NULL, 0);
	const struct shm_map *map = link_.current;
	uint32_t instance = link_.instance;
	assert_true(link_.is_alive);
	shm_close(&media);
	media_link_run(&link_, NULL, 0);
	assert_false(link_.is_alive);
	assert_ptr_equal(link_.current, map);
	assert_int_equal(shm_media_create(dir, &signaling, &media), 0);
	media_link_run(&link_, NULL, 0);
	assert_true(link_.is_alive);
	assert_int_equal(link_.instance, instance + 1);
	assert_ptr_equal(link_.current, map);
	shm_close(&media);
}

// Another file under the name: the old map lives until the last worker has switched.
static void replaced(void **state)
{
	char path[128];
	(void)state;
	assert_int_equal(shm_media_create(dir, &signaling, &media), 0);
	media_link_open(&link_, dir);
	struct shm_map *first = link_.current;
	shm_close(&media);
	path_of("media.seg", path);
	unlink(path);
	media_link_run(&link_, NULL, 0);
	assert_ptr_equal(link_.current, first); // nothing else there yet
	assert_int_equal(shm_media_create(dir, &signaling, &media), 0);
	media_link_run(&link_, NULL, 0);
	assert_ptr_not_equal(link_.current, first);
	assert_ptr_equal(link_.old, first);
	atomic_store(&link_.waiting, 1); // a worker that has not switched
	media_link_run(&link_, NULL, 0);
	assert_ptr_equal(link_.old, first);
	assert_int_equal(shm_header(first)->writer_pid, getpid()); // still mapped
	atomic_store(&link_.waiting, 0);
	media_link_run(&link_, NULL, 0);
	assert_null(link_.old);
	shm_close(&media);
}

// A file that is not media's is not attached, however long it lies there.
static void foreign_file(void **state)
{
	char path[128];
	(void)state;
	path_of("media.seg", path);
	FILE *file = fopen(path, "w");
	for (int i = 0; i < 10000; i++)
		fputc('x', file);
	fclose(file);
	media_link_open(&link_, dir);
	media_link_run(&link_, NULL, 0);
	assert_null(link_.current);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(late, set_up, tear_down),
		cmocka_unit_test_setup_teardown(writer_dies_and_comes_back, set_up, tear_down),
		cmocka_unit_test_setup_teardown(replaced, set_up, tear_down),
		cmocka_unit_test_setup_teardown(foreign_file, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
