/* SPDX-License-Identifier: BSD-2-Clause */
#include "store/kv.h"
#include "store/lmdb_private.h"

#include <string.h>

enum { PAIR_KEY_MAX = 400, TABLE_NAME_MAX = 64, REMOVAL_PAGES = 64 };

/* The name of the table, a NUL, and the key (which may be empty: the table's start). */
static bool key_of_pair(const char *table, struct span key, size_t least, struct key *out)
{
	size_t name = strlen(table) + 1;
	if (name < 2 || name > TABLE_NAME_MAX || key.size < least || key.size > PAIR_KEY_MAX) {
		problem_set(STORE_FAILED, "a key of the table '%.64s' has a bad length", table);
		return false;
	}
	memcpy(out->octets, table, name);
	if (key.size)
		memcpy(out->octets + name, key.data, key.size);
	out->size = name + key.size;
	return true;
}

enum store_result kv_read(struct store *store, struct arena *arena, const char *table,
	struct span key, struct span *value_out)
{
	MDB_txn *txn;
	struct key whole;
	*value_out = (struct span){ 0 };
	problem_clear();
	if (!key_of_pair(table, key, 1, &whole))
		return STORE_FAILED;
	enum store_result result = reading_begin(store, &txn);
	if (result != STORE_OK)
		return result;
	MDB_val name = key_val(&whole), row;
	int rc = mdb_get(txn, store->tables[TABLE_KV], &name, &row);
	if (rc == MDB_SUCCESS)
		*value_out = arena_copy(arena, val_span(row));
	reading_end(store, txn);
	if (rc == MDB_NOTFOUND)
		return STORE_ABSENT;
	if (rc == MDB_SUCCESS && !value_out->data)
		return problem_set(STORE_FAILED, "no memory");
	return engine_result(store, rc, "cannot read a value");
}

/* --- writing --- */

static const char *table_of(const struct kv_pair *pair, const char *table)
{
	return pair->table ? pair->table : table;
}

static int pair_write(
	struct store *store, MDB_txn *txn, struct key *key, const struct kv_pair *pair)
{
	MDB_val name = key_val(key), row = val_of(pair->value);
	if (pair->value.data)
		return mdb_put(txn, store->tables[TABLE_KV], &name, &row, 0);
	int rc = mdb_del(txn, store->tables[TABLE_KV], &name, NULL);
	return rc == MDB_NOTFOUND ? MDB_SUCCESS : rc;
}

static enum store_result write_begin(struct store *store, const char *table,
	const struct kv_pair *pairs, size_t count, MDB_txn **txn_out)
{
	struct demand demand = { .reclaim = true };
	struct key key;
	size_t puts = 0;
	for (size_t i = 0; i < count; i++) {
		if (!key_of_pair(table_of(&pairs[i], table), pairs[i].key, 1, &key))
			return STORE_FAILED;
		puts += pairs[i].value.data != NULL;
		demand_row(store, &demand, key.size + pairs[i].value.size);
	}
	if (!puts)
		return writing_begin(store, REMOVAL_PAGES + count, txn_out);
	return writing_begin_room(store, &demand, store->reserve / 2, txn_out);
}

enum store_result kv_write(
	struct store *store, const char *table, const struct kv_pair *pairs, size_t count)
{
	MDB_txn *txn;
	int rc = MDB_SUCCESS;
	problem_clear();
	if (count == 0)
		return STORE_OK;
	enum store_result result = write_begin(store, table, pairs, count, &txn);
	if (result != STORE_OK)
		return result;
	for (size_t i = 0; i < count && rc == MDB_SUCCESS; i++) {
		struct key key;
		rc = key_of_pair(table_of(&pairs[i], table), pairs[i].key, 1, &key)
			     ? pair_write(store, txn, &key, &pairs[i])
			     : MDB_BAD_VALSIZE;
	}
	if (rc == MDB_SUCCESS)
		return writing_commit(store, txn);
	writing_abort(store, txn);
	return engine_result(store, rc, "cannot write a value");
}

/* --- lists --- */

struct pairs {
	struct arena *arena;
	struct kv_pair *items;
	size_t count, octets;
};

static enum store_result pair_add(struct pairs *pairs, struct span key, struct span value)
{
	pairs->items = list_more(pairs->arena, pairs->items, pairs->count, sizeof(*pairs->items));
	struct kv_pair pair = { arena_copy(pairs->arena, key), arena_copy(pairs->arena, value),
		NULL };
	if (!pairs->items || !pair.key.data || !pair.value.data)
		return problem_set(STORE_FAILED, "no memory");
	pairs->items[pairs->count++] = pair;
	pairs->octets += key.size + value.size;
	return STORE_OK;
}

static enum store_result pairs_fill(struct store *store, MDB_cursor *cursor, struct span prefix,
	struct key *from, size_t most, struct pairs *pairs)
{
	struct span start = { (const char *)from->octets, from->size };
	MDB_val key = key_val(from), row;
	int rc = mdb_cursor_get(cursor, &key, &row, MDB_SET_RANGE);
	while (rc == MDB_SUCCESS && pairs->count < most && pairs->octets < LIST_OCTETS) {
		struct span name = val_span(key);
		if (!span_starts(name, prefix))
			return STORE_OK;
		if (!span_equal(name, start)
			&& pair_add(pairs, span_from(name, prefix.size), val_span(row)) != STORE_OK)
			return STORE_FAILED;
		rc = mdb_cursor_get(cursor, &key, &row, MDB_NEXT);
	}
	return rc == MDB_NOTFOUND ? STORE_OK : engine_result(store, rc, "cannot list values");
}

enum store_result kv_list(struct store *store, struct arena *arena, const char *table,
	struct span after, size_t most, struct kv_pair **pairs_out, size_t *count_out)
{
	MDB_txn *txn;
	MDB_cursor *cursor;
	struct key from;
	struct pairs pairs = { arena, NULL, 0, 0 };
	*pairs_out = NULL;
	*count_out = 0;
	problem_clear();
	if (!key_of_pair(table, after, 0, &from))
		return STORE_FAILED;
	enum store_result result = reading_begin(store, &txn);
	if (result != STORE_OK)
		return result;
	int rc = mdb_cursor_open(txn, store->tables[TABLE_KV], &cursor);
	result = engine_result(store, rc, "cannot list values");
	if (rc == MDB_SUCCESS) {
		struct span prefix = { table, strlen(table) + 1 };
		result = pairs_fill(store, cursor, prefix, &from, most, &pairs);
		mdb_cursor_close(cursor);
	}
	reading_end(store, txn);
	if (result != STORE_OK)
		return result;
	*pairs_out = pairs.items;
	*count_out = pairs.count;
	return STORE_OK;
}
