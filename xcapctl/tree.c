/* SPDX-License-Identifier: BSD-2-Clause */
#include "xcapctl/tree.h"

#include "xcapctl/names.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { DEPTH_MAX = 128, OPEN = O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY };

#define NO_MEMORY "no memory"

/* What the names in a folder are. */
enum meaning { MEANS_AUID, MEANS_TREE, MEANS_XUI, MEANS_PATH };

struct level {
	int folder;
	struct arena *arena; /* of all that follows; kept for the next folder of this depth */
	struct span *names;
	size_t count, at;
	struct span name; /* its own */
	enum meaning meaning;
	struct doc_id id; /* as far as the folders so far tell */
	struct span part; /* of a segment that goes on here */
};

struct tree_walk {
	struct level levels[DEPTH_MAX];
	size_t depth;
};

/* --- a folder's names --- */

static int by_octets(const void *a, const void *b)
{
	return span_compare(*(const struct span *)a, *(const struct span *)b);
}

static bool is_dots(const char *name)
{
	return !strcmp(name, ".") || !strcmp(name, "..");
}

static bool add_name(struct level *level, size_t *capacity, const char *name)
{
	if (level->count == *capacity) {
		size_t more = *capacity ? *capacity * 2 : 8;
		struct span *names = arena_alloc(level->arena, more * sizeof(*names));
		if (!names)
			return false;
		if (level->count)
			memcpy(names, level->names, level->count * sizeof(*names));
		level->names = names;
		*capacity = more;
	}
	level->names[level->count] = arena_copy(level->arena, span_of(name));
	return level->names[level->count++].data;
}

