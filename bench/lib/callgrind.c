// callgrind.c - see callgrind.h.
#include "callgrind.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define GATE_PART 0.02 // of the remembered instructions: beyond it is a change

uint64_t callgrind_count(const char *arguments)
{
	char command[768], line[256], self[256] = "";
	uint64_t collected = 0;

	if (readlink("/proc/self/exe", self, sizeof(self) - 1) < 0)
		return 0;
	snprintf(command, sizeof(command),
		"valgrind --tool=callgrind --collect-atstart=no "
		"--callgrind-out-file=/dev/null %s %s 2>&1",
		self, arguments);
	FILE *pipe = popen(command, "r");
	while (pipe && fgets(line, sizeof(line), pipe)) {
		const char *at = strstr(line, "Collected : ");
		if (at)
			sscanf(at, "Collected : %lu", &collected);
	}
	return pipe && pclose(pipe) == 0 ? collected : 0;
}

int callgrind_gate(const char *program, double counted, const char *path)
{
	double bound = 0;
	FILE *file = fopen(path, "r");

	if (file && fscanf(file, "%lf", &bound) != 1)
		bound = 0;
	if (file)
		fclose(file);
	if (isnan(counted)) {
		fprintf(stderr, "%s: valgrind could not count\n", program);
		return 77;
	}
	printf("instructions: %.1f, remembered: %.1f\n", counted, bound);
	if (fabs(counted - bound) <= GATE_PART * bound)
		return 0;
	fprintf(stderr, "%s: more than %.0f %% off; if that is meant, change %s\n", program,
		GATE_PART * 100, path);
	return 1;
}
