// driver.h - places calls through a border controller and answers them, both ends in one process.
//
// The two ends may live in two network namespaces. The called user is "c<number>", by which the
// answering end finds the call again: nothing else that the caller wrote needs to survive the
// border.
#pragma once

#include "../sip_text.h"
#include "stream.h"

#include <stdio.h>

enum { CALLER, CALLEE, SIDES };

struct driver_params {
	const char *netns[SIDES];          // path or NULL
	const char *ip[SIDES];
	uint16_t sip_port[SIDES];
	struct sockaddr_storage border;    // where the caller sends its INVITEs
	const char *border_host;           // as in the Request-URI
	const char *prefix;                // of the called user, taken off by the border's routing
	const char *flows_path;            // NULL, or write flows here when all calls stand
	uint32_t calls;
	uint32_t rate_per_s;               // new calls per second
	uint32_t hold_ms;                  // of each call, from its answer
	uint16_t rtp_port[SIDES];          // of call 0; call i has + 2 i
	const char *srtp;                  // suite that the caller offers, NULL: plain RTP
	bool has_media;                    // false: signaling only
	bool is_callee_silent;             // one-way media
};

enum call_state { CALL_IDLE, CALL_INVITED, CALL_ANSWERED, CALL_DRAINING, CALL_ENDING, CALL_DONE,
	CALL_FAILED };

struct call {
	enum call_state state;
	uint32_t number;
	int failure;                       // SIP status, 0 = no answer
	int bye_status;                    // 0 = BYE not answered
	struct stream stream[SIDES];
	char key[96], remote_key[96];      // base64, what the caller sends and hears under
	char target[256];                  // remote target of the caller: the border's Contact
	char to[256];                      // To with the border's tag
	char callee_from[256], callee_to[256], callee_call_id[256];
	char answer[SIP_TEXT_MAX];         // the callee's 200, sent again until the ACK
	bool is_acked;
	bool is_callee_ended;              // the BYE has reached the callee
	uint64_t answered_ns, next_ns;     // next_ns: retransmission or next step
	uint64_t callee_next_ns;
	uint32_t tries, callee_tries;
};

struct driver {
	struct driver_params params;
	int sip_fd[SIDES];
	int epoll_fd;
	char tag[16];
	struct call *calls;
	uint32_t started, finished;
	uint32_t strays;                   // SIP messages that belong to no call
};

// 0 or -errno with a message on stderr.
int driver_init(struct driver *driver, const struct driver_params *params);
// Until all calls ended. `until_eof`: calls stand until standard input ends.
void driver_run(struct driver *driver, bool until_eof);
void driver_fini(struct driver *driver);
// One JSON object. Returns whether every call was answered and ended and none of its packets is
// missing.
bool driver_report(const struct driver *driver, FILE *out);

// dialog.c: what is said in SIP
void dialog_invite(struct driver *driver, struct call *call, uint64_t now_ns);
void dialog_bye(struct driver *driver, struct call *call);
void dialog_receive(struct driver *driver, int side, uint64_t now_ns);
void dialog_send_answer(struct driver *driver, struct call *call);
