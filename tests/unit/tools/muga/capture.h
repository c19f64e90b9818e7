// capture.h - runs a verb and keeps what it prints.
#pragma once

#include "muga/cli.h"
#include "unit/unit.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

static struct captured {
	char out[1u << 20];
	char err[65536];
} captured;

static inline void capture_read(int fd, char *text, size_t room)
{
	ssize_t len = pread(fd, text, room - 1, 0);
	assert_true(len >= 0);
	text[len] = '\0';
	close(fd);
}

// Standard output and error go to files of our own between the two.
static inline void capture_begin(int kept[4])
{
	fflush(stdout);
	fflush(stderr);
	for (int i = 0; i < 2; i++) {
		kept[i] = dup(1 + i);
		kept[2 + i] = memfd_create("captured", MFD_CLOEXEC);
		assert_true(dup2(kept[2 + i], 1 + i) >= 0);
	}
}

static inline void capture_end(const int kept[4])
{
	fflush(stdout);
	fflush(stderr);
	for (int i = 0; i < 2; i++) {
		dup2(kept[i], 1 + i);
		close(kept[i]);
	}
	capture_read(kept[2], captured.out, sizeof(captured.out));
	capture_read(kept[3], captured.err, sizeof(captured.err));
}

static inline int capture_verb(cli_verb_fn verb, const struct cli *cli)
{
	int kept[4];
	capture_begin(kept);
	int status = verb(cli);
	capture_end(kept);
	return status;
}

// A verb with --json: what it printed is a whole JSON object. Owned by the caller.
static inline json_t *capture_json(cli_verb_fn verb, const struct cli *cli, int status)
{
	struct cli with_json = *cli;
	json_error_t error;
	with_json.is_json = true;
	assert_int_equal(capture_verb(verb, &with_json), status);
	json_t *value = json_loads(captured.out, 0, &error);
	if (!json_is_object(value))
		fail_msg("no JSON object: %s at %d: %s", error.text, error.position, captured.out);
	return value;
}

// "calls.0.legs.1": a member or an element at each step.
static inline json_t *json_at(json_t *value, const char *path)
{
	char text[200];
	snprintf(text, sizeof(text), "%s", path);
	for (char *at = text, *word; value != NULL && (word = strsep(&at, ".")) != NULL;)
		value = json_is_array(value) ? json_array_get(value, strtoul(word, NULL, 10))
					     : json_object_get(value, word);
	if (value == NULL)
		fail_msg("there is no %s in %s", path, captured.out);
	return value;
}
