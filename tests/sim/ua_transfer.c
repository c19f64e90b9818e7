// ua_transfer.c - user agents that hand their party on, or take another's place.
#include "sim.h"

static bool is_talking(const struct ua *ua)
{
	return ua->is_confirmed && !ua->is_over && !ua->is_dead && ua->connected_ms;
}

void ua_put_replaces(struct sim *sim, const struct ua *ua, bool is_escaped, char *buf)
{
	uint32_t start = rng_below(&sim->rng, sim->ua_count);

	buf[0] = 0;
	for (uint32_t i = 0; i < sim->ua_count; i++) {
		const struct ua *other = &sim->uas[(start + i) % sim->ua_count];

		if (other == ua || other->side != ua->side || !is_talking(other))
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
	snprintf(headers, sizeof(headers), "Refer-To: <sip:%c%u@%s.example%s>\r\n%sReferred-By: "
		"<sip:%u@%s.example>\r\n", sim_chance(sim, 700) ? '1' : '6',
		sim_between(sim, 1000, 9999), host, replaces,
		sim_chance(sim, 200) ? "Refer-Sub: false\r\n" : "", ua->number, host);
	struct ua_request refer = { .method = "REFER", .cseq = ++ua->local_cseq, .body = "",
		.headers = headers };
	ua_request_send(sim, ua, &refer);
}
