// muga-signaling as a program: options, exit status, one instance, start and stop, in the
// foreground and in the background.
#include "unit/program.h"

#include <sys/stat.h>

static char dir[64], config[128];

static void path_of(const char *name, char out[160])
{
	snprintf(out, 160, "%s/%s", dir, name);
}

static void write_config(const char *limits)
{
	FILE *file = fopen(config, "w");

	assert_non_null(file);
	// Port 0 would not do: Via and Contact show the port. Nobody else has this address.
	fprintf(file, "version: 1\nnode: { workers: 1, run_dir: %s/run }\n"
		"dataplane: { devices: { a: { kind: \"null\" } } }\n"
		"realms:\n  r:\n    sip: [ { udp: \"127.9.%u.%u:5060\" } ]\n"
		"    media: { addresses: [ 127.9.0.1 ], ports: 20000-20255 }\n"
		"limits: { calls: %s }\n", dir, (unsigned)getpid() >> 8 & 0xff,
		(unsigned)getpid() & 0xff, limits);
	fclose(file);
}

static int set_up(void **state)
{
	(void)state;
	strcpy(dir, "/tmp/muga-main-XXXXXX");
	if (!mkdtemp(dir))
		return -1;
	snprintf(config, sizeof(config), "%s/muga.yaml", dir);
	write_config("10");
	return 0;
}

static int tear_down(void **state)
{
	static const char *const files[] = { "muga.yaml", "run/muga-signaling.log",
		"run/shm/signaling.seg" };
	static const char *const folders[] = { "run/shm", "run", "." };
	char path[160];

	(void)state;
	for (uint32_t i = 0; i < 3; i++) {
		path_of(files[i], path);
		unlink(path);
	}
	// What should have been taken away, and was not, keeps a folder from going.
	for (uint32_t i = 0; i < 2; i++) {
		path_of(folders[i], path);
		rmdir(path);
	}
	return rmdir(dir);
}

static void options(void **state)
{
	static const struct {
		const char *args[4];
		int status;
		const char *text;
	} cases[] = {
		{ { "--help" }, 0, "usage: muga-signaling" },
		{ { "--version" }, 0, "muga-signaling " MUGA_VERSION "\n" },
		{ { NULL }, 2, "usage: muga-signaling" },
		{ { "--nonsense" }, 2, "usage: muga-signaling" },
		{ { "--config", "/dev/null", "more" }, 2, "usage: muga-signaling" },
		{ { "--config", "/nonexistent" }, 2, "/nonexistent: No such file or directory" },
		{ { "--config", "/dev/null" }, 2, "/dev/null:1:1: " },
	};
	struct program p;

	(void)state;
	for (uint32_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int status = program_run(&p, PROGRAM, cases[i].args);
		if (status != cases[i].status || !strstr(p.text, cases[i].text))
			fail_msg("case %u: status %d, %s", i, status, p.text);
	}
}

static void a_mistake_is_named(void **state)
{
	const char *const args[] = { "--config", config, NULL };
	struct program p;
	struct stat run;
	char path[160];

	(void)state;
	write_config("none");
	assert_int_equal(program_run(&p, PROGRAM, args), 2);
	assert_non_null(strstr(p.text, "muga.yaml:8:18: limits.calls: expected a number"));
	path_of("run", path);
	assert_int_equal(stat(path, &run), -1); // nothing was touched
}

static void one_instance(void **state)
{
	const char *const args[] = { "--config", config, "--foreground", NULL };
	struct program first, second;
	char path[160];

	(void)state;
	path_of("run/muga-signaling.pid", path);
	program_start(&first, PROGRAM, args);
	assert_true(program_says(&first, " ready "));
	assert_int_equal(program_pid_of(path), first.pid);
	assert_int_equal(program_run(&second, PROGRAM, args), 1);
	assert_non_null(strstr(second.text, "start-up failed"));
	assert_int_equal(program_pid_of(path), first.pid); // the second one took nothing away
	kill(first.pid, SIGTERM);
	assert_int_equal(program_end(&first), 0);
	assert_non_null(strstr(first.text, "stopped status=0"));
	assert_int_equal(program_pid_of(path), 0);
}

static void background(void **state)
{
	const char *const args[] = { "--config", config, NULL };
	struct program p;
	char path[160];

	(void)state;
	path_of("run/muga-signaling.pid", path);
	assert_int_equal(program_run(&p, PROGRAM, args), 0); // it is ready when this returns
	pid_t pid = program_pid_of(path);
	assert_true(pid > 0 && pid != p.pid);
	assert_int_equal(kill(pid, SIGTERM), 0);
	assert_true(program_is_gone(pid));
	assert_int_equal(program_pid_of(path), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(options),
		TEST(a_mistake_is_named),
		TEST(one_instance),
		TEST(background),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
