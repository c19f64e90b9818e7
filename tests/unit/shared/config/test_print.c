// The printed schema: a key, its help, and how its value looks.
#include "loader.h"

#include <stdio.h>

static char *text;
static size_t len;

static int print_schema(void **state)
{
	(void)state;
	FILE *out = open_memstream(&text, &len);
	if (!out)
		return -1;
	config_print_schema(out);
	return fclose(out);
}

static int free_text(void **state)
{
	(void)state;
	free(text);
	return 0;
}

static void test_blocks(void **state)
{
	static const char *const blocks[] = {
		"version\n\tof the file's form; this program reads 1\n\t1; required; restart\n",
		"\nnode\n\tthis machine\n\tmap\n",
		"\nnode.log.level\n\tleast severe line that is written\n"
		"\terror | warn | info | debug; default info; live\n",
		"\nnode.secret\n\tkey material for tags and tokens, or file:PATH; default: "
		"random at each start\n\tsecret or file:PATH; restart\n",
		"\nrealms\n\tnetwork sides; each owns its addresses\n\tmap; required\n",
		"\nrealms.NAME.trusted\n\tidentity headers of the realm are believed (RFC 3325)\n"
		"\ttrue or false; default false; live\n",
		"\nrealms.NAME.sip[].udp\n",
		"\nrealms.NAME.media.ports\n",
		"\nrealms.NAME.media.addresses\n"
		"\tlocal media addresses, owned by this realm alone\n"
		"\tlist of: a local IP address; required; restart\n",
		"\ntrunks.NAME.limits.calls\n\tconcurrent calls, 0 = no limit\n"
		"\t0..10000000; default 0; live\n",
		"\nroutes\n\twhere calls go; the first match in written order wins\n\tlist\n",
		"\nlimits.quarantine\n\trest of a media port before it serves another call\n"
		"\t0s..300s; default 5s; restart\n",
	};
	(void)state;
	for (size_t i = 0; i < COUNT_OF(blocks); i++) {
		const char *found = strstr(text, blocks[i]);
		if (!found)
			fail_msg("missing: %s", blocks[i]);
		assert_null(strstr(found + 1, blocks[i]));
	}
}

static uint32_t count_printed(const struct config_item *items)
{
	uint32_t count = 0;
	for (; items->key; items++) {
		if (items->type != CONFIG_TYPE_LATER)
			count += 1 + (items->items ? count_printed(items->items) : 0);
	}
	return count;
}

// Three lines for each key of this version, no word of a later one, nothing that printf() made up.
static void test_all_of_it(void **state)
{
	uint32_t keys = 0, lines = 0;
	(void)state;
	for (size_t i = 0; i < len; i++) {
		if (text[i] != '\n')
			continue;
		lines++;
		keys += i + 1 < len && text[i + 1] != '\t';
	}
	assert_int_equal(keys + 1, count_printed(config_schema));
	assert_int_equal(lines, 3 * count_printed(config_schema));
	assert_null(strstr(text, "(null)"));
	assert_null(strstr(text, "\ntrunk_groups"));
	assert_null(strstr(text, ".site\n"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_blocks),
		cmocka_unit_test(test_all_of_it),
	};
	return cmocka_run_group_tests(tests, print_schema, free_text);
}
