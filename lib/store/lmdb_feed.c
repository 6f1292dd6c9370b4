/* SPDX-License-Identifier: BSD-2-Clause */
#include "store/lmdb_private.h"

enum { TRIM_PAGES = 512, ROOM_ROWS = 256 };

/* The first (MDB_FIRST) or last (MDB_LAST) number; 0 when there is none. */
static int feed_end(struct store *store, MDB_txn *txn, MDB_cursor_op which, uint64_t *number_out,
	MDB_val *row_out)
{
	MDB_cursor *cursor;
	MDB_val key;
	*number_out = 0;
	int rc = mdb_cursor_open(txn, store->tables[TABLE_FEED], &cursor);
	if (rc != MDB_SUCCESS)
		return rc;
	rc = mdb_cursor_get(cursor, &key, row_out, which);
	mdb_cursor_close(cursor);
	if (rc == MDB_SUCCESS && !number_of_key(key, number_out))
		return MDB_CORRUPTED;
	return rc == MDB_NOTFOUND ? MDB_SUCCESS : rc;
}

int feed_last(struct store *store, MDB_txn *txn, uint64_t *number_out)
{
	MDB_val row;
	return feed_end(store, txn, MDB_LAST, number_out, &row);
}

int feed_first(struct store *store, MDB_txn *txn, uint64_t *number_out, uint64_t *time_out)
{
	MDB_val row = { 0, NULL };
	*time_out = 0;
	int rc = feed_end(store, txn, MDB_FIRST, number_out, &row);
	if (rc == MDB_SUCCESS && *number_out && !feed_time(row, time_out))
		return MDB_CORRUPTED;
	return rc;
}

static enum store_result rows_read(struct store *store, struct arena *arena, MDB_cursor *cursor,
	uint64_t after, size_t most, struct feed_row **rows_out, size_t *count_out)
{
	struct key start;
	key_of_number(after + 1, &start);
	MDB_val key = key_val(&start), row;
	size_t octets = 0;
	int rc = mdb_cursor_get(cursor, &key, &row, MDB_SET_RANGE);
	while (rc == MDB_SUCCESS && *count_out < most && octets < LIST_OCTETS) {
		*rows_out = list_more(arena, *rows_out, *count_out, sizeof(**rows_out));
		if (!*rows_out)
			return problem_set(STORE_FAILED, "no memory");
		if (!decode_feed(
			    arena, store_generation(store), key, row, &(*rows_out)[*count_out]))
			return STORE_FAILED;
		octets += row.mv_size;
		(*count_out)++;
		rc = mdb_cursor_get(cursor, &key, &row, MDB_NEXT);
	}
	return rc == MDB_NOTFOUND ? STORE_OK : engine_result(store, rc, "cannot read the feed");
}

enum store_result store_feed(struct store *store, struct arena *arena, uint64_t after, size_t most,
	struct feed_row **rows_out, size_t *count_out)
{
	MDB_txn *txn;
	MDB_cursor *cursor;
	*rows_out = NULL;
	*count_out = 0;
	problem_clear();
	if (after == UINT64_MAX)
		return STORE_OK;
	enum store_result result = reading_begin(store, &txn);
	if (result != STORE_OK)
		return result;
	int rc = mdb_cursor_open(txn, store->tables[TABLE_FEED], &cursor);
	result = engine_result(store, rc, "cannot read the feed");
	if (rc == MDB_SUCCESS) {
		result = rows_read(store, arena, cursor, after, most, rows_out, count_out);
		mdb_cursor_close(cursor);
	}
	reading_end(store, txn);
	return result;
}

enum store_result store_feed_range(struct store *store, uint64_t *oldest_out, uint64_t *newest_out)
{
	MDB_txn *txn;
	uint64_t time;
	*oldest_out = *newest_out = 0;
	problem_clear();
	enum store_result result = reading_begin(store, &txn);
	if (result != STORE_OK)
		return result;
	int rc = feed_first(store, txn, oldest_out, &time);
	if (rc == MDB_SUCCESS)
		rc = feed_last(store, txn, newest_out);
	reading_end(store, txn);
	return engine_result(store, rc, "cannot read the feed");
}

int feed_trim(struct store *store, MDB_txn *txn, uint64_t before, size_t most, size_t *count_out)
{
	MDB_cursor *cursor;
	MDB_val key, row;
	uint64_t last;
	*count_out = 0;
	int rc = feed_last(store, txn, &last);
	if (rc != MDB_SUCCESS)
		return rc;
	rc = mdb_cursor_open(txn, store->tables[TABLE_FEED], &cursor);
	if (rc != MDB_SUCCESS)
		return rc;
	while (*count_out < most) {
		uint64_t number, time;
		rc = mdb_cursor_get(cursor, &key, &row, MDB_FIRST);
		if (rc != MDB_SUCCESS || !number_of_key(key, &number) || number == last)
			break;
		if (feed_time(row, &time) && time >= before)
			break; /* a damaged row is as old as any */
		rc = mdb_cursor_del(cursor, 0);
		if (rc != MDB_SUCCESS)
			break;
		(*count_out)++;
	}
	mdb_cursor_close(cursor);
	return rc == MDB_NOTFOUND ? MDB_SUCCESS : rc;
}

static enum store_result trim(struct store *store, uint64_t before, size_t most, size_t *count_out)
{
	MDB_txn *txn;
	*count_out = 0;
	enum store_result result = writing_begin(store, TRIM_PAGES, &txn);
	if (result != STORE_OK)
		return result;
	int rc = feed_trim(store, txn, before, most, count_out);
	if (rc == MDB_SUCCESS && *count_out)
		return writing_commit(store, txn);
	writing_abort(store, txn);
	return engine_result(store, rc, "cannot trim the feed");
}

/* Is there an old row that trim() would take? Spares a quiet store the write lock. */
static enum store_result trim_needed(struct store *store, uint64_t before, bool *needed_out)
{
	MDB_txn *txn;
	uint64_t first, last, time;
	*needed_out = false;
	enum store_result result = reading_begin(store, &txn);
	if (result != STORE_OK)
		return result;
	int rc = feed_first(store, txn, &first, &time);
	if (rc == MDB_SUCCESS)
		rc = feed_last(store, txn, &last);
	reading_end(store, txn);
	*needed_out = rc == MDB_CORRUPTED || (rc == MDB_SUCCESS && first != last && time < before);
	return STORE_OK;
}

enum store_result store_trim(struct store *store, uint64_t now, size_t most, bool *more_out)
{
	size_t count = 0;
	uint64_t before = now > store->feed_keep_ms ? now - store->feed_keep_ms : 0;
	*more_out = false;
	problem_clear();
	enum store_result result = trim_needed(store, before, more_out);
	if (result == STORE_OK && *more_out)
		result = trim(store, before, most, &count);
	*more_out = result == STORE_OK && count == most && most > 0;
	return result;
}

enum store_result feed_make_room(struct store *store)
{
	size_t count;
	enum store_result result = trim(store, UINT64_MAX, ROOM_ROWS, &count);
	return result == STORE_OK && count == 0 ? STORE_FULL : result;
}
