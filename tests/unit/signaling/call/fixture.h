// fixture.h - one core between two realms, for the tests of signaling/call: messages go in as text,
// what comes out is kept as text.
#pragma once

#include "base/check.h"
#include "call/core.h"
#include "call/metric.h"
#include "call/outbox.h"
#include "call/summary.h"
#include "call/trunk.h"

#include <stdio.h>
#include <stdlib.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#define FIXTURE_SENT_MAX 512u

enum { REALM_ACCESS, REALM_CORE };

struct fixture_message {
	uint32_t realm;
	struct addr target;
	struct sip_hop hop;
	uint64_t ticket;
	char text[4096];
};

struct fixture {
	struct config config;
	struct config_trunk trunks[2];
	struct config_route routes[2];
	struct config_profile profiles[2]; // of the phones, of the carrier
	struct shm_map signaling, media;
	struct flow_view view;
	struct rng rng;
	struct core_env env;
	struct core *core;
	struct fixture_message sent[FIXTURE_SENT_MAX]; // since fixture_forget()
	uint32_t sent_count;
	struct outbox_resolve resolve; // newest one; its host in resolve_host
	char resolve_host[256];
	uint32_t resolve_count;        // since fixture_forget()
	struct call_summary ended;
	uint32_t ended_count;
	struct outbox_fetch fetch; // the last one
	uint32_t gone_count;
	struct outbox_alias alias; // the last one
	uint32_t alias_count;
};

static inline struct addr fixture_addr(const char *text)
{
	struct addr addr;

	CHECK(addr_parse(span_str(text), 5060, &addr) == 0);
	return addr;
}

static inline void fixture_config(struct fixture *f)
{
	static const char *const own[] = { "10.1.0.1", "10.2.0.1" };
	static const char *const media[] = { "10.1.0.2", "10.2.0.2" };

	f->config = (struct config){ .realm_count = 2, .trunks = f->trunks, .trunk_count = 2,
		.routes = f->routes, .route_count = 2,
		.profiles = f->profiles, .profile_count = 2,
		.limits = { .ring_timeout_ms = 30000 } };
	for (uint32_t i = 0; i < 2; i++) {
		f->profiles[i].name = i ? "carrier" : "phones";
		f->profiles[i].sdp.streams_max = 16;
		f->profiles[i].sdp.bundle = PROFILE_BUNDLE_PASS;
		f->config.realms[i] = (struct config_realm){ .name = i ? "core" : "access",
			.listener_count = 1, .media_count = 1, .port_min = 20000,
			.port_max = 20255, .latching = i ? CONFIG_LATCH_STRICT : CONFIG_LATCH_ONCE,
			.dscp = i ? 46 : 0, .is_trusted = true };
		f->config.realms[i].listeners[0].addr = fixture_addr(own[i]);
		f->config.realms[i].media[0] = fixture_addr(media[i]).ip;
	}
	f->trunks[0] = (struct config_trunk){ .name = "phones", .realm = REALM_ACCESS,
		.host_count = 1, .match_count = 1 };
	f->trunks[0].hosts[0].addr = fixture_addr("10.1.1.200");
	CHECK(ip_prefix_parse(SPAN_LIT("10.1.1.0/24"), &f->trunks[0].match[0]) == 0);
	f->trunks[1] = (struct config_trunk){ .name = "carrier", .realm = REALM_CORE,
		.profile = 1, .host_count = 2 };
	f->trunks[1].hosts[0].addr = fixture_addr("10.2.1.1");
	f->trunks[1].hosts[1].addr = fixture_addr("10.2.1.2");
	f->routes[0] = (struct config_route){ .from_realm = REALM_ACCESS, .from_trunk = -1,
		.to = SPAN_LIT("1*"), .trunk = 1, .prefix = SPAN_LIT("+49"), .line = 7 };
	f->routes[1] = (struct config_route){ .from_realm = REALM_CORE, .from_trunk = -1,
		.trunk = 0, .line = 8 };
}

