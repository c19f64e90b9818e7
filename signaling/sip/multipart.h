// multipart.h - bodies of several parts (RFC 2046 5.1, RFC 5621): read as a flat list, built anew.
//
// Everything is a span into the body. Any thread, pure, no allocation. Which part may cross the
// border is call's decision (call/body.c): here are only syntax, limits and the form in which
// parts travel on.
#pragma once

#include "sip/build.h"

#define MULTIPART_PARTS_MAX 16u // leaves in all
#define MULTIPART_DEPTH_MAX 3u  // multipart within multipart

struct body_part {
	struct span type;         // Content-Type without parameters; "text/plain" if there is none
	struct span content_type; // with them, as written
	struct span disposition;  // Content-Disposition as written, empty = none
	struct span id;           // Content-ID as written: what cid: URIs name (RFC 2392)
	struct span encoding;     // Content-Transfer-Encoding as written
	bool is_coded;            // Content-Encoding other than identity: nobody may read it
	bool is_optional;         // handling=optional (RFC 3204 4.2, RFC 5621 5.1)
	uint8_t choice;           // parts with the same number, not 0, say the same: the last that
	                          // is understood counts (multipart/alternative)
	struct span data;
};

struct body_parts {
	uint32_t count;
	uint32_t choices; // used up so far
	struct body_part part[MULTIPART_PARTS_MAX];
};

bool multipart_is(struct span content_type); // "multipart/..."
// A media type without its parameters, e.g. "application/sdp".
struct span multipart_type(struct span content_type);
// Whether a Content-Disposition says handling=optional.
bool multipart_is_optional(struct span disposition);

// Leaves of `body` in their order, parts of inner multiparts in the place of those. 0, -EINVAL: no
// usable boundary, no end delimiter or a malformed part header, -E2BIG: too many parts or too deep.
int multipart_parse(struct span content_type, struct span body, struct body_parts *out);

// Parts that travel on are kept in one text: each part behind its delimiter line, all with the same
// boundary, without the end delimiter. `nonce` makes the boundary, which nobody can guess.
bool multipart_has_boundary(struct span data, uint64_t nonce);
void multipart_put_part(struct sip_writer *w, uint64_t nonce, const struct body_part *part);
// Ends the header part with such parts behind the body of its own: see struct sip_body.
void multipart_put_content(struct sip_writer *w, const struct sip_body *body);
