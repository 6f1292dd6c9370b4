/* SPDX-License-Identifier: BSD-2-Clause */
#include "store/lmdb_file.h"
#include "store/lmdb_private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	SCRATCH_FIRST = 64 * 1024,
	GENERATION_BITS = 48,
	RESERVE_PART = 16,
	NEW_STORE_PAGES = 256,
	HEADER_LOOKS = 3,
};

static const uint64_t map_least = 1 << 20, reserve_least = 512 << 10, reserve_most = 64 << 20,
		      disk_reserve_most = 4 << 20;

static pthread_mutex_t open_lock = PTHREAD_MUTEX_INITIALIZER;
static struct store *open_stores; /* LMDB's file locks allow each only once in a process */

static const char *const table_names[TABLE_COUNT] = {
#define X(name, text) text,
	STORE_TABLES(X)
#undef X
};

static const char format_name[] = "format", generation_name[] = "generation",
		  format_mark[] = "xcapd-store";

static enum store_result unusable(const char *path, const char *why)
{
	return problem_set(STORE_UNUSABLE, "%s: %s", path, why);
}

/* --- the folder --- */

static enum store_result folder_open(struct store *store, const struct store_settings *settings)
{
	const char *path = settings->path;
	if (settings->create && mkdir(path, 0700) != 0 && errno != EEXIST)
		return problem_set(
			STORE_UNUSABLE, "cannot make the folder %s: %s", path, strerror(errno));
	store->folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (store->folder < 0)
		return problem_set(
			STORE_UNUSABLE, "cannot open the folder %s: %s", path, strerror(errno));
	struct stat about;
	if (fstat(store->folder, &about) != 0)
		return unusable(path, strerror(errno));
	store->device = about.st_dev;
	store->inode = about.st_ino;
	if (faccessat(store->folder, ".", W_OK | X_OK, AT_EACCESS) != 0)
		return problem_set(
			STORE_UNUSABLE, "cannot write in the folder %s: %s", path, strerror(errno));
	return STORE_OK;
}

static enum store_result folder_check(const struct store_settings *settings)
{
	char file[4096 + 16];
	snprintf(file, sizeof(file), "%s/data.mdb", settings->path);
	bool present;
	enum store_result result = file_check(file, &present);
	for (unsigned i = 0; result != STORE_OK && i < HEADER_LOOKS;
		i++) { /* just being written? */
		usleep(20 * 1000);
		result = file_check(file, &present);
	}
	if (result == STORE_OK && !present && !settings->create)
		return unusable(settings->path, "there is no store in this folder");
	if (result == STORE_OK && present && access(file, R_OK | W_OK) != 0)
		return problem_set(
			STORE_UNUSABLE, "no permission for %s: %s", file, strerror(errno));
	return result;
}

/* --- the environment --- */

static const char *why_not_opened(int rc)
{
	switch (rc) {
	case MDB_INVALID:
	case MDB_CORRUPTED:
		return "not an LMDB file, or a damaged one";
	case MDB_VERSION_MISMATCH:
		return "written by another version of LMDB, or its lock file is";
	case MDB_READERS_FULL:
		return "all reader slots of the lock file are in use";
	case ENOMEM:
		return "the map does not fit into the address space; is store.max-size too large?";
	default:
		return mdb_strerror(rc);
	}
}

static void room_setup(struct store *store, uint64_t map)
{
	uint64_t reserve = map / RESERVE_PART;
	if (reserve < reserve_least)
		reserve = reserve_least;
	if (reserve > reserve_most)
		reserve = reserve_most;
	store->reserve = (size_t)reserve / store->page_size;
	store->disk_reserve = (size_t)(reserve < disk_reserve_most ? reserve : disk_reserve_most)
			      / store->page_size;
}

/* A map that is smaller than its contents has no room to remove anything either. */
static int map_widen(struct store *store)
{
	MDB_envinfo info;
	int rc = mdb_env_info(store->env, &info);
	size_t least = (info.me_last_pgno + 1 + store->reserve) * store->page_size;
	store->allocated = room_allocated(store);
	if (rc == MDB_SUCCESS && info.me_mapsize < least)
		rc = mdb_env_set_mapsize(store->env, least);
	return rc;
}

