/* SPDX-License-Identifier: BSD-2-Clause */
#include "store/lmdb_private.h"

#include <errno.h>
#include <string.h>

enum { STEP_ROWS = 1000, STEP_PAGES = 4096, ROWS_EACH = 4 };

static bool name_ok(struct span name)
{
	return name.size >= 1 && name.size <= ENGINE_KEY_MAX;
}

/* Kept under the number of the transaction that read it: when a commit came since, that is another
 * one than the last, and the next to ask reads again. */
static enum store_result user_find(
	struct store *store, struct arena *arena, struct span name, struct user *out)
{
	MDB_txn *txn;
	enum store_result result = reading_begin(store, &txn);
	if (result != STORE_OK)
		return result;
	MDB_val key = val_of(name), row = { 0, NULL };
	int rc = mdb_get(txn, store->tables[TABLE_USERS], &key, &row);
	if (rc == MDB_NOTFOUND)
		result = STORE_ABSENT;
	else if (rc != MDB_SUCCESS)
		result = engine_result(store, rc, "cannot read a user");
	else if (!decode_user(arena, key, row, out))
		result = STORE_FAILED;
	if (result == STORE_OK || result == STORE_ABSENT)
		recent_keep(store->recent, name, mdb_txn_id(txn), val_span(row));
	reading_end(store, txn);
	return result;
}

enum store_result store_user_read(
	struct store *store, struct arena *arena, struct span name, struct user *out)
{
	enum store_result result;
	*out = (struct user){ 0 };
	problem_clear();
	if (!name_ok(name))
		return STORE_ABSENT;
	if (recent_find(store->recent, name, last_commit(store), arena, out, &result))
		return result;
	return user_find(store, arena, name, out);
}

static enum store_result users_fill(struct store *store, MDB_cursor *cursor, struct arena *arena,
	struct span after, size_t most, struct user **users_out, size_t *count_out)
{
	MDB_val key = val_of(after), row;
	int rc = mdb_cursor_get(cursor, &key, &row, after.size ? MDB_SET_RANGE : MDB_FIRST);
	if (rc == MDB_SUCCESS && after.size && span_equal(val_span(key), after))
		rc = mdb_cursor_get(cursor, &key, &row, MDB_NEXT);
	while (rc == MDB_SUCCESS && *count_out < most) {
		*users_out = list_more(arena, *users_out, *count_out, sizeof(**users_out));
		if (!*users_out)
			return problem_set(STORE_FAILED, "no memory");
		if (!decode_user(arena, key, row, &(*users_out)[*count_out]))
			return STORE_FAILED;
		(*count_out)++;
		rc = mdb_cursor_get(cursor, &key, &row, MDB_NEXT);
	}
	return rc == MDB_NOTFOUND ? STORE_OK : engine_result(store, rc, "cannot list users");
}

enum store_result store_user_list(struct store *store, struct arena *arena, struct span after,
	size_t most, struct user **users_out, size_t *count_out)
{
	MDB_txn *txn;
	MDB_cursor *cursor;
	*users_out = NULL;
	*count_out = 0;
	problem_clear();
	if (after.size > ENGINE_KEY_MAX)
		return problem_set(STORE_FAILED, "no user can have the name to go on behind");
	enum store_result result = reading_begin(store, &txn);
	if (result != STORE_OK)
		return result;
	int rc = mdb_cursor_open(txn, store->tables[TABLE_USERS], &cursor);
	result = engine_result(store, rc, "cannot list users");
	if (rc == MDB_SUCCESS) {
		result = users_fill(store, cursor, arena, after, most, users_out, count_out);
		mdb_cursor_close(cursor);
	}
	reading_end(store, txn);
	return result;
}

/* --- putting --- */

