// log.h - one line per event: time level subsystem call=<token> event key=value ...
//
// Threads: any except media lanes (they count). A line is one write(2) to stderr or the log file,
// at most 2048 bytes, ASCII only: control and other bytes appear as escapes.
// Levels can be changed at run time per subsystem, and for a single call.
#pragma once

#include "base/span.h"

#include <stdbool.h>
#include <stdint.h>

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARN, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

enum log_subsystem {
#define LOG_SUBSYSTEM(id, name) LOG_##id,
#include "base/log_subsystem.def"
#undef LOG_SUBSYSTEM
	LOG_SUBSYSTEM_COUNT
};

struct log_config {
	enum log_level level;
	bool is_json;  // else text
	int fd;        // borrowed; 2 = stderr
	const char *process; // "signaling", "media", shown in JSON
};

void log_init(const struct log_config *config);
void log_set_level(enum log_subsystem subsystem, enum log_level level);
// 0 = none. Lines of that call pass at every level.
void log_set_call(uint64_t call_token);
bool log_is_on(enum log_subsystem subsystem, enum log_level level, uint64_t call_token);

#define LOG_QUOTE_MAX 160 // room for a quoted value that log_quote() writes, with its NUL

// Writes `value` in quotes into buf[LOG_QUOTE_MAX], escaped and cut to fit, and returns buf. Every
// value that came from outside (a header, a name, a file) goes through here, so that it cannot
// forge another key: log "to=%s" with log_quote(to, buf).
const char *log_quote(struct span value, char *buf);

// Lines that could not be written completely since the start.
uint64_t log_lost(void);

// `event` is a constant word; `fmt` gives "key=value key=value", values with spaces in quotes.
// call_token 0 = not about a call.
void log_write(enum log_subsystem subsystem, enum log_level level, uint64_t call_token,
	const char *event, const char *fmt, ...) __attribute__((format(printf, 5, 6)));

#define LOG_AT(sub, lvl, call, event, ...)                                                         \
	do {                                                                                       \
		if (log_is_on(LOG_##sub, LOG_LEVEL_##lvl, call))                                   \
			log_write(LOG_##sub, LOG_LEVEL_##lvl, call, event, __VA_ARGS__);           \
	} while (0)
#define LOG_ERROR(sub, event, ...) LOG_AT(sub, ERROR, 0, event, __VA_ARGS__)
#define LOG_WARN(sub, event, ...)  LOG_AT(sub, WARN, 0, event, __VA_ARGS__)
#define LOG_INFO(sub, event, ...)  LOG_AT(sub, INFO, 0, event, __VA_ARGS__)
#define LOG_DEBUG(sub, event, ...) LOG_AT(sub, DEBUG, 0, event, __VA_ARGS__)
