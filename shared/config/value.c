// value.c - parsers of single values; units are exact words, so that "5M" is refused, not guessed.
#include "config/value.h"

#include "config/config.h"

#include <errno.h>

struct unit {
	const char *name;
	uint64_t factor;
};

static const struct unit durations_ms[] = {
	{ "ms", 1 },
	{ "s", 1000 },
	{ "m", 60 * 1000 },
	{ "h", 3600 * 1000 },
	{ "d", 86400 * 1000 },
};

static const struct unit sizes[] = {
	{ "", 1 },
	{ "kB", 1000 },
	{ "MB", 1000 * 1000 },
	{ "GB", 1000 * 1000 * 1000 },
	{ "KiB", 1u << 10 },
	{ "MiB", 1u << 20 },
	{ "GiB", 1u << 30 },
};

// RFC 2474, 2597, 3246, 5865, 8622.
static const struct unit code_points[] = {
	{ "BE", 0 },    { "CS0", 0 },   { "LE", 1 },    { "CS1", 8 },   { "AF11", 10 },
	{ "AF12", 12 }, { "AF13", 14 }, { "CS2", 16 },  { "AF21", 18 }, { "AF22", 20 },
	{ "AF23", 22 }, { "CS3", 24 },  { "AF31", 26 }, { "AF32", 28 }, { "AF33", 30 },
	{ "CS4", 32 },  { "AF41", 34 }, { "AF42", 36 }, { "AF43", 38 }, { "CS5", 40 },
	{ "VA", 44 },   { "EF", 46 },   { "CS6", 48 },  { "CS7", 56 },
};

#define COUNT_OF(table) (sizeof(table) / sizeof((table)[0]))

static const struct unit *find_unit(const struct unit *units, size_t count, struct span name)
{
	for (size_t i = 0; i < count; i++) {
		if (span_eq(name, span_str(units[i].name)))
			return &units[i];
	}
	return NULL;
}

static uint32_t digits_len(struct span text)
{
	uint32_t len = 0;
	while (len < text.len && text.ptr[len] >= '0' && text.ptr[len] <= '9')
		len++;
	return len;
}

static int parse_with_unit(struct span text, const struct unit *units, size_t count, uint64_t *out)
{
	uint64_t number;
	uint32_t digits = digits_len(text);
	int err = span_parse_u64(span_sub(text, 0, digits), UINT64_MAX, &number);
	if (err)
		return err;
	struct span name = span_trim(span_sub(text, digits, text.len));
	const struct unit *unit = find_unit(units, count, name);
	if (!unit && number == 0 && name.len == 0)
		unit = &units[0];
	if (!unit)
		return -EINVAL;
	if (number > UINT64_MAX / unit->factor)
		return -ERANGE;
	*out = number * unit->factor;
	return 0;
}

int value_parse_bool(struct span text, bool *out)
{
	if (span_eq(text, SPAN_LIT("true")))
		*out = true;
	else if (span_eq(text, SPAN_LIT("false")))
		*out = false;
	else
		return -EINVAL;
	return 0;
}

int value_parse_duration_ms(struct span text, uint32_t *out)
{
	uint64_t ms;
	int err = parse_with_unit(text, durations_ms, COUNT_OF(durations_ms), &ms);
	if (err)
		return err;
	if (ms > UINT32_MAX)
		return -ERANGE;
	*out = (uint32_t)ms;
	return 0;
}

int value_parse_size(struct span text, uint64_t *out)
{
	return parse_with_unit(text, sizes, COUNT_OF(sizes), out);
}

static int parse_range(struct span text, uint32_t max, uint32_t *first, uint32_t *last)
{
	int32_t dash = span_find(text, '-', 0);
	if (dash < 0)
		return -EINVAL;
	uint32_t a, b;
	struct span left = span_trim(span_sub(text, 0, (uint32_t)dash));
	struct span right = span_trim(span_sub(text, (uint32_t)dash + 1, text.len));
	int err = span_parse_u32(left, max, &a);
	if (!err)
		err = span_parse_u32(right, max, &b);
	if (err)
		return err;
	if (a > b)
		return -ERANGE;
	*first = a;
	*last = b;
	return 0;
}

int value_parse_ports(struct span text, uint16_t *first, uint16_t *last)
{
	uint32_t a, b;
	int err = parse_range(text, 65535, &a, &b);
	if (err)
		return err;
	if (a == 0)
		return -ERANGE;
	*first = (uint16_t)a;
	*last = (uint16_t)b;
	return 0;
}

int value_parse_dscp(struct span text, uint8_t *out)
{
	uint32_t number;
	const struct unit *point = find_unit(code_points, COUNT_OF(code_points), text);
	if (point) {
		*out = (uint8_t)point->factor;
		return 0;
	}
	int err = span_parse_u32(text, 63, &number);
	if (err)
		return err;
	*out = (uint8_t)number;
	return 0;
}

int value_parse_cpus(struct span text, uint32_t *first, uint32_t *last)
{
	uint32_t cpu;
	if (span_find(text, '-', 0) >= 0)
		return parse_range(text, 1023, first, last);
	int err = span_parse_u32(text, 1023, &cpu);
	if (err)
		return err;
	*first = *last = cpu;
	return 0;
}

static bool is_alnum(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool consists_of(struct span text, const char *others)
{
	for (uint32_t i = 0; i < text.len; i++) {
		char c = text.ptr[i];
		if (!is_alnum(c) && (c == '\0' || !strchr(others, c)))
			return false;
	}
	return text.len > 0;
}

bool value_is_name(struct span text)
{
	return text.len <= CONFIG_NAME_MAX && consists_of(text, "-_");
}

bool value_is_interface(struct span text)
{
	if (text.len == 0 || text.len > 15)
		return false;
	if (span_eq(text, SPAN_LIT(".")) || span_eq(text, SPAN_LIT("..")))
		return false;
	for (uint32_t i = 0; i < text.len; i++) {
		if (text.ptr[i] <= ' ' || text.ptr[i] > '~' || strchr("/:", text.ptr[i]))
			return false;
	}
	return true;
}

bool value_is_user(struct span text)
{
	return consists_of(text, "+*#-_.~");
}
