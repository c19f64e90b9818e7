#include "fixture.h"
#include "shm/dump.h"
#include "shm/layout.h"

#include "base/rng.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static char dir[64];
static char path[128], media_path[128];
static const struct shm_geometry small = { .addresses = 1, .flows = 512, .workers = 1, .lanes = 1 };

static int make_dir(void **state)
{
	(void)state;
	snprintf(dir, sizeof(dir), "/dev/shm/muga-unit-XXXXXX");
	if (!mkdtemp(dir))
		return -1;
	snprintf(path, sizeof(path), "%s/%s", dir, SHM_SIGNALING_NAME);
	snprintf(media_path, sizeof(media_path), "%s/%s", dir, SHM_MEDIA_NAME);
	return 0;
}

static int remove_dir(void **state)
{
	(void)state;
	unlink(path);
	unlink(media_path);
	return rmdir(dir); // nothing else may be left, no .new either
}

static void publish_one(const struct shm_map *signaling)
{
	struct flow_writer_params params = { .signaling = signaling, .workers = 1 };
	struct flow_pair pair;
	if (atomic_load(shm_address_count(signaling)) == 0)
		fixture_address(signaling, 2);
	struct flow_writer *writer = flow_writer_new(&params, 1000);
	assert_non_null(writer);
	flow_writer_run(writer, 1000);
	assert_int_equal(flow_pair_reserve(writer, 0, -1, &pair), 0);
	publish(writer, &pair, 0);
	flow_writer_free(writer);
}

static void test_life(void **state)
{
	(void)state;
	struct shm_map writer, second, reader, media;
	assert_int_equal(shm_signaling_attach(dir, &reader), -ENOENT);
	assert_int_equal(shm_signaling_create(dir, &small, &writer), 0);
	assert_int_equal(atomic_load(&shm_header(&writer)->instance), 1);
	assert_int_equal(shm_signaling_create(dir, &small, &second), -EBUSY);
	assert_int_equal(shm_signaling_attach(dir, &reader), 0);
	assert_true(shm_writer_is_alive(&reader));
	assert_int_equal(atomic_load(&shm_index(&reader, 0)[4000]), SHM_FLOW_NONE);
	assert_int_equal(shm_media_presence(&writer, NULL), SHM_ABSENT);
	assert_int_equal(shm_media_create(dir, &reader, &media), 0);
	assert_int_equal(shm_media_presence(&writer, NULL), SHM_UNKNOWN);

	struct shm_map media_reader;
	assert_int_equal(shm_media_attach(dir, &media_reader), 0);
	assert_int_equal(shm_media_presence(&writer, &media_reader), SHM_PRESENT);
	shm_heartbeat(&media, 12345);
	assert_int_equal(atomic_load(&shm_header(&media_reader)->heartbeat_ns), 12345);
	shm_close(&media);
	assert_int_equal(shm_media_presence(&writer, &media_reader), SHM_ABSENT);
	assert_int_equal(shm_media_presence(&writer, NULL), SHM_ABSENT);
	shm_close(&media_reader);

	struct stat st;
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
	shm_close(&writer);
	assert_false(shm_writer_is_alive(&reader));
	shm_close(&reader);
}

