/* SPDX-License-Identifier: BSD-2-Clause */
/* Rings whoever follows the feed: on each doorbell of the store, and every second as a safety net.
 * Each follower reads the feed from a position of its own. The loop's thread.
 */
#ifndef XCAPD_NOTIFIER_FOLLOW_H
#define XCAPD_NOTIFIER_FOLLOW_H

#include "notifier/loop.h"
#include "store/store.h"

struct follow; /* opaque */

struct follower {
	void (*rang)(void *context);
	void *context;
	struct follower *next, **link; /* follow's */
};

bool follow_new(struct follow **out, struct loop *loop, struct store *store);
void follow_free(struct follow **follow);
void follow_join(struct follow *follow, struct follower *follower); /* rung once at the next turn */
void follow_leave(struct follow *follow, struct follower *follower);

#endif
