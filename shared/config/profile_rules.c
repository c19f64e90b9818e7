// profile_rules.c - keys of profiles.NAME.headers.rules and .tests.
#include "config/schema.h"

#include <errno.h>

#define AT(field)       .offset = (uint32_t)offsetof(struct header_rule, field)
#define VALUE_MAX       512u
#define TEST_TEXT_MAX   8192u
#define NAME_EXPECTED   "the name of a header field, like X-Account"

static const char *const actions[] = { "add", "set", "remove", "rename", "regex", NULL };
static const char *const messages[] = { "all", "requests", "responses", NULL };

_Static_assert(sizeof(enum header_action) == sizeof(uint32_t), "choices are 32 bits");
_Static_assert(sizeof(enum header_messages) == sizeof(uint32_t), "choices are 32 bits");

// Rules ------------------------------------------------------------------------------------------

static void *begin_rule(struct config_loader *loader, const struct node *node, uint32_t siblings,
	struct header_rules *rules)
{
	if (!rules->list)
		rules->list = arena_zalloc(loader->arena, siblings * sizeof *rules->list);
	if (!rules->list) {
		config_fail(loader, node, "the configuration is too large");
		return NULL;
	}
	return &rules->list[rules->count++];
}

static void *begin_rule_in(struct config_loader *loader, const struct node *node,
	uint32_t siblings)
{
	return begin_rule(loader, node, siblings, &loader->profile->headers.in);
}

static void *begin_rule_out(struct config_loader *loader, const struct node *node,
	uint32_t siblings)
{
	return begin_rule(loader, node, siblings, &loader->profile->headers.out);
}

// A name that a rule may say. `is_read`: it is only looked at.
static const char *take_name(struct config_loader *loader, const struct node *node,
	struct span text, bool is_read)
{
	if (!header_name_is_valid(text)) {
		config_fail_expected(loader, node, NAME_EXPECTED);
		return NULL;
	}
	text = header_name_full(text);
	if (!is_read && header_name_is_fixed(text)) {
		config_fail(loader, node, "a rule may not touch '" SPAN_FMT "'", SPAN_ARG(text));
		return NULL;
	}
	return config_copy(loader, node, text);
}

static void take_rule_name(struct config_loader *loader, const struct node *node,
	const struct config_item *item, void *target)
{
	const char **field = (const char **)(void *)((uint8_t *)target + item->offset);
	bool is_read = item->offset == offsetof(struct header_rule, from);
	struct span text;

	if (config_scalar(loader, node, &text))
		*field = take_name(loader, node, text, is_read);
}

static void take_value(struct config_loader *loader, const struct node *node,
	const struct config_item *item, void *target)
{
	const char **field = (const char **)(void *)((uint8_t *)target + item->offset);
	struct span text;

	if (!config_scalar(loader, node, &text))
		return;
	for (uint32_t i = 0; i < text.len; i++) {
		if ((unsigned char)text.ptr[i] >= ' ' && text.ptr[i] != 0x7f)
			continue;
		config_fail_expected(loader, node, "one line of printable characters");
		return;
	}
	if (text.len > VALUE_MAX)
		config_fail(loader, node, "expected %u bytes at most, found %u", VALUE_MAX,
			text.len);
	else
		*field = config_copy(loader, node, text);
}

static struct pattern *take_expression(struct config_loader *loader, const struct node *node,
	struct span text)
{
	char why[PATTERN_WHY_MAX];
	struct pattern *pattern = NULL;
	int err = pattern_new(loader->arena, text, &pattern, why);

	if (err == -EINVAL)
		config_fail(loader, node, "the expression is wrong: %s", why);
	else if (err)
		config_fail(loader, node, "the configuration is too large");
	return pattern;
}

static void take_pattern(struct config_loader *loader, const struct node *node,
	const struct config_item *item, void *target)
{
	struct header_rule *rule = target;
	struct span text;

	(void)item;
	if (config_scalar(loader, node, &text))
		rule->pattern = take_expression(loader, node, text);
}

