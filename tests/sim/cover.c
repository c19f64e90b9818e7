// cover.c - how often the seeds did what they are there for: a flow of cover.def that never
// happened, or a counter of the core that never moved, was not tested, whatever the run says.
#include "sim.h"

#include "base/check.h"
#include "call/metric.h"

#define LINE_WIDTH 44

static const char *const flow_texts[COVER_COUNT] = {
#define COVER(flow, text) [COVER_##flow] = text,
#include "cover.def"
#undef COVER
};

// Nothing here moves these.
static const char *const idle[] = {
	// What user agents that err are told is a matter of unit tests (test_refuse, test_body,
	// test_invite, test_identity) and of torture.
	"refused_source", "refused_address", "refused_contact", "refused_scheme", "refused_body",
	"refused_privacy", "refused_loop", "refused_hops", "bodies_unsupported", "sdp_malformed",
	"spirals", "codecs_none_left", "wrong_shard", "answers_unusable", "records_refused",
	"targets_refused", "rules_failed", "originated_failed",
	// Nobody here speaks SRTP, ICE or DTLS (golden/sdp-calls, test_secure_watch), ends an early
	// dialog by BYE (test_face), or calls from a trunk with numbers of its own (test_caller).
	"keys_refused", "agreements_refused", "secure_done", "secure_failed", "consents_lost",
	"forks_ended", "refused_caller",
	// Limits that are far away: a run that met one would be another run.
	"relays_full", "forks_full", "refused_full", "refused_trunk_full", "parts_lost",
	"lines_refused", "requests_refused", "responses_lost", "outbox_full", "resolves_refused",
	"arena_full",
	"reliable_dropped",
	"pracks_missing", // the ring timeout of this configuration comes first
	"calls", // a gauge
};

void cover(struct sim *sim, enum cover flow)
{
	sim->cover[flow]++;
}

static uint64_t read_metric(const struct core_metrics *metrics, uint32_t i)
{
	const char *base = (const char *)metrics;

	return metric_read((const _Atomic uint64_t *)(const void *)(base +
		core_metric_info[i].offset));
}

void cover_core(struct sim *sim, uint32_t worker)
{
	CHECK(core_metric_count <= COVER_METRICS_MAX);
	for (uint32_t i = 0; i < core_metric_count; i++)
		sim->metrics[i] += read_metric(core_metrics(sim->cores[worker]), i);
}

void cover_add(struct cover_totals *totals, const struct sim *sim)
{
	for (uint32_t i = 0; i < COVER_COUNT; i++)
		totals->flows[i] += sim->cover[i];
	for (uint32_t i = 0; i < core_metric_count; i++)
		totals->metrics[i] += sim->metrics[i];
}

static bool is_idle(const char *name)
{
	for (uint32_t i = 0; i < sizeof(idle) / sizeof(idle[0]); i++)
		if (strcmp(idle[i], name) == 0)
			return true;
	return false;
}

// Two columns.
static void print_count(uint32_t i, uint64_t count, const char *text)
{
	printf("%8llu %-*.*s%s", (unsigned long long)count, LINE_WIDTH, LINE_WIDTH, text,
		i % 2 ? "\n" : " ");
}

uint32_t cover_report(const struct cover_totals *totals)
{
	uint32_t missing = 0;

	for (uint32_t i = 0; i < COVER_COUNT; i++)
		print_count(i, totals->flows[i], flow_texts[i]);
	for (uint32_t i = 0; i < core_metric_count; i++)
		print_count(COVER_COUNT + i, totals->metrics[i], core_metric_info[i].name);
	putchar('\n');
	for (uint32_t i = 0; i < COVER_COUNT; i++) {
		if (totals->flows[i])
			continue;
		printf("never happened: %s\n", flow_texts[i]);
		missing++;
	}
	for (uint32_t i = 0; i < core_metric_count; i++) {
		if (totals->metrics[i] || is_idle(core_metric_info[i].name))
			continue;
		printf("never moved: %s\n", core_metric_info[i].name);
		missing++;
	}
	return missing;
}
