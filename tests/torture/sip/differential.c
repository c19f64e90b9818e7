// The SIP parser against libosip2 on the RFCs' messages, on valid ones in many spellings and on
// mutated ones. Where both accept, what they read must be the same; where the verdict differs, one
// of the two tables below names the sentence that we follow, and nothing else may differ.
#include "generate.h"
#include "second.h"
#include "sip/parse.h"
#include "unit/unit.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#define FOLDER TESTS_DIR "/torture/sip/"

static struct sip_msg msg;
static struct sip_fault fault;

// We refuse, libosip2 accepts: reason of our fault -> why.
static const struct {
	const char *reason;
	const char *sentence;
} stricter[] = {
	{ "Line Feed without Carriage Return",
		"RFC 3261 7: the start-line, each header line, and the empty line MUST be "
		"terminated "
		"by a carriage-return line-feed sequence" },
	{ "Control Character in Header", "RFC 3261 25.1: TEXT-UTF8-TRIM holds no CTL but in LWS" },
	{ "Invalid UTF-8 in Header", "RFC 3261 7: SIP uses the UTF-8 charset" },
	{ "Malformed Header Line", "RFC 3261 7.3.1: header = field-name: field-value" },
	{ "Malformed Via", "RFC 3261 25.1: via-parm, and branch is a token" },
	{ "Malformed From", "RFC 3261 25.1: from-spec, name-addr, SIP-URI" },
	{ "Malformed To", "RFC 3261 25.1: name-addr, SIP-URI, tag-param is a token" },
	{ "Malformed Call-ID", "RFC 3261 25.1: callid = word [ \"@\" word ]" },
	{ "Malformed CSeq",
		"RFC 3261 8.1.1.5: the sequence number value MUST be expressible as a 32-bit "
		"unsigned "
		"integer and MUST be less than 2**31" },
	{ "Malformed Contact", "RFC 3261 25.1: contact-param" },
	{ "Malformed Route", "RFC 3261 25.1: route-param = name-addr" },
	{ "Malformed Record-Route", "RFC 3261 25.1: rec-route = name-addr" },
	{ "Malformed Content-Type", "RFC 3261 25.1: m-type SLASH m-subtype" },
	{ "Malformed Content-Length", "RFC 3261 20.14: any value greater than or equal to zero" },
	{ "Malformed Max-Forwards", "RFC 3261 20.22: an integer in the range 0-255" },
	{ "Malformed Request-URI",
		"RFC 3261 7.1: the Request-URI MUST NOT contain unescaped spaces "
		"or control characters and MUST NOT be enclosed in <>" },
	{ "Malformed Request-Line", "RFC 3261 7.1: exactly one SP between the elements" },
	{ "Malformed Status-Line", "RFC 3261 7.2: a 3-digit integer result code" },
	{ "Version Not Supported", "RFC 3261 21.5.6: 505 Version Not Supported" },
	{ "Unsupported URI Scheme", "RFC 3261 8.2.2.1: 416 (Unsupported URI Scheme)" },
	{ "Duplicate Header",
		"RFC 3261 7.3.1: multiple rows only if the value is a "
		"comma-separated list" },
	{ "CSeq Method Mismatch", "RFC 3261 8.1.1.5: the method MUST match that of the request" },
	{ "Content-Length Beyond Message",
		"RFC 3261 18.3: if the datagram ends before the end of "
		"the body, this is considered an error" },
	{ "No End of Headers",
		"RFC 3261 7: the empty line MUST be present even if the "
		"message-body is not" },
};

// We accept, libosip2 refuses --------------------------------------------------------------------

static bool is_other_scheme(const struct sip_name_addr *na)
{
	return na->uri.scheme == SIP_SCHEME_OTHER;
}

static bool has_other_scheme(void)
{
	static const enum sip_header_id ids[] = { SIP_HEADER_FROM, SIP_HEADER_TO,
		SIP_HEADER_CONTACT, SIP_HEADER_ROUTE, SIP_HEADER_RECORD_ROUTE };
	struct sip_name_addr na;
	struct sip_list list;
	struct span value;
	for (size_t i = 0; i < COUNT_OF(ids); i++) {
		sip_list_init(&list, &msg, ids[i]);
		while (sip_list_next(&list, &value)) {
			if (sip_name_addr_parse(value, &na) == 0 && is_other_scheme(&na))
				return true;
		}
	}
	return false;
}

static bool has_bad_lower_via(void)
{
	struct sip_list list;
	struct sip_via via;
	struct span value;
	sip_list_init(&list, &msg, SIP_HEADER_VIA);
	while (sip_list_next(&list, &value)) {
		if (sip_via_parse(value, &via))
			return true;
	}
	return false;
}

static bool has_blank_continuation(void)
{
	for (uint32_t i = 0; i + 1 < msg.raw.len; i++) {
		if (msg.raw.ptr[i] != '\n')
			continue;
		uint32_t begin = i + 1;
		while (i + 1 < msg.raw.len &&
			(msg.raw.ptr[i + 1] == ' ' || msg.raw.ptr[i + 1] == '\t'))
			i++;
		if (i + 1 > begin && i + 1 < msg.raw.len && msg.raw.ptr[i + 1] == '\r')
			return true;
	}
	return false;
}

