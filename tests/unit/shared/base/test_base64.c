// test_base64.c - RFC 4648 10, every length, and text that is none.
#include "base/base64.h"
#include "unit/unit.h"

#include <errno.h>

static void test_rfc_4648_10(void **state)
{
	static const struct {
		const char *bytes, *text;
	} rows[] = { { "", "" }, { "f", "Zg==" }, { "fo", "Zm8=" }, { "foo", "Zm9v" },
		{ "foob", "Zm9vYg==" }, { "fooba", "Zm9vYmE=" }, { "foobar", "Zm9vYmFy" } };
	(void)state;

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		char text[16] = { 0 };
		uint8_t bytes[8];
		size_t len = strlen(rows[i].bytes);

		base64_encode((const uint8_t *)rows[i].bytes, len, text);
		assert_string_equal(text, rows[i].text);
		assert_int_equal(base64_decode(span_str(text), bytes, sizeof(bytes)), len);
		assert_memory_equal(bytes, rows[i].bytes, len);
	}
}

static void test_all_bytes(void **state)
{
	uint8_t bytes[256], back[256];
	char text[BASE64_BYTES(256)];
	(void)state;

	for (uint32_t i = 0; i < 256; i++)
		bytes[i] = (uint8_t)(i * 7);
	for (uint32_t len = 0; len <= 256; len++) {
		base64_encode(bytes, len, text);
		struct span span = span_make(text, BASE64_BYTES(len));
		assert_int_equal(base64_decode(span, back, sizeof(back)), len);
		assert_memory_equal(back, bytes, len);
		if (len > 0)
			assert_int_equal(base64_decode(span, back, len - 1), -ENOSPC);
	}
}

static void test_no_base64(void **state)
{
	static const char *const texts[] = { "Z", "Zg=", "Zh==", "Zm9=", "Zm8==", "Z=g=", "Zm 8",
		"Zm9v=", "====", "Zm9v====", "Zm9-" };
	uint8_t bytes[16];
	(void)state;

	for (size_t i = 0; i < COUNT_OF(texts); i++)
		assert_int_equal(base64_decode(span_str(texts[i]), bytes, 16), -EINVAL);
	assert_int_equal(base64_decode(SPAN_LIT("Zg"), bytes, 16), 1); // padding left out
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rfc_4648_10),
		cmocka_unit_test(test_all_bytes),
		cmocka_unit_test(test_no_base64),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
