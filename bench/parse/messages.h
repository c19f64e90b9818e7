// messages.h - the INVITEs that bench/run parse reads: 800 bytes each, as a carrier's trunk sends
// them, no two alike, so that no parser lives off a branch predictor that knows the text by heart.
#pragma once

#include "base/span.h"

#define MESSAGES_COUNT 64u
#define MESSAGE_BYTES  800u

extern struct span messages[MESSAGES_COUNT];

void messages_init(void);
