// profile_headers.c - keys of profiles.NAME.headers, without its rules (profile_rules.c).
#include "config/schema.h"

#include "config/value.h"

#define AT(field) .offset = (uint32_t)offsetof(struct config_profile, headers.field)

static const char *const diversions[] = { "none", "diversion", "history-info", "both", NULL };
static const char *const reasons[] = { "pass", "q850", "sip", "none", NULL };
static const char *const identities[] = { "none", "from", "preferred", NULL };

_Static_assert(sizeof(enum profile_diversion) == sizeof(uint32_t), "choices are 32 bits");

// Fields that we make ourselves: a foreign one would be a second one.
static const struct span own_names[] = { SPAN_LIT("Allow"), SPAN_LIT("Supported"),
	SPAN_LIT("Require"), SPAN_LIT("Accept"), SPAN_LIT("User-Agent"), SPAN_LIT("Server"),
	SPAN_LIT("Session-ID"), SPAN_LIT("P-Asserted-Identity"), SPAN_LIT("Privacy"),
	SPAN_LIT("Diversion"), SPAN_LIT("History-Info"), SPAN_LIT("Reason"),
	SPAN_LIT("Session-Expires"), SPAN_LIT("Min-SE"), SPAN_LIT("Refer-To"),
	SPAN_LIT("Referred-By"), SPAN_LIT("Replaces"), SPAN_LIT("Event"),
	SPAN_LIT("Subscription-State"), SPAN_LIT("Expires"), SPAN_LIT("Authorization"),
	SPAN_LIT("Proxy-Authorization"), SPAN_LIT("Resource-Priority") };

static bool is_own_name(struct span name)
{
	for (size_t i = 0; i < sizeof own_names / sizeof own_names[0]; i++)
		if (span_ieq(name, own_names[i]))
			return true;
	return header_name_is_fixed(name) || header_name_is_single(name);
}

static void *make_array(struct config_loader *loader, const struct node *node, uint32_t count,
	size_t size)
{
	void *array = arena_zalloc(loader->arena, (count ? count : 1) * size);

	if (!array)
		config_fail(loader, node, "the configuration is too large");
	return array;
}

static void take_pass(struct config_loader *loader, const struct node *node,
	const struct config_item *item, void *target)
{
	struct profile_headers *headers = &((struct config_profile *)target)->headers;
	struct span text;

	if (!config_scalar(loader, node, &text))
		return;
	if (!header_name_is_valid(text)) {
		config_fail_expected(loader, node, item->expected);
		return;
	}
	if (is_own_name(text)) {
		config_fail(loader, node,
			"the field '" SPAN_FMT "' is made by this node and cannot be passed",
			SPAN_ARG(text));
		return;
	}
	if (!headers->pass)
		headers->pass = make_array(loader, node, PROFILE_PASS_MAX,
			sizeof *headers->pass);
	if (!headers->pass)
		return;
	headers->pass[headers->pass_count] = config_copy(loader, node, text);
	headers->pass_count += headers->pass[headers->pass_count] != NULL;
}

static bool take_status(struct config_loader *loader, const struct node *node, uint32_t min,
	uint16_t *out)
{
	char what[48];
	struct span text;
	uint32_t status;

	if (!config_scalar(loader, node, &text))
		return false;
	if (span_parse_u32(text, 699, &status) != 0 || status < min) {
		snprintf(what, sizeof what, "a status code %u..699", min);
		config_fail_expected(loader, node, what);
		return false;
	}
	*out = (uint16_t)status;
	return true;
}

// The children of a map {status: value}; false after a mistake in its form.
static bool is_code_map(struct config_loader *loader, const struct node *node, const char *what)
{
	if (node->kind != NODE_MAP) {
		config_fail_expected(loader, node, what);
		return false;
	}
	if (node->count <= PROFILE_CODES_MAX)
		return true;
	config_fail(loader, node, "expected %u codes at most, found %u", PROFILE_CODES_MAX,
		node->count);
	return false;
}

static void take_codes(struct config_loader *loader, const struct node *node,
	const struct config_item *item, void *target)
{
	struct profile_headers *headers = &((struct config_profile *)target)->headers;

	if (!is_code_map(loader, node, item->expected))
		return;
	headers->code_count = 0;
	headers->codes = make_array(loader, node, node->count, sizeof *headers->codes);
	if (!headers->codes)
		return;
	for (const struct node *child = node->first; child; child = child->next) {
		struct profile_code code;

		if (take_status(loader, child->key, 300, &code.status) &&
			take_status(loader, child, 400, &code.told))
			headers->codes[headers->code_count++] = code;
	}
}

