// What reads sixteen bytes at once against what reads one: every byte, every length and alignment,
// with room behind the text and with none.
#include "guard.h"
#include "sip/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define RUN_MAX 35u // more than two blocks
#define ROOM    20u // behind a text: more than a block
#define TEXT    (RUN_MAX + 1 + ROOM)

static const unsigned classes[] = { CHAR_TOKEN, CHAR_WORD, CHAR_ABSOLUTE, CHAR_USER, CHAR_PASSWORD,
	CHAR_PARAM, CHAR_URI_HEADER, CHAR_HOST, CHAR_HEX, CHAR_DIGIT, CHAR_URIC, CHAR_LWS,
	CHAR_ALPHA, CHAR_PHONE, CHAR_URI_PARAM, CHAR_DISPLAY };
#define CLASSES (sizeof(classes) / sizeof(classes[0]))

static const char *naive_run(const char *p, const char *end, unsigned class)
{
	while (p < end && char_is(*p, class))
		p++;
	return p;
}

static const char *naive_find(const char *p, const char *end, char c)
{
	while (p < end && *p != c)
		p++;
	return p;
}

// Members of a class, one after the other.
static void fill_members(char *text, uint32_t len, unsigned class)
{
	unsigned char c = 0;
	for (uint32_t i = 0; i < len; i++) {
		do {
			c++;
		} while (!char_is((char)c, class));
		text[i] = (char)c;
	}
}

// The text [p, p + len) of a room that ends at `end`.
static struct text text_in_room(const char *p, uint32_t len, const char *end)
{
	return text_until(text_of(span_between(p, end)), p + len);
}

static void check_run(const char *p, uint32_t len, const char *end, unsigned class)
{
	struct text t = text_in_room(p, len, end);
	const char *wanted = naive_run(p, t.end, class);
	if (text_run(t, p, class) != wanted)
		fail_msg("class %x, %u bytes, room %td: %td, not %td", class, len, end - p,
			text_run(t, p, class) - p, wanted - p);
	assert_int_equal(text_is(t, p, class), len > 0 && wanted == t.end);
}

static void a_run_ends_at_each_byte_that_is_no_member(void **state)
{
	char text[TEXT];
	(void)state;
	for (size_t k = 0; k < CLASSES * RUN_MAX * 256; k++) {
		unsigned class = classes[k / 256 / RUN_MAX];
		uint32_t at = k / 256 % RUN_MAX;
		fill_members(text, sizeof(text), class);
		text[at] = (char)k;
		const char *p = guard_place(text, sizeof(text)), *end = p + sizeof(text);
		check_run(p, sizeof(text), end, class);        // no room behind
		check_run(p, at, end, class);                  // ends before the byte
		check_run(end - RUN_MAX, RUN_MAX, end, class); // short of a block at last
		check_run(p, at + 1, p + at + 1, class);       // the byte is the last of all
		check_run(p, RUN_MAX, end, class);
	}
}

// Nothing behind the text counts, wherever it ends and whatever follows.
static void a_run_ends_with_its_text(void **state)
{
	char text[TEXT + 16];
	(void)state;
	for (size_t k = 0; k < CLASSES * RUN_MAX * 16; k++) {
		unsigned class = classes[k / 16 / RUN_MAX];
		uint32_t len = k / 16 % RUN_MAX, align = k % 16;
		fill_members(text, sizeof(text), class);
		for (uint32_t room = 0; room <= ROOM; room++) {
			const char *p = guard_place(text, len + room + align);
			check_run(p, len, p + len + room, class);
			check_run(p + align, len, p + align + len + room, class);
		}
	}
}

static void each_byte_is_found(void **state)
{
	char text[TEXT];
	(void)state;
	for (size_t k = 0; k < RUN_MAX * 256; k++) {
		uint32_t at = (uint32_t)(k / 256);
		memset(text, (char)(k + 1), sizeof(text));
		text[at] = (char)k;
		for (uint32_t room = 0; room <= ROOM; room += 5) {
			const char *p = guard_place(text, RUN_MAX + room),
				   *end = p + RUN_MAX + room;
			struct text t = text_in_room(p, RUN_MAX, end);
			assert_ptr_equal(text_find(t, p, (char)k), p + at);
			assert_ptr_equal(text_find(t, p, (char)(k + 2)), t.end);
			assert_ptr_equal(text_find(t, p + at, (char)k), p + at);
			t.end = p + at; // what is behind is not found
			assert_ptr_equal(text_find(t, p, (char)k), naive_find(p, t.end, (char)k));
		}
	}
}

static void empty_texts(void **state)
{
	struct text none = text_of(SPAN_NONE);
	(void)state;
	assert_null(text_run(none, NULL, CHAR_TOKEN));
	assert_false(text_is(none, NULL, CHAR_TOKEN));
	assert_null(text_find(none, NULL, 'a'));
	assert_null(text_lws(none, NULL));
	assert_null(text_trim_end(none, NULL));
	assert_int_equal(text_word(none, NULL), 0);
	assert_false(text_is_name(none, NULL, "a"));
	assert_false(text_starts(none, NULL, "a"));
}

