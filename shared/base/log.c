// log.c - composes one line in a local buffer and writes it with one write(2).
//
// The text after the event is parsed back into pairs for JSON, so call sites have one form only.
#include "base/log.h"

#include "base/check.h"
#include "base/clock.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

// Below PIPE_BUF, so that lines of two processes never mix in a pipe.
#define LINE_MAX_BYTES    2048u
#define PAIRS_MAX_BYTES   1536u // formatted key=value part before escaping
#define TAIL_BYTES        32u   // room kept for the mark of a cut line, the brace and the newline
#define QUOTED_VALUE_MAX  (LOG_QUOTE_MAX - 1)

struct line {
	char text[LINE_MAX_BYTES];
	uint32_t len;
	bool is_cut; // something did not fit
};

static const char *const level_names[] = { "error", "warn", "info", "debug" };

static const char *const subsystem_names[LOG_SUBSYSTEM_COUNT] = {
#define LOG_SUBSYSTEM(id, name) [LOG_##id] = name,
#include "base/log_subsystem.def"
#undef LOG_SUBSYSTEM
};

// writer: log_init() before other threads exist, readers: all.
static struct log_config config = { .level = LOG_LEVEL_INFO, .fd = STDERR_FILENO, .process = "" };
// writer: control threads, readers: all. Relaxed: a level that lags by a line does no harm.
static _Atomic uint8_t levels[LOG_SUBSYSTEM_COUNT];
static _Atomic bool is_level_set;
static _Atomic uint64_t traced_call;
// writer: all, readers: control.
static _Atomic uint64_t lost_lines;

void log_init(const struct log_config *wanted)
{
	config = *wanted;
	if (!config.process)
		config.process = "";
	for (int i = 0; i < LOG_SUBSYSTEM_COUNT; i++)
		log_set_level((enum log_subsystem)i, wanted->level);
	atomic_store_explicit(&is_level_set, true, memory_order_relaxed);
}

void log_set_level(enum log_subsystem subsystem, enum log_level level)
{
	CHECK(subsystem < LOG_SUBSYSTEM_COUNT && level <= LOG_LEVEL_DEBUG);
	atomic_store_explicit(&levels[subsystem], (uint8_t)level, memory_order_relaxed);
}

void log_set_call(uint64_t call_token)
{
	atomic_store_explicit(&traced_call, call_token, memory_order_relaxed);
}

uint64_t log_lost(void)
{
	return atomic_load_explicit(&lost_lines, memory_order_relaxed);
}

bool log_is_on(enum log_subsystem subsystem, enum log_level level, uint64_t call_token)
{
	uint8_t limit = LOG_LEVEL_INFO; // before log_init()
	if (atomic_load_explicit(&is_level_set, memory_order_relaxed))
		limit = atomic_load_explicit(&levels[subsystem], memory_order_relaxed);
	if (level <= limit)
		return true;
	return call_token != 0 &&
		call_token == atomic_load_explicit(&traced_call, memory_order_relaxed);
}

// Appends all of `text` or nothing.
static bool append(struct line *line, struct span text)
{
	if (text.len > LINE_MAX_BYTES - TAIL_BYTES - line->len) {
		line->is_cut = true;
		return false;
	}
	memcpy(line->text + line->len, text.ptr, text.len);
	line->len += text.len;
	return true;
}

static bool append_str(struct line *line, const char *text)
{
	return append(line, span_str(text));
}

// One byte as it may stand in a line: printable ASCII as it is, the rest escaped. JSON knows no \x;
// \u00NN is a code point, so bytes above 127 read as Latin-1.
static uint32_t escape_byte(uint8_t byte, bool is_quoted, char out[8])
{
	if (is_quoted && (byte == '"' || byte == '\\'))
		return (uint32_t)snprintf(out, 8, "\\%c", byte);
	if (byte == '\n' || byte == '\r' || byte == '\t')
		return (uint32_t)snprintf(out, 8, "\\%c",
			byte == '\n' ? 'n' : byte == '\r' ? 'r' : 't');
	if (byte < 0x20 || byte > 0x7e)
		return (uint32_t)snprintf(out, 8, "\\u%04x", byte);
	out[0] = (char)byte;
	return 1;
}

