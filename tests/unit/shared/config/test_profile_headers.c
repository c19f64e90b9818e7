// Keys `headers` of profiles: what a file says is what its peers get.
#include "unit/unit.h"

#include "config/config.h"

#include <stdlib.h>
#include <unistd.h>

#define REALMS                                                                                     \
	"realms:\n  a:\n    emergency: [110, \"112\"]\n    sip: [{udp: 192.0.2.1}]\n"              \
	"    media: {addresses: [192.0.2.8]}\n"

static struct config *load(const char *profiles)
{
	static char name[] = "/tmp/profile_headers_XXXXXX";
	struct config_error errors[4];
	struct config *config = NULL;
	uint32_t count = 0;
	char path[sizeof name];

	memcpy(path, name, sizeof name);
	int fd = mkstemp(path);
	assert_true(fd >= 0);
	FILE *file = fdopen(fd, "w");
	assert_non_null(file);
	fprintf(file, "version: 1\n%s" REALMS, profiles);
	assert_int_equal(fclose(file), 0);
	int err = config_load(path, &config, errors, 4, &count);
	unlink(path);
	if (err)
		fail_msg("%s: %s", errors[0].key, errors[0].message);
	return config;
}

static void defaults(void **state)
{
	struct config *config = load("");
	const struct profile_headers *headers = &config_profile(config, 0)->headers;

	(void)state;
	assert_int_equal(headers->requests, PROFILE_REQUEST_ALL);
	assert_int_equal(headers->pass_count, 0);
	assert_int_equal(headers->diversion, PROFILE_DIVERSION_NONE);
	assert_int_equal(headers->reason, PROFILE_REASON_PASS);
	assert_int_equal(headers->identity, PROFILE_ASSERT_NONE);
	assert_false(headers->is_session_id_off);
	assert_null(headers->agent);
	assert_null(headers->contact_host);
	assert_int_equal(config->realms[0].emergency_count, 2);
	assert_string_equal(config->realms[0].emergency[1], "112");
	config_free(config);
}

static void all_keys(void **state)
{
	struct config *config = load(
		"profiles:\n"
		"  default:\n    headers: {requests: none, session_id: false}\n"
		"  p:\n    headers:\n"
		"      pass: [X-A, User-to-User]\n"
		"      codes: {486: 600, 302: 404}\n"
		"      texts: {600: Engaged}\n"
		"      agent: Border 1\n      contact_host: a.example\n      via_host: b.example\n"
		"      from_host: c.example\n      to_host: d.example\n"
		"      identity: preferred\n      diversion: both\n      reason: q850\n"
		"      code_from_cause: true\n      warning: true\n"
		"      challenges: true\n"
		"      requests: [MESSAGE, OPTIONS]\n"
		"      rules:\n        in:\n"
		"          - {action: rename, name: s, to: X-Subject, methods: [INVITE, MESSAGE],"
		" messages: requests, when: \"Status: ^2\"}\n");
	const struct profile_headers *headers = &config_profile(config, 1)->headers;
	const struct profile_headers *usual = &config_profile(config, 0)->headers;

	(void)state;
	assert_int_equal(usual->requests, 0);
	assert_true(usual->is_session_id_off);
	assert_int_equal(headers->pass_count, 2);
	assert_string_equal(headers->pass[1], "User-to-User");
	assert_int_equal(headers->code_count, 2);
	assert_int_equal(headers->codes[1].status, 302);
	assert_int_equal(headers->codes[1].told, 404);
	assert_int_equal(headers->text_count, 1);
	assert_true(span_eq(headers->texts[0].text, SPAN_LIT("Engaged")));
	assert_string_equal(headers->agent, "Border 1");
	assert_string_equal(headers->contact_host, "a.example");
	assert_string_equal(headers->via_host, "b.example");
	assert_string_equal(headers->from_host, "c.example");
	assert_string_equal(headers->to_host, "d.example");
	assert_int_equal(headers->identity, PROFILE_ASSERT_PREFERRED);
	assert_int_equal(headers->diversion, PROFILE_DIVERSION_BOTH);
	assert_int_equal(headers->reason, PROFILE_REASON_Q850);
	assert_true(headers->is_code_from_cause && headers->is_warning_passed);
	assert_true(headers->is_challenge_passed && !usual->is_challenge_passed);
	assert_int_equal(headers->requests, PROFILE_REQUEST_MESSAGE | PROFILE_REQUEST_OPTIONS);
	assert_int_equal(headers->in.count, 1);
	assert_int_equal(headers->out.count, 0);
	const struct header_rule *rule = &headers->in.list[0];
	assert_int_equal(rule->action, HEADER_RENAME);
	assert_string_equal(rule->name, "Subject"); // the compact form is known
	assert_string_equal(rule->to, "X-Subject");
	assert_int_equal(rule->method_count, 2);
	assert_int_equal(rule->messages, HEADER_IN_REQUESTS);
	assert_string_equal(rule->when_name, "Status");
	assert_non_null(rule->when);
	config_free(config);
}

// A profile that nobody has, in a configuration made by hand.
static void without_profiles(void **state)
{
	static const struct config config;

	(void)state;
	assert_string_equal(config_profile(&config, 7)->name, "default");
	assert_int_equal(config_profile(&config, 0)->headers.requests, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults),
		cmocka_unit_test(all_keys),
		cmocka_unit_test(without_profiles),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
