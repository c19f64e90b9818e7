// test_log.c - lines through a pipe: form, escapes, levels, the cut.
#include "base/log.h"
#include "unit/unit.h"

#include <ctype.h>
#include <fcntl.h>
#include <unistd.h>

static int pipe_fds[2];

static void start(bool is_json, enum log_level level)
{
	struct log_config config = { .level = level, .is_json = is_json, .fd = pipe_fds[1],
		.process = "test" };
	log_init(&config);
	log_set_call(0);
}

// What was written since the last call, without the time of a text line.
static const char *written(void)
{
	static char text[8192];
	ssize_t len = read(pipe_fds[0], text, sizeof text - 1);
	text[len > 0 ? len : 0] = '\0';
	return text;
}

static const char *after_time(const char *line)
{
	// 2026-01-02T03:04:05.678Z and a blank
	assert_true(strlen(line) > 25 && line[10] == 'T' && line[23] == 'Z' && line[24] == ' ');
	for (int i = 0; i < 4; i++)
		assert_true(isdigit((unsigned char)line[i]));
	return line + 25;
}

static void test_text(void **state)
{
	(void)state;
	start(false, LOG_LEVEL_INFO);
	LOG_INFO(MAIN, "ready", "pid=%d", 7);
	assert_string_equal(after_time(written()), "info main ready pid=7\n");
	LOG_AT(CALL, WARN, 0xabcull, "ended", "code=%d", 486);
	assert_string_equal(after_time(written()),
		"warn call call=0000000000000abc ended code=486\n");
}

static void test_levels(void **state)
{
	(void)state;
	start(false, LOG_LEVEL_WARN);
	LOG_INFO(SIP, "hidden", "a=%d", 1);
	assert_string_equal(written(), "");
	log_set_level(LOG_SIP, LOG_LEVEL_DEBUG);
	LOG_DEBUG(SIP, "seen", "a=%d", 1);
	assert_string_equal(after_time(written()), "debug sip seen a=1\n");
	LOG_INFO(CALL, "hidden", "a=%d", 1);
	assert_string_equal(written(), "");
	log_set_call(42);
	LOG_AT(CALL, DEBUG, 42, "traced", "a=%d", 1);
	assert_non_null(strstr(written(), "call=000000000000002a traced a=1"));
	LOG_AT(CALL, DEBUG, 43, "other", "a=%d", 1);
	assert_string_equal(written(), "");
}

static void test_hostile_text(void **state)
{
	char quoted[LOG_QUOTE_MAX];
	(void)state;
	start(false, LOG_LEVEL_INFO);
	LOG_INFO(SIP, "bad", "name=%s", "x\n2026 info main forged");
	assert_string_equal(after_time(written()), "info sip bad name=x\\n2026 info main forged\n");
	LOG_INFO(SIP, "bad", "name=%s", "\x1b[2J\xff\x01");
	assert_string_equal(after_time(written()), "info sip bad name=\\u001b[2J\\u00ff\\u0001\n");
	LOG_INFO(
		SIP, "bad", "name=%s code=%d", log_quote(SPAN_LIT("a\" code=200 \\"), quoted), 400);
	assert_string_equal(after_time(written()),
		"info sip bad name=\"a\\\" code=200 \\\\\" code=400\n");
}

static void test_quote_cuts(void **state)
{
	char quoted[LOG_QUOTE_MAX], text[1000];
	(void)state;
	memset(text, '"', sizeof text);
	log_quote(span_make(text, sizeof text), quoted);
	size_t len = strlen(quoted);
	assert_in_range(len, LOG_QUOTE_MAX - 8, LOG_QUOTE_MAX - 1);
	assert_string_equal(quoted + len - 6, "\\\"...\"");
	assert_string_equal(log_quote(SPAN_NONE, quoted), "\"\"");
}

static void test_json(void **state)
{
	char quoted[LOG_QUOTE_MAX];
	(void)state;
	start(true, LOG_LEVEL_INFO);
	LOG_AT(CALL, INFO, 0x1ull, "bad", "to=%s n=%d e= s=\"two words\"",
		log_quote(SPAN_LIT("a\"b\\c\n"), quoted), 5);
	const char *line = written();
	assert_int_equal(strncmp(line, "{\"time\":\"2", 10), 0);
	assert_non_null(strstr(line,
		"\"level\":\"info\",\"process\":\"test\",\"subsystem\":\"call\","
		"\"call\":\"0000000000000001\",\"event\":\"bad\",\"to\":\"a\\\"b\\\\c\\n\",\"n\":"
		"\"5\","
		"\"e\":\"\",\"s\":\"two words\"}\n"));
}

static void test_json_of_odd_text(void **state)
{
	(void)state;
	start(true, LOG_LEVEL_INFO);
	LOG_INFO(SIP, "odd", "%s", "no pairs \"here");
	assert_non_null(strstr(written(), "\"text\":\"no pairs \\\"here\"}\n"));
	// An open quote, a lone backslash, an escape that JSON does not know.
	LOG_INFO(SIP, "odd", "a=\"%s", "x\\");
	assert_non_null(strstr(written(), "\"text\":\"a=\\\"x\\\\\"}\n"));
	LOG_INFO(SIP, "odd", "a=\"%s\"", "\\q\\u12");
	assert_non_null(strstr(written(), "\"a\":\"\\\\q\\\\u12\"}\n"));
}

static void test_cut(void **state)
{
	static char longest[4000];
	(void)state;
	memset(longest, '\x01', sizeof longest - 1);
	start(false, LOG_LEVEL_INFO);
	LOG_INFO(SIP, "long", "a=%s", longest);
	const char *line = written();
	size_t len = strlen(line);
	assert_in_range(len, 1500, 2048);
	assert_string_equal(line + len - 4, "...\n");
	start(true, LOG_LEVEL_INFO);
	LOG_INFO(SIP, "long", "b=1 a=%s", longest);
	line = written();
	assert_in_range(strlen(line), 100, 2048);
	assert_non_null(strstr(line, "\"b\":\"1\",\"is_cut\":\"true\"}\n"));
}

static void test_lost_lines_are_counted(void **state)
{
	(void)state;
	struct log_config config = { .level = LOG_LEVEL_INFO, .fd = -1 };
	log_init(&config);
	uint64_t before = log_lost();
	LOG_INFO(SIP, "lost", "a=%d", 1);
	assert_int_equal(log_lost(), before + 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_levels),
		cmocka_unit_test(test_hostile_text),
		cmocka_unit_test(test_quote_cuts),
		cmocka_unit_test(test_json),
		cmocka_unit_test(test_json_of_odd_text),
		cmocka_unit_test(test_cut),
		cmocka_unit_test(test_lost_lines_are_counted),
	};
	if (pipe2(pipe_fds, O_NONBLOCK) != 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
