/* SPDX-License-Identifier: BSD-2-Clause */
/* Writes the notifier's state to the store's kv tables (store/kv.h) without holding up the loop:
 * one thread commits what was handed over since its last commit, with one sync.
 *
 * Called from the loop's thread only. Pairs are copied, and are written in the order in which they
 * were handed over, the later one of a key winning.
 */
#ifndef XCAPD_NOTIFIER_SAVER_H
#define XCAPD_NOTIFIER_SAVER_H

#include "notifier/loop.h"
#include "store/kv.h"

struct saver; /* opaque */

/* Loop and store must outlive it. */
bool saver_new(struct saver **out, struct loop *loop, struct store *store);
/* Writes what is left, then ends the thread; callbacks that are due are not called any more. False:
 * not all of it could be written. */
bool saver_free(struct saver **saver);

/* Hands over one pair; value.data == NULL removes the key. `table` is a literal. It is written with
 * the next commit, within `most_ms` milliseconds (0: at once). False without memory. */
bool saver_put(struct saver *saver, const char *table, struct span key, struct span value,
	uint64_t most_ms);

/* Called when all that was handed over before is on disk (`well`), or could not be written. */
struct saved {
	void (*done)(void *context, bool well);
	void *context;
	struct saved *next; /* the saver's */
	bool well;          /* the saver's */
};

/* Asks to be told; also makes the commit begin at once. The owner keeps it until it is told. */
void saver_tell(struct saver *saver, struct saved *saved);
/* Takes it back: it is not told any more. Not waiting: fine. */
void saver_forget(struct saver *saver, struct saved *saved);

/* Commits that failed in a row; 0: all is well. After a failure the pairs are tried again, every
 * second; what comes meanwhile is kept up to a bound, past which saver_put is false. */
unsigned saver_failures(const struct saver *saver);

#endif
