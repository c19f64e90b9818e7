#include "port.h"

#include "ethdev.h"

#include "base/log.h"

#include <errno.h>
#include <limits.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <rte_bus_vdev.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define PORT_DESCRIPTORS 2048 // af_xdp's most; others round it down

bool port_has_interface(enum config_port_kind kind)
{
	return kind == CONFIG_PORT_XDP || kind == CONFIG_PORT_PACKET;
}

// The combined channels of an interface, as ethtool -l shows them; 1 where the driver has no say.
static int interface_channels(const char *interface)
{
	struct ethtool_channels channels = { .cmd = ETHTOOL_GCHANNELS };
	struct ifreq request = { .ifr_data = (void *)&channels };
	int fd, rc;

	if (!interface || !if_nametoindex(interface))
		return -ENODEV;
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", interface);
	rc = ioctl(fd, SIOCETHTOOL, &request);
	close(fd);
	if (rc || !channels.combined_count)
		return 1;
	return channels.combined_count < PORT_QUEUES_MAX ? (int)channels.combined_count :
		PORT_QUEUES_MAX;
}

int port_queues(const struct config_device *device, uint32_t lanes)
{
	int channels = (int)lanes;

	if (port_has_interface(device->kind)) {
		channels = interface_channels(device->interface);
		if (channels < 0)
			return channels;
	}
	// AF_PACKET spreads over as many sockets as there are lanes, by its own hash.
	if (device->kind == CONFIG_PORT_PACKET)
		return (int)lanes;
	return (uint32_t)channels < lanes ? -ENOSPC : channels;
}

int port_args(const struct config_device *device, uint16_t queues, const char *program, char *buf,
	size_t bytes)
{
	const char *interface = device->interface ? device->interface : "";
	int len = 0;

	switch (device->kind) {
	case CONFIG_PORT_XDP:
		len = snprintf(buf, bytes, "iface=%s,start_queue=0,queue_count=%u,xdp_prog=%s",
			interface, queues, program);
		break;
	case CONFIG_PORT_PACKET:
		len = snprintf(buf, bytes, "iface=%s,qpairs=%u,blocksz=65536,framesz=2048,"
			"framecnt=%u,qdisc_bypass=1", interface, queues, PORT_DESCRIPTORS);
		break;
	case CONFIG_PORT_MEMIF:
		len = snprintf(buf, bytes, "role=server,socket=%s,socket-abstract=no", interface);
		break;
	case CONFIG_PORT_NULL:
		len = snprintf(buf, bytes, "size=214");
		break;
	case CONFIG_PORT_RING:
		buf[0] = '\0';
		break;
	}
	return len < 0 || (size_t)len >= bytes ? -ENAMETOOLONG : 0;
}

static const char *driver_name(enum config_port_kind kind)
{
	static const char *const names[] = {
		[CONFIG_PORT_XDP] = "net_af_xdp_",
		[CONFIG_PORT_PACKET] = "net_af_packet_",
		[CONFIG_PORT_MEMIF] = "net_memif_",
		[CONFIG_PORT_RING] = "net_ring_",
		[CONFIG_PORT_NULL] = "net_null_",
	};

	return names[kind];
}

static int port_create(struct port *port)
{
	char args[PORT_ARGS_MAX], program[PATH_MAX] = "";
	int rc;

	if (port->device->kind == CONFIG_PORT_XDP) {
		rc = port_xdp_program(program, sizeof(program));
		if (rc) {
			LOG_ERROR(PORT, "no_xdp_program",
				"file=steer.bpf.o variable=MUGA_XDP_PROGRAM");
			return rc;
		}
	}
	rc = port_args(port->device, port->queues, program, args, sizeof(args));
	if (rc)
		return rc;
	snprintf(port->vdev, sizeof(port->vdev), "%s%.12s", driver_name(port->device->kind),
		port->device->name);
	rc = rte_vdev_init(port->vdev, args[0] ? args : NULL);
	if (rc)
		return rc;
	port->is_open = true;
	rc = rte_eth_dev_get_port_by_name(port->vdev, &port->id);
	if (rc && port->device->kind == CONFIG_PORT_RING) {
		char name[48]; // net_ring names its port after the driver and device once more

		snprintf(name, sizeof(name), "net_ring_%s", port->vdev);
		rc = rte_eth_dev_get_port_by_name(name, &port->id);
	}
	return rc;
}

