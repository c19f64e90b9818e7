// fuzz_keepalive.c - any datagram against the judge of keep-alives: bit 0 of the first byte chooses
// the family of the source, the rest is the datagram.
//
// Invariants: an answer is a STUN response to that transaction, bounded, and the request was a
// Binding request; what begins like SIP is left alone.
#include "base/check.h"
#include "net/keepalive.h"
#include "proto/stun.h"

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t buf[KEEPALIVE_ANSWER_MAX];
	struct span answer = SPAN_NONE;
	struct addr source = { ip_from_v4(0xc0000201), 5060 };
	if (size < 1)
		return 0;
	if (data[0] & 1)
		source.ip.b[0] = 0x20;
	struct span datagram = span_make((const char *)data + 1, (uint32_t)size - 1);
	enum keepalive_kind kind = keepalive_judge(datagram, &source, buf, &answer);
	const uint8_t *p = (const uint8_t *)answer.ptr;
	CHECK((kind == KEEPALIVE_ANSWERED) == (answer.len != 0));
	if (datagram.len && data[1] >= 'A')
		CHECK(kind == KEEPALIVE_NONE);
	if (kind != KEEPALIVE_ANSWERED)
		return 0;
	CHECK(answer.len <= sizeof(buf) && answer.len <= datagram.len + 24);
	CHECK(stun_is_message(p, answer.len) && memcmp(p + 4, data + 5, 16) == 0);
	CHECK(stun_class_of(p) == STUN_SUCCESS || stun_class_of(p) == STUN_ERROR);
	CHECK(stun_class_of(data + 1) == STUN_REQUEST);
	CHECK(stun_method_of(data + 1) == STUN_METHOD_BINDING);
	return 0;
}
