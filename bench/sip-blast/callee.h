// callee.h - the called side: 100, 180 and 200 to each INVITE, the 200 again until its ACK.
#pragma once

#include "line.h"
#include "port.h"

#define CALLEE_STEPS 7u

struct callee_answer {
	uint32_t generation;
	bool is_waiting;             // for the ACK
	uint64_t call_id;            // hash
	uint32_t next;               // in its bucket, 1 + index, 0 = end
	uint32_t step;
	uint32_t len;
	struct sockaddr_in target;
	char *data;                  // the 200; owned
};

struct callee {
	struct blast_port *port;
	const char *body;            // answer
	struct callee_answer *answers;
	uint32_t *buckets;           // 1 + index, 0 = empty
	uint32_t *free_slots, free_count, max;
	struct line repeat[CALLEE_STEPS];
	uint64_t invites, byes, repeated, unacknowledged, full;
};

bool callee_init(struct callee *callee, struct blast_port *port, const char *body, uint32_t max);
void callee_free(struct callee *callee);
void callee_receive(struct callee *callee, const struct blast_datagram *datagram, uint64_t now_ns);
void callee_run(struct callee *callee, uint64_t now_ns);
