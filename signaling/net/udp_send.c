// udp_send.c - sendmmsg() in bundles, with a bounded queue for the moments when the kernel has no
// room.
//
// A batch is sorted for its bundles (udp_bundle.h), batches keep their order: while anything waits
// in the retry queue, new messages go behind it.
#include "net/udp.h"
#include "net/udp_bundle.h"

#include "base/check.h"

#include <errno.h>
#include <netinet/udp.h>
#include <stdlib.h>
#include <sys/socket.h>

struct retry {
	struct addr target;
	char *data; // owned
	uint32_t len;
};

// Beside a bundle: how long its parts are.
#define CONTROL_BYTES CMSG_SPACE(sizeof(uint16_t))
_Static_assert(UDP_BATCH <= UDP_BUNDLE_SORT_MAX, "a batch is sorted at once");

struct udp_sender {
	uint32_t count;          // messages in the open batch
	uint32_t bundle_len_max; // of a part; less once the kernel refused one, 0 = no bundles
	struct udp_message messages[UDP_BATCH];
	struct sockaddr_storage targets[UDP_BATCH]; // of each message
	socklen_t target_lens[UDP_BATCH];
	// what sendmmsg() is given: messages in the order of udp_bundle_sort(), bundled
	uint8_t order[UDP_BATCH];
	struct iovec vectors[UDP_BATCH]; // by place in `order`
	struct mmsghdr headers[UDP_BATCH];
	_Alignas(struct cmsghdr) char control[UDP_BATCH][CONTROL_BYTES];
	uint32_t retry_max, retry_head, retry_count;
	struct retry retries[]; // circular, [retry_max]
};

