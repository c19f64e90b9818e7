// config.c - loads every *.yaml of this folder and compares what is wrong with *.expected.
#include "config/config.h"
#include "unit/unit.h"

#include <dirent.h>
#include <stdlib.h>

#define FOLDER      TESTS_DIR "/golden/config"
#define ERRORS_MAX  64u
#define TEXT_MAX    16384u

static void render(const struct config_error *errors, uint32_t count, char *out)
{
	size_t len = 0;
	out[0] = '\0';
	for (uint32_t i = 0; i < count; i++) {
		int added = snprintf(out + len, TEXT_MAX - len, "%u:%u: %s%s%s\n", errors[i].line,
			errors[i].column, errors[i].key, errors[i].key[0] ? ": " : "",
			errors[i].message);
		assert_true(added > 0 && (size_t)added < TEXT_MAX - len);
		len += (size_t)added;
	}
}

static void read_text(const char *path, char *out)
{
	FILE *file = fopen(path, "r");
	if (!file)
		fail_msg("%s is missing", path);
	size_t len = fread(out, 1, TEXT_MAX - 1, file);
	out[len] = '\0';
	fclose(file);
}

static void check_file(const char *name)
{
	static struct config_error errors[ERRORS_MAX];
	static char found[TEXT_MAX], expected[TEXT_MAX];
	struct config *const untouched = (struct config *)&errors;
	struct config *config = untouched;
	char path[512];
	uint32_t count = 0;
	snprintf(path, sizeof path, FOLDER "/%.*s.expected", (int)(strlen(name) - 5), name);
	read_text(path, expected);
	snprintf(path, sizeof path, FOLDER "/%s", name);
	int err = config_load(path, &config, errors, ERRORS_MAX, &count);
	render(errors, count, found);
	if (strcmp(found, expected) != 0)
		fail_msg("%s: expected\n%sfound\n%s", name, expected, found);
	assert_int_equal(err, expected[0] ? -22 : 0);
	if (err)
		assert_ptr_equal(config, untouched); // nothing changes on a mistake
	else
		config_free(config);
	for (uint32_t i = 0; i < count; i++)
		assert_string_equal(errors[i].file, path);
}

static int is_yaml(const struct dirent *entry)
{
	size_t len = strlen(entry->d_name);
	return len > 5 && strcmp(entry->d_name + len - 5, ".yaml") == 0;
}

static void test_all_files(void **state)
{
	struct dirent **entries;
	(void)state;
	assert_int_equal(setenv("MUGA_GOLDEN_PORTS", "30000-40000", 1), 0);
	assert_int_equal(unsetenv("MUGA_GOLDEN_UNSET"), 0);
	int count = scandir(FOLDER, &entries, is_yaml, alphasort);
	assert_true(count >= 10);
	for (int i = 0; i < count; i++) {
		check_file(entries[i]->d_name);
		free(entries[i]);
	}
	free(entries);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_files),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
