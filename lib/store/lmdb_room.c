/* SPDX-License-Identifier: BSD-2-Clause */
#include "store/lmdb_private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	FREE_LIST = 0, /* LMDB's own table: transaction -> the pages that it freed */
	PAGE_HEADER = 16,
	NODE_HEADER = 8,
	NODE_INDEX = 2,
	TOUCHED_ALWAYS = 24, /* the free list, the table of tables */
	RECORDS_MOST = 100000,
};

static const size_t allocation_step = 4 << 20;

size_t row_inside(const struct store *store)
{
	return (store->page_size - PAGE_HEADER) / 2 - NODE_HEADER - NODE_INDEX;
}

void demand_row(const struct store *store, struct demand *demand, size_t octets)
{
	size_t pages = 1;
	if (octets > row_inside(store))
		pages = (octets + PAGE_HEADER + store->page_size - 1) / store->page_size;
	demand->pages += pages;
	if (pages < 2)
		return;
	demand->runs++;
	if (demand->run < pages)
		demand->run = pages;
}

size_t demand_touched(struct store *store, MDB_txn *txn, size_t writes)
{
	static const enum table tables[] = { TABLE_DOCUMENTS, TABLE_DELETED, TABLE_BODIES,
		TABLE_BODIES, TABLE_FEED };
	size_t pages = 0;
	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
		MDB_stat stat;
		if (mdb_stat(txn, store->tables[tables[i]], &stat) != MDB_SUCCESS)
			continue;
		size_t whole = stat.ms_branch_pages + stat.ms_leaf_pages + 1;
		size_t paths = writes * (stat.ms_depth + 1);
		pages += paths < whole ? paths : whole;
	}
	return pages;
}

/* --- the disk --- */

void room_lengthen(struct store *store, size_t pages)
{
	MDB_envinfo info;
	int file;
	struct stat about;
	if (mdb_env_info(store->env, &info) || mdb_env_get_fd(store->env, &file)
		|| fstat(file, &about))
		return;
	size_t wanted = (info.me_last_pgno + 1 + pages) * store->page_size;
	if (wanted > info.me_mapsize)
		wanted = info.me_mapsize;
	if ((size_t)about.st_size < wanted && ftruncate(file, (off_t)wanted) != 0)
		return; /* then LMDB lengthens it itself */
}

size_t room_allocated(struct store *store)
{
	MDB_envinfo info;
	int file;
	struct stat about;
	if (mdb_env_info(store->env, &info))
		return 0;
	size_t used = (info.me_last_pgno + 1) * store->page_size;
	if (mdb_env_get_fd(store->env, &file) || fstat(file, &about))
		return used;
	bool whole = about.st_blocks >= about.st_size / 512;
	return whole && (size_t)about.st_size > used ? (size_t)about.st_size : used;
}

static int allocate(struct store *store, int file, size_t end)
{
	int rc;
	do {
		rc = fallocate(file, 0, (off_t)store->allocated, (off_t)(end - store->allocated));
	} while (rc != 0 && errno == EINTR);
	if (rc != 0)
		return errno;
	store->allocated = end;
	return 0;
}

/* Does the disk hold the file up to that page, and is that so from now on? */
static bool disk_holds(struct store *store, const MDB_envinfo *info, size_t pages)
{
	size_t end = pages * store->page_size, generous = end + allocation_step;
	if (end <= store->allocated || store->cannot_allocate)
		return true;
	generous -= generous % allocation_step;
	int file;
	if (mdb_env_get_fd(store->env, &file))
		return false;
	int rc = allocate(store, file, generous < info->me_mapsize ? generous : info->me_mapsize);
	if (rc != 0 && engine_full(rc))
		rc = allocate(store, file, end);
	if (rc != 0 && !engine_full(rc))
		store->cannot_allocate = true;
	return rc == 0 || store->cannot_allocate;
}

/* --- what the free list gives --- */

struct oldest {
	size_t now;        /* the last transaction */
	size_t any, older; /* oldest snapshot that is read; oldest but for those of `now` */
};

static int oldest_look(const char *line, void *context)
{
	struct oldest *oldest = context;
	long process;
	unsigned long long thread, transaction;
	if (sscanf(line, "%ld %llx %llu", &process, &thread, &transaction) != 3)
		return 0;
	if (transaction < oldest->any)
		oldest->any = (size_t)transaction;
	if (transaction < oldest->now && transaction < oldest->older)
		oldest->older = (size_t)transaction;
	return 0;
}

struct supply {
	size_t fresh; /* pages that the file may still grow by */
	size_t free, runs;
	size_t aging; /* free only for the transaction after the next */
};

static bool supply_meets(const struct supply *supply, const struct demand *demand, size_t keep)
{
	size_t have = supply->fresh + supply->free;
	if (have < demand->pages + keep)
		return false;
	size_t spare = supply->fresh > keep ? supply->fresh - keep : 0;
	return !demand->runs || supply->runs + spare / demand->run >= demand->runs;
}

/* ids: how many, then page numbers, largest first. */
static size_t count_runs(const size_t *ids, size_t run)
{
	size_t runs = 0, length = 1;
	for (size_t i = 1; i <= ids[0]; i++) {
		length = i > 1 && ids[i] + 1 == ids[i - 1] ? length + 1 : 1;
		if (length < run)
			continue;
		runs++;
		length = 0;
	}
	return runs;
}

static bool record_ok(const MDB_val *key, const MDB_val *row)
{
	return key->mv_size == sizeof(size_t) && row->mv_size >= sizeof(size_t)
	       && *(const size_t *)row->mv_data < row->mv_size / sizeof(size_t);
}

