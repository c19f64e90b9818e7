// worker_ended.c - what is told about a call when it is over: one log line, one entry in a ring.
#include "worker_private.h"

#include "base/log.h"

#include <stdio.h>

#define LEG_TEXT_MAX 320

// Names come from the network: quotes and control characters would forge log fields.
static void party_copy(const char *name, char out[CALL_PARTY_MAX])
{
	size_t i = 0;
	for (; i + 1 < CALL_PARTY_MAX && name[i] != '\0'; i++) {
		unsigned char c = (unsigned char)name[i];
		out[i] = c <= ' ' || c >= 0x7f || c == '"' || c == '=' || c == '\\' ? '?' : (char)c;
	}
	out[i] = '\0';
}

static void leg_format(const struct leg_info *leg, char side, char out[LEG_TEXT_MAX])
{
	char peer[ADDR_TEXT_MAX];
	addr_format(&leg->signaling, peer);
	snprintf(out, LEG_TEXT_MAX,
		"%c_realm=%s %c_trunk=%s %c_peer=%s %c_packets=%llu %c_lost=%llu %c_loss=%.4f "
		"%c_jitter_ms=%.1f %c_mos=%.2f",
		side, leg->realm, side, leg->trunk[0] != '\0' ? leg->trunk : "-", side, peer, side,
		(unsigned long long)leg->packets, side, (unsigned long long)leg->lost, side,
		leg->loss, side, leg->jitter_ms, side, leg->mos);
}

static void log_ended(const struct call_summary *summary)
{
	const struct call_info *info = &summary->info;
	char from[CALL_PARTY_MAX], to[CALL_PARTY_MAX], a[LEG_TEXT_MAX], b[LEG_TEXT_MAX];
	const char *by = summary->cause != CALL_CAUSE_BYE ? "-"
		: summary->ended_by == CALL_LEG_A         ? "a"
							  : "b";

	if (!log_is_on(LOG_CALL, LOG_LEVEL_INFO, info->token))
		return; // to write floating-point numbers for nobody takes its time
	party_copy(info->from, from);
	party_copy(info->to, to);
	leg_format(&info->legs[CALL_LEG_A], 'a', a);
	leg_format(&info->legs[CALL_LEG_B], 'b', b);
	LOG_AT(CALL, INFO, info->token, "call_end",
		"from=%s to=%s cause=%s by=%s code=%u emergency=%s session_id=%s codec=%s "
		"setup_ms=%u duration_ms=%u %s %s",
		from, to, call_cause_name(summary->cause), by, summary->code,
		info->is_emergency ? "yes" : "no",
		info->session_id[0] != '\0' ? info->session_id : "-",
		info->codec[0] != '\0' ? info->codec : "-", info->setup_ms, info->duration_ms, a,
		b);
}

void worker_call_ended(struct worker *worker, const struct call_summary *summary)
{
	struct worker_ended *ended = &worker->ended;
	ended->calls[ended->count % WORKER_ENDED_MAX] = *summary;
	ended->count++;
	log_ended(summary);
}

const struct call_summary *worker_ended_at(const struct worker *worker, uint32_t age)
{
	const struct worker_ended *ended = &worker->ended;
	if (age >= WORKER_ENDED_MAX || age >= ended->count)
		return NULL;
	return &ended->calls[(ended->count - 1 - age) % WORKER_ENDED_MAX];
}
