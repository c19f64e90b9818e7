#include "config/pattern.h"

#include <errno.h>
#include <stdio.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#define DEPTH_MAX     250u // nested backtracking points
#define HEAP_MAX_KIB  64u
#define PARENS_MAX    50u

struct pattern {
	pcre2_code *code;
	pcre2_match_context *limits; // read only when matching
	uint32_t groups;             // captures, without \0
};

// Everything that lives as long as the configuration comes out of its arena.
static void *take_from_arena(PCRE2_SIZE size, void *arena)
{
	return arena_alloc(arena, size);
}

static void leave_in_arena(void *memory, void *arena)
{
	(void)memory;
	(void)arena;
}

static int compile(struct pattern *pattern, pcre2_compile_context *context, struct span text,
	char why[PATTERN_WHY_MAX])
{
	int code;
	PCRE2_SIZE at;
	const char *bytes = text.len ? text.ptr : "";

	pcre2_set_parens_nest_limit(context, PARENS_MAX);
	pcre2_set_max_pattern_length(context, PATTERN_TEXT_MAX);
	pattern->code = pcre2_compile((PCRE2_SPTR)bytes, text.len,
		PCRE2_NEVER_UTF | PCRE2_NEVER_BACKSLASH_C, &code, &at, context);
	if (!pattern->code) {
		unsigned char message[PATTERN_WHY_MAX - 24] = "";

		pcre2_get_error_message(code, message, sizeof message);
		snprintf(why, PATTERN_WHY_MAX, "%s at byte %zu", (const char *)message, at + 1);
		return -EINVAL;
	}
	pcre2_pattern_info(pattern->code, PCRE2_INFO_CAPTURECOUNT, &pattern->groups);
	if (pattern->groups < PATTERN_GROUPS)
		return 0;
	snprintf(why, PATTERN_WHY_MAX, "more than %u groups", PATTERN_GROUPS - 1);
	return -EINVAL;
}

int pattern_new(struct arena *arena, struct span text, struct pattern **out,
	char why[PATTERN_WHY_MAX])
{
	struct pattern *pattern = arena_zalloc(arena, sizeof *pattern);
	pcre2_general_context *memory =
		pcre2_general_context_create(take_from_arena, leave_in_arena, arena);
	pcre2_compile_context *context = memory ? pcre2_compile_context_create(memory) : NULL;

	if (!pattern || !context)
		return -ENOMEM;
	pattern->limits = pcre2_match_context_create(memory);
	if (!pattern->limits)
		return -ENOMEM;
	pcre2_set_match_limit(pattern->limits, PATTERN_STEPS_MAX);
	pcre2_set_depth_limit(pattern->limits, DEPTH_MAX);
	pcre2_set_heap_limit(pattern->limits, HEAP_MAX_KIB);
	int err = compile(pattern, context, text, why);
	if (!err)
		*out = pattern;
	return err;
}

// Number of groups set, 0: no match, -E2BIG: too expensive, or out of memory.
static int match(const struct pattern *pattern, struct span subject, pcre2_match_data *data)
{
	const char *bytes = subject.len ? subject.ptr : "";

	if (!data)
		return -E2BIG;
	int count = pcre2_match(pattern->code, (PCRE2_SPTR)bytes, subject.len, 0, 0, data,
		pattern->limits);
	if (count == PCRE2_ERROR_NOMATCH)
		return 0;
	return count > 0 ? count : -E2BIG;
}

int pattern_match(const struct pattern *pattern, struct span subject)
{
	pcre2_match_data *data = pcre2_match_data_create(PATTERN_GROUPS, NULL);
	int count = match(pattern, subject, data);

	pcre2_match_data_free(data);
	return count > 0 ? 1 : count;
}

// What the escape that starts at text.ptr[at] stands for: a group 0..9, or -1 and the byte itself.
static int escape_at(struct span text, uint32_t at)
{
	if (text.ptr[at] != '\\' || at + 1 == text.len)
		return -1;
	char c = text.ptr[at + 1];
	return c >= '0' && c <= '9' ? c - '0' : -1;
}

bool pattern_covers(const struct pattern *pattern, struct span replacement)
{
	for (uint32_t i = 0; i < replacement.len; i++) {
		int group = escape_at(replacement, i);

		if (group > (int)pattern->groups)
			return false;
		if (replacement.ptr[i] == '\\')
			i++;
	}
	return true;
}

struct room {
	struct pattern_buffer buffer;
	uint32_t len;
	bool is_full;
};

static void put(struct room *room, struct span text)
{
	if (text.len > room->buffer.cap - room->len) {
		room->is_full = true;
		return;
	}
	if (text.len)
		memcpy(room->buffer.buf + room->len, text.ptr, text.len);
	room->len += text.len;
}

static void put_group(struct room *room, struct span subject, pcre2_match_data *data, int group)
{
	const PCRE2_SIZE *at = pcre2_get_ovector_pointer(data) + 2 * group;

	if (at[0] == PCRE2_UNSET || at[1] < at[0] || at[1] > subject.len)
		return;
	put(room, span_sub(subject, (uint32_t)at[0], (uint32_t)(at[1] - at[0])));
}

static void put_replacement(struct room *room, struct span replacement, struct span subject,
	pcre2_match_data *data)
{
	for (uint32_t i = 0; i < replacement.len; i++) {
		int group = escape_at(replacement, i);

		if (group >= 0) {
			put_group(room, subject, data, group);
			i++;
			continue;
		}
		if (replacement.ptr[i] == '\\' && i + 1 < replacement.len)
			i++;
		put(room, span_sub(replacement, i, 1));
	}
}

// `is_whole`: what stands around the match stays.
static int rewrite(const struct pattern *pattern, struct span subject, struct span replacement,
	struct room *room, bool is_whole)
{
	pcre2_match_data *data = pcre2_match_data_create(PATTERN_GROUPS, NULL);
	int count = match(pattern, subject, data);

	if (count > 0) {
		const PCRE2_SIZE *at = pcre2_get_ovector_pointer(data);
		// \K in a lookahead may put the start behind the end.
		uint32_t start = (uint32_t)at[0], end = at[1] < at[0] ? start : (uint32_t)at[1];

		put(room, span_sub(subject, 0, is_whole ? start : 0));
		put_replacement(room, replacement, subject, data);
		put(room, span_sub(subject, end, is_whole ? subject.len - end : 0));
		count = room->is_full ? -ENOSPC : 1;
	}
	pcre2_match_data_free(data);
	return count;
}

int pattern_replace(const struct pattern *pattern, struct span subject, struct span replacement,
	struct pattern_buffer buffer, struct span *out)
{
	struct room room = { .buffer = buffer };
	int result = rewrite(pattern, subject, replacement, &room, true);

	if (result > 0)
		*out = span_make(buffer.buf, room.len);
	return result;
}

int pattern_expand(const struct pattern *pattern, struct span subject, struct span replacement,
	struct pattern_buffer buffer, struct span *out)
{
	struct room room = { .buffer = buffer };
	int result = rewrite(pattern, subject, replacement, &room, false);

	if (result > 0)
		*out = span_make(buffer.buf, room.len);
	return result;
}
