#include "segments.h"

#include "bundle.h"
#include "srtp.h"
#include "tap.h"
#include "telemetry.h"

#include "base/clock.h"
#include "shm/shard_lanes.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

static void free_private(struct segments *segments)
{
	header_cache_free(segments->headers, segments->headers_max);
	srtp_routes_free(segments->routes, segments->headers_max);
	srtp_contexts_free(segments->contexts, segments->keys_max);
	bundles_free(segments->bundles, segments->keys_max);
	flow_taps_free(segments->taps, segments->headers_max);
	segments->headers = NULL;
	segments->taps = NULL;
	segments->routes = NULL;
	segments->contexts = NULL;
	segments->bundles = NULL;
	segments->headers_max = segments->keys_max = 0;
}

// Memory of our own beside the file's slabs: what is there already may be larger.
static int take_private(struct segments *segments)
{
	const struct shm_geometry *geometry = &segments->signaling.geometry;

	if (geometry->flows <= segments->headers_max && geometry->keys <= segments->keys_max)
		return 0;
	free_private(segments);
	segments->headers = header_cache_new(geometry->flows);
	segments->routes = srtp_routes_new(geometry->flows);
	segments->contexts = srtp_contexts_new(geometry->keys);
	segments->bundles = bundles_new(geometry->keys);
	segments->taps = flow_taps_new(geometry->flows);
	segments->headers_max = geometry->flows;
	segments->keys_max = geometry->keys;
	if (segments->headers && segments->routes && segments->contexts && segments->bundles &&
		segments->taps)
		return 0;
	free_private(segments);
	return -ENOMEM;
}

static void fill_attachment(struct segments *segments)
{
	struct lane_attachment *out = &segments->attachment;

	*out = (struct lane_attachment){
		.signaling = &segments->signaling,
		.media = &segments->media,
		.states = shm_flow_state(&segments->media),
		.headers = segments->headers,
		.headers_max = segments->headers_max,
		.contexts = segments->contexts,
		.routes = segments->routes,
		.bundles = segments->bundles,
		.crypto = shm_flow_crypto(&segments->media),
		.taps = segments->taps,
		.global_epoch = shm_global_epoch(&segments->signaling),
		.instance = atomic_load(&shm_header(&segments->media)->instance),
	};
	flow_view_init(&out->view, &segments->signaling);
}

// Where signaling sends its hints.
static void publish_lanes(const struct shm_map *media, uint32_t lanes)
{
	uint8_t lane_of[SHM_MEDIA_SHARDS];

	for (uint32_t shard = 0; shard < SHM_MEDIA_SHARDS; shard++)
		lane_of[shard] = (uint8_t)lane_of_shard(shard, lanes);
	shm_shard_lanes_publish(media, lane_of);
}

int segments_open(struct segments *segments, const char *dir, uint32_t lanes)
{
	const char *names[SHM_COUNTERS_MAX];
	struct stat st;
	int rc = shm_signaling_attach(dir, &segments->signaling);

	if (rc)
		return rc;
	rc = -ERANGE;
	if (segments->signaling.geometry.lanes < lanes)
		goto err_signaling;
	rc = fstat(segments->signaling.fd, &st) ? -errno : take_private(segments);
	if (rc)
		goto err_signaling;
	rc = shm_media_create(dir, &segments->signaling, &segments->media);
	if (rc)
		goto err_signaling;
	segments->device = st.st_dev;
	segments->inode = st.st_ino;
	rc = shm_counters_name(&segments->media, names, telemetry_names(names), lanes);
	if (rc)
		goto err_media;
	publish_lanes(&segments->media, lanes);
	fill_attachment(segments);
	shm_heartbeat(&segments->media, clock_mono_ns());
	segments->is_open = true;
	return 0;
err_media:
	shm_close(&segments->media);
err_signaling:
	shm_close(&segments->signaling);
	return rc;
}

bool segments_are_stale(const struct segments *segments, const char *dir)
{
	char path[4096];
	struct stat st;

	if (shm_is_superseded(&segments->signaling))
		return true;
	// The directory was cleared under us; flows go on in the old file until there is a new one.
	if (snprintf(path, sizeof(path), "%s/signaling.seg", dir) >= (int)sizeof(path) ||
		stat(path, &st))
		return false;
	return st.st_dev != segments->device || st.st_ino != segments->inode;
}

void segments_close(struct segments *segments)
{
	if (!segments->is_open)
		return;
	shm_close(&segments->media);
	shm_close(&segments->signaling);
	segments->is_open = false;
}

void segments_free(struct segments *segments)
{
	segments_close(segments);
	free_private(segments);
}
