// bulk.h - bulk number contacts of PBX trunks: RFC 6140 (GIN).
//
// A PBX registers one Contact with the URI parameter "bnc" for all of its numbers. Whoever keeps it
// makes the contact of one number out of it when a call for that number comes. Any thread, pure.
#pragma once

#include "sip/build.h"
#include "sip/uri.h"

enum sip_bulk {
	SIP_BULK_NONE,    // an ordinary contact
	SIP_BULK_CONTACT, // stands for all numbers of its owner
	SIP_BULK_INVALID, // "bnc" with a user part or in another scheme: 400 (RFC 6140 5.2)
};
enum sip_bulk sip_bulk_of(const struct sip_uri *contact);

// The contact of one number (RFC 6140 5.3): its user part before the host, without "bnc"; other
// parameters stay. `number` is written escaped.
void sip_bulk_put(struct sip_writer *w, const struct sip_uri *contact, struct span number);
