// utf8.h - is it UTF-8? Any thread, pure.
#pragma once

#include "base/span.h"

// Well-formed by RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF. Control
// characters pass.
bool utf8_is_valid(struct span s);