// Every byte at every place of a name: only its own, and a letter's other case, are accepted.
static void check_name(const char *name, uint32_t room)
{
	uint32_t len = (uint32_t)strlen(name);
	for (uint32_t k = 0; k < len * 256; k++) {
		char text[8 + ROOM + 1];
		uint32_t at = k / 256;
		memset(text, 'x', sizeof(text));
		memcpy(text, name, len);
		text[at] = (char)k;
		bool is_exact = text[at] == name[at];
		bool is_name = is_exact ||
			(char_is(name[at], CHAR_ALPHA) && text[at] == (name[at] ^ 0x20));
		const char *p = guard_place(text, len + room);
		struct text t = text_in_room(p, len, p + len + room);
		// The functions want constants.
		bool is_tag = len == 3 ? text_is_name(t, p, "tag") : text_is_name(t, p, "sip/2.0/");
		assert_int_equal(is_tag, is_name);
		bool is_same = len == 3 ? text_is_exact(t, p, "tag") :
					  text_is_exact(t, p, "sip/2.0/");
		assert_int_equal(is_same, is_exact);
		assert_int_equal(len == 3 ? text_starts(t, p, "ta") : text_starts(t, p, "sip/2.0"),
			at + 1 == len || is_name);
	}
}

static void names_are_told_by_each_byte(void **state)
{
	(void)state;
	for (uint32_t room = 0; room <= ROOM; room++) {
		check_name("tag", room);
		check_name("sip/2.0/", room);
	}
	struct span longer = SPAN_LIT("tags"), shorter = SPAN_LIT("ta"),
		    nine = SPAN_LIT("123456789");
	struct span zero = SPAN_LIT("tag\0 and more room");
	struct text tag = text_until(text_of(zero), zero.ptr + 4);
	assert_false(text_is_name(tag, zero.ptr, "tag"));
	assert_false(text_is_exact(tag, zero.ptr, "tag"));
	assert_false(text_is_name(text_of(longer), longer.ptr, "tag"));
	assert_false(text_is_name(text_of(shorter), shorter.ptr, "tag"));
	assert_false(text_starts(text_of(shorter), shorter.ptr, "tag"));
	assert_int_equal(text_word(text_of(nine), nine.ptr), 0);
	assert_int_equal(text_word(text_of(shorter), shorter.ptr), 't' | 'a' << 8);
}

static void white_space(void **state)
{
	static const char text[] = " \r\n\ta b \t";
	struct text t = text_of(SPAN_LIT(text));
	(void)state;
	assert_ptr_equal(text_lws(t, text), text + 4);
	assert_ptr_equal(text_lws(t, text + 4), text + 4);
	assert_ptr_equal(text_trim_end(t, text), text + 7);
	assert_ptr_equal(text_lws(t, text + 7), t.end);
	assert_ptr_equal(text_trim_end(t, text + 7), text + 7);
	for (int c = 0; c < 256; c++)
		assert_int_equal(is_lws((char)c), char_is((char)c, CHAR_LWS));
}

static void quotes_and_escapes(void **state)
{
	static const struct {
		const char *text;
		int32_t end; // -1 = does not end
	} quoted[] = {
		{ "\"a\\\"b\"c", 6 },
		{ "\"\"", 2 },
		{ "\"a\\\"", -1 },
		{ "\"\\", -1 },
		{ "\"", -1 },
		{ "\"\\\\\"", 4 },
	};
	(void)state;
	for (size_t i = 0; i < sizeof(quoted) / sizeof(quoted[0]); i++) {
		size_t len = strlen(quoted[i].text);
		const char *p = guard_place(quoted[i].text, len);
		const char *end = text_quoted(text_of(span_make(p, (uint32_t)len)), p);
		assert_ptr_equal(end, quoted[i].end < 0 ? NULL : p + quoted[i].end);
	}
	static const char escapes[] = "ab%41c%4g";
	struct text t = text_of(SPAN_LIT(escapes));
	assert_true(text_is_escape(t, escapes + 2));
	assert_false(text_is_escape(t, escapes + 6));
	t.end = escapes + 4; // "%4"
	assert_false(text_is_escape(t, escapes + 2));
	t = text_of(SPAN_LIT(escapes));
	assert_ptr_equal(text_run_escaped(t, escapes, CHAR_HOST), escapes + 6);
	assert_ptr_equal(text_run(t, escapes, CHAR_HOST), escapes + 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_run_ends_at_each_byte_that_is_no_member),
		cmocka_unit_test(a_run_ends_with_its_text),
		cmocka_unit_test(each_byte_is_found),
		cmocka_unit_test(empty_texts),
		cmocka_unit_test(names_are_told_by_each_byte),
		cmocka_unit_test(white_space),
		cmocka_unit_test(quotes_and_escapes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
