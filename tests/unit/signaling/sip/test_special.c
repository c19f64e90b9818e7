// The bytes that are no printable ASCII, each one once and in order, against a look at every byte.
#include "guard.h"
#include "sip/special.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define TEXT 200u // more than three blocks

static bool naive_is_special(char c)
{
	return (unsigned char)c < 0x20 || (unsigned char)c > 0x7f;
}

// All of [p, p + len), then the end again and again.
static void check_scan(const char *p, uint32_t len)
{
	struct special_scan scan;
	special_init(&scan, p, p + len);
	for (uint32_t i = 0; i < len; i++) {
		if (naive_is_special(p[i]))
			assert_ptr_equal(special_next(&scan), p + i);
	}
	for (uint32_t k = 0; k < 3; k++)
		assert_ptr_equal(special_next(&scan), p + len);
}

static void every_byte_at_every_place(void **state)
{
	char text[TEXT];
	(void)state;
	memset(text, 'a', sizeof(text));
	for (uint32_t k = 0; k < TEXT * 256; k++) {
		uint32_t at = k / 256;
		text[at] = (char)k;
		check_scan(guard_place(text, sizeof(text)), sizeof(text));
		text[at] = ' ' + (char)(at % 95);
	}
}

static void every_length_and_alignment(void **state)
{
	char text[TEXT];
	uint64_t random = 1;
	(void)state;
	for (uint32_t k = 0; k < TEXT; k++) {
		random = random * 6364136223846793005u + 1442695040888963407u;
		text[k] = (char)(random >> 59 == 0 ? random >> 40 : ' ' + (random >> 40) % 95);
	}
	for (uint32_t len = 0; len <= TEXT; len++) {
		const char *p = guard_place(text, sizeof(text));
		check_scan(p, len);
		check_scan(p + (TEXT - len), len);
		for (uint32_t align = 0; align < 64 && align <= len; align++)
			check_scan(p + align, len - align);
	}
}

static void skipping_is_taking(void **state)
{
	char text[TEXT];
	struct special_scan a, b;
	(void)state;
	memset(text, '\r', sizeof(text));
	special_init(&a, text, text + TEXT);
	special_init(&b, text, text + TEXT);
	for (uint32_t i = 0; i < TEXT / 2; i++) {
		special_next(&a);
		special_next(&a);
		special_skip(&b);
		special_next(&b);
		assert_ptr_equal(a.base, b.base);
		assert_int_equal(a.mask, b.mask);
	}
	assert_ptr_equal(special_next(&b), text + TEXT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_byte_at_every_place),
		cmocka_unit_test(every_length_and_alignment),
		cmocka_unit_test(skipping_is_taking),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
