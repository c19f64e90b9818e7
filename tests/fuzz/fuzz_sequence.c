// fuzz_sequence.c - sequences of messages against a whole core: phones, a carrier, time, overload.
//
// Each input is a program of one-byte steps with operands. Messages are built from templates around
// what the core said last (its tags, branches and Call-IDs), then bytes of them may be changed. At
// the end everybody falls silent: no call, no timer and no flow may be left. Invariants of meaning
// are the simulator's (tests/sim); here it is memory, and that everything ends.
#include "base/check.h"
#include "call/core.h"
#include "call/outbox.h"
#include "call/summary.h"
#include "sip/locate.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define KEPT      16u    // messages of the core that steps can refer to
#define TEXT_MAX  8192u
#define STEPS_MAX 120u
#define TURN_MS   100u
#define END_MS    4000000u // session timers and subscriptions run out, too

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char yaml[] =
	"version: 1\n"
	"node: { workers: 1 }\n"
	"profiles:\n"
	"  phones: { flow: { refer: handle, redirect: follow, 100rel: auto } }\n"
	"  carrier: { flow: { refer: pass, redirect: pass, late_offer: convert } }\n"
	"dataplane: { devices: { a: { kind: \"null\" }, b: { kind: \"null\" } } }\n"
	"realms:\n"
	"  access: { profile: phones, sip: [ { udp: \"10.1.0.1:5060\" } ], trusted: true,\n"
	"    media: { device: a, addresses: [ 10.1.0.2 ], ports: 20000-20255 } }\n"
	"  core: { profile: carrier, sip: [ { udp: \"10.2.0.1:5060\" } ],\n"
	"    media: { device: b, addresses: [ 10.2.0.2 ], ports: 20000-20255 } }\n"
	"trunks:\n"
	"  phones: { realm: access, hosts: [ 10.1.1.200 ], match: { ip: [ 10.1.1.0/24 ] } }\n"
	"  carrier: { realm: core, hosts: [ 10.2.1.1, 10.2.1.2 ] }\n"
	"routes:\n"
	"  - { match: { from_realm: access }, to: carrier }\n"
	"  - { match: { from_realm: core }, to: phones }\n"
	"limits: { media_timeout: 10s, ring_timeout: 20s }\n";

static struct config *config; // loaded once

struct said {
	struct addr to;
	uint32_t realm;
	uint64_t ticket;
	char text[TEXT_MAX];
};

struct world {
	struct shm_map signaling, media;
	struct flow_view view;
	struct rng rng;
	struct core_env env;
	struct core *core;
	struct said said[KEPT]; // newest at said_count - 1, modulo KEPT
	uint32_t said_count;
	uint64_t questions[KEPT]; // tickets of names to resolve
	uint32_t question_count;
	char message[TEXT_MAX];
	uint32_t message_len;
	struct addr message_from;
};

static struct world world;

struct program {
	const uint8_t *at, *end;
};

static uint8_t next(struct program *p)
{
	return p->at < p->end ? *p->at++ : 0;
}

static void load_config(void)
{
	char path[] = "/tmp/muga-fuzz-XXXXXX";
	struct config_error errors[8];
	uint32_t count = 0;
	int fd = mkstemp(path);

	CHECK(fd >= 0 && write(fd, yaml, sizeof(yaml) - 1) == (ssize_t)sizeof(yaml) - 1);
	close(fd);
	int rc = config_load(path, &config, errors, 8, &count);
	unlink(path);
	for (uint32_t i = 0; rc < 0 && i < count; i++)
		fprintf(stderr, "%u:%u %s: %s\n", errors[i].line, errors[i].column, errors[i].key,
			errors[i].message);
	CHECK(rc == 0);
}

static void open_world(struct world *w)
{
	struct shm_geometry geometry = { .addresses = 2, .flows = 1024, .workers = 1, .lanes = 1 };
	struct core_params core = { .calls_max = 8, .transactions_max = 128, .key = { { 5, 6 } },
		.now_ms = 1000 };

	memset(w, 0, sizeof(*w));
	CHECK(shm_anonymous(&geometry, &w->signaling, &w->media) == 0);
	for (uint32_t i = 0; i < 2; i++) {
		struct shm_address *address = &shm_addresses(&w->signaling)[i];
		address->ip = config->realms[i].media[0];
		address->port_min = config->realms[i].port_min;
		address->port_max = config->realms[i].port_max;
	}
	atomic_store(shm_address_count(&w->signaling), 2);
	flow_view_init(&w->view, &w->signaling);
	struct flow_writer_params flows = { .signaling = &w->signaling, .media = &w->media,
		.workers = 1, .quarantine_ms = 1000, .orphan_timeout_ms = 1000 };
	rng_init(&w->rng, 42);
	w->env = (struct core_env){ .now_ms = 1000, .unix_ms = 1700000000000, .rng = &w->rng,
		.config = config, .flows = flow_writer_new(&flows, 1000),
		.outbox = outbox_new(64, 1u << 18) };
	w->core = core_new(&core);
	CHECK(w->env.flows && w->env.outbox && w->core);
}

