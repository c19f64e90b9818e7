// table.h - aligned columns on a terminal.
//
// Cells are copied; control characters become '?', so that no name from the network moves the
// cursor.
#pragma once

#include <stdio.h>

struct table;

// `columns` names separated by '|'; a leading '>' aligns a column right. NULL: out of memory.
struct table *table_new(const char *columns);
void table_free(struct table *table);
// The next cell; rows fill from left to right.
void table_add(struct table *table, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
// With a head line, unless there is no row: then `empty` is printed.
void table_print(const struct table *table, const char *empty, FILE *out);
