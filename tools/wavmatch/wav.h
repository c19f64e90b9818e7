// wav.h - reads a RIFF/WAVE file of 16-bit PCM into memory as mono samples.
//
// Owns the samples it returns. Knows nothing of comparing; any malformed file is -EPROTO.
#pragma once

#include <stdint.h>

struct wav {
	int16_t *samples; // first channel only
	uint32_t count;
	uint32_t rate_hz; // 8000..192000
};

// 0, -ENOENT and other open errors, -EPROTO: not a WAVE file or truncated header,
// -ENOTSUP: not 16-bit PCM, -EFBIG: more than WAV_SECONDS_MAX seconds, -ENOMEM.
int wav_open(const char *path, struct wav *out);
void wav_close(struct wav *wav);

#define WAV_SECONDS_MAX 3600
