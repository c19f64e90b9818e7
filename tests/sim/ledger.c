// ledger.c - what was said on the wire, on our side of it, and whether it was answered as it must
// be.
//
// One table of short entries, keyed by hashes of the identifiers that the RFC uses for the purpose.
// Retransmissions are recognised byte by byte: whatever differs is a message of its own.
#include "sim.h"

#include "base/check.h"
#include "base/hash.h"
#include "call/export.h"

#define ANSWER_MAX_MS (20000u + 64 * 500 + 1000) // ring_timeout, then silence of the called side

#define TIMER_B_MS    (64u * 500)

enum kind {
	KIND_FREE,
	KIND_MESSAGE, // sent by us
	KIND_SOURCE,  // Call-ID and an address that used it, or that we called
	KIND_OWN,     // an identifier of ours; number: side + 1 that it was shown to
	KIND_DIALOG,  // Call-ID, our tag, far tag; number: CSeq of our last request
	KIND_INVITE,  // Call-ID, our tag, CSeq of an INVITE of ours; number: ms of its first 2xx,
	              // hash: of our CANCEL
	KIND_BRANCH,  // branch, CSeq and method of a request that we sent; number: transports,
	              // of an ACK: how often
	KIND_SERVER,  // INVITE received; number: our final status, hash: of that message
	KIND_OWN_2XX, // our 2xx to INVITE; hash: of the dialog
	KIND_FAR_2XX, // a 2xx that came to our INVITE
	KIND_ENDED,   // Call-ID and a tag: a BYE went through that dialog
	KIND_SDP,     // Call-ID, our tag; hash: of our last description, call: its o= id, at_ms:
	              // its version
};

static uint64_t hash_text(uint64_t seed, struct span text)
{
	struct hash_key key = { { seed, 0x6c6564676572 } };

	return hash_sip(&key, text.ptr, text.len);
}

static uint64_t hash_number(uint64_t seed, uint64_t number)
{
	return hash_text(seed, span_make((const char *)&number, sizeof(number)));
}

static struct ledger_entry *find(struct sim *sim, enum kind kind, uint64_t key)
{
	uint64_t at = (key ^ (uint64_t)kind << 59) % SIM_LEDGER_MAX;

	while (sim->ledger[at].kind != KIND_FREE &&
		(sim->ledger[at].kind != kind || sim->ledger[at].key != key))
		at = (at + 1) % SIM_LEDGER_MAX;
	return &sim->ledger[at];
}

static bool has(struct sim *sim, enum kind kind, uint64_t key)
{
	return find(sim, kind, key)->kind == kind;
}

// The entry, made if it is not there; `*is_new` may be NULL.
static struct ledger_entry *put(struct sim *sim, enum kind kind, uint64_t key, bool *is_new)
{
	struct ledger_entry *entry = find(sim, kind, key);

	if (is_new)
		*is_new = entry->kind == KIND_FREE;
	if (entry->kind != KIND_FREE)
		return entry;
	CHECK(++sim->ledger_count < SIM_LEDGER_MAX / 2);
	*entry = (struct ledger_entry){ .kind = kind, .key = key, .at_ms = sim->now_ms,
		.worker = sim->worker };
	return entry;
}

static uint64_t transaction_key(const struct sip_msg *msg)
{
	return hash_number(hash_text(hash_text(1, msg->call_id), msg->via.branch),
		msg->cseq.number);
}

static uint64_t answer_key(const struct sip_msg *msg)
{
	return hash_number(hash_text(hash_text(2, msg->call_id), msg->to.tag), msg->cseq.number);
}

static uint64_t ended_key(const struct sip_msg *msg, struct span tag)
{
	return hash_text(hash_text(3, msg->call_id), tag);
}

static uint64_t source_key(const struct sip_msg *msg, const struct addr *addr)
{
	uint64_t hash = hash_text(4, msg->call_id);

	hash = hash_text(hash, span_make((const char *)addr->ip.b, sizeof(addr->ip.b)));
	return hash_number(hash, addr->port);
}

