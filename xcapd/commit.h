/* SPDX-License-Identifier: BSD-2-Clause */
/* The committer: takes prepared writes from all threads, puts what is waiting (bounded) into one
 * transaction with one sync, then tells each owner. No thread waits for a disk but this one, and
 * one that took its turn because it has nothing else to do.
 *
 * Writes of one document are applied in the order in which they were handed over; a batch takes
 * small writes past big ones of other documents, so that nobody starves.
 */
#ifndef XCAPD_XCAPD_COMMIT_H
#define XCAPD_XCAPD_COMMIT_H

#include "store/store.h"

struct committer; /* opaque */

/* Embedded in its owner, who keeps it and all that the write borrows until `done`. */
struct ticket {
	struct write write;
	void (*done)(struct ticket *ticket); /* on the committer's thread, or in committer_run or
						committer_tick; must not wait for another commit */
	struct ticket *next;
};

bool committer_start(struct committer **out, struct store *store);
/* False when too much is waiting already, or the running commit is stuck: answer 503. */
bool committer_add(struct committer *committer, struct ticket *ticket);
/* True when nothing is waiting and nothing runs: it is this thread's turn, and it must call
 * committer_run. What is added from now on comes after that. False also when the last batch had
 * company: its like will come at any moment, and share a sync. */
bool committer_take(struct committer *committer);
/* Commits one write on this thread, which has the turn; returns after `done`. */
void committer_run(struct committer *committer, struct ticket *ticket);
/* Told the time now and then (clock_microseconds). A commit that runs longer than `patience` is
 * stuck behind another process that holds the store: what waits for it is refused (STORE_FAILED).
 */
void committer_tick(struct committer *committer, uint64_t now, uint64_t patience);
bool committer_stuck(struct committer *committer);
/* When nobody adds or takes any more. Applies what is waiting, then ends the thread; leaves NULL
 * behind. */
void committer_stop(struct committer **committer);

#endif
