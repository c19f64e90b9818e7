// control.h - the main thread of muga-signaling: signals, heartbeat, media's file, drain, admin.
//
// It never touches a call itself: what concerns calls goes to the workers as commands.
#pragma once

#include "admin/admin.h"
#include "shm/segment.h"
#include "worker.h"

#include <limits.h>
#include <uv.h>

// The map of media's file, which may appear late and change when muga-media starts anew.
struct media_link {
	char dir[PATH_MAX];
	struct shm_map *current;   // NULL until muga-media has run once
	struct shm_map *old;       // unmapped once no worker uses it any more
	_Atomic uint32_t waiting;  // workers that have not switched yet. writer: workers
	uint32_t instance;         // of `current` when last looked at
	bool is_alive;             // as last logged
};

struct control {
	struct worker_shared *shared;
	struct worker **workers;   // [shared->workers]
	struct shm_map *signaling; // ours, writable
	struct media_link media;
	uv_loop_t loop;
	uv_timer_t tick;
	uv_signal_t signals[3];
	uint64_t drain_until_ms;   // 0 = not draining
	uint64_t tls_check_ms;     // when certificates are looked at again
	int64_t tls_days_told;     // of the first one that runs out, as last logged
	_Atomic uint64_t tls_reloads, tls_reload_failures; // writer: main, admin, readers: admin
	bool is_stopping;
};

// Runs until SIGTERM, SIGINT, or the end of a drain. Main thread. 0 or -errno.
int control_run(struct control *control);

// control_segment.c -------------------------------------------------------------------------------

// Opens or creates signaling's file for this configuration and fills the address table. Failures
// are logged in words an operator can act on. 0 or -errno.
int control_segment_open(const struct config *config, struct shm_map *out);
// Slots needed for limits.calls_max, and addresses with room to grow.
void control_geometry(const struct config *config, struct shm_geometry *out);

// control_media.c ---------------------------------------------------------------------------------

// First look, before the workers are built. Absent media is no error.
void media_link_open(struct media_link *link, const char *dir);
// Each tick: attaches a file that appeared or was replaced and hands it to the workers.
void media_link_run(struct media_link *link, struct worker **workers, uint32_t count);
void media_link_close(struct media_link *link); // after the workers have gone

// control_tls.c -----------------------------------------------------------------------------------

// Reads all files of TLS anew; on any error the old ones stay. 0, -ENOMEM, or -EINVAL with a
// sentence in error[TLS_ERROR_MAX]; logged and counted here. Main or admin thread, offline for RCU.
int control_tls_reload(struct control *control, char *error);
// Until the first of our certificates runs out, negative if it has; INT64_MAX: there is none.
int64_t control_tls_days_left(struct control *control);
// Each tick: says once a day that a certificate runs out within 30 days.
void control_tls_watch(struct control *control, uint64_t now_ms);

// control_admin.c ---------------------------------------------------------------------------------

// context is a struct control *.
extern const struct admin_ops control_admin_ops;

// control_record.c: asks the workers until one has the call. As struct admin_ops has it.
int control_record(void *context, const struct admin_record *record, json_t **out);

// control_process.c -------------------------------------------------------------------------------

void process_raise_limits(void);
// -EINVAL: no such user. Afterwards nothing can be regained. run_dir is given to the user, shm_dir
// to the user's group.
int process_drop_privileges(const char *user, const struct config *config,
	const struct admin *admin);
// Creates `dir` with its parents (0755). 0 or -errno.
int process_make_dir(const char *dir);
// Forks; only the child returns. The parent waits for process_ready() and exits 0, or 1 without it.
void process_background(void);
// Start-up is over: tells the waiting parent and a service manager (NOTIFY_SOCKET).
void process_ready(void);
int process_write_pid(const char *path);
