// ua_transfer.c - user agents that hand their party on, or take another's place.
#include "sim.h"

#define REPORT_MS 5000u // after the 202 the first NOTIFY is here (RFC 3515 2.4.4)

static bool is_talking(const struct ua *ua)
{
	return ua->is_confirmed && !ua->is_over && !ua->is_dead && ua->connected_ms;
}

// Called, and not yet answered: the caller's dialog with it may be taken (RFC 3891 3).
static bool is_ringing(const struct ua *ua)
{
	return ua->role == UA_CALLED && ua->is_serving && !ua->is_confirmed && ua->remote_tag[0];
}

void ua_put_replaces(struct sim *sim, struct ua *ua, bool is_escaped, char *buf)
{
	uint32_t start = rng_below(&sim->rng, sim->ua_count);
	bool is_early = sim_chance(sim, 400);

	buf[0] = 0;
	ua->transfer.is_ringing = is_early;
	for (uint32_t i = 0; i < sim->ua_count; i++) {
		const struct ua *other = &sim->uas[(start + i) % sim->ua_count];

		if (other == ua || other->side != ua->side ||
			!(is_early ? is_ringing(other) : is_talking(other)))
			continue;
		if (is_escaped)
			snprintf(buf, 512, "?Replaces=%s%%3Bto-tag%%3D%s%%3Bfrom-tag%%3D%s",
				other->call_id, other->remote_tag, other->local_tag);
		else
			snprintf(buf, 512, "Replaces: %s;to-tag=%s;from-tag=%s\r\n",
				other->call_id, other->remote_tag, other->local_tag);
		// '@' may not stand in a header of a URI.
		for (char *at = is_escaped ? strchr(buf, '@') : NULL; at; at = NULL) {
			memmove(at + 3, at + 1, strlen(at + 1) + 1);
			memcpy(at, "%40", 3);
		}
		return;
	}
}

void ua_refer(struct sim *sim, struct ua *ua)
{
	char headers[1024], replaces[512] = "";
	const char *host = sim_secret[ua->side];

	ua->refer_ms = 0;
	if (!is_talking(ua) || ua->is_serving || ua->invite.is_active || ua->other.is_active)
		return;
	if (ua->script.is_attended)
		ua_put_replaces(sim, ua, true, replaces);
	bool is_silent = sim_chance(sim, 200);
	ua->transfer = (struct ua_transfer){ .is_attended = replaces[0] != 0,
		.is_reported = !is_silent };
	snprintf(headers, sizeof(headers), "Refer-To: <sip:%c%u@%s.example%s>\r\n%sReferred-By: "
		"<sip:%u@%s.example>\r\n", sim_chance(sim, 700) ? '1' : '6',
		sim_between(sim, 1000, 9999), host, replaces,
		is_silent ? "Refer-Sub: false\r\n" : "", ua->number, host);
	struct ua_request refer = { .method = "REFER", .cseq = ++ua->local_cseq, .body = "",
		.headers = headers };
	ua_request_send(sim, ua, &refer);
}

// REFER was passed on to this one, or what became of its own is told.
bool ua_transfer_receive(struct sim *sim, struct ua *ua, const struct sip_msg *msg)
{
	static const char told[] = "SIP/2.0 200";

	if (msg->method == SIP_METHOD_NOTIFY) {
		ua->transfer.is_notified = true;
		if (memmem(msg->body.ptr, msg->body.len, told, sizeof(told) - 1))
			cover(sim, COVER_REFER_NOTIFIED);
		ua_reply(sim, ua, msg, 200, "");
		return true;
	}
	if (msg->method != SIP_METHOD_REFER)
		return false;
	cover(sim, COVER_REFER_PASSED);
	ua_reply(sim, ua, msg, 202, "");
	if (ua->other.is_active || ua->is_over || sip_msg_find(msg, SPAN_LIT("Refer-Sub")))
		return true;
	struct ua_request notify = { .method = "NOTIFY", .cseq = ++ua->local_cseq,
		.type = "message/sipfrag;version=2.0", .body = "SIP/2.0 200 OK",
		.headers = "Event: refer\r\nSubscription-State: terminated;reason=noresource\r\n" };
	ua_request_send(sim, ua, &notify);
	return true;
}

void ua_transfer_response(struct sim *sim, struct ua *ua, const struct sip_msg *msg)
{
	struct ua_transfer *transfer = &ua->transfer;

	if (msg->cseq.method != SIP_METHOD_REFER || transfer->accepted_ms)
		return;
	if (msg->status == 603)
		cover(sim, COVER_REFER_REJECTED);
	if (msg->status != 202)
		return;
	transfer->accepted_ms = sim->now_ms;
	cover(sim, transfer->is_attended ? COVER_REFER_ATTENDED : COVER_REFER_BLIND);
}

// Who carries a REFER out says so at once.
void ua_transfer_run(struct sim *sim, struct ua *ua)
{
	struct ua_transfer *transfer = &ua->transfer;
	bool is_ours = sim->profiles[ua->side].flow.refer == PROFILE_REFER_HANDLE;

	if (is_ours && transfer->accepted_ms && transfer->is_reported && !transfer->is_notified &&
		!ua->is_over && !ua->is_excused && sim_is_calm(sim) &&
		sim->now_ms > transfer->accepted_ms + REPORT_MS)
		sim_fail(sim, "transfer: %s hears nothing of its REFER", ua->call_id);
}
