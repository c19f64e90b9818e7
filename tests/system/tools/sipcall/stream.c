#include "stream.h"

#include "../sip_text.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { RTP_HEADER = 12, PAYLOAD = 160, PCMA = 8 };

struct rtp_packet {
	uint8_t first, type;
	uint16_t sequence_be;
	uint32_t timestamp_be, ssrc_be;
	uint8_t payload[PAYLOAD];
};
_Static_assert(sizeof(struct rtp_packet) == RTP_HEADER + PAYLOAD, "as on the wire");

int stream_open(struct stream *stream, const char *ip, uint32_t id)
{
	struct sockaddr_storage local;
	int bytes = 1 << 20;

	stream->ssrc = 0x4d000000u + id;
	// Every fourth stream wraps its sequence number within the first second.
	stream->sequence_first = id % 4 == 3 ? 65520 : (uint16_t)(id * 7919);
	if (!sip_text_address(ip, stream->port, &local))
		return -EINVAL;
	stream->seen = calloc(1, STREAM_PACKETS_MAX / 8);
	if (!stream->seen)
		return -ENOMEM;
	stream->fd = socket(local.ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (stream->fd < 0 ||
	    bind(stream->fd, (struct sockaddr *)&local, sip_text_address_len(&local)))
		return -errno;
	setsockopt(stream->fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
	return 0;
}

void stream_close(struct stream *stream)
{
	if (stream->fd >= 0)
		close(stream->fd);
	free(stream->seen);
	stream->seen = NULL;
	stream->fd = -1;
}

// The payload is a function of the packet's number: an altered or injected one shows.
static void fill_packet(struct rtp_packet *p, const struct stream *stream, uint32_t number)
{
	p->first = 0x80;
	p->type = PCMA;
	p->sequence_be = htons((uint16_t)(stream->sequence_first + number));
	p->timestamp_be = htonl(number * PAYLOAD);
	p->ssrc_be = htonl(stream->ssrc);
	memset(p->payload, (int)(stream->ssrc + number), PAYLOAD);
}

void stream_send_due(struct stream *stream, uint64_t now_ns)
{
	struct rtp_packet packet;

	while (stream->is_sending && now_ns >= stream->next_ns &&
		stream->sent < STREAM_PACKETS_MAX) {
		fill_packet(&packet, stream, stream->sent);
		if (sendto(stream->fd, &packet, sizeof(packet), 0,
			(struct sockaddr *)&stream->remote,
			    sip_text_address_len(&stream->remote)) < 0 && errno == EAGAIN)
			return;
		stream->sent++;
		stream->next_ns += STREAM_PERIOD_NS;
	}
}

static void account(struct stream *stream, uint32_t number, uint64_t now_ns)
{
	uint8_t bit = (uint8_t)(1u << (number & 7));

	if (stream->seen[number / 8] & bit) {
		stream->duplicates++;
		return;
	}
	stream->seen[number / 8] |= bit;
	stream->received++;
	if (number + 1 < stream->highest)
		stream->reordered++;
	else
		stream->highest = number + 1;
	if (stream->last_ns && now_ns - stream->last_ns > stream->gap_max_ns)
		stream->gap_max_ns = now_ns - stream->last_ns;
	stream->last_ns = now_ns;
}

void stream_receive(struct stream *stream, uint64_t now_ns)
{
	struct rtp_packet packet, expected;
	struct sockaddr_storage from;
	socklen_t from_len = sizeof(from);
	ssize_t len;

	while ((len = recvfrom(stream->fd, &packet, sizeof(packet), MSG_TRUNC,
			(struct sockaddr *)&from, &from_len)) >= 0) {
		uint32_t number =
			(uint16_t)(ntohs(packet.sequence_be) - stream->peer->sequence_first);
		fill_packet(&expected, stream->peer, number);
		if (len != sizeof(packet) || memcmp(&packet, &expected, sizeof(packet)) ||
		    !sip_text_address_equal(&from, &stream->remote))
			stream->foreign++;
		else
			account(stream, number, now_ns);
		from_len = sizeof(from);
	}
}

uint32_t stream_count_lost(const struct stream *stream, uint32_t from)
{
	uint32_t lost = 0;
	for (uint32_t i = from; i < stream->peer->sent; i++)
		lost += !(stream->seen[i / 8] >> (i & 7) & 1);
	return lost;
}
