// check.h - assertions. CHECK stays on in release builds; CHECK_HOT only in debug and sanitizer
// builds. For our own invariants: never for input from the network, files or the other process.
#pragma once

_Noreturn void check_failed(const char *file, int line, const char *func, const char *expr);

#define CHECK(expr)                                                                                \
	do {                                                                                       \
		if (__builtin_expect(!(expr), 0))                                                  \
			check_failed(__FILE__, __LINE__, __func__, #expr);                         \
	} while (0)

#ifdef MUGA_DEBUG
#define CHECK_HOT(expr) CHECK(expr)
#else
#define CHECK_HOT(expr) ((void)sizeof(expr))
#endif
