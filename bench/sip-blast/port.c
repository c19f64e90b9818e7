#include "port.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define SOCKET_BYTES (16 << 20)

static bool enter(const char *netns)
{
	if (strcmp(netns, "-") == 0)
		return true;
	int fd = open(netns, O_RDONLY | O_CLOEXEC);
	bool is_ok = fd >= 0 && setns(fd, CLONE_NEWNET) == 0;
	if (fd >= 0)
		close(fd);
	return is_ok;
}

static int open_socket(const struct blast_port *port)
{
	struct sockaddr_in own = { .sin_family = AF_INET, .sin_port = htons(port->port) };
	int bytes = SOCKET_BYTES;
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0 || inet_pton(AF_INET, port->ip, &own.sin_addr) != 1)
		return -1;
	// Forced where we may; the unforced call is cut at the system's limit.
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes)) < 0)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
	if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof(bytes)) < 0)
		setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
	return bind(fd, (struct sockaddr *)&own, sizeof(own)) < 0 ? -1 : fd;
}

bool blast_port_open(struct blast_port *port, const char *where)
{
	char netns[256];
	int home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);

	memset(port, 0, sizeof(*port));
	port->fd = -1;
	if (sscanf(where, "%255[^,],%15[^,],%hu", netns, port->ip, &port->port) != 3) {
		fprintf(stderr, "sip-blast: expected NETNS,IP,PORT, found \"%s\"\n", where);
		return false;
	}
	port->out = calloc(BLAST_BATCH, sizeof(*port->out));
	port->in = calloc(BLAST_BATCH, sizeof(*port->in));
	if (home >= 0 && port->out && port->in && enter(netns))
		port->fd = open_socket(port);
	if (port->fd < 0)
		fprintf(stderr, "sip-blast: %s: %s\n", where, strerror(errno));
	if (home < 0 || setns(home, CLONE_NEWNET) < 0)
		return false;
	close(home);
	return port->fd >= 0;
}

void blast_port_close(struct blast_port *port)
{
	if (port->fd >= 0)
		close(port->fd);
	free(port->out);
	free(port->in);
}

struct blast_writer blast_port_writer(struct blast_port *port)
{
	if (port->queued == BLAST_BATCH)
		blast_port_flush(port);
	return (struct blast_writer){ .at = port->out[port->queued], .max = BLAST_MESSAGE_MAX };
}

void blast_port_send(struct blast_port *port, const struct blast_writer *w,
	const struct sockaddr_in *target)
{
	if (w->is_overflowed)
		return;
	port->out_len[port->queued] = w->len;
	port->targets[port->queued++] = *target;
}

void blast_port_repeat(struct blast_port *port, const char *data, uint32_t len,
	const struct sockaddr_in *target)
{
	struct blast_writer w = blast_port_writer(port);

	if (len > w.max)
		return;
	memcpy(w.at, data, len);
	w.len = len;
	blast_port_send(port, &w, target);
}

void blast_port_flush(struct blast_port *port)
{
	struct mmsghdr messages[BLAST_BATCH] = { 0 };
	struct iovec parts[BLAST_BATCH];

	for (uint32_t i = 0; i < port->queued; i++) {
		parts[i] = (struct iovec){ port->out[i], port->out_len[i] };
		messages[i].msg_hdr = (struct msghdr){ .msg_name = &port->targets[i],
			.msg_namelen = sizeof(port->targets[i]), .msg_iov = &parts[i],
			.msg_iovlen = 1 };
	}
	for (uint32_t done = 0; done < port->queued;) {
		int count = sendmmsg(port->fd, messages + done, port->queued - done, 0);
		if (count <= 0) {
			// One message is given up; its sender repeats it as any telephone would.
			port->refused++;
			count = 1;
		} else {
			port->sent += (uint32_t)count;
		}
		done += (uint32_t)count;
	}
	port->queued = 0;
}

uint32_t blast_port_receive(struct blast_port *port, struct blast_datagram out[BLAST_BATCH])
{
	struct mmsghdr messages[BLAST_BATCH] = { 0 };
	struct iovec parts[BLAST_BATCH];

	for (uint32_t i = 0; i < BLAST_BATCH; i++) {
		parts[i] = (struct iovec){ port->in[i], BLAST_MESSAGE_MAX };
		messages[i].msg_hdr = (struct msghdr){ .msg_name = &out[i].source,
			.msg_namelen = sizeof(out[i].source), .msg_iov = &parts[i],
			.msg_iovlen = 1 };
	}
	int count = recvmmsg(port->fd, messages, BLAST_BATCH, MSG_DONTWAIT, NULL);
	for (int i = 0; i < count; i++) {
		out[i].data = port->in[i];
		out[i].len = messages[i].msg_len;
	}
	port->received += count > 0 ? (uint32_t)count : 0;
	return count > 0 ? (uint32_t)count : 0;
}
