// contact.h - where a peer finds us: the Contact line of our own messages.
//
// Pure, any thread.
#pragma once

#include "call/env.h"
#include "sip/build.h"

struct contact {
	struct span user;
	uint32_t listener; // listener_id that the peer speaks to
	uint32_t profile;  // index, of the peer
	bool is_secure;    // of a dialog that was made by sips
};

// By the transport of the listener (RFC 3261 19.1.1, RFC 7118 5), by sips if the dialog was made so
// (12.1.1), with the profile's `contact_host` for our address.
void contact_put(struct sip_writer *w, const struct config *config, const struct contact *contact);
