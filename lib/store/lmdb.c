/* SPDX-License-Identifier: BSD-2-Clause */
#include "store/lmdb_private.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

enum { PROBES = 8, TRIES = 8, LIST_FIRST = 16 };

static _Thread_local char problem_text[400];

const char *store_problem(void)
{
	return problem_text;
}

void problem_clear(void)
{
	problem_text[0] = '\0';
}

enum store_result problem_set(enum store_result result, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(problem_text, sizeof(problem_text), format, arguments);
	va_end(arguments);
	return result;
}

bool engine_full(int rc)
{
	return rc == MDB_MAP_FULL || rc == MDB_TXN_FULL || rc == ENOSPC || rc == EDQUOT
	       || rc == EFBIG;
}

enum store_result engine_result(struct store *store, int rc, const char *doing)
{
	if (rc == MDB_SUCCESS)
		return STORE_OK;
	if (rc == MDB_PANIC)
		atomic_store(&store->broken, true);
	return problem_set(
		engine_full(rc) ? STORE_FULL : STORE_FAILED, "%s: %s", doing, mdb_strerror(rc));
}

enum store_result row_damaged(enum table table)
{
	static const char *const names[] = {
#define X(name, text) text,
		STORE_TABLES(X)
#undef X
	};
	return problem_set(STORE_FAILED, "a row of the table '%s' is damaged", names[table]);
}

bool store_broken(const struct store *store)
{
	return atomic_load(&store->broken);
}

uint64_t store_generation(const struct store *store)
{
	return atomic_load(&store->generation);
}

size_t thread_number(size_t most)
{
	static _Atomic size_t threads;
	static _Thread_local size_t number;
	if (!number)
		number = atomic_fetch_add_explicit(&threads, 1, memory_order_relaxed) + 1;
	return number % most;
}

