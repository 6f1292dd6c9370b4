/* SPDX-License-Identifier: BSD-2-Clause */
/* A small durable table for a program's own state, beside the documents but apart from them: the
 * notifier keeps its marks and subscriptions here. Same threads and processes rule as store.h.
 */
#ifndef XCAPD_STORE_KV_H
#define XCAPD_STORE_KV_H

#include "store/store.h"

struct kv_pair {
	struct span key;   /* 1 to 400 octets */
	struct span value; /* data == NULL: remove */
	const char *table; /* of this pair, where it is another than the call's; else NULL */
};

enum store_result kv_read(struct store *store, struct arena *arena, const char *table,
	struct span key, struct span *value_out);
/* All in one transaction, one sync. May use half of the store's reserve, so that a program's state
 * can still be written when documents no longer can. */
enum store_result kv_write(
	struct store *store, const char *table, const struct kv_pair *pairs, size_t count);
/* Pairs behind `after` (none: from the start) in key order, at most `most` and about 8 MiB. */
enum store_result kv_list(struct store *store, struct arena *arena, const char *table,
	struct span after, size_t most, struct kv_pair **pairs_out, size_t *count_out);

#endif