static uint64_t invite_key(const struct sip_msg *msg)
{
	return hash_number(hash_text(hash_text(5, msg->call_id), msg->from.tag), msg->cseq.number);
}

static uint64_t branch_key(const struct sip_msg *msg, enum sip_method method)
{
	return hash_number(hash_number(hash_text(6, msg->via.branch), msg->cseq.number), method);
}

static uint64_t dialog_key(const struct sip_msg *msg)
{
	return hash_text(hash_text(hash_text(7, msg->call_id), msg->from.tag), msg->to.tag);
}

bool ledger_is_repeated(struct sim *sim, struct span data)
{
	bool is_new;

	put(sim, KIND_MESSAGE, hash_text(8, data), &is_new);
	return !is_new;
}

bool ledger_was_sent(struct sim *sim, struct span data)
{
	return has(sim, KIND_MESSAGE, hash_text(8, data));
}

void ledger_dropped(struct sim *sim, const struct sip_msg *msg)
{
	put(sim, KIND_SERVER, transaction_key(msg), NULL)->is_dropped = true;
}

void ledger_mangled(struct sim *sim, const struct sip_msg *msg)
{
	for (uint32_t i = 0; i < sim->ua_count; i++)
		sim->uas[i].is_mangled |= span_eq(span_str(sim->uas[i].call_id), msg->call_id);
	if (!msg->is_request || msg->method != SIP_METHOD_INVITE)
		return;
	put(sim, KIND_SERVER, transaction_key(msg), NULL)->is_excused = true;
	for (uint32_t i = 0; i < sim->ua_count; i++)
		if (sim->uas[i].invite.is_active &&
			span_eq(span_str(sim->uas[i].invite.branch), msg->via.branch))
			sim->uas[i].invite.is_excused = true;
}

void ledger_moved(struct sim *sim, uint64_t key)
{
	for (uint32_t i = 0; i < SIM_LEDGER_MAX; i++)
		if (sim->ledger[i].kind == KIND_SERVER && sim->ledger[i].call == key)
			sim->ledger[i].is_excused |= sim->ledger[i].number != 0;
	for (uint32_t i = 0; i < sim->ua_count; i++) {
		struct ua *ua = &sim->uas[i];

		if (core_call_key(&sim->keys, span_str(ua->call_id)) == key)
			ua->invite.is_excused = true;
	}
}

bool ledger_is_answered(struct sim *sim, const struct sip_msg *msg, const char *branch,
	uint32_t cseq)
{
	uint64_t key = hash_number(hash_text(hash_text(1, msg->call_id), span_str(branch)), cseq);

	return find(sim, KIND_SERVER, key)->number != 0;
}

bool ledger_is_excused(struct sim *sim, const struct sip_msg *msg)
{
	return find(sim, KIND_SERVER, transaction_key(msg))->is_excused;
}

void ledger_sent_astray(struct sim *sim, const struct sip_msg *msg)
{
	struct ledger_entry *answer = find(sim, KIND_FAR_2XX, answer_key(msg));

	if (!msg->is_request)
		return;
	if (msg->method == SIP_METHOD_ACK && answer->kind == KIND_FAR_2XX)
		answer->is_done = true;
	if (msg->method == SIP_METHOD_BYE)
		put(sim, KIND_ENDED, ended_key(msg, msg->to.tag), NULL);
}

bool ledger_is_acked_again(struct sim *sim, const struct sip_msg *ack)
{
	return find(sim, KIND_BRANCH, branch_key(ack, SIP_METHOD_ACK))->number > 1;
}

bool ledger_has_ended(struct sim *sim, struct span call_id, struct span tag)
{
	return has(sim, KIND_ENDED, hash_text(hash_text(3, call_id), tag));
}

