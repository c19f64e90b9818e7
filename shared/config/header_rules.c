#include "config/header_rules.h"

#include <errno.h>

struct field {
	struct span name;
	struct span value; // trimmed; folded lines as they came
	bool is_gone;
};

// One message in hand.
struct work {
	struct span method;     // of CSeq
	struct span head, tail; // first line around the Request-URI; a response is all head
	struct span status;     // of a response, else empty
	struct field uri;       // the Request-URI as if it were a field; gone in a response
	struct field fields[HEADER_FIELDS_MAX];
	uint32_t count;
	struct span body;       // with the empty line before it
	char made[HEADER_WORK_MAX];
	uint32_t made_len;
	bool is_changed;
	bool is_failed;
};

static const struct span fixed_names[] = { SPAN_LIT("Via"), SPAN_LIT("Call-ID"), SPAN_LIT("CSeq"),
	SPAN_LIT("Contact"), SPAN_LIT("Route"), SPAN_LIT("Record-Route"), SPAN_LIT("Max-Forwards"),
	SPAN_LIT("Content-Length"), SPAN_LIT("Content-Type"), SPAN_LIT("Content-Encoding"),
	SPAN_LIT("RAck"), SPAN_LIT("RSeq") };

static const struct {
	char compact;
	struct span name;
} compact_names[] = { { 'v', SPAN_LIT("Via") }, { 'f', SPAN_LIT("From") }, { 't', SPAN_LIT("To") },
	{ 'i', SPAN_LIT("Call-ID") }, { 'm', SPAN_LIT("Contact") },
	{ 'l', SPAN_LIT("Content-Length") }, { 'c', SPAN_LIT("Content-Type") },
	{ 'e', SPAN_LIT("Content-Encoding") }, { 'k', SPAN_LIT("Supported") },
	{ 's', SPAN_LIT("Subject") }, { 'u', SPAN_LIT("Allow-Events") },
	{ 'a', SPAN_LIT("Accept-Contact") }, { 'j', SPAN_LIT("Reject-Contact") },
	{ 'd', SPAN_LIT("Request-Disposition") }, { 'x', SPAN_LIT("Session-Expires") },
	{ 'o', SPAN_LIT("Event") }, { 'r', SPAN_LIT("Refer-To") }, { 'b', SPAN_LIT("Referred-By") },
	{ 'y', SPAN_LIT("Identity") } };

#define COUNT_OF(table) (sizeof(table) / sizeof((table)[0]))
#define REQUEST_URI     SPAN_LIT("Request-URI")

struct span header_name_full(struct span name)
{
	for (size_t i = 0; name.len == 1 && i < COUNT_OF(compact_names); i++)
		if ((name.ptr[0] | 0x20) == compact_names[i].compact)
			return compact_names[i].name;
	return name;
}

bool header_name_is_fixed(struct span name)
{
	name = header_name_full(name);
	for (size_t i = 0; i < COUNT_OF(fixed_names); i++)
		if (span_ieq(name, fixed_names[i]))
			return true;
	return false;
}

bool header_name_is_single(struct span name)
{
	name = header_name_full(name);
	return span_ieq(name, SPAN_LIT("From")) || span_ieq(name, SPAN_LIT("To")) ||
		span_ieq(name, REQUEST_URI);
}

