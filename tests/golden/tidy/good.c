// path: signaling/call/good.c
// expect:
// Whatever looks like a mistake here is none: "strcpy(", a table, a macro loop, three levels.
#include "call/core.h"

#include <string.h>

static const struct row {
	int a, b, c, d, e, f, g;
} table[] = {
	{ 1, 2, 3, 4, 5, 6, 7 },
	{ 1, 2, 3, 4, 5, 6, 7 },
};

#define EACH(x, list)                                                                              \
	for (x = list; x; x = x->next)

static int five(int a, int b, int c, int d, void (*e)(int, int))
{
	const char *text = "strcpy(a, b); volatile TODO";
	if (a) {
		for (int i = 0; i < b; i++) {
			if (c)
				e(a, b);
		}
	} else if (b) {
		return 1;
	} else if (c) {
		return 2;
	} else if (d) {
		return 3;
	}
	switch (a) {
	case 1:
	case 2:
		if (b) {
			while (c--)
				e(1, 2);
		}
		break;
	default:
		break;
	}
	return text[0] + table[0].a;
}

__attribute__((format(printf, 5, 6))) void many(int a, int b, int c, int d, const char *fmt, ...)
{
	struct row row = { .a = five(a, b, c, d, NULL) };
	(void)row;
	(void)fmt;
}

// tidy-allow parameters: the library calls it so
static int callback(int a, int b, int c, int d, int e, int f)
{
	return a + b + c + d + e + f;
}
