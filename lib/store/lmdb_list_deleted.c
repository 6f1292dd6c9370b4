/* SPDX-License-Identifier: BSD-2-Clause */
#include "store/lmdb_private.h"

struct deleted_rows {
	struct store *store;
	struct arena *arena;
	struct deleted_row *items;
	size_t count;
};

static enum store_result deleted_add(struct deleted_rows *rows, const struct walk *walk)
{
	struct document document;
	if (!decode_document(walk->row, &document))
		return row_damaged(TABLE_DELETED);
	if (!document.former_count)
		return STORE_OK;
	rows->items = list_more(rows->arena, rows->items, rows->count, sizeof(*rows->items));
	struct span key = arena_copy(rows->arena, val_span(walk->key));
	if (!rows->items || !key.data)
		return problem_set(STORE_FAILED, "no memory");
	struct deleted_row *row = &rows->items[rows->count++];
	*row = (struct deleted_row){
		.number = document.number,
		.previous = { store_generation(rows->store), former_number(&document, 0) },
	};
	return document_of_key(key, &row->id) ? STORE_OK : row_damaged(TABLE_DELETED);
}

static enum store_result deleted_walk(struct deleted_rows *rows, MDB_txn *txn,
	const struct document_filter *filter, const struct key *after, size_t most)
{
	struct walk walk;
	enum store_result result = STORE_OK;
	int rc = walk_start(&walk, txn, rows->store->tables[TABLE_DELETED], filter, after);
	while (rc == MDB_SUCCESS && result == STORE_OK && rows->count < most) {
		rc = walk_next(&walk);
		if (rc == MDB_SUCCESS)
			result = deleted_add(rows, &walk);
	}
	walk_end(&walk);
	if (result == STORE_OK && rc != MDB_NOTFOUND)
		result = engine_result(rows->store, rc, "cannot list deleted documents");
	return result;
}

enum store_result store_list_deleted(struct store *store, struct arena *arena,
	const struct document_filter *filter, const struct doc_id *after, size_t most,
	struct deleted_row **rows_out, size_t *count_out)
{
	struct deleted_rows rows = { store, arena, NULL, 0 };
	struct key behind;
	MDB_txn *txn;
	*rows_out = NULL;
	*count_out = 0;
	problem_clear();
	if (after && !key_of_document(after, &behind))
		return problem_set(STORE_FAILED, "no document can have the name to go on behind");
	enum store_result result = reading_begin(store, &txn);
	if (result != STORE_OK)
		return result;
	result = deleted_walk(&rows, txn, filter, after ? &behind : NULL, most);
	reading_end(store, txn);
	if (result != STORE_OK)
		return result;
	*rows_out = rows.items;
	*count_out = rows.count;
	return STORE_OK;
}
