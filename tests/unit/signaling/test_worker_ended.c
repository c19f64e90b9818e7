// The log line of an ended call, and the ring of those remembered.
#include "worker_private.h"

#include "base/log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

static struct worker *worker;
static FILE *log_file;

static int set_up(void **state)
{
	(void)state;
	worker = aligned_alloc(_Alignof(struct worker), sizeof(*worker));
	memset(worker, 0, sizeof(*worker));
	log_file = tmpfile();
	log_init(&(struct log_config){ .level = LOG_LEVEL_INFO, .fd = fileno(log_file),
		.process = "signaling" });
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	log_init(&(struct log_config){ .level = LOG_LEVEL_INFO, .fd = 2, .process = "test" });
	fclose(log_file);
	free(worker);
	return 0;
}

static struct call_summary summary_make(const char *from, const char *to)
{
	struct call_summary summary = { .cause = CALL_CAUSE_BYE, .ended_by = CALL_LEG_B,
		.code = 200 };
	snprintf(summary.info.from, sizeof(summary.info.from), "%s", from);
	snprintf(summary.info.to, sizeof(summary.info.to), "%s", to);
	snprintf(summary.info.codec, sizeof(summary.info.codec), "PCMA");
	summary.info.token = 0xabcdef;
	summary.info.duration_ms = 1234;
	return summary;
}

static const char *logged(void)
{
	static char text[4096];
	rewind(log_file);
	size_t len = fread(text, 1, sizeof(text) - 1, log_file);
	text[len] = '\0';
	return text;
}

static void a_call_by_line(void **state)
{
	struct call_summary summary = summary_make("55", "+49100");
	(void)state;
	summary.info.legs[CALL_LEG_A].packets = 61;
	summary.info.legs[CALL_LEG_A].lost = 2;
	summary.info.legs[CALL_LEG_A].mos = 4.25;
	worker_call_ended(worker, &summary);
	assert_non_null(strstr(logged(), "call_end from=55 to=+49100 cause=bye by=b code=200 "
		"emergency=no session_id=- "
		"codec=PCMA setup_ms=0 duration_ms=1234 "));
	assert_non_null(strstr(logged(), "a_packets=61 a_lost=2 "));
	assert_non_null(strstr(logged(), "a_mos=4.25"));
	assert_non_null(strstr(logged(), "b_trunk=- "));
}

// Who ended it is told of a BYE only; a call without media has no codec.
static void other_causes(void **state)
{
	struct call_summary summary = summary_make("a", "b");
	(void)state;
	summary.cause = CALL_CAUSE_CANCEL;
	summary.info.codec[0] = '\0';
	worker_call_ended(worker, &summary);
	assert_non_null(strstr(logged(), "cause=cancel by=- "));
	assert_non_null(strstr(logged(), " codec=- "));
}

// Names come from the network and must not forge fields or lines.
static void hostile_names(void **state)
{
	static const struct {
		const char *name;
		const char *shown;
	} cases[] = {
		{ "x cause=bye", "from=x?cause?bye " },
		{ "a\nb", "from=a?b " },
		{ "\"q\\", "from=?q? " },
		{ "\xff\x7f\x01", "from=??? " },
		{ "", "from= " },
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct call_summary summary = summary_make(cases[i].name, "b");
		worker_call_ended(worker, &summary);
		assert_non_null(strstr(logged(), cases[i].shown));
	}
	assert_int_equal(worker->ended.count, 5);
}

static void newest_first(void **state)
{
	(void)state;
	assert_null(worker_ended_at(worker, 0));
	for (uint32_t i = 0; i < WORKER_ENDED_MAX + 10; i++) {
		struct call_summary summary = summary_make("a", "b");
		summary.info.token = i;
		worker_call_ended(worker, &summary);
		assert_int_equal(worker_ended_at(worker, 0)->info.token, i);
		if (i == 2) {
			assert_int_equal(worker_ended_at(worker, 2)->info.token, 0);
			assert_null(worker_ended_at(worker, 3));
		}
	}
	assert_int_equal(worker_ended_at(worker, WORKER_ENDED_MAX - 1)->info.token, 10);
	assert_null(worker_ended_at(worker, WORKER_ENDED_MAX));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_call_by_line, set_up, tear_down),
		cmocka_unit_test_setup_teardown(other_causes, set_up, tear_down),
		cmocka_unit_test_setup_teardown(hostile_names, set_up, tear_down),
		cmocka_unit_test_setup_teardown(newest_first, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