static bool is_text(struct span text)
{
	for (uint32_t i = 0; i < text.len; i++)
		if ((unsigned char)text.ptr[i] < ' ' || text.ptr[i] == 0x7f)
			return false;
	return text.len > 0 && text.len <= PROFILE_TEXT_MAX;
}

static void take_texts(struct config_loader *loader, const struct node *node,
	const struct config_item *item, void *target)
{
	struct profile_headers *headers = &((struct config_profile *)target)->headers;

	if (!is_code_map(loader, node, item->expected))
		return;
	headers->text_count = 0;
	headers->texts = make_array(loader, node, node->count, sizeof *headers->texts);
	if (!headers->texts)
		return;
	for (const struct node *child = node->first; child; child = child->next) {
		struct profile_text *text = &headers->texts[headers->text_count];
		struct span phrase;

		if (!take_status(loader, child->key, 100, &text->status) ||
			!config_scalar(loader, child, &phrase))
			continue;
		if (!is_text(phrase)) {
			config_fail_expected(loader, child, "a line of 1..80 printable characters");
			continue;
		}
		const char *copy = config_copy(loader, child, phrase);
		text->text = span_make(copy, phrase.len);
		headers->text_count += copy != NULL;
	}
}

static void take_line(struct config_loader *loader, const struct node *node,
	const struct config_item *item, void *target)
{
	const char **field = (const char **)(void *)((uint8_t *)target + item->offset);
	struct span text;

	if (!config_scalar(loader, node, &text))
		return;
	if (!is_text(text))
		config_fail_expected(loader, node, item->expected);
	else
		*field = config_copy(loader, node, text);
}

static void take_host_name(struct config_loader *loader, const struct node *node,
	const struct config_item *item, void *target)
{
	const char **field = (const char **)(void *)((uint8_t *)target + item->offset);
	struct span text;

	if (!config_scalar(loader, node, &text))
		return;
	bool is_name = text.len > 0 && text.len <= PROFILE_TEXT_MAX;
	for (uint32_t i = 0; i < text.len; i++) {
		char c = text.ptr[i];

		is_name &= (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') ||
			c == '-' || (c == '.' && i > 0 && text.ptr[i - 1] != '.');
	}
	if (is_name)
		*field = config_copy(loader, node, text);
	else
		config_fail_expected(loader, node, item->expected);
}

static void take_session_id(struct config_loader *loader, const struct node *node,
	const struct config_item *item, void *target)
{
	bool *is_off = (bool *)((uint8_t *)target + item->offset);
	struct span text;
	bool is_on;

	if (!config_scalar(loader, node, &text))
		return;
	if (value_parse_bool(text, &is_on) != 0)
		config_fail_expected(loader, node, item->expected);
	else
		*is_off = !is_on;
}

static bool take_request(struct config_loader *loader, const struct node *node, uint32_t *bits)
{
	static const struct {
		struct span word;
		uint32_t bits;
	} words[] = { { SPAN_LIT("MESSAGE"), PROFILE_REQUEST_MESSAGE },
		{ SPAN_LIT("PUBLISH"), PROFILE_REQUEST_PUBLISH },
		{ SPAN_LIT("SUBSCRIBE"), PROFILE_REQUEST_SUBSCRIBE },
		{ SPAN_LIT("OPTIONS"), PROFILE_REQUEST_OPTIONS },
		{ SPAN_LIT("usual"), PROFILE_REQUEST_ALL }, { SPAN_LIT("none"), 0 } };
	struct span text;

	if (!config_scalar(loader, node, &text))
		return false;
	for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
		if (span_eq(text, words[i].word)) {
			*bits |= words[i].bits;
			return true;
		}
	}
	config_fail_expected(loader, node, "MESSAGE, PUBLISH, SUBSCRIBE, OPTIONS, usual or none");
	return false;
}

static void take_requests(struct config_loader *loader, const struct node *node,
	const struct config_item *item, void *target)
{
	struct profile_headers *headers = &((struct config_profile *)target)->headers;
	uint32_t bits = 0;

	(void)item;
	if (node->kind == NODE_LIST) {
		for (const struct node *child = node->first; child; child = child->next)
			if (!take_request(loader, child, &bits))
				return;
	} else if (!take_request(loader, node, &bits)) {
		return;
	}
	headers->requests = bits;
}

#define HOST_EXPECTED "a host name like sbc.example.com"

