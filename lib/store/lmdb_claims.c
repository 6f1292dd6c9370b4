/* SPDX-License-Identifier: BSD-2-Clause */
#include "store/lmdb_private.h"

#include <nettle/sha2.h>
#include <stdlib.h>
#include <string.h>

void claim_hash(const struct claim *claim, uint8_t out[CLAIM_HASH])
{
	struct sha256_ctx sha;
	sha256_init(&sha);
	sha256_update(&sha, claim->scope.size, (const uint8_t *)claim->scope.data);
	sha256_digest(&sha, CLAIM_SCOPE, out);
	sha256_init(&sha);
	sha256_update(&sha, claim->scope.size, (const uint8_t *)claim->scope.data);
	sha256_update(&sha, 1, (const uint8_t *)"");
	sha256_update(&sha, claim->value.size, (const uint8_t *)claim->value.data);
	sha256_digest(&sha, CLAIM_HASH - CLAIM_SCOPE, out + CLAIM_SCOPE);
}

/* The key in meta of what was changed last in a scope. */
static void scope_key(struct span scope, struct key *out)
{
	static const struct span start = { "claims ", 7 };
	scope = span_first(scope, ENGINE_KEY_MAX - start.size);
	memcpy(out->octets, start.data, start.size);
	memcpy(out->octets + start.size, scope.data, scope.size);
	out->size = start.size + scope.size;
}

static int scope_touch(struct changing *changing, struct span scope)
{
	struct key key, number;
	scope_key(scope, &key);
	key_of_number(changing->next, &number);
	MDB_val name = key_val(&key), value = key_val(&number);
	return mdb_put(changing->txn, changing->store->tables[TABLE_META], &name, &value, 0);
}

static MDB_val hash_val(const uint8_t *hash)
{
	return (MDB_val){ CLAIM_HASH, (void *)(uintptr_t)hash };
}

static bool held_by(const struct claim_value *value, const struct key *document)
{
	return span_equal(
		value->document, (struct span){ (const char *)document->octets, document->size });
}

/* May it be claimed anew, as far as users go? */
static enum store_result user_look(struct store *store, MDB_txn *txn, struct span user)
{
	if (!user.size || user.size > ENGINE_KEY_MAX)
		return STORE_OK;
	MDB_val key = val_of(user), row;
	int rc = mdb_get(txn, store->tables[TABLE_USERS], &key, &row);
	if (rc == MDB_NOTFOUND)
		return STORE_OK;
	return rc == MDB_SUCCESS ? STORE_TAKEN : engine_result(store, rc, "cannot read a user");
}

/* Who has it? STORE_TAKEN: another document. */
static enum store_result claim_look(
	struct store *store, MDB_txn *txn, const struct key *document, struct claim_entry *entry)
{
	MDB_val key = hash_val(entry->hash), row;
	struct claim_value value;
	int rc = mdb_get(txn, store->tables[TABLE_CLAIMS], &key, &row);
	if (rc == MDB_NOTFOUND)
		return user_look(store, txn, entry->claim->user);
	if (rc != MDB_SUCCESS)
		return engine_result(store, rc, "cannot read a claim");
	if (!decode_claim(row, &value) || !span_equal(value.claim.scope, entry->claim->scope)
		|| !span_equal(value.claim.value, entry->claim->value))
		return row_damaged(TABLE_CLAIMS);
	entry->held = held_by(&value, document);
	entry->same = span_equal(value.claim.content, entry->claim->content);
	entry->shown = value.claim.content.size > 0;
	return entry->held ? STORE_OK : STORE_TAKEN;
}

static int by_hash(const void *a, const void *b)
{
	return memcmp(((const struct claim_entry *)a)->hash, ((const struct claim_entry *)b)->hash,
		CLAIM_HASH);
}

static void sort_once(struct claim_set *set)
{
	uint32_t kept = 0;
	if (set->count)
		qsort(set->entries, set->count, sizeof(*set->entries), by_hash);
	for (uint32_t i = 0; i < set->count; i++)
		if (kept == 0 || by_hash(&set->entries[i], &set->entries[kept - 1]) != 0)
			set->entries[kept++] = set->entries[i];
	set->count = kept;
}

