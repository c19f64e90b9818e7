// Where media may be sent to.
#include "fixture.h"

#include "call/core_private.h"

static struct config config;

static struct ip ip_of(const char *text)
{
	struct ip ip;

	assert_int_equal(ip_parse(span_str(text), &ip), 0);
	return ip;
}

static int set_up(void **state)
{
	static const char *const media[] = { "192.0.2.1", "198.51.100.1", "192.0.2.7",
		"127.0.0.11" };

	(void)state;
	memset(&config, 0, sizeof(config));
	config.realm_count = 4;
	for (uint32_t i = 0; i < 4; i++) {
		config.realms[i].media_count = 1;
		config.realms[i].media[0] = ip_of(media[i]);
	}
	config.realms[0].advertise = ip_of("203.0.113.9");
	config.realms[2].vlan = 7; // another network
	config.realms[3].device = 1;
	return 0;
}

static void allowed(void **state)
{
	static const struct {
		uint32_t realm;
		const char *ip;
		bool is_allowed;
	} cases[] = {
		{ 0, "192.0.2.200", true },
		{ 0, "10.0.0.1", true },
		{ 0, "2001:db8::1", true },
		{ 0, "192.0.2.1", false },         // own
		{ 0, "198.51.100.1", false },      // of another realm on the same wire
		{ 1, "192.0.2.1", false },
		{ 1, "203.0.113.9", false },       // as the world sees it
		{ 0, "192.0.2.7", true },          // ours in another network: somebody else's here
		{ 2, "192.0.2.1", true },
		{ 2, "192.0.2.7", false },
		{ 0, "127.0.0.1", false },
		{ 0, "::1", false },
		{ 0, "169.254.9.9", false },
		{ 0, "fe80::1", false },
		{ 0, "224.0.0.1", false },
		{ 0, "ff02::1", false },
		{ 0, "255.255.255.255", false },
		{ 0, "0.0.0.0", false },
		{ 3, "127.0.0.5", true },          // a realm that lives on the loopback
		{ 3, "127.0.0.11", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct ip ip = ip_of(cases[i].ip);

		if (media_is_allowed_remote(&config, cases[i].realm, &ip) != cases[i].is_allowed)
			fail_msg("realm %u, %s", cases[i].realm, cases[i].ip);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test_setup(allowed, set_up) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
