// NAME.in.sip, parsed, must be what NAME.out.txt says, line by line. A new case is two new files.
// Lines end by CR LF on the wire and by LF in the files; lines of NAME.out.txt that begin with '#'
// say which rule of which RFC is meant. With MUGA_GOLDEN_WRITE set, missing .out.txt files are
// written: check them by the RFC, not by the parser.
#include "sip/parse.h"
#include "unit/unit.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#define DIRECTORY TESTS_DIR "/golden/sip/"
#define TEXT_MAX  65536u

static char input[TEXT_MAX], wire[2 * TEXT_MAX], wanted[TEXT_MAX], found[TEXT_MAX];
static struct sip_msg msg;

static const char *const fault_names[] = {
	[SIP_FAULT_NONE] = "none",
	[SIP_FAULT_KEEPALIVE] = "keepalive",
	[SIP_FAULT_NOT_SIP] = "not-sip",
	[SIP_FAULT_TOO_LARGE] = "too-large",
	[SIP_FAULT_START_LINE] = "start-line",
	[SIP_FAULT_VERSION] = "version",
	[SIP_FAULT_HEADER] = "header",
	[SIP_FAULT_MISSING] = "missing",
	[SIP_FAULT_DUPLICATE] = "duplicate",
	[SIP_FAULT_VALUE] = "value",
	[SIP_FAULT_CSEQ_METHOD] = "cseq-method",
	[SIP_FAULT_LENGTH] = "length",
	[SIP_FAULT_TRUNCATED] = "truncated",
	[SIP_FAULT_SCHEME] = "scheme",
};

static const char *const scheme_names[] = { "none", "sip", "sips", "tel", "urn", "other" };

// " name=text", the line ends of folding shown; nothing for an empty span.
static void put_span(FILE *out, const char *name, struct span text)
{
	if (text.len == 0)
		return;
	fprintf(out, " %s=", name);
	for (uint32_t i = 0; i < text.len; i++) {
		char c = text.ptr[i];
		if (c == '\r' || c == '\n' || c == '\t')
			fputs(c == '\r' ? "\\r" : c == '\n' ? "\\n" : "\\t", out);
		else
			fputc(c, out);
	}
}

static void put_ip(FILE *out, const struct ip *ip)
{
	char text[ADDR_TEXT_MAX];
	if (ip_is_unset(ip))
		return;
	ip_format(ip, text);
	fprintf(out, " ip=%s", text);
}

static void put_uri(FILE *out, const struct sip_uri *uri)
{
	char buf[256];
	struct span user;
	fprintf(out, " scheme=%s", scheme_names[uri->scheme]);
	put_span(out, "user", uri->user);
	put_span(out, "password", uri->password);
	put_span(out, "host", uri->host);
	put_ip(out, &uri->ip);
	if (uri->port)
		fprintf(out, " port=%u", uri->port);
	put_span(out, "uri-params", uri->params);
	put_span(out, "uri-headers", uri->headers);
	if (uri->has_user && sip_uri_user(uri, buf, sizeof(buf), &user) == 0)
		put_span(out, "looked-up", user);
}

static void put_name_addr(FILE *out, const char *name, const struct sip_name_addr *addr)
{
	char buf[256];
	struct span plain;
	fputs(name, out);
	if (addr->display.len) {
		assert_int_equal(sip_display_unquote(addr->display, buf, sizeof(buf), &plain), 0);
		put_span(out, "display", plain);
	}
	put_uri(out, &addr->uri);
	put_span(out, "params", addr->params);
	put_span(out, "tag", addr->tag);
	fputc('\n', out);
}

static void put_vias(FILE *out)
{
	struct sip_list list;
	struct span value;
	struct sip_via via;
	sip_list_init(&list, &msg, SIP_HEADER_VIA);
	while (sip_list_next(&list, &value)) {
		fputs("via", out);
		if (sip_via_parse(value, &via)) {
			fputs(" malformed\n", out);
			continue;
		}
		put_span(out, "transport", via.transport);
		put_span(out, "host", via.host);
		put_ip(out, &via.ip);
		if (via.port)
			fprintf(out, " port=%u", via.port);
		put_span(out, "branch", via.branch);
		if (via.branch.len && !via.is_rfc3261)
			fputs(" rfc2543", out);
		put_span(out, "received", via.received);
		put_span(out, "maddr", via.maddr);
		if (via.has_rport && via.rport)
			fprintf(out, " rport=%u", via.rport);
		else if (via.has_rport)
			fputs(" rport", out);
		fputc('\n', out);
	}
}

