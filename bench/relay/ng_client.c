// ng-client - sets calls up in rtpengine by its ng protocol and writes their streams for rtp-blast.
//
//   ng-client --ng IP,PORT --from IP --to IP --calls N --rtp-ports FROM,TO --flows FILE
//             [--srtp SUITE]
//
// One offer and one answer per call over UDP, interfaces "access" and "core". --srtp: the caller's
// side under keys (RFC 4568).
#include "system/tools/sip_text.h"

#include <arpa/inet.h>
#include <getopt.h>
#include <netdb.h>
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
	const char *srtp; // suite of the caller's side, NULL: plain RTP
	struct sockaddr_in ng;
};

// Appends "<length>:<text>" pairs of one dictionary entry.
static size_t put(char *out, size_t at, const char *key, const char *value)
{
	return at + (size_t)snprintf(out + at, TEXT_MAX - at, "%zu:%s%zu:%s", strlen(key), key,
		strlen(value), value);
}

static void make_sdp(
	const struct params *p, int side, uint32_t call, const char *key, char out[512])
{
	char crypto[160];

	snprintf(crypto, sizeof(crypto), "1 %s inline:%s", p->srtp ? p->srtp : "", key);
	sip_text_sdp(p->own[side], (uint16_t)(p->port[side] + 2 * call),
		p->srtp && side == 0 ? crypto : NULL, out, 512);
}

static void make_request(
	const struct params *p, bool is_answer, uint32_t call, const char *key, char *out)
{
	char call_id[32], sdp[512];
	size_t at = (size_t)snprintf(out, TEXT_MAX, "%u_%d d", call, is_answer);

	snprintf(call_id, sizeof(call_id), "blast%u", call);
	make_sdp(p, is_answer, call, key, sdp);
	at = put(out, at, "ICE", "remove");
	if (!is_answer && strchr(p->own[1], ':'))
		at = put(out, at, "address-family", "IP6");
	at = put(out, at, "call-id", call_id);
	at = put(out, at, "command", is_answer ? "answer" : "offer");
	if (!is_answer)
		at += (size_t)snprintf(out + at, TEXT_MAX - at, "9:directionl6:access4:coree");
	at = put(out, at, "from-tag", "a");
	at = put(out, at, "sdp", sdp);
	if (is_answer)
		at = put(out, at, "to-tag", "b");
	else
		at = put(out, at, "transport-protocol", "RTP/AVP");
	snprintf(out + at, TEXT_MAX - at, "e");
}

// Takes the message of rtpengine that answers `request`, a string.
static bool ask(int fd, const struct params *p, const char *request, char reply[TEXT_MAX])
{
	for (int i = 0; i < TRIES_MAX; i++) {
		(void)!sendto(fd, request, strlen(request), 0, (const struct sockaddr *)&p->ng,
			sizeof(p->ng));
		ssize_t len = recv(fd, reply, TEXT_MAX - 1, 0);
		if (len <= 0)
			continue;
		reply[len] = '\0';
		if (strstr(reply, "6:result2:ok"))
			return true;
		fprintf(stderr, "ng-client: %s\n", reply);
		return false;
	}
	fprintf(stderr, "ng-client: no answer from rtpengine\n");
	return false;
}

// One end of a call, as rtp-blast reads it.
static bool print_end(
	FILE *file, const struct params *p, int side, uint32_t call, const char *reply)
{
	struct sockaddr_storage border;
	char ip[64];

	if (!sip_text_media(reply, &border) ||
		getnameinfo((struct sockaddr *)&border, sip_text_address_len(&border), ip,
			sizeof(ip), NULL, 0, NI_NUMERICHOST))
		return false;
	fprintf(file, "%d %s %u %s %u", side, p->own[side], p->port[side] + 2 * call, ip,
		ntohs(((struct sockaddr_in *)&border)->sin_port));
	return true;
}

static bool set_up_call(int fd, const struct params *p, uint32_t call, FILE *file)
{
	char request[TEXT_MAX], offered[TEXT_MAX], answered[TEXT_MAX], key[96], border_key[96];
	char suite[32];

	if (p->srtp)
		sip_text_make_key(p->srtp, key);
	make_request(p, false, call, key, request);
	if (!ask(fd, p, request, offered))
		return false;
	make_request(p, true, call, key, request);
	if (!ask(fd, p, request, answered) || !print_end(file, p, 0, call, answered))
		return false;
	if (p->srtp && !sip_text_crypto(answered, suite, border_key))
		return false;
	if (p->srtp)
		fprintf(file, " %s %s %s", suite, key, border_key);
	fputc('\n', file);
	bool is_good = print_end(file, p, 1, call, offered);
	fputc('\n', file);
	return is_good;
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
	case 's': p->srtp = first; return true;
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
		{ "srtp", required_argument, NULL, 's' },
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
			"--rtp-ports FROM,TO --flows FILE [--srtp SUITE]\n");
		return 2;
	}
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
	FILE *file = fopen(p.flows, "w");
	if (!file) {
		perror(p.flows);
		return 2;
	}
	bool is_good = true;
	for (uint32_t call = 0; call < p.calls && is_good; call++)
		is_good = set_up_call(fd, &p, call, file);
	is_good = !fclose(file) && is_good;
	close(fd);
	return is_good ? 0 : 1;
}