static void close_world(struct world *w)
{
	core_free(w->core);
	flow_writer_free(w->env.flows);
	outbox_free(w->env.outbox);
	shm_close(&w->signaling);
	shm_close(&w->media);
}

static void take_outbox(struct world *w)
{
	for (uint32_t i = 0; i < outbox_count(w->env.outbox); i++) {
		const struct outbox_entry *entry = outbox_at(w->env.outbox, i);
		if (entry->kind == OUTBOX_RESOLVE)
			w->questions[w->question_count++ % KEPT] = entry->resolve.ticket;
		if (entry->kind != OUTBOX_SEND)
			continue;
		struct said *said = &w->said[w->said_count++ % KEPT];
		said->to = entry->send.hop.addr;
		said->realm = entry->send.hop.listener >> 8;
		said->ticket = entry->send.ticket;
		CHECK(entry->send.data.len > 0);
		if (span_copy(entry->send.data, said->text, sizeof(said->text)) < 0)
			said->text[0] = 0;
	}
	outbox_clear(w->env.outbox);
}

static void receive(struct world *w, const char *text, uint32_t len, struct addr from)
{
	// A copy of the exact size: a read beyond the end is found.
	char *data = malloc(len ? len : 1);
	struct core_message message = { .listener = listener_make(from.ip.b[13] == 1 ? 0 : 1, 0),
		.source = from, .data = span_make(data, len) };

	memcpy(data, text, len);
	core_receive(w->core, &w->env, &message);
	free(data);
	take_outbox(w);
}

static void wait(struct world *w, uint64_t ms)
{
	for (uint64_t end = w->env.now_ms + ms; w->env.now_ms < end;) {
		uint64_t due = core_next_timer_ms(w->core);
		uint64_t step = w->env.now_ms + TURN_MS;
		// Long silences are walked from timer to timer.
		if (ms > 100 * TURN_MS && due > step)
			step = due < end ? due : end;
		w->env.unix_ms += step - w->env.now_ms;
		w->env.now_ms = step;
		core_run_timers(w->core, &w->env);
		flow_writer_run(w->env.flows, w->env.now_ms);
		take_outbox(w);
	}
}

// Messages ---------------------------------------------------------------------------------------

static const struct said *said_at(const struct world *w, uint8_t back)
{
	if (!w->said_count)
		return NULL;
	uint32_t kept = w->said_count < KEPT ? w->said_count : KEPT;
	return &w->said[(w->said_count - 1 - back % kept) % KEPT];
}

// The value of a header line of `text`, "" if there is none.
static const char *header(const char *text, const char *name)
{
	static char values[8][1024];
	static uint32_t turn;
	char *value = values[turn++ % 8], line[64];

	snprintf(line, sizeof(line), "\r\n%s: ", name);
	const char *at = strstr(text, line);
	value[0] = 0;
	if (at) {
		at += strlen(line);
		snprintf(value, sizeof(values[0]), "%.*s", (int)strcspn(at, "\r"), at);
	}
	return value;
}

#define SDP(ip, rest)                                                                              \
	"v=0\r\no=- 1 1 IN IP4 " ip "\r\ns=-\r\nc=IN IP4 " ip "\r\nt=0 0\r\n" rest
static const char *const bodies[] = { "", SDP("10.1.1.5", "m=audio 4000 RTP/AVP 8 0\r\n"),
	SDP("10.2.1.1", "m=audio 4000 RTP/AVP 8\r\n"), SDP("10.1.1.5", "m=audio 0 RTP/AVP 8\r\n"),
	SDP("10.1.1.5", "m=audio 4000 RTP/AVP 8\r\na=sendonly\r\nm=video 4002 RTP/AVP 96\r\n"),
	SDP("10.2.0.2", "m=audio 4000 RTP/AVP 8\r\n"), SDP("0.0.0.0", "m=audio 1 RTP/AVP 8\r\n"),
	"SIP/2.0 200 OK\r\n" };
