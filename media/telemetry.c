#include "telemetry.h"

#include "base/metric.h"

#include <stdio.h>

#define LANE_COUNTERS(X)                                                                           \
	X(received) X(forwarded) X(forwarded_octets) X(exceptions) X(handovers) X(headers_built)   \
	X(latched) X(events_lost) X(departed) X(departures_lost) X(keepalives) X(recorded)         \
	X(recording_lost) X(events_read) X(tones_played) X(tones_lost)

#define DROP_PREFIX "dropped_"

// The drop reasons stand last; "none" is not one.
enum {
#define X(name) TELEMETRY_##name,
	LANE_COUNTERS(X)
	LANE_LOOP_COUNTERS(X)
#undef X
	TELEMETRY_DROPS,
	TELEMETRY_COUNT = TELEMETRY_DROPS + DROP_REASON_COUNT - 1,
};
_Static_assert((int)TELEMETRY_COUNT <= (int)SHM_COUNTERS_MAX, "raise SHM_COUNTERS_MAX");

uint32_t telemetry_names(const char *names[SHM_COUNTERS_MAX])
{
	static char drops[DROP_REASON_COUNT][SHM_NAME_MAX];

#define X(name) names[TELEMETRY_##name] = #name;
	LANE_COUNTERS(X)
	LANE_LOOP_COUNTERS(X)
#undef X
	for (uint32_t reason = 1; reason < DROP_REASON_COUNT; reason++) {
		snprintf(drops[reason], sizeof(drops[reason]), DROP_PREFIX "%s",
			drop_reason_name(reason));
		names[TELEMETRY_DROPS + reason - 1] = drops[reason];
	}
	return TELEMETRY_COUNT;
}

static void put(_Atomic uint64_t *values, uint32_t at, const _Atomic uint64_t *from)
{
	atomic_store_explicit(&values[at], metric_read(from), memory_order_relaxed);
}

void telemetry_publish(const struct lane_runner *runner, _Atomic uint64_t *values)
{
#define X(name) put(values, TELEMETRY_##name, &runner->lane.counters.name);
	LANE_COUNTERS(X)
#undef X
#define X(name) put(values, TELEMETRY_##name, &runner->loop.name);
	LANE_LOOP_COUNTERS(X)
#undef X
	for (uint32_t reason = 1; reason < DROP_REASON_COUNT; reason++)
		put(values, TELEMETRY_DROPS + reason - 1, &runner->lane.counters.dropped[reason]);
}