void ledger_described(struct sim *sim, const struct sip_msg *msg, const struct sdp_session *sdp)
{
	struct ledger_entry *entry;
	uint64_t id = 0, version = 0, hash = hash_text(10, sdp->text);
	bool is_new;

	// Once more as it was, though there has been another since.
	if (msg->is_request && msg->method == SIP_METHOD_ACK && ledger_is_acked_again(sim, msg))
		return;
	entry = put(sim, KIND_SDP, hash_text(hash_text(11, msg->call_id),
		msg->is_request ? msg->from.tag : msg->to.tag), &is_new);
	if (span_parse_u64(sdp->session_id, UINT64_MAX, &id) < 0 ||
		span_parse_u64(sdp->session_version, UINT64_MAX, &version) < 0)
		sim_fail(sim, "description: no numbers in o=");
	if (!is_new && id != entry->call)
		sim_fail(sim, "description: another session in the dialog " SPAN_FMT,
			SPAN_ARG(msg->call_id));
	if (!is_new && hash != entry->hash && version <= entry->at_ms)
		sim_fail(sim, "description: version %llu after %llu in the dialog " SPAN_FMT,
			(unsigned long long)version, (unsigned long long)entry->at_ms,
			SPAN_ARG(msg->call_id));
	entry->call = id;
	entry->at_ms = version;
	entry->hash = hash;
}

// What came ---------------------------------------------------------------------------------------

static void receive_response(struct sim *sim, const struct sip_msg *msg)
{
	struct ledger_entry *invite = find(sim, KIND_INVITE, invite_key(msg));
	struct ledger_entry *answer;
	bool is_new;

	if (msg->cseq.method != SIP_METHOD_INVITE || invite->kind != KIND_INVITE)
		return;
	// is_done of an INVITE: something came back.
	bool is_late = !invite->is_done && sim->now_ms > invite->at_ms + TIMER_B_MS;
	invite->is_done = true;
	invite->is_excused |= is_late;
	if (msg->status < 200 || msg->status >= 300)
		return;
	answer = put(sim, KIND_FAR_2XX, answer_key(msg), &is_new);
	answer->hash = ended_key(msg, msg->to.tag);
	// An INVITE that nobody answered within timer B is over: it could not even be cancelled
	// (RFC 3261 9.1). And whoever sent it may be dead.
	// Nor is anything left of one that was answered that long ago (RFC 6026 8.4), or cancelled
	// and not answered since, should a connection have taken the CANCEL with it (RFC 3261 9.1).
	if (!invite->number && invite->hash && sim->now_ms > invite->hash + TIMER_B_MS)
		invite->is_excused = true;
	if (!invite->number)
		invite->number = (uint32_t)sim->now_ms;
	if (is_new)
		answer->is_excused = invite->is_excused ||
			sim->now_ms > invite->number + TIMER_B_MS;
}

void ledger_named(struct sim *sim, const struct sip_msg *msg)
{
	struct addr addr = { .ip = msg->contact.uri.ip, .port = sip_uri_port(&msg->contact.uri) };

	if (msg->contact_count)
		put(sim, KIND_SOURCE, source_key(msg, &addr), NULL);
}

void ledger_received(struct sim *sim, const struct addr *from, const struct sip_msg *msg)
{
	struct ledger_entry *entry;

	put(sim, KIND_SOURCE, source_key(msg, from), NULL);
	if (!msg->is_request) {
		receive_response(sim, msg);
		return;
	}
	if (msg->method == SIP_METHOD_INVITE) {
		entry = put(sim, KIND_SERVER, transaction_key(msg), NULL);
		entry->is_dropped = false;
		entry->call = core_call_key(&sim->keys, msg->call_id);
	}
	if (msg->method == SIP_METHOD_BYE)
		put(sim, KIND_ENDED, ended_key(msg, msg->to.tag), NULL);
	entry = find(sim, KIND_OWN_2XX, answer_key(msg));
	if (msg->method == SIP_METHOD_ACK && entry->kind == KIND_OWN_2XX)
		entry->is_done = true;
}

