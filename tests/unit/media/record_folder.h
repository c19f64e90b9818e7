// record_folder.h - a folder for recordings of one test, and what lies in it.
#pragma once

#include "config/config.h"
#include "unit/unit.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char record_base[64], record_folder[96];
static struct config_recording record_config;
static uint8_t record_bytes[4u << 20];

static inline void record_folder_make(void)
{
	snprintf(record_base, sizeof(record_base), "/tmp/record-XXXXXX");
	assert_non_null(mkdtemp(record_base));
	snprintf(record_folder, sizeof(record_folder), "%s/calls", record_base);
	record_config = (struct config_recording){
		.folder = record_folder, .mode = 0640, .file_max = 1u << 20
	};
}

static inline void record_folder_remove(void)
{
	DIR *dir = opendir(record_folder);
	char path[512];

	for (struct dirent *entry; dir && (entry = readdir(dir)) != NULL;) {
		snprintf(path, sizeof(path), "%s/%s", record_folder, entry->d_name);
		unlink(path);
	}
	if (dir)
		closedir(dir);
	rmdir(record_folder);
	rmdir(record_base);
}

// The bytes of that file, in record_bytes.
static inline uint32_t record_read(const char *path)
{
	FILE *file = fopen(path, "r");

	assert_non_null(file);
	size_t len = fread(record_bytes, 1, sizeof(record_bytes), file);
	fclose(file);
	return (uint32_t)len;
}
