// sim.h - the simulator: cores of two workers, user agents that misbehave, a lossy network, a false
// clock.
//
// One process, one thread, everything from one seed: the same seed gives the same run. It knows
// nothing of the core's inside: messages go in, the outbox comes out, and the invariants are
// checked from outside.
#pragma once

#include "base/rng.h"
#include "call/core.h"
#include "call/outbox.h"
#include "call/summary.h"
#include "sip/parse.h"
#include "sip/sdp.h"

#include <stdio.h>

#define SIM_WORKERS   2u
#define SIM_UAS_MAX   256u
#define SIM_TEXT_MAX  4096u
#define SIM_PACKETS_MAX 8192u
#define SIM_SEEN_MAX  8192u

enum sim_side { SIM_ACCESS, SIM_CORE, SIM_CORE6, SIM_SIDES };

struct packet {
	uint64_t due_ms;
	uint64_t order; // of sending, breaks ties
	struct addr from, to;
	uint32_t len;
	char *data;
};

// What a user agent does with its call; chosen at random.
struct script {
	uint32_t ring_ms;     // callee: time from INVITE to the final answer
	uint32_t talk_ms;     // after the ACK until it hangs up, 0 = leaves that to the other
	uint32_t cancel_ms;   // caller: gives up after that time, 0 = never
	uint32_t reinvite_ms; // after the ACK: changes the session, 0 = never
	uint16_t status;      // callee: final answer
	bool is_silent;       // answers nothing at all
	bool is_late;         // caller: INVITE without an offer
	bool has_early_media; // callee: 183 with a session description
	bool is_ackless;      // caller: never sends the ACK of a 2xx
	bool is_forked;       // callee: a second 2xx from another branch
	bool has_video;
	uint8_t hold;         // of the re-INVITE: 0 sendonly, 1 inactive, 2 c=0.0.0.0, 3 no offer
};

// A request sent and not answered yet.
struct ua_client {
	bool is_active;
	bool is_provisional; // 1xx came: INVITE is not repeated any more
	uint32_t cseq;
	char branch[48];
	char data[SIM_TEXT_MAX];
	uint32_t len;
	uint64_t next_ms, wait_ms, deadline_ms;
	uint16_t final;      // 0 = none yet
};

struct ua {
	bool is_used;
	bool is_caller;
	bool is_over;        // BYE sent or received, or refused
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
	uint64_t connected_ms, invite_ms, cancel_ms, reinvite_ms, hangup_ms;

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
	char server_via[SIM_TEXT_MAX]; // lines that every answer copies
	char offer[SIM_TEXT_MAX];
	uint32_t server_cseq;
	bool is_reinvite;
	char answer[SIM_TEXT_MAX]; // last one sent
	uint32_t answer_len;
	uint16_t answer_status;
	uint64_t answer_due_ms, repeat_ms, repeat_wait_ms, repeat_end_ms;
	uint32_t sdp_version;
};

struct sim {
	uint64_t seed;
	uint64_t now_ms;
	uint64_t order;
	struct rng rng;
	uint32_t loss_permille, duplicate_permille, delay_max_ms;
	uint32_t mutants;      // messages with flipped bytes still to be sent
	struct config config;
	struct config_trunk trunks[3];
	struct config_route routes[4];
	struct shm_map signaling, media;
	struct flow_view view;
	struct core *cores[SIM_WORKERS];
	struct core_env envs[SIM_WORKERS];
	struct trunk_table *trunk_table;
	struct flow_counters at_start[SIM_WORKERS];
	struct packet heap[SIM_PACKETS_MAX];
	uint32_t packets;
	uint64_t seen[SIM_SEEN_MAX]; // hashes of messages of ours that were checked
	uint32_t seen_count;
	struct ua uas[SIM_UAS_MAX];
	uint32_t ua_count;
	uint32_t calls_ended, calls_connected;
	struct sip_msg msg;
	struct sdp_session sdp;
	FILE *ladder;
	bool is_verbose;
	bool has_failed;
};

// sim.c
void sim_fail(struct sim *sim, const char *format, ...) __attribute__((format(printf, 2, 3)));
bool sim_chance(struct sim *sim, uint32_t permille);
uint32_t sim_between(struct sim *sim, uint32_t low, uint32_t high);

// world.c: configuration, cores, segment
bool world_open(struct sim *sim);
void world_close(struct sim *sim);
// Which side an address lies on, and whether it is ours.
enum sim_side world_side(const struct addr *addr);
bool world_is_ours(const struct addr *addr);
void world_receive(struct sim *sim, const struct packet *packet);
void world_run(struct sim *sim);
uint64_t world_next_ms(const struct sim *sim);
void world_hangup(struct sim *sim);

// network.c
void network_send(struct sim *sim, const struct addr *from, const struct addr *to,
	struct span data);
uint64_t network_next_ms(const struct sim *sim);
void network_deliver(struct sim *sim);

// check.c: what must always hold
void check_sent(struct sim *sim, const struct addr *from, const struct addr *to, struct span data);
void check_flows(struct sim *sim);
void check_end(struct sim *sim);

// ua.c, ua_message.c
extern const char *const sim_secret[SIM_SIDES];
struct ua *ua_new(struct sim *sim, enum sim_side side, const struct addr *addr);
void ua_call(struct sim *sim, struct ua *ua, const char *number, const struct addr *muga);
void ua_receive(struct sim *sim, const struct packet *packet);
void ua_run(struct sim *sim, struct ua *ua);
uint64_t ua_next_ms(const struct ua *ua);
struct script ua_script(struct sim *sim);

struct ua_request {
	const char *method;
	uint32_t cseq;
	const char *branch; // NULL = a new one
	const char *body;   // "" = none
};
// Into `buf`; returns its length.
uint32_t ua_put_request(struct sim *sim, struct ua *ua, const struct ua_request *request,
	char *buf);
uint32_t ua_put_answer(struct ua *ua, uint16_t status, const char *body, char *buf);
void ua_put_offer(struct sim *sim, struct ua *ua, bool is_hold, char *buf);
// The answer to an offer, line by line. False: it could not be parsed.
bool ua_put_sdp_answer(struct sim *sim, struct ua *ua, struct span offer, char *buf);
void ua_transmit(struct sim *sim, struct ua *ua, const char *data, uint32_t len);
struct addr ua_muga(const struct ua *ua);