static void put_start(FILE *out)
{
	if (!msg.is_request) {
		fprintf(out, "response %u", msg.status);
		put_span(out, "reason", msg.reason);
		fprintf(out, " method=%s\n", sip_method_name(msg.method));
		return;
	}
	fprintf(out, "request %s", sip_method_name(msg.method));
	if (msg.method == SIP_METHOD_OTHER)
		put_span(out, "token", msg.method_text);
	put_uri(out, &msg.uri);
	fputc('\n', out);
}

static void put_message(FILE *out)
{
	put_start(out);
	put_vias(out);
	put_name_addr(out, "from", &msg.from);
	put_name_addr(out, "to", &msg.to);
	fputs("call-id", out);
	put_span(out, "value", msg.call_id);
	fprintf(out, "\ncseq %u " SPAN_FMT "\n", msg.cseq.number, SPAN_ARG(msg.cseq.method_text));
	if (msg.max_forwards >= 0)
		fprintf(out, "max-forwards %d\n", msg.max_forwards);
	if (msg.expires >= 0)
		fprintf(out, "expires %lld\n", (long long)msg.expires);
	if (msg.is_contact_star)
		fputs("contact *\n", out);
	if (msg.contact_count > 1)
		fprintf(out, "contacts %u\n", msg.contact_count);
	if (msg.contact_count > 0)
		put_name_addr(out, "contact", &msg.contact);
}

// Every line: what it is taken for, as it was written.
static void put_headers(FILE *out)
{
	for (uint32_t i = 0; i < msg.header_count; i++) {
		const struct sip_header *header = &msg.header[i];
		struct span known = sip_header_name((enum sip_header_id)header->id);
		fprintf(out, "header " SPAN_FMT, SPAN_ARG(known.len ? known : SPAN_LIT("-")));
		put_span(out, "name", header->name);
		put_span(out, "value", header->value);
		fputc('\n', out);
	}
	fprintf(out, "body %u\n", msg.body.len);
}

static void describe(struct span text)
{
	struct sip_fault fault;
	FILE *out = fmemopen(found, sizeof(found), "w");
	assert_non_null(out);
	if (sip_parse(text, &msg, &fault)) {
		fprintf(out, "fault %s status=%u reason=%s%s\n", fault_names[fault.kind],
			fault.status, fault.reason, fault.can_answer ? " answerable" : "");
	} else {
		put_message(out);
		put_headers(out);
	}
	assert_int_equal(fclose(out), 0);
}

static bool load(const char *name, const char *suffix, char *buf)
{
	char path[1024];
	snprintf(path, sizeof(path), DIRECTORY "%s%s", name, suffix);
	FILE *file = fopen(path, "rb");
	if (!file)
		return false;
	size_t len = fread(buf, 1, TEXT_MAX - 1, file);
	fclose(file);
	buf[len] = '\0';
	return true;
}

static struct span to_wire(void)
{
	uint32_t len = 0;
	for (const char *c = input; *c; c++) {
		if (*c == '\n')
			wire[len++] = '\r';
		wire[len++] = *c;
	}
	return span_make(wire, len);
}

static void write_missing(const char *name)
{
	char path[1024];
	snprintf(path, sizeof(path), DIRECTORY "%s.out.txt", name);
	FILE *file = fopen(path, "wb");
	assert_non_null(file);
	assert_true(fputs(found, file) >= 0);
	fclose(file);
}

static const char *without_comments(const char *text)
{
	while (*text == '#')
		text = strchr(text, '\n') + 1;
	return text;
}

static void check(const char *name)
{
	assert_true(load(name, ".in.sip", input));
	describe(to_wire());
	bool has_wanted = load(name, ".out.txt", wanted);
	if (!has_wanted && getenv("MUGA_GOLDEN_WRITE"))
		write_missing(name);
	else if (!has_wanted)
		fail_msg("%s.out.txt is missing", name);
	else if (strcmp(found, without_comments(wanted)) != 0)
		fail_msg("%s differs; found:\n%s", name, found);
}

static void messages_are_understood(void **state)
{
	unsigned count = 0;
	(void)state;
	DIR *dir = opendir(DIRECTORY);
	assert_non_null(dir);
	for (struct dirent *entry; (entry = readdir(dir));) {
		char name[300];
		char *end = strstr(entry->d_name, ".in.sip");
		if (!end)
			continue;
		snprintf(name, sizeof(name), "%.*s", (int)(end - entry->d_name), entry->d_name);
		check(name);
		count++;
	}
	closedir(dir);
	assert_true(count >= 20);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(messages_are_understood) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
