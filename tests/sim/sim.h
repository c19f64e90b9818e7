// sim.h - the simulator: cores of two workers, user agents that misbehave, a lossy network, a false
// clock.
//
// One process, one thread, everything from one seed: the same seed gives the same run. It knows
// nothing of the core's inside: messages go in, the outbox comes out, and the invariants are
// checked from outside. What the checks are worth is shown by faults put in on purpose (fault.c).
#pragma once

#include "base/rng.h"
#include "call/core.h"
#include "call/outbox.h"
#include "call/summary.h"
#include "script.h"
#include "sip/parse.h"
#include "sip/sdp.h"
#include "sip/token.h"

#include <stdio.h>

#define SIM_WORKERS   2u
#define SIM_UAS_MAX   256u
#define SIM_TEXT_MAX  4096u
#define SIM_PACKETS_MAX 8192u
#define SIM_LEDGER_MAX 65536u
#define SIM_VOICES_MAX 256u
#define SIM_LINES_MAX 8u
#define SIM_VOICE_PORT 30000u // media ports of user agent N begin at this + N * SIM_VOICE_PORTS
#define SIM_VOICE_PORTS 64u
#define SIM_RECORDS_MAX 256u
#define SIM_RECORD_MAX  4096u // bytes; what our user agents say needs no more
#define SIM_MOVED_MAX   512u
#define SIM_FETCHES_MAX 64u // in one turn
#define SIM_ORPHAN_MS  10000u
#define SIM_SILENCE_MS 15000u
#define SIM_ASKS_MAX  1024u
#define SIM_NAME      "core.example"
#define SIM_WIRES_MAX 4096u
#define SIM_UNDELIVERED_MAX 256u

#define COVER_METRICS_MAX 256u

// What user agents and the world do to the core (cover.def); what it counts itself is added.
enum cover {
#define COVER(flow, text) COVER_##flow,
#include "cover.def"
#undef COVER
	COVER_COUNT
};

enum sim_side { SIM_ACCESS, SIM_CORE, SIM_CORE6, SIM_SIDES };

struct packet {
	uint64_t due_ms;
	uint64_t order; // of sending, breaks ties
	struct addr from, to;
	sip_connection wire; // 0 = a datagram
	uint32_t len;
	char *data;
};

// A connection of a user agent: its number + 1 is its id.
struct wire {
	sip_connection id;
	struct addr peer;
	uint64_t last_ms;    // when what was sent last arrives: nothing overtakes
	uint64_t break_ms;   // UINT64_MAX = not yet
};

// Something that a core could not send, told to it in its next turn.
struct undelivered {
	uint32_t worker;
	uint64_t ticket;
	enum core_send_failure failure;
};

// One thing that was said, see ledger.c.
struct ledger_entry {
	uint64_t key;
	uint64_t hash;
	uint64_t at_ms;
	uint32_t number;
	uint64_t call;       // core_call_key() of an INVITE received; of a description: its o= id
	uint8_t kind;        // 0 = free
	uint8_t worker;      // that it belongs to
	bool is_done;
	bool is_excused;     // its worker died
	bool is_dropped;     // by overload control
};

// What is heard in a call.
struct voice {
	uint64_t token;
	uint64_t heard_ms;   // last time, or when it was first seen
	uint64_t lost_ms;    // when its worker died, 0 = never; some flows may be orphans since
	bool is_whole;       // but has its call again, with all that the record knew
	bool may_be_held;
	bool is_restored;    // its call came back from a record
	bool is_moved;       // at another worker: its ports are orphans of the old one
	uint64_t settled_ms; // then: since when it has others, 0 = not yet
};

// A call as it was stored after the last turn in which that was possible.
struct record {
	uint64_t token;      // 0 = none
	uint8_t *data;       // own [SIM_RECORD_MAX], elsewhere: the rest is looked at in every turn
	uint32_t worker;     // that owns the call
	uint32_t len;
	bool is_current;     // the call lives
};

// A worker asks for a call of another one.
// An INVITE whose call another worker has.
struct sim_handover {
	struct outbox_handover handover; // its data: `text`
	uint32_t worker;
	char text[8192];
};

struct sim_fetch {
	struct outbox_fetch fetch;
	uint32_t worker;
};

// Messages with that Call-ID go to that worker, whatever their shard says.
struct moved {
	uint64_t key;
	uint32_t worker;
};

