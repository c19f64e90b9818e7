#include "wavmatch/wav.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WAVE_FORMAT_PCM = 1, WAVE_FORMAT_EXTENSIBLE = 0xfffe };

struct wav_format {
	uint16_t tag, channels, bits;
	uint32_t rate_hz;
};

static uint16_t read_le16(const uint8_t *p)
{
	return (uint16_t)(p[0] | p[1] << 8);
}

static uint32_t read_le32(const uint8_t *p)
{
	return read_le16(p) | (uint32_t)read_le16(p + 2) << 16;
}

static int read_format(FILE *file, uint32_t bytes, struct wav_format *out)
{
	uint8_t chunk[16];

	if (bytes < sizeof(chunk) || fread(chunk, sizeof(chunk), 1, file) != 1)
		return -EPROTO;
	out->tag = read_le16(chunk);
	out->channels = read_le16(chunk + 2);
	out->rate_hz = read_le32(chunk + 4);
	out->bits = read_le16(chunk + 14);
	if (out->tag != WAVE_FORMAT_PCM && out->tag != WAVE_FORMAT_EXTENSIBLE)
		return -ENOTSUP;
	if (out->bits != 16 || out->channels < 1 || out->channels > 8)
		return -ENOTSUP;
	if (out->rate_hz < 8000 || out->rate_hz > 192000)
		return -ENOTSUP;
	return fseek(file, (long)(bytes - sizeof(chunk) + (bytes & 1)), SEEK_CUR) ? -EPROTO : 0;
}

// A recorder that was killed leaves 0 or 0xffffffff as the length of its data: whatever follows
// the header counts then.
static int read_data(FILE *file, uint32_t bytes, const struct wav_format *format, struct wav *out)
{
	uint32_t frame = format->channels * 2u;
	uint32_t frames_max = format->rate_hz * WAV_SECONDS_MAX;
	uint32_t frames = bytes == 0 || bytes == UINT32_MAX ? frames_max : bytes / frame;
	uint8_t buffer[16];

	if (frames > frames_max)
		return -EFBIG;
	int16_t *samples = calloc(frames ? frames : 1, sizeof(*samples));
	if (!samples)
		return -ENOMEM;
	uint32_t count = 0;
	while (count < frames && fread(buffer, frame, 1, file) == 1)
		samples[count++] = (int16_t)read_le16(buffer);
	*out = (struct wav){ .samples = samples, .count = count, .rate_hz = format->rate_hz };
	return 0;
}

static int read_chunks(FILE *file, struct wav *out)
{
	uint8_t head[12];
	struct wav_format format = { 0 };
	bool has_format = false;

	if (fread(head, 12, 1, file) != 1 || memcmp(head, "RIFF", 4) || memcmp(head + 8, "WAVE", 4))
		return -EPROTO;
	while (fread(head, 8, 1, file) == 1) {
		uint32_t bytes = read_le32(head + 4);
		if (!memcmp(head, "data", 4))
			return has_format ? read_data(file, bytes, &format, out) : -EPROTO;
		if (bytes > INT32_MAX - 1)
			return -EPROTO;
		int err = 0;
		if (!memcmp(head, "fmt ", 4)) {
			err = read_format(file, bytes, &format);
			has_format = true;
		} else if (fseek(file, (long)bytes + (bytes & 1), SEEK_CUR)) {
			err = -EPROTO;
		}
		if (err)
			return err;
	}
	return -EPROTO;
}

int wav_open(const char *path, struct wav *out)
{
	FILE *file = fopen(path, "rb");
	if (!file)
		return -errno;
	int err = read_chunks(file, out);
	fclose(file);
	return err;
}

void wav_close(struct wav *wav)
{
	free(wav->samples);
	*wav = (struct wav){ 0 };
}
