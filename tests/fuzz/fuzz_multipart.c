// fuzz_multipart.c - bodies of several parts from any bytes: the first line is the Content-Type.
// What is accepted survives being built again.
#include "base/check.h"
#include "sip/multipart.h"

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char carried[2 * 65536], out[3 * 65536];

static void check_inside(struct span whole, struct span part)
{
	CHECK(part.len == 0 ||
		(part.ptr >= whole.ptr && part.ptr + part.len <= whole.ptr + whole.len));
}

static void check_again(const struct body_parts *parts)
{
	static struct body_parts again;
	struct sip_writer c, w;
	uint64_t nonce = 1;

	for (uint32_t i = 0; i < parts->count; i++)
		if (multipart_has_boundary(parts->part[i].data, nonce))
			return;
	sip_writer_init(&c, carried, sizeof(carried));
	for (uint32_t i = 0; i < parts->count; i++)
		multipart_put_part(&c, nonce, &parts->part[i]);
	struct sip_body body = { .type = SPAN_LIT("application/sdp"), .data = SPAN_LIT("v=0\r\n"),
		.parts = sip_writer_text(&c) };
	sip_writer_init(&w, out, sizeof(out));
	multipart_put_content(&w, &body);
	if (c.is_overflowed || w.is_overflowed)
		return;
	struct span text = sip_writer_text(&w);
	int32_t end = 0;
	while (!span_starts(span_sub(text, (uint32_t)end, text.len), SPAN_LIT("\r\n\r\n")))
		CHECK((end = span_find(text, '\r', (uint32_t)end + 1)) > 0);
	CHECK(multipart_parse(SPAN_LIT("x/y;boundary=muga-0000000000000001"),
		span_sub(text, (uint32_t)end + 4, text.len), &again) == 0);
	CHECK(again.count == parts->count + 1);
	for (uint32_t i = 0; i < parts->count; i++)
		CHECK(span_eq(again.part[i + 1].data, parts->part[i].data));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct body_parts parts;
	struct span body = span_make((const char *)data, (uint32_t)size), type;

	if (size > 65535 || !span_cut(&body, '\n', &type) ||
		multipart_parse(type, body, &parts) < 0)
		return 0;
	CHECK(parts.count <= MULTIPART_PARTS_MAX);
	for (uint32_t i = 0; i < parts.count; i++) {
		check_inside(body, parts.part[i].data);
		check_inside(body, parts.part[i].id);
		CHECK(parts.part[i].type.len > 0);
	}
	if (parts.count < MULTIPART_PARTS_MAX)
		check_again(&parts);
	return 0;
}
