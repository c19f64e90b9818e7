// Two real workers on loopback sockets around the core of tiny_core.h.
#include "tiny_core.h"
#include "worker_command.h"

#include "base/clock.h"
#include "net/udp.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>
#include <urcu/urcu-qsbr.h>

// The workers around it ---------------------------------------------------------------------------

static struct config config = {
	.workers = WORKERS,
	.realm_count = 1,
	.limits = { .calls_max = 100, .transactions_max = 100, .quarantine_ms = 100,
		.orphan_timeout_ms = 1000 },
	.connections = { .count_max = 20, .per_source_max = 10, .buffer_max = 1 << 20,
		.buffer_per_source_max = 1 << 20, .connect_ms = 1000, .handshake_ms = 1000,
		.message_ms = 1000, .idle_ms = 60000 },
};
static char tls_error[TLS_ERROR_MAX];
static struct worker *workers[WORKERS];
static struct shm_map signaling, media;
static struct udp_socket client[2]; // IPv4, IPv6

static void wake(void *context, uint32_t to)
{
	(void)context;
	worker_wake(workers[to]);
}

// An address whose port nobody has. Another process may take it before we do: open_workers().
static struct addr free_addr(const char *ip)
{
	struct addr addr = { .port = 0 };
	struct udp_options options = { 0 };
	struct udp_socket socket;
	assert_int_equal(ip_parse(span_str(ip), &addr.ip), 0);
	assert_int_equal(udp_open(&addr, &options, &socket), 0);
	addr = socket.local;
	udp_close(&socket);
	return addr;
}

static int open_workers(const char *const ips[2])
{
	struct config_realm *realm = &config.realms[0];

	realm->listener_count = 3;
	for (int i = 0; i < 2; i++)
		realm->listeners[i].addr = free_addr(ips[i]);
	realm->listeners[2].transport = CONFIG_TCP;
	realm->listeners[2].addr = free_addr("127.0.0.1");
	for (uint32_t i = 0; i < WORKERS; i++) {
		struct worker_params params = { .shared = &shared, .index = i,
			.signaling = &signaling, .media = &media };
		int rc = worker_open(&params, &workers[i]);
		if (rc) {
			while (i > 0)
				worker_close(workers[--i]);
			return rc;
		}
	}
	return 0;
}

static int set_up(void **state)
{
	static const char *const ips[2] = { "127.0.0.1", "::1" };
	struct shm_geometry geometry = { .addresses = 1, .flows = 1024, .workers = WORKERS,
		.lanes = 1 };
	struct dispatch_params dispatch = { .workers = WORKERS, .shards = CORE_SHARDS,
		.ring_bytes = 128 << 10, .wake = wake };
	struct source_limits limits = { 20, 10, 1 << 20, 1 << 20 };
	struct udp_options options = { 0 };
	(void)state;

	assert_int_equal(shm_anonymous(&geometry, &signaling, &media), 0);
	for (int i = 0; i < 2; i++) {
		struct addr local = { .port = 0 };
		ip_parse(span_str(ips[i]), &local.ip);
		assert_int_equal(udp_open(&local, &options, &client[i]), 0);
	}
	memset(&shared, 0, sizeof(shared));
	shared.config = &config;
	shared.workers = WORKERS;
	shared.dispatch = dispatch_new(&dispatch);
	shared.trunks = trunk_table_new();
	shared.sources = source_table_new(&limits, &shared.key);
	shared.aliases = aliases_new(&shared.key);
	assert_int_equal(worker_tls_new(&config, &shared.tls, tls_error), 0);
	int rc = -EADDRINUSE;
	for (int i = 0; i < 20 && rc == -EADDRINUSE; i++)
		rc = open_workers(ips);
	assert_int_equal(rc, 0);
	for (uint32_t i = 0; i < WORKERS; i++)
		assert_int_equal(worker_start(workers[i]), 0);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < WORKERS; i++)
		worker_stop(workers[i]);
	for (uint32_t i = 0; i < WORKERS; i++) {
		worker_join(workers[i]);
		worker_close(workers[i]);
	}
	dispatch_free(shared.dispatch);
	trunk_table_free(shared.trunks);
	source_table_free(shared.sources);
	aliases_free(shared.aliases);
	worker_tls_free(shared.tls);
	for (int i = 0; i < 2; i++)
		udp_close(&client[i]);
	shm_close(&media);
	shm_close(&signaling);
	return 0;
}

