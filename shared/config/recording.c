// recording.c - section recording: where recordings of calls lie, and how large they may grow.
#include "config/schema.h"

#include "config/value.h"

#define AT(field) .offset = (uint32_t)offsetof(struct config, recording.field)
#define MIB	  (1ull << 20)
#define GIB	  (1ull << 30)

static void take_folder(struct config_loader *loader, const struct node *node,
	const struct config_item *item, void *target)
{
	struct config *config = target;
	struct span text;

	if (!config_scalar(loader, node, &text))
		return;
	if (text.len < 2 || text.len > item->max || text.ptr[0] != '/')
		config_fail_expected(loader, node, item->expected);
	else
		config->recording.folder = config_copy(loader, node, text);
}

// Octal, read and write only, and never for everybody.
static void take_mode(struct config_loader *loader, const struct node *node,
	const struct config_item *item, void *target)
{
	struct config *config = target;
	struct span text;
	uint32_t mode = 0;

	if (!config_scalar(loader, node, &text))
		return;
	for (uint32_t i = 0; i < text.len; i++) {
		if (text.ptr[i] < '0' || text.ptr[i] > '7' || text.len > 4) {
			config_fail_expected(loader, node, item->expected);
			return;
		}
		mode = mode << 3 | (uint32_t)(text.ptr[i] - '0');
	}
	if ((mode & ~0660u) || !(mode & 0400))
		config_fail_expected(loader, node, item->expected);
	else
		config->recording.mode = mode;
}

static void take_size(struct config_loader *loader, const struct node *node,
	const struct config_item *item, void *target)
{
	uint64_t *field = (uint64_t *)(void *)((uint8_t *)target + item->offset);
	struct span text;
	uint64_t bytes;

	if (!config_scalar(loader, node, &text))
		return;
	if (value_parse_size(text, &bytes) != 0 || bytes < item->min || bytes > item->max)
		config_fail_expected(loader, node, item->expected);
	else
		*field = bytes;
}

const struct config_item config_recording_items[] = {
	{ .key = "folder", .type = CONFIG_TYPE_VALUE, .value = take_folder, .max = 120,
	  .fallback = "/var/lib/muga/recordings", .expected = "an absolute path",
	  .help = "where recordings are written; made by muga-media, with mode 0750, if missing" },
	{ .key = "mode", .type = CONFIG_TYPE_VALUE, .value = take_mode, .fallback = "0600",
	  .expected = "an octal mode like 0600 or 0640, nothing for others",
	  .help = "mode of the files" },
	{ .key = "file_max", .type = CONFIG_TYPE_VALUE, AT(file_max), .value = take_size,
	  .min = MIB, .max = 1024 * GIB, .fallback = "1GiB", .expected = "a size 1MiB..1024GiB",
	  .help = "a recording that has grown so large ends" },
	{ .key = "free_min", .type = CONFIG_TYPE_VALUE, AT(free_min), .value = take_size,
	  .min = 0, .max = 1024 * GIB, .fallback = "1GiB", .expected = "a size up to 1024GiB",
	  .help = "room that recordings leave on their disk" },
	{ .key = NULL },
};
