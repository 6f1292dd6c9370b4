/* SPDX-License-Identifier: BSD-2-Clause */
/* Threads for work that would hold up an HTTP thread: judging big documents, preparing edits that
 * had to wait for another edit of the same document. First come, first served.
 */
#ifndef XCAPD_XCAPD_POOL_H
#define XCAPD_XCAPD_POOL_H

#include <stdbool.h>
#include <stddef.h>

struct pool; /* opaque */

/* Embedded in its owner; it may be added again once it runs. */
struct job {
	void (*run)(struct job *job);
	struct job *next;
};

bool pool_start(struct pool **out, size_t threads);
void pool_add(struct pool *pool, struct job *job);
/* Runs what was added, then ends the threads; leaves NULL behind. */
void pool_stop(struct pool **pool);

#endif