enum store_result claims_check(struct store *store, MDB_txn *txn, struct arena *arena,
	const struct key *document, const struct write *write, struct claim_set *out)
{
	*out = (struct claim_set){ NULL, (uint32_t)write->claim_count };
	if (!write->claim_count)
		return STORE_OK;
	out->entries = arena_zero(arena, write->claim_count * sizeof(*out->entries));
	if (!out->entries)
		return problem_set(STORE_FAILED, "no memory");
	for (size_t i = 0; i < write->claim_count; i++) {
		out->entries[i].claim = &write->claims[i];
		claim_hash(&write->claims[i], out->entries[i].hash);
		enum store_result result = claim_look(store, txn, document, &out->entries[i]);
		if (result != STORE_OK) {
			out->count = (uint32_t)i; /* STORE_TAKEN: this one */
			return result;
		}
	}
	sort_once(out);
	return STORE_OK;
}

static bool set_holds(const struct claim_set *set, const uint8_t *hash)
{
	struct claim_entry wanted = { .claim = NULL };
	if (!set || !set->count)
		return false;
	memcpy(wanted.hash, hash, CLAIM_HASH);
	return bsearch(&wanted, set->entries, set->count, sizeof(wanted), by_hash) != NULL;
}

static int claim_give_up(struct changing *changing, const struct key *document, const uint8_t *hash)
{
	MDB_dbi table = changing->store->tables[TABLE_CLAIMS];
	MDB_val key = hash_val(hash), row;
	struct claim_value value;
	int rc = mdb_get(changing->txn, table, &key, &row);
	if (rc != MDB_SUCCESS || !decode_claim(row, &value) || !held_by(&value, document))
		return rc == MDB_NOTFOUND ? MDB_SUCCESS : rc;
	if (value.claim.content.size)
		rc = scope_touch(changing, span_first(value.claim.scope, ENGINE_KEY_MAX));
	return rc == MDB_SUCCESS ? mdb_del(changing->txn, table, &key, NULL) : rc;
}

int claims_give_up(struct changing *changing, const struct key *document, const uint8_t *hashes,
	uint32_t count, const struct claim_set *keep)
{
	int rc = MDB_SUCCESS;
	for (uint32_t i = 0; i < count && rc == MDB_SUCCESS; i++) {
		const uint8_t *hash = hashes + (size_t)i * CLAIM_HASH;
		if (!set_holds(keep, hash))
			rc = claim_give_up(changing, document, hash);
	}
	return rc;
}

int claims_take(struct changing *changing, const struct key *document, const struct claim_set *set)
{
	int rc = MDB_SUCCESS;
	struct claim_value value = {
		.document = { (const char *)document->octets, document->size },
	};
	for (uint32_t i = 0; i < set->count && rc == MDB_SUCCESS; i++) {
		const struct claim_entry *entry = &set->entries[i];
		if (entry->held && entry->same)
			continue;
		struct key key = { .size = CLAIM_HASH };
		memcpy(key.octets, entry->hash, CLAIM_HASH);
		value.claim = *entry->claim;
		rc = row_put(changing->txn, changing->store->tables[TABLE_CLAIMS], &key, 0,
			encode_claim, &value);
		if (rc == MDB_SUCCESS && (entry->shown || value.claim.content.size))
			rc = scope_touch(changing, value.claim.scope);
	}
	return rc;
}

/* --- asking --- */

static enum store_result scope_etag(
	struct store *store, MDB_txn *txn, struct span scope, struct etag *out)
{
	struct key octets;
	scope_key(scope, &octets);
	MDB_val key = key_val(&octets), value;
	*out = (struct etag){ store_generation(store), UINT64_MAX }; /* nothing yet */
	int rc = mdb_get(txn, store->tables[TABLE_META], &key, &value);
	if (rc == MDB_NOTFOUND)
		return STORE_OK;
	if (rc != MDB_SUCCESS)
		return engine_result(store, rc, "cannot read a scope");
	return number_of_key(value, &out->number) ? STORE_OK : row_damaged(TABLE_META);
}

