// schema.h - the one description of the configuration file: what is checked, defaulted, printed.
//
// A table of struct config_item describes the keys of one map; nested maps point to further tables.
// walk.c interprets the tables; the handlers named in them (daemon.c, realm.c, trunk.c) hold what a
// table cannot say. Private to shared/config.
#pragma once

#include "config/config.h"
#include "config/node.h"
#include "config/suggest.h"

#include <stddef.h>

enum config_type {
	CONFIG_TYPE_BOOL,     // bool
	CONFIG_TYPE_UINT,     // uint32_t, min..max
	CONFIG_TYPE_DURATION, // uint32_t ms, min..max
	CONFIG_TYPE_CHOICE,   // uint32_t, index into choices
	CONFIG_TYPE_TEXT,     // const char *, min..max bytes
	CONFIG_TYPE_SECRET,   // struct span, min..max bytes, "file:PATH" reads it
	CONFIG_TYPE_VALUE,    // any scalar, the handler parses it
	CONFIG_TYPE_LIST,     // list (or a single scalar), the handler takes each element
	CONFIG_TYPE_MAP,      // fixed keys: items, same target
	CONFIG_TYPE_NAMED,    // free keys: begin() gives each element its target, then items
	CONFIG_TYPE_MAP_LIST, // list of maps: likewise, begin() with a NULL name
	CONFIG_TYPE_LATER,    // known word, refused by name
};

struct config_loader;

struct config_item;

// Takes one scalar or list element into the item's field of `target`.
typedef void config_value_fn(struct config_loader *loader, const struct node *node,
	const struct config_item *item, void *target);
// Makes an element; NULL after an error was reported. `siblings` is how many there will be at most.
typedef void *config_begin_fn(struct config_loader *loader, const struct node *node,
	uint32_t siblings);
// Checks an element after its keys. `node` is the element's map.
typedef void config_finish_fn(struct config_loader *loader, const struct node *node, void *target);

struct config_item {
	const char *key;
	enum config_type type;
	bool is_required;
	bool is_live;             // takes effect on reload; else at restart
	uint32_t offset;          // of the field in the target
	uint64_t min, max;        // UINT, DURATION (ms), TEXT and SECRET (bytes), LIST (elements)
	const char *fallback;     // default as it would stand in the file, NULL = none
	const char *expected;     // completes "expected ..."; NULL = made from the type
	const char *help;
	const char *const *choices;      // CHOICE, NULL-terminated
	const struct config_item *items; // MAP, NAMED, MAP_LIST: NULL key ends the table
	config_value_fn *value;           // VALUE, LIST
	config_begin_fn *begin;           // NAMED, MAP_LIST
	config_finish_fn *finish;         // NAMED, MAP_LIST, MAP; may be NULL
};

// State of one config_load().
struct config_loader {
	struct config *config;
	struct arena *arena;          // the configuration's own
	struct arena scratch;         // nodes; gone after loading
	const char *file;
	struct config_error *errors;
	uint32_t errors_max;
	uint32_t error_count;
	char path[128];               // dotted key of the node in hand
	uint32_t path_len;
	struct config_profile *profile; // whose keys are being read
	bool is_memory_set;           // dataplane.hugepages named a size
};

extern const struct config_item config_schema[];

// Walks a map by a table. Items are taken in the table's order, not the file's, so that a later
// section may name elements of an earlier one.
void config_walk_map(struct config_loader *loader, const struct node *map,
	const struct config_item *items, void *target);

// One value of a plain type into its field.
void config_take_scalar(struct config_loader *loader, const struct node *node,
	const struct config_item *item, void *target);

// Reports a mistake at `node`, with the current path as key.
void config_fail(struct config_loader *loader, const struct node *node, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
// "expected WHAT, found "TEXT"".
void config_fail_expected(struct config_loader *loader, const struct node *node, const char *what);

// "no such KIND", and the nearest name if there is one.
void config_fail_unknown(struct config_loader *loader, const struct node *node, const char *kind,
	const struct suggest *suggest);

// The text of a scalar with ${NAME} replaced from the environment. False after an error (not a
// scalar, no such variable).
bool config_scalar(struct config_loader *loader, const struct node *node, struct span *out);
// NUL-terminated copy in the configuration's arena, or NULL after an error.
const char *config_copy(struct config_loader *loader, const struct node *node, struct span text);

// The path grows by ".word" or "[index]" and shrinks to what config_path_push() returned.
uint32_t config_path_push(struct config_loader *loader, struct span word);
uint32_t config_path_push_index(struct config_loader *loader, uint32_t index);
void config_path_pop(struct config_loader *loader, uint32_t len);

// Handlers, by file: daemon.c (node, dataplane), realm.c, trunk.c (trunks, routes).
config_value_fn config_take_version, config_take_workers, config_take_log_format, config_take_cores,
	config_take_hugepages, config_take_memory;
config_begin_fn config_begin_device;
config_finish_fn config_finish_device;

// profile.c, and one file for each group of keys. MAP_LIST elements below a profile belong to
// loader->profile.
extern const struct config_item config_profile_items[], config_profile_flow_items[],
	config_profile_headers_items[], config_profile_sdp_items[], config_profile_rules_items[],
	config_profile_media_items[], config_profile_tests_items[];
config_begin_fn config_begin_header_test; // profile_rules.c
config_finish_fn config_finish_header_test;
bool config_make_default_profile(struct config_loader *loader);
config_begin_fn config_begin_profile;
config_value_fn config_take_profile; // uint32_t index

// host.c: where a trunk is.
config_value_fn config_take_host;
// Whether it is a name of DNS, of at most 253 characters.
bool config_is_name(struct span text);
void config_check_hosts(struct config_loader *loader, const struct node *node,
	const struct config_trunk *trunk);

// trunk_connection.c
extern const struct config_item config_trunk_connection_items[];
config_value_fn config_take_path; // const char *
void config_check_trunk_connection(struct config_loader *loader, const struct node *node,
	const struct config_trunk *trunk);

// recording.c
extern const struct config_item config_recording_items[];

// dns.c
extern const struct config_item config_dns_items[];
config_value_fn config_take_dns_server;
config_finish_fn config_finish_dns;

config_begin_fn config_begin_realm;
config_finish_fn config_finish_realm;
config_value_fn config_take_vlan, config_take_realm_device, config_take_ports,
	config_take_dscp, // uint8_t
	config_take_media_address, config_take_advertise, config_take_emergency;

// listener.c, also for trunks and for connections as such.
extern const struct config_item config_listener_items[], config_connection_items[],
	config_trunk_tls_items[];
config_begin_fn config_begin_listener;
config_finish_fn config_finish_listener;
config_value_fn config_take_udp, config_take_tcp, config_take_tls, config_take_ws, config_take_wss,
	config_take_origin,
	config_take_bytes; // uint32_t
void config_check_trunk_tls(struct config_loader *loader, const struct node *node,
	struct config_trunk *trunk);

config_begin_fn config_begin_trunk, config_begin_route;
config_finish_fn config_finish_trunk;
config_value_fn config_take_trunk_realm, config_take_match_ip, config_take_tls_san,
	config_take_pattern, config_take_number, config_take_bulk_contact, config_take_user,
	config_take_route_realm, config_take_route_from, config_take_route_to;