static void append_escaped(struct line *line, struct span text, bool is_quoted)
{
	char out[8];
	for (uint32_t i = 0; i < text.len; i++) {
		uint32_t len = escape_byte((uint8_t)text.ptr[i], is_quoted, out);
		if (!append(line, span_make(out, len)))
			return;
	}
}

const char *log_quote(struct span value, char *buf)
{
	char out[8];
	uint32_t at = 0;
	buf[at++] = '"';
	for (uint32_t i = 0; i < value.len; i++) {
		uint32_t len = escape_byte((uint8_t)value.ptr[i], true, out);
		if (at + len > QUOTED_VALUE_MAX - 4) {
			memcpy(buf + at, "...", 3);
			at += 3;
			break;
		}
		memcpy(buf + at, out, len);
		at += len;
	}
	buf[at++] = '"';
	buf[at] = '\0';
	return buf;
}

static void append_time(struct line *line)
{
	char text[40];
	struct tm tm;
	uint64_t now_ms = clock_unix_ms();
	time_t seconds = (time_t)(now_ms / 1000);
	gmtime_r(&seconds, &tm);
	size_t len = strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(text + len, sizeof text - len, ".%03uZ", (unsigned)(now_ms % 1000));
	append_str(line, text);
}

// Takes "key=value" or key="quoted value" off the front of `rest`; the value keeps its escapes but
// not its quotes. False when the rest has another shape.
static bool cut_pair(struct span *rest, struct span *key, struct span *value, bool *is_quoted)
{
	int32_t equals = span_find(*rest, '=', 0);
	if (equals <= 0 || span_find(span_sub(*rest, 0, (uint32_t)equals), ' ', 0) >= 0)
		return false;
	*key = span_sub(*rest, 0, (uint32_t)equals);
	struct span tail = span_sub(*rest, (uint32_t)equals + 1, rest->len);
	*is_quoted = tail.len > 0 && tail.ptr[0] == '"';
	if (!*is_quoted) {
		*value = SPAN_NONE;
		*rest = tail;
		if (tail.len > 0 && tail.ptr[0] == ' ')
			*rest = span_sub(tail, 1, tail.len);
		else
			span_cut(rest, ' ', value);
		return true;
	}
	uint32_t end = 1;
	while (end < tail.len && tail.ptr[end] != '"')
		end += tail.ptr[end] == '\\' ? 2 : 1;
	if (end >= tail.len)
		return false;
	*value = span_sub(tail, 1, end - 1);
	*rest = span_trim(span_sub(tail, end + 1, tail.len));
	return true;
}

// Length of the JSON escape that `s` starts with, 0 when it starts with none.
static uint32_t json_escape_len(struct span s)
{
	if (s.len < 2 || s.ptr[0] != '\\')
		return 0;
	if (s.ptr[1] != 'u')
		return memchr("\"\\nrt", s.ptr[1], 5) ? 2 : 0;
	if (s.len < 6)
		return 0;
	for (int i = 2; i < 6; i++) {
		if (!isxdigit((unsigned char)s.ptr[i]))
			return 0;
	}
	return 6;
}

// A value that log_quote() wrote is JSON already; one quoted by a call site may hold raw bytes, so
// only its known escapes pass and the others are escaped again.
static void append_json_value(struct line *line, struct span value, bool is_quoted)
{
	while (value.len > 0) {
		uint32_t len = is_quoted ? json_escape_len(value) : 0;
		if (len > 0) {
			append(line, span_sub(value, 0, len));
		} else {
			len = 1;
			append_escaped(line, span_sub(value, 0, 1), true);
		}
		value = span_sub(value, len, value.len);
	}
}

