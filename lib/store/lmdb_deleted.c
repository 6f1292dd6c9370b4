/* SPDX-License-Identifier: BSD-2-Clause */
#include "store/lmdb_private.h"

#include <string.h>

enum { ROOM_DOCUMENTS = 32, STEP_PAGES = 1024 };

/* The ones deleted first, in that order. */
struct oldest {
	struct {
		uint64_t number;
		struct key key;
	} items[ROOM_DOCUMENTS];
	size_t count;
};

static void oldest_add(struct oldest *oldest, uint64_t number, MDB_val key)
{
	if (oldest->count == ROOM_DOCUMENTS) {
		if (oldest->items[ROOM_DOCUMENTS - 1].number <= number)
			return;
		oldest->count--;
	}
	size_t at = oldest->count++;
	for (; at > 0 && oldest->items[at - 1].number > number; at--)
		oldest->items[at] = oldest->items[at - 1];
	oldest->items[at].number = number;
	oldest->items[at].key.size = key.mv_size;
	memcpy(oldest->items[at].key.octets, key.mv_data, key.mv_size);
}

static int oldest_find(struct store *store, MDB_txn *txn, struct oldest *oldest)
{
	MDB_cursor *cursor;
	MDB_val key, row;
	int rc = mdb_cursor_open(txn, store->tables[TABLE_DELETED], &cursor);
	if (rc != MDB_SUCCESS)
		return rc;
	while ((rc = mdb_cursor_get(cursor, &key, &row, MDB_NEXT)) == MDB_SUCCESS) {
		struct document document;
		if (decode_document(row, &document))
			oldest_add(oldest, document.number, key);
	}
	mdb_cursor_close(cursor);
	return rc == MDB_NOTFOUND ? MDB_SUCCESS : rc;
}

static int oldest_forget(struct changing *changing, const struct oldest *oldest)
{
	int rc = MDB_SUCCESS;
	for (size_t i = 0; i < oldest->count && rc == MDB_SUCCESS; i++) {
		struct doc_id id;
		struct before before;
		const struct key *key = &oldest->items[i].key;
		arena_reset(changing->store->scratch);
		if (!document_of_key((struct span){ (const char *)key->octets, key->size }, &id)
			|| before_read(changing, &id, &before) != STORE_OK)
			return MDB_CORRUPTED;
		if (before.deleted)
			rc = change_forget(changing, &before);
	}
	return rc;
}

enum store_result deleted_make_room(struct store *store, size_t *count_out)
{
	MDB_txn *txn;
	struct changing changing;
	struct oldest oldest = { .count = 0 };
	*count_out = 0;
	enum store_result result = writing_begin(store, STEP_PAGES, &txn);
	if (result != STORE_OK)
		return result;
	int rc = changing_start(&changing, store, txn);
	if (rc == MDB_SUCCESS)
		rc = oldest_find(store, txn, &oldest);
	if (rc == MDB_SUCCESS)
		rc = oldest_forget(&changing, &oldest);
	if (rc == MDB_SUCCESS && oldest.count) {
		*count_out = oldest.count;
		return writing_commit(store, txn);
	}
	writing_abort(store, txn);
	return engine_result(store, rc, "cannot make room");
}
