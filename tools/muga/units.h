// units.h - numbers as people read them. All write into `buf` of UNITS_MAX bytes and return it.
#pragma once

#include <stdint.h>

#define UNITS_MAX 32

const char *units_count(uint64_t n, char *buf);        // "950", "12.3k", "4.5M"
const char *units_bytes(uint64_t n, char *buf);        // "950 B", "12.3 KiB"
const char *units_duration(uint64_t ms, char *buf);    // "0.3 s", "2:05", "1:02:05"
