/* SPDX-License-Identifier: BSD-2-Clause */
#include "store/lmdb_private.h"

#include <nettle/sha2.h>
#include <stdlib.h>
#include <string.h>

static void claim_hash(const struct claim *claim, uint8_t out[CLAIM_HASH])
{
	struct sha256_ctx sha;
	sha256_init(&sha);
	sha256_update(&sha, claim->scope.size, (const uint8_t *)claim->scope.data);
	sha256_update(&sha, 1, (const uint8_t *)"");
	sha256_update(&sha, claim->value.size, (const uint8_t *)claim->value.data);
	sha256_digest(&sha, CLAIM_HASH, out);
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

/* Who has it? STORE_TAKEN: another document. */
static enum store_result claim_look(
	struct store *store, MDB_txn *txn, const struct key *document, struct claim_entry *entry)
{
	MDB_val key = hash_val(entry->hash), row;
	struct claim_value value;
	int rc = mdb_get(txn, store->tables[TABLE_CLAIMS], &key, &row);
	if (rc == MDB_NOTFOUND)
		return STORE_OK;
	if (rc != MDB_SUCCESS)
		return engine_result(store, rc, "cannot read a claim");
	if (!decode_claim(row, &value) || !span_equal(value.claim.scope, entry->claim->scope)
		|| !span_equal(value.claim.value, entry->claim->value))
		return row_damaged(TABLE_CLAIMS);
	entry->held = held_by(&value, document);
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

int claims_give_up(struct store *store, MDB_txn *txn, const struct key *document,
	const uint8_t *hashes, uint32_t count, const struct claim_set *keep)
{
	int rc = MDB_SUCCESS;
	for (uint32_t i = 0; i < count && rc == MDB_SUCCESS; i++) {
		const uint8_t *hash = hashes + (size_t)i * CLAIM_HASH;
		MDB_val key = hash_val(hash), row;
		struct claim_value value;
		if (set_holds(keep, hash))
			continue;
		rc = mdb_get(txn, store->tables[TABLE_CLAIMS], &key, &row);
		if (rc == MDB_SUCCESS && decode_claim(row, &value) && held_by(&value, document))
			rc = mdb_del(txn, store->tables[TABLE_CLAIMS], &key, NULL);
		if (rc == MDB_NOTFOUND)
			rc = MDB_SUCCESS;
	}
	return rc;
}

int claims_take(
	struct store *store, MDB_txn *txn, const struct key *document, const struct claim_set *set)
{
	int rc = MDB_SUCCESS;
	struct claim_value value = {
		.document = { (const char *)document->octets, document->size },
	};
	for (uint32_t i = 0; i < set->count && rc == MDB_SUCCESS; i++) {
		const struct claim_entry *entry = &set->entries[i];
		if (entry->held)
			continue;
		struct key key = { .size = CLAIM_HASH };
		memcpy(key.octets, entry->hash, CLAIM_HASH);
		value.claim = *entry->claim;
		rc = row_put(txn, store->tables[TABLE_CLAIMS], &key, 0, encode_claim, &value);
	}
	return rc;
}