static int env_open(struct store *store, const struct store_settings *settings)
{
	uint64_t map = settings->max_size < map_least ? map_least : settings->max_size;
	size_t system_page = (size_t)sysconf(_SC_PAGESIZE);
	map -= map % system_page;
	MDB_stat stat;
	int rc = mdb_env_create(&store->env);
	if (rc == MDB_SUCCESS)
		rc = mdb_env_set_mapsize(store->env, map);
	if (rc == MDB_SUCCESS)
		rc = mdb_env_set_maxdbs(store->env, TABLE_COUNT);
	if (rc == MDB_SUCCESS)
		rc = mdb_env_set_maxreaders(store->env, READERS_MAX);
	if (rc == MDB_SUCCESS)
		rc = mdb_env_open(store->env, settings->path,
			MDB_NOTLS | (settings->sync ? 0 : MDB_NOSYNC), 0600);
	if (rc == MDB_SUCCESS)
		rc = mdb_env_stat(store->env, &stat);
	if (rc != MDB_SUCCESS)
		return rc;
	store->page_size = stat.ms_psize;
	room_setup(store, map);
	rc = map_widen(store);
	if (rc == MDB_SUCCESS)
		rc = mdb_reader_check(store->env, NULL);
	return rc;
}

/* --- the tables --- */

static uint64_t new_generation(void)
{
	uint64_t random = 0;
	while (random == 0) {
		if (getrandom(&random, sizeof(random), 0) != (ssize_t)sizeof(random))
			return 0;
		random &= (UINT64_C(1) << GENERATION_BITS) - 1;
	}
	return random;
}

static int meta_get(struct store *store, MDB_txn *txn, const char *name, MDB_val *value_out)
{
	MDB_val key = val_of(span_of(name));
	return mdb_get(txn, store->tables[TABLE_META], &key, value_out);
}

static int meta_put(struct store *store, MDB_txn *txn, const char *name, struct span octets)
{
	MDB_val key = val_of(span_of(name)), value = val_of(octets);
	return mdb_put(txn, store->tables[TABLE_META], &key, &value, 0);
}

static int generation_put(struct store *store, MDB_txn *txn, uint64_t generation)
{
	struct key octets;
	key_of_number(generation, &octets);
	return meta_put(store, txn, generation_name,
		(struct span){ (const char *)octets.octets, octets.size });
}

static int format_put(struct store *store, MDB_txn *txn)
{
	char format[sizeof(format_mark) + 4];
	uint32_t version = store->format = STORE_FORMAT;
	memcpy(format, format_mark, sizeof(format_mark));
	memcpy(format + sizeof(format_mark), &version, sizeof(version));
	return meta_put(store, txn, format_name, (struct span){ format, sizeof(format) });
}

static enum store_result format_check(struct store *store, MDB_txn *txn, const char *path)
{
	MDB_val value;
	size_t mark = sizeof(format_mark);
	if (meta_get(store, txn, format_name, &value) != MDB_SUCCESS || value.mv_size != mark + 4
		|| memcmp(value.mv_data, format_mark, mark) != 0)
		return unusable(path, "an LMDB environment of another application");
	uint32_t version;
	memcpy(&version, (const char *)value.mv_data + mark, sizeof(version));
	if (version < STORE_FORMAT_OLDEST || version > STORE_FORMAT)
		return problem_set(STORE_UNUSABLE,
			"%s: the store has format %u, this program reads format %d", path, version,
			STORE_FORMAT);
	store->format = version;
	uint64_t generation;
	if (meta_get(store, txn, generation_name, &value) != MDB_SUCCESS
		|| !number_of_key(value, &generation) || generation == 0)
		return unusable(path, "the store's header is damaged");
	atomic_store(&store->generation, generation);
	return STORE_OK;
}