// A request sent and not answered yet.
struct ua_client {
	bool is_active;
	bool is_provisional; // 1xx came: INVITE is not repeated any more
	bool is_excused;     // what it asked, or its answer, was lost with a connection or worker
	uint32_t cseq;
	char branch[48];
	char data[SIM_TEXT_MAX];
	uint32_t len;
	uint64_t next_ms, wait_ms, deadline_ms;
	uint16_t final;      // 0 = none yet
};

#define UA_EARLY_MAX 4u // more than branches that ring

// An early dialog that a caller is shown.
struct ua_early {
	char tag[64];
	struct ua_client prack;
	uint32_t rseq;           // last one heard
	uint32_t rseq_acked;     // and acknowledged
	bool has_body;           // of the last one
	bool is_told;            // offer and answer of the first INVITE are done in it
};

// Reliable provisional answers and UPDATE, see ua_flow.c.
struct ua_flow {
	struct ua_client client; // UPDATE
	bool is_offering;        // it carries an offer
	struct ua_early early[UA_EARLY_MAX]; // caller
	uint32_t early_count;
	bool has_body;           // called side: of the last one
	bool is_told;            // offer and answer of the first INVITE are done
	uint32_t sent_rseq;      // called side: of what was sent, 0 = nothing
	bool is_waiting;         // it has no PRACK
	char sent[SIM_TEXT_MAX];
	uint32_t sent_len;
	uint64_t repeat_ms, repeat_wait_ms, give_up_ms;
};

// Session timers, see ua_session.c.
struct ua_session {
	uint32_t interval_ms;    // in force, 0 = none
	bool is_ours;            // this side refreshes
	uint64_t begun_ms;
	uint64_t refresh_ms;     // when it does so, 0 = not
	bool is_refreshing;      // by the UPDATE under way
	uint32_t asked_s;        // by the request at hand
	bool is_asked_uas;
};

// Requests outside calls, see ua_exchange.c.
enum ua_role { UA_NONE, UA_CALLER, UA_CALLED, UA_SENDER, UA_ASKED, UA_SUBSCRIBER, UA_NOTIFIER };
struct ua_exchange {
	uint32_t asked_s;        // Expires of the last SUBSCRIBE
	uint32_t granted_s;
	uint64_t accepted_ms;    // the first one was
	bool is_notified;
	uint64_t next_ms;        // NOTIFY, or SUBSCRIBE again; 0 = no more
	uint64_t end_ms;         // notifier: of the subscription
};

// What became of its REFER, see ua_transfer.c.
struct ua_transfer {
	bool is_attended;
	bool is_reported;        // NOTIFY is wanted
	uint64_t accepted_ms;
	bool is_notified;
	bool is_ringing;         // its Replaces names one that rings
	bool has_replaced;       // its INVITE has a Replaces
};

struct ua {
	bool is_used;
	enum ua_role role;
	bool is_dead;        // hears and says nothing any more
	bool has_hung_up;    // sent BYE, awaits nothing else any more
	bool is_excused;     // a worker died while it lived
	bool is_mangled;     // a mangled message of its dialog may have been believed
	bool has_reinvited;  // received one, or sent one
	bool is_fork;        // its dialog may have been shed
	bool is_over;        // BYE sent or received, or refused
	bool is_stream;      // speaks by connections
	enum sim_side side;
	uint32_t number;
	struct addr addr;    // own
	struct script script;
	char call_id[96];
	char local_tag[48];
	char remote_tag[64];
	char local_uri[128], remote_uri[128], target[128];
	uint32_t local_cseq, remote_cseq;
	bool is_confirmed;
	bool is_offering;    // our 2xx carried an offer: the ACK answers
	struct ua_flow flow;
	struct ua_session session;
	struct ua_exchange exchange;
	struct ua_transfer transfer;
	char uuid[33], far_uuid[33]; // Session-ID
	bool is_cancelling;  // CANCEL went out
	bool is_holding, is_resumed;
	uint64_t update_ms, info_ms;
	char extra[128];     // header lines of the next answer
	uint64_t connected_ms, invite_ms, cancel_ms, reinvite_ms, hangup_ms, refer_ms;

	struct ua_client invite, other;
	char ack[SIM_TEXT_MAX]; // of the 2xx received last
	uint32_t ack_len;
	uint32_t ack_cseq;
	uint16_t finals[16];    // final status seen per INVITE CSeq (modulo 16)
	uint32_t final_cseq[16];

