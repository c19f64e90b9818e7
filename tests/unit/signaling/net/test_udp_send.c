// The sender against a kernel of our own: this program's sendmmsg() and sendto() stand before
// libc's.
#include "net/udp.h"

#include <errno.h>
#include <netinet/udp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/socket.h>

#include <cmocka.h>

#define SENT_MAX 1024

static struct {
	int bundle_error;       // of every bundle, 0 = they are taken
	size_t part_max;        // longer parts get EMSGSIZE
	int bundles;            // taken
	int room;               // datagrams that still fit
	int full_error;         // errno once they do not
	const char *poison;     // a datagram with this text is refused
	int poison_error;
	int interrupts;         // calls that return EINTR first
	char sent[SENT_MAX][16];
	int count;
} kernel;

static bool is_poison(const void *data, size_t len)
{
	return kernel.poison && len == strlen(kernel.poison) &&
		memcmp(data, kernel.poison, len) == 0;
}

static int kernel_take(const void *data, size_t len)
{
	if (kernel.interrupts > 0) {
		kernel.interrupts--;
		return EINTR;
	}
	if (is_poison(data, len))
		return kernel.poison_error;
	if (kernel.room == 0)
		return kernel.full_error;
	kernel.room--;
	assert_true(kernel.count < SENT_MAX && len < sizeof(kernel.sent[0]));
	memcpy(kernel.sent[kernel.count], data, len);
	kernel.sent[kernel.count++][len] = '\0';
	return 0;
}

// errno that a bundle gets as a whole, 0 = it is taken.
static int bundle_judge(const struct msghdr *header)
{
	if (kernel.bundle_error != 0)
		return kernel.bundle_error;
	if (header->msg_iov[0].iov_len > kernel.part_max)
		return EMSGSIZE;
	for (size_t i = 0; i < header->msg_iovlen; i++)
		if (is_poison(header->msg_iov[i].iov_base, header->msg_iov[i].iov_len))
			return kernel.poison_error;
	return (int)header->msg_iovlen > kernel.room ? kernel.full_error : 0;
}

static int kernel_take_bundle(const struct msghdr *header)
{
	const struct cmsghdr *c = CMSG_FIRSTHDR(header);
	uint16_t part;

	assert_non_null(c);
	assert_true(c->cmsg_level == SOL_UDP && c->cmsg_type == UDP_SEGMENT);
	memcpy(&part, CMSG_DATA(c), sizeof(part));
	int error = bundle_judge(header);
	if (error != 0)
		return error;
	for (size_t i = 0; i < header->msg_iovlen; i++) {
		size_t len = header->msg_iov[i].iov_len;
		assert_true(i + 1 == header->msg_iovlen ? len <= part : len == part);
		assert_int_equal(kernel_take(header->msg_iov[i].iov_base, len), 0);
	}
	kernel.bundles++;
	return 0;
}

int sendmmsg(int fd, struct mmsghdr *headers, unsigned int count, int flags)
{
	(void)fd;
	(void)flags;
	for (unsigned int i = 0; i < count; i++) {
		const struct msghdr *header = &headers[i].msg_hdr;
		const struct iovec *v = header->msg_iov;
		int error = header->msg_iovlen > 1 ? kernel_take_bundle(header) :
						     kernel_take(v->iov_base, v->iov_len);
		if (error != 0) {
			errno = error;
			return i > 0 ? (int)i : -1;
		}
	}
	return (int)count;
}

// tidy-allow parameters: the signature of libc
ssize_t sendto(int fd, const void *data, size_t len, int flags, const struct sockaddr *sa,
	socklen_t sa_len)
{
	(void)fd;
	(void)flags;
	(void)sa;
	(void)sa_len;
	int error = kernel_take(data, len);
	errno = error;
	return error != 0 ? -1 : (ssize_t)len;
}

struct fixture {
	struct udp_sender *sender;
	struct udp_socket socket;
	struct net_metrics metrics;
	struct addr target;
	char texts[SENT_MAX][16];
	int count;
};

static void set_up(struct fixture *f, uint32_t retry_max)
{
	memset(f, 0, sizeof(*f));
	memset(&kernel, 0, sizeof(kernel));
	kernel.room = SENT_MAX;
	kernel.full_error = EAGAIN;
	kernel.bundle_error = EIO; // but where bundles are what is tested
	kernel.part_max = 1400;
	f->sender = udp_sender_new(retry_max);
	f->target.ip = ip_from_v4(0x7f000001);
	f->target.port = 5060;
}

