// target.h - where requests of a call go: the hosts of a trunk one after the other, names looked up
// (RFC 3263), and the next hop of a dialog.
//
// Pure, owner thread. Each target has its listener: the realm's first one of its transport and
// family.
#pragma once

#include "call/env.h"
#include "call/summary.h"
#include "sip/dialog.h"
#include "sip/locate.h"
#include "sip/transaction.h"

struct call;

// What is left to be tried for the first INVITE.
struct call_targets {
	struct sip_target *list; // [room], in the call's arena
	uint32_t count, next;    // list[next] is tried next
	uint32_t room;
	uint32_t trunk;          // index, whose hosts come after the list
	uint32_t host;           // of it, the next one
	struct sip_text place;   // of the list: host[:port][;transport=], for the Request-URI
	struct sip_text name;    // that led there, empty = an address
	bool is_sips;            // the caller asked for it: all must be so (RFC 3261 26.2.2)
	bool is_secure;          // of the list: sips
	uint64_t ticket;         // of the answer that is awaited, 0 = none
};

// The next hop of a dialog, where that is a name.
#define LEG_TARGETS_MAX 3u // more are not tried within a dialog
struct leg_next {
	uint64_t key;            // of the URI, 0 = none looked up yet
	uint64_t ticket;         // of the answer that is awaited, 0 = none
	uint64_t asked_ms;       // when it was looked up last
	struct sip_target targets[LEG_TARGETS_MAX]; // in the order in which to try them
	uint8_t count, at;       // [at] is in use; count 0: the name leads nowhere
	bool is_ack_due;         // an ACK waits for the answer
};

enum target_result {
	TARGET_READY,   // leg B's hop is the next one
	TARGET_WAITING, // invite_resolved() follows
	TARGET_NONE,    // all were tried
};

// Goes on to the next target of the call: the rest of the list, then the trunk's next host.
enum target_result target_next(struct call *call, const struct core_env *env);
// Whether target_next() has anything left.
bool target_has_next(const struct call *call, const struct core_env *env);
// The contact of that number at a PBX that has one for all (RFC 6140 5.3). False: it has none.
bool target_put_bulk(struct sip_writer *w, const struct config_trunk *trunk, struct span user);
// The called user at the place in use, as Request-URI: "sip:" or "sips:", user, place.
void target_put_uri(struct sip_writer *w, const struct call *call, struct span user);

// Where the next request in the leg's dialog goes: its next hop where that can be believed to be
// the far end's. False: its name is being looked up, and *hop is where the far end's messages come
// from; an ACK that is_ack_due and a BYE that is_bye_due are sent when the answer came.
bool target_of_dialog(struct call *call, const struct core_env *env, enum call_side side,
	struct sip_hop *hop);
// A request by it failed: the next one of its targets is used from now on (RFC 3263 4.3). False:
// there is no other.
bool target_of_dialog_failed(struct call *call, enum call_side side);
// The first INVITE waits no more.
void target_forget(struct call *call);

// For requests outside calls: where a host that is an address is, and any host as a place.
uint32_t target_of_host(const struct core_env *env, uint32_t realm, const struct config_host *host,
	struct sip_target targets[SIP_TARGETS_MAX]);
struct sip_place target_place(const struct config_host *host);
// host[:port][;transport=], for a Request-URI; of sips, which says it, if `is_secure`.
void target_put_host(struct sip_writer *w, const struct config_host *host, bool is_secure);
// Index of the realm's listener that sends to the target, -1: it has none.
int target_listener(const struct config_realm *realm, const struct sip_target *target);
// Requests to ourselves would run in circles.
bool target_is_own(const struct config *config, const struct addr *addr);

// What a realm can dial.
void target_ability(const struct config_realm *realm, struct sip_ability *out);
