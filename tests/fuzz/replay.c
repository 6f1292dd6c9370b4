/* SPDX-License-Identifier: BSD-2-Clause */
/* Stands in for libFuzzer where it is not built in: gives every file of a folder to the target.
 *
 *     fuzz_NAME FOLDER
 */
#include <dirent.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv) __attribute__((weak));

static int is_visible(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

/* An exact allocation, so that a sanitizer sees a read past the end. */
static int replay(FILE *file)
{
	if (fseek(file, 0, SEEK_END))
		return -1;
	long size = ftell(file);
	if (size < 0)
		return -1;
	rewind(file);
	uint8_t *data = malloc((size_t)size + !size);
	if (!data || fread(data, 1, (size_t)size, file) != (size_t)size) {
		free(data);
		return -1;
	}
	LLVMFuzzerTestOneInput(data, (size_t)size);
	free(data);
	return 0;
}

static int replay_path(const char *folder, const char *name)
{
	char *path;
	if (asprintf(&path, "%s/%s", folder, name) < 0)
		return -1;
	FILE *file = fopen(path, "rb");
	int result = file ? replay(file) : -1;
	if (result)
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
	if (file)
		fclose(file);
	free(path);
	return result;
}

int main(int argc, char **argv)
{
	struct dirent **entries;
	int failed = 0;
	if (argc != 2) {
		fprintf(stderr, "usage: %s FOLDER\n", argv[0]);
		return 2;
	}
	int count = scandir(argv[1], &entries, is_visible, alphasort);
	if (count <= 0) {
		fprintf(stderr, "%s: %s\n", argv[1], count ? strerror(errno) : "no inputs");
		return 1;
	}
	if (LLVMFuzzerInitialize)
		LLVMFuzzerInitialize(&argc, &argv);
	for (int i = 0; i < count; i++) {
		failed |= replay_path(argv[1], entries[i]->d_name);
		free(entries[i]);
	}
	free(entries);
	printf("%d inputs replayed\n", count);
	return failed ? 1 : 0;
}
