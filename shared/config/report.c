// report.c - where the loader stands and what is wrong there.
#include "config/schema.h"

#include <stdarg.h>

#define FOUND_MAX 40u // bytes of a wrong value that a message repeats

uint32_t config_path_push(struct config_loader *loader, struct span word)
{
	uint32_t before = loader->path_len;
	size_t room = sizeof loader->path - before;
	int len = snprintf(loader->path + before, room, "%s" SPAN_FMT, before ? "." : "",
		SPAN_ARG(word));
	if (len > 0)
		loader->path_len += (size_t)len < room ? (uint32_t)len : (uint32_t)room - 1;
	return before;
}

uint32_t config_path_push_index(struct config_loader *loader, uint32_t index)
{
	uint32_t before = loader->path_len;
	size_t room = sizeof loader->path - before;
	int len = snprintf(loader->path + before, room, "[%u]", index);
	if (len > 0)
		loader->path_len += (size_t)len < room ? (uint32_t)len : (uint32_t)room - 1;
	return before;
}

void config_path_pop(struct config_loader *loader, uint32_t len)
{
	loader->path_len = len;
	loader->path[len] = '\0';
}

void config_fail(struct config_loader *loader, const struct node *node, const char *fmt, ...)
{
	va_list args;
	if (loader->error_count >= loader->errors_max)
		return;
	struct config_error *error = &loader->errors[loader->error_count++];
	*error = (struct config_error){ .line = node->line, .column = node->column };
	snprintf(error->file, sizeof error->file, "%s", loader->file);
	snprintf(error->key, sizeof error->key, "%.*s", (int)sizeof error->key - 1, loader->path);
	va_start(args, fmt);
	vsnprintf(error->message, sizeof error->message, fmt, args);
	va_end(args);
}

// What stands at a node, short and printable, for messages.
static void describe(const struct node *node, char out[FOUND_MAX + 8])
{
	uint32_t at = 0;
	if (node->kind != NODE_SCALAR) {
		snprintf(out, FOUND_MAX + 8, "%s", node->kind == NODE_LIST ? "a list" : "a map");
		return;
	}
	out[at++] = '"';
	for (uint32_t i = 0; i < node->text.len && i < FOUND_MAX; i++) {
		char c = node->text.ptr[i];
		out[at++] = c >= ' ' && c <= '~' ? c : '?';
	}
	if (node->text.len > FOUND_MAX) {
		memcpy(out + at, "...", 3);
		at += 3;
	}
	out[at++] = '"';
	out[at] = '\0';
}

void config_fail_expected(struct config_loader *loader, const struct node *node, const char *what)
{
	char found[FOUND_MAX + 8];
	describe(node, found);
	config_fail(loader, node, "expected %s, found %s", what, found);
}

void config_fail_unknown(struct config_loader *loader, const struct node *node, const char *kind,
	const struct suggest *suggest)
{
	char found[FOUND_MAX + 8];
	describe(node, found);
	if (suggest->best.len > 0)
		config_fail(loader, node, "no such %s: %s, did you mean '" SPAN_FMT "'?", kind,
			found, SPAN_ARG(suggest->best));
	else
		config_fail(loader, node, "no such %s: %s", kind, found);
}