// "Name: expression".
static void take_when(struct config_loader *loader, const struct node *node,
	const struct config_item *item, void *target)
{
	struct header_rule *rule = target;
	struct span name, text;

	if (!config_scalar(loader, node, &text))
		return;
	if (span_find(text, ':', 0) <= 0) {
		config_fail_expected(loader, node, item->expected);
		return;
	}
	span_cut(&text, ':', &name);
	rule->when_name = take_name(loader, node, span_trim(name), true);
	if (rule->when_name)
		rule->when = take_expression(loader, node, span_trim(text));
}

static void take_method(struct config_loader *loader, const struct node *node,
	const struct config_item *item, void *target)
{
	struct header_rule *rule = target;
	struct span text;

	if (!config_scalar(loader, node, &text))
		return;
	if (!header_name_is_valid(text) || rule->method_count == HEADER_METHODS_MAX) {
		config_fail_expected(loader, node, item->expected);
		return;
	}
	rule->methods[rule->method_count] = config_copy(loader, node, text);
	rule->method_count += rule->methods[rule->method_count] != NULL;
}

// What an action needs, and what makes no sense with it.
static const char *rule_mistake(const struct header_rule *rule)
{
	bool is_single = header_name_is_single(span_str(rule->name));
	bool is_made = rule->from && rule->pattern && rule->replacement;

	switch (rule->action) {
	case HEADER_ADD:
	case HEADER_SET:
		if (rule->value ? rule->from || rule->pattern || rule->replacement : !is_made)
			return "expected 'value', or 'from', 'pattern' and 'replacement'";
		if (is_single && rule->action == HEADER_ADD)
			return "there is one such field already: expected 'set' or 'regex'";
		return rule->to ? "'to' goes with rename only" : NULL;
	case HEADER_REMOVE:
	case HEADER_RENAME:
		if (is_single)
			return "the field cannot go: expected 'set' or 'regex'";
		if (rule->value || rule->from || rule->replacement)
			return "'value', 'from' and 'replacement' do not go with this action";
		if (rule->action == HEADER_REMOVE)
			return rule->to ? "'to' goes with rename only" : NULL;
		if (rule->to && header_name_is_single(span_str(rule->to)))
			return "there is one field of the new name already";
		return rule->to ? NULL : "the key 'to' is missing";
	case HEADER_REGEX:
		if (!rule->pattern || !rule->replacement)
			return "expected 'pattern' and 'replacement'";
		return rule->value || rule->from || rule->to ?
			"'value', 'from' and 'to' do not go with this action" :
			NULL;
	}
	return NULL;
}

static void finish_rule(struct config_loader *loader, const struct node *node, void *target)
{
	const struct header_rule *rule = target;
	const char *mistake = rule_mistake(rule);
	bool is_wild = strchr(rule->name, '*') != NULL;

	if (mistake)
		config_fail(loader, node, "%s", mistake);
	else if (is_wild && rule->action != HEADER_REMOVE)
		config_fail(loader, node, "a * stands for several fields: 'remove' only");
	else if (rule->replacement && !pattern_covers(rule->pattern, span_str(rule->replacement)))
		config_fail(loader, node,
			"'replacement' names a group that 'pattern' does not have");
}