static void test_takeover_and_replacement(void **state)
{
	(void)state;
	struct shm_map writer, reader;
	assert_int_equal(shm_signaling_create(dir, &small, &writer), 0);
	publish_one(&writer);
	uint64_t next = atomic_load(shm_incarnation_next(&writer));
	shm_close(&writer);

	struct shm_geometry bigger = small;
	bigger.flows = 1024;
	assert_int_equal(shm_signaling_create(dir, &bigger, &writer), -ESTALE); // a flow lives
	struct shm_geometry lesser = small;
	lesser.flows = 256;
	assert_int_equal(shm_signaling_create(dir, &lesser, &writer), 0); // kept as it is
	assert_int_equal(writer.geometry.flows, 512);
	assert_int_equal(atomic_load(&shm_header(&writer)->instance), 2);
	memset(shm_index(&writer, 0), 0xff, SHM_PORTS * sizeof(uint32_t)); // the flow is gone
	uint64_t epoch = atomic_load(shm_global_epoch(&writer));
	assert_int_equal(shm_signaling_attach(dir, &reader), 0);
	shm_close(&writer);

	assert_int_equal(shm_signaling_create(dir, &bigger, &writer), 0);
	assert_int_equal(writer.geometry.flows, 1024);
	assert_true(shm_is_superseded(&reader));
	assert_int_equal(atomic_load(&shm_header(&writer)->instance), 3);
	assert_true(atomic_load(shm_incarnation_next(&writer)) >= next);
	assert_true(atomic_load(shm_global_epoch(&writer)) > epoch);
	shm_close(&reader);

	// Ports of the file before may be remembered out there: none is free at once.
	fixture_address(&writer, 2);
	struct flow_writer_params params = {
		.signaling = &writer, .workers = 1, .quarantine_ms = 1000
	};
	struct flow_writer *flows = flow_writer_new(&params, 5000);
	struct flow_counters counters;
	flow_writer_counters(flows, &counters);
	assert_int_equal(counters.ports_free, 0);
	assert_int_equal(counters.ports_resting, 512);
	flow_writer_free(flows);
	shm_close(&writer);
}

static void test_media_follows(void **state)
{
	(void)state;
	struct shm_map signaling, media, old;
	assert_int_equal(shm_signaling_create(dir, &small, &signaling), 0);
	assert_int_equal(shm_media_create(dir, &signaling, &media), 0);
	assert_int_equal(shm_media_attach(dir, &old), 0);
	shm_close(&media);
	shm_close(&signaling);
	struct shm_geometry bigger = small;
	bigger.flows = 1024;
	assert_int_equal(shm_signaling_create(dir, &bigger, &signaling), 0);
	assert_int_equal(shm_media_create(dir, &signaling, &media), 0);
	assert_int_equal(media.geometry.flows, 1024);
	assert_int_equal(shm_media_presence(&signaling, &old), SHM_UNKNOWN);
	shm_close(&old);
	shm_close(&media);
	shm_close(&signaling);
}

static void scribble(const char *file, off_t offset, const void *bytes, size_t len)
{
	int fd = open(file, O_RDWR);
	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, bytes, len, offset), len);
	close(fd);
}

static void test_headers_that_lie(void **state)
{
	(void)state;
	const struct {
		size_t offset;
		uint32_t value;
		int attach, create; // results
	} cases[] = {
		{ offsetof(struct shm_header, magic), 1, -EPROTO, -EPROTO },
		{ offsetof(struct shm_header, abi), SHM_ABI + 1, -EPROTO, -ESTALE },
		{ offsetof(struct shm_header, header_bytes), 8, -EPROTO, 0 },
		{ offsetof(struct shm_header, file_bytes), 4096, -EPROTO, 0 },
		{ offsetof(struct shm_header, geometry.addresses), 2, -EPROTO, 0 },
		{ offsetof(struct shm_header, geometry.addresses), 0xffffffff, -EPROTO, 0 },
		{ offsetof(struct shm_header, geometry.flows), 0xffffff00, -EPROTO, 0 },
		{ offsetof(struct shm_header, geometry.lanes), 0, -EPROTO, 0 },
		{ offsetof(struct shm_header, boot_id), 0x12345678, -EAGAIN, 0 },
		{ offsetof(struct shm_header, is_ready), 0, -EAGAIN, 0 },
		{ offsetof(struct shm_header, is_superseded), 1, -EAGAIN, 0 },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct shm_map map;
		unlink(path);
		assert_int_equal(shm_signaling_create(dir, &small, &map), 0);
		shm_close(&map);
		scribble(path, (off_t)cases[i].offset, &cases[i].value, 4);
		assert_int_equal(shm_signaling_attach(dir, &map), cases[i].attach);
		int err = shm_signaling_create(dir, &small, &map);
		assert_int_equal(err, cases[i].create);
		if (!err)
			shm_close(&map);
	}
	unlink(path);
	close(open(path, O_CREAT | O_RDWR, 0600)); // empty: a crash of something long ago
	struct shm_map map;
	assert_int_equal(shm_signaling_attach(dir, &map), -EPROTO);
	assert_int_equal(shm_signaling_create(dir, &small, &map), 0);
	shm_close(&map);
	unlink(path);
	unlink(media_path);
	char name[160];
	snprintf(name, sizeof(name), "%s.new", path);
	unlink(name); // left by those refused
}

