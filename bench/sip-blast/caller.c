#include "caller.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define T1_NS      500000000ull
#define STEP_T2    3u // 4 s: repetitions of BYE come no slower (RFC 3261 17.1.2.2)
#define BIN_NS     100000ull

bool caller_init(struct caller *caller, struct blast_port *port,
	const struct caller_options *options)
{
	memset(caller, 0, sizeof(*caller));
	caller->options = options;
	caller->port = port;
	caller->calls = calloc(options->calls_max, sizeof(*caller->calls));
	caller->free_slots = calloc(options->calls_max, sizeof(*caller->free_slots));
	if (!caller->calls || !caller->free_slots)
		return false;
	for (uint32_t i = 0; i < options->calls_max; i++)
		caller->free_slots[i] = options->calls_max - 1 - i;
	caller->free_count = options->calls_max;
	for (uint32_t i = 0; i < CALLER_STEPS; i++)
		caller->repeat[i].wait_ns = T1_NS << i;
	caller->hold.wait_ns = options->hold_ms * 1000000ull;
	caller->timeout.wait_ns = options->timeout_ms * 1000000ull;
	return true;
}

void caller_free(struct caller *caller)
{
	for (uint32_t i = 0; caller->calls && i < caller->options->calls_max; i++)
		free(caller->calls[i].dialog);
	for (uint32_t i = 0; i < CALLER_STEPS; i++)
		free(caller->repeat[i].entries);
	free(caller->hold.entries);
	free(caller->timeout.entries);
	free(caller->calls);
	free(caller->free_slots);
}

static uint32_t slot_of(const struct caller *caller, const struct caller_call *call)
{
	return (uint32_t)(call - caller->calls);
}

static void put_head(struct caller *caller, struct blast_writer *w, const struct caller_call *call,
	const char *method, uint32_t cseq)
{
	const struct blast_port *port = caller->port;
	uint32_t slot = slot_of(caller, call);

	blast_put(w, "Via: SIP/2.0/UDP %s:%u;branch=z9hG4bK%lx.%x.%x.%.1s%u;rport\r\n", port->ip,
		port->port, caller->session, slot, call->generation, method, cseq);
	blast_put(w, "Max-Forwards: 70\r\nFrom: <sip:%x@%s>;tag=%x.%x\r\n", 1000 + slot, port->ip,
		slot, call->generation);
	blast_put(w, "Call-ID: %x.%x.%lx@%s\r\nCSeq: %u %s\r\n", slot, call->generation,
		caller->session, port->ip, cseq, method);
}

static void make_target(const struct caller *caller, const struct caller_call *call, char uri[128])
{
	char host[INET_ADDRSTRLEN + 8];
	const uint8_t *ip = (const uint8_t *)&caller->options->border.sin_addr;

	snprintf(host, sizeof(host), "%u.%u.%u.%u:%u", ip[0], ip[1], ip[2], ip[3],
		ntohs(caller->options->border.sin_port));
	if (call->is_emergency)
		snprintf(uri, 128, "urn:service:sos");
	else
		snprintf(uri, 128, "sip:%s%u@%s", caller->options->users, slot_of(caller, call),
			host);
}

static void send_invite(struct caller *caller, const struct caller_call *call)
{
	struct blast_writer w = blast_port_writer(caller->port);
	const char *body = caller->options->body;
	char uri[128];

	make_target(caller, call, uri);
	blast_put(&w, "INVITE %s SIP/2.0\r\n", uri);
	put_head(caller, &w, call, "INVITE", 1);
	blast_put(&w, "To: <%s>\r\nContact: <sip:load@%s:%u>\r\n", uri, caller->port->ip,
		caller->port->port);
	blast_put(&w, "Content-Type: application/sdp\r\nContent-Length: %zu\r\n\r\n%s",
		strlen(body), body);
	blast_port_send(caller->port, &w, &caller->options->border);
}

// ACK of a 2xx, or BYE: within the dialog.
static void send_inside(struct caller *caller, const struct caller_call *call, const char *method,
	uint32_t cseq)
{
	struct blast_writer w = blast_port_writer(caller->port);
	const char *to = call->dialog, *target = to + call->to_len;

	blast_put(&w, "%s %.*s SIP/2.0\r\n", method, (int)call->target_len, target);
	put_head(caller, &w, call, method, cseq);
	blast_put(&w, "To: %.*s\r\n%.*sContent-Length: 0\r\n\r\n", (int)call->to_len, to,
		(int)call->routes_len, target + call->target_len);
	blast_port_send(caller->port, &w, &caller->options->border);
}