// What went ---------------------------------------------------------------------------------------

static uint32_t transport_bit(const struct sip_msg *msg)
{
	return span_ieq(msg->via.transport, SPAN_LIT("TCP")) ? 2 : 1;
}

// RFC 3261 12.2.1.1: strictly growing in each dialog; ACK and CANCEL carry the INVITE's.
static void check_cseq(struct sim *sim, const struct sip_msg *msg)
{
	struct ledger_entry *dialog = put(sim, KIND_DIALOG, dialog_key(msg), NULL);

	if (msg->method == SIP_METHOD_CANCEL) {
		if (!has(sim, KIND_BRANCH, branch_key(msg, SIP_METHOD_INVITE)))
			sim_fail(sim, "CSeq: CANCEL %u of no INVITE", msg->cseq.number);
	} else if (msg->method == SIP_METHOD_ACK) {
		if (!has(sim, KIND_INVITE, invite_key(msg)))
			sim_fail(sim, "CSeq: ACK %u of no INVITE", msg->cseq.number);
		// The dialog of a 2xx begins with the number of its INVITE; who refuses one is in
		// none by that.
		if (has(sim, KIND_FAR_2XX, answer_key(msg)) && dialog->number < msg->cseq.number)
			dialog->number = msg->cseq.number;
	} else {
		// The same transaction by another transport is the same request (RFC 3261 18.1.1),
		// once: by the same one it would not differ.
		struct ledger_entry *branch = find(sim, KIND_BRANCH, branch_key(msg, msg->method));

		if (msg->cseq.number == dialog->number && branch->kind == KIND_BRANCH &&
			!(branch->number & transport_bit(msg)))
			return;
		// Whoever has lost a worker knows no more which forks it had ended.
		if (msg->cseq.number < dialog->number ||
			(msg->cseq.number == dialog->number && !dialog->is_excused))
			sim_fail(sim, "CSeq: %.*s %u after %u", SPAN_ARG(msg->method_text),
				msg->cseq.number, dialog->number);
		dialog->number = msg->cseq.number;
	}
}

static void send_request(struct sim *sim, const struct addr *to, const struct sip_msg *msg)
{
	struct ledger_entry *answer = find(sim, KIND_FAR_2XX, answer_key(msg));
	struct ledger_entry *invite = find(sim, KIND_INVITE, invite_key(msg));
	bool is_first = span_is_empty(msg->to.tag) && msg->method != SIP_METHOD_CANCEL &&
		msg->method != SIP_METHOD_ACK;

	if (is_first && !world_is_host(sim, to))
		sim_fail(sim, "target: %.*s to an address that is no trunk's host",
			SPAN_ARG(msg->method_text));
	if (is_first)
		put(sim, KIND_SOURCE, source_key(msg, to), NULL);
	else if (!has(sim, KIND_SOURCE, source_key(msg, to)))
		sim_fail(sim, "target: %.*s to an address that is not of its dialog",
			SPAN_ARG(msg->method_text));
	check_cseq(sim, msg);
	if (msg->method == SIP_METHOD_INVITE)
		put(sim, KIND_INVITE, invite_key(msg), NULL);
	if (msg->method == SIP_METHOD_ACK)
		put(sim, KIND_BRANCH, branch_key(msg, msg->method), NULL)->number++;
	if (msg->method != SIP_METHOD_ACK && msg->method != SIP_METHOD_CANCEL)
		put(sim, KIND_BRANCH, branch_key(msg, msg->method), NULL)->number |=
			transport_bit(msg);
	if (msg->method == SIP_METHOD_CANCEL && invite->kind == KIND_INVITE)
		invite->hash = sim->now_ms;
	if (msg->method == SIP_METHOD_ACK && answer->kind == KIND_FAR_2XX)
		answer->is_done = true;
	if (msg->method == SIP_METHOD_BYE) {
		put(sim, KIND_ENDED, ended_key(msg, msg->from.tag), NULL);
		put(sim, KIND_ENDED, ended_key(msg, msg->to.tag), NULL);
	}
}