	// INVITE received
	bool is_serving;     // no final answer given yet
	bool is_acked;
	char server_branch[96];
	char refused_branch[96];
	char server_via[SIM_TEXT_MAX]; // lines that every answer copies
	char offer[SIM_TEXT_MAX];
	uint32_t server_cseq;
	bool is_reinvite;
	char answer[SIM_TEXT_MAX]; // last one sent
	uint32_t answer_len;
	uint16_t answer_status;
	uint64_t answer_due_ms, repeat_ms, repeat_wait_ms, repeat_end_ms;
	uint32_t sdp_version;
	uint8_t line_count;  // m= lines of the session, in order; never fewer (RFC 3264 8)
	uint8_t line_kind[SIM_LINES_MAX];
	bool is_line_off[SIM_LINES_MAX];
	enum sdp_direction offered; // of its last offer; SENDRECV also for c=0.0.0.0
};

// A name that a core has asked for.
struct sim_ask {
	uint32_t worker;
	uint64_t ticket;
	uint64_t due_ms;
	bool is_known;       // leads to hosts
};

// Windows of time, see stress.c.
struct stress {
	uint64_t overload_ms[2], drain_ms[2];
	uint64_t refused;        // the core's counters before the message at hand
};

struct sim {
	uint64_t seed;
	bool is_patient;       // calls last long enough for session timers
	bool is_refusing;      // the message at hand was refused for want of room
	struct stress stress;
	uint64_t now_ms;
	uint64_t order;
	struct rng rng;
	uint32_t loss_permille, duplicate_permille, delay_max_ms;
	bool has_names;        // the core's trunk is a name, then its two hosts
	uint32_t stream_permille;  // of user agents and hosts; 0 = no listener for it
	uint32_t break_permille;   // of connections, with each message
	uint32_t refuse_permille;  // of connections that a core opens
	struct wire wires[SIM_WIRES_MAX];
	uint32_t wire_count;
	struct undelivered undelivered[SIM_UNDELIVERED_MAX];
	uint32_t undelivered_count;
	uint32_t dns_lost_permille, dns_late_permille, dns_failed_permille;
	struct sim_ask ask[SIM_ASKS_MAX];
	uint32_t asks;
	uint32_t mutants;      // messages with flipped bytes still to be sent
	struct config config;
	struct config_trunk trunks[3];
	struct config_profile profiles[SIM_SIDES];
	struct config_route routes[5];
	struct shm_map signaling, media;
	struct flow_view view;
	struct core *cores[SIM_WORKERS];
	struct core_env envs[SIM_WORKERS];
	struct trunk_table *trunk_table;
	struct sip_keys keys;
	struct flow_counters at_start[SIM_WORKERS]; // the very first one's
	struct packet heap[SIM_PACKETS_MAX];
	uint32_t packets;
	struct ledger_entry ledger[SIM_LEDGER_MAX];
	uint32_t ledger_count;
	uint32_t worker;       // whose turn it is
	struct voice voices[SIM_VOICES_MAX];
	uint32_t voice_count;
	uint64_t voice_ms, kill_peers_ms, kill_workers_ms; // when next; 0 = never
	int fault;             // of fault.c, -1 = none
	bool is_broken;        // the fault was put in
	char fault_tag[64];
	enum sim_side fault_side;
	char failure[128];     // the first one's beginning
	struct ua uas[SIM_UAS_MAX];
	uint32_t ua_count;
	uint32_t calls_ended, calls_connected, calls_restored, calls_fetched, calls_handed;
	uint32_t pracks, updates;
	struct record records[SIM_RECORDS_MAX];
	uint8_t record_data[SIM_RECORDS_MAX][SIM_RECORD_MAX];
	uint32_t record_count; // behind the last one that was ever used
	uint32_t record_len_max;
	struct moved moved[SIM_MOVED_MAX];
	uint32_t moved_count;
	struct sim_fetch fetches[SIM_FETCHES_MAX];
	uint32_t fetch_count;
	struct sim_handover handovers[SIM_FETCHES_MAX];
	uint32_t handover_count;
	struct sip_msg msg;
	struct sdp_session sdp;
	FILE *ladder;
	bool is_verbose;
	bool is_call_ending;   // in the turn whose messages leave now
	uint32_t ends_ahead;   // of calls in that turn, behind the message at hand
	bool has_failed;
	bool is_rough;         // somebody died, lost a connection, or does not do his part
	uint32_t cover[COVER_COUNT];
	uint64_t metrics[COVER_METRICS_MAX]; // of cores, those that died too
};

