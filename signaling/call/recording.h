// recording.h - a call is recorded on request: its flows are marked, media does the rest
// (shm/recording.h).
//
// Owner thread only, within a turn (after core_receive() or core_run_timers() with the same env).
#pragma once

#include <stdint.h>

struct call;
struct core;
struct core_env;
struct recording_order;

// Takes the call's name, its leg or the other one's, as `muga show calls` prints it. The order's
// own token, time and Call-ID are filled in here. 0; -ENOENT: not a call of this core that has
// media, -EEXIST: it is being recorded, -ENOSPC: too many are, -EINVAL: the file's name, -ENOMEM.
int core_record_start(struct core *core, uint64_t token, const struct recording_order *order);
// -ENOENT: likewise, or it is not being recorded.
int core_record_stop(struct core *core, uint64_t token);

// The call came as a record: what was ordered for it elsewhere goes on.
void recording_resume(struct call *call, const struct core_env *env);
