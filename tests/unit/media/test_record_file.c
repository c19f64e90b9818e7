// test_record_file.c - a recording is whole at every moment: full files, full disks, names that
// are taken, modes.
#include "pcapng_read.h"
#include "record_file.h"
#include "record_folder.h"

#include "base/clock.h"

#include <errno.h>
#include <signal.h>
#include <sys/resource.h>

static struct record_file file;
static uint8_t payload[1000];

static int setup(void **state)
{
	(void)state;
	record_folder_make();
	memset(payload, 0x5a, sizeof(payload));
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	record_file_close(&file, 0, 0);
	record_folder_remove();
	return 0;
}

static struct recording_order order_of(const char *name)
{
	struct recording_order order = { .call_token = 0xab, .started_unix_ms = 1763806500000,
		.flags = RECORDING_DECRYPTED };

	snprintf(order.name, sizeof(order.name), "%s", name);
	snprintf(order.call_id, sizeof(order.call_id), "a84b4c76e66710");
	return order;
}

static int add(uint32_t len, uint64_t now_ns)
{
	struct pcapng_packet packet = { .interface = 1, .unix_ns = 5, .data = payload, .len = len,
		.comment = "call=ab leg=b" };

	return record_file_add(&file, &packet, now_ns);
}

// Counts packets; all blocks must be whole.
static uint32_t count_packets(uint32_t *statistics)
{
	uint32_t len = record_read(file.path), at = 0, packets = 0;

	*statistics = 0;
	while (at < len) {
		struct read_block block = read_block(record_bytes + at, len - at);
		packets += block.type == READ_PACKET;
		*statistics += block.type == READ_STATISTICS;
		at += block.bytes;
	}
	assert_int_equal(at, len);
	return packets;
}

static void test_whole_file(void **state)
{
	struct recording_order order = order_of("");
	struct stat st;
	uint32_t statistics;
	uint16_t text = 0;
	(void)state;
	assert_int_equal(record_file_open(&file, &record_config, &order), 0);
	assert_string_equal(strrchr(file.path, '/'), "/00000000000000ab-20251122T101500Z.pcapng");
	assert_int_equal(stat(file.path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
	for (uint32_t i = 0; i < 300; i++)
		assert_int_equal(add(i, NS_PER_S), 0);
	assert_int_equal(record_file_close(&file, 9, 4), 0);
	assert_int_equal(count_packets(&statistics), 300);
	assert_int_equal(statistics, 2);
	struct read_block section = read_block(record_bytes, UINT32_MAX);
	const char *comment = (const char *)read_option(&section, 16, 1, &text);
	assert_int_equal(strncmp(comment,
		"call=00000000000000ab call_id=a84b4c76e66710 decrypted", text), 0);
}

static void test_names(void **state)
{
	struct recording_order order = order_of("mine");
	(void)state;
	assert_int_equal(record_file_open(&file, &record_config, &order), 0);
	assert_string_equal(strrchr(file.path, '/'), "/mine.pcapng");
	record_file_close(&file, 0, 0);
	order = order_of("mine.pcapng"); // never over another one
	assert_int_equal(record_file_open(&file, &record_config, &order), -EEXIST);
	char path[512];
	snprintf(path, sizeof(path), "%s/link.pcapng", record_folder);
	assert_int_equal(symlink("/tmp/record-elsewhere", path), 0);
	order = order_of("link"); // nor through a link
	assert_int_equal(record_file_open(&file, &record_config, &order), -EEXIST);
	assert_int_equal(access("/tmp/record-elsewhere", F_OK), -1);
	record_config.folder = "/tmp/record-no/such/folder";
	order = order_of("x");
	assert_int_equal(record_file_open(&file, &record_config, &order), -ENOENT);
}

static void test_file_max(void **state)
{
	struct recording_order order = order_of("full");
	struct stat st;
	uint32_t statistics, added = 0;
	int rc;
	(void)state;
	record_config.file_max = 200000;
	assert_int_equal(record_file_open(&file, &record_config, &order), 0);
	while ((rc = add(sizeof(payload), 0)) == 0)
		added++;
	assert_int_equal(rc, -EFBIG);
	assert_int_equal(add(10, 0), -EBADF);
	assert_int_equal(stat(file.path, &st), 0);
	assert_true(st.st_size <= 200000 && st.st_size > 198000);
	assert_int_equal(count_packets(&statistics), added);
	assert_true(added > 150);
	assert_int_equal(record_file_close(&file, 0, 0), 0);
}

// No room is left on the disk before it begins; and the kernel refuses in the middle of a block.
static void test_full_disk(void **state)
{
	struct recording_order order = order_of("disk");
	struct rlimit before, limit;
	uint32_t statistics;
	int rc = 0;
	(void)state;
	record_config.free_min = UINT64_MAX;
	assert_int_equal(record_file_open(&file, &record_config, &order), -ENOSPC);
	record_config.free_min = 0;
	assert_int_equal(record_file_open(&file, &record_config, &order), 0);
	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &before);
	limit = (struct rlimit){ 100001, before.rlim_max };
	setrlimit(RLIMIT_FSIZE, &limit);
	while (rc == 0)
		rc = add(sizeof(payload), 0);
	setrlimit(RLIMIT_FSIZE, &before);
	assert_int_equal(rc, -EFBIG); // as the kernel calls it
	assert_int_equal(file.fd, -1);
	assert_true(count_packets(&statistics) > 50); // the last whole buffer
}

// What waits is on disk a second later, whether more comes or not.
static void test_flush(void **state)
{
	struct recording_order order = order_of("flush");
	uint32_t statistics;
	(void)state;
	assert_int_equal(record_file_open(&file, &record_config, &order), 0);
	file.flushed_ns = 5 * NS_PER_S;
	assert_int_equal(add(100, 5 * NS_PER_S), 0);
	assert_int_equal(record_file_flush(&file, 5 * NS_PER_S + NS_PER_MS), 0);
	assert_int_equal(count_packets(&statistics), 0);
	assert_int_equal(record_file_flush(&file, 6 * NS_PER_S), 0);
	assert_int_equal(count_packets(&statistics), 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_whole_file),
		TEST(test_names),
		TEST(test_file_max),
		TEST(test_full_disk),
		TEST(test_flush),
	};
	file.fd = -1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
