// control_media.c - follows media's file: attaches it when it appears, again when it was replaced.
//
// Workers read the map on every turn, so it is never pulled from under them: each gets the new one
// by a command, and only when all have it the old one is unmapped.
#include "control.h"

#include "base/log.h"
#include "worker_command.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

struct media_command {
	struct worker_command command;
	struct shm_map *map;         // valid until every worker has a newer one
	_Atomic uint32_t *waiting;
};

static void worker_switch_media(struct worker *worker, struct worker_command *command)
{
	struct media_command *mine = (struct media_command *)command;
	flow_writer_set_media(worker_flows(worker), mine->map);
	// release: pairs with media_link_run(); nothing of the old map is read after this
	atomic_fetch_sub_explicit(mine->waiting, 1, memory_order_release);
}

static struct shm_map *media_attach(const struct media_link *link, int *error)
{
	struct shm_map *map = calloc(1, sizeof(*map));
	*error = map != NULL ? shm_media_attach(link->dir, map) : -ENOMEM;
	if (*error == 0)
		return map;
	free(map);
	return NULL;
}

// Another file lies under the name than the one that is mapped.
static bool is_replaced(const struct media_link *link)
{
	char path[PATH_MAX + 16];
	struct stat named, mapped;
	if (shm_is_superseded(link->current))
		return true;
	snprintf(path, sizeof(path), "%s/media.seg", link->dir);
	if (stat(path, &named) < 0 || fstat(link->current->fd, &mapped) < 0)
		return false;
	return named.st_ino != mapped.st_ino || named.st_dev != mapped.st_dev;
}

static void log_attached(struct media_link *link)
{
	const struct shm_header *header = shm_header(link->current);
	link->instance = atomic_load_explicit(&header->instance, memory_order_relaxed);
	LOG_INFO(SHM, "media_attached", "dir=%s instance=%u pid=%u", link->dir, link->instance,
		atomic_load_explicit(&header->writer_pid, memory_order_relaxed));
}

// Life and death are told by the file's lock alone; a slow heartbeat means nothing here.
static void watch_writer(struct media_link *link)
{
	bool is_alive = shm_writer_is_alive(link->current);
	uint32_t instance = atomic_load_explicit(&shm_header(link->current)->instance,
		memory_order_relaxed);
	if (is_alive && (!link->is_alive || instance != link->instance))
		LOG_INFO(SHM, "media_up", "instance=%u", instance);
	else if (!is_alive && link->is_alive)
		LOG_WARN(SHM, "media_down", "instance=%u", instance);
	link->is_alive = is_alive;
	link->instance = instance;
}

void media_link_open(struct media_link *link, const char *dir)
{
	int error;
	snprintf(link->dir, sizeof(link->dir), "%s", dir);
	link->current = media_attach(link, &error);
	if (link->current != NULL)
		log_attached(link);
	else
		LOG_WARN(SHM, "media_absent", "dir=%s error=\"%s\" action=\"calls go on, media "
			"follows when muga-media starts\"", dir, strerror(-error));
}

static bool hand_out(struct media_link *link, struct shm_map *map, struct worker **workers,
	uint32_t count)
{
	struct worker_command *commands[SHM_WORKER_MAX];
	for (uint32_t i = 0; i < count; i++) {
		struct media_command *command =
			worker_command_new(sizeof(*command), worker_switch_media);
		if (command == NULL) {
			while (i > 0)
				worker_command_put(commands[--i]);
			return false;
		}
		command->map = map;
		command->waiting = &link->waiting;
		commands[i] = &command->command;
	}
	atomic_store_explicit(&link->waiting, count, memory_order_relaxed);
	for (uint32_t i = 0; i < count; i++) {
		worker_post(workers[i], commands[i]);
		worker_command_put(commands[i]);
	}
	return true;
}

static void map_free(struct shm_map *map)
{
	if (map == NULL)
		return;
	shm_close(map);
	free(map);
}

void media_link_run(struct media_link *link, struct worker **workers, uint32_t count)
{
	// acquire: pairs with worker_switch_media()
	if (atomic_load_explicit(&link->waiting, memory_order_acquire) > 0)
		return;
	map_free(link->old);
	link->old = NULL;
	if (link->current != NULL && !is_replaced(link)) {
		watch_writer(link);
		return;
	}
	int error;
	struct shm_map *map = media_attach(link, &error);
	if (map == NULL)
		return; // not there or not ready yet: the next tick looks again
	if (!hand_out(link, map, workers, count)) {
		map_free(map);
		return;
	}
	link->old = link->current;
	link->current = map;
	link->is_alive = false;
	log_attached(link);
}

void media_link_close(struct media_link *link)
{
	map_free(link->old);
	map_free(link->current);
	link->old = NULL;
	link->current = NULL;
}
