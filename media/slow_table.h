// slow_table.h - the legs with ICE or DTLS: found by their port, kept in step with signaling's
// records, their results published.
//
// Owned by the slow thread. Reads signaling's file outside the epochs: copies, checked whole. Truth
// is the tables: what a lane tells is a hint, and a sweep finds what it did not tell.
#pragma once

#include "lane_run.h"
#include "secure/secure_session.h"
#include "slow_link.h"

struct slow_table;

struct slow_table_counters {
	_Atomic uint64_t sessions;	   // now
	_Atomic uint64_t sessions_refused; // no memory, or too many
	_Atomic uint64_t departures_lost;  // the ring to a lane was full
};

// `links` are the rings of `lanes` lanes, borrowed. `unix_s` is for the certificate. NULL: out of
// memory, or OpenSSL refuses.
struct slow_table *slow_table_new(struct slow_link *links, uint32_t lanes, uint64_t unix_s);
void slow_table_free(struct slow_table *table);

// Another pair of files, or NULL: all sessions end, the certificate is told. 0; -ENOMEM: nothing is
// attached.
int slow_table_attach(
	struct slow_table *table, const struct lane_attachment *attachment, uint64_t now_ms);

void slow_table_receive(
	struct slow_table *table, const struct slow_arrival *arrival, uint64_t now_ms);
// Timers, and a part of the sweep.
void slow_table_run(struct slow_table *table, uint64_t now_ms);
// Another certificate when it is time; sessions keep theirs.
void slow_table_renew(struct slow_table *table, uint64_t unix_s);

const struct slow_table_counters *slow_table_counters(const struct slow_table *table);
const struct secure_env *slow_table_env(const struct slow_table *table);
