// muga-media as a program: options, exit status, start and stop in the background.
#include "shm/segment.h"
#include "unit/program.h"

static char dir[64], config[128];
static struct shm_map signaling;

static void path_of(const char *name, char out[160])
{
	snprintf(out, 160, "%s/%s", dir, name);
}

static int set_up(void **state)
{
	(void)state;
	strcpy(dir, "/tmp/muga-main-XXXXXX");
	if (!mkdtemp(dir))
		return -1;
	snprintf(config, sizeof(config), "%s/muga.yaml", dir);
	FILE *file = fopen(config, "w");
	assert_non_null(file);
	fprintf(file, "version: 1\nnode: { run_dir: %s/run, shm_dir: %s }\n"
		"dataplane:\n  hugepages: false\n  memory: 64MiB\n"
		"  devices: { a: { kind: \"null\" } }\n"
		"realms:\n  r:\n    sip: [ { udp: \"127.9.0.1:5060\" } ]\n"
		"    media: { addresses: [ 127.9.0.1 ], ports: 20000-20255 }\n", dir, dir);
	fclose(file);
	return 0;
}

static int tear_down(void **state)
{
	static const char *const files[] = { "muga.yaml", "run/muga-media.log", "media.seg",
		"signaling.seg" };
	char path[160];

	(void)state;
	for (uint32_t i = 0; i < 4; i++) {
		path_of(files[i], path);
		unlink(path);
	}
	path_of("run", path);
	rmdir(path);
	return rmdir(dir);
}

static void options(void **state)
{
	static const struct {
		const char *args[4];
		int status;
		const char *text;
	} cases[] = {
		{ { "--help" }, 0, "usage: muga-media" },
		{ { "--version" }, 0, "muga-media " MUGA_VERSION "\n" },
		{ { NULL }, 2, "usage: muga-media" },
		{ { "--nonsense" }, 2, "usage: muga-media" },
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

// The command returns when media is forwarded; its child goes on, and takes its pid file along.
static void background(void **state)
{
	const char *const args[] = { "--config", config, NULL };
	struct shm_geometry geometry = { .addresses = 1, .flows = 1024, .workers = 1, .lanes = 1 };
	struct program p;
	char path[160];

	(void)state;
	assert_int_equal(shm_signaling_create(dir, &geometry, &signaling), 0);
	path_of("run/muga-media.pid", path);
	assert_int_equal(program_run(&p, PROGRAM, args), 0);
	pid_t pid = program_pid_of(path);
	assert_true(pid > 0 && pid != p.pid);
	// Another one finds the lock held, and says so by its status.
	assert_int_equal(program_run(&p, PROGRAM, args), 1);
	assert_int_equal(program_pid_of(path), pid);
	assert_int_equal(kill(pid, SIGTERM), 0);
	assert_true(program_is_gone(pid));
	assert_int_equal(program_pid_of(path), 0);
	shm_close(&signaling);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(options),
		TEST(background),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
