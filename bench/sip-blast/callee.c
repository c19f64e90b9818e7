#include "callee.h"

#include <stdlib.h>
#include <string.h>

#define T1_NS 500000000ull

bool callee_init(struct callee *callee, struct blast_port *port, const char *body, uint32_t max)
{
	memset(callee, 0, sizeof(*callee));
	callee->port = port;
	callee->body = body;
	callee->max = max;
	callee->answers = calloc(max, sizeof(*callee->answers));
	callee->buckets = calloc(max, sizeof(*callee->buckets));
	callee->free_slots = calloc(max, sizeof(*callee->free_slots));
	if (!callee->answers || !callee->buckets || !callee->free_slots)
		return false;
	for (uint32_t i = 0; i < max; i++)
		callee->free_slots[i] = max - 1 - i;
	callee->free_count = max;
	for (uint32_t i = 0; i < CALLEE_STEPS; i++)
		callee->repeat[i].wait_ns = T1_NS << (i < 3 ? i : 3);
	return true;
}

void callee_free(struct callee *callee)
{
	for (uint32_t i = 0; callee->answers && i < callee->max; i++)
		free(callee->answers[i].data);
	for (uint32_t i = 0; i < CALLEE_STEPS; i++)
		free(callee->repeat[i].entries);
	free(callee->answers);
	free(callee->buckets);
	free(callee->free_slots);
}

static uint64_t hash_of(struct text text)
{
	uint64_t hash = 14695981039346656037ull;

	for (uint32_t i = 0; i < text.len; i++)
		hash = (hash ^ (uint8_t)text.at[i]) * 1099511628211ull;
	return hash;
}

static struct callee_answer *find(struct callee *callee, uint64_t call_id)
{
	uint32_t at = callee->buckets[call_id % callee->max];

	while (at && callee->answers[at - 1].call_id != call_id)
		at = callee->answers[at - 1].next;
	return at ? &callee->answers[at - 1] : NULL;
}

static void forget(struct callee *callee, struct callee_answer *answer)
{
	uint32_t own = (uint32_t)(answer - callee->answers) + 1;
	uint32_t *at = &callee->buckets[answer->call_id % callee->max];

	while (*at != own)
		at = &callee->answers[*at - 1].next;
	*at = answer->next;
	free(answer->data);
	answer->data = NULL;
	answer->is_waiting = false;
	callee->free_slots[callee->free_count++] = own - 1;
}

static void put_answer(struct callee *callee, struct blast_writer *w, const struct blast_message *m,
	uint32_t status, const char *reason)
{
	bool is_tagged = status == 100 || text_has_tag(m->to);

	blast_put(w, "SIP/2.0 %u %s\r\n", status, reason);
	for (uint32_t i = 0; i < m->via_count; i++)
		blast_put_line(w, "Via", m->vias[i]);
	for (uint32_t i = 0; status > 100 && i < m->route_count; i++)
		blast_put_line(w, "Record-Route", m->routes[i]);
	blast_put_line(w, "From", m->from);
	blast_put(w, "To: %.*s%s\r\n", (int)m->to.len, m->to.at, is_tagged ? "" : ";tag=callee");
	blast_put_line(w, "Call-ID", m->call_id);
	blast_put(w, "CSeq: %u %.*s\r\n", m->cseq, (int)m->method.len, m->method.at);
	blast_put(w, "Contact: <sip:load@%s:%u>\r\n", callee->port->ip, callee->port->port);
}

static void respond(struct callee *callee, const struct blast_datagram *datagram,
	const struct blast_message *m, uint32_t status, const char *reason)
{
	struct blast_writer w = blast_port_writer(callee->port);

	put_answer(callee, &w, m, status, reason);
	blast_put(&w, "Content-Length: 0\r\n\r\n");
	blast_port_send(callee->port, &w, &datagram->source);
}

static void keep(struct callee *callee, const struct blast_writer *w, uint64_t call_id,
	const struct sockaddr_in *target, uint64_t now_ns)
{
	char *data = callee->free_count ? malloc(w->len) : NULL;

	if (!data) {
		callee->full++;
		return;
	}
	uint32_t slot = callee->free_slots[--callee->free_count];
	struct callee_answer *answer = &callee->answers[slot];
	uint32_t *bucket = &callee->buckets[call_id % callee->max];

	memcpy(data, w->at, w->len);
	*answer = (struct callee_answer){ .generation = answer->generation + 1,
		.is_waiting = true, .call_id = call_id, .next = *bucket, .len = w->len,
		.target = *target, .data = data };
	*bucket = slot + 1;
	line_add(&callee->repeat[0], now_ns, slot, answer->generation);
}

static void receive_invite(struct callee *callee, const struct blast_datagram *datagram,
	const struct blast_message *m, uint64_t now_ns)
{
	uint64_t call_id = hash_of(m->call_id);
	const struct callee_answer *again = find(callee, call_id);

	if (again) {
		blast_port_repeat(callee->port, again->data, again->len, &again->target);
		return;
	}
	callee->invites++;
	respond(callee, datagram, m, 100, "Trying");
	respond(callee, datagram, m, 180, "Ringing");
	struct blast_writer w = blast_port_writer(callee->port);
	put_answer(callee, &w, m, 200, "OK");
	blast_put(&w, "Content-Type: application/sdp\r\nContent-Length: %zu\r\n\r\n%s",
		strlen(callee->body), callee->body);
	blast_port_send(callee->port, &w, &datagram->source);
	keep(callee, &w, call_id, &datagram->source, now_ns);
}

void callee_receive(struct callee *callee, const struct blast_datagram *datagram, uint64_t now_ns)
{
	struct blast_message m;

	if (!blast_parse(datagram->data, datagram->len, &m) || !m.is_request)
		return;
	if (text_is(m.method, "INVITE")) {
		receive_invite(callee, datagram, &m, now_ns);
	} else if (text_is(m.method, "ACK")) {
		struct callee_answer *answer = find(callee, hash_of(m.call_id));
		if (answer)
			forget(callee, answer);
	} else {
		callee->byes += text_is(m.method, "BYE");
		respond(callee, datagram, &m, 200, "OK");
	}
}

static void repeat(struct callee *callee, const struct line_entry *entry, uint64_t now_ns)
{
	struct callee_answer *answer = &callee->answers[entry->slot];

	if (!answer->is_waiting || answer->generation != entry->wait)
		return;
	if (++answer->step == CALLEE_STEPS) {
		callee->unacknowledged++;
		forget(callee, answer);
		return;
	}
	callee->repeated++;
	blast_port_repeat(callee->port, answer->data, answer->len, &answer->target);
	line_add(&callee->repeat[answer->step], now_ns, entry->slot, entry->wait);
}

void callee_run(struct callee *callee, uint64_t now_ns)
{
	struct line_entry entry;

	for (uint32_t step = 0; step < CALLEE_STEPS; step++)
		while (line_take(&callee->repeat[step], now_ns, &entry))
			repeat(callee, &entry, now_ns);
}