/* *fresh_out: there is nothing at all yet. */
static enum store_result tables_open(
	struct store *store, MDB_txn *txn, const char *path, bool *fresh_out)
{
	MDB_stat stat;
	MDB_dbi root;
	int rc = mdb_dbi_open(txn, NULL, 0, &root);
	if (rc == MDB_SUCCESS)
		rc = mdb_stat(txn, root, &stat);
	if (rc != MDB_SUCCESS)
		return unusable(path, mdb_strerror(rc));
	*fresh_out = stat.ms_entries == 0;
	for (size_t i = 0; i < TABLE_COUNT && !*fresh_out; i++) {
		rc = mdb_dbi_open(txn, table_names[i], 0, &store->tables[i]);
		if (rc == MDB_NOTFOUND || rc == MDB_INCOMPATIBLE)
			return unusable(path, "an LMDB environment of another application");
		if (rc != MDB_SUCCESS)
			return unusable(path, mdb_strerror(rc));
		if (i == TABLE_META && format_check(store, txn, path) != STORE_OK)
			return STORE_UNUSABLE;
	}
	return STORE_OK;
}

static int tables_make(struct store *store, MDB_txn *txn)
{
	uint64_t generation = new_generation();
	int rc = generation ? MDB_SUCCESS : EIO;
	for (size_t i = 0; i < TABLE_COUNT && rc == MDB_SUCCESS; i++)
		rc = mdb_dbi_open(txn, table_names[i], MDB_CREATE, &store->tables[i]);
	if (rc == MDB_SUCCESS)
		rc = format_put(store, txn);
	if (rc == MDB_SUCCESS)
		rc = generation_put(store, txn, generation);
	atomic_store(&store->generation, generation);
	return rc;
}

