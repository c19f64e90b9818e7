// udp_send.c - sendmmsg() in order, with a bounded queue for the moments when the kernel has no
// room.
//
// Order is kept per socket: while anything waits in the retry queue, new messages go behind it.
#include "net/udp.h"

#include "base/check.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

struct retry {
	struct addr target;
	char *data; // owned
	uint32_t len;
};

struct udp_sender {
	uint32_t count; // messages in the open batch
	struct mmsghdr headers[UDP_BATCH];
	struct iovec vectors[UDP_BATCH];
	struct sockaddr_storage targets[UDP_BATCH];
	struct addr target_of[UDP_BATCH];
	uint32_t retry_max, retry_head, retry_count;
	struct retry retries[]; // circular, [retry_max]
};

struct udp_sender *udp_sender_new(uint32_t retry_max)
{
	CHECK(retry_max > 0);
	struct udp_sender *sender =
		calloc(1, sizeof(*sender) + (size_t)retry_max * sizeof(sender->retries[0]));
	if (sender != NULL)
		sender->retry_max = retry_max;
	return sender;
}

static void retry_pop(struct udp_sender *sender)
{
	free(sender->retries[sender->retry_head].data);
	sender->retries[sender->retry_head].data = NULL;
	sender->retry_head = (sender->retry_head + 1) % sender->retry_max;
	sender->retry_count--;
}

void udp_sender_free(struct udp_sender *sender)
{
	if (sender == NULL)
		return;
	while (sender->retry_count > 0)
		retry_pop(sender);
	free(sender);
}

bool udp_sender_is_idle(const struct udp_sender *sender)
{
	return sender->count == 0 && sender->retry_count == 0;
}

static void retry_push(struct udp_sender *sender, const struct addr *target, struct span data,
	struct net_metrics *metrics)
{
	char *copy = sender->retry_count < sender->retry_max ? malloc(data.len + 1) : NULL;
	if (copy == NULL) {
		metric_add(&metrics->send_overflow, 1);
		return;
	}
	memcpy(copy, data.ptr, data.len);
	uint32_t at = (sender->retry_head + sender->retry_count) % sender->retry_max;
	sender->retries[at] = (struct retry){ .target = *target, .data = copy, .len = data.len };
	sender->retry_count++;
	metric_add(&metrics->send_deferred, 1);
}

static bool is_no_room(int error)
{
	return error == EAGAIN || error == ENOBUFS || error == ENOMEM;
}

// True: the head is done with (sent, or refused for good). False: no room, or interrupted.
static bool retry_send_head(struct udp_sender *sender, struct udp_socket *socket,
	struct net_metrics *metrics)
{
	struct retry *head = &sender->retries[sender->retry_head];
	struct sockaddr_storage sa;
	socklen_t len = addr_to_sockaddr(&head->target, &sa);
	ssize_t n = sendto(socket->fd, head->data, head->len, MSG_DONTWAIT | MSG_NOSIGNAL,
		(struct sockaddr *)&sa, len);
	if (n < 0 && (is_no_room(errno) || errno == EINTR))
		return false;
	if (n < 0) {
		metric_add(&metrics->send_errors, 1);
	} else {
		metric_add(&metrics->sent, 1);
		metric_add(&metrics->sent_bytes, head->len);
	}
	retry_pop(sender);
	return true;
}

static void count_sent(const struct udp_sender *sender, uint32_t from, uint32_t n,
	struct net_metrics *metrics)
{
	metric_add(&metrics->sent, n);
	for (uint32_t i = from; i < from + n; i++)
		metric_add(&metrics->sent_bytes, sender->vectors[i].iov_len);
}

static void defer_rest(struct udp_sender *sender, uint32_t from, struct net_metrics *metrics)
{
	for (uint32_t i = from; i < sender->count; i++) {
		struct iovec *v = &sender->vectors[i];
		retry_push(sender, &sender->target_of[i],
			span_make(v->iov_base, (uint32_t)v->iov_len), metrics);
	}
}

// An error of sendmmsg() is that of the first message not sent: that one is given up, the rest goes
// on.
static void send_batch(struct udp_sender *sender, struct udp_socket *socket,
	struct net_metrics *metrics)
{
	uint32_t done = 0;
	while (done < sender->count) {
		int n = sendmmsg(socket->fd, &sender->headers[done], sender->count - done,
			MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n > 0) {
			count_sent(sender, done, (uint32_t)n, metrics);
			done += (uint32_t)n;
			continue;
		}
		if (n < 0 && is_no_room(errno)) {
			defer_rest(sender, done, metrics);
			break;
		}
		if (n < 0 && errno == EINTR)
			continue;
		metric_add(&metrics->send_errors, 1);
		done++;
	}
	sender->count = 0;
}

bool udp_sender_flush(struct udp_sender *sender, struct udp_socket *socket,
	struct net_metrics *metrics)
{
	while (sender->retry_count > 0)
		if (!retry_send_head(sender, socket, metrics))
			break;
	if (sender->retry_count > 0) {
		defer_rest(sender, 0, metrics);
		sender->count = 0;
	} else {
		send_batch(sender, socket, metrics);
	}
	return sender->retry_count == 0;
}

void udp_sender_add(struct udp_sender *sender, struct udp_socket *socket, const struct addr *target,
	struct span data, struct net_metrics *metrics)
{
	if (sender->count == UDP_BATCH)
		udp_sender_flush(sender, socket, metrics);
	uint32_t i = sender->count++;
	socklen_t len = addr_to_sockaddr(target, &sender->targets[i]);
	sender->target_of[i] = *target;
	sender->vectors[i] = (struct iovec){ .iov_base = (void *)data.ptr, .iov_len = data.len };
	sender->headers[i].msg_hdr = (struct msghdr){
		.msg_name = &sender->targets[i],
		.msg_namelen = len,
		.msg_iov = &sender->vectors[i],
		.msg_iovlen = 1,
	};
}
