// udp.h - UDP sockets of one worker: open with SO_REUSEPORT, receive and send in batches.
//
// Owned by one worker thread. Never blocks. Knows no SIP: what a datagram means is the caller's.
#pragma once

#include "base/addr.h"
#include "base/span.h"
#include "net/metric.h"

#include <stdbool.h>
#include <stdint.h>

#define UDP_BATCH        64u    // datagrams per recvmmsg() and sendmmsg()
#define UDP_DATAGRAM_MAX 65535u // RFC 3261 18.1.1: everything that UDP can carry is accepted

struct udp_options {
	// SO_RCVBUF and SO_SNDBUF wanted; forced when we may, else cut at the system's limit
	uint32_t buffer_bytes;
	bool is_shared;        // SO_REUSEPORT: every worker binds the same address
	uint8_t dscp;          // of what is sent, 0..63
	bool is_anywhere;      // bind although no interface has the address yet
};

struct udp_socket {
	int fd;
	struct addr local;
	uint32_t drops_seen;   // SO_RXQ_OVFL is a running total; the part already counted
};

// 0, or -errno of socket(2), setsockopt(2) or bind(2). Port 0 binds a free one and stores it in
// *out.
int udp_open(const struct addr *local, const struct udp_options *options, struct udp_socket *out);
void udp_close(struct udp_socket *socket);

struct udp_datagram {
	struct addr source;
	struct span data; // borrowed until the next udp_receive() with the same batch
	uint64_t unix_ns; // when the kernel got it, 0 = it did not say
};

struct udp_batch; // receive buffers, one per worker

struct udp_batch *udp_batch_new(void); // NULL: out of memory
void udp_batch_free(struct udp_batch *batch);

// Reads up to UDP_BATCH datagrams. Returns how many of them are good; udp_batch_at() gives each.
// *is_more tells whether the socket probably holds more. Drops and errors are counted.
uint32_t udp_receive(struct udp_socket *socket, struct udp_batch *batch,
	struct net_metrics *metrics, bool *is_more);
const struct udp_datagram *udp_batch_at(const struct udp_batch *batch, uint32_t i);

// Sending: messages are queued during a turn and leave at udp_sender_flush(); those of one call to
// one target leave in order, others may overtake within a batch (udp_bundle.h) ----------

struct udp_sender; // one per socket

// `retry_max` datagrams are kept while the kernel's buffer is full, beyond that they are dropped.
struct udp_sender *udp_sender_new(uint32_t retry_max);
void udp_sender_free(struct udp_sender *sender);

// Borrows `data` until the next flush. Flushes by itself when a batch is complete.
void udp_sender_add(struct udp_sender *sender, struct udp_socket *socket, const struct addr *target,
	struct span data, struct net_metrics *metrics);
// Sends what was queued. False: something is left over (copied), flush again when the socket is
// writable.
bool udp_sender_flush(struct udp_sender *sender, struct udp_socket *socket,
	struct net_metrics *metrics);
bool udp_sender_is_idle(const struct udp_sender *sender);
