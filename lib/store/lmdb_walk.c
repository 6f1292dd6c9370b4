/* SPDX-License-Identifier: BSD-2-Clause */
#include "store/lmdb_private.h"

#include <string.h>

enum place { PLACE_HERE, PLACE_ELSEWHERE, PLACE_BEHIND };

/* Documents of one user in all usages: leaps from one usage's range to the next. */
static enum place place_of(const struct walk *walk, struct key *elsewhere_out)
{
	const struct document_filter *filter = &walk->filter;
	const struct doc_id *id = &walk->id;
	if (filter->auid.data && !span_equal(id->auid, filter->auid))
		return PLACE_BEHIND;
	bool before = false, behind = false;
	if (filter->only_global)
		behind = id->tree == TREE_USERS;
	if (filter->xui.data && !behind) {
		int order = id->tree == TREE_GLOBAL ? -1 : span_compare(id->xui, filter->xui);
		before = order < 0;
		behind = order > 0;
	}
	if (before)
		key_of_range(id->auid, 'u', filter->xui, elsewhere_out);
	else if (behind)
		key_behind_usage(id->auid, elsewhere_out);
	else
		return PLACE_HERE;
	return behind && filter->auid.data ? PLACE_BEHIND : PLACE_ELSEWHERE;
}

int walk_start(struct walk *walk, MDB_txn *txn, MDB_dbi table, const struct document_filter *filter,
	const struct key *after)
{
	*walk = (struct walk){ .started = false };
	if (filter)
		walk->filter = *filter;
	if (walk->filter.auid.data)
		key_of_range(walk->filter.auid, '\0', (struct span){ 0 }, &walk->from);
	if (after) {
		struct span start = { (const char *)walk->from.octets, walk->from.size };
		struct span behind = { (const char *)after->octets, after->size };
		if (span_compare(behind, start) >= 0) {
			walk->from = *after;
			walk->from.octets[walk->from.size++] = '\0'; /* the first key behind it */
		}
	}
	return mdb_cursor_open(txn, table, &walk->cursor);
}

static int walk_seek(struct walk *walk, struct key *from)
{
	if (!from->size)
		return mdb_cursor_get(walk->cursor, &walk->key, &walk->row, MDB_FIRST);
	walk->key = key_val(from);
	return mdb_cursor_get(walk->cursor, &walk->key, &walk->row, MDB_SET_RANGE);
}

int walk_next(struct walk *walk)
{
	int rc = walk->started ? mdb_cursor_get(walk->cursor, &walk->key, &walk->row, MDB_NEXT)
			       : walk_seek(walk, &walk->from);
	walk->started = true;
	for (; rc == MDB_SUCCESS; rc = walk_seek(walk, &walk->from)) {
		if (!document_of_key(val_span(walk->key), &walk->id))
			return MDB_CORRUPTED;
		switch (place_of(walk, &walk->from)) {
		case PLACE_HERE:
			return MDB_SUCCESS;
		case PLACE_BEHIND:
			return MDB_NOTFOUND;
		case PLACE_ELSEWHERE:
			break;
		}
	}
	return rc;
}

void walk_end(struct walk *walk)
{
	if (walk->cursor)
		mdb_cursor_close(walk->cursor);
	walk->cursor = NULL;
}