static void say(int family, const char *text)
{
	struct sockaddr_storage sa;
	socklen_t len = addr_to_sockaddr(&config.realms[0].listeners[family].addr, &sa);
	assert_int_equal(sendto(client[family].fd, text, strlen(text), 0, (struct sockaddr *)&sa,
		len), strlen(text));
}

static void expect(int family, const char *want)
{
	char buf[256];
	struct pollfd p = { .fd = client[family].fd, .events = POLLIN };
	if (poll(&p, 1, 3000) != 1)
		fail_msg("no answer, wanted \"%s\"", want);
	ssize_t n = recv(client[family].fd, buf, sizeof(buf) - 1, 0);
	assert_true(n >= 0);
	buf[n] = '\0';
	assert_string_equal(buf, want);
}

static uint64_t net_sum(size_t offset)
{
	uint64_t sum = 0;
	for (uint32_t i = 0; i < WORKERS; i++)
		sum += metric_read((const _Atomic uint64_t *)(const void *)(
			(const char *)worker_net_metrics(workers[i]) + offset));
	return sum;
}

#define NET_SUM(field) net_sum(offsetof(struct net_metrics, field))

// An answer may be here before its sender has counted it.
static void expect_sum(size_t offset, uint64_t want)
{
	for (int i = 0; i < 300 && net_sum(offset) < want; i++)
		poll(NULL, 0, 10);
	assert_int_equal(net_sum(offset), want);
}

// Whichever worker's socket the kernel picks, the owner of the shard has the message.
static void test_owner_answers(void **state)
{
	char text[64], want[64];
	(void)state;
	for (uint32_t i = 0; i < 400; i++) {
		snprintf(text, sizeof(text), "shard %u echo n%u", i % CORE_SHARDS, i);
		snprintf(want, sizeof(want), "%u n%u", i % WORKERS, i);
		say(i / 2 % 2, text);
		expect(i / 2 % 2, want);
	}
	assert_int_equal(NET_SUM(received), 400);
	expect_sum(offsetof(struct net_metrics, sent), 400);
	// One client has one 4-tuple, so one worker reads it all and hands half of it over.
	assert_int_equal(NET_SUM(passed), 200);
	assert_int_equal(NET_SUM(taken), 200);
	assert_int_equal(NET_SUM(ring_full) + NET_SUM(lost_owner) + NET_SUM(no_call_id), 0);
}

static void test_shard_moves(void **state)
{
	uint16_t owners[CORE_SHARDS];
	(void)state;
	for (int to = 0; to < 2; to++) {
		for (uint32_t i = 0; i < CORE_SHARDS; i++)
			owners[i] = (uint16_t)to;
		assert_int_equal(dispatch_publish_map(shared.dispatch, owners), 0);
		say(0, "shard 8 echo even");
		expect(0, to == 0 ? "0 even" : "1 even");
		say(1, "shard 9 echo odd");
		expect(1, to == 0 ? "0 odd" : "1 odd");
	}
}

// What was handed over takes all that follows by its Call-ID along; what nobody has comes back.
static void test_hands_over(void **state)
{
	(void)state;
	say(0, "shard 0 hand 1 x\r\nCall-ID: handed\r\n\r\n");
	expect(0, "1 here");
	say(0, "shard 0 echo x\r\nCall-ID: handed\r\n\r\n");
	expect(0, "1 x\r\nCall-ID: handed\r\n\r\n");
	say(0, "shard 0 hand 0!\r\nCall-ID: other\r\n\r\n");
	expect(0, "0 back");
}

static void test_without_call_id(void **state)
{
	(void)state;
	say(0, "x y z garbage");
	expect(0, "0 garbage");
	assert_int_equal(NET_SUM(no_call_id) >= 1, 1);
}

