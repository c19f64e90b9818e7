// stream_bed.h - two ends that could be two nodes, on real loopback sockets under a false clock,
// and plain sockets for strangers.
#pragma once

#include "net/stream.h"
#include "net/tcp.h"

#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "certs.h"

#define BED_START_MS     1000000u
#define BED_CONNECT_MS   4000u
#define BED_HANDSHAKE_MS 5000u
#define BED_MESSAGE_MS   10000u
#define BED_IDLE_MS      600000u
#define BED_FAILURES_MAX 4096u

struct end {
	struct streams *streams;
	struct net_metrics metrics;
	struct tls_context *server, *client;
	uint16_t peer;               // whose certificates are shown to it
	struct stream_rules rules;   // of whom it dials, but for TLS
	uint32_t messages;           // that came
	char text[70000];            // the last one
	struct sip_hop from;         // of the last one
	char name[SIP_TLS_NAME_MAX];
	uint32_t failures;
	uint64_t tickets[BED_FAILURES_MAX];
	enum stream_failure reasons[BED_FAILURES_MAX];
	struct span answer;          // given to each message, empty = none
	uint64_t answer_ticket;      // of the next one, 0 = none has any
};

struct bed {
	struct end ends[2];          // [1] dials [0]
	struct source_table *sources;
	struct aliases *aliases;
	struct certs certs;
	uint64_t now_ms;
};

#define SIP_OPTIONS "OPTIONS sip:a@b SIP/2.0\r\nVia: SIP/2.0/TCP h;branch=z9hG4bK1\r\n" \
		    "From: <sip:a@b>;tag=1\r\nTo: <sip:b@c>\r\nCall-ID: x\r\nCSeq: 1 OPTIONS\r\n"
#define BED_MESSAGE SIP_OPTIONS "Content-Length: 0\r\n\r\n"

static inline void bed_send(struct end *end, const struct sip_hop *hop, struct span data,
	uint64_t ticket)
{
	struct stream_send send = { .hop = *hop, .data = data, .ticket = ticket, .from = 3 };
	streams_send(end->streams, &send);
	streams_flush(end->streams);
}

static inline void bed_on_message(void *user, const struct sip_hop *from, struct span message)
{
	struct end *end = user;
	end->messages++;
	end->from = *from;
	assert_true(message.len < sizeof(end->text));
	memcpy(end->text, message.ptr, message.len);
	end->text[message.len] = '\0';
	if (end->answer.len > 0)
		bed_send(end, from, end->answer,
			end->answer_ticket > 0 ? end->answer_ticket++ : 0);
}

static inline void bed_on_failed(void *user, uint32_t from, uint64_t ticket,
	enum stream_failure failure)
{
	struct end *end = user;
	assert_int_equal(from, 3);
	assert_true(end->failures < BED_FAILURES_MAX);
	end->tickets[end->failures] = ticket;
	end->reasons[end->failures++] = failure;
}

static inline struct stream_rules bed_rules_of(void *user, const struct sip_hop *hop)
{
	struct end *end = user;
	struct stream_rules rules = end->rules;

	rules.tls = hop->is_dialled ? end->client : end->server;
	return rules;
}

static inline uint16_t bed_peer_of(void *user, const struct sip_hop *hop,
	const struct tls_session *tls)
{
	struct end *end = user;
	(void)hop;
	return tls_session_is_proved(tls) ? end->peer : 0;
}

static inline void end_open(struct bed *bed, uint32_t at)
{
	struct end *end = &bed->ends[at];
	struct stream_params params = {
		.worker = at,
		.workers = 2,
		.key = { { 7, 8 } },
		.connections_max = 1000,
		.connect_ms = BED_CONNECT_MS,
		.handshake_ms = BED_HANDSHAKE_MS,
		.message_ms = BED_MESSAGE_MS,
		.idle_ms = BED_IDLE_MS,
		.sources = bed->sources,
		.aliases = bed->aliases,
		.metrics = &end->metrics,
		.handler = { end, bed_on_message, bed_on_failed, bed_rules_of, bed_peer_of },
		.now_ms = bed->now_ms,
	};
	struct tls_settings server = { .is_server = true,
		.cert = certs_path(&bed->certs, "server.pem"),
		.key = certs_path(&bed->certs, "server.key") };
	struct tls_settings client = { .ca = certs_path(&bed->certs, "ca.pem"),
		.verify = TLS_VERIFY_NAME };
	char error[TLS_ERROR_MAX];
	assert_int_equal(tls_context_new(&server, &end->server, error), 0);
	assert_int_equal(tls_context_new(&client, &end->client, error), 0);
	assert_int_equal(streams_new(&params, &end->streams), 0);
	for (uint32_t i = 0; i < SIP_TRANSPORT_COUNT; i++) {
		struct stream_listen listen = { .id = i, .transport = i,
			.addr = { .ip = ip_from_v4(0x7f000001) } };
		if (i != SIP_TRANSPORT_UDP)
			assert_int_equal(streams_listen(end->streams, &listen), 0);
	}
}

