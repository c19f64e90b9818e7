// Bodies of several parts: what is read out of them, what they are refused for, and back.
#include "sip/multipart.h"

#include "unit/unit.h"

#include <errno.h>
#include <stdio.h>

#define MIXED "multipart/mixed;boundary=x"

static struct body_parts parts;

// "type[!][#choice]=data" of each leaf, joined by '|'; '!' = handling=optional.
static const char *list_of(void)
{
	static char text[4096];
	int len = 0;

	text[0] = '\0';
	for (uint32_t i = 0; i < parts.count; i++) {
		const struct body_part *part = &parts.part[i];

		len += snprintf(text + len, sizeof(text) - (size_t)len, "%s" SPAN_FMT "%s",
			i ? "|" : "", SPAN_ARG(part->type), part->is_optional ? "!" : "");
		if (part->choice)
			len += snprintf(text + len, sizeof(text) - (size_t)len, "#%u",
				part->choice);
		len += snprintf(text + len, sizeof(text) - (size_t)len, "=" SPAN_FMT,
			SPAN_ARG(part->data));
	}
	return text;
}

static void test_read(void **state)
{
	static const struct {
		const char *type, *body, *wanted; // NULL: refused
	} cases[] = {
		{ MIXED, "--x\r\nContent-Type: a/b\r\n\r\none\r\n--x--\r\n", "a/b=one" },
		{ MIXED, "--x\r\n\r\n--x--", "text/plain=" },
		{ MIXED, "--x\r\n\r\nno header\r\n--x--\r\nepilogue", "text/plain=no header" },
		{ MIXED, "preamble\r\n--x \t\r\nContent-Type: a/b\r\n\r\n1\r\n2\r\n--x\r\n"
			"c: c/d;p=1\r\n\r\n3\r\n--x--", "a/b=1\r\n2|c/d=3" },
		{ MIXED, "--x\nContent-Type: a/b\n\none\n--x--\n", "a/b=one" },
		// A longer boundary is another one, and what looks like a header stays data.
		{ MIXED, "--x\r\n\r\n--xy\r\n --x\r\nA: b\r\n\r\n--x--",
			"text/plain=--xy\r\n --x\r\nA: b\r\n" },
		{ "Multipart/Mixed ; charset=x; BOUNDARY = \"a b;c\"",
			"--a b;c\r\nContent-Type: a/b\r\n\r\none\r\n--a b;c--", "a/b=one" },
		{ MIXED, "--x\r\nContent-Type: a/b\r\nContent-Disposition: signal;\r\n"
			" Handling=OPTIONAL\r\n\r\n1\r\n--x--", "a/b!=1" },
		{ MIXED, "--x\r\nContent-Type: a/b\r\nContent-Disposition: s;handling=\"optional\""
			"\r\n\r\n1\r\n--x--", "a/b!=1" },
		{ MIXED, "--x\r\nContent-Type: a/b\r\nContent-Disposition: s;x=\"handling=optional"
			"\"\r\n\r\n1\r\n--x--", "a/b=1" },
		{ "multipart/alternative;boundary=x",
			"--x\r\nContent-Type: a/b\r\n\r\n1\r\n--x\r\nContent-Type: c/d\r\n\r\n2\r\n"
			"--x--", "a/b#1=1|c/d#1=2" },
		{ MIXED, "--x\r\nContent-Type: multipart/alternative;boundary=y\r\n"
			"Content-Disposition: s;handling=optional\r\n\r\n--y\r\nContent-Type: a/b"
			"\r\n\r\n1\r\n--y\r\nContent-Type: c/d\r\n\r\n2\r\n--y--\r\n--x\r\n"
			"Content-Type: e/f\r\n\r\n3\r\n--x--", "a/b!#1=1|c/d!#1=2|e/f=3" },
		{ "multipart/related;boundary=x;start=\"<r>\"",
			"--x\r\nContent-Type: multipart/mixed;boundary=y\r\n\r\n--y\r\n"
			"Content-Type: a/b\r\n\r\n1\r\n--y--\r\n--x--", "a/b=1" },
		{ "multipart/mixed", "--x\r\n\r\n--x--", NULL },
		{ "multipart/mixed;boundary=", "--\r\n\r\n----", NULL },
		{ "multipart/mixed;boundary=\"x", "--x\r\n\r\n--x--", NULL },
		{ MIXED, "", NULL },
		{ MIXED, "--x--\r\n", NULL },
		{ MIXED, "--x\r\nContent-Type: a/b\r\n\r\nno end", NULL },
		{ MIXED, "--x\r\nno header\r\n\r\n1\r\n--x--", NULL },
		{ MIXED, "--x\r\nContent-Type: ;a\r\n\r\n1\r\n--x--", NULL },
		{ MIXED, "--x\r\nContent-Type: a/b;p=\xd9\r\n\r\n1\r\n--x--", NULL },
		{ MIXED, "--x\r\nContent-Type: multipart/mixed;boundary=y\r\n\r\n--y\r\n\r\n1\r\n"
			"--x--", NULL },
	};
	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		int err = multipart_parse(span_str(cases[i].type), span_str(cases[i].body), &parts);

		if (err != (cases[i].wanted ? 0 : -EINVAL))
			fail_msg("case %zu: error %d", i, err);
		if (cases[i].wanted)
			assert_string_equal(list_of(), cases[i].wanted);
	}
}