// RFC 3261 17.2.1: one final response, which may be repeated, never replaced.
static void send_final(struct sim *sim, const struct sip_msg *msg, uint64_t hash)
{
	struct ledger_entry *server = find(sim, KIND_SERVER, transaction_key(msg));

	if (server->kind != KIND_SERVER) {
		sim_fail(sim, "final: %u to an INVITE that never came", msg->status);
		return;
	}
	if (server->number && !server->is_excused && server->hash != hash)
		sim_fail(sim, "final: %u after %u", msg->status, server->number);
	if (!server->number && sim->now_ms > server->at_ms + ANSWER_MAX_MS)
		sim_fail(sim, "final: %u after %llu ms", msg->status,
			(unsigned long long)(sim->now_ms - server->at_ms));
	server->number = msg->status;
	server->hash = hash;
	if (msg->status < 300)
		put(sim, KIND_OWN_2XX, answer_key(msg), NULL)->hash = ended_key(msg, msg->to.tag);
}

static void send_response(struct sim *sim, const struct addr *to, const struct sip_msg *msg,
	uint64_t hash)
{
	if (!has(sim, KIND_SOURCE, source_key(msg, to)))
		sim_fail(sim, "target: response to an address that never asked");
	if (msg->cseq.method == SIP_METHOD_INVITE && msg->status >= 200)
		send_final(sim, msg, hash);
}

// Our own identifiers of one leg are as secret as the far end's: by them both legs could be paired.
static void check_own(struct sim *sim, enum sim_side side, struct span text)
{
	if (span_is_empty(text))
		return;
	struct ledger_entry *own = put(sim, KIND_OWN, hash_text(9, text), NULL);
	if (own->number && own->number != side + 1)
		sim_fail(sim, "hidden: identifier %.*s is shown to both sides", SPAN_ARG(text));
	own->number = side + 1;
}

void ledger_sent(struct sim *sim, const struct addr *to, const struct sip_msg *msg,
	struct span data)
{
	enum sim_side side = world_side(to);
	struct span user = msg->contact_count ? msg->contact.uri.user : SPAN_NONE;

	check_own(sim, side, msg->from.tag);
	check_own(sim, side, msg->to.tag);
	check_own(sim, side, msg->call_id);
	check_own(sim, side, user);
	if (msg->is_request)
		send_request(sim, to, msg);
	else
		send_response(sim, to, msg, hash_text(8, data));
}

// The end -----------------------------------------------------------------------------------------

void ledger_lose_worker(struct sim *sim, uint32_t worker)
{
	for (uint32_t i = 0; i < SIM_LEDGER_MAX; i++)
		sim->ledger[i].is_excused |= sim->ledger[i].worker == worker;
}

void ledger_check_end(struct sim *sim)
{
	for (uint32_t i = 0; i < SIM_LEDGER_MAX; i++) {
		const struct ledger_entry *entry = &sim->ledger[i];

		if (entry->is_excused)
			continue;
		if (entry->kind == KIND_SERVER && !entry->number && !entry->is_dropped)
			sim_fail(sim, "final: none for the INVITE received at %llu",
				(unsigned long long)entry->at_ms);
		if (entry->kind == KIND_OWN_2XX && !entry->is_done &&
			!has(sim, KIND_ENDED, entry->hash))
			sim_fail(sim, "200: ours of %llu got no ACK and no BYE",
				(unsigned long long)entry->at_ms);
		if (entry->kind == KIND_FAR_2XX && !entry->is_done &&
			!has(sim, KIND_ENDED, entry->hash))
			sim_fail(sim, "200: the one of %llu got no ACK and no BYE of ours",
				(unsigned long long)entry->at_ms);
	}
}
