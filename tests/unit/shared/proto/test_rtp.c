// test_rtp.c - classification by first bytes, full parsing, sequence arithmetic.
#include "proto/rtp.h"
#include "proto/stun.h"
#include "unit/unit.h"

static void test_demux(void **state)
{
	static const struct {
		uint8_t bytes[2];
		enum rtp_demux demux;
	} cases[] = {
		{ { 0, 1 }, RTP_DEMUX_STUN },      { { 3, 0 }, RTP_DEMUX_STUN },
		{ { 4, 0 }, RTP_DEMUX_UNKNOWN },   { { 15, 0 }, RTP_DEMUX_UNKNOWN },
		{ { 16, 0 }, RTP_DEMUX_ZRTP },     { { 19, 0 }, RTP_DEMUX_ZRTP },
		{ { 20, 0 }, RTP_DEMUX_DTLS },     { { 63, 0 }, RTP_DEMUX_DTLS },
		{ { 64, 0 }, RTP_DEMUX_TURN },     { { 79, 0 }, RTP_DEMUX_TURN },
		{ { 80, 0 }, RTP_DEMUX_UNKNOWN },  { { 127, 0 }, RTP_DEMUX_UNKNOWN },
		{ { 128, 0 }, RTP_DEMUX_RTP },     { { 191, 0x80 }, RTP_DEMUX_RTP },
		{ { 192, 0 }, RTP_DEMUX_UNKNOWN }, { { 128, 191 }, RTP_DEMUX_RTP },
		{ { 128, 192 }, RTP_DEMUX_RTCP },  { { 128, 200 }, RTP_DEMUX_RTCP },
		{ { 128, 223 }, RTP_DEMUX_RTCP },  { { 128, 224 }, RTP_DEMUX_RTP },
		{ { 128, 0x80 | 63 }, RTP_DEMUX_RTP }, // payload type 63 marked is not RTCP
	};
	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++)
		assert_int_equal(rtp_demux_of(cases[i].bytes, 2), cases[i].demux);
	assert_int_equal(rtp_demux_of(cases[0].bytes, 1), RTP_DEMUX_UNKNOWN);
	assert_int_equal(rtp_demux_of(NULL, 0), RTP_DEMUX_UNKNOWN);
}

static void test_build_and_parse(void **state)
{
	struct rtp_header header = { .ssrc = 0xdeadbeef, .timestamp = 160, .seq = 65535,
		.payload_type = 8, .is_marked = true };
	uint8_t packet[RTP_HEADER_BYTES + 160] = { 0 };
	struct rtp_view view;
	(void)state;
	rtp_build(&header, packet);
	assert_true(rtp_parse(packet, sizeof packet, &view));
	assert_int_equal(view.ssrc, 0xdeadbeef);
	assert_int_equal(view.timestamp, 160);
	assert_int_equal(view.seq, 65535);
	assert_int_equal(view.payload_type, 8);
	assert_true(view.is_marked);
	assert_int_equal(view.payload_at, 12);
	assert_int_equal(view.payload_bytes, 160);
	assert_int_equal(rtp_ssrc(packet), 0xdeadbeef);
	assert_int_equal(rtp_seq(packet), 65535);
	assert_true(rtp_parse(packet, 12, &view));
	assert_int_equal(view.payload_bytes, 0);
	assert_false(rtp_parse(packet, 11, &view));
	assert_false(rtp_is_valid(packet, 11));
	packet[0] = 0x40;
	assert_false(rtp_parse(packet, sizeof packet, &view));
}

static void test_csrc_extension_padding(void **state)
{
	// Two CSRC, an extension of one word, three bytes of payload, padding of two.
	uint8_t packet[12 + 8 + 8 + 5] = { 0x80 | 0x20 | 0x10 | 2 };
	struct rtp_view view;
	(void)state;
	packet[23] = 1;
	packet[sizeof packet - 1] = 2;
	assert_true(rtp_parse(packet, sizeof packet, &view));
	assert_int_equal(view.payload_at, 28);
	assert_int_equal(view.payload_bytes, 3);
	packet[sizeof packet - 1] = 5; // all padding is legal
	assert_true(rtp_parse(packet, sizeof packet, &view));
	assert_int_equal(view.payload_bytes, 0);
	packet[sizeof packet - 1] = 6;
	assert_false(rtp_parse(packet, sizeof packet, &view));
	packet[sizeof packet - 1] = 0;
	assert_false(rtp_parse(packet, sizeof packet, &view));
	packet[sizeof packet - 1] = 2;
	packet[22] = 0xff; // extension longer than the packet
	assert_false(rtp_parse(packet, sizeof packet, &view));
	packet[22] = 0;
	for (uint32_t len = 0; len < 28; len++)
		assert_false(rtp_parse(packet, len, &view)); // cut anywhere in the headers
}

static void test_seq_diff(void **state)
{
	(void)state;
	assert_int_equal(rtp_seq_diff(0, 65535), 1);
	assert_int_equal(rtp_seq_diff(65535, 0), -1);
	assert_int_equal(rtp_seq_diff(5, 5), 0);
	assert_int_equal(rtp_seq_diff(32767, 0), 32767);
	assert_int_equal(rtp_seq_diff(32768, 0), -32768);
}

static void test_stun(void **state)
{
	uint8_t message[24] = { 0x01, 0x01, 0, 4, 0x21, 0x12, 0xa4, 0x42 };
	(void)state;
	assert_true(stun_is_message(message, sizeof message));
	assert_int_equal(stun_class_of(message), STUN_SUCCESS);
	assert_int_equal(stun_method_of(message), STUN_METHOD_BINDING);
	assert_false(stun_is_message(message, 23));
	assert_false(stun_is_message(message, 20)); // its length says 24
	message[4] = 0;
	assert_false(stun_is_message(message, sizeof message));
	message[4] = 0x21;
	message[0] = 0x40;
	assert_false(stun_is_message(message, sizeof message));
	message[0] = 0;
	assert_int_equal(stun_class_of(message), STUN_REQUEST);
	message[1] = 0x11;
	assert_int_equal(stun_class_of(message), STUN_INDICATION);
	message[0] = 0x01;
	assert_int_equal(stun_class_of(message), STUN_ERROR);
	message[0] = 0x3e; // all method bits, class request
	message[1] = 0xef;
	assert_int_equal(stun_method_of(message), 0xfff);
	assert_int_equal(stun_class_of(message), STUN_REQUEST);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_demux),
		cmocka_unit_test(test_build_and_parse),
		cmocka_unit_test(test_csrc_extension_padding),
		cmocka_unit_test(test_seq_diff),
		cmocka_unit_test(test_stun),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