static const char *const methods[] = { "INVITE", "ACK", "BYE", "CANCEL", "UPDATE", "PRACK", "INFO",
	"REFER", "NOTIFY", "SUBSCRIBE", "MESSAGE", "OPTIONS", "PUBLISH", "REGISTER", "XYZZY",
	"INVITE" };
static const char *const extras[] = { "", "Supported: 100rel, timer, replaces\r\n",
	"Require: 100rel\r\nRSeq: 1\r\n", "RAck: 1 1 INVITE\r\n",
	"Session-Expires: 90;refresher=uac\r\nMin-SE: 90\r\n", "Refer-To: <sip:7@10.1.1.9>\r\n",
	"Refer-To: <sip:7@10.1.1.9?Replaces=1%40x%3Bto-tag%3Da%3Bfrom-tag%3Db>\r\n",
	"Event: refer\r\nSubscription-State: active\r\nContent-Type: message/sipfrag\r\n",
	"Replaces: 0@10.1.1.5;to-tag=a;from-tag=b\r\n", "Privacy: id\r\nDiversion: <sip:1@x>\r\n",
	"Contact: <sip:9@10.1.1.6>;q=0.5, <sip:8@host.example>\r\nExpires: 60\r\n",
	"Require: nothing\r\n", "Event: presence\r\nExpires: 0\r\n", "Retry-After: 1\r\n",
	"History-Info: <sip:1@x>;index=1\r\n", "Resource-Priority: esnet.0\r\n" };

#define PICK(list, byte) (list)[(byte) % (sizeof(list) / sizeof((list)[0]))]

static void put_end(struct world *w, int len, uint8_t extra, uint8_t body_index)
{
	const char *body = PICK(bodies, body_index), *more = PICK(extras, extra);
	const char *type = *body && !strstr(more, "Content-Type") ?
		"Content-Type: application/sdp\r\n" : "";

	if (len < 0 || len >= (int)TEXT_MAX)
		len = 0;
	int rest = snprintf(w->message + len, TEXT_MAX - (uint32_t)len,
		"%s%sContent-Length: %zu\r\n\r\n%s", more, type, strlen(body), body);
	len += rest < 0 ? 0 : rest;
	w->message_len = len < (int)TEXT_MAX ? (uint32_t)len : TEXT_MAX - 1;
}

// A new dialog: `who` is one of four Call-IDs on either side.
static void put_new_request(struct world *w, struct program *p)
{
	uint8_t who = next(p), method = next(p), cseq = next(p), extra = next(p), body = next(p);
	bool is_phone = (who & 4) == 0;
	const char *host = is_phone ? "10.1.1.5" : "10.2.1.1";
	const char *own = is_phone ? "10.1.0.1" : "10.2.0.1";

	CHECK(addr_parse(span_str(host), 5060, &w->message_from) == 0);
	int len = snprintf(w->message, TEXT_MAX,
		"%s sip:100@%s SIP/2.0\r\nVia: SIP/2.0/UDP %s;branch=z9hG4bK%u.%u;rport\r\n"
		"Max-Forwards: 70\r\nFrom: <sip:55@%s>;tag=t%u\r\nTo: <sip:100@%s>\r\n"
		"Call-ID: %u@%s\r\nCSeq: %u %s\r\nContact: <sip:c@%s>\r\n",
		PICK(methods, method), own, host, who & 3u, cseq, host, who & 3u, own, who & 3u,
		host, cseq, PICK(methods, method), host);
	put_end(w, len, extra, body);
}

// Whoever was told something says a request in the same dialog.
static void put_inner_request(struct world *w, struct program *p)
{
	const struct said *said = said_at(w, next(p));
	uint8_t method = next(p), cseq = next(p), extra = next(p), body = next(p);
	const char *mine = "From", *yours = "To";

	if (!said)
		return;
	if (strncmp(said->text, "SIP/2.0", 7) != 0) {
		mine = "To";
		yours = "From";
	}
	char host[ADDR_TEXT_MAX];
	addr_format(&said->to, host);
	const char *from = header(said->text, mine);
	w->message_from = said->to;
	int len = snprintf(w->message, TEXT_MAX,
		"%s sip:x@%s SIP/2.0\r\nVia: SIP/2.0/UDP %s;branch=z9hG4bKin%u.%u\r\n"
		"Max-Forwards: 70\r\nFrom: %s%s\r\nTo: %s\r\nCall-ID: %s\r\nCSeq: %u %s\r\n"
		"Contact: <sip:c@%s>\r\n",
		PICK(methods, method), said->realm ? "10.2.0.1" : "10.1.0.1", host, method, cseq,
		from, strstr(from, ";tag=") ? "" : ";tag=b1", header(said->text, yours),
		header(said->text, "Call-ID"), cseq, PICK(methods, method), host);
	put_end(w, len, extra, body);
}

