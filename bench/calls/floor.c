// floor.c - calls-floor: passes datagrams from one UDP socket to the other, unread, by the sockets
// and the nap of muga-signaling. What that costs is what the kernel takes of a call's 14 datagrams:
// no server that speaks SIP by these sockets can cost less.
//
//   calls-floor CALLER-SIDE CALLER CALLEE-SIDE CALLEE    each IP:PORT, first and third our own
//
// One thread; ends by a signal.
#include "net/udp.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define BUFFER_BYTES (8u << 20) // as worker_io.c
#define RETRY_MAX    1024u
#define NAP_NS       1000000    // as worker.c

struct side {
	struct udp_socket socket;
	struct udp_batch *batch;
	struct udp_sender *sender;
	struct addr far;
	bool is_more;
};

static bool side_open(struct side *side, const char *own, const char *far)
{
	static const struct udp_options options = { .buffer_bytes = BUFFER_BYTES };
	struct addr local;

	if (addr_parse(span_str(own), 5060, &local) < 0 ||
		addr_parse(span_str(far), 5060, &side->far) < 0) {
		fprintf(stderr, "calls-floor: expected IP:PORT, found \"%s\", \"%s\"\n", own, far);
		return false;
	}
	side->batch = udp_batch_new();
	side->sender = udp_sender_new(RETRY_MAX);
	if (!side->batch || !side->sender)
		return false;
	int rc = udp_open(&local, &options, &side->socket);
	if (rc < 0)
		fprintf(stderr, "calls-floor: %s: %s\n", own, strerror(-rc));
	return rc == 0;
}

// Returns how many datagrams crossed.
static uint32_t cross(struct side *from, struct side *to, struct net_metrics *metrics)
{
	uint32_t count = udp_receive(&from->socket, from->batch, metrics, &from->is_more);

	for (uint32_t i = 0; i < count; i++)
		udp_sender_add(to->sender, &to->socket, &to->far,
			udp_batch_at(from->batch, i)->data, metrics);
	udp_sender_flush(to->sender, &to->socket, metrics);
	return count;
}

int main(int argc, char **argv)
{
	static struct net_metrics metrics;
	static struct side sides[2];

	if (argc != 5) {
		fprintf(stderr, "usage: calls-floor CALLER-SIDE CALLER CALLEE-SIDE CALLEE\n");
		return 2;
	}
	if (!side_open(&sides[0], argv[1], argv[2]) || !side_open(&sides[1], argv[3], argv[4]))
		return 1;
	struct pollfd polls[2] = { { .fd = sides[0].socket.fd, .events = POLLIN },
		{ .fd = sides[1].socket.fd, .events = POLLIN } };
	for (;;) {
		uint32_t count = cross(&sides[0], &sides[1], &metrics) +
			cross(&sides[1], &sides[0], &metrics);
		if (sides[0].is_more || sides[1].is_more)
			continue;
		if (count > 0)
			nanosleep(&(struct timespec){ .tv_nsec = NAP_NS }, NULL);
		else
			poll(polls, 2, -1);
	}
}
