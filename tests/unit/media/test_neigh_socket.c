// Netlink as the kernel speaks it, in a namespace of the test's own: dumps, events, requests.
#include "neigh_socket.h"
#include "unit/media/netns.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <poll.h>
#include <string.h>

struct seen {
	uint32_t count, removed;
	bool has_near, has_route, has_neighbour;
};

static bool is_ip(const struct ip *ip, uint32_t v4)
{
	struct ip wanted = ip_from_v4(v4);

	return ip_eq(ip, &wanted);
}

static void note(void *context, const struct neigh_message *message)
{
	struct seen *seen = context;

	seen->count++;
	seen->removed += message->is_removed;
	if (message->kind == NEIGH_LINK && strcmp(message->link.name, "near") == 0)
		seen->has_near = message->link.is_up && message->link.has_mac;
	if (message->kind == NEIGH_ROUTE && message->route.prefix.bits == 24 + 96 &&
		is_ip(&message->route.prefix.ip, 0x0a090000))
		seen->has_route = !message->is_removed;
	if (message->kind == NEIGH_NEIGHBOUR && is_ip(&message->entry.ip, 0x0a090002))
		seen->has_neighbour = !message->is_removed;
}

static void await_events(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	// Who is asked in vain is given up after three seconds.
	assert_int_equal(poll(&p, 1, 10000), 1);
}

static void dumps_are_whole(void **state)
{
	static const uint16_t types[] = { RTM_GETLINK, RTM_GETROUTE, RTM_GETNEIGH };
	struct seen seen = { 0 };
	int fd = neigh_socket_requests();

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(system("ip neigh replace 10.9.0.2 lladdr 02:00:00:00:00:f2 dev near"), 0);
	for (uint32_t i = 0; i < 3; i++) {
		int rc;
		while ((rc = neigh_socket_dump(fd, types[i], note, &seen)) == -EAGAIN)
			seen = (struct seen){ 0 };
		assert_int_equal(rc, 0);
	}
	assert_true(seen.has_near && seen.has_route && seen.has_neighbour);
	assert_int_equal(neigh_socket_dump(fd, RTM_GETLINK, note, &seen), 0); // again, same socket
	close(fd);
}

static void events_come_by_themselves(void **state)
{
	struct seen seen = { 0 };
	int fd = neigh_socket_events();

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(neigh_socket_drain(fd, note, &seen), 0);
	assert_int_equal(seen.count, 0);
	assert_int_equal(system("ip neigh replace 10.9.0.2 lladdr 02:00:00:00:00:f3 dev near"), 0);
	await_events(fd);
	assert_int_equal(neigh_socket_drain(fd, note, &seen), 0);
	assert_true(seen.has_neighbour);
	assert_int_equal(system("ip neigh del 10.9.0.2 dev near"), 0);
	await_events(fd);
	assert_int_equal(neigh_socket_drain(fd, note, &seen), 0);
	assert_false(seen.has_neighbour);
	assert_true(seen.removed > 0);
	close(fd);
}

static void asking_for_a_neighbour(void **state)
{
	struct seen seen = { 0 };
	struct ip ip = ip_from_v4(0x0a090002);
	int events = neigh_socket_events(), requests = neigh_socket_requests();

	(void)state;
	assert_int_equal(neigh_socket_ask(requests, NEIGH_ASK_USE, if_nametoindex("near"), &ip), 0);
	for (uint32_t i = 0; i < 20 && !seen.has_neighbour; i++) {
		await_events(events);
		assert_int_equal(neigh_socket_drain(events, note, &seen), 0);
	}
	assert_true(seen.has_neighbour); // being resolved
	close(events);
	close(requests);
}

// More events than the socket holds: the caller must dump again.
static void lost_events_are_told(void **state)
{
	struct seen seen = { 0 };
	int fd = neigh_socket_events(), small = 1, rc = 0;

	(void)state;
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
	assert_int_equal(system("for i in $(seq 2 60); do "
		"ip neigh replace 10.9.0.$i lladdr 02:00:00:00:00:f2 dev near; done"), 0);
	for (uint32_t i = 0; i < 100 && rc == 0; i++)
		rc = neigh_socket_drain(fd, note, &seen);
	assert_int_equal(rc, -ENOBUFS);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(dumps_are_whole),
		cmocka_unit_test(events_come_by_themselves),
		cmocka_unit_test(asking_for_a_neighbour),
		cmocka_unit_test(lost_events_are_told),
	};
	int rc = netns_open();

	return rc ? rc : cmocka_run_group_tests(tests, NULL, NULL);
}
