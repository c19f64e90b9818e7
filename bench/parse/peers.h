// peers.h - the parsers of other projects behind one function each.
#pragma once

#include "base/span.h"

#include <stdbool.h>

void peers_init(void);
// Parses and frees one message the way the library's own users do; false: it was refused.
bool osip2_parse(struct span message);
bool sofia_parse(struct span message);
