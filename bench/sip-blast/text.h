// text.h - just enough SIP to drive a load: written apart from signaling/sip on purpose, so that a
// mistake there cannot hide itself here. Messages of our own peers only, still bounds-checked.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define BLAST_MESSAGE_MAX 4096u
#define BLAST_VIAS_MAX    4u
#define BLAST_ROUTES_MAX  4u

struct text {
	const char *at;
	uint32_t len;
};

// What the generator looks at; texts point into the datagram. Header texts are whole values.
struct blast_message {
	bool is_request;
	struct text method;  // of the start line, or of CSeq in a response
	uint32_t status;     // response
	uint32_t cseq;
	struct text vias[BLAST_VIAS_MAX], routes[BLAST_ROUTES_MAX]; // Via, Record-Route lines
	uint32_t via_count, route_count;
	struct text from, to, call_id, contact;
	bool has_retry_after;
};

// False: not a whole message of the form we need.
bool blast_parse(const char *data, uint32_t len, struct blast_message *out);

bool text_is(struct text text, const char *word);
// The URI between < and >, or the value up to its first parameter.
struct text text_uri(struct text value);
// Whether a From or To value has a tag.
bool text_has_tag(struct text value);

// A message being written; what does not fit is noted, never written.
struct blast_writer {
	char *at;
	uint32_t len, max;
	bool is_overflowed;
};
void blast_put(struct blast_writer *w, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
// "Name: value" CR LF.
void blast_put_line(struct blast_writer *w, const char *name, struct text value);
