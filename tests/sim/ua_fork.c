// ua_fork.c - another branch of a forking proxy beyond the border: it rings and answers as well.
//
// The proxy passes on every provisional answer and every 2xx, and one error when all branches have
// failed; it cancels the others when its INVITE is cancelled (RFC 3261 16.7).
#include "sim.h"

#include "base/check.h"

static struct ua *fork_new(struct sim *sim, struct ua *ua)
{
	struct addr addr = ua->addr;
	struct ua *fork = ua_new(sim, ua->side, &addr);

	fork->role = UA_CALLED;

	fork->script = (struct script){ .status = 200,
		.reliable = sim_chance(sim, 700) ? ua->script.reliable : 0,
		.has_update = ua->script.has_update,
		.has_early_media = sim_chance(sim, 500) };
	fork->is_fork = true;
	fork->is_stream = ua->is_stream;
	memcpy(fork->call_id, ua->call_id, sizeof(fork->call_id));
	memcpy(fork->remote_tag, ua->remote_tag, sizeof(fork->remote_tag));
	memcpy(fork->remote_uri, ua->remote_uri, sizeof(fork->remote_uri));
	memcpy(fork->local_uri, ua->local_uri, sizeof(fork->local_uri));
	memcpy(fork->target, ua->target, sizeof(fork->target));
	memcpy(fork->offer, ua->offer, sizeof(fork->offer));
	fork->remote_cseq = fork->server_cseq = ua->server_cseq;
	char *tag = strstr(ua->server_via, ua->local_tag);
	CHECK(tag);
	snprintf(fork->server_via, sizeof(fork->server_via), "%.*s%s\r\n",
		(int)(tag - ua->server_via), ua->server_via, fork->local_tag);
	return fork;
}

void fork_ring(struct sim *sim, struct ua *ua, const struct sip_msg *invite)
{
	struct ua *fork = fork_new(sim, ua);

	cover(sim, COVER_FORK_RINGS);
	fork->is_serving = true;
	fork->answer_due_ms = sim->now_ms + sim_between(sim, 1, 6000);
	if (!flow_provisional(sim, fork, invite))
		ua_answer(sim, fork, fork->script.has_early_media && fork->offer[0] ? 183 : 180);
}

static bool is_branch(const struct ua *ua, const struct ua *other)
{
	return other != ua && other->is_fork && addr_eq(&ua->addr, &other->addr) &&
		strcmp(ua->call_id, other->call_id) == 0;
}

void fork_cover(struct sim *sim, const struct ua *ua, uint16_t status)
{
	bool is_first = true;

	if (!ua->is_fork || ua->is_reinvite || status >= 300)
		return;
	for (uint32_t i = 0; i < sim->ua_count; i++)
		is_first &= &sim->uas[i] == ua || strcmp(ua->call_id, sim->uas[i].call_id) != 0 ||
			!sim->uas[i].is_confirmed;
	cover(sim, is_first ? COVER_FORK_WINS : COVER_FORK_ANSWERS);
}

bool fork_has_other(const struct sim *sim, const struct ua *ua, bool is_answered)
{
	for (uint32_t i = 0; i < sim->ua_count; i++)
		if (&sim->uas[i] != ua && sim->uas[i].is_confirmed >= is_answered &&
			addr_eq(&ua->addr, &sim->uas[i].addr) &&
			strcmp(ua->call_id, sim->uas[i].call_id) == 0)
			return true;
	return false;
}

bool fork_answer(struct sim *sim, struct ua *ua)
{
	for (uint32_t i = 0; i < sim->ua_count; i++)
		if (is_branch(ua, &sim->uas[i]))
			return false;
	ua_answer(sim, fork_new(sim, ua), 200);
	return true;
}

// True: the proxy keeps an error to itself, a branch has answered or may do so yet.
bool fork_silences(struct sim *sim, const struct ua *ua)
{
	for (uint32_t i = 0; i < sim->ua_count; i++)
		if (is_branch(ua, &sim->uas[i]) &&
			(sim->uas[i].is_serving || sim->uas[i].is_confirmed))
			return true;
	return ua->is_fork;
}

void fork_cancel(struct sim *sim, const struct ua *ua)
{
	for (uint32_t i = 0; i < sim->ua_count; i++)
		if (is_branch(ua, &sim->uas[i]))
			sim->uas[i].is_serving = false;
}
