// The EAL command line: lanes on their CPUs, everybody else off them.
#include "eal.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static bool has(const struct eal_args *args, const char *text)
{
	for (int i = 0; i < args->count; i++)
		if (!strcmp(args->list[i], text))
			return true;
	return false;
}

static void test_eal_args(void **state)
{
	struct config_dataplane dataplane = { .cores = { 1, 3 }, .lanes = 2, .memory_mb = 256 };
	struct eal_args args;

	(void)state;
	assert_int_equal(eal_args_build(&dataplane, 4, &args), 0);
	assert_true(has(&args, "--lcores=0@(0,2),1@1,2@3"));
	assert_true(has(&args, "--no-huge"));
	assert_true(has(&args, "--file-prefix=muga-media"));
	assert_false(has(&args, "--in-memory"));
	assert_null(args.list[args.count]);
	dataplane.is_hugepages = true;
	assert_int_equal(eal_args_build(&dataplane, 4, &args), 0);
	assert_true(has(&args, "--in-memory"));
	assert_int_equal(eal_args_build(&dataplane, 3, &args), -EINVAL);
	dataplane.cores[1] = 0; // lanes on every CPU: the main thread shares them
	assert_int_equal(eal_args_build(&dataplane, 2, &args), 0);
	assert_true(has(&args, "--lcores=0@(0,1),1@1,2@0"));
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_eal_args) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