// sim.c
void sim_fail(struct sim *sim, const char *format, ...) __attribute__((format(printf, 2, 3)));
bool sim_chance(struct sim *sim, uint32_t permille);
uint32_t sim_between(struct sim *sim, uint32_t low, uint32_t high);
// Nothing was lost so far, and everybody has done his part: what is asked is answered.
bool sim_is_calm(const struct sim *sim);

// cover.c: what the seeds have exercised
struct cover_totals {
	uint64_t flows[COVER_COUNT];
	uint64_t metrics[COVER_METRICS_MAX];
};
void cover(struct sim *sim, enum cover flow); // it happened once more
void cover_core(struct sim *sim, uint32_t worker); // before the core goes, once
void cover_add(struct cover_totals *totals, const struct sim *sim);
// Prints how often everything happened; returns how much never did.
uint32_t cover_report(const struct cover_totals *totals);

// world.c: configuration, cores, segment
bool world_open(struct sim *sim);
void world_close(struct sim *sim);
// Which side an address lies on, and whether it is ours.
enum sim_side world_side(const struct addr *addr);
bool world_is_ours(const struct addr *addr);
void world_receive(struct sim *sim, const struct packet *packet);
void world_turn(struct sim *sim, uint32_t worker);  // begins one
void world_flush(struct sim *sim, uint32_t worker); // ends it
void world_run(struct sim *sim);
uint64_t world_next_ms(const struct sim *sim);
void world_hangup(struct sim *sim);
bool world_is_host(const struct sim *sim, const struct addr *addr); // of some trunk
// Dies without a word; another one takes its place on the same segment.
void world_restart_worker(struct sim *sim, uint32_t worker);

void world_resolved(struct sim *sim, const struct sim_ask *ask, const struct sip_target *targets,
	uint32_t count);

// resolver.c
void resolver_ask(struct sim *sim, uint32_t worker, const struct outbox_resolve *resolve);
void resolver_run(struct sim *sim);
uint64_t resolver_next_ms(const struct sim *sim);
void resolver_forget(struct sim *sim, uint32_t worker);

// network.c
void network_send(struct sim *sim, const struct addr *from, const struct addr *to,
	struct span data);
uint64_t network_next_ms(const struct sim *sim);
void network_deliver(struct sim *sim);
void network_close(struct sim *sim); // drops what is still on its way
// By a connection; the packet's data is copied.
void network_carry(struct sim *sim, struct wire *wire, const struct packet *packet);

// stream.c
bool stream_is_open(const struct sim *sim, sip_connection id);
void stream_break_all(struct sim *sim);
void stream_from_ua(struct sim *sim, struct ua *ua, struct span data);
void stream_from_core(struct sim *sim, uint32_t worker, const struct outbox_send *send,
	const struct addr *from);
// The next failure to be told to that worker's core. False: none.
bool stream_take_failure(struct sim *sim, uint32_t worker, struct undelivered *out);
void stream_lose_worker(struct sim *sim, uint32_t worker);

// ledger.c
bool ledger_is_repeated(struct sim *sim, struct span data);
bool ledger_was_sent(struct sim *sim, struct span data); // only looks
// Overload control threw the INVITE away without an answer.
void ledger_dropped(struct sim *sim, const struct sip_msg *msg);
// A mangled copy came, of an INVITE maybe before itself: who sent that has the answer.
void ledger_mangled(struct sim *sim, const struct sip_msg *msg);
// The call with that Call-ID goes to another worker, without the transactions that it had.
void ledger_moved(struct sim *sim, uint64_t key);
// The border describes its session in that message: a new description has a higher version.
void ledger_described(struct sim *sim, const struct sip_msg *msg, const struct sdp_session *sdp);
// Whether that ACK was sent before, then with other fields around.
bool ledger_is_acked_again(struct sim *sim, const struct sip_msg *ack);
// Whether the border sent a BYE to the user agent with that tag.
bool ledger_has_ended(struct sim *sim, struct span call_id, struct span tag);
// The INVITE of that branch, of the dialog of `msg`, has our final answer.
bool ledger_is_answered(struct sim *sim, const struct sip_msg *msg, const char *branch,
	uint32_t cseq);
// The INVITE that `msg` answers was a worker's that died, or a mangled one.
bool ledger_is_excused(struct sim *sim, const struct sip_msg *msg);
// Sent to where mangled copies come from.
void ledger_sent_astray(struct sim *sim, const struct sip_msg *msg);
void ledger_received(struct sim *sim, const struct addr *from, const struct sip_msg *msg);
void ledger_named(struct sim *sim, const struct sip_msg *msg); // its Contact may be called
void ledger_sent(struct sim *sim, const struct addr *to, const struct sip_msg *msg,
	struct span data);
