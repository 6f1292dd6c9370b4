/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of the LMDB engine share; nothing outside lib/store includes it.
 *
 * Locks: the map (map_hold) is held for as long as any transaction of this process lives, by the
 * thread that began it, and taken from all while it is replaced. Fields marked "writer" belong to
 * whoever holds LMDB's write transaction. Functions that return `int` return LMDB's codes; a
 * transaction in which one of them failed has to be aborted.
 */
#ifndef XCAPD_STORE_LMDB_PRIVATE_H
#define XCAPD_STORE_LMDB_PRIVATE_H

#include "store/store.h"

#include <lmdb.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/types.h>

/* meta: "format" (STORE_FORMAT), "generation"; "claims " SCOPE -> number of the last change of what
 * the scope shows. documents: key -> struct document of a live one, with its octets when they are
 * so few that its row needs no page of its own: who reads them needs no second look; deleted: the
 * same without octets, of a deleted one that has former versions. bodies: number -> struct body,
 * one for each version that exists. feed: number -> struct feed_value; its last row is never
 * trimmed, so it holds the last number given. claims: hash -> struct claim_value. users: name ->
 * user. kv: table NUL key -> value. Numbers are keys of 8 octets, big-endian. */
#define STORE_TABLES(X)           \
	X(META, "meta")           \
	X(DOCUMENTS, "documents") \
	X(DELETED, "deleted")     \
	X(BODIES, "bodies")       \
	X(FEED, "feed")           \
	X(USERS, "users")         \
	X(CLAIMS, "claims")       \
	X(KV, "kv")

enum table {
#define X(name, text) TABLE_##name,
	STORE_TABLES(X)
#undef X
		TABLE_COUNT
};

enum {
	STORE_FORMAT = 3,
	STORE_FORMAT_OLDEST = 2, /* whose rows are read: it becomes STORE_FORMAT when opened */
	ENGINE_KEY_MAX = 511,
	CLAIM_HASH = 32, /* SHA-256's first octets: 4 of the scope's, 28 of scope and value */
	CLAIM_SCOPE = 4,
	READERS_MAX = 4096, /* slots of all processes */
	READERS_IDLE = 64,
	MAP_LOCKS = 16,
	LIST_OCTETS = 8 << 20, /* about as much as one call returns */
};

/* One of the locks that are the map's: threads that look at the map hold different ones, so that
 * they do not wait for each other's cache line. Who replaces it takes all. */
struct map_lock {
	pthread_rwlock_t lock;
	char apart[128 - sizeof(pthread_rwlock_t)];
};

struct store {
	MDB_env *env;
	MDB_dbi tables[TABLE_COUNT];
	struct map_lock map_locks[MAP_LOCKS];
	_Atomic(MDB_txn *) idle[READERS_IDLE]; /* read transactions that were reset */
	pid_t pid;                             /* who opened it */
	unsigned forks;                        /* that this process had come from by then */
	dev_t device;                          /* of the folder, so that it is opened only once */
	ino_t inode;
	struct store *next; /* in the list of open stores */
	uint32_t format;
	unsigned history;
	uint64_t feed_keep_ms;
	_Atomic uint64_t generation;
	_Atomic bool broken;
	int folder, bell; /* the folder itself; the socket that rings doorbells */
	int lock;         /* says that the store is open, to who would replace it */
	struct recent *recent;
	size_t page_size;
	size_t reserve;        /* pages that only removals may use */
	size_t disk_reserve;   /* so many of them are allocated on the disk beforehand */
	size_t allocated;      /* writer: octets of the data file known to be on the disk */
	bool cannot_allocate;  /* writer: the file system does not know how */
	struct arena *scratch; /* writer */
};

/* --- lmdb_recent.c: users that were read a short while ago. What is kept is good for as long as no
 * process commits, so a new password counts at once. Any thread. --- */

struct recent *recent_new(void); /* NULL without memory */
void recent_free(struct recent *recent);
/* Is it known what there was under that name as of this commit? Then *result_out is what reading it
 * gives: STORE_OK, STORE_ABSENT, or STORE_FAILED. */
bool recent_find(struct recent *recent, struct span name, uint64_t commit, struct arena *arena,
	struct user *out, enum store_result *result_out);
/* `row`: empty when nobody has the name. */
void recent_keep(struct recent *recent, struct span name, uint64_t commit, struct span row);

/* --- lmdb.c: problems, transactions, readers --- */

