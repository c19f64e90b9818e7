// Names and numbers of headers, by the whole name and at one glance at a line.
#include "guard.h"
#include "sip/header_name.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>

static const struct {
	enum sip_header_id id;
	const char *name;
	char compact;
} headers[] = {
#define HEADER(id, name, compact, flags) { SIP_HEADER_##id, name, compact },
#include "sip/header.def"
#undef HEADER
};

static void every_header_is_found(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
		char upper[64];
		struct span name = span_str(headers[i].name);
		for (uint32_t k = 0; k < name.len; k++)
			upper[k] = (char)(name.ptr[k] >= 'a' && name.ptr[k] <= 'z' ?
					name.ptr[k] - 32 :
					name.ptr[k]);
		if (sip_header_lookup(name) != headers[i].id)
			fail_msg("%s: its bucket in header_hash.def is wrong", headers[i].name);
		assert_int_equal(sip_header_lookup(span_make(upper, name.len)), headers[i].id);
		assert_true(span_eq(sip_header_name(headers[i].id), name));
		if (name.len > 2) // "T" of "To" is a compact form
			assert_int_equal(sip_header_lookup(span_sub(name, 0, name.len - 1)),
				SIP_HEADER_OTHER);
		if (headers[i].compact)
			assert_int_equal(sip_header_lookup(span_make(&headers[i].compact, 1)),
				headers[i].id);
	}
	assert_int_equal(sizeof(headers) / sizeof(headers[0]), SIP_HEADER_COUNT - 1);
	static const char *const unknown[] = { "", "z", "Vib", "X-Foo", "Call_ID", "Froo", "CSeqq",
		"Call\rID", "Max\rForwards", "T/" };
	for (size_t i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++)
		assert_int_equal(sip_header_lookup(span_str(unknown[i])), SIP_HEADER_OTHER);
}

// What a glance at a line says must be what looking its name up says.
static void check_glance(const char *line, uint32_t len, uint32_t colon)
{
	const char *p = guard_place(line, len);
	uint32_t found = 0;
	enum sip_header_id id = header_name_glance(text_of(span_make(p, len)), p, &found);
	if (id == SIP_HEADER_OTHER)
		return;
	assert_int_equal(sip_header_lookup(span_make(p, found)), id);
	assert_int_equal(found, colon);
	assert_int_equal(p[found], ':');
}

static void a_glance_agrees_with_a_look(void **state)
{
	char line[64];
	(void)state;
	for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
		int len = snprintf(line, sizeof(line), "%s: a value behind it", headers[i].name);
		uint32_t colon = (uint32_t)strlen(headers[i].name);
		for (uint32_t k = 0; k < colon * 256; k++) {
			char was = line[k / 256];
			line[k / 256] = (char)k;
			// A colon in the name makes it a shorter one.
			check_glance(line, (uint32_t)len, k % 256 == ':' ? k / 256 : colon);
			line[k / 256] = was;
		}
		for (uint32_t room = 0; room <= (uint32_t)len; room++)
			check_glance(line, room, colon);
	}
}

static void known_names_are_seen_at_a_glance(void **state)
{
	(void)state;
#ifndef __SSSE3__
	skip();
#endif
	for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
		char line[64];
		uint32_t colon = 0;
		snprintf(line, sizeof(line), "%s:%16s", headers[i].name, "");
		struct text t = text_of(span_str(line));
		bool is_short = strlen(headers[i].name) < TEXT_BLOCK;
		assert_int_equal(header_name_glance(t, line, &colon),
			is_short ? headers[i].id : SIP_HEADER_OTHER);
		if (!headers[i].compact)
			continue;
		snprintf(line, sizeof(line), "%c:%16s", headers[i].compact, "");
		assert_int_equal(
			header_name_glance(text_of(span_str(line)), line, &colon), headers[i].id);
		assert_int_equal(colon, 1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_header_is_found),
		cmocka_unit_test(a_glance_agrees_with_a_look),
		cmocka_unit_test(known_names_are_seen_at_a_glance),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
