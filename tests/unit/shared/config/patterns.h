// patterns.h - expressions made in one arena, which lives as long as the test program's group.
#pragma once

#include "config/pattern.h"
#include "unit/unit.h"

static struct arena arena;

static inline int arena_open(void **state)
{
	(void)state;
	arena_init(&arena, 1u << 20);
	return 0;
}

static inline int arena_close(void **state)
{
	(void)state;
	arena_fini(&arena);
	return 0;
}

// NULL: none.
static inline const struct pattern *pattern_of(const char *text)
{
	char why[PATTERN_WHY_MAX] = "";
	struct pattern *pattern = NULL;

	if (text && pattern_new(&arena, span_str(text), &pattern, why) != 0)
		fail_msg("%s: %s", text, why);
	return pattern;
}
