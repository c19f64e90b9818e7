// report.c - see report.h.
#include "report.h"

#include "base/check.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#define CI_WIDTH_MAX   0.20 // of the ratio: wider is noise
#define STEAL_PART_MAX 0.02 // of all CPU time during the run
#define LOAD_SPARE     0.5  // load average that the benchmark itself does not explain, per CPU

struct cpu_times {
	uint64_t all, steal; // ticks
};

struct report {
	json_t *root, *machine, *figures, *doubts;
	struct cpu_times start;
};

static struct cpu_times read_cpu_times(void)
{
	struct cpu_times times = { 0 };
	uint64_t ticks[8] = { 0 };
	FILE *file = fopen("/proc/stat", "r");

	if (!file)
		return times;
	if (fscanf(file, "cpu %lu %lu %lu %lu %lu %lu %lu %lu", &ticks[0], &ticks[1], &ticks[2],
		    &ticks[3], &ticks[4], &ticks[5], &ticks[6], &ticks[7]) == 8) {
		for (uint32_t i = 0; i < 8; i++)
			times.all += ticks[i];
		times.steal = ticks[7];
	}
	fclose(file);
	return times;
}

// First line of a command's output, or "unknown".
static void note_command(struct report *report, const char *key, const char *command)
{
	char line[256] = "";
	FILE *pipe = popen(command, "r");

	if (pipe && fgets(line, sizeof(line), pipe))
		line[strcspn(line, "\n")] = '\0';
	if (pipe)
		pclose(pipe);
	report_note(report, key, line[0] ? line : "unknown");
}

struct report *report_new(const char *name)
{
	struct report *report = calloc(1, sizeof(*report));
	struct utsname kernel;
	double load = 0;

	CHECK(report != NULL);
	report->root = json_object();
	report->machine = json_object();
	report->figures = json_array();
	report->doubts = json_array();
	report->start = read_cpu_times();
	json_object_set_new(report->root, "name", json_string(name));
	uname(&kernel);
	report_note(report, "kernel", kernel.release);
	note_command(report, "cpu", "sed -n 's/^model name.*: //p' /proc/cpuinfo | head -1");
	note_command(report, "commit", "git rev-parse --short HEAD 2>/dev/null");
	json_object_set_new(report->machine, "cpus", json_integer(sysconf(_SC_NPROCESSORS_ONLN)));
	if (getloadavg(&load, 1) == 1)
		json_object_set_new(report->machine, "load_before", json_real(load));
	if (load > LOAD_SPARE * (double)sysconf(_SC_NPROCESSORS_ONLN))
		report_doubt(report, "the machine was busy before the start");
	return report;
}

void report_free(struct report *report)
{
	json_decref(report->root);
	json_decref(report->machine);
	json_decref(report->figures);
	json_decref(report->doubts);
	free(report);
}

void report_note(struct report *report, const char *key, const char *value)
{
	json_object_set_new(report->machine, key, json_string(value));
}

void report_doubt(struct report *report, const char *why)
{
	json_array_append_new(report->doubts, json_string(why));
}

static void judge_ratio(struct report *report, const struct report_figure *figure)
{
	char why[160];
	double width = figure->ratio.ci95[1] - figure->ratio.ci95[0];

	if (isfinite(figure->ratio.value) && width <= CI_WIDTH_MAX * figure->ratio.value)
		return;
	snprintf(why, sizeof(why), "%s: the interval of the ratio is wider than %.0f %%",
		figure->name, CI_WIDTH_MAX * 100);
	report_doubt(report, why);
}

void report_add(struct report *report, const struct report_figure *figure)
{
	static const char *const names[] = { "p10", "p50", "p99" };
	json_t *object = json_object();

	json_object_set_new(object, "name", json_string(figure->name));
	json_object_set_new(object, "value", json_real(figure->value));
	json_object_set_new(object, "unit", json_string(figure->unit));
	if (figure->peer) {
		json_object_set_new(object, "peer", json_string(figure->peer));
		json_object_set_new(object, "ratio", json_real(figure->ratio.value));
		json_object_set_new(object, "ci95",
			json_pack("[f, f]", figure->ratio.ci95[0], figure->ratio.ci95[1]));
		judge_ratio(report, figure);
	}
	for (uint32_t i = 0; i < 3 && figure->quantiles[2] > 0; i++)
		json_object_set_new(object, names[i], json_real(figure->quantiles[i]));
	json_array_append_new(report->figures, object);
	printf("%-22s %10.2f %-12s", figure->name, figure->value, figure->unit);
	if (figure->quantiles[2] > 0)
		printf(" p10 %7.1f p50 %7.1f p99 %7.1f", figure->quantiles[0], figure->quantiles[1],
			figure->quantiles[2]);
	if (figure->peer)
		printf("  %.2f x %s [%.2f, %.2f]", figure->ratio.value, figure->peer,
			figure->ratio.ci95[0], figure->ratio.ci95[1]);
	printf("\n");
	fflush(stdout);
}

static void judge_machine(struct report *report)
{
	struct cpu_times end = read_cpu_times();
	double load, steal = 0;

	if (end.all > report->start.all)
		steal = (double)(end.steal - report->start.steal) /
			(double)(end.all - report->start.all);
	if (getloadavg(&load, 1) == 1)
		json_object_set_new(report->machine, "load_after", json_real(load));
	json_object_set_new(report->machine, "steal", json_real(steal));
	if (steal > STEAL_PART_MAX)
		report_doubt(report, "the hypervisor took CPU time away");
}

int report_finish(struct report *report, const char *path)
{
	const json_t *doubt;
	size_t i;

	judge_machine(report);
	json_object_set_new(
		report->root, "valid", json_boolean(json_array_size(report->doubts) == 0));
	json_object_set(report->root, "machine", report->machine);
	json_object_set(report->root, "figures", report->figures);
	json_object_set(report->root, "doubts", report->doubts);
	json_array_foreach(report->doubts, i, doubt)
		printf("not valid: %s\n", json_string_value(doubt));
	if (path && json_dump_file(report->root, path, JSON_INDENT(2)) != 0)
		return errno ? -errno : -EIO;
	return 0;
}
