// port.h - the DPDK ports of the configured devices: one per device, same index.
//
// Main thread only, before the lanes start and after they have stopped; lanes use ids and queues.
// Every lane has an egress queue on every port; ingress queues are dealt to the lanes in turn.
#pragma once

#include "address_map.h"
#include "config/config.h"
#include "port_xdp.h"

#include <rte_mempool.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PORT_ARGS_MAX 4608 // an interface name and the path of the XDP program
#define PORT_QUEUES_MAX 64

struct port {
	const struct config_device *device; // borrowed from the configuration
	uint16_t id;                        // DPDK's
	uint16_t queues;                    // ingress and egress each
	uint16_t mtu;                       // of the IP packet
	uint8_t mac[6];
	bool is_open;
	char vdev[32];                      // DPDK's name
	struct port_xdp xdp;                // kind xdp
};

// Whether the kernel owns an interface with addresses, routes and neighbours for this kind.
bool port_has_interface(enum config_port_kind kind);

// Queues that the port will have. -ENODEV: no such interface; -ENOSPC: fewer than lanes.
int port_queues(const struct config_device *device, uint32_t lanes);

// DPDK's device arguments. 0 or -ENAMETOOLONG. `program` is the XDP program's path.
int port_args(const struct config_device *device, uint16_t queues, const char *program, char *buf,
	size_t bytes);

// Opens the device's port with queues from port_queues(). The caller holds the lock on media's
// file: a stale XDP program of an earlier process is taken off here. 0 or -errno, logged.
int port_open(struct port *port, const struct config_device *device, uint16_t queues,
	struct rte_mempool *pool);

// The addresses whose media the port gets from now on; entries of other ports are skipped.
int port_steer(struct port *port, uint16_t index, const struct address_entry *entries,
	uint32_t count);

void port_close(struct port *port);