static bool has_nul(void)
{
	return memchr(msg.raw.ptr, 0, msg.raw.len) != NULL;
}

static bool params_are_tokens(struct span params)
{
	struct sip_param param;
	while (sip_param_next(&params, &param) > 0) {
		if (!sip_is_token(param.name))
			return false;
	}
	return true;
}

static bool has_odd_param(void)
{
	struct sip_list list;
	struct sip_via via;
	struct span value;
	sip_list_init(&list, &msg, SIP_HEADER_VIA);
	while (sip_list_next(&list, &value)) {
		if (sip_via_parse(value, &via) == 0 && !params_are_tokens(via.params))
			return true;
	}
	return !params_are_tokens(msg.from.params) || !params_are_tokens(msg.to.params) ||
		!params_are_tokens(msg.contact.params);
}

static bool has_other_protocol(void)
{
	struct sip_list list;
	struct span value;
	sip_list_init(&list, &msg, SIP_HEADER_VIA);
	while (sip_list_next(&list, &value)) {
		if (!span_istarts(value, SPAN_LIT("SIP/2.0/")))
			return true;
	}
	return false;
}

static bool has_empty_password(void)
{
	return memmem(msg.raw.ptr, msg.raw.len, ":@", 2) != NULL;
}

static bool has_no_phrase(void)
{
	return !msg.is_request && msg.raw.ptr[sizeof("SIP/2.0 200") - 1] == '\r';
}

static bool has_short_host(void)
{
	return (msg.is_request && msg.uri.text.len < 6) || msg.from.uri.text.len < 6 ||
		msg.to.uri.text.len < 6 || (msg.contact_count && msg.contact.uri.text.len < 6);
}

static bool has_tab(void)
{
	return memchr(msg.raw.ptr, '\t', msg.raw.len) != NULL;
}

// Behind the media type, which we read.
static bool has_bad_media_param(void)
{
	int32_t semicolon = span_find(msg.content_type, ';', 0);
	struct sip_param param;
	int rc;
	if (semicolon < 0)
		return false;
	struct span rest = span_sub(msg.content_type, (uint32_t)semicolon, UINT32_MAX);
	while ((rc = sip_param_next(&rest, &param)) > 0)
		;
	return rc < 0;
}

static const struct {
	bool (*is_so)(void);
	const char *sentence;
} looser[] = {
	{ has_other_scheme, "RFC 3261 25.1: addr-spec = SIP-URI / SIPS-URI / absoluteURI" },
	{ has_bad_lower_via,
		"RFC 3261 16.3: any components with well-formedness violations that are "
		"not required to process the message are ignored" },
	{ has_blank_continuation,
		"RFC 3261 7.3.1: header fields can be extended over multiple lines "
		"by preceding each extra line with at least one SP or HT" },
	{ has_odd_param, "RFC 3261 16.3: what is not required to process the message is ignored" },
	{ has_short_host, "RFC 3261 25.1: toplabel = ALPHA" },
	{ has_nul, "RFC 4475 3.1.1.2: a quoted-pair may hold NUL" },
	{ has_tab, "RFC 3261 25.1: LWS = [*WSP CRLF] 1*WSP, and WSP is SP or HTAB" },
	{ has_other_protocol, "RFC 3261 25.1: protocol-version = token" },
	{ has_empty_password, "RFC 3261 25.1: password = *( unreserved / escaped / ... )" },
	{ has_no_phrase,
		"RFC 3261 7.2: a client is not required to examine or display the "
		"Reason-Phrase" },
	{ has_bad_media_param, "RFC 3261 16.3: as above" },
};

// -------------------------------------------------------------------------------------------------

struct tally {
	uint32_t both, neither, stricter, looser;
};

static bool we_may_be_stricter(void)
{
	for (size_t i = 0; i < COUNT_OF(stricter); i++) {
		if (strcmp(stricter[i].reason, fault.reason) == 0)
			return true;
	}
	return false;
}

static bool we_may_be_looser(void)
{
	for (size_t i = 0; i < COUNT_OF(looser); i++) {
		if (looser[i].is_so())
			return true;
	}
	return false;
}

static void show(struct span text, const char *what)
{
	fprintf(stderr, "%s:\n" SPAN_FMT "\n", what, SPAN_ARG(text));
}

// Their fields are cut; compared is what they kept.
static bool alike(struct span ours, const char *theirs, size_t cap)
{
	if (ours.len >= cap)
		ours.len = (uint32_t)cap - 1;
	return span_eq(ours, span_str(theirs));
}

#define ALIKE(ours, theirs) alike(ours, theirs, sizeof(theirs))

