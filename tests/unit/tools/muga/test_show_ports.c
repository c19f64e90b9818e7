// show ports: every address with its ports counted.
#include "files.h"

#include "capture.h"

static void test_ports(void **state)
{
	struct cli cli = files_cli();
	(void)state;
	assert_int_equal(capture_verb(show_ports_run, &cli), CLI_OK);
	assert_string_equal(captured.out,
		"REALM   ADDRESS    DEVICE  VLAN        RANGE  USED  RESTING  FREE   USE\n"
		"access  127.0.0.1  -          0  10240-10495     2        0   254  0.8%\n"
		"core    127.0.0.2  eth1      30  10240-10751     2        0   510  0.4%\n");
	json_t *value = capture_json(show_ports_run, &cli, CLI_OK);
	assert_int_equal(json_array_size(json_at(value, "addresses")), 2);
	assert_string_equal(json_string_value(json_at(value, "addresses.1.device")), "eth1");
	assert_int_equal(json_integer_value(json_at(value, "addresses.1.vlan")), 30);
	assert_int_equal(json_integer_value(json_at(value, "addresses.0.used")), 2);
	assert_int_equal(json_integer_value(json_at(value, "addresses.0.free")), 254);
	json_decref(value);
}

static void test_hostile(void **state)
{
	struct cli cli = files_cli();
	(void)state;
	memset(&shm_addresses(&files.signaling)[0], 0xff, sizeof(struct shm_address));
	assert_int_equal(capture_verb(show_ports_run, &cli), CLI_OK);
	assert_null(strchr(captured.out, '\xff'));
	json_t *value = capture_json(show_ports_run, &cli, CLI_OK);
	assert_true(json_is_null(json_at(value, "addresses.0.realm")));
	assert_int_equal(json_integer_value(json_at(value, "addresses.0.total")), 1);
	json_decref(value);
	files_orphan();
	unlink(files_path("signaling.seg"));
	assert_int_equal(capture_verb(show_ports_run, &cli), CLI_FAILED);
}

int main(void)
{
#define WITH_FILES(test) cmocka_unit_test_setup_teardown(test, files_open, files_close)
	const struct CMUnitTest tests[] = {
		WITH_FILES(test_ports),
		WITH_FILES(test_hostile),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