static void put_answer(struct world *w, struct program *p)
{
	static const uint16_t statuses[] = { 100, 180, 183, 199, 200, 200, 202, 302, 401, 408, 422,
		481, 486, 487, 491, 503 };
	const struct said *said = said_at(w, next(p));
	uint8_t status = next(p), tag = next(p), extra = next(p), body = next(p);

	if (!said || strncmp(said->text, "SIP/2.0", 7) == 0)
		return;
	const char *to = header(said->text, "To");
	char own_tag[16] = "", host[ADDR_TEXT_MAX];
	if (!strstr(to, ";tag="))
		snprintf(own_tag, sizeof(own_tag), ";tag=b%u", tag & 3u);
	addr_format(&said->to, host);
	w->message_from = said->to;
	int len = snprintf(w->message, TEXT_MAX,
		"SIP/2.0 %u X\r\nVia: %s\r\nFrom: %s\r\nTo: %s%s\r\nCall-ID: %s\r\nCSeq: %s\r\n"
		"Contact: <sip:b@%s>\r\n",
		PICK(statuses, status), header(said->text, "Via"), header(said->text, "From"), to,
		own_tag, header(said->text, "Call-ID"), header(said->text, "CSeq"), host);
	put_end(w, len, extra, body);
}

static void change_bytes(struct world *w, struct program *p)
{
	for (uint8_t count = next(p) % 8; count > 0 && w->message_len; count--) {
		uint32_t at = ((uint32_t)next(p) << 8 | next(p)) % w->message_len;
		w->message[at] = (char)next(p);
	}
}

static void answer_question(struct world *w, struct program *p)
{
	struct sip_target targets[2] = { { .transport = SIP_TRANSPORT_UDP },
		{ .transport = SIP_TRANSPORT_TCP } };
	uint8_t which = next(p);

	CHECK(addr_parse(SPAN_LIT("10.2.1.7"), 5060, &targets[0].addr) == 0);
	targets[1].addr = targets[0].addr;
	if (w->question_count)
		core_resolved(w->core, &w->env, w->questions[which % KEPT], targets, which % 3);
	take_outbox(w);
}

static void step(struct world *w, struct program *p)
{
	const struct said *said;
	uint8_t what = next(p);

	switch (what % 12) {
	case 0:
		wait(w, next(p) * TURN_MS);
		return;
	case 1:
	case 2:
		put_new_request(w, p);
		break;
	case 3:
	case 4:
		put_inner_request(w, p);
		break;
	case 5:
	case 6:
	case 7:
		put_answer(w, p);
		break;
	case 8:
		change_bytes(w, p);
		break;
	case 9: // the last one again
		break;
	case 10:
		said = said_at(w, next(p));
		if (said && said->ticket)
			core_send_failed(w->core, &w->env, said->ticket, next(p) % 3);
		take_outbox(w);
		answer_question(w, p);
		return;
	default:
		w->env.is_draining = what & 16;
		w->env.is_overloaded = what & 32;
		w->env.calls_left = w->env.refusals_left = what >> 6;
		return;
	}
	if (w->message_len)
		receive(w, w->message, w->message_len, w->message_from);
}

static void check_end(struct world *w)
{
	struct call_info info;
	uint32_t cursor = 0;

	core_hangup_all(w->core, &w->env);
	take_outbox(w);
	wait(w, END_MS);
	CHECK(!core_next_call(w->core, &cursor, &info));
	CHECK(core_timer_count(w->core) == 0);
	for (uint32_t address = 0; address < 2; address++)
		for (uint32_t port = 20000; port <= 20255; port++)
			CHECK(!flow_lookup(&w->view, (uint16_t)address, (uint16_t)port));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct program p = { data, data + size };

	if (!config)
		load_config();
	open_world(&world);
	for (uint32_t i = 0; i < STEPS_MAX && p.at < p.end; i++)
		step(&world, &p);
	check_end(&world);
	close_world(&world);
	return 0;
}