void ledger_lose_worker(struct sim *sim, uint32_t worker);
void ledger_check_end(struct sim *sim);

// event.c
struct voice *voice_of(struct sim *sim, uint64_t token); // made if it is not there
void event_run(struct sim *sim);
uint64_t event_next_ms(const struct sim *sim);

// record.c
void record_keep(struct sim *sim, uint32_t worker); // after each turn of that worker
// Workers of the bits of `dead` have died and are back, without a call.
void record_restore(struct sim *sim, uint64_t dead);
void record_forget(struct sim *sim, uint64_t dead); // the store was lost with them
// Another worker's call goes to `worker`.
void record_hand_over(struct sim *sim, const struct sim_handover *asked);
void record_fetch(struct sim *sim, uint32_t worker, const struct outbox_fetch *fetch);
void record_moved(struct sim *sim, uint32_t worker, uint64_t token);
void record_gone(struct sim *sim, uint32_t worker, uint64_t key); // its call is over
// Who has the dialog with that Call-ID, as far as dispatch knows.
uint32_t record_worker_of_call(const struct sim *sim, const char *call_id);
// Where a message goes that belongs to `worker` by its shard.
uint32_t record_worker_of(const struct sim *sim, struct span message, uint32_t worker);

// fault.c
int fault_find(const char *name); // -1: no such fault
const char *fault_name(uint32_t fault); // NULL: no more
// Whether the failure is that of the fault, or what may follow from it.
bool fault_is_found(int fault, const char *failure);
bool fault_is(const struct sim *sim, const char *name);
// True: the fault has dealt with the message.
bool fault_send(struct sim *sim, const struct addr *from, const struct addr *to, struct span data);
void fault_call_ended(struct sim *sim, uint32_t worker, const struct call_summary *summary);
bool fault_is_quiet(const struct sim *sim); // it needs calm and patience
void fault_weather(struct sim *sim); // what lets it show more often than chance would
void fault_run(struct sim *sim);
void fault_record(struct sim *sim, struct record *record); // that is about to come back
void fault_end(struct sim *sim); // before the last check

// check_id.c: Session-ID
void ua_put_session_id(const struct ua *ua, char *buf, uint32_t cap);
void check_session_id(struct sim *sim, struct ua *ua, const struct sip_msg *msg);

// check.c: what must always hold
void check_received(struct sim *sim, const struct packet *packet);
void check_sent(struct sim *sim, const struct addr *from, const struct addr *to, struct span data);
// Whether nothing in it is of another side than that one.
bool check_is_hidden(enum sim_side side, struct span data);
// Before check_sent(): what a connection may carry, and whether the message says that it does.
void check_carried(struct sim *sim, struct span data, bool is_stream);
void check_flows(struct sim *sim);
void check_end(struct sim *sim);

// ua.c, ua_message.c, ua_transfer.c
struct ua_request;
extern const char *const sim_secret[SIM_SIDES];
struct ua *ua_new(struct sim *sim, enum sim_side side, const struct addr *addr);
void ua_name(struct ua *ua, const char *number); // what it asks and calls itself
void ua_call(struct sim *sim, struct ua *ua, const char *number);
void ua_invite(struct sim *sim, struct ua *ua); // the first one, also once more
// REFER to a number, or to another's dialog.
void ua_refer(struct sim *sim, struct ua *ua);
// Names the dialog of some other user agent of that side that talks, or rings; "" = nobody does.
void ua_put_replaces(struct sim *sim, struct ua *ua, bool is_escaped, char *buf);
bool ua_transfer_receive(struct sim *sim, struct ua *ua, const struct sip_msg *msg);
void ua_transfer_response(struct sim *sim, struct ua *ua, const struct sip_msg *msg);
void ua_transfer_run(struct sim *sim, struct ua *ua);
void ua_request_send(struct sim *sim, struct ua *ua, const struct ua_request *request);
void ua_receive(struct sim *sim, const struct packet *packet);
void ua_run(struct sim *sim, struct ua *ua);
void ua_hangup(struct sim *sim, struct ua *ua);
void ua_bye(struct sim *sim, struct ua *ua);
uint64_t ua_next_ms(const struct ua *ua);
struct script ua_script(struct sim *sim);

