#include "record_file.h"

#include "base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#define FLUSH_NS    (1 * NS_PER_S)
#define CHECK_BYTES (4u << 20) // how much may be written between two looks at the disk
#define TEXT_MAX    512
#define SUFFIX	    ".pcapng"
#define LEGS	    2u

static bool has_room(const struct record_file *file, int dir)
{
	struct statvfs disk;

	if (fstatvfs(dir, &disk))
		return true; // the write will tell
	return (uint64_t)disk.f_bavail * disk.f_frsize >= file->config->free_min;
}

static int write_all(struct record_file *file)
{
	uint32_t done = 0;

	while (done < file->used) {
		ssize_t len = write(file->fd, file->buffer + done, file->used - done);

		if (len < 0 && errno == EINTR)
			continue;
		if (len <= 0)
			return len < 0 ? -errno : -EIO;
		done += (uint32_t)len;
	}
	file->written += file->used;
	file->used = 0;
	return 0;
}

// The file ends behind its last whole block.
static int fail(struct record_file *file, int rc)
{
	if (ftruncate(file->fd, (off_t)file->written) != 0)
		rc = rc ? rc : -errno;
	close(file->fd);
	file->fd = -1;
	file->used = 0;
	return rc;
}

static int spill(struct record_file *file, uint64_t now_ns)
{
	int rc = write_all(file);

	if (!rc && file->written - file->checked >= CHECK_BYTES) {
		file->checked = file->written;
		rc = has_room(file, file->fd) ? 0 : -ENOSPC;
	}
	file->flushed_ns = now_ns;
	return rc ? fail(file, rc) : 0;
}

// "0000aabbccddeeff-20261122T101500Z.pcapng", or the name that was asked for.
static int make_name(const struct recording_order *order, char *out, size_t bytes)
{
	time_t second = (time_t)(order->started_unix_ms / 1000);
	const char *dot = strrchr(order->name, '.');
	char text[32];
	struct tm tm;
	int len;

	if (order->name[0] != '\0') {
		len = snprintf(out, bytes, "%s%s", order->name,
			dot && strcmp(dot, SUFFIX) == 0 ? "" : SUFFIX);
	} else {
		gmtime_r(&second, &tm);
		strftime(text, sizeof(text), "%Y%m%dT%H%M%SZ", &tm);
		len = snprintf(out, bytes, "%016llx-%s" SUFFIX,
			(unsigned long long)order->call_token, text);
	}
	return len < 0 || (size_t)len >= bytes ? -ENAMETOOLONG : 0;
}

static int create(struct record_file *file, int dir, const char *name)
{
	if (!has_room(file, dir))
		return -ENOSPC;
	file->fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (file->fd < 0)
		return -errno;
	return fchmod(file->fd, file->config->mode) ? -errno : 0; // whatever the umask
}

static int begin(struct record_file *file)
{
	bool is_raw = !(file->order.flags & RECORDING_DECRYPTED);
	uint16_t link = is_raw ? PCAPNG_LINK_ETHERNET : PCAPNG_LINK_RAW;
	char text[TEXT_MAX];

	snprintf(text, sizeof(text), "call=%016llx call_id=%s %s",
		(unsigned long long)file->order.call_token, file->order.call_id,
		is_raw ? "as it came" : "decrypted");
	file->used = pcapng_section(file->buffer, RECORD_BUFFER_BYTES, text);
	file->used += pcapng_interface(file->buffer + file->used,
		RECORD_BUFFER_BYTES - file->used, link, "a", "from the caller's side");
	file->used += pcapng_interface(file->buffer + file->used,
		RECORD_BUFFER_BYTES - file->used, link, "b", "from the called side");
	return write_all(file);
}

int record_file_open(struct record_file *file, const struct config_recording *config,
	const struct recording_order *order)
{
	char name[RECORDING_NAME_MAX + 16];
	int dir, rc;

	file->fd = -1;
	file->config = config;
	file->order = *order;
	file->written = file->checked = 0;
	file->used = 0;
	rc = make_name(order, name, sizeof(name));
	if (rc)
		return rc;
	if (snprintf(file->path, sizeof(file->path), "%s/%s", config->folder, name) >=
		(int)sizeof(file->path))
		return -ENAMETOOLONG;
	if (mkdir(config->folder, 0750) != 0 && errno != EEXIST)
		return -errno;
	dir = open(config->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return -errno;
	rc = create(file, dir, name);
	close(dir);
	if (rc)
		return file->fd < 0 ? rc : fail(file, rc);
	rc = begin(file);
	return rc ? fail(file, rc) : 0;
}

int record_file_add(struct record_file *file, const struct pcapng_packet *packet, uint64_t now_ns)
{
	uint32_t len;
	int rc;

	if (file->fd < 0)
		return -EBADF;
	len = pcapng_packet(file->buffer + file->used, RECORD_BUFFER_BYTES - file->used, packet);
	if (len == 0) {
		rc = spill(file, now_ns);
		if (rc)
			return rc;
		len = pcapng_packet(file->buffer, RECORD_BUFFER_BYTES, packet);
	}
	if (file->written + file->used + len > file->config->file_max) {
		rc = spill(file, now_ns);
		return rc ? rc : fail(file, -EFBIG);
	}
	file->used += len;
	return 0;
}

int record_file_flush(struct record_file *file, uint64_t now_ns)
{
	if (file->fd < 0 || file->used == 0 || now_ns - file->flushed_ns < FLUSH_NS)
		return 0;
	return spill(file, now_ns);
}

int record_file_close(struct record_file *file, uint64_t unix_ns, uint64_t lost)
{
	int rc;

	if (file->fd < 0)
		return 0;
	rc = write_all(file);
	for (uint32_t leg = 0; !rc && leg < LEGS; leg++) {
		uint32_t room = RECORD_BUFFER_BYTES - file->used;
		uint32_t len = pcapng_statistics(
			file->buffer + file->used, room, leg, unix_ns, leg == 0 ? lost : 0);

		if (len > 0)
			file->used += len;
	}
	rc = rc ? rc : write_all(file);
	if (rc)
		return fail(file, rc);
	rc = close(file->fd) ? -errno : 0; // a full disk of another machine is told here
	file->fd = -1;
	return rc;
}
