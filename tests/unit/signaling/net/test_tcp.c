// Real sockets on the loopback, both families; no packet leaves the machine.
#include "net/tcp.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

static struct addr at(const char *ip)
{
	struct addr addr = { .port = 0 };
	assert_int_equal(ip_parse(span_str(ip), &addr.ip), 0);
	return addr;
}

static void wait_for(int fd, short events)
{
	struct pollfd p = { .fd = fd, .events = events };
	assert_int_equal(poll(&p, 1, 2000), 1);
}

static void exchange(const char *listen_at, const char *dial_from)
{
	struct addr local = at(listen_at), from = at(dial_from), bound, remote;
	char buf[16];
	int listener = tcp_listen(&local, &bound);
	assert_true(listener >= 0);
	assert_true(bound.port != 0 && ip_eq(&bound.ip, &local.ip));
	assert_int_equal(tcp_accept(listener, &remote), -EAGAIN);
	from.port = 9; // of no account
	int client = tcp_dial(&from, &bound);
	assert_true(client >= 0);
	wait_for(client, POLLOUT);
	assert_int_equal(tcp_error(client), 0);
	wait_for(listener, POLLIN);
	int server = tcp_accept(listener, &remote);
	assert_true(server >= 0);
	assert_true(ip_eq(&remote.ip, &from.ip));
	assert_true(remote.port != 9);

	assert_int_equal(tcp_receive(server, buf, sizeof(buf)), -EAGAIN);
	assert_int_equal(tcp_send(client, SPAN_LIT("hello")), 5);
	wait_for(server, POLLIN);
	assert_int_equal(tcp_receive(server, buf, sizeof(buf)), 5);
	assert_memory_equal(buf, "hello", 5);
	close(client);
	wait_for(server, POLLIN);
	assert_int_equal(tcp_receive(server, buf, sizeof(buf)), 0);
	close(server);
	close(listener);
}

// What the listener is marked by, its connections are; and whom we dial sees our mark.
static void test_mark(void **state)
{
	static const struct {
		const char *ip;
		int level, option;
	} cases[] = { { "127.0.0.1", IPPROTO_IP, IP_TOS },
		{ "::1", IPPROTO_IPV6, IPV6_TCLASS } };
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct addr local = at(cases[i].ip), bound, remote;
		int listener = tcp_listen(&local, &bound), mark = 0;
		socklen_t len = sizeof(mark);
		tcp_mark(listener, &bound, 24);
		int client = tcp_dial(&local, &bound);
		tcp_mark(client, &local, 46);
		wait_for(listener, POLLIN);
		int server = tcp_accept(listener, &remote);
		getsockopt(server, cases[i].level, cases[i].option, &mark, &len);
		assert_int_equal(mark, 24 << 2);
		getsockopt(client, cases[i].level, cases[i].option, &mark, &len);
		assert_int_equal(mark & ~3, 46 << 2); // TCP owns the two bits of ECN
		close(client);
		close(server);
		close(listener);
	}
}

static void test_exchange(void **state)
{
	(void)state;
	exchange("127.0.0.1", "127.0.0.1");
	exchange("127.0.0.1", "127.0.0.7"); // from the address that is asked for
	exchange("::1", "::1");
}

static void test_workers_share_an_address(void **state)
{
	struct addr local = at("127.0.0.1"), bound, again;
	(void)state;
	int one = tcp_listen(&local, &bound), two = tcp_listen(&bound, &again);
	assert_true(one >= 0 && two >= 0);
	assert_int_equal(bound.port, again.port);
	close(one);
	close(two);
}

static void test_address_that_is_not_there_yet(void **state)
{
	struct addr local = at("192.0.2.77"), local6 = at("2001:db8::77"), bound;
	(void)state;
	int fd = tcp_listen(&local, &bound);
	assert_true(fd >= 0);
	close(fd);
	fd = tcp_listen(&local6, &bound);
	assert_true(fd >= 0);
	close(fd);
}

static void test_refused(void **state)
{
	struct addr local = at("127.0.0.1"), bound;
	int listener = tcp_listen(&local, &bound);
	(void)state;
	close(listener);
	int fd = tcp_dial(&local, &bound);
	assert_true(fd >= 0);
	wait_for(fd, POLLOUT);
	assert_int_equal(tcp_error(fd), -ECONNREFUSED);
	close(fd);
}

static void test_abort(void **state)
{
	struct addr local = at("127.0.0.1"), bound, remote;
	char buf[4];
	int listener = tcp_listen(&local, &bound), client = tcp_dial(&local, &bound);
	(void)state;
	wait_for(listener, POLLIN);
	int server = tcp_accept(listener, &remote);
	tcp_abort(server);
	wait_for(client, POLLIN);
	assert_int_equal(tcp_receive(client, buf, sizeof(buf)), -ECONNRESET);
	assert_int_equal(tcp_send(client, SPAN_LIT("x")), -EPIPE); // and no signal
	close(client);
	close(listener);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_exchange),
		cmocka_unit_test(test_mark),
		cmocka_unit_test(test_workers_share_an_address),
		cmocka_unit_test(test_address_that_is_not_there_yet),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_abort),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
