#include "telemetry_dpdk.h"

#include "telemetry.h"

#include <errno.h>
#include <pthread.h>
#include <rte_telemetry.h>
#include <stdlib.h>

// DPDK hands its callbacks no context, and cannot be told to forget them.
static struct {
	pthread_mutex_t lock; // DPDK's thread and ours, at start and stop
	const struct lane_runner *runners;
	uint32_t lanes;
} shown = { .lock = PTHREAD_MUTEX_INITIALIZER };

static int answer_lanes(const char *command, const char *parameters, struct rte_tel_data *data)
{
	(void)command;
	(void)parameters;
	pthread_mutex_lock(&shown.lock);
	uint32_t lanes = shown.lanes;
	pthread_mutex_unlock(&shown.lock);
	rte_tel_data_start_dict(data);
	return rte_tel_data_add_dict_u64(data, "lanes", lanes);
}

static int add_counters(const struct lane_runner *runner, struct rte_tel_data *data)
{
	_Atomic uint64_t values[SHM_COUNTERS_MAX];
	const char *names[SHM_COUNTERS_MAX];
	uint32_t count = telemetry_names(names);
	int rc = rte_tel_data_start_dict(data);

	telemetry_publish(runner, values);
	for (uint32_t i = 0; i < count && !rc; i++)
		rc = rte_tel_data_add_dict_u64(data, names[i], values[i]);
	return rc;
}

static int answer_lane(const char *command, const char *parameters, struct rte_tel_data *data)
{
	char *end = NULL;
	int rc = -EINVAL;

	(void)command;
	errno = 0;
	unsigned long lane = parameters ? strtoul(parameters, &end, 10) : 0;
	if (!parameters || end == parameters || *end != '\0' || errno)
		return -EINVAL;
	pthread_mutex_lock(&shown.lock);
	if (lane < shown.lanes)
		rc = add_counters(&shown.runners[lane], data);
	pthread_mutex_unlock(&shown.lock);
	return rc;
}

int telemetry_dpdk_start(const struct lane_runner *runners, uint32_t lanes)
{
	pthread_mutex_lock(&shown.lock);
	shown.runners = runners;
	shown.lanes = lanes;
	pthread_mutex_unlock(&shown.lock);
	int rc = rte_telemetry_register_cmd("/muga/lanes", answer_lanes,
		"Number of lanes. No parameters.");
	if (!rc)
		rc = rte_telemetry_register_cmd("/muga/lane", answer_lane,
			"Counters of a lane. Parameter: its number.");
	return rc;
}

void telemetry_dpdk_stop(void)
{
	pthread_mutex_lock(&shown.lock);
	shown.runners = NULL;
	shown.lanes = 0;
	pthread_mutex_unlock(&shown.lock);
}
