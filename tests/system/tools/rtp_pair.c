// rtp-pair - RTP both ways between two sockets in two network namespaces, through a border
// controller.
//
//   rtp-pair NETNS-A OWN-A PEER-A NETNS-B OWN-B PEER-B PACKETS RATE
//
// NETNS is a path like /run/netns/x, OWN and PEER are IP:PORT (IPv6 in brackets). Each side sends
// PACKETS G.711 packets to its PEER (fewer if SIGTERM comes), RATE a second, and counts what
// arrives by sequence number.
// Prints one line of JSON for each direction; gap_max_ms is the longest silence between two
// packets. Exits 0 always: the caller judges the numbers. RTP checks: payload, source (must be
// PEER), UDP errors (ICMP) are counted.
#include "base/addr.h"
#include "base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { HEADER_BYTES = 12, PACKET_BYTES = 172, DRAIN_MS = 300 };

struct side {
	int fd;
	struct addr own, peer;
	struct sockaddr_storage to;
	socklen_t to_len;
	uint32_t ssrc, sent, errors;
	uint32_t received, doubled, foreign, damaged;
	uint8_t *seen; // by sequence number
	uint64_t last_ns, gap_max_ns;
};

static volatile sig_atomic_t is_enough;

static void stop(int signal_number)
{
	(void)signal_number;
	is_enough = 1;
}

static int side_open(char **argv, struct side *out)
{
	struct sockaddr_storage own;
	socklen_t own_len;
	int netns = open(argv[0], O_RDONLY | O_CLOEXEC);

	if (netns < 0 || setns(netns, CLONE_NEWNET) ||
		addr_parse((struct span){ argv[1], (uint32_t)strlen(argv[1]) }, 0, &out->own) ||
		addr_parse((struct span){ argv[2], (uint32_t)strlen(argv[2]) }, 0, &out->peer))
		return -EINVAL;
	close(netns);
	own_len = addr_to_sockaddr(&out->own, &own);
	out->to_len = addr_to_sockaddr(&out->peer, &out->to);
	out->fd = socket(own.ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (out->fd < 0 || bind(out->fd, (struct sockaddr *)&own, own_len))
		return -errno;
	out->seen = calloc(65536, 1);
	out->ssrc = (uint32_t)out->own.port << 16 | out->own.port;
	return out->seen ? 0 : -ENOMEM;
}

static void side_send(struct side *side)
{
	uint8_t packet[PACKET_BYTES];
	uint32_t timestamp = side->sent * 160;

	memset(packet, (int)(side->sent & 0xff), sizeof(packet));
	packet[0] = 0x80;
	packet[1] = 8;
	packet[2] = (uint8_t)(side->sent >> 8);
	packet[3] = (uint8_t)side->sent;
	for (int i = 0; i < 4; i++) {
		packet[4 + i] = (uint8_t)(timestamp >> (24 - 8 * i));
		packet[8 + i] = (uint8_t)(side->ssrc >> (24 - 8 * i));
	}
	if (sendto(side->fd, packet, sizeof(packet), 0, (struct sockaddr *)&side->to,
		    side->to_len) < 0)
		side->errors++; // an ICMP error about an earlier packet is told here
	side->sent++;
}

static void side_judge(
	struct side *side, const uint8_t *packet, ssize_t len, const struct addr *from)
{
	uint32_t sequence = (uint32_t)packet[2] << 8 | packet[3];
	uint64_t now_ns = clock_mono_ns();

	if (!addr_eq(from, &side->peer)) {
		side->foreign++;
		return;
	}
	if (len != PACKET_BYTES || packet[HEADER_BYTES] != (uint8_t)sequence ||
		packet[PACKET_BYTES - 1] != (uint8_t)sequence) {
		side->damaged++;
		return;
	}
	if (side->seen[sequence]++) {
		side->doubled++;
		return;
	}
	side->received++;
	if (side->last_ns && now_ns - side->last_ns > side->gap_max_ns)
		side->gap_max_ns = now_ns - side->last_ns;
	side->last_ns = now_ns;
}

static void side_receive(struct side *side)
{
	struct sockaddr_storage from;
	uint8_t packet[2048] = { 0 };

	for (;;) {
		socklen_t from_len = sizeof(from);
		ssize_t len = recvfrom(
			side->fd, packet, sizeof(packet), 0, (struct sockaddr *)&from, &from_len);
		struct addr source;

		if (len < 0 && errno != EAGAIN) {
			side->errors++;
			continue;
		}
		if (len < 0)
			return;
		if (!addr_from_sockaddr((struct sockaddr *)&from, &source))
			side_judge(side, packet, len, &source);
	}
}

static void wait_until(struct side sides[2], uint64_t until_ns)
{
	for (;;) {
		struct pollfd fds[2] = { { .fd = sides[0].fd, .events = POLLIN },
			{ .fd = sides[1].fd, .events = POLLIN } };
		uint64_t now_ns = clock_mono_ns();
		struct timespec left;

		if (now_ns >= until_ns)
			return;
		left.tv_sec = (time_t)((until_ns - now_ns) / NS_PER_S);
		left.tv_nsec = (long)((until_ns - now_ns) % NS_PER_S);
		ppoll(fds, 2, &left, NULL);
		side_receive(&sides[0]);
		side_receive(&sides[1]);
	}
}

static void side_print(const char *name, const struct side *from, const struct side *to)
{
	printf("{\"direction\": \"%s\", \"sent\": %u, \"received\": %u, \"doubled\": %u, "
		"\"foreign\": %u, \"damaged\": %u, \"errors\": %u, \"gap_max_ms\": %llu}\n", name,
		from->sent, to->received, to->doubled, to->foreign, to->damaged, from->errors,
		(unsigned long long)(to->gap_max_ns / NS_PER_MS));
}

int main(int argc, char **argv)
{
	struct side sides[2] = { 0 };
	uint64_t start_ns, step_ns;

	if (argc != 9 || atoi(argv[7]) > 65536 || atoi(argv[8]) <= 0) {
		fprintf(stderr,
			"usage: rtp-pair NETNS-A OWN-A PEER-A NETNS-B OWN-B PEER-B PACKETS RATE\n");
		return 2;
	}
	for (int i = 0; i < 2; i++) {
		int rc = side_open(&argv[1 + 3 * i], &sides[i]);

		if (rc) {
			fprintf(stderr, "%s: %s\n", argv[2 + 3 * i], strerror(-rc));
			return 2;
		}
	}
	signal(SIGTERM, stop);
	start_ns = clock_mono_ns();
	step_ns = NS_PER_S / (uint64_t)atoi(argv[8]);
	for (int i = 0; i < atoi(argv[7]) && !is_enough; i++) {
		side_send(&sides[0]);
		side_send(&sides[1]);
		wait_until(sides, start_ns + (uint64_t)(i + 1) * step_ns);
	}
	wait_until(sides, clock_mono_ns() + DRAIN_MS * NS_PER_MS);
	side_print("a-b", &sides[0], &sides[1]);
	side_print("b-a", &sides[1], &sides[0]);
	return 0;
}