static inline void fixture_start(struct fixture *f, uint32_t calls_max)
{
	struct core_params core = { .calls_max = calls_max, .transactions_max = 256,
		.key = { { 5, 6 } }, .now_ms = 1000 };
	struct shm_geometry geometry = { .addresses = 4, .flows = 2048, .workers = 1, .lanes = 1,
		.keys = 256 };
	uint32_t count = 0;

	CHECK(shm_anonymous(&geometry, &f->signaling, &f->media) == 0);
	for (uint32_t i = 0; i < 2; i++) {
		const struct config_realm *realm = &f->config.realms[i];

		for (uint32_t k = 0; k < realm->media_count; k++) {
			struct shm_address *address = &shm_addresses(&f->signaling)[count++];

			address->ip = realm->media[k];
			address->port_min = realm->port_min;
			address->port_max = realm->port_max;
		}
	}
	atomic_store(shm_address_count(&f->signaling), count);
	flow_view_init(&f->view, &f->signaling);
	struct flow_writer_params flows = { .signaling = &f->signaling, .media = &f->media,
		.workers = 1, .quarantine_ms = 1000, .orphan_timeout_ms = 1000 };
	rng_init(&f->rng, 42);
	f->env = (struct core_env){ .now_ms = 1000, .unix_ms = 1700000000000, .rng = &f->rng,
		.config = &f->config, .flows = flow_writer_new(&flows, 1000),
		.outbox = outbox_new(256, 1u << 20) };
	f->core = core_new(&core);
	CHECK(f->env.flows && f->env.outbox && f->core);
}

static inline int fixture_open(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	CHECK(f);
	fixture_config(f);
	fixture_start(f, 4);
	*state = f;
	return 0;
}

// Each realm with an IPv4 and an IPv6 media address: 0 and 1 are access's, 2 and 3 core's. All
// streams of a call have ports of one shard; this range has twenty pairs of each.
#define FIXTURE_DUAL_PORT_MAX 22559u
static inline int fixture_open_dual(void **state)
{
	static const char *const v6[] = { "[2001:db8:1::2]", "[2001:db8:2::2]" };
	struct fixture *f = calloc(1, sizeof(*f));

	CHECK(f);
	fixture_config(f);
	for (uint32_t i = 0; i < 2; i++) {
		f->config.realms[i].media[1] = fixture_addr(v6[i]).ip;
		f->config.realms[i].media_count = 2;
		f->config.realms[i].port_max = FIXTURE_DUAL_PORT_MAX;
	}
	fixture_start(f, 4);
	*state = f;
	return 0;
}

static inline int fixture_close(void **state)
{
	struct fixture *f = *state;

	core_free(f->core);
	flow_writer_free(f->env.flows);
	outbox_free(f->env.outbox);
	shm_close(&f->signaling);
	shm_close(&f->media);
	free(f);
	return 0;
}

static inline void fixture_take(struct fixture *f)
{
	for (uint32_t i = 0; i < outbox_count(f->env.outbox); i++) {
		const struct outbox_entry *entry = outbox_at(f->env.outbox, i);

		if (entry->kind == OUTBOX_CALL_END) {
			f->ended = *entry->call_end;
			f->ended_count++;
			continue;
		}
		if (entry->kind == OUTBOX_FETCH)
			f->fetch = entry->fetch;
		f->gone_count += entry->kind == OUTBOX_GONE;
		if (entry->kind == OUTBOX_ALIAS) {
			f->alias = entry->alias;
			f->alias_count++;
			continue;
		}
		if (entry->kind == OUTBOX_FETCH || entry->kind == OUTBOX_GONE ||
			entry->kind == OUTBOX_HANDOVER)
			continue;
		if (entry->kind == OUTBOX_RESOLVE) {
			f->resolve = entry->resolve;
			assert_int_equal(span_copy(entry->resolve.host, f->resolve_host,
				sizeof(f->resolve_host)), 0);
			f->resolve_count++;
			continue;
		}
		assert_true(f->sent_count < FIXTURE_SENT_MAX);
		struct fixture_message *m = &f->sent[f->sent_count++];
		m->realm = entry->send.hop.listener >> 8;
		m->target = entry->send.hop.addr;
		m->hop = entry->send.hop;
		m->ticket = entry->send.ticket;
		assert_int_equal(span_copy(entry->send.data, m->text, sizeof(m->text)), 0);
	}
	outbox_clear(f->env.outbox);
}

