// daemon.h - muga-media as a whole: what is started in which order, and the main thread's loop.
//
// config -> signaling's file -> media's file and its lock -> EAL -> packet pool -> guard -> ports
// -> next hops -> lanes. The lock comes before anything that another instance could be using.
#pragma once

#include "config/config.h"

#include <stdbool.h>

// Called once lanes forward; may be NULL.
typedef void (*daemon_ready_fn)(void *context);

struct daemon_params {
	const struct config *config;
	daemon_ready_fn ready;
	void *context;
};

// Blocks SIGTERM and SIGINT, which end daemon_run(), in this and all later threads.
void daemon_block_signals(void);

// Starts, runs until asked to stop, stops. 0 after a clean stop, else -errno (logged).
int daemon_run(const struct daemon_params *params);