static inline struct bed *bed_open_limited(uint64_t bytes_per_source_max)
{
	struct bed *bed = calloc(1, sizeof(*bed));
	struct source_limits limits = { .connections_max = 100, .connections_per_source_max = 8,
		.bytes_max = 8 << 20, .bytes_per_source_max = bytes_per_source_max };
	struct hash_key key = { { 5, 6 } };
	assert_non_null(bed);
	bed->now_ms = BED_START_MS;
	bed->sources = source_table_new(&limits, &key);
	bed->aliases = aliases_new(&key);
	certs_open(&bed->certs);
	certs_make(&bed->certs, "server", "DNS:sip.example.com");
	for (uint32_t i = 0; i < 2; i++)
		end_open(bed, i);
	return bed;
}

static inline struct bed *bed_open(void)
{
	return bed_open_limited(4 << 20);
}

// What is over has left nothing behind, whatever happened before.
static inline void bed_close(struct bed *bed)
{
	for (int i = 0; i < 2; i++) {
		streams_free(bed->ends[i].streams);
		assert_int_equal(metric_read(&bed->ends[i].metrics.stream_connections), 0);
		tls_context_free(bed->ends[i].server);
		tls_context_free(bed->ends[i].client);
	}
	assert_int_equal(source_connections(bed->sources), 0);
	assert_int_equal(source_bytes(bed->sources), 0);
	source_table_free(bed->sources);
	aliases_free(bed->aliases);
	certs_close(&bed->certs);
	free(bed);
}

static inline void bed_turn(struct bed *bed)
{
	for (int i = 0; i < 2; i++) {
		streams_run(bed->ends[i].streams, bed->now_ms, true);
		streams_flush(bed->ends[i].streams);
	}
}

// Turns until `*count` is `want`, or 3 real seconds are over.
static inline void bed_until(struct bed *bed, const uint32_t *count, uint32_t want)
{
	for (int i = 0; i < 3000 && *count < want; i++) {
		bed_turn(bed);
		if (*count < want)
			poll(NULL, 0, 1);
	}
	assert_int_equal(*count, want);
}

static inline void bed_until_metric(struct bed *bed, const _Atomic uint64_t *metric, uint64_t want)
{
	for (int i = 0; i < 3000 && metric_read(metric) != want; i++) {
		bed_turn(bed);
		if (metric_read(metric) != want)
			poll(NULL, 0, 1);
	}
	assert_int_equal(metric_read(metric), want);
}

// A few turns in which nothing should happen.
static inline void bed_settle(struct bed *bed)
{
	for (int i = 0; i < 20; i++) {
		bed_turn(bed);
		poll(NULL, 0, 1);
	}
}

// end 0 as seen by end 1.
static inline struct sip_hop bed_target(struct bed *bed, enum sip_transport transport)
{
	struct sip_hop hop = { .listener = transport };
	assert_true(streams_address(bed->ends[0].streams, transport, &hop.addr));
	if (sip_transport_is_secure(transport))
		hop.tls_name = SPAN_LIT("sip.example.com");
	return hop;
}

// A stranger's socket at end 0.
static inline int stranger_open(struct bed *bed, enum sip_transport transport)
{
	struct sip_hop hop = bed_target(bed, transport);
	struct sockaddr_storage sa;
	socklen_t len = addr_to_sockaddr(&hop.addr, &sa);
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&sa, len), 0);
	return fd;
}

static inline void stranger_say(int fd, struct span text)
{
	assert_int_equal(send(fd, text.ptr, text.len, MSG_NOSIGNAL), text.len);
}

// What came within a while, as a string; "" if the far end closed or nothing came.
static inline const char *stranger_hear(struct bed *bed, int fd)
{
	static char buf[4096];
	for (int i = 0; i < 1000; i++) {
		bed_turn(bed);
		ssize_t n = recv(fd, buf, sizeof(buf) - 1, MSG_DONTWAIT);
		if (n >= 0 || errno != EAGAIN) {
			buf[n > 0 ? n : 0] = '\0';
			return buf;
		}
		poll(NULL, 0, 1);
	}
	buf[0] = '\0';
	return buf;
}
