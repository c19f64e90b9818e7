// Batches as they come off a real socket: what is taken, what is left, what the kernel had to drop.
#include "net/udp.h"

#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

static struct udp_socket to;
static struct udp_batch *batch;
static struct net_metrics metrics;
static int from = -1;

static void set_up(uint32_t buffer_bytes)
{
	struct udp_options options = { .buffer_bytes = buffer_bytes };
	struct addr addr = { .ip = ip_from_v4(0x7f000001) };
	struct sockaddr_storage target;

	memset(&metrics, 0, sizeof(metrics));
	assert_int_equal(udp_open(&addr, &options, &to), 0);
	socklen_t len = addr_to_sockaddr(&to.local, &target);
	from = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(from, (struct sockaddr *)&target, len), 0);
	batch = udp_batch_new();
	assert_non_null(batch);
}

static int tear_down(void **state)
{
	(void)state;
	udp_close(&to);
	close(from);
	udp_batch_free(batch);
	return 0;
}

static void await_data(void)
{
	struct pollfd p = { .fd = to.fd, .events = POLLIN };

	assert_int_equal(poll(&p, 1, 2000), 1);
}

static void a_full_batch_leaves_the_rest(void **state)
{
	bool is_more = false;
	uint32_t value;

	(void)state;
	set_up(1 << 20);
	for (uint32_t i = 0; i < UDP_BATCH + 3; i++)
		assert_int_equal(send(from, &i, sizeof(i), 0), sizeof(i));
	await_data();
	assert_int_equal(udp_receive(&to, batch, &metrics, &is_more), UDP_BATCH);
	assert_true(is_more);
	for (uint32_t i = 0; i < UDP_BATCH; i++) {
		memcpy(&value, udp_batch_at(batch, i)->data.ptr, sizeof(value));
		assert_int_equal(value, i);
	}
	assert_int_equal(udp_receive(&to, batch, &metrics, &is_more), 3);
	assert_false(is_more);
	memcpy(&value, udp_batch_at(batch, 2)->data.ptr, sizeof(value));
	assert_int_equal(value, UDP_BATCH + 2);
	assert_int_equal(metric_read(&metrics.received), UDP_BATCH + 3);
	assert_int_equal(metric_read(&metrics.received_bytes), (UDP_BATCH + 3) * sizeof(value));
	assert_null(udp_batch_at(batch, UDP_BATCH));
}

static void nothing_there_is_no_error(void **state)
{
	bool is_more = true;

	(void)state;
	set_up(1 << 16);
	assert_int_equal(udp_receive(&to, batch, &metrics, &is_more), 0);
	assert_false(is_more);
	assert_int_equal(metric_read(&metrics.receive_errors), 0);
}

static void as_long_as_udp_can_carry(void **state)
{
	static char longest[65507];
	bool is_more;

	(void)state;
	set_up(1 << 20);
	memset(longest, 'x', sizeof(longest));
	assert_int_equal(send(from, longest, sizeof(longest), 0), sizeof(longest));
	assert_int_equal(send(from, longest, 0, 0), 0);
	await_data();
	assert_int_equal(udp_receive(&to, batch, &metrics, &is_more), 2);
	assert_int_equal(udp_batch_at(batch, 0)->data.len, sizeof(longest));
	assert_int_equal(udp_batch_at(batch, 1)->data.len, 0);
	assert_int_equal(metric_read(&metrics.truncated), 0);
}

static void counts_what_the_kernel_dropped(void **state)
{
	char data[1000] = "x";
	uint64_t got = 0;
	const uint32_t sent = 500;
	bool is_more = true;

	(void)state;
	set_up(20000);
	for (uint32_t i = 0; i < sent; i++)
		assert_int_equal(send(from, data, sizeof(data), 0), sizeof(data));
	while (is_more || got == 0)
		got += udp_receive(&to, batch, &metrics, &is_more);
	assert_true(got < sent);
	// The kernel tells with the next datagram that fits.
	assert_int_equal(send(from, data, sizeof(data), 0), sizeof(data));
	await_data();
	got += udp_receive(&to, batch, &metrics, &is_more);
	assert_int_equal(got + metric_read(&metrics.kernel_drops), sent + 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(a_full_batch_leaves_the_rest, tear_down),
		cmocka_unit_test_teardown(nothing_there_is_no_error, tear_down),
		cmocka_unit_test_teardown(as_long_as_udp_can_carry, tear_down),
		cmocka_unit_test_teardown(counts_what_the_kernel_dropped, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
