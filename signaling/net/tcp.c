#include "net/tcp.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#define BACKLOG         1024
#define USER_TIMEOUT_MS 30000 // bytes without acknowledgement: the far end is dead
#define KEEPALIVE_S     60    // a silent one is asked by the kernel

static int set_int(int fd, int level, int option, int value)
{
	return setsockopt(fd, level, option, &value, sizeof(value)) < 0 ? -errno : 0;
}

static int set_anywhere(int fd, int family)
{
	if (family == AF_INET)
		return set_int(fd, IPPROTO_IP, IP_FREEBIND, 1);
	int rc = set_int(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
	return rc < 0 ? rc : set_int(fd, IPPROTO_IPV6, IPV6_FREEBIND, 1);
}

// All of these are improvements: a connection without them works.
static void set_connection(int fd)
{
	set_int(fd, IPPROTO_TCP, TCP_NODELAY, 1);
	set_int(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, USER_TIMEOUT_MS);
	set_int(fd, IPPROTO_TCP, TCP_KEEPIDLE, KEEPALIVE_S);
	set_int(fd, IPPROTO_TCP, TCP_KEEPINTVL, KEEPALIVE_S / 6);
	set_int(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
}

static int tcp_socket(const struct addr *local)
{
	int family = ip_is_v4(&local->ip) ? AF_INET : AF_INET6;
	int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP);
	if (fd < 0)
		return -errno;
	int rc = set_anywhere(fd, family);
	if (rc == 0)
		return fd;
	close(fd);
	return rc;
}

static int bind_to(int fd, const struct addr *local)
{
	struct sockaddr_storage sa;
	socklen_t len = addr_to_sockaddr(local, &sa);
	return bind(fd, (struct sockaddr *)&sa, len) < 0 ? -errno : 0;
}

static int name_of(int fd, struct addr *bound)
{
	struct sockaddr_storage sa;
	socklen_t len = sizeof(sa);
	if (getsockname(fd, (struct sockaddr *)&sa, &len) < 0)
		return -errno;
	return addr_from_sockaddr((struct sockaddr *)&sa, bound);
}

int tcp_listen(const struct addr *local, struct addr *bound)
{
	int fd = tcp_socket(local);
	if (fd < 0)
		return fd;
	// REUSEADDR: connections of the process before us may still be in TIME_WAIT.
	int rc = set_int(fd, SOL_SOCKET, SO_REUSEADDR, 1);
	if (rc == 0)
		rc = set_int(fd, SOL_SOCKET, SO_REUSEPORT, 1);
	if (rc == 0)
		rc = bind_to(fd, local);
	if (rc == 0 && listen(fd, BACKLOG) < 0)
		rc = -errno;
	if (rc == 0)
		rc = name_of(fd, bound);
	if (rc == 0)
		return fd;
	close(fd);
	return rc;
}

int tcp_accept(int listener, struct addr *remote)
{
	struct sockaddr_storage sa;
	socklen_t len = sizeof(sa);
	int fd = accept4(listener, (struct sockaddr *)&sa, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd < 0)
		return -errno;
	int rc = addr_from_sockaddr((struct sockaddr *)&sa, remote);
	if (rc < 0) {
		close(fd);
		return rc;
	}
	set_connection(fd);
	return fd;
}

int tcp_dial(const struct addr *local, const struct addr *remote)
{
	struct addr from = { .ip = local->ip };
	struct sockaddr_storage sa;
	socklen_t len = addr_to_sockaddr(remote, &sa);
	int fd = tcp_socket(local);
	if (fd < 0)
		return fd;
	set_connection(fd);
	// The port is chosen at connect(2), so that one port serves many targets.
	int rc = set_int(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1);
	if (rc == 0)
		rc = bind_to(fd, &from);
	if (rc == 0 && connect(fd, (struct sockaddr *)&sa, len) < 0 && errno != EINPROGRESS)
		rc = -errno;
	if (rc == 0)
		return fd;
	close(fd);
	return rc;
}

void tcp_mark(int fd, const struct addr *local, uint8_t dscp)
{
	if (ip_is_v4(&local->ip))
		set_int(fd, IPPROTO_IP, IP_TOS, dscp << 2);
	else
		set_int(fd, IPPROTO_IPV6, IPV6_TCLASS, dscp << 2);
}

int tcp_error(int fd)
{
	int error = 0;
	socklen_t len = sizeof(error);
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0)
		return -errno;
	return -error;
}

ssize_t tcp_receive(int fd, char *buf, uint32_t cap)
{
	ssize_t n;
	do
		n = recv(fd, buf, cap, MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n;
}

ssize_t tcp_send(int fd, struct span data)
{
	ssize_t n;
	do
		n = send(fd, data.ptr, data.len, MSG_DONTWAIT | MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n;
}

void tcp_abort(int fd)
{
	struct linger linger = { .l_onoff = 1 };
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
	close(fd);
}