/* MDB_SUCCESS: *same_out tells whether the row is so already. */
static int user_compare(struct store *store, MDB_txn *txn, const struct user *user,
	struct span encoded, bool *same_out)
{
	MDB_val key = val_of(user->name), row;
	int rc = mdb_get(txn, store->tables[TABLE_USERS], &key, &row);
	*same_out = rc == MDB_SUCCESS && span_equal(val_span(row), encoded);
	return rc == MDB_NOTFOUND ? MDB_SUCCESS : rc;
}

static struct span user_encoded(const struct user *user, struct arena *arena)
{
	arena_reset(arena);
	uint8_t *octets = arena_alloc(arena, row_size(encode_user, user));
	struct row_out out = { octets, 0 };
	if (octets)
		encode_user(&out, user);
	return (struct span){ (const char *)octets, out.size };
}

/* Looks first whether there is anything to write at all: mostly there is not. */
static enum store_result users_same(
	struct store *store, const struct user *users, size_t count, bool *same_out)
{
	MDB_txn *txn;
	struct arena *arena = arena_new(0);
	int rc = arena ? MDB_SUCCESS : ENOMEM;
	*same_out = true;
	if (arena && reading_begin(store, &txn) != STORE_OK) {
		arena_free(&arena);
		return STORE_FAILED;
	}
	for (size_t i = 0; rc == MDB_SUCCESS && i < count && *same_out; i++) {
		struct span encoded = user_encoded(&users[i], arena);
		rc = encoded.data ? user_compare(store, txn, &users[i], encoded, same_out) : ENOMEM;
	}
	if (arena)
		reading_end(store, txn);
	arena_free(&arena);
	return engine_result(store, rc, "cannot read a user");
}

static enum store_result user_put(
	struct store *store, MDB_txn *txn, const struct user *user, bool *written_out)
{
	bool same;
	struct span encoded = user_encoded(user, store->scratch);
	int rc = encoded.data ? user_compare(store, txn, user, encoded, &same) : ENOMEM;
	*written_out = rc == MDB_SUCCESS && !same;
	if (*written_out) {
		MDB_val key = val_of(user->name), row = val_of(encoded);
		rc = mdb_put(txn, store->tables[TABLE_USERS], &key, &row, 0);
	}
	return engine_result(store, rc, "cannot write a user");
}

static enum store_result users_check(
	const struct store *store, const struct user *users, size_t count, struct demand *demand)
{
	for (size_t i = 0; i < count; i++) {
		if (!name_ok(users[i].name))
			return problem_set(STORE_FAILED, "no user can have this name");
		size_t octets = users[i].name.size + row_size(encode_user, &users[i]);
		if (octets > store->page_size / 4)
			demand_row(store, demand, octets);
		demand->pages += 1 + octets / store->page_size;
	}
	return STORE_OK;
}

enum store_result store_users_put(
	struct store *store, const struct user *users, size_t count, size_t *written_out)
{
	MDB_txn *txn;
	size_t written = 0;
	struct demand demand = { .reclaim = true };
	problem_clear();
	if (written_out)
		*written_out = 0;
	bool same = false;
	enum store_result result = users_check(store, users, count, &demand);
	if (result == STORE_OK)
		result = users_same(store, users, count, &same);
	if (result == STORE_OK && !same)
		result = writing_begin_room(store, &demand, store->reserve, &txn);
	if (result != STORE_OK || same)
		return result;
	for (size_t i = 0; i < count && result == STORE_OK; i++) {
		bool one;
		result = user_put(store, txn, &users[i], &one);
		written += result == STORE_OK && one;
	}
	if (result != STORE_OK || written == 0) {
		writing_abort(store, txn);
		return result;
	}
	result = writing_commit(store, txn);
	if (result == STORE_OK)
		doorbell_ring(store);
	if (result == STORE_OK && written_out)
		*written_out = written;
	return result;
}

/* --- removing, in steps: what is removed first is the login --- */

struct removing {
	struct span name, who;
	size_t rows;  /* of this step */
	bool any;     /* there was something, in any step */
	bool deleted; /* now come the documents that were deleted before */
};

