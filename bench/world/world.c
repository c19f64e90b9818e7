// world.c - see world.h.
#include "world.h"

#include "base/check.h"
#include "call/metric.h"
#include "call/outbox.h"
#include "call/summary.h"
#include "sip/token.h"
#include "sip/transaction.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>
#include <valgrind/callgrind.h>

#define TEXT_MAX      4096u
#define SENT_MAX      8u      // messages of one turn
#define PAIRS_PER_IP  27000u  // pairs of ports of one media address, some spare
#define ADDRESSES_MAX 8u      // media addresses of a realm
#define FLOWS_PER_CALL 4u
#define PORT_MIN      10000u
#define PORT_MAX      65023u

struct world {
	struct config *config;
	struct shm_map signaling, media;
	struct flow_view view;
	struct rng rng;
	struct sip_keys keys;
	struct core_env env;
	struct core *core;
	uint32_t addresses;       // media addresses, both realms
	uint32_t call;            // number of the last one
	uint32_t invite_bytes;
	uint32_t sent_count;      // of the last turn
	char sent[SENT_MAX][TEXT_MAX];
	char to_tag[64];          // ours, towards the caller
	char bye_uri[128];        // our Contact, towards the caller
	char text[TEXT_MAX];      // scratch
	bool is_counted;          // what the core does, by callgrind
};

static void put_realm(FILE *file, const char *name, unsigned net, uint32_t addresses)
{
	fprintf(file, "  %s:\n    sip: [ { udp: \"10.%u.0.1:5060\" } ]\n    media:\n"
		"      device: %s\n      ports: %u-%u\n      latching: strict\n      addresses: [",
		name, net, name, PORT_MIN, PORT_MAX);
	for (uint32_t i = 0; i < addresses; i++)
		fprintf(file, "%s10.%u.1.%u", i ? ", " : "", net, i + 1);
	fprintf(file, "]\n");
}

// By the file's own syntax, so that nothing here depends on how the configuration is held.
static struct config *load_config(const struct world_params *params, uint32_t addresses)
{
	struct config_error errors[4];
	struct config *config;
	uint32_t count = 0;
	char path[64];
	int fd = memfd_create("memory.yaml", 0);
	FILE *file = fd >= 0 ? fdopen(fd, "w") : NULL;

	CHECK(file);
	fprintf(file, "version: 1\nnode: { id: memory, workers: 1 }\n"
		"dataplane: { cores: 1, hugepages: false, devices: { "
		"access: { kind: \"null\" }, core: { kind: \"null\" } } }\nrealms:\n");
	put_realm(file, "access", 1, addresses);
	put_realm(file, "core", 2, addresses);
	fprintf(file, "trunks:\n  phones: { realm: access, hosts: [\"10.1.2.1:5060\"] }\n"
		"  carrier: { realm: core, hosts: [\"10.2.2.1:5060\"] }\n"
		"routes:\n  - { match: { from_realm: access }, to: carrier }\n"
		"limits: { calls: %u, media_timeout: 0s }\n", params->calls_max);
	fflush(file);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (config_load(path, &config, errors, 4, &count) < 0) {
		fprintf(stderr, "%u:%u: %s\n", errors[0].line, errors[0].column, errors[0].message);
		CHECK(!"the configuration is wrong");
	}
	fclose(file);
	return config;
}

static void open_segment(struct world *w, uint32_t calls_max)
{
	struct shm_geometry geometry = { .addresses = w->addresses, .workers = 1, .lanes = 1,
		.flows = (calls_max * FLOWS_PER_CALL + calls_max + 4 * SHM_BLOCK) / SHM_BLOCK *
			SHM_BLOCK };
	uint32_t count = 0;

	CHECK(shm_anonymous(&geometry, &w->signaling, &w->media) == 0);
	for (uint32_t r = 0; r < w->config->realm_count; r++)
		for (uint32_t i = 0; i < w->config->realms[r].media_count; i++) {
			struct shm_address *address = &shm_addresses(&w->signaling)[count++];

			address->ip = w->config->realms[r].media[i];
			address->port_min = PORT_MIN;
			address->port_max = PORT_MAX;
		}
	atomic_store(shm_address_count(&w->signaling), count);
	flow_view_init(&w->view, &w->signaling);
}

struct world *world_new(const struct world_params *params)
{
	struct world *w = calloc(1, sizeof(*w));
	uint32_t addresses = 1 + params->calls_max / PAIRS_PER_IP;

	CHECK(w && addresses <= ADDRESSES_MAX);
	w->config = load_config(params, addresses);
	w->addresses = 2 * addresses;
	open_segment(w, params->calls_max);
	struct flow_writer_params flows = { .signaling = &w->signaling, .media = &w->media,
		.workers = 1, .quarantine_ms = 100, .orphan_timeout_ms = 60000 };
	rng_init(&w->rng, 1);
	w->env = (struct core_env){ .now_ms = 1000, .unix_ms = 1700000000000, .rng = &w->rng,
		.config = w->config, .flows = flow_writer_new(&flows, 1000),
		.outbox = outbox_new(256, 1u << 20) };
	struct core_params core = { .calls_max = params->calls_max,
		.transactions_max = params->transactions_max, .key = { { 5, 6 } }, .now_ms = 1000 };
	sip_keys_init(&w->keys, &core.key, 0);
	w->core = core_new(&core);
	CHECK(w->env.flows && w->env.outbox && w->core);
	return w;
}