void problem_clear(void);
/* Sets the text, returns `result`. */
enum store_result problem_set(enum store_result result, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* LMDB's code as a result, with its text; `doing` says what failed. */
enum store_result engine_result(struct store *store, int rc, const char *doing);
bool engine_full(int rc); /* is it a lack of room? */
enum store_result row_damaged(enum table table);

void map_locks_start(struct store *store);
void map_locks_end(struct store *store);
/* Until the same thread lets go of it the map stays where it is. Not twice at a time. */
void map_hold(struct store *store);
void map_let_go(struct store *store);

enum store_result reading_begin(struct store *store, MDB_txn **txn_out);
void reading_end(struct store *store, MDB_txn *txn);
/* The number of the last commit, of whatever process: what was read in a transaction of that number
 * is as good as read now. 0: it is not known. */
uint64_t last_commit(struct store *store);
/* Below `most`, and mostly another one for another thread. */
size_t thread_number(size_t most);
/* A read transaction inside a write transaction. */
int reading_within(struct store *store, MDB_txn **txn_out);
void reading_within_end(struct store *store, MDB_txn *txn);
/* The file is made long enough for `pages` more pages. */
enum store_result writing_begin(struct store *store, size_t pages, MDB_txn **txn_out);
void writing_abort(struct store *store, MDB_txn *txn);
/* The transaction is gone whatever comes back. */
enum store_result writing_commit(struct store *store, MDB_txn *txn);

/* One more item at the end of a list that grows in an arena; NULL without memory. */
void *list_more(struct arena *arena, void *items, size_t count, size_t item_size);

/* --- lmdb_rows.c: keys and rows as octets --- */

struct key {
	uint8_t octets[ENGINE_KEY_MAX];
	size_t size;
};

MDB_val val_of(struct span octets);
MDB_val key_val(struct key *key);
struct span val_span(MDB_val val);

/* False when the id can name no document (a length or a NUL). */
bool key_of_document(const struct doc_id *id, struct key *out);
/* Up to the usage ('\0'), the tree ('g', 'u') or the user in it (xui.data != NULL). */
void key_of_range(struct span auid, char tree, struct span xui, struct key *out);
/* Behind all keys of a usage. */
void key_behind_usage(struct span auid, struct key *out);
/* The id's spans point into the key. */
bool document_of_key(struct span key, struct doc_id *out);
void key_of_number(uint64_t number, struct key *out);
bool number_of_key(MDB_val key, uint64_t *out);

/* A row that is being written (data != NULL) or measured. */
struct row_out {
	uint8_t *data;
	size_t size;
};

typedef void row_encoder(struct row_out *out, const void *row);

size_t row_size(row_encoder *encode, const void *row);
/* Encodes straight into the page. */
int row_put(MDB_txn *txn, MDB_dbi table, struct key *key, unsigned flags, row_encoder *encode,
	const void *row);

/* The octets of a version, as a row holds them: packed when that makes them fewer. */
struct packed {
	struct span octets;
	uint64_t size; /* of what was packed; octets.size: nothing was */
};

struct document {
	uint64_t number, time, size; /* of the version that is, or of the deletion */
	uint32_t claim_count;        /* in its body's row */
	uint32_t former_count;
	const uint8_t *former; /* 8 octets each: read with former_number */
	struct span octets; /* the live version's, as in its body's row; none when they are many */
};

struct body {
	uint64_t time;
	bool removed;
	struct span who;
	uint32_t claim_count;
	const uint8_t *claims; /* CLAIM_HASH octets each, sorted */
	struct packed content;
};

struct feed_value {
	uint64_t time, previous;
	bool removed;
	struct span document; /* key */
	const struct change *change;
};

struct claim_value {
	struct span document; /* key */
	struct claim claim;
};

uint64_t former_number(const struct document *document, size_t index);
void former_set(uint8_t *former, size_t index, uint64_t number);

row_encoder encode_document, encode_body, encode_feed, encode_claim, encode_user;

/* False when the row is damaged. What comes out points into the row. */
bool decode_document(MDB_val row, struct document *out);
bool decode_body(MDB_val row, struct body *out);
bool decode_claim(MDB_val row, struct claim_value *out);
bool feed_time(MDB_val row, uint64_t *out);
/* These two allocate and copy: false also without memory, with the problem set. */
bool decode_feed(
	struct arena *arena, uint64_t generation, MDB_val key, MDB_val row, struct feed_row *out);
bool decode_user(struct arena *arena, MDB_val key, MDB_val row, struct user *out);

/* --- lmdb_pack.c --- */

/* None when they stay as they are: large ones, those that would not become fewer, and all without
 * memory. */
struct span pack(struct arena *arena, struct span octets);
/* What the new version's row holds. */
struct packed content_of(const struct write *write);
/* Into the arena, with a NUL behind them. */
enum store_result unpack(struct arena *arena, const struct packed *packed, struct span *out);

/* --- lmdb_walk.c: documents in the order of their keys --- */

struct walk {
	MDB_cursor *cursor;
	struct document_filter filter;
	MDB_val key, row;
	struct doc_id id; /* points into the map */
	bool started;
	struct key from; /* where to start */
};

/* Behind `after`, or from the start. */
int walk_start(struct walk *walk, MDB_txn *txn, MDB_dbi table, const struct document_filter *filter,
	const struct key *after);
/* 0: walk->key, row and id are the next document. MDB_NOTFOUND: that was all. */
int walk_next(struct walk *walk);
void walk_end(struct walk *walk);

/* --- lmdb_room.c: what a write needs, and what there is --- */

struct demand {
	size_t pages;
	size_t run;   /* longest run of pages that must be contiguous, */
	size_t runs;  /* and how many such */
	bool reclaim; /* may what is deleted be forgotten for it? */
};

/* The most octets of a row, key included, that need no page of their own. */
size_t row_inside(const struct store *store);
/* A row of so many octets (key included). */
void demand_row(const struct store *store, struct demand *demand, size_t octets);
/* The pages of the trees that so many writes of documents touch. */
size_t demand_touched(struct store *store, MDB_txn *txn, size_t writes);

enum room {
	ROOM_ENOUGH,
	ROOM_AGING, /* there will be enough once the pages freed last may be used again */
	ROOM_NONE,
	ROOM_HOPELESS, /* not even in an empty store */
};

/* Inside the write transaction, before its first change. `keep`: pages that must be left. *why_out:
 * a few words when there is not enough. */
enum room room_for(
	struct store *store, const struct demand *demand, size_t keep, const char **why_out);
/* Octets of the data file that are on the disk, as far as the file system tells. */
size_t room_allocated(struct store *store);
/* Makes the data file so long, without taking room on the disk. */
void room_lengthen(struct store *store, size_t pages);
/* Begins a write transaction that has room; STORE_FULL when there is none. */
enum store_result writing_begin_room(
	struct store *store, const struct demand *demand, size_t keep, MDB_txn **txn_out);
/* Pages that are free inside the file. */
enum store_result room_free_pages(struct store *store, MDB_txn *txn, uint64_t *pages_out);

/* --- lmdb_claims.c --- */

/* The claim's key: rows of one scope stand together. */
void claim_hash(const struct claim *claim, uint8_t out[CLAIM_HASH]);

struct claim_entry {
	uint8_t hash[CLAIM_HASH];
	const struct claim *claim;
	bool held;  /* by this document already, */
	bool same;  /* .. with this content */
	bool shown; /* .. which was not empty */
};

struct claim_set {
	struct claim_entry *entries; /* sorted by hash, each once */
	uint32_t count;
};

/* Looks whether all may be had by the document; *taken_out when the result is STORE_TAKEN. */
enum store_result claims_check(struct store *store, MDB_txn *txn, struct arena *arena,
	const struct key *document, const struct write *write, struct claim_set *out);
struct changing;
/* Gives up those of the body that are not in `keep` (may be NULL). */
int claims_give_up(struct changing *changing, const struct key *document, const uint8_t *hashes,
	uint32_t count, const struct claim_set *keep);
int claims_take(struct changing *changing, const struct key *document, const struct claim_set *set);

/* --- lmdb_change.c: one change inside a write transaction --- */

struct changing {
	struct store *store;
	MDB_txn *txn;
	uint64_t next; /* number of the next change */
	uint64_t now;
	bool tight; /* a removal keeps no former versions */
};

int changing_start(struct changing *changing, struct store *store, MDB_txn *txn);

/* What the store holds where a change goes; copied, so that it outlives the change. */
struct before {
	struct key key;
	bool live, deleted;
	uint64_t number, size;
	uint8_t *versions; /* of both: itself first, then the former ones */
	size_t version_count;
	uint8_t *claims;
	uint32_t claim_count;
};

/* STORE_OK also when there is nothing. */
enum store_result before_read(
	struct changing *changing, const struct doc_id *id, struct before *out);
int change_put(struct changing *changing, const struct before *before, const struct write *write,
	const struct claim_set *claims);
/* With everything that is kept of it when `forget`. */
int change_remove(struct changing *changing, const struct before *before, struct span who,
	const struct change *change, bool forget);
/* Removes all versions of a deleted document. */
int change_forget(struct changing *changing, const struct before *before);

/* Forgets some of the documents that were deleted, those first that were deleted first. */
enum store_result deleted_make_room(struct store *store, size_t *count_out);

/* --- lmdb_feed.c --- */

/* The oldest row's number and time, and the newest's number; 0 when there is none. */
int feed_first(struct store *store, MDB_txn *txn, uint64_t *number_out, uint64_t *time_out);
int feed_last(struct store *store, MDB_txn *txn, uint64_t *number_out);
/* Removes at most `most` rows older than `before`, never the newest. */
int feed_trim(struct store *store, MDB_txn *txn, uint64_t before, size_t most, size_t *count_out);
/* When a removal does not fit: gives up some of the oldest rows, however young. */
enum store_result feed_make_room(struct store *store);

/* --- lmdb_lock.c --- */

/* Held until the file is closed; `alone`: only when no process has the store open. */
enum store_result folder_lock(int folder, bool alone, int *lock_out);
/* What root makes in the folder of another user, the daemon's, is that user's. */
void folder_keep_owner(int folder);

/* --- lmdb_doorbell.c --- */

int doorbell_open(void); /* -1: errno */
void doorbell_ring(const struct store *store);

/* How many forks lie between this process and the first that opened a store: told by the C library,
 * where asking for the process id would cost a system call each time. */
unsigned forks_seen(void);

#endif
