#include "net/udp.h"

#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

static int set_int(int fd, int level, int option, int value)
{
	return setsockopt(fd, level, option, &value, sizeof(value)) < 0 ? -errno : 0;
}

// The FORCE variants pass net.core.[rw]mem_max but want CAP_NET_ADMIN. A smaller buffer only means
// earlier drops, and those are counted, so a refusal is no error.
static void set_buffers(int fd, int bytes)
{
	if (set_int(fd, SOL_SOCKET, SO_RCVBUFFORCE, bytes) < 0)
		set_int(fd, SOL_SOCKET, SO_RCVBUF, bytes);
	if (set_int(fd, SOL_SOCKET, SO_SNDBUFFORCE, bytes) < 0)
		set_int(fd, SOL_SOCKET, SO_SNDBUF, bytes);
}

static int set_v4_options(int fd, const struct udp_options *options)
{
	// SIP over UDP relies on fragmentation for what exceeds the path MTU: never set DF.
	int rc = set_int(fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DONT);
	if (rc == 0 && options->is_anywhere)
		rc = set_int(fd, IPPROTO_IP, IP_FREEBIND, 1);
	return rc;
}

static int set_v6_options(int fd, const struct udp_options *options)
{
	int rc = set_int(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
	if (rc == 0 && options->is_anywhere)
		rc = set_int(fd, IPPROTO_IPV6, IPV6_FREEBIND, 1);
	return rc;
}

static int set_options(int fd, int family, const struct udp_options *options)
{
	int rc = family == AF_INET ? set_v4_options(fd, options) : set_v6_options(fd, options);
	if (rc == 0)
		rc = family == AF_INET ? set_int(fd, IPPROTO_IP, IP_TOS, options->dscp << 2) :
					 set_int(fd, IPPROTO_IPV6, IPV6_TCLASS, options->dscp << 2);
	if (rc < 0)
		return rc;
	if (options->is_shared)
		rc = set_int(fd, SOL_SOCKET, SO_REUSEPORT, 1);
	if (rc < 0)
		return rc;
	rc = set_int(fd, SOL_SOCKET, SO_RXQ_OVFL, 1);
	if (rc == 0)
		rc = set_int(fd, SOL_SOCKET, SO_TIMESTAMPNS, 1);
	if (rc < 0)
		return rc;
	if (options->buffer_bytes > 0)
		set_buffers(fd, (int)options->buffer_bytes);
	return 0;
}

static int bind_and_name(int fd, const struct addr *local, struct addr *bound)
{
	struct sockaddr_storage sa;
	socklen_t len = addr_to_sockaddr(local, &sa);
	if (bind(fd, (struct sockaddr *)&sa, len) < 0)
		return -errno;
	len = sizeof(sa);
	if (getsockname(fd, (struct sockaddr *)&sa, &len) < 0)
		return -errno;
	return addr_from_sockaddr((struct sockaddr *)&sa, bound);
}

int udp_open(const struct addr *local, const struct udp_options *options, struct udp_socket *out)
{
	int family = ip_is_v4(&local->ip) ? AF_INET : AF_INET6;
	int fd = socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_UDP);
	if (fd < 0)
		return -errno;
	struct addr bound;
	int rc = set_options(fd, family, options);
	if (rc == 0)
		rc = bind_and_name(fd, local, &bound);
	if (rc < 0) {
		close(fd);
		return rc;
	}
	*out = (struct udp_socket){ .fd = fd, .local = bound };
	return 0;
}

void udp_close(struct udp_socket *socket)
{
	if (socket->fd >= 0)
		close(socket->fd);
	socket->fd = -1;
}
