// caller.h - who calls from a trunk with a range of numbers (RFC 6140): one of these, where its
// configuration says so (bulk.callers), in From and in what the trunk asserts or prefers.
//
// A PBX that forwards calls names other callers as well; whoever lets it through is liable for the
// number. An emergency call is never refused, and goes on as it is. Any thread, pure.
#pragma once

#include "config/config.h"
#include "sip/msg.h"

// Whether the trunk may name that user as the caller.
bool caller_is_own(const struct config_trunk *trunk, struct span user);
// Of a request that begins something. `from` is the user in its From, CALL_PARTY_MAX bytes, and
// becomes the main number where it stands for a foreign one. False: 403.
bool caller_check(const struct config_trunk *trunk, const struct sip_msg *msg, char *from);
