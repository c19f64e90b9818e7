// segment.c - open, build, replace, lock and map the two files.
#include "shm/segment.h"

#include "base/check.h"
#include "base/clock.h"
#include "shm/layout.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#define FILE_MODE	0640	    // each process has its own uid, both are in one group
#define RACE_TRIES	16	    // starts of other processes that one start may collide with
#define HUGE_BYTES_MIN	(16u << 20) // below that, huge pages waste more than they win
#define HUGE_PAGE_BYTES (2u << 20)

// One start of a writer: what it wants and what it found.
struct opening {
	int dir_fd;
	bool is_media;
	struct shm_geometry geometry;
	struct shm_map old; // of the file found under the name; fd -1 = none
	bool is_old_whole;  // its header was valid: its counters are carried over
	bool is_old_same_boot;
};

static const char *name_of(bool is_media)
{
	return is_media ? SHM_MEDIA_NAME : SHM_SIGNALING_NAME;
}

static uint64_t magic_of(bool is_media)
{
	return is_media ? SHM_MAGIC_MEDIA : SHM_MAGIC_SIGNALING;
}

static size_t bytes_of(const struct opening *opening)
{
	if (opening->is_media) {
		struct shm_media_layout layout;
		shm_media_layout(&opening->geometry, &layout);
		return layout.bytes;
	}
	struct shm_signaling_layout layout;
	shm_signaling_layout(&opening->geometry, &layout);
	return layout.bytes;
}

static int lock_file(int fd)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	if (fcntl(fd, F_OFD_SETLK, &lock) == 0)
		return 0;
	return errno == EAGAIN || errno == EACCES ? -EBUSY : -errno;
}

bool shm_file_is_locked(int fd)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	// A lock that cannot be asked for counts as held: reclaim then waits, which is safe.
	return fcntl(fd, F_OFD_GETLK, &lock) != 0 || lock.l_type != F_UNLCK;
}

// Whether `name` in the directory still is the file behind `fd`.
static bool is_same_file(int dir_fd, const char *name, int fd)
{
	struct stat by_name;
	struct stat by_fd;
	if (fstatat(dir_fd, name, &by_name, 0) != 0 || fstat(fd, &by_fd) != 0)
		return false;
	return by_name.st_ino == by_fd.st_ino && by_name.st_dev == by_fd.st_dev;
}

static int map_file(struct shm_map *map, size_t bytes, bool is_writer)
{
	int protection = is_writer ? PROT_READ | PROT_WRITE : PROT_READ;
	map->base = mmap(NULL, bytes, protection, MAP_SHARED, map->fd, 0);
	if (map->base == MAP_FAILED) {
		map->base = NULL;
		return -errno;
	}
	map->bytes = bytes;
	map->is_writer = is_writer;
	if (bytes >= HUGE_BYTES_MIN)
		madvise(map->base, bytes, MADV_HUGEPAGE); // tmpfs; hugetlbfs needs no hint
	return 0;
}

// Keys stay out of core dumps: their pages, or huge pages, or if need be all.
static void hide_keys(const struct shm_map *map)
{
	struct shm_signaling_layout signaling;
	struct shm_media_layout media;

	if (map->geometry.keys == 0)
		return;
	shm_signaling_layout(&map->geometry, &signaling);
	shm_media_layout(&map->geometry, &media);
	size_t secret = map->is_media ? media.secure_states : signaling.keys;
	size_t unit = map->bytes >= HUGE_BYTES_MIN ? HUGE_PAGE_BYTES : 4096;
	size_t start = secret / unit * unit;
	if (madvise((char *)map->base + start, map->bytes - start, MADV_DONTDUMP) != 0)
		madvise(map->base, map->bytes, MADV_DONTDUMP);
}

void shm_close(struct shm_map *map)
{
	if (map->base)
		munmap(map->base, map->bytes);
	if (map->fd >= 0)
		close(map->fd); // releases the lock
	if (map->dir_fd >= 0)
		close(map->dir_fd);
	*map = (struct shm_map){ .fd = -1, .dir_fd = -1 };
}

// Whether any port leads to a whole record.
static bool has_live_flows(const struct shm_map *map)
{
	const struct shm_geometry *g = &map->geometry;
	const struct flow_cfg *cfg = shm_flow_cfg(map);
	for (uint32_t address = 0; address < g->addresses; address++) {
		const _Atomic uint32_t *index = shm_index(map, address);
		for (uint32_t port = 0; port < SHM_PORTS; port++) {
			uint32_t slot = atomic_load_explicit(&index[port], memory_order_relaxed);
			if (slot < g->flows &&
				flow_is_valid(&cfg[slot], address, (uint16_t)port, g->flows))
				return true;
		}
	}
	return false;
}

