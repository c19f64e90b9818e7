// test_config.c - what a correct file becomes: values, defaults, names resolved; limits of errors.
#include "config/config.h"
#include "unit/unit.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#define ERRORS_MAX 16u

static struct config_error errors[ERRORS_MAX];
static uint32_t error_count;

static int load_text(const char *text, struct config **out)
{
	char path[] = "/tmp/muga-test-config-XXXXXX";
	int fd = mkstemp(path);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
	error_count = 0;
	int err = config_load(path, out, errors, ERRORS_MAX, &error_count);
	unlink(path);
	return err;
}

static struct addr addr_of(const char *text)
{
	struct addr addr;
	assert_int_equal(addr_parse(span_str(text), 0, &addr), 0);
	return addr;
}

// deploy/muga.yaml is the example of the handbook.
static void test_example(void **state)
{
	struct config *config = NULL;
	struct addr addr;
	(void)state;
	int err = config_load(TESTS_DIR "/../deploy/muga.yaml", &config, errors, ERRORS_MAX,
		&error_count);
	if (err)
		fail_msg("%u:%u %s", errors[0].line, errors[0].column, errors[0].message);
	assert_string_equal(config->node_id, "sbc-1");
	assert_int_equal(config->realm_count, 2);
	assert_int_equal(config_find_realm(config, SPAN_LIT("core")), 1);
	assert_int_equal(config_find_realm(config, SPAN_LIT("cor")), -1);
	assert_int_equal(config_find_trunk(config, SPAN_LIT("pbx")), 2);
	const struct config_realm *realm = &config->realms[0];
	assert_int_equal(realm->listener_count, 3);
	addr = addr_of("[2001:db8:5::5]:5060");
	assert_true(addr_eq(&realm->listeners[1].addr, &addr));
	assert_int_equal(realm->media_count, 3);
	assert_int_equal(realm->port_min, 20000);
	assert_int_equal(realm->port_max, 59999);
	assert_int_equal(realm->dscp, 46);
	assert_int_equal(realm->latching, CONFIG_LATCH_ONCE);
	assert_int_equal(realm->device, 0);
	assert_int_equal(config->realms[1].device, 1);
	assert_int_equal(config->realms[1].latching, CONFIG_LATCH_STRICT);
	assert_true(config->realms[1].is_trusted && !realm->is_trusted);
	assert_int_equal(config_media_address_count(config), 4);
	const struct config_trunk *trunk = &config->trunks[0];
	addr = addr_of("198.51.100.11:5080");
	assert_true(addr_eq(&trunk->hosts[1].addr, &addr));
	assert_int_equal(trunk->hosts[0].addr.port, 5060);
	assert_int_equal(trunk->match[0].bits, 96 + 28);
	assert_int_equal(trunk->calls_max, 2000);
	assert_int_equal(config->trunks[2].realm, 1);
	assert_int_equal(config->route_count, 3);
	const struct config_route *route = &config->routes[1];
	assert_int_equal(route->from_trunk, 2);
	assert_int_equal(route->from_realm, -1);
	assert_int_equal(route->trunk, 0);
	assert_true(span_eq(route->to, SPAN_LIT("00*")));
	assert_true(span_eq(route->strip, SPAN_LIT("00")));
	assert_true(span_eq(route->prefix, SPAN_LIT("+")));
	assert_true(route->line > config->routes[0].line);
	config_free(config);
}

#define REALM "realms: {a: {sip: [{udp: 192.0.2.1}], media: {addresses: [192.0.2.8]}}}\n"

static void test_defaults(void **state)
{
	struct config *config = NULL;
	(void)state;
	assert_int_equal(load_text("version: 1\nnode: {run_dir: /tmp/x}\n" REALM, &config), 0);
	assert_int_equal(error_count, 0);
	assert_string_equal(config->node_id, "muga");
	assert_string_equal(config->shm_dir, "/tmp/x/shm");
	assert_in_range(config->workers, 1, 8);
	assert_int_equal(config->secret.len, 0);
	assert_int_equal(config->log_level, 2);
	assert_false(config->is_log_json);
	assert_int_equal(config->dataplane.lanes, 1);
	assert_true(config->dataplane.is_hugepages);
	assert_int_equal(config->dataplane.memory_mb, 512);
	assert_int_equal(config->limits.calls_max, 10000);
	assert_int_equal(config->limits.quarantine_ms, 5000);
	assert_int_equal(config->limits.orphan_timeout_ms, 60000);
	assert_int_equal(config->limits.ring_timeout_ms, 180000);
	assert_int_equal(config->limits.media_timeout_ms, 300000);
	assert_non_null(config->sources);
	assert_int_equal(config->realms[0].device, -1);
	assert_int_equal(config->realms[0].listeners[0].addr.port, 5060);
	assert_true(ip_is_unset(&config->realms[0].advertise));
	assert_int_equal(config->trunk_count, 0);
	config_free(config);
}

