// newcomer.h - which messages begin a call that may be refused, told from the bytes alone.
//
// Under overload this is asked of every message before any parser runs, so it only looks where it
// must. It never says yes to what must not be refused: emergency calls (emergency_is()), requests
// in a dialog, answers. Where the bytes leave a doubt it says no, and the core, which parses, has
// the last word (core_door.c).
//
// Pure; any thread.
#pragma once

#include "base/span.h"
#include "config/config.h"
#include "sip/transport.h"

#include <stdbool.h>

// An INVITE without a To tag, of a trunk that we know, to a SIP or tel URI that is no emergency
// number of its realm, and without a Resource-Priority where that is believed (RFC 7135).
bool newcomer_is(const struct config *config, const struct sip_hop *from, struct span message);
