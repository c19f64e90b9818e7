#include "driver.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

enum {
	RETRY_NS = 500000000,
	TRIES_MAX = 12,
	DRAIN_NS = 300000000, // what is under way when sending stops
	LINGER_NS = 2000000000, // for what the border still has to say to the callee
	TAIL = 50,            // packets: the last second of a call
};

static uint64_t now(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static int enter(const char *path)
{
	int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	if (!path)
		return 0;
	int err = fd < 0 || setns(fd, CLONE_NEWNET) ? -errno : 0;
	if (fd >= 0)
		close(fd);
	return err;
}

static void watch(struct driver *driver, int fd, uint64_t data)
{
	struct epoll_event event = { .events = EPOLLIN, .data.u64 = data };
	epoll_ctl(driver->epoll_fd, EPOLL_CTL_ADD, fd, &event);
}

static int open_sip(struct driver *driver, int side)
{
	struct sockaddr_storage local;
	int bytes = 4 << 20;

	if (!sip_text_address(driver->params.ip[side], driver->params.sip_port[side], &local))
		return -EINVAL;
	int fd = socket(local.ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	driver->sip_fd[side] = fd;
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
	if (bind(fd, (struct sockaddr *)&local, sip_text_address_len(&local)))
		return -errno;
	watch(driver, fd, (uint64_t)side);
	return 0;
}

static int open_side(struct driver *driver, int side)
{
	int err = enter(driver->params.netns[side]);
	if (!err)
		err = open_sip(driver, side);
	for (uint32_t i = 0; !err && i < driver->params.calls; i++) {
		struct stream *stream = &driver->calls[i].stream[side];
		stream->fd = -1;
		stream->port = (uint16_t)(driver->params.rtp_port[side] + 2 * i);
		stream->peer = &driver->calls[i].stream[!side];
		if (!driver->params.has_media)
			continue;
		err = stream_open(stream, driver->params.ip[side], i * 2 + (uint32_t)side);
		if (!err)
			watch(driver, stream->fd, (uint64_t)i << 8 | 2 | (uint64_t)side);
	}
	return err;
}

int driver_init(struct driver *driver, const struct driver_params *params)
{
	*driver = (struct driver){ .params = *params, .sip_fd = { -1, -1 } };
	snprintf(driver->tag, sizeof(driver->tag), "t%x",
		(unsigned)(now() ^ (uint64_t)getpid() << 16));
	driver->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	driver->calls = calloc(params->calls, sizeof(*driver->calls));
	if (driver->epoll_fd < 0 || !driver->calls)
		return -ENOMEM;
	for (uint32_t i = 0; i < params->calls; i++)
		driver->calls[i].number = i;
	for (int side = 0; side < SIDES; side++) {
		int err = open_side(driver, side);
		if (err) {
			fprintf(stderr, "sipcall: cannot open %s in %s: %s\n", params->ip[side],
				params->netns[side] ? params->netns[side] : "this namespace",
				strerror(-err));
			return err;
		}
	}
	return 0;
}

void driver_fini(struct driver *driver)
{
	for (uint32_t i = 0; i < driver->params.calls; i++) {
		for (int side = 0; side < SIDES; side++)
			stream_close(&driver->calls[i].stream[side]);
	}
	free(driver->calls);
	for (int side = 0; side < SIDES; side++)
		close(driver->sip_fd[side]);
	close(driver->epoll_fd);
}

static void fail(struct driver *driver, struct call *call)
{
	call->state = CALL_FAILED;
	driver->finished++;
}

// Timers of one call.
static void step_call(struct driver *driver, struct call *call, uint64_t now_ns)
{
	if (call->callee_call_id[0] && !call->is_acked && now_ns >= call->callee_next_ns &&
	    call->callee_tries < TRIES_MAX) {
		dialog_send_answer(driver, call);
		call->callee_next_ns = now_ns + RETRY_NS;
		call->callee_tries++;
	}
	if (now_ns < call->next_ns)
		return;
	switch (call->state) {
	case CALL_INVITED:
		if (call->tries >= TRIES_MAX)
			fail(driver, call);
		else
			dialog_invite(driver, call, now_ns);
		break;
	case CALL_ANSWERED:
		call->stream[CALLER].is_sending = call->stream[CALLEE].is_sending = false;
		call->state = CALL_DRAINING;
		call->next_ns = now_ns + DRAIN_NS;
		break;
	case CALL_DRAINING:
	case CALL_ENDING:
		call->state = CALL_ENDING;
		if (call->tries++ >= TRIES_MAX) {
			call->state = CALL_DONE;
			driver->finished++;
			break;
		}
		dialog_bye(driver, call);
		call->next_ns = now_ns + RETRY_NS;
		break;
	default:
		break;
	}
}

static void step_all(struct driver *driver, uint64_t begin_ns, uint64_t now_ns)
{
	uint64_t due = (now_ns - begin_ns) * driver->params.rate_per_s / 1000000000u + 1;

	while (driver->started < driver->params.calls && driver->started < due)
		dialog_invite(driver, &driver->calls[driver->started++], now_ns);
	for (uint32_t i = 0; i < driver->started; i++) {
		struct call *call = &driver->calls[i];
		if (call->state == CALL_DONE || call->state == CALL_FAILED)
			continue;
		step_call(driver, call, now_ns);
		stream_send_due(&call->stream[CALLER], now_ns);
		stream_send_due(&call->stream[CALLEE], now_ns);
	}
}

static bool all_stand(const struct driver *driver)
{
	for (uint32_t i = 0; i < driver->params.calls; i++) {
		if (driver->calls[i].state < CALL_ANSWERED ||
		    (driver->calls[i].state == CALL_ANSWERED && !driver->calls[i].is_acked))
			return false;
	}
	return true;
}

static void print_remote(FILE *file, const struct sockaddr_storage *addr)
{
	char ip[INET6_ADDRSTRLEN];
	const void *at = addr->ss_family == AF_INET ?
		(const void *)&((const struct sockaddr_in *)addr)->sin_addr :
		(const void *)&((const struct sockaddr_in6 *)addr)->sin6_addr;
	inet_ntop(addr->ss_family, at, ip, sizeof(ip));
	fprintf(file, " %s %u", ip, ntohs(((const struct sockaddr_in *)addr)->sin_port));
}

// One line a stream: side, own address and port, the border's address and port. Appears whole, by
// rename.
static void write_flows(const struct driver *driver)
{
	char path[512];

	snprintf(path, sizeof(path), "%s.new", driver->params.flows_path);
	FILE *file = fopen(path, "w");
	if (!file) {
		perror(path);
		return;
	}
	for (uint32_t i = 0; i < driver->params.calls; i++) {
		bool stands = driver->calls[i].state == CALL_ANSWERED;
		for (int side = 0; stands && side < SIDES; side++) {
			const struct stream *stream = &driver->calls[i].stream[side];
			fprintf(file, "%d %s %u", side, driver->params.ip[side], stream->port);
			print_remote(file, &stream->remote);
			if (side == CALLER && driver->params.srtp)
				fprintf(file, " %s %s %s", driver->params.srtp,
					driver->calls[i].key, driver->calls[i].remote_key);
			fputc('\n', file);
		}
	}
	fclose(file);
	rename(path, driver->params.flows_path);
}

static void receive_all(struct driver *driver)
{
	struct epoll_event events[256];
	int count = epoll_wait(driver->epoll_fd, events, 256, 1);
	uint64_t now_ns = now();

	for (int i = 0; i < count; i++) {
		uint64_t data = events[i].data.u64;
		int side = (int)(data & 1);
		if (data & 2)
			stream_receive(&driver->calls[data >> 8].stream[side], now_ns);
		else
			dialog_receive(driver, side, now_ns);
	}
}

static bool all_callees_ended(const struct driver *driver)
{
	for (uint32_t i = 0; i < driver->started; i++) {
		if (driver->calls[i].is_acked && !driver->calls[i].is_callee_ended)
			return false;
	}
	return true;
}

static bool input_has_ended(void)
{
	struct pollfd fd = { .fd = STDIN_FILENO, .events = POLLIN };
	char drop[64];
	return poll(&fd, 1, 0) > 0 && read(STDIN_FILENO, drop, sizeof(drop)) <= 0;
}

void driver_run(struct driver *driver, bool until_eof)
{
	uint64_t begin_ns = now();
	bool is_told = !driver->params.flows_path;
	bool is_held = until_eof;

	while (driver->finished < driver->params.calls) {
		receive_all(driver);
		step_all(driver, begin_ns, now());
		if (!is_told && all_stand(driver)) {
			write_flows(driver);
			is_told = true;
		}
		if (is_held && input_has_ended()) {
			is_held = false;
			for (uint32_t i = 0; i < driver->started; i++)
				driver->calls[i].next_ns = now();
		}
	}
	uint64_t end_ns = now() + LINGER_NS;
	while (!all_callees_ended(driver) && now() < end_ns)
		receive_all(driver);
}

struct totals {
	uint32_t answered, failed, bye_failed, callee_left;
	uint64_t sent, received, lost, duplicates, reordered, foreign, tail_lost, deaf;
	uint64_t gap_max_ns;
};

static void add_stream(struct totals *t, const struct stream *stream)
{
	uint32_t sent = stream->peer->sent;

	t->sent += sent;
	t->received += stream->received;
	t->duplicates += stream->duplicates;
	t->reordered += stream->reordered;
	t->foreign += stream->foreign;
	t->deaf += sent && !stream->received;
	t->lost += stream_count_lost(stream, 0);
	t->tail_lost += stream_count_lost(stream, sent > TAIL ? sent - TAIL : 0);
	if (stream->gap_max_ns > t->gap_max_ns)
		t->gap_max_ns = stream->gap_max_ns;
}

bool driver_report(const struct driver *driver, FILE *out)
{
	struct totals t = { 0 };
	int first_failure = -1;

	for (uint32_t i = 0; i < driver->params.calls; i++) {
		const struct call *call = &driver->calls[i];
		t.answered += call->answered_ns != 0;
		t.failed += call->state == CALL_FAILED;
		t.bye_failed += call->state == CALL_DONE && call->bye_status != 200;
		t.callee_left += call->is_acked && !call->is_callee_ended;
		if (call->state == CALL_FAILED && first_failure < 0)
			first_failure = call->failure;
		bool is_counted = call->answered_ns && driver->params.has_media;
		for (int side = 0; is_counted && side < SIDES; side++)
			add_stream(&t, &call->stream[side]);
	}
	fprintf(out, "{\"calls\": %u, \"answered\": %u, \"failed\": %u, \"first_failure\": %d, "
		"\"bye_failed\": %u, \"callee_left\": %u, \"sent\": %lu, \"received\": %lu, "
		"\"lost\": %lu, \"tail_lost\": %lu, \"deaf_streams\": %lu, \"duplicates\": %lu, "
		"\"reordered\": %lu, \"foreign\": %lu, \"gap_max_ms\": %lu, \"stray_sip\": %u}\n",
		driver->params.calls, t.answered, t.failed, first_failure, t.bye_failed,
		t.callee_left, t.sent, t.received, t.lost,
		t.tail_lost, t.deaf, t.duplicates, t.reordered, t.foreign,
		t.gap_max_ns / 1000000, driver->strays);
	return !t.failed && !t.bye_failed && !t.callee_left && !t.lost && !t.duplicates &&
		!t.foreign &&
		t.answered == driver->params.calls;
}