static const char *request_differs(const struct second_opinion *second)
{
	char user[GENERATE_MAX * 16];
	struct span plain;
	if (!ALIKE(msg.method_text, second->method))
		return "method";
	if (msg.uri.scheme != SIP_SCHEME_SIP && msg.uri.scheme != SIP_SCHEME_SIPS)
		return NULL;
	if (!ALIKE(msg.uri.host, second->host))
		return "host";
	// They take escapes away.
	if (sip_unescape(msg.uri.user, user, sizeof(user), &plain) == 0 &&
		!ALIKE(plain, second->user))
		return "user";
	return NULL;
}

// NULL, or the field that the two read differently.
static const char *field_differs(const struct second_opinion *second)
{
	uint32_t number;
	if (!ALIKE(msg.call_id, second->call_id))
		return "Call-ID";
	if (!ALIKE(msg.from.tag, second->from_tag) || !ALIKE(msg.to.tag, second->to_tag))
		return "tag";
	if (!ALIKE(msg.via.host, second->via_host) || !ALIKE(msg.via.branch, second->branch))
		return "Via";
	if (msg.via_count != second->vias && !has_bad_lower_via())
		return "number of Vias";
	if (span_parse_u32(span_str(second->cseq), INT32_MAX, &number) ||
		number != msg.cseq.number || !ALIKE(msg.cseq.method_text, second->cseq_method))
		return "CSeq";
	if (msg.status != second->status)
		return "status";
	// Without Content-Type they keep no body; of a multipart one they keep the parts.
	if (msg.content_type.len && msg.body.len &&
		!memmem(msg.content_type.ptr, msg.content_type.len, "ultipart", 8) &&
		second->body_bytes != (int32_t)msg.body.len)
		return "body";
	return msg.is_request ? request_differs(second) : NULL;
}

static void compare(struct span text, struct tally *tally)
{
	struct second_opinion second;
	bool is_accepted = sip_parse(text, &msg, &fault) == 0;
	second_parse(text, &second);
	if (!is_accepted && !second.is_accepted) {
		tally->neither++;
	} else if (!is_accepted) {
		tally->stricter++;
		if (!we_may_be_stricter()) {
			show(text, fault.reason);
			fail_msg("we refuse, libosip2 accepts: %s", fault.reason);
		}
	} else if (!second.is_accepted) {
		tally->looser++;
		if (!we_may_be_looser()) {
			show(text, "accepted");
			fail_msg("we accept, libosip2 refuses");
		}
	} else {
		const char *field = field_differs(&second);
		tally->both++;
		if (field) {
			show(text, field);
			fail_msg("%s differs", field);
		}
	}
}

static uint32_t seeds(void)
{
	return getenv("MUGA_LONG") ? 2000000 : 20000;
}

// Nothing may differ on these.
static void test_valid(void **state)
{
	struct tally tally = { 0 };
	char text[GENERATE_MAX + 1];
	struct rng rng;
	(void)state;
	rng_init(&rng, 1);
	for (uint32_t i = 0; i < seeds(); i++) {
		struct span s = generate_valid(&rng, text);
		text[s.len] = '\0'; // libosip2 reads up to it
		compare(s, &tally);
		assert_int_equal(tally.both, i + 1);
	}
}

static void test_mutated(void **state)
{
	struct tally tally = { 0 };
	char text[GENERATE_MAX + 1], mutated[GENERATE_MAX + 1];
	struct rng rng;
	(void)state;
	rng_init(&rng, 2);
	for (uint32_t i = 0; i < seeds(); i++) {
		struct span s = generate_mutated(&rng, generate_valid(&rng, text), mutated);
		mutated[s.len] = '\0';
		compare(s, &tally);
	}
	print_message("%u accepted by both, %u by neither, %u by libosip2 alone, %u by us alone\n",
		tally.both, tally.neither, tally.stricter, tally.looser);
	assert_true(tally.both > seeds() / 6 && tally.neither && tally.stricter && tally.looser);
	assert_true(tally.looser < seeds() / 50);
}

static void compare_file(const char *path, struct tally *tally)
{
	char text[16384];
	FILE *f = fopen(path, "rb");
	assert_non_null(f);
	size_t len = fread(text, 1, sizeof(text) - 1, f);
	fclose(f);
	text[len] = '\0';
	compare(span_make(text, (uint32_t)len), tally);
}

static void test_rfc_messages(void **state)
{
	static const char *const folders[] = { "rfc4475", "rfc5118" };
	struct tally tally = { 0 };
	(void)state;
	for (size_t i = 0; i < COUNT_OF(folders); i++) {
		char path[512];
		snprintf(path, sizeof(path), FOLDER "%s", folders[i]);
		DIR *dir = opendir(path);
		assert_non_null(dir);
		for (struct dirent *entry; (entry = readdir(dir));) {
			if (!strstr(entry->d_name, ".dat"))
				continue;
			snprintf(path, sizeof(path), FOLDER "%s/%s", folders[i], entry->d_name);
			compare_file(path, &tally);
		}
		closedir(dir);
	}
	assert_int_equal(tally.both + tally.neither + tally.stricter + tally.looser, 61);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_valid),
		cmocka_unit_test(test_mutated),
		cmocka_unit_test(test_rfc_messages),
	};
	second_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
