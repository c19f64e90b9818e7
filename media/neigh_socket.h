// neigh_socket.h - the two rtnetlink sockets of the neighbour mirror: events, and dumps and
// requests.
//
// Neighbour thread only. No state but the sockets; messages are handed on as values.
#pragma once

#include "neigh_message.h"

#include <stdbool.h>

typedef void (*neigh_message_fn)(void *context, const struct neigh_message *message);

// Subscribed to links, routes and neighbours of both families; non-blocking. Descriptor or -errno.
int neigh_socket_events(void);
// For dumps and requests. Descriptor or -errno.
int neigh_socket_requests(void);

// Hands on what waits. -ENOBUFS: events were lost, everything must be dumped again; other -errno.
int neigh_socket_drain(int fd, neigh_message_fn each, void *context);

// Dumps RTM_GETLINK, RTM_GETROUTE or RTM_GETNEIGH. 0; -EAGAIN: interrupted by a change, ask again;
// -ETIMEDOUT; other -errno.
int neigh_socket_dump(int fd, uint16_t type, neigh_message_fn each, void *context);

// Sends a request without waiting for the answer; what comes of it shows as an event.
int neigh_socket_ask(int fd, enum neigh_ask ask, uint32_t ifindex, const struct ip *ip);
