// info.h - INFO (RFC 6086): what the ends of a call tell each other beside its session.
//
// Info packages and the usual DTMF bodies cross; any other content by the `bodies` of both
// profiles, as everywhere. Owner thread only.
#pragma once

#include "call/relay.h"

extern const struct relay_ops info_ops;