static bool covers(const struct opening *opening)
{
	const struct shm_geometry *have = &opening->old.geometry;
	const struct shm_geometry *want = &opening->geometry;
	return have->addresses >= want->addresses && have->flows >= want->flows &&
	       have->lanes >= want->lanes && have->keys >= want->keys;
}

static bool is_equal(const struct opening *opening)
{
	const struct shm_geometry *have = &opening->old.geometry;
	const struct shm_geometry *want = &opening->geometry;
	return have->addresses == want->addresses && have->flows == want->flows &&
	       have->lanes == want->lanes && have->keys == want->keys;
}

// Of the file found and locked: 0 = take it over, 1 = replace it, or an error.
static int judge_old(struct opening *opening)
{
	struct stat st;
	if (fstat(opening->old.fd, &st) != 0)
		return -errno;
	if (st.st_size == 0)
		return 1;
	if ((size_t)st.st_size < sizeof(struct shm_signaling))
		return -EPROTO;
	int err = map_file(&opening->old, (size_t)st.st_size, true);
	if (err)
		return err;

	const struct shm_header *header = opening->old.base;
	if (header->magic != magic_of(opening->is_media))
		return -EPROTO;
	uint8_t boot_id[16];
	opening->is_old_same_boot = shm_boot_id(boot_id) &&
				    memcmp(boot_id, header->boot_id, sizeof(boot_id)) == 0;
	if (header->abi != SHM_ABI)
		return opening->is_old_same_boot ? -ESTALE : 1;
	err = shm_header_check(header, header->magic, (uint64_t)st.st_size, &opening->old.geometry);
	if (err == -EPROTO)
		return 1;
	opening->is_old_whole = true;
	if (err || is_equal(opening))
		return err ? 1 : 0;
	if (opening->is_media || !has_live_flows(&opening->old))
		return 1;
	return covers(opening) ? 0 : -ESTALE;
}