void world_free(struct world *w)
{
	core_free(w->core);
	flow_writer_free(w->env.flows);
	outbox_free(w->env.outbox);
	shm_close(&w->signaling);
	shm_close(&w->media);
	config_free(w->config);
	free(w);
}

// What a lane does with the first packet of a flow, as far as memory goes.
static void use_flows(struct world *w)
{
	struct flow_state *states = shm_flow_state(&w->media);
	struct addr local;

	for (uint32_t i = 0; i < w->sent_count; i++) {
		const char *media = strstr(w->sent[i], "\r\nm=audio ");
		const char *at = strstr(w->sent[i], "\r\nc=IN IP4 ");
		unsigned port;

		if (!media || !at || sscanf(media, "\r\nm=audio %u", &port) != 1)
			continue;
		at += strlen("\r\nc=IN IP4 ");
		CHECK(ip_parse(span_make(at, (uint32_t)strcspn(at, "\r")), &local.ip) == 0);
		for (uint32_t a = 0; a < w->addresses; a++) {
			if (!ip_eq(&shm_addresses(&w->signaling)[a].ip, &local.ip))
				continue;
			for (uint32_t k = 0; k < 2; k++) {
				const struct flow_cfg *cfg =
					flow_lookup(&w->view, a, (uint16_t)(port + k));

				CHECK(cfg);
				memset(&states[cfg->state_index], 0, sizeof(states[0]));
			}
		}
	}
}

static void take_outbox(struct world *w)
{
	w->sent_count = 0;
	for (uint32_t i = 0; i < outbox_count(w->env.outbox); i++) {
		const struct outbox_entry *entry = outbox_at(w->env.outbox, i);

		if (entry->kind != OUTBOX_SEND)
			continue;
		CHECK(w->sent_count < SENT_MAX);
		CHECK(span_copy(entry->send.data, w->sent[w->sent_count++], TEXT_MAX) == 0);
	}
	outbox_clear(w->env.outbox);
}

static void toggle_count(const struct world *w)
{
	if (w->is_counted)
		CALLGRIND_TOGGLE_COLLECT;
}

static void receive(struct world *w, uint32_t realm)
{
	struct core_message message = { .listener = listener_make(realm, 0),
		.data = span_str(w->text) };

	CHECK(addr_parse(realm ? SPAN_LIT("10.2.2.1:5060") : SPAN_LIT("10.1.2.1:5060"), 0,
		      &message.source) == 0);
	struct core_scan scan;
	toggle_count(w);
	CHECK(core_scan(&w->keys, message.data, &scan));
	message.call_id = scan.call_id;
	core_receive(w->core, &w->env, &message);
	flow_writer_run(w->env.flows, w->env.now_ms);
	toggle_count(w);
	take_outbox(w);
}

static const char *find_sent(const struct world *w, const char *start)
{
	for (uint32_t i = 0; i < w->sent_count; i++)
		if (strncmp(w->sent[i], start, strlen(start)) == 0)
			return w->sent[i];
	fprintf(stderr, "no %s came\n", start);
	CHECK(!"the call went wrong");
}

// "Name: value" up to the end of its line, without the name.
static struct span line_of(const char *text, const char *name)
{
	char start[32];

	snprintf(start, sizeof(start), "\r\n%s: ", name);
	const char *at = strstr(text, start);
	CHECK(at);
	at += strlen(start);
	return span_make(at, (uint32_t)strcspn(at, "\r"));
}

#define SDP(user, net)                                                                             \
	"v=0\r\no=" user " 2890844526 2890844526 IN IP4 10." net ".2.1\r\ns=-\r\n"                 \
	"c=IN IP4 10." net ".2.1\r\nt=0 0\r\nm=audio 49170 RTP/AVP 8 0 101\r\n"                    \
	"a=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\n"    \
	"a=fmtp:101 0-15\r\na=ptime:20\r\na=sendrecv\r\n"

static void put_request(struct world *w, const char *method, unsigned cseq, const char *body)
{
	bool is_first = strcmp(method, "INVITE") == 0;

	snprintf(w->text, sizeof(w->text),
		"%s %s SIP/2.0\r\nVia: SIP/2.0/UDP 10.1.2.1:5060;branch=z9hG4bK-%u-%s;rport\r\n"
		"Max-Forwards: 70\r\nFrom: \"Extension %u\" <sip:4930%07u@10.1.2.1>;tag=from%u\r\n"
		"To: <sip:4989%07u@10.1.0.1>%s%s\r\nCall-ID: %08x-4a7b-11ef-%08x@10.1.2.1\r\n"
		"CSeq: %u %s\r\nContact: <sip:4930%07u@10.1.2.1:5060>\r\n"
		"Allow: INVITE, ACK, CANCEL, BYE, OPTIONS\r\nUser-Agent: Telephone/1.0.17\r\n"
		"%sContent-Length: %zu\r\n\r\n%s",
		method, is_first ? "sip:49890000000@10.1.0.1" : w->bye_uri, w->call, method,
		w->call, w->call, w->call, w->call, is_first ? "" : ";tag=",
		is_first ? "" : w->to_tag, w->call, w->call, cseq, method, w->call,
		body[0] ? "Content-Type: application/sdp\r\n" : "", strlen(body), body);
}

