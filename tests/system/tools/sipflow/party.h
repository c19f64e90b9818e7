// party.h - one user agent of a flow: its dialog, what it sends and what it makes of what it gets.
#pragma once

#include "script.h"
#include "wire.h"

enum { PENDING_MAX = 8, SENT_MAX = 12, TEXT_MAX = 16384 };

struct sent {                 // our last request of a method
	char method[16];
	char branch[64], uri[256];
	uint32_t cseq;
	uint16_t status;      // of its last answer
};

struct pending {              // the far end's last request of a method, for answers to it
	char method[16];
	char *text;
};

struct party {
	const char *name;
	int side;
	uint32_t connection;
	uint32_t user;        // number in the called user
	char call_id[128], local_tag[48], remote_tag[128];
	char local_uri[256], remote_uri[256];
	char target[256];     // remote target
	char routes[1024];    // Route lines
	bool is_confirmed;    // an INVITE was answered by 2xx
	uint32_t twin;        // 1 + number of the party whose INVITE made this dialog, 0 = own
	bool has_twin;        // its INVITE made other dialogs, told apart by tags
	uint32_t cseq, remote_cseq, branches;
	uint32_t rseq;        // of our last reliable answer
	uint32_t remote_rseq; // of theirs
	char rack[96];        // that our PRACK says
	char rack_due[96];    // that theirs must say
	uint32_t sdp_version;
	char nonce[64];       // of our last challenge
	char *challenge;      // theirs
	struct sent sent[SENT_MAX];
	struct pending pending[PENDING_MAX];
};

// The world that parties of one run share.
struct world {
	struct wire wire;
	char run[16];         // makes identifiers of this run unlike others
	const char *prefix;   // before the called user's number
};

// Lines made of a step's headers, with {PARTY.FIELD} filled in by the caller.
struct party_step {
	const struct step *step;
	const char *lines;
};

void party_init(struct party *party, const struct world *world, const char *name, uint32_t user);
void party_fini(struct party *party);
// The other one's INVITE: to be answered by a tag of our own, or, of a caller, another early dialog
// that it made. `other_number` is that party's.
void party_fork(struct party *party, struct party *other, uint32_t other_number);
// Whether a message belongs to the dialog of a party that has or is a twin.
bool party_is_dialog(const struct party *party, const char *text);
// Reason, or NULL: it was sent. `text`: the message, TEXT_MAX bytes.
const char *party_send(struct party *party, struct world *world, const struct party_step *what,
	char *text);
// Checks and remembers a message that the script expected. Reason, or NULL.
const char *party_receive(struct party *party, const struct step *step, const char *text);

// Whether that CANCEL is for the INVITE that the party has got.
bool party_has_invite(const struct party *party, const char *branch);

// The top Via's branch; false: none.
bool party_branch(const char *text, char *out, size_t size);
// The value of a tag parameter; empty: none.
void party_tag(const char *header, char *out, size_t size);
struct sent *party_sent(struct party *party, const char *method);
struct pending *party_pending(struct party *party, const char *method);