bool header_name_is_valid(struct span name)
{
	for (uint32_t i = 0; i < name.len; i++) {
		char c = name.ptr[i];
		bool is_alnum = (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');

		if (!is_alnum && (c == '\0' || !strchr("-.!%*_+`'~", c)))
			return false;
	}
	return name.len > 0;
}

// Taking a message apart -------------------------------------------------------------------------

// Cuts one line off `rest`, continuation lines included, without its CR LF.
static bool cut_line(struct span *rest, struct span *line)
{
	for (uint32_t i = 0; i + 1 < rest->len; i++) {
		if (rest->ptr[i] != '\r' || rest->ptr[i + 1] != '\n')
			continue;
		bool is_folded = i > 0 && i + 2 < rest->len &&
			(rest->ptr[i + 2] == ' ' || rest->ptr[i + 2] == '\t');
		if (is_folded)
			continue;
		*line = span_sub(*rest, 0, i);
		*rest = span_sub(*rest, i + 2, rest->len);
		return true;
	}
	return false;
}

static bool read_first_line(struct work *work, struct span line)
{
	int32_t first = span_find(line, ' ', 0);
	int32_t second = first < 0 ? -1 : span_find(line, ' ', (uint32_t)first + 1);

	work->head = line;
	work->uri.is_gone = true;
	if (second < 0)
		return false;
	struct span middle = span_sub(line, (uint32_t)first + 1, (uint32_t)(second - first - 1));
	if (span_starts(line, SPAN_LIT("SIP/"))) {
		work->status = middle;
		return true;
	}
	work->head = span_sub(line, 0, (uint32_t)first + 1);
	work->tail = span_sub(line, (uint32_t)second, line.len);
	work->uri = (struct field){ .name = REQUEST_URI, .value = middle };
	return true;
}

static bool read_field(struct work *work, struct span line)
{
	int32_t colon = span_find(line, ':', 0);

	if (colon < 0 || work->count == HEADER_FIELDS_MAX)
		return false;
	struct field *field = &work->fields[work->count++];
	*field = (struct field){
		.name = header_name_full(span_trim(span_sub(line, 0, (uint32_t)colon))),
		.value = span_trim(span_sub(line, (uint32_t)colon + 1, line.len)),
	};
	if (!span_ieq(field->name, SPAN_LIT("CSeq")))
		return true;
	work->method = field->value;
	while (work->method.len > 0 && work->method.ptr[0] >= '0' && work->method.ptr[0] <= '9')
		work->method = span_sub(work->method, 1, work->method.len);
	work->method = span_trim(work->method);
	return true;
}

static bool read_message(struct work *work, struct span message)
{
	struct span line, rest = message;

	if (!cut_line(&rest, &line) || !read_first_line(work, line))
		return false;
	for (;;) {
		struct span before = rest;

		if (!cut_line(&rest, &line))
			return false;
		if (line.len == 0) {
			work->body = before;
			return true;
		}
		if (!read_field(work, line))
			return false;
	}
}

// Values -----------------------------------------------------------------------------------------

// A made value lives as long as the work, and stays one line whatever it was made of.
static bool keep_value(struct work *work, struct span value, struct span *out)
{
	char *at = work->made + work->made_len;

	if (value.len > HEADER_VALUE_MAX || value.len > sizeof work->made - work->made_len) {
		work->is_failed = true;
		return false;
	}
	for (uint32_t i = 0; i < value.len; i++)
		at[i] = (unsigned char)value.ptr[i] < ' ' ? ' ' : value.ptr[i];
	work->made_len += value.len;
	*out = span_make(at, value.len);
	return true;
}

// Of From and To: all before the header parameters, where the tag is.
static uint32_t party_len(struct span value)
{
	bool is_quoted = false;

	for (uint32_t i = 0; i < value.len; i++) {
		if (value.ptr[i] == '\\' && is_quoted)
			i++;
		else if (value.ptr[i] == '"')
			is_quoted = !is_quoted;
		else if (value.ptr[i] == '>' && !is_quoted)
			return i + 1;
	}
	int32_t semicolon = span_find(value, ';', 0);
	return semicolon < 0 ? value.len : (uint32_t)semicolon;
}

static bool is_party(const struct field *field)
{
	return span_ieq(field->name, SPAN_LIT("From")) || span_ieq(field->name, SPAN_LIT("To"));
}

// The part of a field that a rule sees and changes.
static struct span visible(const struct field *field)
{
	if (is_party(field))
		return span_trim(span_sub(field->value, 0, party_len(field->value)));
	return field->value;
}

static void change_value(struct work *work, struct field *field, struct span value)
{
	char joined[HEADER_VALUE_MAX];
	struct span rest = SPAN_NONE;

	if (is_party(field)) {
		rest = span_sub(field->value, party_len(field->value), field->value.len);
		if (value.len == 0 || (uint64_t)value.len + rest.len > sizeof joined) {
			work->is_failed = true;
			return;
		}
		memcpy(joined, value.ptr, value.len);
		if (rest.len)
			memcpy(joined + value.len, rest.ptr, rest.len);
		value = span_make(joined, value.len + rest.len);
	}
	if (!span_eq(value, field->value) && keep_value(work, value, &field->value))
		work->is_changed = true;
}

// Rules ------------------------------------------------------------------------------------------

static bool has_name(const struct field *field, struct span name)
{
	if (field->is_gone)
		return false;
	if (name.len > 1 && name.ptr[name.len - 1] == '*')
		return span_istarts(field->name, span_sub(name, 0, name.len - 1)) &&
			!header_name_is_fixed(field->name) && !header_name_is_single(field->name);
	return span_ieq(field->name, name);
}

// The next field of that name at or behind *at; the Request-URI is a field before the first.
static struct field *next_field(struct work *work, struct span name, uint32_t *at)
{
	if (span_ieq(name, REQUEST_URI))
		return (*at)++ == 0 && !work->uri.is_gone ? &work->uri : NULL;
	while (*at < work->count) {
		struct field *field = &work->fields[(*at)++];

		if (has_name(field, name))
			return field;
	}
	return NULL;
}

// A pattern that costs too much spoils the whole message, not only its own rule.
static bool matches(struct work *work, const struct pattern *pattern, struct span text)
{
	int result = pattern_match(pattern, text);

	if (result < 0)
		work->is_failed = true;
	return result > 0;
}

static bool is_wanted(struct work *work, const struct header_rule *rule)
{
	bool is_response = work->status.len > 0;
	bool is_method = rule->method_count == 0;
	struct field *field;
	uint32_t at = 0;

	if (rule->messages == (is_response ? HEADER_IN_REQUESTS : HEADER_IN_RESPONSES))
		return false;
	// A response echoes From and To, and has no Request-URI.
	if (is_response && header_name_is_single(span_str(rule->name)))
		return false;
	for (uint32_t i = 0; i < rule->method_count; i++)
		is_method |= span_eq(work->method, span_str(rule->methods[i]));
	if (!is_method || !rule->when)
		return is_method;
	if (span_ieq(span_str(rule->when_name), SPAN_LIT("Status")))
		return is_response && matches(work, rule->when, work->status);
	while ((field = next_field(work, span_str(rule->when_name), &at)))
		if (matches(work, rule->when, visible(field)))
			return true;
	return false;
}

static bool replace(struct work *work, const struct header_rule *rule, struct span from,
	struct pattern_buffer room, struct span *out)
{
	int result = pattern_replace(rule->pattern, from, span_str(rule->replacement), room, out);

	if (result < 0)
		work->is_failed = true;
	return result > 0;
}

// The value of ADD and SET. False: `from` has none, or does not match.
static bool make_value(struct work *work, const struct header_rule *rule,
	struct pattern_buffer room, struct span *out)
{
	struct field *field;
	uint32_t at = 0;

	if (!rule->from) {
		*out = span_str(rule->value);
		return true;
	}
	field = next_field(work, span_str(rule->from), &at);
	if (!field)
		return false;
	int result = pattern_expand(rule->pattern, visible(field), span_str(rule->replacement),
		room, out);
	if (result < 0)
		work->is_failed = true;
	return result > 0;
}

static void add_field(struct work *work, struct span name, struct span value)
{
	struct field field = { .name = name };

	if (work->count == HEADER_FIELDS_MAX) {
		work->is_failed = true;
		return;
	}
	if (!keep_value(work, value, &field.value))
		return;
	work->fields[work->count++] = field;
	work->is_changed = true;
}

static void set_field(struct work *work, struct span name, struct span value)
{
	uint32_t at = 0;
	struct field *field = next_field(work, name, &at), *other;

	if (!field) {
		if (!header_name_is_single(name))
			add_field(work, name, value);
		return;
	}
	change_value(work, field, value);
	while ((other = next_field(work, name, &at))) {
		other->is_gone = true;
		work->is_changed = true;
	}
}

static void edit_fields(struct work *work, const struct header_rule *rule)
{
	char text[HEADER_VALUE_MAX];
	struct pattern_buffer room = { .buf = text, .cap = sizeof text };
	struct span value;
	struct field *field;
	uint32_t at = 0;

	while ((field = next_field(work, span_str(rule->name), &at)) && !work->is_failed) {
		if (rule->action == HEADER_RENAME) {
			field->name = span_str(rule->to);
			work->is_changed = true;
		} else if (rule->action == HEADER_REMOVE) {
			field->is_gone = !rule->pattern ||
				matches(work, rule->pattern, field->value);
			work->is_changed |= field->is_gone;
		} else if (replace(work, rule, visible(field), room, &value)) {
			change_value(work, field, value);
		}
	}
}

static void apply(struct work *work, const struct header_rule *rule)
{
	char text[HEADER_VALUE_MAX];
	struct pattern_buffer room = { .buf = text, .cap = sizeof text };
	struct span value;

	if (!is_wanted(work, rule))
		return;
	if (rule->action != HEADER_ADD && rule->action != HEADER_SET)
		edit_fields(work, rule);
	else if (!make_value(work, rule, room, &value))
		return;
	else if (rule->action == HEADER_ADD)
		add_field(work, span_str(rule->name), value);
	else
		set_field(work, span_str(rule->name), value);
}

// Putting it together again ----------------------------------------------------------------------

static bool put(struct header_output *out, struct span text)
{
	if (text.len > out->cap - out->len)
		return false;
	if (text.len)
		memcpy(out->buf + out->len, text.ptr, text.len);
	out->len += text.len;
	return true;
}

static bool write_message(const struct work *work, struct header_output *out)
{
	bool fits;

	out->len = 0;
	fits = put(out, work->head) && put(out, work->uri.is_gone ? SPAN_NONE : work->uri.value) &&
		put(out, work->tail) && put(out, SPAN_LIT("\r\n"));
	for (uint32_t i = 0; i < work->count && fits; i++) {
		const struct field *field = &work->fields[i];

		if (!field->is_gone)
			fits = put(out, field->name) && put(out, SPAN_LIT(": ")) &&
				put(out, field->value) && put(out, SPAN_LIT("\r\n"));
	}
	return fits && put(out, work->body);
}

enum header_outcome header_rules_apply(const struct header_rules *rules, struct span message,
	struct header_output *out)
{
	struct work work;

	// The tables are large and filled as far as they are used.
	work.method = work.tail = work.status = work.body = SPAN_NONE;
	work.count = work.made_len = 0;
	work.is_changed = work.is_failed = false;
	if (rules->count == 0)
		return HEADER_UNCHANGED;
	if (!read_message(&work, message))
		return HEADER_FAILED;
	for (uint32_t i = 0; i < rules->count && !work.is_failed; i++)
		apply(&work, &rules->list[i]);
	if (work.is_failed)
		return HEADER_FAILED;
	if (!work.is_changed)
		return HEADER_UNCHANGED;
	return write_message(&work, out) ? HEADER_CHANGED : HEADER_FAILED;
}
