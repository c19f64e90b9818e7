// script.h - a call flow as a text: what each party sends and must see, in order.
//
//   # comment
//   a > INVITE sdp               a sends an INVITE with an offer
//   	Supported: 100rel         ... and with this header line
//   b < INVITE sdp               b must get an INVITE with a session description
//   	Supported: .*100rel       ... with such a header (extended regular expression, any case)
//   	!Authorization            ... and without that one
//   b > 183 sdp=sendonly rel     answers the INVITE reliably (RFC 3262)
//   a < 183 sdp=sendonly rel
//   b > 200 UPDATE               answers another request
//   a < 200|481 BYE              where a race may end in two ways
//   a > ACK
//   sleep 500                    milliseconds, in which nothing need happen
//   b2 forks b                   b2 answers the same INVITE by a tag of its own
//   a2 forks a                   a2 is another early dialog that a's INVITE has made
//   a reconnects, a breaks       closes its connection, properly or by a reset
//   a answers BYE                by 200, if one comes at all: for races that may end in two ways
//   b > 401 challenge=SHA-256,MD5  a > INVITE auth=MD5  b < INVITE auth
//
// A party's first letter is its side, `a` or `b`. What the parties get is looked for in the order
// of the script, whatever came between; at the end nothing may be left. Identifiers, Via, CSeq,
// RSeq and RAck are made and checked by themselves. {b.call-id}, {b.local-tag}, {b.remote-tag} in
// a header line are those of a party's dialog.
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum { PARTIES_MAX = 8, HEADERS_MAX = 12 };

enum step_op { STEP_SEND, STEP_EXPECT, STEP_SLEEP, STEP_FORK, STEP_HANG_UP, STEP_ANSWERS };

struct step_header {
	char name[48];
	char value[400];
	bool is_absent;       // must not be there
};

struct step {
	enum step_op op;
	uint32_t line;        // in the file
	uint32_t party, other; // other: of a fork, whose dialog
	uint16_t status;      // 0: a request
	uint16_t status_else; // that will do as well, 0 = none
	char method[16];      // of the request, or of that which is answered
	bool has_sdp, is_reliable, has_auth, is_abrupt;
	char direction[16];   // of the session description
	char algorithms[64];  // of challenge= and auth=
	uint32_t ms;          // of sleep
	struct step_header headers[HEADERS_MAX];
	uint32_t header_count;
};

struct script {
	const char *name;
	char parties[PARTIES_MAX][8];
	uint32_t party_count;
	struct step *steps;
	uint32_t count;
};

// Message on stderr and false: the file is no script.
bool script_load(struct script *script, const char *path);
void script_free(struct script *script);
