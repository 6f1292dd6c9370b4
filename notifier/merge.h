/* SPDX-License-Identifier: BSD-2-Clause */
/* Changes of one document told as one (CONTRACT: Merging): the first previous etag and the last new
 * one; deleted and created again is one change with both; created and deleted disappears; what may
 * have left is never touched. Pure: no memory, clock or store.
 */
#ifndef XCAPD_NOTIFIER_MERGE_H
#define XCAPD_NOTIFIER_MERGE_H

#include "store/delivery.h"

enum merge {
	MERGE_APART,    /* it has to be told by itself, behind the earlier one */
	MERGE_ABSORBED, /* the earlier one says it too now */
	MERGE_VANISHED, /* there is nothing left to tell */
	MERGE_KNOWN,    /* the earlier one had it already */
};

/* What one row of the feed has to tell. Its spans are the row's. */
struct delivery_change merge_row(const struct feed_row *row);

/* Both are of one document. The earlier one's place in its queue, `from` and time stay. */
enum merge merge_into(struct delivery_change *earlier, const struct delivery_change *later);

#endif