static int tcp_open(void)
{
	struct sockaddr_storage sa;
	socklen_t len = addr_to_sockaddr(&config.realms[0].listeners[2].addr, &sa);
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&sa, len), 0);
	return fd;
}

static void tcp_ask(int fd, uint32_t shard, const char *header, const char *want)
{
	char buf[256];
	size_t len = 0, wanted = strlen(want);
	struct pollfd p = { .fd = fd, .events = POLLIN };
	int n = snprintf(buf, sizeof(buf), "shard %u SIP/2.0\r\nContent-Length: 0\r\n%s\r\n", shard,
		header);
	assert_int_equal(send(fd, buf, (size_t)n, 0), n);
	while (len < wanted) {
		assert_int_equal(poll(&p, 1, 3000), 1);
		ssize_t got = recv(fd, buf + len, wanted - len, 0);
		assert_true(got > 0);
		len += (size_t)got;
	}
	buf[len] = '\0';
	assert_string_equal(buf, want);
}

// A connection is one worker's, its messages are for both, and both answer by it.
static void test_connection_serves_all_workers(void **state)
{
	char want[64];
	(void)state;
	int fd = tcp_open();
	for (uint32_t i = 0; i < 100; i++) {
		snprintf(want, sizeof(want), "%u 0\r\n\r\n", i % WORKERS);
		tcp_ask(fd, i, "", want);
	}
	assert_int_equal(NET_SUM(stream_messages), 100);
	assert_int_equal(NET_SUM(stream_accepted), 1);
	expect_sum(offsetof(struct net_metrics, stream_sent), 100);
	assert_int_equal(NET_SUM(passed), 50);
	assert_int_equal(NET_SUM(send_posted), 50);
	close(fd);
	expect_sum(offsetof(struct net_metrics, stream_closed_peer), 1);
}

// What cannot be sent by another worker's connection is told to the core that asked for it.
static void test_failed_send_comes_back(void **state)
{
	(void)state;
	int fd = tcp_open();
	tcp_ask(fd, 0, "Gone: x\r\n", "0 failed 5 2");
	tcp_ask(fd, 1, "Gone: x\r\n", "1 failed 5 2");
	assert_int_equal(NET_SUM(stream_gone), 2);
	close(fd);
}

// Both workers count in the one table: the sixth call is refused, whoever is asked.
static void test_trunk_limit_is_shared(void **state)
{
	char text[32], want[32];
	(void)state;
	for (uint32_t i = 0; i < 8; i++) {
		snprintf(text, sizeof(text), "shard %u trunk x", i);
		snprintf(want, sizeof(want), "%u %s", i % WORKERS,
			i < TRUNK_CALLS_MAX ? "taken" : "full");
		say(0, text);
		expect(0, want);
	}
	uint32_t slot = trunk_slot(shared.trunks, SPAN_LIT("shared"));
	assert_int_equal(trunk_calls(shared.trunks, slot), TRUNK_CALLS_MAX);
}

// A telephone's keep-alives never reach the core; STUN comes back with the address it came from.
static void test_keepalives(void **state)
{
	static const uint8_t binding[20] = { 0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42, 1, 2, 3 };
	static const uint8_t broken[20] = { 0, 1, 0, 4, 0x21, 0x12, 0xa4, 0x42 };
	uint8_t answer[64];
	struct sockaddr_storage sa;
	(void)state;
	for (int family = 0; family < 2; family++) {
		socklen_t len =
			addr_to_sockaddr(&config.realms[0].listeners[family].addr, &sa);
		struct sockaddr *to = (struct sockaddr *)&sa;
		say(family, "\r\n\r\n");
		assert_int_equal(sendto(client[family].fd, broken, 20, 0, to, len), 20);
		assert_int_equal(sendto(client[family].fd, binding, 20, 0, to, len), 20);
		struct pollfd p = { .fd = client[family].fd, .events = POLLIN };
		assert_int_equal(poll(&p, 1, 3000), 1);
		assert_int_equal(recv(client[family].fd, answer, sizeof(answer), 0),
			family ? 44 : 32);
		assert_memory_equal(answer + 4, binding + 4, 16);
		uint16_t port = (uint16_t)(answer[26] << 8 | answer[27]);
		assert_int_equal(port ^ 0x2112, client[family].local.port);
	}
	assert_int_equal(NET_SUM(stun_answered), 2);
	assert_int_equal(NET_SUM(stun_malformed), 2);
	assert_int_equal(NET_SUM(blank), 2);
	assert_int_equal(NET_SUM(no_call_id), 0);
}

