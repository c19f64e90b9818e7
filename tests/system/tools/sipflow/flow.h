// flow.h - scripts at work: each flow is one script with parties of its own, many run at a time.
#pragma once

#include "party.h"

#include <stdio.h>

enum flow_state { FLOW_WAITING, FLOW_RUNNING, FLOW_SETTLING, FLOW_GOOD, FLOW_FAILED };

struct inbox {
	struct inbox *next;
	int party;            // index, -1 = outside a dialog, for whoever expects it
	int side;
	uint32_t connection;
	char *text;
};

struct flow {
	const struct script *script;
	uint32_t number;      // in the called user
	enum flow_state state;
	struct party parties[PARTIES_MAX];
	uint32_t step;
	uint64_t until_ns;    // of the step at hand
	struct inbox *inbox;
	struct bytes ladder;  // what happened, for failures
	uint64_t *seen;       // hashes of what came: repetitions are none of the script's business
	size_t seen_count;
	uint64_t repeated;
	char reason[400];
};

struct stage {
	struct world world;
	struct flow *flows;
	uint32_t count;
	uint32_t patience_ms; // that an expected message may take
	uint64_t strays;      // messages that belong to no flow
	FILE *trace;          // every message, NULL = none
};

void flow_init(struct stage *stage, struct flow *flow, const struct script *script,
	uint32_t number);
void flow_fini(struct flow *flow);
// Goes as far as it can.
void flow_run(struct stage *stage, struct flow *flow, uint64_t now_ns);
// The wire's messages come by this.
void stage_receive(void *stage, const struct wire_message *message);

// find.c: whose a message is ----------------------------------------------------------------------

// The flow, NULL = none, and its party (-1: whoever expects it).
struct flow *find_flow(struct stage *stage, const struct wire_message *message, int *party);
