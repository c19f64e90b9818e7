// bytes.h - a growing buffer that bytes leave at its front.
#pragma once

#include <stdlib.h>
#include <string.h>

struct bytes {
	char *data;
	size_t len, size;
};

static inline void bytes_put(struct bytes *bytes, const void *data, size_t len)
{
	if (bytes->len + len + 1 > bytes->size) {
		bytes->size = (bytes->len + len + 1) * 2;
		bytes->data = realloc(bytes->data, bytes->size);
		if (!bytes->data)
			abort();
	}
	memcpy(bytes->data + bytes->len, data, len);
	bytes->len += len;
	bytes->data[bytes->len] = '\0';
}

static inline void bytes_take(struct bytes *bytes, size_t len)
{
	bytes->len -= len;
	memmove(bytes->data, bytes->data + len, bytes->len + 1);
}

static inline void bytes_free(struct bytes *bytes)
{
	free(bytes->data);
	*bytes = (struct bytes){ 0 };
}
