// update.h - UPDATE (RFC 3311): a session or a target changed without an INVITE, in early dialogs
// too.
//
// With an offer it crosses as an UPDATE, or as a re-INVITE where the other side allows no UPDATE;
// without one it is answered here when it cannot cross. Owner thread only.
#pragma once

#include "call/relay.h"

extern const struct relay_ops update_ops;
