// port.h - one UDP socket in a network namespace, batches both ways.
#pragma once

#include "text.h"

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#define BLAST_BATCH 64u

struct blast_port {
	int fd;
	char ip[INET_ADDRSTRLEN]; // own, as messages show it
	uint16_t port;
	uint32_t queued;
	uint64_t sent, received, refused; // refused: the kernel took no more
	struct sockaddr_in targets[BLAST_BATCH];
	char (*out)[BLAST_MESSAGE_MAX];   // [BLAST_BATCH]
	uint32_t out_len[BLAST_BATCH];
	char (*in)[BLAST_MESSAGE_MAX];    // [BLAST_BATCH]
};

// "NETNS,IP,PORT"; NETNS is a path, "-" = our own. False: the reason went to standard error.
bool blast_port_open(struct blast_port *port, const char *where);
void blast_port_close(struct blast_port *port);

// A message to fill in; blast_port_send() queues it (nothing if it overflowed).
struct blast_writer blast_port_writer(struct blast_port *port);
void blast_port_send(struct blast_port *port, const struct blast_writer *w,
	const struct sockaddr_in *target);
// Queues a copy.
void blast_port_repeat(struct blast_port *port, const char *data, uint32_t len,
	const struct sockaddr_in *target);
void blast_port_flush(struct blast_port *port);

struct blast_datagram {
	const char *data;
	uint32_t len;
	struct sockaddr_in source;
};
// Up to BLAST_BATCH; valid until the next call.
uint32_t blast_port_receive(struct blast_port *port, struct blast_datagram out[BLAST_BATCH]);
