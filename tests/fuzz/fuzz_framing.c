// fuzz_framing.c - a byte stream cut into SIP messages: the first byte gives the size of the pieces
// in which it arrives, the rest is the stream.
//
// Invariants: pieces of any size give the same frames as the whole; a message ends where its own
// Content-Length says, as sip_parse() reads it; what is refused is a prefix that sip_parse() can
// take.
#include "base/check.h"
#include "sip/framing.h"
#include "sip/parse.h"

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FRAMES_MAX 4096u

static const struct sip_frame_limits limits = { 2048, 4096 };

// Where a frame lay in the stream.
struct seen {
	enum sip_frame_kind kind;
	uint32_t begin, len;
	uint16_t status;
};
static struct seen whole[FRAMES_MAX], pieces[FRAMES_MAX];
static struct sip_msg msg;

static void check_message(const struct sip_frame *frame)
{
	struct sip_fault fault;
	CHECK(frame->data.len <= limits.message_max);
	if (sip_parse(frame->data, &msg, &fault))
		return;
	CHECK(msg.content_length >= 0 && (uint32_t)msg.content_length == msg.body.len);
	CHECK(msg.raw.len == frame->data.len);
}

static void check_refusal(const struct sip_frame *frame)
{
	struct sip_fault fault;
	CHECK(frame->status == 400 || frame->status == 513);
	CHECK(frame->reason && frame->data.len && frame->data.len <= limits.header_max + 1);
	sip_parse(frame->data, &msg, &fault);
}

// Feeds the stream in pieces; returns how many frames there were.
static uint32_t run(struct span stream, uint32_t piece, struct seen *seen)
{
	struct sip_framer framer;
	uint32_t begin = 0, end = 0, count = 0;
	sip_framer_init(&framer, &limits);
	while (end < stream.len) {
		end = stream.len - end < piece ? stream.len : end + piece;
		struct sip_frame frame;
		do {
			struct span pending = span_sub(stream, begin, end - begin);
			sip_framer_next(&framer, pending, &frame);
			CHECK(frame.consumed <= pending.len);
			begin += frame.consumed;
			if (frame.kind == SIP_FRAME_MORE)
				break;
			if (count == FRAMES_MAX)
				return count;
			uint32_t at = frame.data.len ? (uint32_t)(frame.data.ptr - stream.ptr) :
						       begin;
			seen[count++] = (struct seen){ frame.kind, at, frame.data.len,
				frame.status };
			if (frame.kind == SIP_FRAME_MESSAGE)
				check_message(&frame);
			if (frame.kind == SIP_FRAME_REFUSE)
				check_refusal(&frame);
			if (frame.kind == SIP_FRAME_REFUSE || frame.kind == SIP_FRAME_CLOSE)
				return count;
		} while (true);
		// What is kept is one incomplete message.
		CHECK(end - begin <= limits.message_max);
	}
	return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sip_frame frame;
	if (size < 1)
		return 0;
	struct span stream = span_make((const char *)data + 1, (uint32_t)size - 1);
	uint32_t count = run(stream, UINT32_MAX, whole);
	CHECK(run(stream, data[0] + 1u, pieces) == count);
	for (uint32_t i = 0; i < count; i++) {
		CHECK(whole[i].kind == pieces[i].kind && whole[i].status == pieces[i].status);
		CHECK(whole[i].begin == pieces[i].begin && whole[i].len == pieces[i].len);
	}
	sip_frame_single(stream, &limits, &frame);
	CHECK(frame.kind != SIP_FRAME_MORE && frame.consumed == stream.len);
	if (frame.kind == SIP_FRAME_REFUSE)
		check_refusal(&frame);
	return 0;
}