struct udp_sender *udp_sender_new(uint32_t retry_max)
{
	CHECK(retry_max > 0);
	struct udp_sender *sender =
		calloc(1, sizeof(*sender) + (size_t)retry_max * sizeof(sender->retries[0]));
	if (sender == NULL)
		return NULL;
	sender->retry_max = retry_max;
	sender->bundle_len_max = UDP_BUNDLE_LEN_MAX;
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

static void put_segment(struct msghdr *header, char *control, uint16_t len)
{
	struct cmsghdr *c = (struct cmsghdr *)(void *)control;
	*c = (struct cmsghdr){ .cmsg_len = CMSG_LEN(sizeof(len)), .cmsg_level = SOL_UDP,
		.cmsg_type = UDP_SEGMENT };
	memcpy(CMSG_DATA(c), &len, sizeof(len));
	header->msg_control = control;
	header->msg_controllen = CONTROL_BYTES;
}

// The sorted messages `from`.. as headers, bundled if `is_bundling`. Returns their number.
static uint32_t arrange(struct udp_sender *sender, uint32_t from, bool is_bundling)
{
	uint32_t count = 0;
	while (from < sender->count) {
		uint32_t n = udp_bundle_count(sender->messages, &sender->order[from],
			sender->count - from, is_bundling ? sender->bundle_len_max : 0);
		struct msghdr *header = &sender->headers[count].msg_hdr;
		*header = (struct msghdr){
			.msg_name = &sender->targets[sender->order[from]],
			.msg_namelen = sender->target_lens[sender->order[from]],
			.msg_iov = &sender->vectors[from],
			.msg_iovlen = n,
		};
		if (n > 1)
			put_segment(header, sender->control[count],
				(uint16_t)sender->vectors[from].iov_len);
		count++;
		from += n;
	}
	return count;
}

// Messages of the first `headers`, counted.
static uint32_t count_sent(const struct udp_sender *sender, uint32_t headers,
	struct net_metrics *metrics)
{
	uint32_t count = 0;
	for (uint32_t i = 0; i < headers; i++) {
		const struct msghdr *header = &sender->headers[i].msg_hdr;
		count += (uint32_t)header->msg_iovlen;
		if (header->msg_iovlen > 1)
			metric_add(&metrics->sent_bundled, header->msg_iovlen);
		for (size_t k = 0; k < header->msg_iovlen; k++)
			metric_add(&metrics->sent_bytes, header->msg_iov[k].iov_len);
	}
	metric_add(&metrics->sent, count);
	return count;
}

static void defer_rest(struct udp_sender *sender, uint32_t from, struct net_metrics *metrics)
{
	for (uint32_t i = from; i < sender->count; i++) {
		const struct udp_message *message = &sender->messages[sender->order[i]];
		retry_push(sender, &message->target, message->data, metrics);
	}
}

// What is refused in one may be sent singly: a device without checksums of its own takes no
// bundles (EIO), and no part may be longer than the way's MTU.
static void bundle_refused(struct udp_sender *sender, int error, struct net_metrics *metrics)
{
	metric_add(&metrics->bundles_refused, 1);
	if (error == EINVAL || error == EMSGSIZE)
		sender->bundle_len_max = (uint32_t)sender->headers[0].msg_hdr.msg_iov->iov_len - 1;
	else if (error == EIO || error == EOPNOTSUPP)
		sender->bundle_len_max = 0;
}

// What to do when sendmmsg() sent nothing.
enum trouble {
	TROUBLE_AGAIN,
	TROUBLE_NO_ROOM,
	TROUBLE_BUNDLE,  // the first header is one: its messages are to go singly
	TROUBLE_REFUSED, // the first message is given up
};

static enum trouble judge_trouble(const struct udp_sender *sender, int error)
{
	if (error == EINTR)
		return TROUBLE_AGAIN;
	if (is_no_room(error))
		return TROUBLE_NO_ROOM;
	return sender->headers[0].msg_hdr.msg_iovlen > 1 ? TROUBLE_BUNDLE : TROUBLE_REFUSED;
}

static void sort_batch(struct udp_sender *sender)
{
	udp_bundle_sort(sender->messages, sender->count, sender->order);
	for (uint32_t i = 0; i < sender->count; i++) {
		struct span data = sender->messages[sender->order[i]].data;
		sender->vectors[i] =
			(struct iovec){ .iov_base = (void *)data.ptr, .iov_len = data.len };
	}
}

// An error of sendmmsg() is that of the first header not sent.
static void send_batch(struct udp_sender *sender, struct udp_socket *socket,
	struct net_metrics *metrics)
{
	uint32_t done = 0, single_until = 0; // of the sorted messages; before that one no bundles
	while (done < sender->count) {
		uint32_t count = arrange(sender, done, done >= single_until);
		if (done < single_until && count > single_until - done)
			count = single_until - done;
		int n = sendmmsg(socket->fd, sender->headers, count, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n > 0) {
			done += count_sent(sender, (uint32_t)n, metrics);
			continue;
		}
		int error = n < 0 ? errno : EINVAL;
		switch (judge_trouble(sender, error)) {
		case TROUBLE_AGAIN:
			break;
		case TROUBLE_NO_ROOM:
			defer_rest(sender, done, metrics);
			done = sender->count;
			break;
		case TROUBLE_BUNDLE:
			single_until = done + (uint32_t)sender->headers[0].msg_hdr.msg_iovlen;
			bundle_refused(sender, error, metrics);
			break;
		case TROUBLE_REFUSED:
			metric_add(&metrics->send_errors, 1);
			done++;
			break;
		}
	}
	sender->count = 0;
}

bool udp_sender_flush(struct udp_sender *sender, struct udp_socket *socket,
	struct net_metrics *metrics)
{
	while (sender->retry_count > 0)
		if (!retry_send_head(sender, socket, metrics))
			break;
	if (sender->count > 0)
		sort_batch(sender);
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
	sender->messages[i] = (struct udp_message){ .target = *target, .data = data };
	sender->target_lens[i] = addr_to_sockaddr(target, &sender->targets[i]);
}
