/* SPDX-License-Identifier: BSD-2-Clause */
/* Walks the files of an export in the order of their names. Nothing outside the folder is ever
 * opened: no link is followed. One thread.
 */
#ifndef XCAPD_XCAPCTL_TREE_H
#define XCAPD_XCAPCTL_TREE_H

#include "xcap/uri.h"

struct tree_walk; /* opaque */

struct tree_file {
	struct span file; /* its path below the folder */
	struct doc_id id; /* what the path means; not judged yet */
	struct span body;
	const char *wrong; /* not NULL: why this is no document; id and body are not set */
	int error;         /* errno, when that says more; else 0 */
};

/* `path` is a folder. NULL: errno. */
struct tree_walk *tree_open(const char *path);
/* A file of the folder itself, whole, by name; data == NULL: errno. */
struct span tree_read(struct tree_walk *walk, struct arena *arena, const char *name);
/* The next file; what it says is in the arena. At most `most` octets of a body are read, and one
 * more. False: that was all. */
bool tree_next(struct tree_walk *walk, struct arena *arena, size_t most, struct tree_file *out);
void tree_close(struct tree_walk **walk);

#endif
