// node.h - a YAML document as a tree of nodes with their places in the file.
//
// Built from libyaml events. Plain data only: anchors, aliases and tags are refused, because a
// configuration must mean what it shows. Any thread; nodes live in the caller's arena.
#pragma once

#include "base/arena.h"
#include "base/span.h"

#include <stdbool.h>
#include <stdint.h>

enum node_kind { NODE_SCALAR, NODE_LIST, NODE_MAP };

struct node {
	enum node_kind kind;
	bool is_plain;       // scalar without quotes: null and true are words, not strings
	uint32_t line;       // 1-based
	uint32_t column;     // 1-based
	struct span text;    // scalar
	struct node *key;    // of a map's child: its key, a scalar
	struct node *first;  // children of a list or map, in order
	struct node *next;   // sibling
	uint32_t count;      // children
};

// What the YAML itself has wrong.
struct node_error {
	uint32_t line, column; // 1-based
	char message[160];
};

#define NODE_DEPTH_MAX 16u

// Parses one document. 0 with the root in *out (NULL: empty document), -EINVAL with *error filled,
// -ENOMEM when the arena is full.
int node_parse(struct arena *arena, struct span text, struct node **out, struct node_error *error);

// Child of a map by key, or NULL.
struct node *node_child(const struct node *map, struct span key);

// An empty plain scalar, `~` or `null`: the key counts as absent.
bool node_is_null(const struct node *node);
