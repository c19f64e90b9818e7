// fuzz_border.c - what crosses the border of any message that the parser accepts: whole header
// lines, whatever their values held; and header rules on any text.
#include "base/check.h"
#include "call/core_private.h"

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct sip_msg msg;
static char out[4 * 65536], text[4 * 65536];

// Nobody can make a second line, or end the headers, out of a value.
static void check_lines(struct span written)
{
	struct span line;

	while (written.len > 0) {
		int32_t end = span_find(written, '\n', 0);

		CHECK(end > 1 && written.ptr[end - 1] == '\r');
		line = span_sub(written, 0, (uint32_t)end - 1);
		CHECK(span_find(line, ':', 0) > 0);
		CHECK(span_find(line, '\r', 0) < 0 && span_find(line, '\0', 0) < 0);
		written = span_sub(written, (uint32_t)end + 1, written.len);
	}
}

static void cross(const struct hide_params *params)
{
	struct divert divert;
	struct sip_writer w;

	sip_writer_init(&w, out, sizeof(out));
	hide_put_request(&w, params);
	hide_put_answer(&w, params);
	hide_put_error(&w, params);
	cause_put(&w, params, 0);
	if (divert_read(&divert, &msg) > 0)
		divert_put(&w, &divert, params, SPAN_LIT("1"));
	CHECK(!w.is_overflowed && divert.count <= DIVERT_MAX);
	check_lines(sip_writer_text(&w));
	sip_writer_init(&w, out, sizeof(out));
	identity_put_from(&w, params, SPAN_LIT("1"));
	CHECK(!w.is_overflowed && span_find(sip_writer_text(&w), '\n', 0) < 0);
	uint16_t told = hide_told(params);
	CHECK(msg.is_request || msg.status < 300 || (told >= 400 && told < 700));
}

static void cross_each_way(void)
{
	static const char *names[] = { "X-A", "Subject", "User-to-User" };
	static const struct config_profile plain;
	static struct config_profile rich = { .headers = { .pass = names, .pass_count = 3,
		.diversion = PROFILE_DIVERSION_BOTH, .reason = PROFILE_REASON_Q850,
		.identity = PROFILE_ASSERT_PREFERRED, .is_code_from_cause = true,
		.is_warning_passed = true, .is_challenge_passed = true } };

	for (uint32_t way = 0; way < 8; way++) {
		struct hide_params params = { .msg = &msg, .own = { .port = 5060 },
			.from = way & 4 ? &rich : &plain, .to = way & 4 ? &rich : &plain,
			.is_from_trusted = way & 1, .is_to_trusted = way & 2 };

		params.own.ip = ip_from_v4(0xc0000201);
		cross(&params);
	}
}

static void rules(struct span input)
{
	static struct header_rule list[] = {
		{ .action = HEADER_SET, .name = "From", .value = "<sip:1@x>" },
		{ .action = HEADER_RENAME, .name = "Subject", .to = "X-Subject" },
		{ .action = HEADER_REMOVE, .name = "X-*" },
		{ .action = HEADER_ADD, .name = "X-Last", .value = "1" },
	};
	struct header_rules all = { .list = list, .count = 4 };
	struct header_output made = { .buf = text, .cap = sizeof(text) };
	enum header_outcome outcome = header_rules_apply(&all, input, &made);

	CHECK(outcome != HEADER_UNCHANGED);
	CHECK(outcome == HEADER_FAILED || made.len <= sizeof(text));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span input = span_make((const char *)data, (uint32_t)size);
	struct sip_fault fault;

	if (size > SIP_MESSAGE_MAX)
		return 0;
	rules(input);
	if (sip_parse(input, &msg, &fault) == 0)
		cross_each_way();
	return 0;
}
