/* SPDX-License-Identifier: BSD-2-Clause */
#include "store/lmdb_private.h"

#include <errno.h>
#include <string.h>
#include <time.h>

static uint64_t clock_now(void)
{
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

int changing_start(struct changing *changing, struct store *store, MDB_txn *txn)
{
	*changing = (struct changing){ .store = store, .txn = txn, .now = clock_now() };
	int rc = feed_last(store, txn, &changing->next);
	changing->next++;
	return rc;
}

/* --- what was there --- */

static enum store_result versions_copy(
	struct arena *arena, const struct document *document, struct before *out)
{
	size_t count = (size_t)document->former_count + 1;
	out->versions = arena_alloc(arena, count * sizeof(uint64_t));
	if (!out->versions)
		return problem_set(STORE_FAILED, "no memory");
	former_set(out->versions, 0, document->number);
	if (document->former_count)
		memcpy(out->versions + sizeof(uint64_t), document->former,
			document->former_count * sizeof(uint64_t));
	out->version_count = count;
	out->number = document->number;
	out->size = document->size;
	return STORE_OK;
}

/* The body's row holds what the version claims. */
static enum store_result claims_copy(
	struct changing *changing, const struct document *document, struct before *out)
{
	struct key number;
	struct body body;
	MDB_val row;
	if (!document->claim_count)
		return STORE_OK;
	key_of_number(document->number, &number);
	MDB_val key = key_val(&number);
	if (mdb_get(changing->txn, changing->store->tables[TABLE_BODIES], &key, &row)
		|| !decode_body(row, &body))
		return row_damaged(TABLE_BODIES);
	size_t size = (size_t)body.claim_count * CLAIM_HASH;
	out->claims = arena_alloc(changing->store->scratch, size);
	if (!out->claims)
		return problem_set(STORE_FAILED, "no memory");
	if (size)
		memcpy(out->claims, body.claims, size);
	out->claim_count = body.claim_count;
	return STORE_OK;
}

enum store_result before_read(
	struct changing *changing, const struct doc_id *id, struct before *out)
{
	static const enum table tables[] = { TABLE_DOCUMENTS, TABLE_DELETED };
	*out = (struct before){ .live = false };
	if (!key_of_document(id, &out->key))
		return problem_set(STORE_FAILED, "no document can have this name");
	for (size_t i = 0; i < 2; i++) {
		struct document document;
		MDB_val key = key_val(&out->key), row;
		int rc = mdb_get(changing->txn, changing->store->tables[tables[i]], &key, &row);
		if (rc == MDB_NOTFOUND)
			continue;
		if (rc != MDB_SUCCESS)
			return engine_result(changing->store, rc, "cannot read a document");
		if (!decode_document(row, &document))
			return row_damaged(tables[i]);
		out->live = tables[i] == TABLE_DOCUMENTS;
		out->deleted = !out->live;
		enum store_result result = versions_copy(changing->store->scratch, &document, out);
		return result == STORE_OK ? claims_copy(changing, &document, out) : result;
	}
	return STORE_OK;
}

/* --- the steps of a change --- */

static int drop_versions(struct changing *changing, const struct before *before, size_t keep)
{
	int rc = MDB_SUCCESS;
	struct document view = { .former = before->versions };
	for (size_t i = keep; i < before->version_count && rc == MDB_SUCCESS; i++) {
		struct key number;
		key_of_number(former_number(&view, i), &number);
		MDB_val key = key_val(&number);
		rc = mdb_del(changing->txn, changing->store->tables[TABLE_BODIES], &key, NULL);
		if (rc == MDB_NOTFOUND)
			rc = MDB_SUCCESS;
	}
	return rc;
}

static size_t versions_kept(const struct changing *changing, const struct before *before)
{
	size_t most = changing->tight ? 0 : changing->store->history;
	return before->version_count < most ? before->version_count : most;
}

static int delete_key(struct changing *changing, enum table table, const struct key *key)
{
	MDB_val name = { key->size, (void *)(uintptr_t)key->octets };
	return mdb_del(changing->txn, changing->store->tables[table], &name, NULL);
}

static int add_body(struct changing *changing, const struct body *body)
{
	struct key number;
	key_of_number(changing->next, &number);
	return row_put(changing->txn, changing->store->tables[TABLE_BODIES], &number, MDB_APPEND,
		encode_body, body);
}

static int put_document(struct changing *changing, enum table table, const struct before *before,
	struct document *document, size_t kept)
{
	struct key key = before->key;
	document->number = changing->next;
	document->time = changing->now;
	document->former = before->versions;
	document->former_count = (uint32_t)kept;
	if (key.size + row_size(encode_document, document) > row_inside(changing->store))
		document->octets = (struct span){ NULL, 0 };
	return row_put(
		changing->txn, changing->store->tables[table], &key, 0, encode_document, document);
}

static int add_feed(struct changing *changing, const struct before *before, bool removed,
	const struct change *change)
{
	struct feed_value value = {
		.time = changing->now,
		.previous = before->live ? before->number : 0,
		.removed = removed,
		.document = { (const char *)before->key.octets, before->key.size },
		.change = change,
	};
	struct key number;
	key_of_number(changing->next, &number);
	int rc = row_put(changing->txn, changing->store->tables[TABLE_FEED], &number, MDB_APPEND,
		encode_feed, &value);
	changing->next++;
	return rc;
}

/* The body's row, with the hashes of what it claims. */
static int add_version(
	struct changing *changing, const struct write *write, const struct claim_set *claims)
{
	uint8_t *hashes = arena_alloc(changing->store->scratch, (size_t)claims->count * CLAIM_HASH);
	if (!hashes)
		return ENOMEM;
	for (uint32_t i = 0; i < claims->count; i++)
		memcpy(hashes + (size_t)i * CLAIM_HASH, claims->entries[i].hash, CLAIM_HASH);
	return add_body(changing, &(struct body){
					  .time = changing->now,
					  .who = write->change.who,
					  .claim_count = claims->count,
					  .claims = hashes,
					  .content = content_of(write),
				  });
}

int change_put(struct changing *changing, const struct before *before, const struct write *write,
	const struct claim_set *claims)
{
	size_t kept = versions_kept(changing, before);
	struct document document = {
		.size = write->body.size,
		.claim_count = claims->count,
		.octets = content_of(write).octets,
	};
	int rc = drop_versions(changing, before, kept);
	if (rc == MDB_SUCCESS)
		rc = claims_give_up(
			changing, &before->key, before->claims, before->claim_count, claims);
	if (rc == MDB_SUCCESS)
		rc = claims_take(changing, &before->key, claims);
	if (rc == MDB_SUCCESS)
		rc = add_version(changing, write, claims);
	if (rc == MDB_SUCCESS)
		rc = put_document(changing, TABLE_DOCUMENTS, before, &document, kept);
	if (rc == MDB_SUCCESS && before->deleted)
		rc = delete_key(changing, TABLE_DELETED, &before->key);
	return rc == MDB_SUCCESS ? add_feed(changing, before, false, &write->change) : rc;
}

/* A deletion is a version too, as long as there are former ones. */
static int keep_deleted(
	struct changing *changing, const struct before *before, struct span who, size_t kept)
{
	struct document document = { .size = 0 };
	int rc = add_body(
		changing, &(struct body){ .time = changing->now, .removed = true, .who = who });
	return rc == MDB_SUCCESS ? put_document(changing, TABLE_DELETED, before, &document, kept)
				 : rc;
}

int change_remove(struct changing *changing, const struct before *before, struct span who,
	const struct change *change, bool forget)
{
	size_t kept = forget ? 0 : versions_kept(changing, before);
	int rc = drop_versions(changing, before, kept);
	if (rc == MDB_SUCCESS)
		rc = claims_give_up(
			changing, &before->key, before->claims, before->claim_count, NULL);
	if (rc == MDB_SUCCESS && kept)
		rc = keep_deleted(changing, before, who, kept);
	if (rc == MDB_SUCCESS)
		rc = delete_key(changing, TABLE_DOCUMENTS, &before->key);
	return rc == MDB_SUCCESS ? add_feed(changing, before, true, change) : rc;
}

int change_forget(struct changing *changing, const struct before *before)
{
	int rc = drop_versions(changing, before, 0);
	return rc == MDB_SUCCESS ? delete_key(changing, TABLE_DELETED, &before->key) : rc;
}