static void test_fields(void **state)
{
	(void)state;
	assert_int_equal(multipart_parse(SPAN_LIT(MIXED),
		SPAN_LIT("--x\r\ncontent-type: Application/SDP ;v=1\r\ncontent-id: <a@b>\r\n"
			 "Content-Transfer-Encoding: base64\r\nContent-Encoding: gzip\r\n"
			 "X-Other: 1\r\n\r\nd\r\n--x--"), &parts), 0);
	const struct body_part *part = &parts.part[0];
	assert_true(span_eq(part->type, SPAN_LIT("Application/SDP")));
	assert_true(span_eq(part->content_type, SPAN_LIT("Application/SDP ;v=1")));
	assert_true(span_eq(part->id, SPAN_LIT("<a@b>")));
	assert_true(span_eq(part->encoding, SPAN_LIT("base64")));
	assert_true(part->is_coded);
}

#define TEXT_MAX 8192u

static size_t put(char *text, size_t len, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	len += (size_t)vsnprintf(text + len, TEXT_MAX - len, format, args);
	va_end(args);
	assert_true(len < TEXT_MAX);
	return len;
}

static void test_limits(void **state)
{
	static char text[TEXT_MAX];
	(void)state;
	for (uint32_t count = MULTIPART_PARTS_MAX; count <= MULTIPART_PARTS_MAX + 1; count++) {
		size_t len = 0;

		for (uint32_t i = 0; i < count; i++)
			len = put(text, len, "--x\r\n\r\n%u\r\n", i);
		len = put(text, len, "--x--\r\n");
		assert_int_equal(multipart_parse(SPAN_LIT(MIXED), span_make(text, (uint32_t)len),
			&parts), count > MULTIPART_PARTS_MAX ? -E2BIG : 0);
	}
	for (uint32_t depth = MULTIPART_DEPTH_MAX; depth <= MULTIPART_DEPTH_MAX + 1; depth++) {
		size_t len = 0;
		char type[64] = "multipart/mixed;boundary=b1";

		for (uint32_t i = 1; i < depth; i++)
			len = put(text, len, "--b%u\r\nContent-Type: "
				"multipart/mixed;boundary=b%u\r\n\r\n", i, i + 1);
		len = put(text, len, "--b%u\r\n\r\ncore\r\n", depth);
		for (uint32_t i = depth; i > 0; i--)
			len = put(text, len, "--b%u--\r\n", i);
		assert_int_equal(multipart_parse(span_str(type), span_make(text, (uint32_t)len),
			&parts), depth > MULTIPART_DEPTH_MAX ? -E2BIG : 0);
	}
}

// Binary data of any kind survives, byte by byte.
static void test_back(void **state)
{
	static const char isup[] = "\x01\x00\r\n--x\r\n\xff";
	struct body_part part = { .content_type = SPAN_LIT("application/isup;version=itu-t92+"),
		.disposition = SPAN_LIT("signal;handling=optional"), .id = SPAN_LIT("<i@h>"),
		.data = span_make(isup, sizeof(isup) - 1) };
	char text[2048], carried[1024];
	struct sip_writer w, c;
	(void)state;
	sip_writer_init(&c, carried, sizeof(carried));
	multipart_put_part(&c, 0x123456789abcdef0, &part);
	struct sip_body body = { .type = SPAN_LIT("application/sdp"), .data = SPAN_LIT("v=0\r\n"),
		.parts = sip_writer_text(&c) };
	sip_writer_init(&w, text, sizeof(text));
	multipart_put_content(&w, &body);
	assert_false(w.is_overflowed);
	text[w.len] = '\0';
	unsigned length;
	int at = 0;
	assert_int_equal(sscanf(text, "Content-Type: multipart/mixed;boundary=muga-123456789abcdef0"
		"\r\nContent-Length: %u\r\n%n", &length, &at), 1);
	assert_int_equal(w.len - (uint32_t)at, length);
	assert_int_equal(multipart_parse(SPAN_LIT("a;boundary=muga-123456789abcdef0"),
		span_make(text + at, length), &parts), 0);
	assert_int_equal(parts.count, 2);
	assert_true(span_eq(parts.part[0].data, body.data));
	assert_true(span_eq(parts.part[1].data, part.data));
	assert_true(span_eq(parts.part[1].id, part.id));
	assert_true(parts.part[1].is_optional);
}

static void test_single(void **state)
{
	struct body_part part = { .content_type = SPAN_LIT("application/isup"),
		.disposition = SPAN_LIT("signal"), .data = SPAN_LIT("\r\n1\r\n") };
	char text[1024], carried[1024];
	struct sip_writer w, c;
	(void)state;
	sip_writer_init(&c, carried, sizeof(carried));
	multipart_put_part(&c, 7, &part);
	struct sip_body body = { .parts = sip_writer_text(&c) };
	sip_writer_init(&w, text, sizeof(text));
	multipart_put_content(&w, &body);
	assert_true(span_eq(sip_writer_text(&w), SPAN_LIT("Content-Type: application/isup\r\n"
		"Content-Disposition: signal\r\nContent-Length: 5\r\n\r\n\r\n1\r\n")));
	multipart_put_part(&c, 7, &part);
	body.parts = sip_writer_text(&c);
	sip_writer_init(&w, text, sizeof(text));
	multipart_put_content(&w, &body);
	assert_true(span_starts(sip_writer_text(&w), SPAN_LIT("Content-Type: multipart/mixed;")));
	assert_true(multipart_has_boundary(body.parts, 7));
	assert_false(multipart_has_boundary(body.parts, 8));
	body = (struct sip_body){ 0 };
	sip_writer_init(&w, text, sizeof(text));
	multipart_put_content(&w, &body);
	assert_true(span_eq(sip_writer_text(&w), SPAN_LIT("Content-Length: 0\r\n\r\n")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_read),
		cmocka_unit_test(test_fields),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_back),
		cmocka_unit_test(test_single),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