static bool read_names(struct level *level)
{
	int again = openat(level->folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *entries = again >= 0 ? fdopendir(again) : NULL;
	struct dirent *entry;
	size_t capacity = 0;
	bool well = entries != NULL;
	level->names = NULL;
	level->count = level->at = 0;
	while (well && (entry = readdir(entries)))
		well = is_dots(entry->d_name) || add_name(level, &capacity, entry->d_name);
	if (level->count)
		qsort(level->names, level->count, sizeof(*level->names), by_octets);
	if (entries)
		closedir(entries);
	else if (again >= 0)
		close(again);
	return well;
}

/* --- going down and up --- */

static bool copy_meaning(struct level *level, const struct level *from)
{
	level->id = from->id;
	level->id.auid = arena_copy(level->arena, from->id.auid);
	level->id.xui = arena_copy(level->arena, from->id.xui);
	level->id.path = arena_copy(level->arena, from->id.path);
	level->part = arena_copy(level->arena, from->part);
	return level->id.auid.data && level->id.xui.data && level->id.path.data && level->part.data;
}

/* Takes the folder over, whatever happens. `next` lives elsewhere. */
static const char *push(
	struct tree_walk *walk, int folder, struct span name, const struct level *next)
{
	if (walk->depth == DEPTH_MAX) {
		close(folder);
		return "too many folders within each other";
	}
	struct level *level = &walk->levels[walk->depth];
	if (!level->arena)
		level->arena = arena_new(4096);
	else
		arena_reset(level->arena);
	bool well = level->arena && copy_meaning(level, next);
	level->folder = folder;
	level->meaning = next->meaning;
	if (well)
		level->name = arena_copy(level->arena, name);
	if (!well || !level->name.data || !read_names(level)) {
		close(folder);
		return "cannot read the folder";
	}
	walk->depth++;
	return NULL;
}

static void pop(struct tree_walk *walk)
{
	close(walk->levels[--walk->depth].folder);
}

struct tree_walk *tree_open(const char *path)
{
	struct level top = { .meaning = MEANS_AUID };
	top.id.auid = top.id.xui = top.id.path = top.part = SPAN("");
	int folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (folder < 0)
		return NULL;
	struct tree_walk *walk = calloc(1, sizeof(*walk));
	if (!walk) {
		close(folder);
		return NULL;
	}
	if (push(walk, folder, SPAN(""), &top))
		tree_close(&walk);
	return walk;
}

void tree_close(struct tree_walk **walk_in)
{
	struct tree_walk *walk = *walk_in;
	*walk_in = NULL;
	if (!walk)
		return;
	while (walk->depth)
		pop(walk);
	for (size_t i = 0; i < DEPTH_MAX; i++)
		arena_free(&walk->levels[i].arena);
	free(walk);
}

/* --- files --- */

static struct span read_whole(struct arena *arena, int file, size_t expected, size_t most)
{
	struct buffer all = { .arena = arena };
	char *piece;
	ssize_t got = 1;
	buffer_text(&all, "");
	buffer_reserve(&all, expected + 2);
	while (got > 0 && all.size <= most && !all.failed) {
		if (all.size + 1 >= all.capacity)
			buffer_reserve(&all, all.capacity * 2);
		piece = all.data + all.size;
		got = all.failed ? -1 : read(file, piece, all.capacity - all.size - 1);
		if (got < 0 && errno == EINTR)
			got = 1;
		else if (got > 0)
			all.size += (size_t)got;
	}
	return got < 0 ? (struct span){ NULL, 0 } : buffer_span(&all);
}

struct span tree_read(struct tree_walk *walk, struct arena *arena, const char *name)
{
	struct stat about;
	struct span whole = { NULL, 0 };
	int file = openat(walk->levels[0].folder, name, OPEN);
	if (file < 0)
		return whole;
	if (fstat(file, &about) != 0 || !S_ISREG(about.st_mode))
		errno = EINVAL;
	else
		whole = read_whole(arena, file, (size_t)about.st_size, SIZE_MAX - 2);
	int why = errno;
	close(file);
	errno = why;
	return whole;
}

/* --- what names mean --- */

/* Extends what `level` knows by a decoded segment. NULL: well. */
static const char *add_segment(struct level *level, struct span segment, struct arena *arena)
{
	switch (level->meaning) {
	case MEANS_AUID:
		level->id.auid = segment;
		level->meaning = MEANS_TREE;
		return NULL;
	case MEANS_TREE:
		if (!span_equal_text(segment, "users") && !span_equal_text(segment, "global"))
			return "neither `users` nor `global`";
		level->id.tree = segment.data[0] == 'u' ? TREE_USERS : TREE_GLOBAL;
		level->meaning = level->id.tree == TREE_USERS ? MEANS_XUI : MEANS_PATH;
		return NULL;
	case MEANS_XUI:
		level->id.xui = segment;
		level->meaning = MEANS_PATH;
		return NULL;
	case MEANS_PATH:
		if (level->id.path.size)
			segment = arena_format(
				arena, "%.*s/%.*s", SPAN_ARG(level->id.path), SPAN_ARG(segment));
		level->id.path = segment;
		return segment.data ? NULL : NO_MEMORY;
	}
	return NULL;
}

static const char *interpret(struct level *next, struct span name, bool folder, struct arena *arena)
{
	struct buffer segment = { .arena = arena };
	buffer_append(&segment, next->part);
	enum name_kind kind = name_decode(name, folder, &segment);
	if (kind == NAME_BAD)
		return "the name is badly encoded";
	next->part = kind == NAME_GOES_ON ? buffer_span(&segment) : SPAN("");
	if (kind == NAME_GOES_ON)
		return NULL;
	if (!folder && next->meaning != MEANS_PATH)
		return "a document needs AUID/users/XUI/ or AUID/global/ before its name";
	return add_segment(next, buffer_span(&segment), arena);
}

static struct span file_path(const struct tree_walk *walk, struct arena *arena, struct span name)
{
	struct buffer path = { .arena = arena };
	for (size_t i = 1; i < walk->depth; i++) {
		buffer_append(&path, walk->levels[i].name);
		buffer_octet(&path, '/');
	}
	buffer_append(&path, name);
	return buffer_span(&path);
}

static void refuse(struct tree_file *out, const char *wrong, int error)
{
	out->wrong = wrong;
	out->error = error;
}

static void take_file(struct level *next, int file, const struct stat *about, struct arena *arena,
	size_t most, struct tree_file *out)
{
	size_t size = (uint64_t)about->st_size > most ? most : (size_t)about->st_size;
	out->wrong = interpret(next, out->file, false, arena);
	if (out->wrong)
		return;
	out->id = next->id;
	out->id.auid = arena_copy(arena, next->id.auid);
	out->id.xui = arena_copy(arena, next->id.xui);
	out->body = read_whole(arena, file, size, most);
	if (!out->body.data)
		refuse(out, "cannot read the file", errno);
	else if (!out->id.auid.data || !out->id.xui.data || !out->id.path.data)
		refuse(out, NO_MEMORY, 0);
}

/* True: *out is something to tell. A folder is entered silently. */
static bool visit(struct tree_walk *walk, struct level *level, struct span name,
	struct arena *arena, size_t most, struct tree_file *out)
{
	struct level next = *level;
	struct stat about;
	*out = (struct tree_file){ .file = name };
	int file = openat(level->folder, name.data, OPEN);
	if (file < 0 || fstat(file, &about) != 0) {
		refuse(out, errno == ELOOP ? "a symbolic link" : "cannot open it",
			errno == ELOOP ? 0 : errno);
	} else if (S_ISREG(about.st_mode)) {
		take_file(&next, file, &about, arena, most, out);
	} else if (S_ISDIR(about.st_mode)) {
		out->wrong = interpret(&next, name, true, arena);
		if (!out->wrong) {
			out->wrong = push(walk, file, name, &next);
			file = -1;
		}
		if (!out->wrong)
			return false;
	} else {
		refuse(out, "neither a file nor a folder", 0);
	}
	out->file = file_path(walk, arena, name);
	if (file >= 0)
		close(file);
	return true;
}

bool tree_next(struct tree_walk *walk, struct arena *arena, size_t most, struct tree_file *out)
{
	while (walk->depth) {
		struct level *level = &walk->levels[walk->depth - 1];
		if (level->at == level->count) {
			pop(walk);
			continue;
		}
		struct span name = level->names[level->at++];
		bool users = walk->depth == 1 && span_equal_text(name, "users.tsv");
		if (!users && visit(walk, level, name, arena, most, out))
			return true;
	}
	return false;
}
