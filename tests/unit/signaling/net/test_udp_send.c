// The sender against a kernel of our own: this program's sendmmsg() and sendto() stand before
// libc's.
#include "net/udp.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/socket.h>

#include <cmocka.h>

#define SENT_MAX 1024

static struct {
	int room;               // datagrams that still fit
	int full_error;         // errno once they do not
	const char *poison;     // a datagram with this text is refused
	int poison_error;
	int interrupts;         // calls that return EINTR first
	char sent[SENT_MAX][16];
	int count;
} kernel;

static int kernel_take(const void *data, size_t len)
{
	if (kernel.interrupts > 0) {
		kernel.interrupts--;
		return EINTR;
	}
	if (kernel.poison && len == strlen(kernel.poison) && memcmp(data, kernel.poison, len) == 0)
		return kernel.poison_error;
	if (kernel.room == 0)
		return kernel.full_error;
	kernel.room--;
	assert_true(kernel.count < SENT_MAX && len < sizeof(kernel.sent[0]));
	memcpy(kernel.sent[kernel.count], data, len);
	kernel.sent[kernel.count++][len] = '\0';
	return 0;
}

int sendmmsg(int fd, struct mmsghdr *headers, unsigned int count, int flags)
{
	(void)fd;
	(void)flags;
	for (unsigned int i = 0; i < count; i++) {
		const struct iovec *v = headers[i].msg_hdr.msg_iov;
		int error = kernel_take(v->iov_base, v->iov_len);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_full_buffer_keeps_order),
		cmocka_unit_test(test_retry_queue_is_bounded),
		cmocka_unit_test(test_refused_datagram_is_skipped),
		cmocka_unit_test(test_refused_while_waiting),
		cmocka_unit_test(test_interrupted),
		cmocka_unit_test(test_full_batch_flushes_itself),
		cmocka_unit_test(test_free_with_messages_waiting),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
