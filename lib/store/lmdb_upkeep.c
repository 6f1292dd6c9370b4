/* SPDX-License-Identifier: BSD-2-Clause */
#include "store/lmdb_private.h"

enum store_result store_probe(struct store *store)
{
	MDB_txn *txn;
	problem_clear();
	if (store_broken(store))
		return problem_set(STORE_FAILED, "the store failed while it wrote its header");
	enum store_result result = reading_begin(store, &txn);
	if (result != STORE_OK)
		return result;
	MDB_val key = val_of(SPAN("generation")), value;
	uint64_t generation = 0;
	int rc = mdb_get(txn, store->tables[TABLE_META], &key, &value);
	bool sound = rc == MDB_SUCCESS && number_of_key(value, &generation)
		     && generation == store_generation(store);
	reading_end(store, txn);
	if (rc != MDB_SUCCESS)
		return engine_result(store, rc, "cannot read the store's header");
	return sound ? STORE_OK
		     : problem_set(STORE_FAILED, "the store was replaced while it was open");
}

enum store_result store_clear_readers(struct store *store)
{
	problem_clear();
	return engine_result(
		store, mdb_reader_check(store->env, NULL), "cannot clear reader slots");
}

static int count_rows(struct store *store, MDB_txn *txn, enum table table, uint64_t *out)
{
	MDB_stat stat = { 0 };
	int rc = mdb_stat(txn, store->tables[table], &stat);
	*out = stat.ms_entries;
	return rc;
}

static enum store_result stats_fill(struct store *store, MDB_txn *txn, struct store_stats *out)
{
	MDB_envinfo info;
	uint64_t unused;
	int rc = mdb_env_info(store->env, &info);
	if (rc == MDB_SUCCESS)
		rc = count_rows(store, txn, TABLE_DOCUMENTS, &out->documents);
	if (rc == MDB_SUCCESS)
		rc = count_rows(store, txn, TABLE_USERS, &out->users);
	if (rc == MDB_SUCCESS)
		rc = feed_first(store, txn, &out->feed_oldest, &out->feed_oldest_time);
	if (rc == MDB_SUCCESS)
		rc = feed_last(store, txn, &out->feed_newest);
	if (rc != MDB_SUCCESS)
		return engine_result(store, rc, "cannot read the store's figures");
	enum store_result result = room_free_pages(store, txn, &unused);
	uint64_t pages = info.me_last_pgno + 1;
	out->size_used = (pages > unused ? pages - unused : 0) * store->page_size;
	out->size_max = info.me_mapsize;
	return result;
}

enum store_result store_stats(struct store *store, struct store_stats *out)
{
	MDB_txn *txn;
	*out = (struct store_stats){ 0 };
	problem_clear();
	enum store_result result = reading_begin(store, &txn);
	if (result != STORE_OK)
		return result;
	result = stats_fill(store, txn, out);
	reading_end(store, txn);
	return result;
}
