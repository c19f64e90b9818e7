// The admin interface without HTTP, against ops that answer as told.
#include "admin/request.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

struct fake {
	int rc;          // of every op
	uint32_t limit;  // last one asked with
	uint32_t asked;  // ops called
	struct admin_record record; // likewise
	char file[100];
};

static int answer(struct fake *fake, json_t **out)
{
	fake->asked++;
	if (fake->rc == 0)
		*out = json_pack("{s:b}", "is_fake", 1);
	return fake->rc;
}

static int fake_limited(void *context, uint32_t limit, json_t **out)
{
	struct fake *fake = context;
	fake->limit = limit;
	return answer(fake, out);
}

static int fake_plain(void *context, json_t **out)
{
	return answer(context, out);
}

static int fake_record(void *context, const struct admin_record *record, json_t **out)
{
	struct fake *fake = context;
	fake->record = *record;
	snprintf(fake->file, sizeof(fake->file), "%s", record->file);
	return answer(fake, out);
}

static const struct admin_ops ops = {
	.calls = fake_limited,
	.ended = fake_limited,
	.trunks = fake_plain,
	.metrics = fake_plain,
	.drain = fake_plain,
	.tls_reload = fake_plain,
	.record = fake_record,
};

struct row {
	const char *method, *path, *limit, *body;
	unsigned int status;
	uint32_t asked;
};

static const struct row rows[] = {
	{ "GET", "/v1/calls", NULL, "", 200, 1 },
	{ "GET", "/v1/calls", "5", "", 200, 1 },
	{ "GET", "/v1/calls", "20000", "", 200, 1 },
	{ "GET", "/v1/calls", "20001", "", 400, 0 },
	{ "GET", "/v1/calls", "-1", "", 400, 0 },
	{ "GET", "/v1/calls", "", "", 400, 0 },
	{ "GET", "/v1/calls", "99999999999999999999", "", 400, 0 },
	{ "GET", "/v1/calls/ended", NULL, "", 200, 1 },
	{ "GET", "/v1/calls/ended", "x", "", 400, 0 },
	{ "GET", "/v1/trunks", NULL, "", 200, 1 },
	{ "GET", "/v1/metrics", NULL, "", 200, 1 },
	{ "GET", "/v1/version", NULL, "", 200, 0 },
	{ "POST", "/v1/drain", NULL, "", 200, 1 },
	{ "GET", "/v1/drain", NULL, "", 405, 0 },
	{ "POST", "/v1/tls/reload", NULL, "{}", 200, 1 },
	{ "GET", "/v1/tls/reload", NULL, "", 405, 0 },
	{ "POST", "/v1/recordings", NULL, "{\"call\":\"0123456789abcdef\"}", 200, 1 },
	{ "POST", "/v1/recordings/stop", NULL, "{\"call\":\"0123456789abcdef\"}", 200, 1 },
	{ "POST", "/v1/recordings", NULL, "{\"call\":\"0123\"}", 400, 0 },
	{ "POST", "/v1/recordings", NULL, "{\"call\":\"0123456789abcdef\",\"x\":1}", 400, 0 },
	{ "POST", "/v1/recordings", NULL, "{\"call\":\"0123456789abcdef\",\"file\":1}", 400, 0 },
	{ "POST", "/v1/recordings", NULL, "{}", 400, 0 },
	{ "POST", "/v1/recordings", NULL, "", 400, 0 },
	{ "GET", "/v1/recordings", NULL, "", 405, 0 },
	{ "POST", "/v1/calls", NULL, "", 405, 0 },
	{ "DELETE", "/v1/calls", NULL, "", 405, 0 },
	{ "GET", "/", NULL, "", 404, 0 },
	{ "GET", "", NULL, "", 404, 0 },
	{ "GET", "/v1/calls/", NULL, "", 404, 0 },
	{ "GET", "/v1/../etc/passwd", NULL, "", 404, 0 },
	{ "POST", "/v1/log/level", NULL, "{\"subsystem\":\"sip\",\"level\":\"debug\"}", 200, 0 },
	{ "POST", "/v1/log/level", NULL, "{\"level\":\"info\"}", 200, 0 },
	{ "POST", "/v1/log/level", NULL, "{\"call\":\"0123456789abcdef\"}", 200, 0 },
	{ "POST", "/v1/log/level", NULL, "{\"call\":null}", 200, 0 },
	{ "POST", "/v1/log/level", NULL, "{\"call\":7}", 400, 0 },
	{ "POST", "/v1/log/level", NULL, "{\"call\":\"0123\"}", 400, 0 },
	{ "POST", "/v1/log/level", NULL, "{\"call\":\" 123456789abcdef\"}", 400, 0 },
	{ "POST", "/v1/log/level", NULL, "{\"subsystem\":\"nothing\",\"level\":\"info\"}", 400, 0 },
	{ "POST", "/v1/log/level", NULL, "{\"subsystem\":1,\"level\":\"info\"}", 400, 0 },
	{ "POST", "/v1/log/level", NULL, "{\"level\":\"loud\"}", 400, 0 },
	{ "POST", "/v1/log/level", NULL, "{}", 400, 0 },
	{ "POST", "/v1/log/level", NULL, "[]", 400, 0 },
	{ "POST", "/v1/log/level", NULL, "", 400, 0 },
	{ "POST", "/v1/log/level", NULL, "{\"level\":\"info\",\"level\":\"debug\"}", 400, 0 },
	{ "POST", "/v1/log/level", NULL, "{\"level\":\"in", 400, 0 },
};

