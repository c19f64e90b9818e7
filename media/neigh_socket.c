#include "neigh_socket.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define SOCKET_BUFFER  (4 << 20) // events of some 10,000 neighbours
#define RECEIVE_BYTES  32768     // what the kernel packs into one dump datagram at most
#define DUMP_TIMEOUT_S 2

static int socket_open(uint32_t groups, int flags)
{
	struct sockaddr_nl local = { .nl_family = AF_NETLINK, .nl_groups = groups };
	int bytes = SOCKET_BUFFER;
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | flags, NETLINK_ROUTE);

	if (fd < 0)
		return -errno;
	// Needs CAP_NET_ADMIN, which we have for the neighbours anyway; smaller buffers only resync
	// more.
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes));
	if (bind(fd, (struct sockaddr *)&local, sizeof(local))) {
		int rc = -errno;

		close(fd);
		return rc;
	}
	return fd;
}

int neigh_socket_events(void)
{
	return socket_open(RTMGRP_LINK | RTMGRP_NEIGH | RTMGRP_IPV4_ROUTE | RTMGRP_IPV6_ROUTE,
		SOCK_NONBLOCK);
}

int neigh_socket_requests(void)
{
	struct timeval limit = { .tv_sec = DUMP_TIMEOUT_S };
	int fd = socket_open(0, 0);

	if (fd >= 0)
		setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	return fd;
}

struct walk {
	neigh_message_fn each;
	void *context;
	uint32_t sequence; // 0 = events: any
	bool is_done, is_interrupted;
	int error;
};

static void walk_message(struct walk *walk, const struct nlmsghdr *header, size_t bytes)
{
	struct neigh_message message;

	if (walk->sequence && header->nlmsg_seq != walk->sequence)
		return; // the error of an earlier request
	if (header->nlmsg_flags & NLM_F_DUMP_INTR)
		walk->is_interrupted = true;
	if (header->nlmsg_type == NLMSG_DONE) {
		walk->is_done = true;
	} else if (header->nlmsg_type == NLMSG_ERROR && bytes >= NLMSG_LENGTH(sizeof(int))) {
		memcpy(&walk->error, NLMSG_DATA(header), sizeof(walk->error));
		walk->is_done = true;
	} else if (!neigh_message_parse(header, bytes, &message)) {
		walk->each(walk->context, &message);
	}
}

static void walk_datagram(struct walk *walk, const char *at, size_t bytes)
{
	while (bytes >= sizeof(struct nlmsghdr)) {
		const struct nlmsghdr *header = (const void *)at;
		size_t step = NLMSG_ALIGN(header->nlmsg_len);

		if (header->nlmsg_len < sizeof(*header) || header->nlmsg_len > bytes)
			return;
		walk_message(walk, header, bytes);
		if (step >= bytes)
			return;
		at += step;
		bytes -= step;
	}
}

// One datagram. Bytes, or -errno; only the kernel (port 0) is heard.
static ssize_t receive(int fd, char *buf, size_t bytes)
{
	struct sockaddr_nl from = { 0 };
	socklen_t from_len = sizeof(from);
	ssize_t got;

	do {
		got = recvfrom(fd, buf, bytes, 0, (struct sockaddr *)&from, &from_len);
	} while ((got < 0 && errno == EINTR) || (got >= 0 && from.nl_pid));
	return got < 0 ? -errno : got;
}

int neigh_socket_drain(int fd, neigh_message_fn each, void *context)
{
	struct walk walk = { .each = each, .context = context };
	_Alignas(8) char buf[RECEIVE_BYTES];

	for (;;) {
		ssize_t got = receive(fd, buf, sizeof(buf));

		if (got == -EAGAIN)
			return 0;
		if (got < 0)
			return (int)got;
		walk_datagram(&walk, buf, (size_t)got);
	}
}

int neigh_socket_dump(int fd, uint16_t type, neigh_message_fn each, void *context)
{
	static _Thread_local uint32_t sequence;
	struct {
		struct nlmsghdr header;
		struct ifinfomsg body; // the largest of the three bodies; all zero = everything
	} request = {
		.header.nlmsg_len = NLMSG_LENGTH(sizeof(struct rtmsg)),
		.header.nlmsg_type = type,
		.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP,
		.header.nlmsg_seq = 0x4d000000u | (++sequence & 0xffffffu),
	};
	struct walk walk = { .each = each, .context = context };
	_Alignas(8) char buf[RECEIVE_BYTES];

	walk.sequence = request.header.nlmsg_seq;
	if (type == RTM_GETLINK)
		request.header.nlmsg_len = NLMSG_LENGTH(sizeof(struct ifinfomsg));
	if (send(fd, &request, request.header.nlmsg_len, 0) < 0)
		return -errno;
	while (!walk.is_done) {
		ssize_t got = receive(fd, buf, sizeof(buf));

		if (got < 0)
			return got == -EAGAIN ? -ETIMEDOUT : (int)got;
		walk_datagram(&walk, buf, (size_t)got);
	}
	if (walk.error)
		return walk.error;
	return walk.is_interrupted ? -EAGAIN : 0;
}

int neigh_socket_ask(int fd, enum neigh_ask ask, uint32_t ifindex, const struct ip *ip)
{
	_Alignas(8) char buf[128];
	size_t len = neigh_message_ask(buf, ask, ifindex, ip);

	return send(fd, buf, len, MSG_DONTWAIT) < 0 ? -errno : 0;
}
