// replay.c - runs each file of the given folders once through a fuzz target, without libFuzzer.
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

// Copies of the exact size, so that ASan sees a read beyond the end.
static int replay_file(const char *path)
{
	FILE *f = fopen(path, "rb");
	if (!f)
		return -1;
	fseek(f, 0, SEEK_END);
	long size = ftell(f);
	rewind(f);
	uint8_t *data = size < 0 ? NULL : malloc(size ? (size_t)size : 1);
	int rc = -1;
	if (data && fread(data, 1, (size_t)size, f) == (size_t)size)
		rc = LLVMFuzzerTestOneInput(data, (size_t)size);
	free(data);
	fclose(f);
	return rc;
}

int main(int argc, char **argv)
{
	unsigned count = 0;
	for (int i = 1; i < argc; i++) {
		DIR *dir = opendir(argv[i]);
		if (!dir) {
			fprintf(stderr, "%s: cannot be opened\n", argv[i]);
			return 1;
		}
		for (struct dirent *entry; (entry = readdir(dir));) {
			char path[4096];
			if (entry->d_name[0] == '.')
				continue;
			snprintf(path, sizeof(path), "%s/%s", argv[i], entry->d_name);
			if (replay_file(path)) {
				fprintf(stderr, "%s: cannot be read\n", path);
				return 1;
			}
			count++;
		}
		closedir(dir);
	}
	printf("%u inputs\n", count);
	return count == 0;
}
