#include "port.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BLOCK_BYTES = 1 << 18, BLOCKS = 128, FRAME_BYTES = 2048, BLOCK_TIMEOUT_MS = 1 };

static int enter(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	int err = fd < 0 || setns(fd, CLONE_NEWNET) ? -errno : 0;
	if (fd >= 0)
		close(fd);
	return err;
}

static int bind_to(int fd, int ifindex, uint16_t protocol)
{
	struct sockaddr_ll at = { .sll_family = AF_PACKET, .sll_ifindex = ifindex,
		.sll_protocol = htons(protocol) };
	return bind(fd, (struct sockaddr *)&at, sizeof(at)) ? -errno : 0;
}

static int open_tx(struct blast_port *port, const char *interface)
{
	int on = 1, bytes = 8 << 20;
	struct ifreq request = { 0 };

	port->tx_fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	if (port->tx_fd < 0)
		return -errno;
	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", interface);
	port->ifindex = (int)if_nametoindex(interface);
	if (!port->ifindex || ioctl(port->tx_fd, SIOCGIFHWADDR, &request))
		return -ENODEV;
	memcpy(port->mac, request.ifr_hwaddr.sa_data, 6);
	setsockopt(port->tx_fd, SOL_PACKET, PACKET_QDISC_BYPASS, &on, sizeof(on));
	setsockopt(port->tx_fd, SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof(bytes));
	return bind_to(port->tx_fd, port->ifindex, 0);
}

static int open_rx(struct blast_port *port)
{
	struct tpacket_req3 ring = { .tp_block_size = BLOCK_BYTES, .tp_block_nr = BLOCKS,
		.tp_frame_size = FRAME_BYTES, .tp_frame_nr = BLOCK_BYTES / FRAME_BYTES * BLOCKS,
		.tp_retire_blk_tov = BLOCK_TIMEOUT_MS };
	int version = TPACKET_V3, on = 1;

	port->rx_fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (port->rx_fd < 0)
		return -errno;
	setsockopt(port->rx_fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof(on));
	if (setsockopt(port->rx_fd, SOL_PACKET, PACKET_VERSION, &version, sizeof(version)) ||
	    setsockopt(port->rx_fd, SOL_PACKET, PACKET_RX_RING, &ring, sizeof(ring)))
		return -errno;
	port->ring = mmap(NULL, (size_t)BLOCK_BYTES * BLOCKS, PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_POPULATE, port->rx_fd, 0);
	if (port->ring == MAP_FAILED)
		return -errno;
	return bind_to(port->rx_fd, port->ifindex, ETH_P_ALL);
}

int blast_port_open(struct blast_port *port, const char *netns, const char *interface)
{
	int home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);

	*port = (struct blast_port){ .tx_fd = -1, .rx_fd = -1 };
	int err = netns ? enter(netns) : 0;
	if (!err)
		err = open_tx(port, interface);
	if (!err)
		err = open_rx(port);
	if (err)
		fprintf(stderr, "rtp-blast: %s in %s: %s\n", interface,
			netns ? netns : "this namespace",
			strerror(-err));
	if (home >= 0 && setns(home, CLONE_NEWNET))
		err = -errno;
	if (home >= 0)
		close(home);
	return err;
}

void blast_port_close(struct blast_port *port)
{
	if (port->ring)
		munmap(port->ring, (size_t)BLOCK_BYTES * BLOCKS);
	close(port->rx_fd);
	close(port->tx_fd);
}

uint32_t blast_port_send(struct blast_port *port, struct blast_flow *const flows[], uint32_t count)
{
	struct mmsghdr messages[BLAST_BURST];
	struct iovec parts[BLAST_BURST];

	memset(messages, 0, sizeof(messages[0]) * count);
	for (uint32_t i = 0; i < count; i++) {
		parts[i] = (struct iovec){ flows[i]->frame, flows[i]->frame_bytes };
		messages[i].msg_hdr.msg_iov = &parts[i];
		messages[i].msg_hdr.msg_iovlen = 1;
	}
	uint32_t sent = 0;
	while (sent < count) {
		int n = sendmmsg(port->tx_fd, messages + sent, count - sent, 0);
		if (n <= 0)
			break;
		sent += (uint32_t)n;
	}
	return sent;
}

static void read_block(struct tpacket_block_desc *block, uint32_t side, struct blast_flows *flows)
{
	uint8_t *at = (uint8_t *)block + block->hdr.bh1.offset_to_first_pkt;

	for (uint32_t i = 0; i < block->hdr.bh1.num_pkts; i++) {
		const struct tpacket3_hdr *packet = (const void *)at;
		blast_flows_receive(flows, side, at + packet->tp_net, packet->tp_snaplen);
		at += packet->tp_next_offset;
	}
}

void blast_port_receive(struct blast_port *port, uint32_t side, struct blast_flows *flows)
{
	for (;;) {
		struct tpacket_block_desc *block = (void *)(port->ring +
			(size_t)port->block * BLOCK_BYTES);
		_Atomic uint32_t *status = (_Atomic uint32_t *)&block->hdr.bh1.block_status;
		// acquire and release: the kernel fills the block between our two accesses
		if (!(atomic_load_explicit(status, memory_order_acquire) & TP_STATUS_USER))
			return;
		read_block(block, side, flows);
		atomic_store_explicit(status, TP_STATUS_KERNEL, memory_order_release);
		port->block = (port->block + 1) % BLOCKS;
	}
}

void blast_port_count_drops(struct blast_port *port)
{
	struct tpacket_stats_v3 stats;
	socklen_t len = sizeof(stats);

	if (!getsockopt(port->rx_fd, SOL_PACKET, PACKET_STATISTICS, &stats, &len))
		port->drops += stats.tp_drops;
}