static void add(struct fixture *f, int n)
{
	for (int i = 0; i < n; i++) {
		char *text = f->texts[f->count];
		snprintf(text, sizeof(f->texts[0]), "%d", f->count++);
		udp_sender_add(f->sender, &f->socket, &f->target, span_str(text), &f->metrics);
	}
}

static bool flush(struct fixture *f)
{
	return udp_sender_flush(f->sender, &f->socket, &f->metrics);
}

static void assert_sent_in_order(int from, int to)
{
	assert_int_equal(kernel.count, to - from);
	for (int i = from; i < to; i++) {
		char text[16];
		snprintf(text, sizeof(text), "%d", i);
		assert_string_equal(kernel.sent[i - from], text);
	}
}

static void test_full_buffer_keeps_order(void **state)
{
	static const int errors[] = { EAGAIN, ENOBUFS, ENOMEM };
	static struct fixture f;
	(void)state;
	for (int i = 0; i < 3; i++) {
		set_up(&f, 32);
		kernel.full_error = errors[i];
		kernel.room = 4;
		add(&f, 10);
		assert_false(flush(&f));
		assert_int_equal(metric_read(&f.metrics.send_deferred), 6);
		kernel.room = 3;
		add(&f, 5); // goes behind what waits
		assert_false(flush(&f));
		memset(f.texts, 'x', sizeof(f.texts)); // deferred messages are copies
		kernel.room = 100;
		assert_true(flush(&f));
		assert_sent_in_order(0, 15);
		assert_true(udp_sender_is_idle(f.sender));
		assert_int_equal(metric_read(&f.metrics.sent), 15);
		assert_int_equal(metric_read(&f.metrics.send_errors), 0);
		udp_sender_free(f.sender);
	}
}

static void test_retry_queue_is_bounded(void **state)
{
	static struct fixture f;
	(void)state;
	set_up(&f, 8);
	kernel.room = 0;
	add(&f, 20);
	assert_false(flush(&f));
	assert_int_equal(metric_read(&f.metrics.send_deferred), 8);
	assert_int_equal(metric_read(&f.metrics.send_overflow), 12);
	kernel.room = 100;
	assert_true(flush(&f));
	assert_sent_in_order(0, 8); // the oldest were kept
	udp_sender_free(f.sender);
}

static void test_refused_datagram_is_skipped(void **state)
{
	static const char *const poisons[] = { "0", "4", "9" };
	static struct fixture f;
	(void)state;
	for (int i = 0; i < 3; i++) {
		set_up(&f, 8);
		kernel.poison = poisons[i];
		kernel.poison_error = EHOSTUNREACH;
		add(&f, 10);
		assert_true(flush(&f));
		assert_int_equal(kernel.count, 9);
		assert_int_equal(metric_read(&f.metrics.send_errors), 1);
		assert_int_equal(metric_read(&f.metrics.sent), 9);
		udp_sender_free(f.sender);
	}
}

static void test_refused_while_waiting(void **state)
{
	static struct fixture f;
	(void)state;
	set_up(&f, 8);
	kernel.room = 0;
	add(&f, 3);
	assert_false(flush(&f));
	kernel.room = 10;
	kernel.poison = "1";
	kernel.poison_error = EPERM;
	assert_true(flush(&f));
	assert_int_equal(kernel.count, 2);
	assert_int_equal(metric_read(&f.metrics.send_errors), 1);
	udp_sender_free(f.sender);
}

static void test_interrupted(void **state)
{
	static struct fixture f;
	(void)state;
	set_up(&f, 8);
	kernel.interrupts = 3;
	add(&f, 5);
	assert_true(flush(&f));
	assert_sent_in_order(0, 5);
	udp_sender_free(f.sender);
}

static void test_full_batch_flushes_itself(void **state)
{
	static struct fixture f;
	(void)state;
	set_up(&f, 8);
	add(&f, UDP_BATCH + 1);
	assert_sent_in_order(0, UDP_BATCH);
	assert_true(flush(&f));
	assert_sent_in_order(0, UDP_BATCH + 1);
	udp_sender_free(f.sender);
}