// ACK of a refusal: the INVITE's own branch and URI (RFC 3261 17.1.1.3).
static void send_refusal_ack(struct caller *caller, const struct caller_call *call,
	const struct blast_message *m)
{
	struct blast_writer w = blast_port_writer(caller->port);
	char uri[128];

	make_target(caller, call, uri);
	blast_put(&w, "ACK %s SIP/2.0\r\n", uri);
	blast_put(&w, "Via: SIP/2.0/UDP %s:%u;branch=z9hG4bK%lx.%x.%x.I1;rport\r\n",
		caller->port->ip, caller->port->port, caller->session, slot_of(caller, call),
		call->generation);
	blast_put_line(&w, "From", m->from);
	blast_put_line(&w, "To", m->to);
	blast_put_line(&w, "Call-ID", m->call_id);
	blast_put(&w, "Max-Forwards: 70\r\nCSeq: 1 ACK\r\nContent-Length: 0\r\n\r\n");
	blast_port_send(caller->port, &w, &caller->options->border);
}

static void watch(struct caller *caller, struct caller_call *call, uint64_t now_ns)
{
	call->step = 0;
	call->wait = ++caller->waits;
	if (caller->options->is_repeating)
		line_add(&caller->repeat[0], now_ns, slot_of(caller, call), call->wait);
	line_add(&caller->timeout, now_ns, slot_of(caller, call), call->wait);
}

void caller_begin(struct caller *caller, uint64_t now_ns)
{
	if (!caller->free_count) {
		caller->late++;
		return;
	}
	struct caller_call *call = &caller->calls[caller->free_slots[--caller->free_count]];
	uint32_t every = caller->options->emergency_every;

	call->generation++;
	call->state = CALLER_INVITED;
	call->begun_ns = now_ns;
	call->is_emergency = every &&
		(caller->kinds[0].begun + caller->kinds[1].begun) % every == 0;
	caller->kinds[call->is_emergency].begun++;
	send_invite(caller, call);
	watch(caller, call, now_ns);
}

static void end_call(struct caller *caller, struct caller_call *call)
{
	free(call->dialog);
	call->dialog = NULL;
	call->state = CALLER_FREE;
	caller->free_slots[caller->free_count++] = slot_of(caller, call);
}

// Record-Route reversed is our route set (RFC 3261 12.1.2).
static bool keep_dialog(struct caller_call *call, const struct blast_message *m)
{
	char routes[1024];
	struct blast_writer w = { .at = routes, .max = sizeof(routes) };
	struct text target = text_uri(m->contact);

	if (!m->contact.len)
		return false;
	for (uint32_t i = m->route_count; i > 0; i--)
		blast_put_line(&w, "Route", m->routes[i - 1]);
	call->dialog = malloc(m->to.len + target.len + w.len);
	if (!call->dialog || w.is_overflowed)
		return false;
	call->to_len = m->to.len;
	call->target_len = target.len;
	call->routes_len = w.len;
	memcpy(call->dialog, m->to.at, m->to.len);
	memcpy(call->dialog + m->to.len, target.at, target.len);
	memcpy(call->dialog + m->to.len + target.len, routes, w.len);
	return true;
}

static void answered(struct caller *caller, struct caller_call *call,
	const struct blast_message *m, uint64_t now_ns)
{
	uint64_t bin = (now_ns - call->begun_ns) / BIN_NS;

	if (!keep_dialog(call, m)) {
		end_call(caller, call);
		return;
	}
	caller->kinds[call->is_emergency].answered++;
	caller->setup[bin < CALLER_BINS ? bin : CALLER_BINS]++;
	call->state = CALLER_UP;
	send_inside(caller, call, "ACK", 1);
	call->wait = ++caller->waits;
	line_add(&caller->hold, now_ns, slot_of(caller, call), call->wait);
}

static void refused(struct caller *caller, struct caller_call *call, const struct blast_message *m)
{
	struct caller_kind *kind = &caller->kinds[call->is_emergency];

	send_refusal_ack(caller, call, m);
	kind->refused++;
	kind->refused_badly += m->status != 503 || !m->has_retry_after;
	end_call(caller, call);
}

