// resolver_channel.c - c-ares: its sockets on one epoll descriptor, its timeouts by the turn.
#include "net/resolver_private.h"

#include <errno.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <unistd.h>

#define EDNS_BYTES 1232 // of an answer by UDP: no fragments (RFC 9715 3.1)
#define EVENTS_MAX 64

// Before c-ares closes a socket it wants nothing of it any more.
static void on_socket(void *context, ares_socket_t fd, int is_readable, int is_writable)
{
	struct resolver *resolver = context;
	struct epoll_event event = { .events = (is_readable ? EPOLLIN : 0u) |
			(is_writable ? EPOLLOUT : 0u),
		.data.fd = fd };

	if (event.events == 0)
		epoll_ctl(resolver->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
	else if (epoll_ctl(resolver->epoll_fd, EPOLL_CTL_MOD, fd, &event) < 0 && errno == ENOENT)
		epoll_ctl(resolver->epoll_fd, EPOLL_CTL_ADD, fd, &event);
}

static bool set_servers(struct resolver *resolver)
{
	const struct resolver_options *options = &resolver->options;
	char text[RESOLVER_SERVERS_MAX * (ADDR_TEXT_MAX + 1)];
	uint32_t len = 0;

	if (options->server_count == 0)
		return true;
	for (uint32_t i = 0; i < options->server_count; i++) {
		if (i > 0)
			text[len++] = ',';
		len += addr_format(&options->servers[i], text + len);
	}
	text[len] = 0;
	return ares_set_servers_ports_csv(resolver->channel, text) == ARES_SUCCESS;
}

int resolver_channel_open(struct resolver *resolver)
{
	char lookups[] = "b"; // no files
	struct ares_options options = {
		.flags = ARES_FLAG_EDNS,
		.timeout = (int)resolver->options.timeout_ms,
		.tries = (int)resolver->options.tries,
		.ednspsz = EDNS_BYTES,
		.lookups = lookups,
		.sock_state_cb = on_socket,
		.sock_state_cb_data = resolver,
	};
	int mask = ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_EDNSPSZ |
		ARES_OPT_LOOKUPS | ARES_OPT_SOCK_STATE_CB;

	resolver->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (resolver->epoll_fd < 0)
		return -errno;
	if (ares_library_init(ARES_LIB_INIT_ALL) != ARES_SUCCESS)
		return -ENOMEM;
	resolver->has_library = true;
	if (ares_init_options(&resolver->channel, &options, mask) != ARES_SUCCESS)
		return -ENOMEM;
	resolver->has_channel = true;
	return set_servers(resolver) ? 0 : -EINVAL;
}

void resolver_channel_close(struct resolver *resolver)
{
	if (resolver->has_channel)
		ares_destroy(resolver->channel);
	if (resolver->has_library)
		ares_library_cleanup();
	if (resolver->epoll_fd >= 0)
		close(resolver->epoll_fd);
}

void resolver_channel_run(struct resolver *resolver)
{
	struct epoll_event events[EVENTS_MAX];
	int count = epoll_wait(resolver->epoll_fd, events, EVENTS_MAX, 0);

	for (int i = 0; i < count; i++) {
		int fd = events[i].data.fd;
		bool is_broken = events[i].events & (EPOLLERR | EPOLLHUP);

		ares_process_fd(resolver->channel,
			is_broken || (events[i].events & EPOLLIN) ? fd : ARES_SOCKET_BAD,
			events[i].events & EPOLLOUT ? fd : ARES_SOCKET_BAD);
	}
	ares_process_fd(resolver->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
}
