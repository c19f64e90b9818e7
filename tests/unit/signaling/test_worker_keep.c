// Flows that trunks want kept: a connection that comes without a call and comes again, and a host
// that is asked by STUN, whichever worker hears its answer.
#include "worker.h"

#include "call/trunk.h"
#include "net/keepalive.h"
#include "net/tcp.h"
#include "net/udp.h"

#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define WORKERS 2u

static struct config_trunk trunks[2] = {
	{ .name = "kept", .host_count = 1, .connection = { .is_kept = true } },
	{ .name = "asked", .host_count = 1, .connection = { .has_stun = true,
		.keepalive_ms = 1000 } },
};
static struct config config = {
	.workers = WORKERS,
	.realm_count = 1,
	.trunks = trunks,
	.trunk_count = 2,
	.limits = { .calls_max = 100, .transactions_max = 100, .quarantine_ms = 100,
		.orphan_timeout_ms = 1000 },
	.connections = { .count_max = 20, .per_source_max = 10, .buffer_max = 1 << 20,
		.buffer_per_source_max = 1 << 20, .connect_ms = 1000, .handshake_ms = 1000,
		.message_ms = 1000, .idle_ms = 60000 },
	.dns = { .timeout_ms = 100, .tries = 1, .deadline_ms = 500, .cache_max = 10 },
};
static struct worker_shared shared;
static struct worker *workers[WORKERS];
static struct shm_map signaling, media;
static struct udp_socket asked; // the host that is asked
static int listener;            // the host that is kept

static void wake(void *context, uint32_t to)
{
	(void)context;
	worker_wake(workers[to]);
}

// At a port that nobody has. Another process may take it before we do.
static int open_workers(const struct addr *local)
{
	struct udp_options options = { 0 };
	struct udp_socket free_port;

	assert_int_equal(udp_open(local, &options, &free_port), 0);
	config.realms[0].listeners[0].addr = free_port.local;
	config.realms[0].listeners[1].addr = free_port.local;
	udp_close(&free_port);
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
	struct shm_geometry geometry = { .addresses = 1, .flows = 1024, .workers = WORKERS,
		.lanes = 1 };
	struct dispatch_params dispatch = { .workers = WORKERS, .shards = CORE_SHARDS,
		.ring_bytes = 128 << 10, .wake = wake };
	struct source_limits limits = { 20, 10, 1 << 20, 1 << 20 };
	struct addr local = { .ip = ip_from_v4(0x7f000001) };
	struct udp_options options = { 0 };
	char error[TLS_ERROR_MAX];

	(void)state;
	assert_int_equal(shm_anonymous(&geometry, &signaling, &media), 0);
	assert_int_equal(udp_open(&local, &options, &asked), 0);
	listener = tcp_listen(&local, &trunks[0].hosts[0].addr);
	assert_true(listener >= 0);
	trunks[0].hosts[0].transport = CONFIG_TCP;
	trunks[0].hosts[0].has_transport = true;
	trunks[1].hosts[0].addr = asked.local;
	config.realms[0].listener_count = 2;
	config.realms[0].listeners[1].transport = CONFIG_TCP;
	memset(&shared, 0, sizeof(shared));
	shared.config = &config;
	shared.workers = WORKERS;
	shared.key.k[0] = 5;
	shared.dispatch = dispatch_new(&dispatch);
	shared.trunks = trunk_table_new();
	shared.sources = source_table_new(&limits, &shared.key);
	shared.aliases = aliases_new(&shared.key);
	assert_int_equal(worker_tls_new(&config, &shared.tls, error), 0);
	int rc = -EADDRINUSE;
	for (int i = 0; i < 20 && rc == -EADDRINUSE; i++)
		rc = open_workers(&local);
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
	udp_close(&asked);
	close(listener);
	shm_close(&media);
	shm_close(&signaling);
	return 0;
}

static uint64_t sum(size_t offset)
{
	uint64_t sum = 0;
	for (uint32_t i = 0; i < WORKERS; i++)
		sum += metric_read((const _Atomic uint64_t *)(const void *)(
			(const char *)worker_net_metrics(workers[i]) + offset));
	return sum;
}

#define SUM(field) sum(offsetof(struct net_metrics, field))

// The next connection, within some seconds: the first wait behind a failure is two at most.
static int accept_one(void)
{
	struct pollfd p = { .fd = listener, .events = POLLIN };
	struct addr remote;
	assert_int_equal(poll(&p, 1, 5000), 1);
	int fd = tcp_accept(listener, &remote);
	assert_true(fd >= 0);
	return fd;
}

static void test_kept(void **state)
{
	(void)state;
	int fd = accept_one();
	poll(NULL, 0, 200);
	assert_int_equal(SUM(stream_dialled), 1);
	assert_int_equal(SUM(flows_lost), 0);
	close(fd);
	int again = accept_one();
	for (int w = 0; w < 300 && SUM(stream_dialled) < 2; w++)
		poll(NULL, 0, 10); // it counts behind what the kernel shows
	assert_int_equal(SUM(stream_dialled), 2);
	assert_int_equal(SUM(flows_lost), 1);
	assert_int_equal(SUM(stream_sent), 0);
	close(again);
}

static void test_asked(void **state)
{
	(void)state;
	for (uint32_t i = 1; i <= 2; i++) {
		struct pollfd p = { .fd = asked.fd, .events = POLLIN };
		struct sockaddr_storage sa;
		socklen_t len = sizeof(sa);
		uint8_t buf[200], answer_buf[KEEPALIVE_ANSWER_MAX];
		struct addr source;
		struct span answer;
		assert_int_equal(poll(&p, 1, 5000), 1);
		ssize_t n = recvfrom(asked.fd, buf, sizeof(buf), 0, (struct sockaddr *)&sa, &len);
		assert_int_equal(n, KEEPALIVE_ASK_BYTES);
		assert_int_equal(addr_from_sockaddr((struct sockaddr *)&sa, &source), 0);
		assert_true(addr_eq(&source, &config.realms[0].listeners[0].addr));
		assert_int_equal(keepalive_judge(span_make((char *)buf, (uint32_t)n), &source,
			answer_buf, &answer), KEEPALIVE_ANSWERED);
		sendto(asked.fd, answer.ptr, answer.len, 0, (struct sockaddr *)&sa, len);
		for (int w = 0; w < 300 && SUM(stun_heard) < i; w++)
			poll(NULL, 0, 10);
		assert_int_equal(SUM(stun_heard), i);
		assert_int_equal(SUM(stun_asked), i); // and not again before the interval is over
	}
	assert_int_equal(SUM(stun_malformed), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_kept, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_asked, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