// The carrier's answer to a request that we sent.
static void put_answer(struct world *w, const char *request, unsigned status, const char *body)
{
	struct span via = line_of(request, "Via"), from = line_of(request, "From");
	struct span to = line_of(request, "To"), id = line_of(request, "Call-ID");
	struct span cseq = line_of(request, "CSeq");
	char tag[32] = "";

	if (strncmp(request, "INVITE", 6) == 0 && status > 100)
		snprintf(tag, sizeof(tag), ";tag=to%u", w->call);
	snprintf(w->text, sizeof(w->text),
		"SIP/2.0 %u OK\r\nVia: " SPAN_FMT "\r\nFrom: " SPAN_FMT "\r\nTo: " SPAN_FMT
		"%s\r\nCall-ID: " SPAN_FMT "\r\nCSeq: " SPAN_FMT "\r\n"
		"Contact: <sip:4989%07u@10.2.2.1:5060>\r\nAllow: INVITE, ACK, CANCEL, BYE\r\n"
		"Server: Gateway/2.2\r\n%sContent-Length: %zu\r\n\r\n%s",
		status, SPAN_ARG(via), SPAN_ARG(from), SPAN_ARG(to), tag, SPAN_ARG(id),
		SPAN_ARG(cseq), w->call, body[0] ? "Content-Type: application/sdp\r\n" : "",
		strlen(body), body);
}

void world_call(struct world *w)
{
	char invite[TEXT_MAX];

	w->call++;
	put_request(w, "INVITE", 1, SDP("caller", "1"));
	w->invite_bytes = (uint32_t)strlen(w->text);
	receive(w, 0);
	use_flows(w);
	snprintf(invite, sizeof(invite), "%s", find_sent(w, "INVITE "));
	put_answer(w, invite, 100, "");
	receive(w, 1);
	put_answer(w, invite, 180, "");
	receive(w, 1);
	put_answer(w, invite, 200, SDP("callee", "2"));
	receive(w, 1);
	use_flows(w);
	find_sent(w, "ACK ");
	const char *answer = find_sent(w, "SIP/2.0 200 ");
	struct span to = line_of(answer, "To"), contact = line_of(answer, "Contact");
	const char *tag = strstr(to.ptr, ";tag=") + 5;
	CHECK(span_copy(span_make(tag, (uint32_t)strcspn(tag, "\r;")), w->to_tag,
		      sizeof(w->to_tag)) == 0);
	CHECK(span_copy(span_sub(contact, 1, contact.len - 2), w->bye_uri,
		      sizeof(w->bye_uri)) == 0);
	put_request(w, "ACK", 1, "");
	receive(w, 0);
}

void world_hang_up(struct world *w)
{
	char bye[TEXT_MAX];

	put_request(w, "BYE", 2, "");
	receive(w, 0);
	snprintf(bye, sizeof(bye), "%s", find_sent(w, "BYE "));
	find_sent(w, "SIP/2.0 200 ");
	put_answer(w, bye, 200, "");
	receive(w, 1);
}

void world_wait(struct world *w, uint32_t ms)
{
	w->env.now_ms += ms;
	w->env.unix_ms += ms;
	toggle_count(w);
	core_run_timers(w->core, &w->env);
	flow_writer_run(w->env.flows, w->env.now_ms);
	toggle_count(w);
	take_outbox(w);
	CHECK(w->sent_count == 0); // nothing was left open that had to be repeated
}

void world_count(struct world *w, bool is_counted)
{
	w->is_counted = is_counted;
}

void world_touch_segment(const struct world *w)
{
	CHECK(madvise(w->signaling.base, w->signaling.bytes, MADV_POPULATE_READ) == 0);
	CHECK(madvise(w->media.base, w->media.bytes, MADV_POPULATE_READ) == 0);
}

uint32_t world_calls(const struct world *w)
{
	struct call_info info;
	uint32_t cursor = 0, count = 0;

	while (core_next_call(w->core, &cursor, &info))
		count++;
	return count;
}

uint64_t world_transactions(const struct world *w)
{
	return metric_read(&core_transaction_metrics(w->core)->active);
}

uint64_t world_lingering(const struct world *w)
{
	return metric_read(&core_transaction_metrics(w->core)->lingering);
}

uint32_t world_invite_bytes(const struct world *w)
{
	return w->invite_bytes;
}