static int find_owned(
	struct changing *changing, const struct removing *removing, struct key *key_out)
{
	struct walk walk;
	struct document_filter filter = { .xui = removing->name };
	enum table table = removing->deleted ? TABLE_DELETED : TABLE_DOCUMENTS;
	int rc = walk_start(&walk, changing->txn, changing->store->tables[table], &filter, NULL);
	if (rc == MDB_SUCCESS)
		rc = walk_next(&walk);
	if (rc == MDB_SUCCESS) {
		key_out->size = walk.key.mv_size;
		memcpy(key_out->octets, walk.key.mv_data, walk.key.mv_size);
	}
	walk_end(&walk);
	return rc;
}

static int remove_owned(struct changing *changing, struct removing *removing, const struct key *key)
{
	struct doc_id id;
	struct before before;
	struct change change = { .what = CHANGE_DOCUMENT, .who = removing->who };
	arena_reset(changing->store->scratch);
	if (!document_of_key((struct span){ (const char *)key->octets, key->size }, &id)
		|| before_read(changing, &id, &before) != STORE_OK)
		return MDB_CORRUPTED;
	removing->rows += ROWS_EACH + before.version_count + before.claim_count;
	removing->any = true;
	if (before.deleted)
		return change_forget(changing, &before);
	return change_remove(changing, &before, removing->who, &change, true);
}

static int remove_login(struct changing *changing, struct removing *removing)
{
	MDB_val key = val_of(removing->name);
	int rc = mdb_del(changing->txn, changing->store->tables[TABLE_USERS], &key, NULL);
	if (rc == MDB_SUCCESS) {
		removing->any = true;
		removing->rows++;
	}
	return rc == MDB_NOTFOUND ? MDB_SUCCESS : rc;
}

/* MDB_NOTFOUND: nothing is left. */
static int remove_rows(struct changing *changing, struct removing *removing)
{
	struct key key;
	int rc = remove_login(changing, removing);
	while (rc == MDB_SUCCESS && removing->rows < STEP_ROWS) {
		rc = find_owned(changing, removing, &key);
		if (rc == MDB_SUCCESS)
			rc = remove_owned(changing, removing, &key);
		else if (rc == MDB_NOTFOUND && !removing->deleted) {
			removing->deleted = true;
			rc = MDB_SUCCESS;
		}
	}
	return rc;
}

static enum store_result remove_step(struct store *store, struct removing *removing, bool *done_out)
{
	MDB_txn *txn;
	struct changing changing;
	removing->rows = 0;
	removing->deleted = false;
	enum store_result result = writing_begin(store, STEP_PAGES, &txn);
	if (result != STORE_OK)
		return result;
	int rc = changing_start(&changing, store, txn);
	if (rc == MDB_SUCCESS)
		rc = remove_rows(&changing, removing);
	*done_out = rc == MDB_NOTFOUND;
	if ((rc != MDB_SUCCESS && rc != MDB_NOTFOUND) || removing->rows == 0) {
		writing_abort(store, txn);
		return *done_out ? STORE_OK : engine_result(store, rc, "cannot remove a user");
	}
	result = writing_commit(store, txn);
	if (result == STORE_OK)
		doorbell_ring(store);
	return result;
}

enum store_result store_user_remove(struct store *store, struct span name, struct span who)
{
	struct removing removing = { .name = name, .who = who };
	bool done = false, made_room = false;
	problem_clear();
	if (!name_ok(name))
		return STORE_ABSENT;
	while (!done) {
		enum store_result result = remove_step(store, &removing, &done);
		if (result == STORE_FULL && !made_room) {
			made_room = true;
			done = false;
			result = feed_make_room(store);
		}
		if (result != STORE_OK)
			return result;
	}
	return removing.any ? STORE_OK : STORE_ABSENT;
}
