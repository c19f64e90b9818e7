// port.h - one end of the blast: an AF_PACKET socket that sends and a ring that receives, in a
// namespace.
#pragma once

#include "flows.h"

struct blast_port {
	int tx_fd, rx_fd;
	int ifindex;
	uint8_t mac[6];
	uint8_t *ring;          // TPACKET_V3 blocks
	uint32_t block;         // next to be read
	uint64_t drops;         // packets that the ring had no room for
};

// Enters `netns` (a path, NULL = stay) for the time of opening. 0 or -errno, message on stderr.
int blast_port_open(struct blast_port *port, const char *netns, const char *interface);
void blast_port_close(struct blast_port *port);

// Frames of `count` <= BLAST_BURST flows; returns how many the kernel took.
enum { BLAST_BURST = 32 };
uint32_t blast_port_send(struct blast_port *port, struct blast_flow *const flows[], uint32_t count);
// Reads whatever lies in the ring.
void blast_port_receive(struct blast_port *port, uint32_t side, struct blast_flows *flows);
// Adds up what the ring has dropped since the last call.
void blast_port_count_drops(struct blast_port *port);