static const struct config_item rule_items[] = {
	{ .key = "action", .type = CONFIG_TYPE_CHOICE, .is_required = true, .is_live = true,
	  AT(action), .choices = actions, .help = "what happens to the field" },
	{ .key = "name", .type = CONFIG_TYPE_VALUE, .is_required = true, .is_live = true, AT(name),
	  .value = take_rule_name, .expected = NAME_EXPECTED,
	  .help = "the field; also Request-URI; From and To without their tags; remove: X-* for "
		  "all that begin so" },
	{ .key = "value", .type = CONFIG_TYPE_VALUE, .is_live = true, AT(value),
	  .value = take_value, .expected = "one line", .help = "add, set: the value" },
	{ .key = "to", .type = CONFIG_TYPE_VALUE, .is_live = true, AT(to), .value = take_rule_name,
	  .expected = NAME_EXPECTED, .help = "rename: the new name" },
	{ .key = "from", .type = CONFIG_TYPE_VALUE, .is_live = true, AT(from),
	  .value = take_rule_name, .expected = NAME_EXPECTED,
	  .help = "add, set: the field out of which pattern and replacement make the value" },
	{ .key = "pattern", .type = CONFIG_TYPE_VALUE, .is_live = true, .value = take_pattern,
	  .expected = "a Perl expression like \"<sip:0([0-9]+)@\"",
	  .help = "regex: what is replaced, the first match; remove: only fields that match" },
	{ .key = "replacement", .type = CONFIG_TYPE_VALUE, .is_live = true, AT(replacement),
	  .value = take_value, .expected = "one line",
	  .help = "what stands there instead; \\1 to \\9 are groups of the pattern" },
	{ .key = "methods", .type = CONFIG_TYPE_LIST, .max = HEADER_METHODS_MAX, .is_live = true,
	  .value = take_method, .expected = "at most 16 methods like INVITE",
	  .help = "messages of these methods only, requests and responses; default: all" },
	{ .key = "messages", .type = CONFIG_TYPE_CHOICE, .is_live = true, AT(messages),
	  .choices = messages, .fallback = "all", .help = "requests, responses, or both" },
	{ .key = "when", .type = CONFIG_TYPE_VALUE, .is_live = true, .value = take_when,
	  .expected = "a field and an expression like \"X-Class: ^gold\"",
	  .help = "only if such a field matches; Status is the code of a response" },
	{ .key = NULL },
};

const struct config_item config_profile_rules_items[] = {
	{ .key = "in", .type = CONFIG_TYPE_MAP_LIST, .max = HEADER_RULES_MAX, .items = rule_items,
	  .begin = begin_rule_in, .finish = finish_rule,
	  .help = "on messages of the peer, before they are read" },
	{ .key = "out", .type = CONFIG_TYPE_MAP_LIST, .max = HEADER_RULES_MAX, .items = rule_items,
	  .begin = begin_rule_out, .finish = finish_rule,
	  .help = "on messages to the peer, once they are complete" },
	{ .key = NULL },
};

// Tests ------------------------------------------------------------------------------------------

struct header_test {
	const struct profile_headers *headers;
	uint32_t is_in;
	const char *method;
	uint32_t status;
	const char *in, *expect;
};

void *config_begin_header_test(struct config_loader *loader, const struct node *node,
	uint32_t siblings)
{
	struct header_test *test = arena_zalloc(&loader->scratch, sizeof *test);

	(void)siblings;
	if (!test)
		config_fail(loader, node, "the configuration is too large");
	else
		test->headers = &loader->profile->headers;
	return test;
}

#define TEST_AT(field) .offset = (uint32_t)offsetof(struct header_test, field)
static const char *const directions[] = { "out", "in", NULL };

const struct config_item config_profile_tests_items[] = {
	{ .key = "direction", .type = CONFIG_TYPE_CHOICE, .is_live = true, TEST_AT(is_in),
	  .choices = directions, .fallback = "out", .help = "which rules are tried" },
	{ .key = "method", .type = CONFIG_TYPE_TEXT, .is_live = true, TEST_AT(method), .min = 1,
	  .max = 32, .fallback = "INVITE", .help = "of the message" },
	{ .key = "status", .type = CONFIG_TYPE_UINT, .is_live = true, TEST_AT(status), .max = 699,
	  .fallback = "0", .help = "of a response; 0: a request" },
	{ .key = "in", .type = CONFIG_TYPE_TEXT, .is_live = true, .is_required = true, TEST_AT(in),
	  .max = TEST_TEXT_MAX / 2,
	  .help = "header lines, one a line; Request-URI: gives that of the request" },
	{ .key = "expect", .type = CONFIG_TYPE_TEXT, .is_live = true, .is_required = true,
	  TEST_AT(expect), .max = TEST_TEXT_MAX / 2,
	  .help = "the lines as the rules must leave them" },
	{ .key = NULL },
};

static const struct span uri_label = SPAN_LIT("Request-URI:");
static const struct span test_uri = SPAN_LIT("sip:test@test.invalid");

// The next line that is not blank.
static bool next_line(struct span *rest, struct span *line)
{
	while (span_cut(rest, '\n', line)) {
		*line = span_trim(*line);
		if (line->len > 0)
			return true;
	}
	return false;
}

