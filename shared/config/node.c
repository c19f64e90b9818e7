// node.c - libyaml events, one by one, onto a stack of open lists and maps.
#include "config/node.h"

#include <errno.h>
#include <stdio.h>
#include <yaml.h>

// An open list or map.
struct frame {
	struct node *node;
	struct node **tail; // where the next child goes
	struct node *key;   // map: key that waits for its value
};

struct builder {
	struct arena *arena;
	struct node_error *error;
	struct frame stack[NODE_DEPTH_MAX];
	uint32_t depth;
	struct node *root;
	uint32_t documents;
};

static int refuse(struct builder *b, const yaml_mark_t *mark, const char *message)
{
	b->error->line = (uint32_t)mark->line + 1;
	b->error->column = (uint32_t)mark->column + 1;
	snprintf(b->error->message, sizeof b->error->message, "%s", message);
	return -EINVAL;
}

static struct node *new_node(struct builder *b, enum node_kind kind, const yaml_mark_t *mark)
{
	struct node *node = arena_zalloc(b->arena, sizeof *node);
	if (!node)
		return NULL;
	node->kind = kind;
	node->line = (uint32_t)mark->line + 1;
	node->column = (uint32_t)mark->column + 1;
	return node;
}

// Hangs a finished scalar or an opened collection below the innermost open one.
static int attach(struct builder *b, struct node *node, const yaml_mark_t *mark)
{
	if (b->depth == 0) {
		b->root = node;
		return 0;
	}
	struct frame *top = &b->stack[b->depth - 1];
	if (top->node->kind == NODE_MAP && !top->key) {
		if (node->kind != NODE_SCALAR)
			return refuse(b, mark, "a key must be a plain word");
		top->key = node;
		return 0;
	}
	node->key = top->key;
	top->key = NULL;
	*top->tail = node;
	top->tail = &node->next;
	top->node->count++;
	return 0;
}

static int open_collection(struct builder *b, enum node_kind kind, const yaml_mark_t *mark)
{
	if (b->depth == NODE_DEPTH_MAX)
		return refuse(b, mark, "nested too deeply");
	struct node *node = new_node(b, kind, mark);
	if (!node)
		return -ENOMEM;
	int err = attach(b, node, mark);
	if (err)
		return err;
	b->stack[b->depth++] = (struct frame){ .node = node, .tail = &node->first };
	return 0;
}

static int add_scalar(struct builder *b, const yaml_event_t *event)
{
	struct span text = span_make((const char *)event->data.scalar.value,
		(uint32_t)event->data.scalar.length);
	struct node *node = new_node(b, NODE_SCALAR, &event->start_mark);
	if (!node || !arena_copy(b->arena, text, &node->text))
		return -ENOMEM;
	node->is_plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
	if (span_find(text, '\0', 0) >= 0)
		return refuse(b, &event->start_mark, "a NUL byte is not allowed");
	return attach(b, node, &event->start_mark);
}

static bool has_anchor_or_tag(const yaml_event_t *event)
{
	switch (event->type) {
	case YAML_ALIAS_EVENT:
		return true;
	case YAML_SCALAR_EVENT:
		return event->data.scalar.anchor || event->data.scalar.tag;
	case YAML_SEQUENCE_START_EVENT:
		return event->data.sequence_start.anchor || event->data.sequence_start.tag;
	case YAML_MAPPING_START_EVENT:
		return event->data.mapping_start.anchor || event->data.mapping_start.tag;
	default:
		return false;
	}
}

static int take_event(struct builder *b, const yaml_event_t *event)
{
	const yaml_mark_t *mark = &event->start_mark;
	if (has_anchor_or_tag(event))
		return refuse(b, mark, "anchors, aliases and tags are not allowed");
	switch (event->type) {
	case YAML_DOCUMENT_START_EVENT:
		if (b->documents++ > 0)
			return refuse(b, mark, "expected a single document, found a second one");
		return 0;
	case YAML_SCALAR_EVENT:
		return add_scalar(b, event);
	case YAML_SEQUENCE_START_EVENT:
		return open_collection(b, NODE_LIST, mark);
	case YAML_MAPPING_START_EVENT:
		return open_collection(b, NODE_MAP, mark);
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT:
		b->depth--;
		return 0;
	default:
		return 0;
	}
}

static int refuse_syntax(struct builder *b, const yaml_parser_t *parser)
{
	char message[120];
	// A reader error (bad UTF-8) has an offset only; its mark is that of the last token.
	bool has_context = parser->context && parser->problem;
	snprintf(message, sizeof message, "not valid YAML: %s%s%s",
		parser->problem ? parser->problem : "unknown problem", has_context ? ", " : "",
		has_context ? parser->context : "");
	const yaml_mark_t *mark = parser->problem_mark.line || parser->problem_mark.column
		? &parser->problem_mark
		: &parser->mark;
	return refuse(b, mark, message);
}

static int run_parser(struct builder *b, yaml_parser_t *parser)
{
	bool is_end = false;
	while (!is_end) {
		yaml_event_t event;
		if (!yaml_parser_parse(parser, &event)) {
			if (parser->error == YAML_MEMORY_ERROR)
				return -ENOMEM;
			return refuse_syntax(b, parser);
		}
		is_end = event.type == YAML_STREAM_END_EVENT;
		int err = take_event(b, &event);
		yaml_event_delete(&event);
		if (err)
			return err;
	}
	return 0;
}

int node_parse(struct arena *arena, struct span text, struct node **out, struct node_error *error)
{
	struct builder builder = { .arena = arena, .error = error };
	yaml_parser_t parser;
	if (!yaml_parser_initialize(&parser))
		return -ENOMEM;
	yaml_parser_set_input_string(&parser, (const unsigned char *)(text.len ? text.ptr : ""),
		text.len);
	int err = run_parser(&builder, &parser);
	yaml_parser_delete(&parser);
	if (err)
		return err;
	*out = builder.root;
	return 0;
}

struct node *node_child(const struct node *map, struct span key)
{
	for (struct node *child = map->first; child; child = child->next) {
		if (child->key && span_eq(child->key->text, key))
			return child;
	}
	return NULL;
}

bool node_is_null(const struct node *node)
{
	if (node->kind != NODE_SCALAR || !node->is_plain)
		return false;
	return node->text.len == 0 || span_eq(node->text, SPAN_LIT("~")) ||
		span_eq(node->text, SPAN_LIT("null"));
}
