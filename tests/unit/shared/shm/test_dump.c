#include "fixture.h"
#include "shm/dump.h"
#include "shm/layout.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static char dir[64], path[128];
static char *text;

static int make_file(void **state)
{
	static const struct shm_geometry geometry = {
		.addresses = 1, .flows = 512, .workers = 1, .lanes = 1
	};
	static struct shm_map map;
	struct flow_writer_params params = { .signaling = &map, .workers = 1 };
	struct flow_pair pair;
	(void)state;
	snprintf(dir, sizeof(dir), "/dev/shm/muga-unit-dump-XXXXXX");
	if (!mkdtemp(dir) || shm_signaling_create(dir, &geometry, &map) != 0)
		return -1;
	snprintf(path, sizeof(path), "%s/%s", dir, SHM_SIGNALING_NAME);
	fixture_address(&map, 2);
	snprintf(shm_addresses(&map)[0].realm, SHM_NAME_MAX, "a\"b\\c\n\xff");
	struct flow_writer *writer = flow_writer_new(&params, 1000);
	flow_writer_run(writer, 1000);
	assert_int_equal(flow_pair_reserve(writer, 0, -1, &pair), 0);
	publish(writer, &pair, 0);
	publish(writer, &pair, 1);
	flow_writer_free(writer);
	shm_close(&map);
	return 0;
}

static int remove_file(void **state)
{
	(void)state;
	free(text);
	text = NULL;
	unlink(path);
	return rmdir(dir);
}

static int dump(bool is_json, bool has_flows)
{
	struct shm_dump_options options = { .is_json = is_json, .has_flows = has_flows };
	size_t len;
	free(text);
	FILE *out = open_memstream(&text, &len);
	assert_non_null(out);
	int err = shm_dump(path, &options, out);
	fclose(out);
	return err;
}

static void scribble(size_t offset, const void *bytes, size_t len)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, bytes, len, (off_t)offset), (ssize_t)len);
	close(fd);
}

static void expect_text(const char *wanted)
{
	if (!strstr(text, wanted))
		fail_msg("no \"%s\" in\n%s", wanted, text);
}

static void test_text(void **state)
{
	(void)state;
	assert_int_equal(dump(false, true), 0);
	expect_text("file                 signaling\n");
	expect_text("\nabi                  ");
	expect_text("\nwriter_is_alive      false\n");
	expect_text("\n  0 127.0.0.1 vlan=0 ports=10240-10751 retired=0 device=\"\" "
		"realm=\"a?b?c??\"\n");
	expect_text(" call=000000000000004d leg=0 worker=0 key=false\n");
	expect_text("\nflows_live           2\nflows_bad            0\nflows_unreadable     0\n");
	assert_int_equal(dump(false, false), 0);
	assert_null(strstr(text, "call="));
	expect_text("\nflows_live           2\n");
}

static void test_json(void **state)
{
	(void)state;
	assert_int_equal(dump(true, true), 0);
	assert_int_equal(strncmp(text, "{\"file\": \"signaling\", \"boot_id\": \"", 34), 0);
	expect_text("\"writer_is_alive\": false, \"heartbeat_age_s\": ");
	expect_text("\"realm\": \"a?b?c??\"}");
	expect_text("\"flows_live\": 2, \"flows_bad\": 0, \"flows_unreadable\": 0}\n");
}

static void test_bad_records(void **state)
{
	struct shm_geometry geometry = { .addresses = 1, .flows = 512, .workers = 1, .lanes = 1 };
	struct shm_signaling_layout layout;
	static const uint32_t beyond = 512, unwritten = 300;
	(void)state;
	shm_signaling_layout(&geometry, &layout);
	scribble(layout.index + 100 * sizeof(uint32_t), &beyond, sizeof(beyond));
	scribble(layout.index + 200 * sizeof(uint32_t), &unwritten, sizeof(unwritten));
	assert_int_equal(dump(false, true), 0);
	expect_text("\nflows_live           2\nflows_bad            2\n");
	// Cut behind the index: the ports are known, what they lead to is gone.
	assert_int_equal(truncate(path, (off_t)layout.cfg), 0);
	assert_int_equal(dump(false, true), 0);
	expect_text("\nflows_live           0\nflows_bad            1\nflows_unreadable     3\n");
	assert_int_equal(truncate(path, (off_t)layout.index), 0);
	assert_int_equal(dump(false, true), 0);
	expect_text("\nflows_unreadable     65536\n");
}

static void test_other_versions(void **state)
{
	static const uint32_t abi = 0xffff, addresses = 0xffffffff;
	(void)state;
	scribble(offsetof(struct shm_header, abi), &abi, sizeof(abi));
	assert_int_equal(dump(false, true), -EPROTO);
	expect_text("\nabi                  65535\n");
	expect_text("\nthe rest is not readable\n");
	assert_int_equal(dump(true, true), -EPROTO);
	expect_text("\"is_readable\": 0}\n");
	static const uint32_t own = SHM_ABI;
	scribble(offsetof(struct shm_header, abi), &own, sizeof(own));
	scribble(offsetof(struct shm_header, geometry), &addresses, sizeof(addresses));
	assert_int_equal(dump(false, true), -EPROTO);
	expect_text("\naddresses_max        4294967295\n");
}

static void test_no_file_of_ours(void **state)
{
	(void)state;
	assert_int_equal(truncate(path, 8), 0);
	assert_int_equal(dump(true, true), -EPROTO);
	assert_string_equal(text, "");
	unlink(path);
	assert_int_equal(dump(true, true), -ENOENT);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(dump(true, true), -EPROTO); // and nobody had to write into it
	unlink(path);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(dump(true, true), -EPROTO);
	rmdir(path);
}

int main(void)
{
#define WITH_FILE(test) cmocka_unit_test_setup_teardown(test, make_file, remove_file)
	const struct CMUnitTest tests[] = {
		WITH_FILE(test_text),
		WITH_FILE(test_json),
		WITH_FILE(test_bad_records),
		WITH_FILE(test_other_versions),
		WITH_FILE(test_no_file_of_ours),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