static struct span find_uri(struct span lines)
{
	struct span line;

	while (next_line(&lines, &line))
		if (span_istarts(line, uri_label))
			return span_trim(span_sub(line, uri_label.len, line.len));
	return SPAN_NONE;
}

// The message that the test describes. False: it does not fit.
static bool make_message(const struct header_test *test, char *buf, struct span *out)
{
	struct span line, lines = span_str(test->in), uri = find_uri(lines);
	int len;

	if (uri.len == 0)
		uri = test_uri;
	if (test->status)
		len = snprintf(buf, TEST_TEXT_MAX, "SIP/2.0 %u Test\r\n", test->status);
	else
		len = snprintf(buf, TEST_TEXT_MAX, "%s " SPAN_FMT " SIP/2.0\r\n", test->method,
			SPAN_ARG(uri));
	while (len > 0 && len < (int)TEST_TEXT_MAX && next_line(&lines, &line))
		if (!span_istarts(line, uri_label))
			len += snprintf(buf + len, TEST_TEXT_MAX - (size_t)len, SPAN_FMT "\r\n",
				SPAN_ARG(line));
	if (len > 0 && len < (int)TEST_TEXT_MAX)
		len += snprintf(buf + len, TEST_TEXT_MAX - (size_t)len, "CSeq: 1 %s\r\n\r\n",
			test->method);
	*out = span_make(buf, (uint32_t)len);
	return len > 0 && len < (int)TEST_TEXT_MAX;
}

// The lines of the message again, in the form of the test. False: it does not fit.
static bool list_message(const struct header_test *test, struct span message, char *buf)
{
	struct span line, uri = SPAN_NONE;
	int len = 0;

	next_line(&message, &line);
	if (!test->status && find_uri(span_str(test->in)).len > 0) {
		span_cut(&line, ' ', &uri);
		span_cut(&line, ' ', &uri);
		len = snprintf(buf, TEST_TEXT_MAX, "Request-URI: " SPAN_FMT "\n", SPAN_ARG(uri));
	}
	buf[len] = '\0';
	while (len < (int)TEST_TEXT_MAX && next_line(&message, &line))
		if (!span_istarts(line, SPAN_LIT("CSeq:")))
			len += snprintf(buf + len, TEST_TEXT_MAX - (size_t)len, SPAN_FMT "\n",
				SPAN_ARG(line));
	return len < (int)TEST_TEXT_MAX;
}

static void compare(struct config_loader *loader, const struct node *at, struct span expected,
	struct span made)
{
	struct span want, got;

	for (uint32_t number = 1;; number++) {
		bool has_want = next_line(&expected, &want), has_got = next_line(&made, &got);

		if (!has_want && !has_got)
			return;
		if (has_want && has_got && span_eq(want, got))
			continue;
		want = has_want ? span_sub(want, 0, 80) : SPAN_LIT("nothing");
		got = has_got ? span_sub(got, 0, 80) : SPAN_LIT("nothing");
		config_fail(loader, at,
			"the test fails: line %u should be '" SPAN_FMT "' but is '" SPAN_FMT "'",
			number, SPAN_ARG(want), SPAN_ARG(got));
		return;
	}
}

void config_finish_header_test(struct config_loader *loader, const struct node *node, void *target)
{
	const struct header_test *test = target;
	const struct header_rules *rules = test->is_in ? &test->headers->in : &test->headers->out;
	const struct node *expect = node_child(node, SPAN_LIT("expect"));
	char text[TEST_TEXT_MAX], changed[TEST_TEXT_MAX], listed[TEST_TEXT_MAX];
	struct header_output out = { .buf = changed, .cap = sizeof changed };
	struct span message;
	enum header_outcome outcome = HEADER_FAILED;

	if (make_message(test, text, &message))
		outcome = header_rules_apply(rules, message, &out);
	if (outcome == HEADER_CHANGED)
		message = span_make(out.buf, out.len);
	if (outcome == HEADER_FAILED || !list_message(test, message, listed))
		config_fail(loader, expect,
			"the test fails: a limit of the rules, or 'in' has a line that is no "
			"header");
	else
		compare(loader, expect, span_str(test->expect), span_str(listed));
}