/* A new folder and the names in it are on the disk only when their folders are. */
static void folders_sync(const struct store *store)
{
	int parent = openat(store->folder, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	fsync(store->folder);
	if (parent < 0)
		return;
	fsync(parent);
	close(parent);
}

/* Another process may have made them in the meantime. */
static enum store_result tables_create(struct store *store, const struct store_settings *settings)
{
	MDB_txn *txn;
	bool fresh;
	if (!settings->create)
		return unusable(settings->path, "there is no store in this folder");
	enum store_result result = writing_begin(store, NEW_STORE_PAGES, &txn);
	if (result != STORE_OK)
		return STORE_UNUSABLE;
	result = tables_open(store, txn, settings->path, &fresh);
	int rc = result == STORE_OK && fresh ? tables_make(store, txn) : MDB_SUCCESS;
	if (result != STORE_OK || rc != MDB_SUCCESS) {
		writing_abort(store, txn);
		return rc ? unusable(settings->path, mdb_strerror(rc)) : result;
	}
	if (writing_commit(store, txn) != STORE_OK)
		return STORE_UNUSABLE;
	if (settings->sync)
		folders_sync(store);
	return STORE_OK;
}

/* Rows of the older format stay as they are; new ones are beyond older programs. */
static enum store_result format_raise(struct store *store, const char *path)
{
	MDB_txn *txn;
	if (writing_begin(store, 0, &txn) != STORE_OK)
		return STORE_UNUSABLE;
	int rc = format_put(store, txn);
	if (rc == MDB_SUCCESS)
		return writing_commit(store, txn) == STORE_OK ? STORE_OK : STORE_UNUSABLE;
	writing_abort(store, txn);
	return unusable(path, mdb_strerror(rc));
}

static enum store_result tables_ready(struct store *store, const struct store_settings *settings)
{
	MDB_txn *txn;
	bool fresh;
	if (reading_begin(store, &txn) != STORE_OK)
		return STORE_UNUSABLE;
	enum store_result result = tables_open(store, txn, settings->path, &fresh);
	int rc = mdb_txn_commit(txn); /* keeps the handles of the tables */
	map_let_go(store);
	if (result == STORE_OK && rc != MDB_SUCCESS)
		return unusable(settings->path, mdb_strerror(rc));
	if (result == STORE_OK && fresh)
		return tables_create(store, settings);
	return result == STORE_OK && store->format != STORE_FORMAT
		       ? format_raise(store, settings->path)
		       : result;
}

/* --- open and close --- */

static bool open_add(struct store *store)
{
	pthread_mutex_lock(&open_lock);
	bool twice = false;
	for (const struct store *other = open_stores; other; other = other->next)
		twice |= other->device == store->device && other->inode == store->inode
			 && other->pid == store->pid;
	if (!twice) {
		store->next = open_stores;
		open_stores = store;
	}
	pthread_mutex_unlock(&open_lock);
	return !twice;
}

static void open_remove(struct store *store)
{
	pthread_mutex_lock(&open_lock);
	for (struct store **link = &open_stores; *link; link = &(*link)->next)
		if (*link == store) {
			*link = store->next;
			break;
		}
	pthread_mutex_unlock(&open_lock);
}

static struct store *store_new(const struct store_settings *settings)
{
	struct store *store = calloc(1, sizeof(*store));
	if (!store)
		return NULL;
	map_locks_start(store);
	store->folder = store->bell = store->lock = -1;
	store->pid = getpid();
	store->forks = forks_seen();
	store->history = settings->history_versions;
	store->feed_keep_ms = settings->feed_keep_ms;
	store->scratch = arena_new(SCRATCH_FIRST);
	store->recent = recent_new();
	return store;
}

static enum store_result engine_start(struct store *store, const struct store_settings *settings)
{
	enum store_result result = folder_check(settings);
	if (result == STORE_OK)
		result = folder_lock(store->folder, false, &store->lock);
	if (result != STORE_OK)
		return result;
	int rc = env_open(store, settings);
	if (rc != MDB_SUCCESS)
		return unusable(settings->path, why_not_opened(rc));
	store->bell = doorbell_open();
	if (store->bell < 0)
		return unusable(settings->path, strerror(errno));
	return tables_ready(store, settings);
}

enum store_result store_open(struct store **out, const struct store_settings *settings)
{
	*out = NULL;
	problem_clear();
	struct store *store = store_new(settings);
	if (!store || !store->scratch || !store->recent) {
		store_close(&store);
		return problem_set(STORE_UNUSABLE, "no memory");
	}
	enum store_result result = folder_open(store, settings);
	if (result == STORE_OK && !open_add(store))
		result = unusable(settings->path, "this process has it open already");
	if (result == STORE_OK)
		result = engine_start(store, settings);
	if (result == STORE_OK)
		folder_keep_owner(store->folder);
	if (result != STORE_OK)
		store_close(&store);
	*out = store;
	return result;
}

void store_close(struct store **store_in)
{
	struct store *store = *store_in;
	*store_in = NULL;
	if (!store)
		return;
	for (size_t i = 0; i < READERS_IDLE && store->forks == forks_seen(); i++)
		if (atomic_load(&store->idle[i]))
			mdb_txn_abort(atomic_load(&store->idle[i]));
	if (store->env)
		mdb_env_close(store->env);
	open_remove(store);
	if (store->folder >= 0)
		close(store->folder);
	if (store->bell >= 0)
		close(store->bell);
	if (store->lock >= 0)
		close(store->lock);
	arena_free(&store->scratch);
	recent_free(store->recent);
	map_locks_end(store);
	free(store);
}

enum store_result store_renew_generation(struct store *store)
{
	problem_clear();
	uint64_t generation = new_generation();
	if (!generation)
		return problem_set(STORE_FAILED, "no random numbers");
	MDB_txn *txn;
	enum store_result result = writing_begin(store, NEW_STORE_PAGES, &txn);
	if (result != STORE_OK)
		return result;
	int rc = generation_put(store, txn, generation);
	if (rc != MDB_SUCCESS) {
		writing_abort(store, txn);
		return engine_result(store, rc, "cannot renew the generation");
	}
	result = writing_commit(store, txn);
	if (result == STORE_OK)
		atomic_store(&store->generation, generation);
	return result;
}
