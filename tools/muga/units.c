#include "muga/units.h"

#include <stdio.h>

static const char *scaled(double n, double step, const char *const *names, char *buf)
{
	int i = 0;
	while (n >= step && names[i + 1] != NULL) {
		n /= step;
		i++;
	}
	snprintf(buf, UNITS_MAX, i == 0 ? "%.0f%s" : "%.1f%s", n, names[i]);
	return buf;
}

const char *units_count(uint64_t n, char *buf)
{
	static const char *const names[] = { "", "k", "M", "G", "T", NULL };
	return scaled((double)n, 1000, names, buf);
}

const char *units_bytes(uint64_t n, char *buf)
{
	static const char *const names[] = { " B", " KiB", " MiB", " GiB", " TiB", NULL };
	return scaled((double)n, 1024, names, buf);
}

const char *units_duration(uint64_t ms, char *buf)
{
	unsigned long long s = ms / 1000;
	if (ms < 10000)
		snprintf(buf, UNITS_MAX, "%.1f s", (double)ms / 1000);
	else if (s < 60)
		snprintf(buf, UNITS_MAX, "%llu s", s);
	else if (s < 3600)
		snprintf(buf, UNITS_MAX, "%llu:%02llu", s / 60, s % 60);
	else
		snprintf(buf, UNITS_MAX, "%llu:%02llu:%02llu", s / 3600, s / 60 % 60, s % 60);
	return buf;
}
