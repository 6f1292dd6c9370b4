/* SPDX-License-Identifier: BSD-2-Clause */
/* A copy of the whole store in one file, and back. Copying goes on beside readers and writers of
 * any process; putting it back needs the store for itself, which every open of it is asked for by a
 * lock in its folder. One thread; the folder's other threads and processes as store.h says.
 */
#ifndef XCAPD_STORE_BACKUP_H
#define XCAPD_STORE_BACKUP_H

#include "store/store.h"

/* How far it is, in octets; `total` is about right. Called a few times a second at most. */
struct copy_progress {
	void (*tell)(void *context, uint64_t done, uint64_t total); /* NULL: nobody asks */
	void *context;
};

/* Writes the store as it is at one moment into `file` (0600), which is there whole or not at all:
 * it is FILE.tmp until it is on the disk. What other processes write meanwhile does not wait for
 * it, but the pages that they free are not used again before it ends. STORE_FAILED: no file was
 * made. */
enum store_result store_backup(
	struct store *store, const char *file, const struct copy_progress *progress);

struct restoring; /* opaque */

/* Copies `file` beside the store of the settings (which is made when there is none) and opens the
 * copy, with a generation of its own, as *copy_out, which the restoring owns; the store itself is
 * still what it was. STORE_UNUSABLE: the file is no sound store, or somebody has the store open. */
enum store_result store_restore_begin(struct restoring **out, const struct store_settings *settings,
	const char *file, const struct copy_progress *progress, struct store **copy_out);
/* Puts the copy in the store's place, at once and on the disk. Ends the restoring, well or not. */
enum store_result store_restore_finish(struct restoring **restoring);
/* Forgets the copy; leaves NULL behind. */
void store_restore_abandon(struct restoring **restoring);

#endif