static void supply_count(struct supply *supply, MDB_cursor *cursor, const struct oldest *oldest,
	const struct demand *demand, size_t keep)
{
	size_t usable = oldest->now < oldest->any ? oldest->now : oldest->any;
	size_t soon = oldest->now + 1 < oldest->older ? oldest->now + 1 : oldest->older;
	MDB_val key, row;
	for (size_t i = 0; i < RECORDS_MOST; i++) {
		if (mdb_cursor_get(cursor, &key, &row, i ? MDB_NEXT : MDB_FIRST)
			|| !record_ok(&key, &row))
			return;
		size_t transaction = *(const size_t *)key.mv_data;
		const size_t *ids = row.mv_data;
		if (transaction >= soon || supply_meets(supply, demand, keep))
			return;
		if (transaction >= usable) {
			supply->aging += ids[0];
			continue;
		}
		supply->free += ids[0];
		if (demand->runs)
			supply->runs += count_runs(ids, demand->run);
	}
}

static enum room room_inside(struct store *store, const struct demand *demand, size_t keep,
	const MDB_envinfo *info, size_t fresh)
{
	MDB_txn *txn;
	MDB_cursor *cursor;
	struct supply supply = { .fresh = fresh };
	struct oldest oldest = { info->me_last_txnid, SIZE_MAX, SIZE_MAX };
	if (reading_within(store, &txn) != MDB_SUCCESS)
		return ROOM_NONE;
	mdb_reader_list(store->env, oldest_look, &oldest);
	if (mdb_cursor_open(txn, FREE_LIST, &cursor) == MDB_SUCCESS) {
		supply_count(&supply, cursor, &oldest, demand, keep);
		mdb_cursor_close(cursor);
	}
	reading_within_end(store, txn);
	if (supply_meets(&supply, demand, keep))
		return ROOM_ENOUGH;
	supply.free += supply.aging;
	supply.runs += supply.aging; /* who knows: it is worth a try */
	return supply_meets(&supply, demand, keep) ? ROOM_AGING : ROOM_NONE;
}

enum room room_for(
	struct store *store, const struct demand *demand, size_t keep, const char **why_out)
{
	MDB_envinfo info;
	*why_out = "";
	if (mdb_env_info(store->env, &info))
		return ROOM_NONE;
	size_t used = info.me_last_pgno + 1, map = info.me_mapsize / store->page_size;
	size_t ahead = keep < store->disk_reserve ? keep : store->disk_reserve;
	size_t fresh = used < map ? map - used : 0;
	*why_out = "it does not fit into the store at all";
	if (demand->pages + keep > map)
		return ROOM_HOPELESS;
	bool on_disk = disk_holds(store, &info, used + demand->pages + ahead);
	if (on_disk && demand->pages + keep <= fresh)
		return ROOM_ENOUGH;
	*why_out = on_disk ? "the store is full" : "the disk is full";
	if (!on_disk) {
		size_t held = store->allocated / store->page_size;
		fresh = used < held ? held - used : 0;
		keep = ahead;
	}
	return room_inside(store, demand, keep, &info, fresh);
}

/* What the last transaction freed may be used by the second one after it: let one pass. */
static enum store_result room_age(struct store *store)
{
	MDB_txn *txn;
	enum store_result result = writing_begin(store, 0, &txn);
	if (result != STORE_OK)
		return result;
	MDB_val key = val_of(SPAN("aged")), value = val_of(SPAN("1"));
	int rc = mdb_put(txn, store->tables[TABLE_META], &key, &value, 0);
	if (rc == MDB_SUCCESS)
		return writing_commit(store, txn);
	writing_abort(store, txn);
	return engine_result(store, rc, "cannot make room");
}

/* Then what is deleted gives way to what is put. */
static enum store_result room_reclaim(
	struct store *store, const struct demand *demand, const char *why)
{
	size_t count = 0;
	enum store_result result = STORE_OK;
	if (demand->reclaim)
		result = deleted_make_room(store, &count);
	if (result == STORE_FULL || (result == STORE_OK && count == 0))
		return problem_set(STORE_FULL, "%s", why);
	return result;
}

enum store_result writing_begin_room(
	struct store *store, const struct demand *demand, size_t keep, MDB_txn **txn_out)
{
	bool aged = false;
	const char *why = "";
	struct demand whole = *demand;
	whole.pages += TOUCHED_ALWAYS;
	for (;;) {
		enum store_result result = writing_begin(store, demand->pages, txn_out);
		if (result != STORE_OK)
			return result;
		enum room room = room_for(store, &whole, keep, &why);
		if (room == ROOM_ENOUGH)
			return STORE_OK;
		writing_abort(store, *txn_out);
		if (room == ROOM_HOPELESS)
			return problem_set(STORE_FULL, "%s", why);
		aged = room == ROOM_AGING && !aged;
		result = aged ? room_age(store) : room_reclaim(store, demand, why);
		if (result != STORE_OK)
			return result;
	}
}

enum store_result room_free_pages(struct store *store, MDB_txn *txn, uint64_t *pages_out)
{
	MDB_cursor *cursor;
	MDB_val key, row;
	*pages_out = 0;
	int rc = mdb_cursor_open(txn, FREE_LIST, &cursor);
	if (rc != MDB_SUCCESS)
		return engine_result(store, rc, "cannot read the free list");
	while (mdb_cursor_get(cursor, &key, &row, MDB_NEXT) == MDB_SUCCESS)
		if (record_ok(&key, &row))
			*pages_out += *(const size_t *)row.mv_data;
	mdb_cursor_close(cursor);
	return STORE_OK;
}