// Opens and locks what lies under the name. -ENOENT: nothing; -EINTR: lost a race, begin again.
static int open_old(struct opening *opening)
{
	struct shm_map *old = &opening->old;
	*old = (struct shm_map){ .fd = -1, .dir_fd = -1, .is_media = opening->is_media };
	old->fd = openat(
		opening->dir_fd, name_of(opening->is_media), O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	if (old->fd < 0)
		return -errno;
	int err = lock_file(old->fd);
	if (!err && !is_same_file(opening->dir_fd, name_of(opening->is_media), old->fd))
		err = -EINTR;
	if (err) {
		shm_close(old);
		return err;
	}
	return 0;
}

// Space for all of it now, so that a full tmpfs is an error here and not a SIGBUS later. On
// hugetlbfs the mapping itself reserves.
static int size_file(int fd, size_t *bytes)
{
	struct statfs fs;
	if (fstatfs(fd, &fs) != 0)
		return -errno;
	bool is_huge = fs.f_type == HUGETLBFS_MAGIC;
	size_t unit = is_huge ? (size_t)fs.f_bsize : 4096;
	*bytes = (*bytes + unit - 1) / unit * unit;
	if (ftruncate(fd, 0) != 0 || ftruncate(fd, (off_t)*bytes) != 0)
		return -errno;
	return is_huge ? 0 : -posix_fallocate(fd, 0, (off_t)*bytes);
}

static void fill_signaling(struct shm_map *map, const struct opening *opening)
{
	struct shm_signaling *file = map->base;
	uint64_t epoch = 1;
	// A node never makes 2^20 calls a millisecond, so also a file that replaces a lost one
	// starts above every incarnation of it.
	uint64_t incarnation = map->fd < 0 ? 1 : clock_unix_ms() << 20;

	if (opening && opening->is_old_whole) {
		const struct shm_signaling *old = opening->old.base;
		uint64_t next = atomic_load_explicit(&old->incarnation_next, memory_order_relaxed);
		if (next > incarnation)
			incarnation = next;
		if (opening->is_old_same_boot)
			epoch = atomic_load_explicit(&old->global_epoch, memory_order_relaxed) + 1;
	}
	atomic_store_explicit(&file->global_epoch, epoch, memory_order_relaxed);
	atomic_store_explicit(&file->incarnation_next, incarnation, memory_order_relaxed);
	for (uint32_t address = 0; address < map->geometry.addresses; address++) {
		memset(shm_index(map, address), 0xff, SHM_PORTS * sizeof(uint32_t));
		if (!opening || !opening->is_old_whole || !opening->is_old_same_boot)
			continue;
		_Atomic uint64_t *owners = shm_port_owner(map, address);
		for (uint32_t block = 0; block < SHM_BLOCKS_PER_ADDRESS; block++)
			atomic_store_explicit(
				&owners[block], SHM_OWNER_UNKNOWN, memory_order_relaxed);
	}
}
_Static_assert(SHM_FLOW_NONE == 0xffffffffu, "fill_signaling() sets it byte by byte");

// `opening` is NULL for anonymous maps. The memory is zero.
static void fill_file(struct shm_map *map, size_t bytes, const struct opening *opening)
{
	struct shm_header *header = map->base;
	uint32_t instance = 0;

	if (opening && opening->is_old_whole)
		instance = atomic_load_explicit(
			&shm_header(&opening->old)->instance, memory_order_relaxed);
	header->magic = magic_of(map->is_media);
	header->abi = SHM_ABI;
	header->header_bytes = sizeof(*header);
	header->file_bytes = bytes;
	header->geometry = map->geometry;
	shm_boot_id(header->boot_id);
	atomic_store_explicit(&header->instance, instance, memory_order_relaxed);
	if (!map->is_media)
		fill_signaling(map, opening);
	atomic_store_explicit(&header->is_ready, 1, memory_order_release);
}

// Builds the new file under another name, beside the old one, and lets it take the name.
static int build_new(struct opening *opening, struct shm_map *out)
{
	char name[64];
	struct shm_map map = { .fd = -1, .dir_fd = -1, .is_media = opening->is_media };
	size_t bytes = bytes_of(opening);
	size_t file_bytes = bytes;

	snprintf(name, sizeof(name), "%s.new", name_of(opening->is_media));
	map.geometry = opening->geometry;
	map.fd = openat(
		opening->dir_fd, name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, FILE_MODE);
	if (map.fd < 0)
		return -errno;
	// Whoever renames to the real name holds the lock of what is called .new, and has looked at
	// the real name since it got that lock.
	int err = lock_file(map.fd);
	if (!err && !is_same_file(opening->dir_fd, name, map.fd))
		err = -EINTR;
	if (!err && opening->old.fd < 0 &&
		faccessat(opening->dir_fd, name_of(opening->is_media), F_OK, 0) == 0)
		err = -EINTR;
	if (err)
		goto fail;
	err = fchmod(map.fd, FILE_MODE) ? -errno : size_file(map.fd, &file_bytes);
	if (!err)
		err = map_file(&map, file_bytes, true);
	if (err)
		goto fail;
	fill_file(&map, bytes, opening);
	SHM_CRASH_POINT(10);
	if (opening->is_old_whole)
		atomic_store_explicit(&shm_header(&opening->old)->is_superseded, 1,
			memory_order_seq_cst); // before any lane goes online with the new one
	SHM_CRASH_POINT(11);
	if (renameat(opening->dir_fd, name, opening->dir_fd, name_of(opening->is_media)) != 0) {
		err = -errno;
		goto fail;
	}
	SHM_CRASH_POINT(12);
	*out = map;
	return 0;
fail:
	shm_close(&map);
	return err;
}

// From here on the caller is the file's writer.
static void take_over(struct shm_map *map, const struct shm_geometry *want)
{
	struct shm_header *header = map->base;
	uint32_t instance = atomic_load_explicit(&header->instance, memory_order_relaxed) + 1;

	if (instance == 0)
		instance = 1;
	header->geometry.workers = want->workers;
	map->geometry.workers = want->workers;
	hide_keys(map);
	atomic_store_explicit(&header->writer_pid, (uint32_t)getpid(), memory_order_relaxed);
	SHM_CRASH_POINT(13);
	atomic_store_explicit(&header->heartbeat_ns, clock_mono_ns(), memory_order_relaxed);
	atomic_store_explicit(&header->instance, instance, memory_order_seq_cst);
	SHM_CRASH_POINT(14);
}

static int open_once(struct opening *opening, struct shm_map *out)
{
	opening->is_old_whole = false;
	opening->is_old_same_boot = false;
	int err = open_old(opening);
	if (err && err != -ENOENT)
		return err;

	int verdict = err ? 1 : judge_old(opening);
	if (verdict == 0) {
		*out = opening->old; // geometry: that of the file
		return 0;
	}
	err = verdict < 0 ? verdict : build_new(opening, out);
	shm_close(&opening->old);
	return err;
}

static int open_writer(
	const char *dir, bool is_media, const struct shm_geometry *geometry, struct shm_map *out)
{
	struct opening opening = { .is_media = is_media, .geometry = *geometry };
	struct shm_map map;
	int err = -EBUSY;

	if (!shm_geometry_is_valid(geometry))
		return -EINVAL;
	opening.dir_fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (opening.dir_fd < 0)
		return -errno;
	for (int i = 0; i < RACE_TRIES; i++) {
		err = open_once(&opening, &map);
		if (err != -EINTR)
			break;
		err = -EBUSY;
	}
	if (err) {
		close(opening.dir_fd);
		return err;
	}
	map.dir_fd = opening.dir_fd;
	take_over(&map, geometry);
	*out = map;
	return 0;
}

int shm_signaling_create(const char *dir, const struct shm_geometry *geometry, struct shm_map *out)
{
	return open_writer(dir, false, geometry, out);
}

int shm_media_create(const char *dir, const struct shm_map *signaling, struct shm_map *out)
{
	return open_writer(dir, true, &signaling->geometry, out);
}

static int map_anonymous(struct shm_map *map, size_t bytes)
{
	int flags = MAP_SHARED | MAP_ANONYMOUS; // shared: a test may fork
	map->base = MAP_FAILED;
	map->bytes = bytes;
	map->is_writer = true;
	if (bytes >= HUGE_BYTES_MIN) {
		size_t unit = HUGE_PAGE_BYTES;
		map->bytes = (bytes + unit - 1) / unit * unit;
		map->base = mmap(
			NULL, map->bytes, PROT_READ | PROT_WRITE, flags | MAP_HUGETLB, -1, 0);
	}
	if (map->base == MAP_FAILED)
		map->base = mmap(NULL, map->bytes, PROT_READ | PROT_WRITE, flags, -1, 0);
	if (map->base == MAP_FAILED) {
		map->base = NULL;
		return -errno;
	}
	if (bytes >= HUGE_BYTES_MIN)
		madvise(map->base, map->bytes,
			MADV_HUGEPAGE); // of use where no hugetlb page was left
	return 0;
}

int shm_anonymous(
	const struct shm_geometry *geometry, struct shm_map *signaling, struct shm_map *media)
{
	struct shm_map maps[2];
	if (!shm_geometry_is_valid(geometry))
		return -EINVAL;
	for (int i = 0; i < 2; i++) {
		struct opening opening = { .is_media = i == 1, .geometry = *geometry };
		size_t bytes = bytes_of(&opening);
		maps[i] = (struct shm_map){
			.fd = -1, .dir_fd = -1, .is_media = i == 1, .geometry = *geometry
		};
		int err = map_anonymous(&maps[i], bytes);
		if (err) {
			if (i == 1)
				shm_close(&maps[0]);
			return err;
		}
		fill_file(&maps[i], bytes, NULL);
		take_over(&maps[i], geometry);
	}
	*signaling = maps[0];
	*media = maps[1];
	return 0;
}

static int attach(const char *dir, bool is_media, struct shm_map *out)
{
	struct shm_map map = { .fd = -1, .dir_fd = -1, .is_media = is_media };
	struct stat st;
	int err;

	map.dir_fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (map.dir_fd < 0)
		return -errno;
	int flags = O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK; // a FIFO must not stop us
	map.fd = openat(map.dir_fd, name_of(is_media), flags);
	if (map.fd < 0 || fstat(map.fd, &st) != 0) {
		err = -errno;
		goto fail;
	}
	err = -EPROTO;
	if (!S_ISREG(st.st_mode) || st.st_size < (off_t)sizeof(struct shm_signaling))
		goto fail;
	err = map_file(&map, (size_t)st.st_size, false);
	if (err)
		goto fail;
	err = shm_header_check(map.base, magic_of(is_media), (uint64_t)st.st_size, &map.geometry);
	if (err)
		goto fail;
	hide_keys(&map);
	*out = map;
	return 0;
fail:
	shm_close(&map);
	return err;
}

int shm_signaling_attach(const char *dir, struct shm_map *out)
{
	return attach(dir, false, out);
}

int shm_media_attach(const char *dir, struct shm_map *out)
{
	return attach(dir, true, out);
}

bool shm_writer_is_alive(const struct shm_map *map)
{
	return map->fd < 0 || map->is_writer || shm_file_is_locked(map->fd);
}

bool shm_is_superseded(const struct shm_map *map)
{
	return atomic_load_explicit(&shm_header(map)->is_superseded, memory_order_seq_cst) != 0;
}

enum shm_presence shm_media_presence(const struct shm_map *signaling, const struct shm_map *media)
{
	if (media && shm_writer_is_alive(media))
		return SHM_PRESENT;
	// In that order: a lane is online with a new file only after the old one was marked.
	if (media)
		return shm_is_superseded(media) ? SHM_UNKNOWN : SHM_ABSENT;
	if (signaling->dir_fd < 0)
		return SHM_ABSENT;
	int flags = O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK;
	int fd = openat(signaling->dir_fd, SHM_MEDIA_NAME, flags);
	if (fd < 0)
		return errno == ENOENT ? SHM_ABSENT : SHM_UNKNOWN;
	bool is_held = shm_file_is_locked(fd);
	close(fd);
	return is_held ? SHM_UNKNOWN : SHM_ABSENT;
}

void shm_heartbeat(struct shm_map *map, uint64_t now_ns)
{
	CHECK(map->is_writer);
	atomic_store_explicit(&shm_header(map)->heartbeat_ns, now_ns, memory_order_release);
}
