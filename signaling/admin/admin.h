// admin.h - HTTP/JSON on a unix socket: what the CLI and operators ask of a running muga-signaling.
//
// One thread of its own (libmicrohttpd), few connections, bounded requests. It knows nothing of
// workers: struct admin_ops answers, and may take its time within its own limit. Whoever may open
// the socket (mode 0660) may ask everything.
#pragma once

#include "base/log.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define ADMIN_LIMIT_DEFAULT 1000u
#define ADMIN_LIMIT_MAX     20000u

// Called in the admin thread. Those that answer return 0 and an owned JSON value in *out, or
// -ETIMEDOUT: a worker did not answer (503), -ENOMEM (503).
// POST /v1/recordings and /v1/recordings/stop.
struct admin_record {
	uint64_t call;
	bool is_stop;
	bool is_decrypted;
	const char *file; // name without a folder, "" = ours
};

struct admin_ops {
	int (*calls)(void *context, uint32_t limit, json_t **out);
	int (*ended)(void *context, uint32_t limit, json_t **out);
	int (*trunks)(void *context, json_t **out);
	int (*metrics)(void *context, json_t **out);
	int (*drain)(void *context, json_t **out);
	// -EINVAL with {"error": why} in *out: nothing has changed (409).
	int (*tls_reload)(void *context, json_t **out);
	// -ENOENT: no such call with media (404), -EEXIST: it is being recorded (409), -ENOSPC: too
	// many are (503), -EINVAL: the file's name (400).
	int (*record)(void *context, const struct admin_record *record, json_t **out);
	void (*thread_begin)(void *context); // once, before the first request; may be NULL
	void (*thread_end)(void *context);   // may be NULL
};

struct admin_params {
	const char *path;            // of the socket; a stale one is removed
	const struct admin_ops *ops; // borrowed until admin_close()
	void *context;
};

struct admin;

// Listens and starts the thread. 0 or -errno (-ENAMETOOLONG: path over 107 bytes).
int admin_open(const struct admin_params *params, struct admin **out);
// Stops the thread, removes the socket.
void admin_close(struct admin *admin);

// The socket's owner, for a daemon that gives up root afterwards. 0 or -errno.
int admin_chown(const struct admin *admin, uid_t uid, gid_t gid);