static inline void fixture_forget(struct fixture *f)
{
	f->sent_count = 0;
	f->resolve_count = 0;
}

static inline void fixture_receive(struct fixture *f, const char *source, const char *text)
{
	struct addr from = fixture_addr(source);
	struct core_message message = {
		.listener = listener_make(from.ip.b[13] == 1 ? REALM_ACCESS : REALM_CORE, 0),
		.source = from,
		.data = span_str(text),
	};

	core_receive(f->core, &f->env, &message);
	fixture_take(f);
}

static inline void fixture_wait(struct fixture *f, uint64_t ms)
{
	for (uint64_t end = f->env.now_ms + ms; f->env.now_ms < end;) {
		f->env.now_ms += 50;
		f->env.unix_ms += 50;
		core_run_timers(f->core, &f->env);
		flow_writer_run(f->env.flows, f->env.now_ms);
		fixture_take(f);
	}
}

// The newest message that starts so, NULL: none.
static inline const struct fixture_message *fixture_last(const struct fixture *f, const char *start)
{
	for (uint32_t i = f->sent_count; i > 0; i--)
		if (strncmp(f->sent[i - 1].text, start, strlen(start)) == 0)
			return &f->sent[i - 1];
	return NULL;
}

// The value of a header line, "" if there is none. Valid for the next seven calls.
static inline const char *fixture_header(const char *text, const char *name)
{
	static char values[8][512];
	static uint32_t next;
	char *value = values[next++ % 8];
	char line[64];

	snprintf(line, sizeof(line), "\r\n%s: ", name);
	const char *at = strstr(text, line);
	value[0] = 0;
	if (!at)
		return value;
	at += strlen(line);
	snprintf(value, sizeof(values[0]), "%.*s", (int)strcspn(at, "\r"), at);
	return value;
}

#define FIXTURE_SDP(ip)                                                                            \
	"v=0\r\no=secret 1 1 IN IP4 " ip "\r\ns=secret\r\nc=IN IP4 " ip "\r\nt=0 0\r\n"            \
	"m=audio 4000 RTP/AVP 8\r\na=rtpmap:8 PCMA/8000\r\n"

struct fixture_request {
	const char *method, *uri, *to_tag, *extra, *body;
	uint32_t cseq;
	const char *call_id, *branch;
};

// A request of the phone at 10.1.1.5.
static inline void fixture_phone(struct fixture *f, const struct fixture_request *r)
{
	char text[40960];
	const char *body = r->body ? r->body : "";

	snprintf(text, sizeof(text),
		"%s %s SIP/2.0\r\nVia: SIP/2.0/UDP 10.1.1.5:5060;branch=z9hG4bK%s;rport\r\n"
		"Max-Forwards: 70\r\nFrom: \"Alice\" <sip:55@secret.example>;tag=secret-a\r\n"
		"To: <sip:100@10.1.0.1>%s%s\r\nCall-ID: %s\r\nCSeq: %u %s\r\n"
		"Contact: <sip:alice@10.1.1.5:5060>\r\n%s%sContent-Length: %zu\r\n\r\n%s",
		r->method, r->uri ? r->uri : "sip:100@10.1.0.1",
		r->branch ? r->branch : "phone1", r->to_tag ? ";tag=" : "",
		r->to_tag ? r->to_tag : "", r->call_id ? r->call_id : "secret-call@10.1.1.5",
		r->cseq, r->method, r->extra ? r->extra : "",
		body[0] && (!r->extra || !strstr(r->extra, "Content-Type")) ?
			"Content-Type: application/sdp\r\n" :
			"",
		strlen(body), body);
	fixture_receive(f, "10.1.1.5:5060", text);
}

