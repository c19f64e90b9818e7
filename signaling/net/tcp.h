// tcp.h - TCP sockets as we want them: never blocking, addresses that need not exist yet.
//
// Any thread. Every function returns a descriptor, owned by the caller, or -errno.
#pragma once

#include "base/addr.h"

#include <sys/types.h>

// A listening socket that other workers may open too (SO_REUSEPORT). Port 0 binds a free one,
// *bound says which.
int tcp_listen(const struct addr *local, struct addr *bound);
// The next connection of a listening socket and its far end. -EAGAIN: none waits.
int tcp_accept(int listener, struct addr *remote);
// Begins to connect from the address of `local` (its port is ignored) to `remote`: ready when the
// socket is writable, then tcp_error() tells how it went.
int tcp_dial(const struct addr *local, const struct addr *remote);
// What is sent by the socket, and by those that it accepts, carries the DSCP (0..63). An
// improvement: without it everything works.
void tcp_mark(int fd, const struct addr *local, uint8_t dscp);
int tcp_error(int fd); // 0 or -errno of the connection
// How many bytes, 0 = the far end closed (receiving only), or -errno; -EAGAIN: nothing now.
ssize_t tcp_receive(int fd, char *buf, uint32_t cap);
ssize_t tcp_send(int fd, struct span data);
// Ends the connection by RST: the far end hears it at once and no TIME_WAIT stays behind.
void tcp_abort(int fd);