static void receive_for(struct caller *caller, struct caller_call *call,
	const struct blast_message *m, uint64_t now_ns)
{
	bool is_invite = m->cseq == 1;

	if (call->state == CALLER_ENDING && !is_invite && m->status >= 200) {
		caller->kinds[call->is_emergency].completed += m->status < 300;
		caller->kinds[call->is_emergency].counted +=
			m->status < 300 && caller->is_counting;
		end_call(caller, call);
	} else if (is_invite && m->status >= 200 && m->status < 300 &&
		call->state >= CALLER_UP) {
		send_inside(caller, call, "ACK", 1); // it did not get the first one
	} else if (is_invite && call->state < CALLER_UP) {
		if (m->status < 200)
			call->state = CALLER_RINGING;
		else if (m->status < 300)
			answered(caller, call, m, now_ns);
		else
			refused(caller, call, m);
	}
}

void caller_receive(struct caller *caller, const struct blast_datagram *datagram, uint64_t now_ns)
{
	struct blast_message m;
	unsigned slot, generation;
	unsigned long session;
	char id[64];

	if (!blast_parse(datagram->data, datagram->len, &m) || m.is_request ||
		m.call_id.len >= sizeof(id))
		return;
	memcpy(id, m.call_id.at, m.call_id.len);
	id[m.call_id.len] = 0;
	if (sscanf(id, "%x.%x.%lx@", &slot, &generation, &session) != 3 ||
		session != caller->session || slot >= caller->options->calls_max)
		return;
	caller->statuses[m.status]++;
	struct caller_call *call = &caller->calls[slot];
	if (call->state != CALLER_FREE && call->generation == generation)
		receive_for(caller, call, &m, now_ns);
}

static struct caller_call *call_of(struct caller *caller, const struct line_entry *entry)
{
	struct caller_call *call = &caller->calls[entry->slot];

	return call->state != CALLER_FREE && call->wait == entry->wait ? call : NULL;
}

static void repeat(struct caller *caller, const struct line_entry *entry, uint64_t now_ns)
{
	struct caller_call *call = call_of(caller, entry);
	bool is_ending = call && call->state == CALLER_ENDING;

	// A provisional answer ends the repetition of an INVITE.
	if (!call || call->state == CALLER_RINGING)
		return;
	if (is_ending)
		send_inside(caller, call, "BYE", 2);
	else
		send_invite(caller, call);
	caller->repeated++;
	if (call->step + 1 < CALLER_STEPS && !(is_ending && call->step >= STEP_T2))
		call->step++;
	line_add(&caller->repeat[call->step], now_ns, entry->slot, call->wait);
}

static void hang_up(struct caller *caller, const struct line_entry *entry, uint64_t now_ns)
{
	struct caller_call *call = call_of(caller, entry);

	if (!call)
		return;
	call->state = CALLER_ENDING;
	send_inside(caller, call, "BYE", 2);
	watch(caller, call, now_ns);
}

static void give_up(struct caller *caller, const struct line_entry *entry)
{
	struct caller_call *call = call_of(caller, entry);

	if (!call)
		return;
	caller->kinds[call->is_emergency].timed_out++;
	end_call(caller, call);
}

void caller_run(struct caller *caller, uint64_t now_ns)
{
	struct line_entry entry;

	for (uint32_t step = 0; step < CALLER_STEPS; step++)
		while (line_take(&caller->repeat[step], now_ns, &entry))
			repeat(caller, &entry, now_ns);
	while (line_take(&caller->hold, now_ns, &entry))
		hang_up(caller, &entry, now_ns);
	while (line_take(&caller->timeout, now_ns, &entry))
		give_up(caller, &entry);
}

double caller_setup_ms(const struct caller *caller, double q)
{
	uint64_t count = 0, seen = 0;

	for (uint32_t i = 0; i <= CALLER_BINS; i++)
		count += caller->setup[i];
	for (uint32_t i = 0; count && i <= CALLER_BINS; i++) {
		seen += caller->setup[i];
		if ((double)seen >= q * (double)count)
			return (double)(i + 1) * (double)BIN_NS * 1e-6;
	}
	return 0;
}
