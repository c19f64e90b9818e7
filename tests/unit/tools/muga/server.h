// server.h - muga-signaling as the client sees it: a socket in a directory of its own that says
// what it is told to say. One connection at a time.
#pragma once

#include "muga/cli.h"
#include "unit/unit.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static struct server {
	char dir[64];
	int fd;
	pthread_t thread;
	const char *head;       // status line and headers, whole; NULL = made from body
	const char *body, *next_body; // next_body: from the second answer on, NULL = the same
	int status;
	size_t padding;         // blanks behind the body
	unsigned answers;
	char request[4096];     // the last one
} server;

static inline void server_path(char path[108])
{
	snprintf(path, 108, "%s/muga.sock", server.dir);
}

// Reads until the headers and the announced body are there.
static inline void server_read(int fd)
{
	size_t len = 0;
	while (len < sizeof(server.request) - 1) {
		ssize_t got = recv(fd, server.request + len, sizeof(server.request) - 1 - len, 0);
		if (got <= 0)
			break;
		len += (size_t)got;
		server.request[len] = '\0';
		char *end = strstr(server.request, "\r\n\r\n");
		char *announced = strcasestr(server.request, "\r\nContent-Length: ");
		if (end == NULL)
			continue;
		size_t body = announced != NULL ? strtoul(announced + 18, NULL, 10) : 0;
		if (len >= (size_t)(end + 4 - server.request) + body)
			break;
	}
	server.request[len] = '\0';
}

static inline void server_send(int fd, const char *bytes, size_t len)
{
	while (len > 0) {
		ssize_t sent = send(fd, bytes, len, MSG_NOSIGNAL);
		if (sent <= 0)
			return; // the client has had enough
		bytes += sent;
		len -= (size_t)sent;
	}
}

static inline void server_answer(int fd)
{
	char head[128];
	static const char blanks[65536] = { [0 ... 65535] = ' ' };
	bool is_first = server.answers++ == 0;
	const char *body = is_first || !server.next_body ? server.body : server.next_body;
	server_read(fd);
	if (server.head != NULL) {
		server_send(fd, server.head, strlen(server.head));
		return;
	}
	snprintf(head, sizeof(head), "HTTP/1.1 %d X\r\nContent-Length: %zu\r\n\r\n", server.status,
		strlen(body) + server.padding);
	server_send(fd, head, strlen(head));
	server_send(fd, body, strlen(body));
	for (size_t left = server.padding; left > 0;) {
		size_t part = left < sizeof(blanks) ? left : sizeof(blanks);
		server_send(fd, blanks, part);
		left -= part;
	}
}

static inline void *server_run(void *context)
{
	int fd;
	(void)context;
	while ((fd = accept(server.fd, NULL, NULL)) >= 0) {
		server_answer(fd);
		close(fd);
	}
	return NULL;
}

static inline int server_open(void **state)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	(void)state;
	memset(&server, 0, sizeof(server));
	server.status = 200;
	server.body = "{}";
	snprintf(server.dir, sizeof(server.dir), "/tmp/muga-test-cli-XXXXXX");
	if (mkdtemp(server.dir) == NULL)
		return -1;
	server_path(address.sun_path);
	server.fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (bind(server.fd, (struct sockaddr *)&address, sizeof(address)) != 0 ||
		listen(server.fd, 4) != 0)
		return -1;
	return pthread_create(&server.thread, NULL, server_run, NULL);
}

static inline int server_close(void **state)
{
	char path[108];
	(void)state;
	shutdown(server.fd, SHUT_RDWR); // ends accept()
	pthread_join(server.thread, NULL);
	close(server.fd);
	server_path(path);
	unlink(path);
	return rmdir(server.dir);
}

static inline struct cli server_cli(void)
{
	struct cli cli = { .limit = 1000, .interval_ms = 20, .quarantine_ms = 5000 };
	snprintf(cli.run_dir, sizeof(cli.run_dir), "%s", server.dir);
	snprintf(cli.shm_dir, sizeof(cli.shm_dir), "%s/shm", server.dir);
	return cli;
}