// The carrier's answer to the newest request that we sent to it and that starts with `start`.
static inline void fixture_carrier(struct fixture *f, const char *start, uint32_t status,
	const char *body)
{
	const struct fixture_message *m = fixture_last(f, start);
	char text[40960], source[ADDR_TEXT_MAX];
	const char *to;

	assert_non_null(m);
	to = fixture_header(m->text, "To");
	snprintf(text, sizeof(text),
		"SIP/2.0 %u secret\r\nVia: %s\r\nFrom: %s\r\nTo: %s%s\r\nCall-ID: %s\r\n"
		"CSeq: %s\r\n"
		"Contact: <sip:secret-b@10.2.1.1:5060>\r\nServer: secret\r\n%sContent-Length: %zu"
		"\r\n\r\n%s",
		status, fixture_header(m->text, "Via"), fixture_header(m->text, "From"),
		fixture_header(m->text, "To"), strstr(to, ";tag=") ? "" : ";tag=secret-b",
		fixture_header(m->text, "Call-ID"), fixture_header(m->text, "CSeq"),
		body[0] ? "Content-Type: application/sdp\r\n" : "", strlen(body), body);
	addr_format(&m->target, source);
	fixture_receive(f, source, text);
}

// Our To tag in the newest response with that status line.
static inline void fixture_to_tag(const struct fixture *f, const char *start, char *out, size_t cap)
{
	const struct fixture_message *m = fixture_last(f, start);

	assert_non_null(m);
	const char *tag = strstr(fixture_header(m->text, "To"), ";tag=");
	assert_non_null(tag);
	snprintf(out, cap, "%s", tag + 5);
}

static inline void fixture_ack(struct fixture *f, const char *tag)
{
	struct fixture_request ack = { .method = "ACK", .cseq = 1, .to_tag = tag,
		.branch = "phoneack" };

	fixture_phone(f, &ack);
}

// The phone calls, the carrier answers, the ACK is missing; `tag` is ours towards the phone.
static inline void fixture_answered(struct fixture *f, char tag[64])
{
	struct fixture_request invite = { .method = "INVITE", .cseq = 1,
		.body = FIXTURE_SDP("10.1.1.5") };

	fixture_phone(f, &invite);
	fixture_carrier(f, "INVITE", 200, FIXTURE_SDP("10.2.1.1"));
	fixture_to_tag(f, "SIP/2.0 200", tag, 64);
}

// The whole call; what was sent is forgotten.
static inline void fixture_establish(struct fixture *f, char tag[64])
{
	fixture_answered(f, tag);
	fixture_ack(f, tag);
	fixture_forget(f);
}

// Messages since fixture_forget() that start so.
static inline uint32_t fixture_count(const struct fixture *f, const char *start)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < f->sent_count; i++)
		count += strncmp(f->sent[i].text, start, strlen(start)) == 0;
	return count;
}

static inline uint32_t fixture_calls(struct fixture *f)
{
	struct call_info info;
	uint32_t cursor = 0, count = 0;

	core_run_timers(f->core, &f->env);
	while (core_next_call(f->core, &cursor, &info))
		count++;
	return count;
}

static inline uint32_t fixture_flows(const struct fixture *f)
{
	uint32_t count = 0;

	for (uint32_t realm = 0; realm < 2; realm++)
		for (uint32_t port = 20000; port <= 20255; port++)
			count += flow_lookup(&f->view, realm, (uint16_t)port) != NULL;
	return count;
}
