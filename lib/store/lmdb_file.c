/* SPDX-License-Identifier: BSD-2-Clause */
#include "store/lmdb_file.h"
#include "store/lmdb_private.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The first two pages of a data file, as LMDB 0.9 lays them out on a 64-bit little-endian machine
 * (and on a big-endian one, in its own order): what has to hold before the file may be mapped. */
enum { META_PAGES = 2, PAGE_LEAST = 512, PAGE_MOST = 65536, ENGINE_VERSION = 1 };

#define ENGINE_MAGIC UINT32_C(0xBEEFC0DE)

struct engine_tree {
	uint32_t page_size; /* of the free list's tree: the file's */
	uint16_t flags, depth;
	uint64_t branches, leaves, overflows, entries, root;
};

struct engine_meta {
	uint64_t page_number;
	uint16_t pad, page_flags;
	uint32_t unused;
	uint32_t magic, version;
	uint64_t address, map_size;
	struct engine_tree trees[2];
	uint64_t last_page, transaction;
};

static bool root_ok(const struct engine_meta *meta)
{
	for (size_t i = 0; i < 2; i++)
		if (meta->trees[i].root != UINT64_MAX && meta->trees[i].root > meta->last_page)
			return false;
	return meta->last_page >= META_PAGES - 1;
}

static enum store_result meta_check(
	const char *path, const struct engine_meta *meta, uint64_t size, uint32_t page_size)
{
	if (meta->magic != ENGINE_MAGIC)
		return problem_set(STORE_UNUSABLE, "%s is not an LMDB file", path);
	if (meta->version != ENGINE_VERSION)
		return problem_set(STORE_UNUSABLE, "%s is an LMDB file of version %u, not %d", path,
			meta->version, ENGINE_VERSION);
	uint32_t own = meta->trees[0].page_size;
	if (own < PAGE_LEAST || own > PAGE_MOST || (own & (own - 1)) || own != page_size
		|| !root_ok(meta))
		return problem_set(STORE_UNUSABLE, "%s: its header is damaged", path);
	uint64_t pages = size / own;
	if (meta->last_page >= pages)
		return problem_set(STORE_UNUSABLE,
			"%s is cut short: it has %llu octets, its header speaks of %llu", path,
			(unsigned long long)size, (unsigned long long)(meta->last_page + 1) * own);
	return STORE_OK;
}

static enum store_result metas_check(const char *path, int file, uint64_t size)
{
	uint32_t page_size = 0;
	for (unsigned i = 0; i < META_PAGES; i++) {
		struct engine_meta meta;
		ssize_t got = pread(file, &meta, sizeof(meta), (off_t)i * page_size);
		if (got < 0)
			return problem_set(
				STORE_UNUSABLE, "cannot read %s: %s", path, strerror(errno));
		if ((size_t)got < sizeof(meta))
			return problem_set(STORE_UNUSABLE, "%s is not an LMDB file", path);
		if (i == 0)
			page_size = meta.trees[0].page_size;
		enum store_result result = meta_check(path, &meta, size, page_size);
		if (result != STORE_OK)
			return result;
	}
	return STORE_OK;
}

enum store_result file_check(const char *path, bool *present_out)
{
	*present_out = false;
	int file = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (file < 0 && errno == ENOENT)
		return STORE_OK;
	if (file < 0)
		return problem_set(STORE_UNUSABLE, "cannot open %s: %s", path, strerror(errno));
	struct stat about;
	enum store_result result = STORE_OK;
	if (fstat(file, &about) != 0 || !S_ISREG(about.st_mode))
		result = problem_set(STORE_UNUSABLE, "%s is not a file", path);
	else if (about.st_size > 0)
		result = metas_check(path, file, (uint64_t)about.st_size);
	*present_out = result == STORE_OK && about.st_size > 0;
	close(file);
	return result;
}
