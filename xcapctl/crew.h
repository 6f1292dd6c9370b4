/* SPDX-License-Identifier: BSD-2-Clause */
/* Work in batches by a crew of threads: the caller's thread fills batches, workers work on several
 * of them at a time, and one thread finishes them in the order in which they were filled.
 */
#ifndef XCAPD_XCAPCTL_CREW_H
#define XCAPD_XCAPCTL_CREW_H

#include "base/arena.h"

#include <stdbool.h>

struct batch {
	struct arena *arena; /* reset before it is filled again */
	void *items;         /* of the kind that the crew's calls agree on */
	size_t count;
};

struct crew {
	bool (*fill)(void *context, struct batch *batch);   /* false: this batch is the last */
	void (*work)(void *context, struct batch *batch);   /* any thread */
	bool (*finish)(void *context, struct batch *batch); /* false: stop here */
	void *context;
};

/* False: there were no threads or no memory, or `finish` stopped it. */
bool crew_run(const struct crew *crew);

#endif