static void test_cores_and_memory(void **state)
{
	struct config *config = NULL;
	(void)state;
	assert_int_equal(
		load_text("version: 1\nnode: {workers: 3, log: {level: debug, format: json}}\n"
			  "dataplane: {cores: [1, 4-5], hugepages: 4GiB,"
			  " devices: {e: {kind: packet, interface: eth0}}}\n" REALM,
			&config),
		0);
	assert_int_equal(config->workers, 3);
	assert_int_equal(config->log_level, 3);
	assert_true(config->is_log_json);
	assert_int_equal(config->dataplane.lanes, 3);
	assert_int_equal(config->dataplane.cores[0], 1);
	assert_int_equal(config->dataplane.cores[2], 5);
	assert_int_equal(config->dataplane.memory_mb, 4096);
	assert_int_equal(config->devices[0].kind, CONFIG_PORT_PACKET);
	assert_int_equal(config->devices[0].checksum, CONFIG_CHECKSUM_RECOMPUTE);
	assert_int_equal(config->realms[0].device, 0); // the only one
	config_free(config);
}

static void test_secrets(void **state)
{
	char path[] = "/tmp/muga-test-secret-XXXXXX", text[512];
	struct config *config = NULL;
	(void)state;
	int fd = mkstemp(path);
	assert_int_equal(write(fd, "0123456789abcdef\n", 17), 17);
	close(fd);
	snprintf(text, sizeof text, "version: 1\nnode: {secret: 'file:%s'}\n" REALM, path);
	assert_int_equal(load_text(text, &config), 0);
	assert_true(span_eq(config->secret, SPAN_LIT("0123456789abcdef")));
	config_free(config);
	unlink(path);
	setenv("MUGA_TEST_SECRET", "abcdefghabcdefgh", 1);
	assert_int_equal(load_text("version: 1\nnode: {secret: '${MUGA_TEST_SECRET}-1'}\n" REALM,
		&config), 0);
	assert_true(span_eq(config->secret, SPAN_LIT("abcdefghabcdefgh-1")));
	config_free(config);
	assert_int_equal(
		load_text("version: 1\nnode: {secret: hunter2}\n" REALM, &config), -EINVAL);
	assert_null(strstr(errors[0].message, "hunter2"));
}

static void test_many_errors_are_bounded(void **state)
{
	struct config *config = NULL;
	char text[2000] = "version: 1\n";
	(void)state;
	for (int i = 0; i < 100; i++)
		snprintf(text + strlen(text), sizeof text - strlen(text), "wrong%02d: 1\n", i);
	assert_int_equal(load_text(text, &config), -EINVAL);
	assert_int_equal(error_count, ERRORS_MAX);
	for (uint32_t i = 1; i < error_count; i++)
		assert_true(errors[i - 1].line <= errors[i].line);
	// Without room for errors the answer is the same.
	assert_int_equal(config_load(TESTS_DIR "/golden/config/empty.yaml", &config, NULL, 0, NULL),
		-EINVAL);
	assert_null(config);
}

static void test_missing_file(void **state)
{
	struct config *config = NULL;
	(void)state;
	assert_int_equal(config_load("/nonexistent/muga.yaml", &config, errors, ERRORS_MAX,
		&error_count), -ENOENT);
	assert_int_equal(error_count, 0);
	assert_int_equal(config_load("/tmp", &config, errors, ERRORS_MAX, &error_count), -EIO);
	assert_null(config);
	config_free(NULL);
}

static void test_schema_is_printed(void **state)
{
	static const char *const lines[] = {
		"\nrealms.NAME.media.ports\n",
		"\ntrunks.NAME.limits.calls\n",
		"\nroutes[].match.to\n",
		"1s..3600s; default 180s; live\n",
		"xdp | packet | memif | ring | null; required",
	};
	char *text = NULL;
	size_t len;
	(void)state;
	FILE *out = open_memstream(&text, &len);
	config_print_schema(out);
	fclose(out);
	for (size_t i = 0; i < COUNT_OF(lines); i++)
		assert_non_null(strstr(text, lines[i]));
	assert_null(strstr(text, "registrar"));
	assert_null(strstr(text, "(null)"));
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_example),
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_cores_and_memory),
		cmocka_unit_test(test_secrets),
		cmocka_unit_test(test_many_errors_are_bounded),
		cmocka_unit_test(test_missing_file),
		cmocka_unit_test(test_schema_is_printed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