static void test_timer_fires(void **state)
{
	(void)state;
	uint64_t before_ms = clock_mono_ms();
	say(1, "shard 3 timer");
	expect(1, "fired");
	uint64_t took_ms = clock_mono_ms() - before_ms;
	assert_in_range(took_ms, 29, 2000);
}

static void test_listener_that_is_not_there(void **state)
{
	(void)state;
	say(0, "shard 2 nowhere");
	say(0, "shard 2 echo after");
	expect(0, "0 after");
	assert_int_equal(NET_SUM(send_no_listener), 1);
}

struct look_command {
	struct worker_command command;
	uint32_t ended;
	struct call_summary newest;
	uint32_t calls;
};

static void look(struct worker *worker, struct worker_command *command)
{
	struct look_command *mine = (struct look_command *)command;
	struct call_info info;
	uint32_t cursor = 0;
	while (worker_ended_at(worker, mine->ended) != NULL)
		mine->ended++;
	if (mine->ended > 0)
		mine->newest = *worker_ended_at(worker, 0);
	while (core_next_call(worker_core(worker), &cursor, &info))
		mine->calls++;
}

static struct look_command *look_at(uint32_t worker)
{
	struct look_command *command = worker_command_new(sizeof(*command), look);
	assert_true(worker_ask(workers[worker], &command->command, 3000));
	return command;
}

static void test_ended_calls_are_kept(void **state)
{
	(void)state;
	struct look_command *none = look_at(1);
	assert_int_equal(none->ended, 0);
	worker_command_put(&none->command);
	for (uint32_t i = 0; i < WORKER_ENDED_MAX + 10; i++) {
		say(0, "shard 1 end");
		expect(0, "1 ");
	}
	struct look_command *full = look_at(1);
	assert_int_equal(full->ended, WORKER_ENDED_MAX);
	assert_int_equal(full->newest.info.token, 77);
	worker_command_put(&full->command);
}

static bool is_drained(void)
{
	return worker_is_drained(workers[0]) && worker_is_drained(workers[1]);
}

static void test_drain(void **state)
{
	(void)state;
	say(0, "shard 0 call");
	say(0, "shard 0 echo x");
	expect(0, "0 x");
	struct look_command *before = look_at(0);
	assert_int_equal(before->calls, 1);
	worker_command_put(&before->command);
	assert_false(worker_is_drained(workers[0]));
	atomic_store(&shared.is_draining, true);
	for (int i = 0; i < 300 && !is_drained(); i++)
		poll(NULL, 0, 10);
	assert_true(worker_is_drained(workers[0]));
	assert_true(worker_is_drained(workers[1]));
}

static void test_sleeping_workers_delay_no_grace_period(void **state)
{
	(void)state;
	poll(NULL, 0, 50); // both sleep now
	uint64_t before_ms = clock_mono_ms();
	for (int i = 0; i < 10; i++)
		urcu_qsbr_synchronize_rcu();
	assert_true(clock_mono_ms() - before_ms < 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_owner_answers, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_shard_moves, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_hands_over, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_without_call_id, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_connection_serves_all_workers, set_up,
			tear_down),
		cmocka_unit_test_setup_teardown(test_failed_send_comes_back, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_trunk_limit_is_shared, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_keepalives, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_timer_fires, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_listener_that_is_not_there, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_ended_calls_are_kept, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_drain, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_sleeping_workers_delay_no_grace_period, set_up,
			tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