static void test_table(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct row *row = &rows[i];
		struct fake fake = { 0 };
		struct admin_request request = {
			.method = row->method,
			.path = row->path,
			.limit = row->limit,
			.body = span_str(row->body),
		};
		json_t *out;
		const char *allow;
		unsigned int status = admin_answer(&ops, &fake, &request, &out, &allow);
		if (status != row->status || fake.asked != row->asked)
			fail_msg("row %zu: %s %s: status %u, asked %u", i, row->method, row->path,
				status, fake.asked);
		assert_true(json_is_object(out));
		assert_int_equal(json_object_get(out, "error") != NULL, status != 200);
		assert_int_equal(allow != NULL, status == 405);
		json_decref(out);
	}
}

static void test_record_reaches_the_op(void **state)
{
	static const struct {
		int rc;
		unsigned int status;
	} cases[] = { { 0, 200 }, { -ENOENT, 404 }, { -EEXIST, 409 }, { -ENOSPC, 503 },
		{ -EINVAL, 400 }, { -ENOMEM, 503 }, { -ETIMEDOUT, 503 } };
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct fake fake = { .rc = cases[i].rc };
		struct admin_request request = { .method = "POST", .path = "/v1/recordings",
			.body = SPAN_LIT("{\"call\":\"00000000000000aB\",\"decrypted\":true,"
				"\"file\":\"mine\"}") };
		json_t *out;
		const char *allow;
		assert_int_equal(
			admin_answer(&ops, &fake, &request, &out, &allow), cases[i].status);
		assert_int_equal(json_object_get(out, "error") != NULL, cases[i].rc != 0);
		json_decref(out);
		assert_int_equal(fake.record.call, 0xab);
		assert_true(fake.record.is_decrypted);
		assert_false(fake.record.is_stop);
		assert_string_equal(fake.file, "mine");
	}
}

static void test_limit_reaches_the_op(void **state)
{
	static const struct {
		const char *text;
		uint32_t want;
	} cases[] = { { NULL, ADMIN_LIMIT_DEFAULT }, { "0", 0 }, { "17", 17 } };
	(void)state;
	for (int i = 0; i < 3; i++) {
		struct fake fake = { .limit = 4711 };
		struct admin_request request = {
			.method = "GET", .path = "/v1/calls", .limit = cases[i].text };
		json_t *out;
		const char *allow;
		assert_int_equal(admin_answer(&ops, &fake, &request, &out, &allow), 200);
		assert_int_equal(fake.limit, cases[i].want);
		json_decref(out);
	}
}

static void test_silent_worker_is_503(void **state)
{
	static const char *const paths[] = { "/v1/calls", "/v1/calls/ended", "/v1/trunks",
		"/v1/metrics" };
	static const int errors[] = { -ETIMEDOUT, -ENOMEM, -EIO };
	(void)state;
	for (int i = 0; i < 12; i++) {
		struct fake fake = { .rc = errors[i / 4] };
		struct admin_request request = { .method = "GET", .path = paths[i % 4] };
		json_t *out;
		const char *allow;
		assert_int_equal(admin_answer(&ops, &fake, &request, &out, &allow), 503);
		assert_true(json_is_string(json_object_get(out, "error")));
		json_decref(out);
	}
}

static void test_levels_take_effect(void **state)
{
	struct fake fake = { 0 };
	struct log_config config = { .level = LOG_LEVEL_WARN, .fd = 2, .process = "test" };
	struct admin_request request = { .method = "POST", .path = "/v1/log/level" };
	json_t *out;
	const char *allow;
	(void)state;

	log_init(&config);
	assert_false(log_is_on(LOG_SIP, LOG_LEVEL_DEBUG, 0));
	request.body = SPAN_LIT("{\"subsystem\":\"sip\",\"level\":\"debug\"}");
	assert_int_equal(admin_answer(&ops, &fake, &request, &out, &allow), 200);
	json_decref(out);
	assert_true(log_is_on(LOG_SIP, LOG_LEVEL_DEBUG, 0));
	assert_false(log_is_on(LOG_CALL, LOG_LEVEL_INFO, 0));
	request.body = SPAN_LIT("{\"level\":\"error\"}");
	assert_int_equal(admin_answer(&ops, &fake, &request, &out, &allow), 200);
	json_decref(out);
	assert_false(log_is_on(LOG_SIP, LOG_LEVEL_WARN, 0));
	request.body = SPAN_LIT("{\"call\":\"00000000000000ff\"}");
	assert_int_equal(admin_answer(&ops, &fake, &request, &out, &allow), 200);
	json_decref(out);
	assert_true(log_is_on(LOG_CALL, LOG_LEVEL_DEBUG, 0xff));
	assert_false(log_is_on(LOG_CALL, LOG_LEVEL_DEBUG, 0xfe));
	log_set_call(0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_record_reaches_the_op),
		cmocka_unit_test(test_limit_reaches_the_op),
		cmocka_unit_test(test_silent_worker_is_503),
		cmocka_unit_test(test_levels_take_effect),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