enum store_result store_claims_etag(struct store *store, struct span scope, struct etag *out)
{
	MDB_txn *txn;
	problem_clear();
	enum store_result result = reading_begin(store, &txn);
	if (result != STORE_OK)
		return result;
	result = scope_etag(store, txn, scope, out);
	reading_end(store, txn);
	return result;
}

static enum store_result claim_copy(struct store *store, MDB_txn *txn, struct arena *arena,
	const struct claim *wanted, struct span *content_out)
{
	uint8_t hash[CLAIM_HASH];
	struct claim_value value;
	claim_hash(wanted, hash);
	MDB_val key = hash_val(hash), row;
	int rc = mdb_get(txn, store->tables[TABLE_CLAIMS], &key, &row);
	if (rc == MDB_NOTFOUND)
		return STORE_ABSENT;
	if (rc != MDB_SUCCESS)
		return engine_result(store, rc, "cannot read a claim");
	if (!decode_claim(row, &value))
		return row_damaged(TABLE_CLAIMS);
	*content_out = arena_copy(arena, value.claim.content);
	return content_out->data ? STORE_OK : problem_set(STORE_FAILED, "no memory");
}

enum store_result store_claim_read(struct store *store, struct arena *arena, struct span scope,
	struct span value, struct span *content_out, struct etag *etag_out)
{
	MDB_txn *txn;
	const struct claim wanted = { .scope = scope, .value = value };
	*content_out = (struct span){ NULL, 0 };
	problem_clear();
	enum store_result result = reading_begin(store, &txn);
	if (result != STORE_OK)
		return result;
	result = scope_etag(store, txn, scope, etag_out);
	if (result == STORE_OK)
		result = claim_copy(store, txn, arena, &wanted, content_out);
	reading_end(store, txn);
	return result;
}

/* MDB_NOTFOUND: the scope ends here. */
static int scope_next(MDB_cursor *cursor, const uint8_t *scope, MDB_val *row_out, bool first)
{
	MDB_val key = { CLAIM_SCOPE, (void *)(uintptr_t)scope };
	int rc = mdb_cursor_get(cursor, &key, row_out, first ? MDB_SET_RANGE : MDB_NEXT);
	if (rc != MDB_SUCCESS)
		return rc;
	bool within = key.mv_size == CLAIM_HASH && !memcmp(key.mv_data, scope, CLAIM_SCOPE);
	return within ? MDB_SUCCESS : MDB_NOTFOUND;
}

static enum store_result scope_append(
	struct store *store, MDB_cursor *cursor, struct span scope, size_t most, struct buffer *to)
{
	uint8_t hash[CLAIM_HASH];
	MDB_val row;
	claim_hash(&(struct claim){ .scope = scope, .value = SPAN("") }, hash);
	int rc = scope_next(cursor, hash, &row, true);
	for (; rc == MDB_SUCCESS; rc = scope_next(cursor, hash, &row, false)) {
		struct claim_value value;
		if (!decode_claim(row, &value))
			return row_damaged(TABLE_CLAIMS);
		if (!span_equal(value.claim.scope, scope))
			continue;
		if (value.claim.content.size > most || to->size > most - value.claim.content.size)
			return STORE_CROWDED;
		buffer_append(to, value.claim.content);
	}
	if (to->failed)
		return problem_set(STORE_FAILED, "no memory");
	return rc == MDB_NOTFOUND ? STORE_OK : engine_result(store, rc, "cannot list claims");
}

enum store_result store_claims_append(struct store *store, struct span scope, size_t most,
	struct buffer *to, struct etag *etag_out)
{
	MDB_txn *txn;
	MDB_cursor *cursor;
	problem_clear();
	enum store_result result = reading_begin(store, &txn);
	if (result != STORE_OK)
		return result;
	result = scope_etag(store, txn, scope, etag_out);
	int rc = mdb_cursor_open(txn, store->tables[TABLE_CLAIMS], &cursor);
	if (rc == MDB_SUCCESS) {
		if (result == STORE_OK)
			result = scope_append(store, cursor, scope, most, to);
		mdb_cursor_close(cursor);
	} else if (result == STORE_OK) {
		result = engine_result(store, rc, "cannot list claims");
	}
	reading_end(store, txn);
	return result;
}
