// Ports without a Linux interface carry frames: memif to another end of the socket, ring, null.
#include "unit/media/dataplane.h"

#include <errno.h>
#include <rte_bus_vdev.h>
#include <stdlib.h>

static char folder[] = "/tmp/port-kinds-XXXXXX";
static char socket_path[64];

// Frames of nothing for ever, and what is sent is gone.
static void test_null(void **state)
{
	struct config_device device = { .name = "null", .kind = CONFIG_PORT_NULL };
	struct rte_mbuf *mbufs[BURST_MAX], *one;
	struct port port;

	(void)state;
	assert_int_equal(port_queues(&device, 2), 2);
	assert_int_equal(port_open(&port, &device, 2, plane.pool), 0);
	assert_int_equal(rte_eth_rx_burst(port.id, 1, mbufs, BURST_MAX), BURST_MAX);
	assert_int_equal(rte_pktmbuf_pkt_len(mbufs[0]), PLANE_FRAME);
	rte_pktmbuf_free_bulk(mbufs, BURST_MAX);
	one = plane_packet(20000, 1);
	assert_int_equal(rte_eth_tx_burst(port.id, 1, &one, 1), 1);
	assert_int_equal(port_steer(&port, 0, NULL, 0), 0);
	port_close(&port);
	port_close(&port); // does no harm
}

// What a queue sends comes back on the same one, in order.
static void test_ring(void **state)
{
	struct config_device device = { .name = "ring", .kind = CONFIG_PORT_RING };
	struct rte_mbuf *sent[3], *got[BURST_MAX];
	struct port port;

	(void)state;
	assert_int_equal(port_open(&port, &device, 2, plane.pool), 0);
	for (uint16_t i = 0; i < 3; i++)
		sent[i] = plane_packet(20000, i);
	assert_int_equal(rte_eth_tx_burst(port.id, 1, sent, 3), 3);
	assert_int_equal(rte_eth_rx_burst(port.id, 0, got, BURST_MAX), 0);
	assert_int_equal(rte_eth_rx_burst(port.id, 1, got, BURST_MAX), 3);
	assert_memory_equal(got, sent, sizeof(sent));
	rte_pktmbuf_free_bulk(got, 3);
	port_close(&port);
}

static void peer_queues(uint16_t id)
{
	struct rte_eth_conf conf = { 0 };

	assert_int_equal(rte_eth_dev_configure(id, PLANE_LANES, PLANE_LANES, &conf), 0);
	for (uint16_t q = 0; q < PLANE_LANES; q++) {
		assert_int_equal(rte_eth_rx_queue_setup(id, q, 256, 0, NULL, plane.pool), 0);
		assert_int_equal(rte_eth_tx_queue_setup(id, q, 256, 0, NULL), 0);
	}
	assert_int_equal(rte_eth_dev_start(id), 0);
}

static bool is_up(uint16_t id)
{
	struct rte_eth_link link = { 0 };

	return !rte_eth_link_get_nowait(id, &link) && link.link_status == RTE_ETH_LINK_UP;
}

// RTP from a memif peer, through both lanes, and back to it: the driver's own other end.
static void test_memif(void **state)
{
	struct config_device device = { .name = "memif", .kind = CONFIG_PORT_MEMIF,
		.interface = socket_path };
	struct plane_call own, other;
	struct rte_mbuf *none;
	struct port port;
	char args[128];
	uint16_t peer;

	(void)state;
	assert_int_equal(port_open(&port, &device, PLANE_LANES, plane.pool), 0);
	snprintf(args, sizeof(args), "role=client,socket=%s,socket-abstract=no", socket_path);
	assert_int_equal(rte_vdev_init("net_memif_peer", args), 0);
	assert_int_equal(rte_eth_dev_get_port_by_name("net_memif_peer", &peer), 0);
	peer_queues(peer);
	PLANE_AWAIT(is_up(peer) && is_up(port.id));
	// a memif client offers its buffers when it polls
	for (uint16_t q = 0; q < PLANE_LANES; q++)
		assert_int_equal(rte_eth_rx_burst(peer, q, &none, 1), 0);

	plane_start(&port, &port, 0);
	own = plane_call(4);
	other = plane_call(5);
	for (uint16_t first = 1; first <= 500; first += 100) { // more than its rings hold
		plane_send(peer, &own, first, 100);
		plane_expect(peer, 0, first, 100);
	}
	plane_send(peer, &other, 1, 100);
	plane_expect(peer, 1, 1, 100);
	assert_int_equal(metric_read(&plane.runners[1].loop.handovers_in), 100);
	plane_stop();
	assert_int_equal(rte_eth_dev_stop(peer), 0);
	assert_int_equal(rte_eth_dev_close(peer), 0);
	rte_vdev_uninit("net_memif_peer");
	port_close(&port);
}

static void test_refused(void **state)
{
	struct config_device device = { .name = "gone", .kind = CONFIG_PORT_PACKET,
		.interface = "no-such-if0" };
	struct port port;

	(void)state;
	assert_int_equal(port_queues(&device, 1), -ENODEV);
	assert_true(port_open(&port, &device, 1, plane.pool) < 0);
	assert_false(port.is_open);
}

static int group_setup(void **state)
{
	if (!mkdtemp(folder))
		return -1;
	snprintf(socket_path, sizeof(socket_path), "%s/memif.sock", folder);
	return plane_eal(state);
}

static int group_teardown(void **state)
{
	unlink(socket_path);
	rmdir(folder);
	return plane_eal_end(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_null),
		cmocka_unit_test(test_ring),
		cmocka_unit_test(test_memif),
		cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
