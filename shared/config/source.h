// source.h - which trunk a source address or a name in a certificate belongs to, by an index over
// all that trunks match by.
//
// Built once per configuration, immutable afterwards; any thread reads it.
#pragma once

#include "config/config.h"

struct arena;

// Fills config->sources from `arena`. -ENOMEM: it is full.
int config_build_sources(struct config *config, struct arena *arena);