// A field is written whole or not at all, which keeps a cut line valid JSON.
static void append_json_field(struct line *line, struct span key, struct span value, bool is_quoted)
{
	uint32_t start = line->len;
	bool was_cut = line->is_cut;
	line->is_cut = false;
	append_str(line, start > 1 ? ",\"" : "\"");
	append_escaped(line, key, true);
	append_str(line, "\":\"");
	append_json_value(line, value, is_quoted);
	append_str(line, "\"");
	if (line->is_cut)
		line->len = start;
	line->is_cut |= was_cut;
}

struct event {
	enum log_subsystem subsystem;
	enum log_level level;
	uint64_t call_token;
	const char *name;
	struct span pairs;
};

static void compose_json(struct line *line, const struct event *event)
{
	struct line time = { .len = 0 };
	struct span rest = event->pairs, key, value;
	char call[20];
	bool is_quoted;
	append_time(&time);
	append_str(line, "{");
	append_json_field(line, SPAN_LIT("time"), span_make(time.text, time.len), false);
	append_json_field(line, SPAN_LIT("level"), span_str(level_names[event->level]), false);
	append_json_field(line, SPAN_LIT("process"), span_str(config.process), false);
	append_json_field(line, SPAN_LIT("subsystem"), span_str(subsystem_names[event->subsystem]),
		false);
	if (event->call_token != 0) {
		snprintf(call, sizeof call, "%016" PRIx64, event->call_token);
		append_json_field(line, SPAN_LIT("call"), span_str(call), false);
	}
	append_json_field(line, SPAN_LIT("event"), span_str(event->name), false);
	while (cut_pair(&rest, &key, &value, &is_quoted))
		append_json_field(line, key, value, is_quoted);
	if (rest.len > 0)
		append_json_field(line, SPAN_LIT("text"), rest, false);
	// The tail room is kept for exactly this.
	const char *tail = line->is_cut ? ",\"is_cut\":\"true\"}\n" : "}\n";
	memcpy(line->text + line->len, tail, strlen(tail));
	line->len += (uint32_t)strlen(tail);
}

static void compose_text(struct line *line, const struct event *event)
{
	char call[32];
	append_time(line);
	append_str(line, " ");
	append_str(line, level_names[event->level]);
	append_str(line, " ");
	append_str(line, subsystem_names[event->subsystem]);
	if (event->call_token != 0) {
		snprintf(call, sizeof call, " call=%016" PRIx64, event->call_token);
		append_str(line, call);
	}
	append_str(line, " ");
	append_str(line, event->name);
	if (event->pairs.len > 0) {
		append_str(line, " ");
		append_escaped(line, event->pairs, false);
	}
	const char *tail = line->is_cut ? "...\n" : "\n";
	memcpy(line->text + line->len, tail, strlen(tail));
	line->len += (uint32_t)strlen(tail);
}

static void write_line(const struct line *line)
{
	ssize_t written;
	do {
		written = write(config.fd, line->text, line->len);
	} while (written < 0 && errno == EINTR);
	if (written != (ssize_t)line->len)
		atomic_fetch_add_explicit(&lost_lines, 1, memory_order_relaxed);
}

void log_write(enum log_subsystem subsystem, enum log_level level, uint64_t call_token,
	const char *event, const char *fmt, ...)
{
	char pairs[PAIRS_MAX_BYTES];
	int saved_errno = errno;
	va_list args;
	va_start(args, fmt);
	int len = vsnprintf(pairs, sizeof pairs, fmt, args);
	va_end(args);
	bool is_cut = len >= (int)sizeof pairs;
	uint32_t used = len < 0 ? 0 : is_cut ? (uint32_t)sizeof pairs - 1 : (uint32_t)len;
	struct event what = { .subsystem = subsystem, .level = level, .call_token = call_token,
		.name = event, .pairs = span_make(pairs, used) };
	struct line line = { .is_cut = is_cut };
	if (config.is_json)
		compose_json(&line, &what);
	else
		compose_text(&line, &what);
	write_line(&line);
	errno = saved_errno;
}