static int port_setup_queues(struct port *port, struct rte_mempool *pool)
{
	int socket = rte_eth_dev_socket_id(port->id);

	for (uint16_t q = 0; q < port->queues; q++) {
		int rc = rte_eth_rx_queue_setup(
			port->id, q, PORT_DESCRIPTORS, (unsigned)socket, NULL, pool);

		if (!rc)
			rc = rte_eth_tx_queue_setup(port->id, q, PORT_DESCRIPTORS, (unsigned)socket,
				NULL);
		if (rc)
			return rc;
	}
	return 0;
}

// The driver attaches the program with the first ingress queue and refuses when one is there.
// Between our detaching and its attaching the kernel sees media; guard.h keeps it silent.
static int port_make_way(struct port *port)
{
	int rc;

	if (port->device->kind != CONFIG_PORT_XDP)
		return 0; // those without a Linux interface have no name to ask for
	rc = port_xdp_take_off(if_nametoindex(port->device->interface));
	if (rc == 1)
		LOG_INFO(PORT, "stale_xdp_program_detached", "device=%s interface=%s",
			port->device->name, port->device->interface);
	return rc < 0 ? rc : 0;
}

static int port_configure(struct port *port, struct rte_mempool *pool)
{
	struct rte_eth_conf conf = { 0 };
	struct rte_ether_addr mac = { 0 };
	uint16_t mtu = RTE_ETHER_MTU;
	int rc = rte_eth_dev_configure(port->id, port->queues, port->queues, &conf);

	if (!rc)
		rc = port_make_way(port);
	if (!rc)
		rc = port_setup_queues(port, pool);
	if (!rc)
		rc = rte_eth_dev_start(port->id);
	if (!rc && port->device->kind == CONFIG_PORT_XDP)
		rc = port_xdp_find(&port->xdp, if_nametoindex(port->device->interface));
	if (rc)
		return rc;
	rte_eth_macaddr_get(port->id, &mac);
	memcpy(port->mac, mac.addr_bytes, sizeof(port->mac));
	rte_eth_dev_get_mtu(port->id, &mtu);
	port->mtu = mtu;
	return 0;
}

int port_open(struct port *port, const struct config_device *device, uint16_t queues,
	struct rte_mempool *pool)
{
	int rc;

	*port = (struct port){ .device = device, .queues = queues };
	rc = port_create(port);
	if (!rc)
		rc = port_configure(port, pool);
	if (rc) {
		LOG_ERROR(PORT, "port_refused", "device=%s interface=%s errno=%d reason=\"%s\"",
			device->name, device->interface ? device->interface : "-", -rc,
			strerror(-rc));
		port_close(port);
		return rc;
	}
	LOG_INFO(PORT, "port_open", "device=%s driver=%s queues=%u mtu=%u", device->name,
		port->vdev, queues, port->mtu);
	return 0;
}

int port_steer(
	struct port *port, uint16_t index, const struct address_entry *entries, uint32_t count)
{
	struct address_entry own[SHM_ADDRESS_MAX];
	uint32_t own_count = 0;

	if (port->device->kind != CONFIG_PORT_XDP)
		return 0;
	for (uint32_t i = 0; i < count && i < SHM_ADDRESS_MAX; i++)
		if (entries[i].rx_port == index)
			own[own_count++] = entries[i];
	return port_xdp_set_ranges(&port->xdp, own, own_count);
}

void port_close(struct port *port)
{
	if (!port->is_open)
		return;
	port_xdp_close(&port->xdp);
	rte_eth_dev_stop(port->id);
	rte_eth_dev_close(port->id);
	rte_vdev_uninit(port->vdev);
	port->is_open = false;
}
