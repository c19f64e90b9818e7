// ng-client - sets calls up in rtpengine by its ng protocol and writes their streams for rtp-blast.
//
//   ng-client --ng IP,PORT --from IP --to IP --calls N --rtp-ports FROM,TO --flows FILE
//
// One offer and one answer per call over UDP, interfaces "access" and "core". IPv4 only.
#include <arpa/inet.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

enum { TEXT_MAX = 4096, TRIES_MAX = 3 };

struct params {
	const char *own[2]; // caller, callee
	uint16_t port[2];
	uint32_t calls;
	const char *flows;
	struct sockaddr_in ng;
};

struct endpoint {
	char ip[64];
	uint32_t port;
};

// Appends "<length>:<text>" pairs of one dictionary entry.
static size_t put(char *out, size_t at, const char *key, const char *value)
{
	return at + (size_t)snprintf(out + at, TEXT_MAX - at, "%zu:%s%zu:%s", strlen(key), key,
		strlen(value), value);
}

static void make_sdp(const struct params *p, int side, uint32_t call, char *out, size_t size)
{
	snprintf(out, size, "v=0\r\no=- 1 1 IN IP4 %s\r\ns=-\r\nc=IN IP4 %s\r\nt=0 0\r\n"
		"m=audio %u RTP/AVP 8\r\na=rtpmap:8 PCMA/8000\r\n",
		p->own[side], p->own[side], p->port[side] + 2 * call);
}

static void make_request(const struct params *p, bool is_answer, uint32_t call, char *out)
{
	char call_id[32], sdp[512];
	size_t at = (size_t)snprintf(out, TEXT_MAX, "%u_%d d", call, is_answer);

	snprintf(call_id, sizeof(call_id), "blast%u", call);
	make_sdp(p, is_answer, call, sdp, sizeof(sdp));
	at = put(out, at, "ICE", "remove");
	at = put(out, at, "call-id", call_id);
	at = put(out, at, "command", is_answer ? "answer" : "offer");
	if (!is_answer)
		at += (size_t)snprintf(out + at, TEXT_MAX - at, "9:directionl6:access4:coree");
	at = put(out, at, "from-tag", "a");
	at = put(out, at, "sdp", sdp);
	if (is_answer)
		at = put(out, at, "to-tag", "b");
	snprintf(out + at, TEXT_MAX - at, "e");
}

// The address and port that rtpengine put into the session description.
static bool parse_reply(const char *reply, struct endpoint *out)
{
	const char *c = strstr(reply, "c=IN IP4 "), *m = strstr(reply, "m=audio ");
	return strstr(reply, "6:result2:ok") && c && m &&
		sscanf(c, "c=IN IP4 %63s", out->ip) == 1 &&
		sscanf(m, "m=audio %u", &out->port) == 1;
}

static bool ask(int fd, const struct params *p, bool is_answer, uint32_t call, struct endpoint *out)
{
	char request[TEXT_MAX], reply[TEXT_MAX];

	make_request(p, is_answer, call, request);
	for (int i = 0; i < TRIES_MAX; i++) {
		(void)!sendto(fd, request, strlen(request), 0, (const struct sockaddr *)&p->ng,
			sizeof(p->ng));
		ssize_t len = recv(fd, reply, sizeof(reply) - 1, 0);
		if (len <= 0)
			continue;
		reply[len] = '\0';
		if (parse_reply(reply, out))
			return true;
		fprintf(stderr, "ng-client: %s\n", reply);
		return false;
	}
	fprintf(stderr, "ng-client: no answer from rtpengine\n");
	return false;
}

static bool set_up_calls(int fd, const struct params *p, FILE *file)
{
	for (uint32_t call = 0; call < p->calls; call++) {
		struct endpoint core, access;
		if (!ask(fd, p, false, call, &core) || !ask(fd, p, true, call, &access))
			return false;
		fprintf(file, "0 %s %u %s %u\n", p->own[0], p->port[0] + 2 * call, access.ip,
			access.port);
		fprintf(file, "1 %s %u %s %u\n", p->own[1], p->port[1] + 2 * call, core.ip,
			core.port);
	}
	return true;
}

static bool parse_option(struct params *p, int opt, char *value)
{
	char *first = strsep(&value, ",");
	switch (opt) {
	case 'g':
		p->ng.sin_family = AF_INET;
		p->ng.sin_port = htons(value ? (uint16_t)atoi(value) : 2223);
		return inet_pton(AF_INET, first, &p->ng.sin_addr) == 1;
	case 'f': p->own[0] = first; return true;
	case 't': p->own[1] = first; return true;
	case 'n': p->calls = (uint32_t)atoi(first); return p->calls > 0;
	case 'p':
		p->port[0] = (uint16_t)atoi(first);
		p->port[1] = value ? (uint16_t)atoi(value) : 0;
		return value;
	case 'w': p->flows = first; return true;
	default: return false;
	}
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "ng", required_argument, NULL, 'g' },
		{ "from", required_argument, NULL, 'f' },
		{ "to", required_argument, NULL, 't' },
		{ "calls", required_argument, NULL, 'n' },
		{ "rtp-ports", required_argument, NULL, 'p' },
		{ "flows", required_argument, NULL, 'w' },
		{ 0 },
	};
	struct params p = { .calls = 1, .port = { 20000, 30000 } };
	struct timeval timeout = { .tv_sec = 2 };
	bool is_valid = true;
	int opt;

	while (is_valid && (opt = getopt_long(argc, argv, "", options, NULL)) != -1)
		is_valid = parse_option(&p, opt, optarg);
	if (!is_valid || !p.own[0] || !p.own[1] || !p.flows || !p.ng.sin_family) {
		fprintf(stderr, "usage: ng-client --ng IP,PORT --from IP --to IP --calls N "
			"--rtp-ports FROM,TO --flows FILE\n");
		return 2;
	}
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
	FILE *file = fopen(p.flows, "w");
	if (!file) {
		perror(p.flows);
		return 2;
	}
	bool is_good = set_up_calls(fd, &p, file);
	is_good = !fclose(file) && is_good;
	close(fd);
	return is_good ? 0 : 1;
}
