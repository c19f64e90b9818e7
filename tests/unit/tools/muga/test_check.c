// muga check: mistakes with their place, as text and as JSON, and the exit status.
#include "capture.h"

#include "unit/signaling/net/certs.h"

#define GOOD                                                                                       \
	"version: 1\nrealms: {a: {sip: [{udp: 192.0.2.1}], media: {addresses: [192.0.2.8]}}}\n"

static char path[] = "/tmp/muga-test-check-XXXXXX";

static int make_file(void **state)
{
	(void)state;
	strcpy(path, "/tmp/muga-test-check-XXXXXX");
	int fd = mkstemp(path);
	return fd < 0 ? -1 : close(fd);
}

static int remove_file(void **state)
{
	(void)state;
	return unlink(path);
}

static struct cli check_cli(const char *text)
{
	static char *words[1];
	FILE *file = fopen(path, "w");
	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	fclose(file);
	words[0] = path;
	return (struct cli){ .words = words, .word_count = 1 };
}

static void test_good(void **state)
{
	char wanted[200];
	struct cli cli = check_cli(GOOD);
	(void)state;
	assert_int_equal(capture_verb(check_run, &cli), CLI_OK);
	snprintf(wanted, sizeof(wanted),
		"%s: good: 1 realms, 0 trunks, 0 routes, 1 media addresses\n", path);
	assert_string_equal(captured.out, wanted);
	assert_string_equal(captured.err, "");
	json_t *value = capture_json(check_run, &cli, CLI_OK);
	assert_true(json_is_true(json_at(value, "is_valid")));
	assert_int_equal(json_array_size(json_at(value, "mistakes")), 0);
	json_decref(value);
}

// The files of TLS are opened: what would keep muga-signaling from starting is a mistake, what runs
// out within 30 days a warning.
static void test_certificates(void **state)
{
	static const struct {
		const char *cert, *key, *message;
		bool is_good, is_warned;
	} cases[] = {
		{ "long", "long", NULL, true, false },
		{ "short", "short", "expires in 2", true, true },
		{ "old", "old", "has expired", true, true },
		{ "long", "short", "key values mismatch", false, false },
		{ "none", "long", "none.pem: No such file or directory", false, false },
	};
	struct certs certs;
	char text[1024];
	(void)state;
	certs_open(&certs);
	X509_free(certs_issue(&certs, "long", NULL, 31));
	X509_free(certs_issue(&certs, "short", NULL, 29));
	X509_free(certs_issue(&certs, "old", NULL, -1));
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		snprintf(text, sizeof(text), "version: 1\nrealms: {a: {sip: [{tls: 192.0.2.1, "
			"cert: %s/%s.pem, key: %s/%s.key}], media: {addresses: [192.0.2.8]}}}\n"
			"trunks: {t: {realm: a, hosts: [\"sips:192.0.2.9\"], "
			"tls: {ca: %s/ca.pem}}}\n", certs.dir, cases[i].cert, certs.dir,
			cases[i].key, certs.dir);
		struct cli cli = check_cli(text);
		int status = cases[i].is_good ? CLI_OK : CLI_FAILED;
		assert_int_equal(capture_verb(check_run, &cli), status);
		assert_int_equal(strstr(captured.out, ": good: ") != NULL, cases[i].is_good);
		if (cases[i].message == NULL)
			assert_string_equal(captured.err, "");
		else if (strstr(captured.err, cases[i].message) == NULL ||
			strstr(captured.err, "realms.a.sip[0]: ") == NULL)
			fail_msg("%s", captured.err);
		json_t *value = capture_json(check_run, &cli, status);
		assert_int_equal(json_array_size(json_at(value, "warnings")), cases[i].is_warned);
		assert_int_equal(json_array_size(json_at(value, "mistakes")), !cases[i].is_good);
		json_decref(value);
	}
	certs_close(&certs);
}

