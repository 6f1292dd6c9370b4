/* SPDX-License-Identifier: BSD-2-Clause */
/* Who watches which document: an index from a document, and from each folder that it is in, to
 * those who watch it. A change costs work for its watchers alone. The loop's thread.
 */
#ifndef XCAPD_NOTIFIER_WATCH_H
#define XCAPD_NOTIFIER_WATCH_H

#include "base/table.h"
#include "xcap/uri.h"

enum watch_what { WATCH_DOCUMENT, WATCH_FOLDER, WATCH_HOME, WATCH_TREE, WATCH_USAGE };

/* What is watched: a document, or all that is below a folder. */
struct watch_key {
	struct doc_id id;
	enum watch_what what;
};

struct watch_spot; /* opaque: one key that somebody watches */

/* One watcher of one key. Its owner's memory. */
struct watcher {
	struct watch_spot *spot; /* NULL: it watches nothing */
	struct watcher *next, **link;
	void *owner;
};

/* Zero-initialise, with a random key. */
struct watches {
	struct table spots;
	uint64_t key[2];
	size_t count; /* watchers */
};

/* Does a document fall under the key? */
bool watch_covers(const struct watch_key *key, const struct doc_id *id);

/* False without memory. */
bool watch_begin(struct watches *watches, const struct watch_key *key, struct watcher *watcher);
void watch_end(struct watches *watches, struct watcher *watcher);

/* Calls `tell` with the owner of each who watches the document; one who watches it in several ways
 * may be told several times. `tell` must not begin or end a watch. */
void watch_tell(const struct watches *watches, const struct doc_id *id,
	void (*tell)(void *context, void *owner), void *context);

void watches_free(struct watches *watches); /* no watcher is left */

#endif
