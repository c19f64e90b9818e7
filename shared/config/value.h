// value.h - scalars of the configuration: numbers with units, ranges, names. Any thread, pure.
#pragma once

#include "base/addr.h"
#include "base/span.h"

#include <stdbool.h>
#include <stdint.h>

// All return 0, -EINVAL (another form) or -ERANGE (does not fit), and leave *out alone on error.

// "true" or "false".
int value_parse_bool(struct span text, bool *out);

// A number with ms, s, m, h or d: "500ms", "30s", "5m". "0" needs no unit.
int value_parse_duration_ms(struct span text, uint32_t *out);

// A number with KiB, MiB, GiB or kB, MB, GB; bytes without. Result in bytes.
int value_parse_size(struct span text, uint64_t *out);

// "20000-60000", both in 1..65535, first <= last.
int value_parse_ports(struct span text, uint16_t *first, uint16_t *last);

// A number 0..63 or the name of a code point: EF, CS0..CS7, AF11..AF43, VA, LE, BE.
int value_parse_dscp(struct span text, uint8_t *out);

// "3" or "2-5": CPU numbers 0..1023, first <= last.
int value_parse_cpus(struct span text, uint32_t *first, uint32_t *last);

// 1..31 of letters, digits, - and _.
bool value_is_name(struct span text);
// 1..15 bytes, no blank, slash or colon: IFNAMSIZ and the kernel's dev_valid_name().
bool value_is_interface(struct span text);
// What a called or calling user may look like: letters, digits and + * # - _ . ~
bool value_is_user(struct span text);