static void test_mistakes(void **state)
{
	char wanted[400];
	struct cli cli = check_cli(GOOD "limits: {calls: 0}\nzzz: 1\n");
	(void)state;
	assert_int_equal(capture_verb(check_run, &cli), CLI_FAILED);
	assert_string_equal(captured.out, "");
	snprintf(wanted, sizeof(wanted),
		"%s:3:17: limits.calls: expected a number 1..10000000, found \"0\"\n"
		"%s:4:1: zzz: unknown key, expected one of: version, dataplane, node, "
		"profiles, realms, trunks, routes, limits, connections, recording\n"
		"muga: %s: not usable\n",
		path, path, path);
	assert_string_equal(captured.err, wanted);
	json_t *value = capture_json(check_run, &cli, CLI_FAILED);
	assert_true(json_is_false(json_at(value, "is_valid")));
	assert_int_equal(json_array_size(json_at(value, "mistakes")), 2);
	assert_string_equal(json_string_value(json_at(value, "mistakes.0.file")), path);
	assert_int_equal(json_integer_value(json_at(value, "mistakes.0.line")), 3);
	assert_int_equal(json_integer_value(json_at(value, "mistakes.0.column")), 17);
	assert_string_equal(json_string_value(json_at(value, "mistakes.0.key")), "limits.calls");
	assert_string_equal(json_string_value(json_at(value, "mistakes.0.message")),
		"expected a number 1..10000000, found \"0\"");
	json_decref(value);
}

// A mistake without a key has no empty field in its line.
static void test_mistake_without_key(void **state)
{
	char wanted[200];
	struct cli cli = check_cli("");
	(void)state;
	assert_int_equal(capture_verb(check_run, &cli), CLI_FAILED);
	snprintf(wanted, sizeof(wanted), "%s:1:1: the file is empty", path);
	assert_int_equal(strncmp(captured.err, wanted, strlen(wanted)), 0);
}

// More mistakes than are kept, in bytes that are no text: bounded, and still JSON.
static void test_many_and_hostile(void **state)
{
	static char text[100 * 40];
	size_t len = 0;
	(void)state;
	for (int i = 0; i < 100; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len,
			"\"k\\e[2J\\x80%02d\\n\": 1\n", i);
	struct cli cli = check_cli(text);
	json_t *value = capture_json(check_run, &cli, CLI_FAILED);
	assert_int_equal(json_array_size(json_at(value, "mistakes")), 64);
	json_decref(value);
	cli = check_cli("version: 1\n\xff\xfe: 1\n");
	json_decref(capture_json(check_run, &cli, CLI_FAILED));
}

static void test_no_file(void **state)
{
	char *words[] = { "/nonexistent/muga.yaml", "b" };
	struct cli cli = { .words = words, .word_count = 1 };
	(void)state;
	assert_int_equal(capture_verb(check_run, &cli), CLI_FAILED);
	assert_string_equal(captured.err,
		"muga: /nonexistent/muga.yaml: No such file or directory\n");
	json_t *value = capture_json(check_run, &cli, CLI_FAILED);
	assert_string_equal(json_string_value(json_at(value, "mistakes.0.message")),
		"No such file or directory");
	json_decref(value);
	cli.word_count = 0;
	assert_int_equal(capture_verb(check_run, &cli), CLI_USAGE);
	cli.word_count = 2;
	assert_int_equal(capture_verb(check_run, &cli), CLI_USAGE);
	assert_string_equal(captured.err, "muga: usage: muga check FILE\n");
}

int main(void)
{
#define WITH_FILE(test) cmocka_unit_test_setup_teardown(test, make_file, remove_file)
	const struct CMUnitTest tests[] = {
		WITH_FILE(test_good),
		WITH_FILE(test_certificates),
		WITH_FILE(test_mistakes),
		WITH_FILE(test_mistake_without_key),
		WITH_FILE(test_many_and_hostile),
		WITH_FILE(test_no_file),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