static void check_any(const char *file, bool is_media)
{
	struct shm_map map;
	int err = is_media ? shm_media_attach(dir, &map) : shm_signaling_attach(dir, &map);
	if (!err)
		shm_close(&map);
	FILE *out = fopen("/dev/null", "w");
	assert_non_null(out);
	for (int json = 0; json < 2; json++) {
		struct shm_dump_options options = { .is_json = json, .has_flows = true };
		int result = shm_dump(file, &options, out);
		assert_true(result == 0 || result == -EPROTO);
	}
	fclose(out);
}

// Random bytes over the header and the tables, random truncation: errors, never a fault.
static void test_scribbled_files(void **state)
{
	(void)state;
	struct shm_map signaling, media;
	struct rng rng;
	rng_init(&rng, 4711);
	assert_int_equal(shm_signaling_create(dir, &small, &signaling), 0);
	publish_one(&signaling);
	assert_int_equal(shm_media_create(dir, &signaling, &media), 0);
	size_t bytes[2] = { signaling.bytes, media.bytes };
	shm_close(&media);
	shm_close(&signaling);
	for (uint32_t i = 0; i < 150; i++) {
		const char *file = i & 1 ? media_path : path;
		size_t limit = i % 4 < 2 ? 256 : bytes[i & 1] - 64;
		for (uint32_t n = 0; n < 8; n++) {
			uint64_t value = rng_u64(&rng);
			off_t at = (off_t)rng_below(&rng, (uint32_t)limit);
			if (at < 8 && i % 16 > 3)
				continue; // mostly leave the magic
			scribble(file, at, &value, 1 + rng_below(&rng, 8));
		}
		if (i % 16 == 15)
			assert_int_equal(
				truncate(file, rng_below(&rng, (uint32_t)bytes[i & 1])), 0);
		check_any(file, i & 1);
		if (i % 16 >= 14) {
			unlink(file);
			struct shm_map map;
			int err = i & 1 ? shm_media_create(dir,
						  &(struct shm_map){ .geometry = small }, &map) :
					  shm_signaling_create(dir, &small, &map);
			assert_int_equal(err, 0);
			shm_close(&map);
		}
	}
}

static void test_dump_shows_the_flow(void **state)
{
	(void)state;
	struct shm_map signaling;
	char *text = NULL;
	size_t len = 0;
	assert_int_equal(shm_signaling_create(dir, &small, &signaling), 0);
	publish_one(&signaling);
	FILE *out = open_memstream(&text, &len);
	struct shm_dump_options options = { .is_json = true, .has_flows = true };
	assert_int_equal(shm_dump(path, &options, out), 0);
	fclose(out);
	assert_non_null(strstr(text, "\"flows_live\": 1"));
	assert_non_null(strstr(text, "\"call\": \"000000000000004d\""));
	assert_non_null(strstr(text, "\"ip\": \"127.0.0.1\""));
	free(text);
	shm_close(&signaling);
	assert_int_equal(shm_dump("/nonexistent", &options, stdout), -ENOENT);
	assert_int_equal(shm_dump("/proc/self/stat", &options, stdout), -EPROTO);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_life, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(
			test_takeover_and_replacement, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(test_media_follows, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(test_headers_that_lie, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(test_scribbled_files, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(test_dump_shows_the_flow, make_dir, remove_dir),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
