// header_rules.h - rules on header fields: a message in, the same message with other fields out.
//
// Works on the text of a whole message, so that the configuration can test its rules without a
// call. Rules are immutable and any thread applies them. What identifies a dialog, a transaction or
// a place in the network cannot be named by a rule (header_name_is_fixed()), and of From and To
// only what stands before the parameters can change: the tags stay.
#pragma once

#include "base/span.h"
#include "config/pattern.h"

#define HEADER_RULES_MAX   64u   // per profile and direction
#define HEADER_METHODS_MAX 16u   // of one rule
#define HEADER_FIELDS_MAX  160u  // of one message, those that rules add included
#define HEADER_VALUE_MAX   1024u // bytes of a value that a rule makes
#define HEADER_WORK_MAX    8192u // bytes of all values that the rules make for one message

enum header_action {
	HEADER_ADD,    // another field of that name
	HEADER_SET,    // the only field of that name
	HEADER_REMOVE, // all of that name (with `pattern`: that match it)
	HEADER_RENAME, // all of that name, to `to`
	HEADER_REGEX,  // in each of that name the first match of `pattern` becomes `replacement`
};

enum header_messages { HEADER_IN_ALL, HEADER_IN_REQUESTS, HEADER_IN_RESPONSES };

struct header_rule {
	enum header_action action;
	enum header_messages messages;
	// as in the message; "Request-URI" is the one of a request's first line; HEADER_REMOVE:
	// with a trailing * a beginning
	const char *name;
	const char *value;              // ADD, SET; NULL where `from` makes it
	const char *to;                 // RENAME
	const char *from;               // ADD, SET: the value is `replacement` with the groups
	                                // that `pattern` finds in this field; no match, no value
	const struct pattern *pattern;
	const char *replacement;
	const char *methods[HEADER_METHODS_MAX];
	uint32_t method_count;          // 0 = any
	const char *when_name;          // applies only if such a field (or "Status") matches; NULL
	const struct pattern *when;     // = always
};

struct header_rules {
	struct header_rule *list; // in the order in which they are applied
	uint32_t count;
};

// Whether a rule may not name the field: Via, Contact, Call-ID, CSeq, Route, ...
bool header_name_is_fixed(struct span name);
// From, To, Request-URI: exactly one, so that a rule can only set or edit it.
bool header_name_is_single(struct span name);
// A token of RFC 3261 25.1.
bool header_name_is_valid(struct span name);
// The full form of a compact name (RFC 3261 7.3.3 and others), else the name itself.
struct span header_name_full(struct span name);

enum header_outcome {
	HEADER_UNCHANGED, // no rule had anything to do; nothing was written
	HEADER_CHANGED,   // the new message was written
	HEADER_FAILED,    // a limit was met or an expression too expensive; nothing was written
};

struct header_output {
	char *buf;
	uint32_t cap;
	uint32_t len; // out: bytes written
};
// Applies the rules to a message with CR LF line ends; its body is copied.
enum header_outcome header_rules_apply(const struct header_rules *rules, struct span message,
	struct header_output *out);
