#include "muga/table.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define COLUMNS_MAX 20
#define CELL_MAX    96

struct column {
	char name[CELL_MAX];
	bool is_right;
	int width;
};

struct table {
	struct column columns[COLUMNS_MAX];
	size_t column_count;
	char (*cells)[CELL_MAX]; // row by row
	size_t cell_count, cell_room;
};

static void column_add(struct table *table, const char *name, size_t len)
{
	struct column *column = &table->columns[table->column_count++];
	column->is_right = len > 0 && name[0] == '>';
	if (column->is_right) {
		name++;
		len--;
	}
	snprintf(column->name, sizeof(column->name), "%.*s", (int)len, name);
	column->width = (int)strlen(column->name);
}

struct table *table_new(const char *columns)
{
	struct table *table = calloc(1, sizeof(*table));
	while (table != NULL && table->column_count < COLUMNS_MAX) {
		size_t len = strcspn(columns, "|");
		column_add(table, columns, len);
		if (columns[len] == '\0')
			break;
		columns += len + 1;
	}
	return table;
}

void table_free(struct table *table)
{
	if (table == NULL)
		return;
	free(table->cells);
	free(table);
}

static void clean(char *text)
{
	for (; *text != '\0'; text++)
		if ((unsigned char)*text < ' ' || *text == 0x7f || (unsigned char)*text >= 0x80)
			*text = '?';
}

void table_add(struct table *table, const char *fmt, ...)
{
	va_list args;
	if (table->cell_count == table->cell_room) {
		size_t room = table->cell_room * 2 + 64;
		void *grown = realloc(table->cells, room * sizeof(table->cells[0]));
		if (grown == NULL)
			abort(); // a tool with nothing to lose
		table->cells = grown;
		table->cell_room = room;
	}
	char *cell = table->cells[table->cell_count];
	va_start(args, fmt);
	vsnprintf(cell, CELL_MAX, fmt, args);
	va_end(args);
	clean(cell);
	struct column *column = &table->columns[table->cell_count % table->column_count];
	if ((int)strlen(cell) > column->width)
		column->width = (int)strlen(cell);
	table->cell_count++;
}

static void cell_print(const struct table *table, size_t i, const char *text, FILE *out)
{
	const struct column *column = &table->columns[i];
	bool is_last = i + 1 == table->column_count;
	if (column->is_right)
		fprintf(out, "%*s", column->width, text);
	else if (is_last)
		fputs(text, out); // no blanks at the end of lines
	else
		fprintf(out, "%-*s", column->width, text);
	fputs(is_last ? "\n" : "  ", out);
}

void table_print(const struct table *table, const char *empty, FILE *out)
{
	if (table->cell_count == 0) {
		fprintf(out, "%s\n", empty);
		return;
	}
	for (size_t i = 0; i < table->column_count; i++)
		cell_print(table, i, table->columns[i].name, out);
	for (size_t i = 0; i < table->cell_count; i++)
		cell_print(table, i % table->column_count, table->cells[i], out);
}