static void test_free_with_messages_waiting(void **state)
{
	static struct fixture f;
	(void)state;
	set_up(&f, 8);
	kernel.room = 0;
	add(&f, 5);
	assert_false(flush(&f));
	assert_false(udp_sender_is_idle(f.sender));
	udp_sender_free(f.sender); // the leak checker of the asan build judges
}

static void test_bundles(void **state)
{
	static struct fixture f;
	(void)state;
	set_up(&f, 8);
	kernel.bundle_error = 0;
	add(&f, 12); // ten of one length, two of another
	assert_true(flush(&f));
	assert_sent_in_order(0, 12);
	assert_int_equal(kernel.bundles, 2);
	assert_int_equal(metric_read(&f.metrics.sent), 12);
	assert_int_equal(metric_read(&f.metrics.sent_bundled), 12);
	assert_int_equal(metric_read(&f.metrics.sent_bytes), 14);
	add(&f, 1);
	assert_true(flush(&f));
	assert_int_equal(metric_read(&f.metrics.sent_bundled), 12);
	assert_int_equal(metric_read(&f.metrics.bundles_refused), 0);
	udp_sender_free(f.sender);
}

static void test_device_without_bundles(void **state)
{
	static struct fixture f;
	(void)state;
	set_up(&f, 8);
	for (int i = 0; i < 3; i++) {
		add(&f, 3);
		assert_true(flush(&f));
	}
	assert_sent_in_order(0, 9);
	assert_int_equal(metric_read(&f.metrics.bundles_refused), 1); // it is asked once
	assert_int_equal(metric_read(&f.metrics.sent_bundled), 0);
	assert_int_equal(metric_read(&f.metrics.send_errors), 0);
	udp_sender_free(f.sender);
}

static void test_parts_too_long(void **state)
{
	static struct fixture f;
	(void)state;
	set_up(&f, 8);
	kernel.bundle_error = 0;
	kernel.part_max = 1;
	f.count = 10;
	add(&f, 3); // "10", "11", "12"
	assert_true(flush(&f));
	assert_int_equal(kernel.bundles, 0);
	assert_int_equal(metric_read(&f.metrics.bundles_refused), 1);
	f.count = 0;
	add(&f, 3); // "0", "1", "2"
	assert_true(flush(&f));
	assert_int_equal(kernel.bundles, 1);
	f.count = 20;
	add(&f, 3);
	assert_true(flush(&f));
	assert_int_equal(metric_read(&f.metrics.bundles_refused), 1);
	assert_int_equal(metric_read(&f.metrics.sent), 9);
	udp_sender_free(f.sender);
}

// One of a bundle costs the others nothing, and bundles go on.
static void test_refused_in_a_bundle(void **state)
{
	static struct fixture f;
	(void)state;
	set_up(&f, 8);
	kernel.bundle_error = 0;
	kernel.poison = "4";
	kernel.poison_error = EPERM;
	add(&f, 8);
	f.count = 10;
	add(&f, 2);
	assert_true(flush(&f));
	assert_int_equal(kernel.count, 9);
	assert_int_equal(kernel.bundles, 1); // "10" and "11"
	assert_int_equal(metric_read(&f.metrics.send_errors), 1);
	assert_int_equal(metric_read(&f.metrics.bundles_refused), 1);
	udp_sender_free(f.sender);
}

static void test_no_room_for_a_bundle(void **state)
{
	static struct fixture f;
	(void)state;
	set_up(&f, 8);
	kernel.bundle_error = 0;
	kernel.room = 3;
	add(&f, 5);
	assert_false(flush(&f));
	assert_int_equal(metric_read(&f.metrics.send_deferred), 5);
	kernel.room = 100;
	assert_true(flush(&f));
	assert_sent_in_order(0, 5);
	udp_sender_free(f.sender);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_full_buffer_keeps_order),
		cmocka_unit_test(test_retry_queue_is_bounded),
		cmocka_unit_test(test_refused_datagram_is_skipped),
		cmocka_unit_test(test_refused_while_waiting),
		cmocka_unit_test(test_interrupted),
		cmocka_unit_test(test_full_batch_flushes_itself),
		cmocka_unit_test(test_bundles),
		cmocka_unit_test(test_device_without_bundles),
		cmocka_unit_test(test_parts_too_long),
		cmocka_unit_test(test_refused_in_a_bundle),
		cmocka_unit_test(test_no_room_for_a_bundle),
		cmocka_unit_test(test_free_with_messages_waiting),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
