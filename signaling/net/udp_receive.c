// udp_receive.c - recvmmsg() into the buffers of one worker.
#include "net/udp.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>

// SO_RXQ_OVFL and SO_TIMESTAMPNS
#define CONTROL_BYTES (CMSG_SPACE(sizeof(uint32_t)) + CMSG_SPACE(sizeof(struct timespec)))

// From buffer to buffer: with a power of two, the beginnings of all would share a few cache sets.
#define BUFFER_STRIDE (UDP_DATAGRAM_MAX + 1 + 33 * 64)

struct udp_batch {
	struct mmsghdr headers[UDP_BATCH];
	struct iovec vectors[UDP_BATCH];
	struct sockaddr_storage sources[UDP_BATCH];
	struct udp_datagram good[UDP_BATCH];
	_Alignas(struct cmsghdr) char control[UDP_BATCH][CONTROL_BYTES];
	char *buffers; // UDP_BATCH * BUFFER_STRIDE; the kernel maps only pages in use
	uint32_t used; // headers that the last call wrote to
};

struct udp_batch *udp_batch_new(void)
{
	struct udp_batch *batch = calloc(1, sizeof(*batch));
	if (batch == NULL)
		return NULL;
	batch->buffers = malloc((size_t)UDP_BATCH * BUFFER_STRIDE);
	if (batch->buffers == NULL) {
		free(batch);
		return NULL;
	}
	for (uint32_t i = 0; i < UDP_BATCH; i++) {
		batch->vectors[i].iov_base = batch->buffers + (size_t)i * BUFFER_STRIDE;
		batch->vectors[i].iov_len = UDP_DATAGRAM_MAX;
	}
	batch->used = UDP_BATCH;
	return batch;
}

void udp_batch_free(struct udp_batch *batch)
{
	if (batch == NULL)
		return;
	free(batch->buffers);
	free(batch);
}

// recvmmsg() overwrites lengths and flags of what it fills: those are made fresh for the next call.
static void batch_arm(struct udp_batch *batch)
{
	for (uint32_t i = 0; i < batch->used; i++) {
		batch->headers[i].msg_hdr = (struct msghdr){
			.msg_name = &batch->sources[i],
			.msg_namelen = sizeof(batch->sources[i]),
			.msg_iov = &batch->vectors[i],
			.msg_iovlen = 1,
			.msg_control = batch->control[i],
			.msg_controllen = CONTROL_BYTES,
		};
	}
}

static void count_kernel_drops(struct udp_socket *socket, const struct cmsghdr *c,
	struct net_metrics *metrics)
{
	uint32_t total;
	memcpy(&total, CMSG_DATA(c), sizeof(total));
	metric_add(&metrics->kernel_drops, total - socket->drops_seen);
	socket->drops_seen = total;
}

// What the kernel says beside the data. Returns the datagram's time of arrival.
static uint64_t read_control(struct udp_socket *socket, struct msghdr *header,
	struct net_metrics *metrics)
{
	struct timespec at = { 0 };
	for (struct cmsghdr *c = CMSG_FIRSTHDR(header); c != NULL; c = CMSG_NXTHDR(header, c)) {
		if (c->cmsg_level != SOL_SOCKET)
			continue;
		if (c->cmsg_type == SO_RXQ_OVFL)
			count_kernel_drops(socket, c, metrics);
		else if (c->cmsg_type == SO_TIMESTAMPNS)
			memcpy(&at, CMSG_DATA(c), sizeof(at));
	}
	return (uint64_t)at.tv_sec * 1000000000u + (uint64_t)at.tv_nsec;
}

static bool datagram_accept(struct udp_batch *batch, uint32_t i, struct udp_datagram *out,
	struct net_metrics *metrics)
{
	const struct mmsghdr *header = &batch->headers[i];
	if (header->msg_hdr.msg_flags & MSG_TRUNC) {
		metric_add(&metrics->truncated, 1);
		return false;
	}
	int rc = addr_from_sockaddr((struct sockaddr *)&batch->sources[i], &out->source);
	if (rc < 0 || out->source.port == 0) {
		metric_add(&metrics->bad_source, 1); // nobody could be answered there
		return false;
	}
	out->data = span_make(batch->vectors[i].iov_base, header->msg_len);
	metric_add(&metrics->received_bytes, header->msg_len);
	return true;
}

uint32_t udp_receive(struct udp_socket *socket, struct udp_batch *batch,
	struct net_metrics *metrics, bool *is_more)
{
	batch_arm(batch);
	int n = recvmmsg(socket->fd, batch->headers, UDP_BATCH, MSG_DONTWAIT, NULL);
	*is_more = n == (int)UDP_BATCH;
	batch->used = n > 0 ? (uint32_t)n : 0;
	if (n < 0) {
		if (errno != EAGAIN && errno != EINTR)
			metric_add(&metrics->receive_errors, 1);
		return 0;
	}
	metric_add(&metrics->received, (uint64_t)n);
	uint32_t good = 0;
	for (uint32_t i = 0; i < (uint32_t)n; i++) {
		batch->good[good].unix_ns =
			read_control(socket, &batch->headers[i].msg_hdr, metrics);
		if (datagram_accept(batch, i, &batch->good[good], metrics))
			good++;
	}
	return good;
}

const struct udp_datagram *udp_batch_at(const struct udp_batch *batch, uint32_t i)
{
	return i < UDP_BATCH ? &batch->good[i] : NULL;
}