void map_locks_start(struct store *store)
{
	pthread_rwlockattr_t attributes;
	pthread_rwlockattr_init(&attributes);
	pthread_rwlockattr_setkind_np(&attributes, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
	for (size_t i = 0; i < MAP_LOCKS; i++)
		pthread_rwlock_init(&store->map_locks[i].lock, &attributes);
	pthread_rwlockattr_destroy(&attributes);
}

void map_locks_end(struct store *store)
{
	for (size_t i = 0; i < MAP_LOCKS; i++)
		pthread_rwlock_destroy(&store->map_locks[i].lock);
}

void map_hold(struct store *store)
{
	pthread_rwlock_rdlock(&store->map_locks[thread_number(MAP_LOCKS)].lock);
}

void map_let_go(struct store *store)
{
	pthread_rwlock_unlock(&store->map_locks[thread_number(MAP_LOCKS)].lock);
}

static MDB_txn *idle_take(struct store *store)
{
	size_t start = thread_number(READERS_IDLE);
	for (size_t i = 0; i < PROBES; i++) {
		_Atomic(MDB_txn *) *slot = &store->idle[(start + i) % READERS_IDLE];
		if (!atomic_load_explicit(slot, memory_order_relaxed))
			continue;
		MDB_txn *txn = atomic_exchange(slot, NULL);
		if (txn)
			return txn;
	}
	return NULL;
}

static void idle_give(struct store *store, MDB_txn *txn)
{
	size_t start = thread_number(READERS_IDLE);
	for (size_t i = 0; i < PROBES; i++) {
		MDB_txn *expected = NULL;
		if (atomic_compare_exchange_strong(
			    &store->idle[(start + i) % READERS_IDLE], &expected, txn))
			return;
	}
	mdb_txn_abort(txn);
}

static int reader_take(struct store *store, MDB_txn **txn_out)
{
	MDB_txn *txn = idle_take(store);
	if (!txn)
		return mdb_txn_begin(store->env, NULL, MDB_RDONLY, txn_out);
	int rc = mdb_txn_renew(txn);
	if (rc == MDB_SUCCESS)
		*txn_out = txn;
	else
		mdb_txn_abort(txn);
	return rc;
}

int reading_within(struct store *store, MDB_txn **txn_out)
{
	return reader_take(store, txn_out);
}

void reading_within_end(struct store *store, MDB_txn *txn)
{
	mdb_txn_reset(txn);
	idle_give(store, txn);
}

static _Atomic unsigned forks;
static pthread_once_t forks_watched = PTHREAD_ONCE_INIT;

static void count_fork(void)
{
	forks++;
}

static void watch_forks(void)
{
	pthread_atfork(NULL, NULL, count_fork);
}

unsigned forks_seen(void)
{
	pthread_once(&forks_watched, watch_forks);
	return atomic_load_explicit(&forks, memory_order_relaxed);
}

static enum store_result same_process(const struct store *store)
{
	if (store->forks == atomic_load_explicit(&forks, memory_order_relaxed))
		return STORE_OK;
	return problem_set(STORE_FAILED, "the store was opened before a fork, by process %ld",
		(long)store->pid);
}

/* Another process made the map larger: use what it wrote into the file. */
static void map_adopt(struct store *store)
{
	for (size_t i = 0; i < MAP_LOCKS; i++)
		pthread_rwlock_wrlock(&store->map_locks[i].lock);
	mdb_env_set_mapsize(store->env, 0);
	for (size_t i = 0; i < MAP_LOCKS; i++)
		pthread_rwlock_unlock(&store->map_locks[i].lock);
}

static bool worth_another_try(struct store *store, int rc, unsigned tries)
{
	if (rc == MDB_MAP_RESIZED && tries < TRIES)
		map_adopt(store);
	else if (rc == MDB_READERS_FULL && tries == 0)
		mdb_reader_check(store->env, NULL);
	else
		return false;
	return true;
}

enum store_result reading_begin(struct store *store, MDB_txn **txn_out)
{
	if (same_process(store) != STORE_OK)
		return STORE_FAILED;
	for (unsigned tries = 0;; tries++) {
		map_hold(store);
		int rc = reader_take(store, txn_out);
		if (rc == MDB_SUCCESS)
			return STORE_OK;
		map_let_go(store);
		if (!worth_another_try(store, rc, tries))
			return engine_result(store, rc, "cannot begin to read");
	}
}

uint64_t last_commit(struct store *store)
{
	MDB_envinfo info;
	if (same_process(store) != STORE_OK)
		return 0;
	map_hold(store);
	int rc = mdb_env_info(store->env, &info);
	map_let_go(store);
	return rc == MDB_SUCCESS ? info.me_last_txnid : 0;
}

void reading_end(struct store *store, MDB_txn *txn)
{
	reading_within_end(store, txn);
	map_let_go(store);
}

enum store_result writing_begin(struct store *store, size_t pages, MDB_txn **txn_out)
{
	if (same_process(store) != STORE_OK)
		return STORE_FAILED;
	for (unsigned tries = 0;; tries++) {
		map_hold(store);
		int rc = mdb_txn_begin(store->env, NULL, 0, txn_out);
		if (rc == MDB_SUCCESS) {
			room_lengthen(store, pages);
			return STORE_OK;
		}
		map_let_go(store);
		if (!worth_another_try(store, rc, tries))
			return engine_result(store, rc, "cannot begin to write");
	}
}

void writing_abort(struct store *store, MDB_txn *txn)
{
	mdb_txn_abort(txn);
	map_let_go(store);
}

enum store_result writing_commit(struct store *store, MDB_txn *txn)
{
	int rc = mdb_txn_commit(txn);
	map_let_go(store);
	return engine_result(store, rc, "cannot commit");
}

void *list_more(struct arena *arena, void *items, size_t count, size_t item_size)
{
	bool full = count == 0 || (count >= LIST_FIRST && (count & (count - 1)) == 0);
	if (!full)
		return items;
	size_t capacity = count ? count * 2 : LIST_FIRST;
	void *more = arena_alloc(arena, capacity * item_size);
	if (more && count)
		memcpy(more, items, count * item_size);
	return more;
}