struct ua_request {
	const char *method;
	uint32_t cseq;
	const char *branch; // NULL = a new one
	const char *body;   // "" = none
	const char *type;   // of the body, NULL = a session description
	const char *headers; // whole lines, NULL = none
};
// Into `buf`; returns its length.
uint32_t ua_put_request(struct sim *sim, struct ua *ua, const struct ua_request *request,
	char *buf);
uint32_t ua_put_answer(struct sim *sim, struct ua *ua, uint16_t status, const char *body,
	char *buf);
void ua_append(char *buf, uint32_t *len, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
// ua_sdp.c
// The session description of a message, also out of a multipart; empty: none.
struct span ua_description(const struct sip_msg *msg);
// Whether an answer has the lines of the offer, in their order.
void ua_check_answer(struct sim *sim, const struct ua *ua, struct span answer);
void ua_put_offer(struct sim *sim, struct ua *ua, bool is_hold, char *buf);
// The answer to an offer, line by line. False: it could not be parsed.
bool ua_put_sdp_answer(struct sim *sim, struct ua *ua, struct span offer, char *buf);
void ua_client_send(struct sim *sim, struct ua *ua, struct ua_client *client,
	const struct ua_request *request);
void ua_client_run(struct sim *sim, struct ua *ua, struct ua_client *client); // not for INVITE
void ua_reply(struct sim *sim, struct ua *ua, const struct sip_msg *msg, uint16_t status,
	const char *body);
void ua_answer(struct sim *sim, struct ua *ua, uint16_t status); // to the INVITE at hand

// ua_session.c
void ua_session_put_request(const struct ua *ua, char *buf, uint32_t cap);
void ua_session_hear_request(struct sim *sim, struct ua *ua, const struct sip_msg *msg);
void ua_session_put_answer(struct sim *sim, struct ua *ua, uint16_t status, char *buf,
	uint32_t cap);
void ua_session_hear_answer(struct sim *sim, struct ua *ua, const struct sip_msg *msg);
bool ua_session_retry(struct sim *sim, struct ua *ua, const struct sip_msg *msg);
bool ua_session_refuses(const struct ua *ua, const struct sip_msg *invite); // with 422
void ua_session_end(struct sim *sim, struct ua *ua); // a BYE came
void ua_session_run(struct sim *sim, struct ua *ua);

// ua_exchange.c
void ua_exchange_start(struct sim *sim, struct ua *ua, const char *number);
enum ua_role ua_exchange_role(const struct sip_msg *msg);
bool ua_exchange_receive(struct sim *sim, struct ua *ua, const struct sip_msg *msg);
void ua_exchange_response(struct sim *sim, struct ua *ua, const struct sip_msg *msg);
void ua_exchange_run(struct sim *sim, struct ua *ua);

// stress.c
void stress_plan(struct sim *sim);
void stress_turn(struct sim *sim, uint32_t worker);
void stress_before(struct sim *sim, uint32_t worker);
void stress_after(struct sim *sim, uint32_t worker, const struct addr *from);

// ua_flow.c
uint32_t flow_put_self(const struct ua *ua, char *buf, uint32_t cap);
uint32_t flow_put_invite(const struct ua *ua, char *buf, uint32_t cap);
void flow_hear_provisional(struct sim *sim, struct ua *ua, const struct sip_msg *msg);
void flow_hear_final(struct sim *sim, struct ua *ua, const struct sip_msg *msg);
bool flow_provisional(struct sim *sim, struct ua *ua, const struct sip_msg *invite);
bool flow_receive(struct sim *sim, struct ua *ua, const struct sip_msg *msg);
void flow_response(struct sim *sim, struct ua *ua, const struct sip_msg *msg);
void flow_run(struct sim *sim, struct ua *ua);
bool flow_is_asking(const struct ua *ua); // a PRACK or UPDATE of its own is under way
uint64_t flow_next_ms(const struct ua *ua);

// ua_fork.c
void fork_ring(struct sim *sim, struct ua *ua, const struct sip_msg *invite);
bool fork_answer(struct sim *sim, struct ua *ua); // false: the branch has answered for itself
bool fork_silences(struct sim *sim, const struct ua *ua);
void fork_cancel(struct sim *sim, const struct ua *ua);
void fork_cover(struct sim *sim, const struct ua *ua, uint16_t status);
// Another branch rings or has answered; only such as have answered.
bool fork_has_other(const struct sim *sim, const struct ua *ua, bool is_answered);

void ua_transmit(struct sim *sim, struct ua *ua, const char *data, uint32_t len);
struct addr ua_muga(const struct ua *ua);
