// stream.h - one direction-pair of RTP at one end of a call: sends 20 ms G.711 packets, and
// accounts for every packet of the other end by its sequence number.
//
// Both ends live in one process, so the receiver knows exactly what was sent.
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#define STREAM_PACKETS_MAX 65536 // per stream, so that a sequence number names one packet
#define STREAM_PERIOD_NS   20000000ull

struct stream {
	int fd;                         // -1: media of this call is made by somebody else
	uint16_t port;
	struct sockaddr_storage remote; // the border's address for us, from its SDP
	bool is_sending;
	uint32_t ssrc;
	uint16_t sequence_first;
	uint32_t sent;
	uint64_t next_ns;
	const struct stream *peer;      // whose packets we expect
	uint8_t *seen;                  // bit per packet of the peer
	uint32_t received, duplicates, reordered;
	uint32_t foreign;               // not from the border, not the peer's SSRC, or altered
	uint32_t highest;               // packet of the peer, + 1
	uint64_t last_ns, gap_max_ns;
};

// Opens the UDP socket in the calling thread's network namespace. 0 or -errno.
int stream_open(struct stream *stream, const char *ip, uint32_t id);
void stream_close(struct stream *stream);
// Sends what is due at now_ns.
void stream_send_due(struct stream *stream, uint64_t now_ns);
// Drains the socket.
void stream_receive(struct stream *stream, uint64_t now_ns);
// Packets of the peer that never came, of those numbered from `from` on.
uint32_t stream_count_lost(const struct stream *stream, uint32_t from);
