/* SPDX-License-Identifier: BSD-2-Clause */
#include "notifier/merge.h"

struct delivery_change merge_row(const struct feed_row *row)
{
	struct delivery_change change = {
		.id = row->id,
		.from = row->number,
		.to = row->number,
		.time = row->time,
		.previous = row->previous,
		.etag = row->etag,
	};
	if (row->removed)
		change.etag = (struct etag){ 0, 0 };
	return change;
}

enum merge merge_into(struct delivery_change *earlier, const struct delivery_change *later)
{
	if (later->to <= earlier->to)
		return MERGE_KNOWN;
	if (earlier->left)
		return MERGE_APART;
	earlier->to = later->to;
	earlier->etag = later->etag;
	return earlier->previous.number || earlier->etag.number ? MERGE_ABSORBED : MERGE_VANISHED;
}