const struct config_item config_profile_headers_items[] = {
	{ .key = "pass", .type = CONFIG_TYPE_LIST, .max = PROFILE_PASS_MAX, .is_live = true,
	  .value = take_pass, .expected = "the name of a header field, like X-Account",
	  .help = "fields that pass besides the usual ones, if the profiles of both sides name "
		  "them" },
	{ .key = "rules", .type = CONFIG_TYPE_MAP, .items = config_profile_rules_items,
	  .help = "changes of header fields, in written order" },
	{ .key = "tests", .type = CONFIG_TYPE_MAP_LIST, .max = 256,
	  .items = config_profile_tests_items, .begin = config_begin_header_test,
	  .finish = config_finish_header_test,
	  .help = "what the rules must do; checked whenever the file is read" },
	{ .key = "codes", .type = CONFIG_TYPE_VALUE, .is_live = true, .value = take_codes,
	  .expected = "a map like {486: 600}",
	  .help = "error codes that the peer is told instead of those of the other side" },
	{ .key = "texts", .type = CONFIG_TYPE_VALUE, .is_live = true, .value = take_texts,
	  .expected = "a map like {486: Engaged}",
	  .help = "reason phrases of answers to the peer" },
	{ .key = "agent", .type = CONFIG_TYPE_VALUE, .is_live = true, AT(agent),
	  .value = take_line, .expected = "a line of 1..80 printable characters",
	  .help = "User-Agent and Server that the peer sees; default: neither is sent" },
	{ .key = "contact_host", .type = CONFIG_TYPE_VALUE, .is_live = true, AT(contact_host),
	  .value = take_host_name, .expected = HOST_EXPECTED,
	  .help = "name in our Contact for peers that demand one; default: the address" },
	{ .key = "via_host", .type = CONFIG_TYPE_VALUE, .is_live = true, AT(via_host),
	  .value = take_host_name, .expected = HOST_EXPECTED,
	  .help = "name in our Via; default: the address" },
	{ .key = "from_host", .type = CONFIG_TYPE_VALUE, .is_live = true, AT(from_host),
	  .value = take_host_name, .expected = HOST_EXPECTED,
	  .help = "name in From and P-Asserted-Identity; default: our address" },
	{ .key = "to_host", .type = CONFIG_TYPE_VALUE, .is_live = true, AT(to_host),
	  .value = take_host_name, .expected = HOST_EXPECTED,
	  .help = "name in To and Request-URI; default: the peer's address" },
	{ .key = "identity", .type = CONFIG_TYPE_CHOICE, .is_live = true, AT(identity),
	  .choices = identities, .fallback = "none",
	  .help = "what becomes P-Asserted-Identity of a peer in an untrusted realm, towards "
		  "trusted ones" },
	{ .key = "diversion", .type = CONFIG_TYPE_CHOICE, .is_live = true, AT(diversion),
	  .choices = diversions, .fallback = "none",
	  .help = "how the peer is told who diverted the call; either form is understood" },
	{ .key = "reason", .type = CONFIG_TYPE_CHOICE, .is_live = true, AT(reason),
	  .choices = reasons, .fallback = "pass",
	  .help = "Reason that the peer is told; q850, sip: made from the other where missing" },
	{ .key = "code_from_cause", .type = CONFIG_TYPE_BOOL, .is_live = true,
	  AT(is_code_from_cause), .fallback = "false",
	  .help = "the status of an error follows its Q.850 cause (RFC 3398)" },
	{ .key = "session_id", .type = CONFIG_TYPE_VALUE, .is_live = true,
	  AT(is_session_id_off), .value = take_session_id, .expected = "true or false",
	  .fallback = "true", .help = "whether the peer is sent a Session-ID (RFC 7989)" },
	{ .key = "warning", .type = CONFIG_TYPE_BOOL, .is_live = true, AT(is_warning_passed),
	  .fallback = "false", .help = "whether the peer is told Warnings of the other side" },
	{ .key = "challenges", .type = CONFIG_TYPE_BOOL, .is_live = true, AT(is_challenge_passed),
	  .fallback = "false",
	  .help = "whether the peer's 401 and 407 go to the other side, whose credentials come "
		  "back to it (RFC 7616); else the other side is told 403" },
	{ .key = "requests", .type = CONFIG_TYPE_VALUE, .is_live = true, .value = take_requests,
	  .expected = "a list of MESSAGE, PUBLISH, SUBSCRIBE, OPTIONS; usual (the first three) or "
		      "none",
	  .fallback = "usual",
	  .help = "requests of the peer outside calls that are relayed by route, content and all" },
	{ .key = NULL },
};
