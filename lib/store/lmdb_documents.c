/* SPDX-License-Identifier: BSD-2-Clause */
#include "store/lmdb_private.h"

static enum store_result without_memory(void)
{
	return problem_set(STORE_FAILED, "no memory");
}

/* The row of a version's body. */
static enum store_result body_find(
	struct store *store, MDB_txn *txn, uint64_t number, struct body *out)
{
	struct key octets;
	key_of_number(number, &octets);
	MDB_val key = key_val(&octets), row;
	int rc = mdb_get(txn, store->tables[TABLE_BODIES], &key, &row);
	if (rc == MDB_NOTFOUND)
		return row_damaged(TABLE_DOCUMENTS);
	if (rc != MDB_SUCCESS)
		return engine_result(store, rc, "cannot read a document");
	return decode_body(row, out) ? STORE_OK : row_damaged(TABLE_BODIES);
}

static enum store_result body_copy(struct store *store, MDB_txn *txn, struct arena *arena,
	const struct document *document, struct span *out)
{
	struct body body = { .content = { document->octets, document->size } };
	enum store_result result = STORE_OK;
	if (!document->octets.size)
		result = body_find(store, txn, document->number, &body);
	if (result != STORE_OK)
		return result;
	if (body.removed || body.content.size != document->size)
		return row_damaged(TABLE_BODIES);
	return unpack(arena, &body.content, out);
}

static enum store_result document_find(struct store *store, MDB_txn *txn, enum table table,
	const struct doc_id *id, struct document *out)
{
	struct key octets;
	if (!key_of_document(id, &octets))
		return STORE_ABSENT;
	MDB_val key = key_val(&octets), row;
	int rc = mdb_get(txn, store->tables[table], &key, &row);
	if (rc == MDB_NOTFOUND)
		return STORE_ABSENT;
	if (rc != MDB_SUCCESS)
		return engine_result(store, rc, "cannot read a document");
	return decode_document(row, out) ? STORE_OK : row_damaged(table);
}

enum store_result store_read_small(struct store *store, struct arena *arena,
	const struct doc_id *id, size_t most, struct snapshot *out)
{
	MDB_txn *txn;
	struct document document;
	*out = (struct snapshot){ 0 };
	problem_clear();
	enum store_result result = reading_begin(store, &txn);
	if (result != STORE_OK)
		return result;
	result = document_find(store, txn, TABLE_DOCUMENTS, id, &document);
	if (result == STORE_OK) {
		out->etag = (struct etag){ store_generation(store), document.number };
		out->time = document.time;
		out->size = (size_t)document.size;
		if (most && document.size <= most)
			result = body_copy(store, txn, arena, &document, &out->body);
	}
	reading_end(store, txn);
	return result;
}

enum store_result store_read(struct store *store, struct arena *arena, const struct doc_id *id,
	enum store_want want, struct snapshot *out)
{
	return store_read_small(store, arena, id, want == STORE_BODY ? SIZE_MAX : 0, out);
}

/* --- lists --- */

struct listing {
	struct store *store;
	struct arena *arena;
	enum store_want want;
	struct document_row *rows;
	size_t count, octets;
};

static enum store_result list_add(struct listing *listing, MDB_txn *txn, const struct walk *walk)
{
	struct document document;
	if (!decode_document(walk->row, &document))
		return row_damaged(TABLE_DOCUMENTS);
	listing->rows =
		list_more(listing->arena, listing->rows, listing->count, sizeof(*listing->rows));
	struct span key = arena_copy(listing->arena, val_span(walk->key));
	if (!listing->rows || !key.data)
		return without_memory();
	struct document_row *row = &listing->rows[listing->count];
	*row = (struct document_row){
		.etag = { store_generation(listing->store), document.number },
		.time = document.time,
		.size = (size_t)document.size,
	};
	if (!document_of_key(key, &row->id))
		return row_damaged(TABLE_DOCUMENTS);
	if (listing->want == STORE_BODY) {
		enum store_result result =
			body_copy(listing->store, txn, listing->arena, &document, &row->body);
		if (result != STORE_OK)
			return result;
		listing->octets += row->body.size;
	}
	listing->count++;
	return STORE_OK;
}

static enum store_result list_walk(struct listing *listing, MDB_txn *txn,
	const struct document_filter *filter, const struct key *after, size_t most)
{
	struct walk walk;
	enum store_result result = STORE_OK;
	int rc = walk_start(&walk, txn, listing->store->tables[TABLE_DOCUMENTS], filter, after);
	while (rc == MDB_SUCCESS && result == STORE_OK && listing->count < most
		&& listing->octets < LIST_OCTETS) {
		rc = walk_next(&walk);
		if (rc == MDB_SUCCESS)
			result = list_add(listing, txn, &walk);
	}
	walk_end(&walk);
	if (result == STORE_OK && rc != MDB_NOTFOUND)
		result = engine_result(listing->store, rc, "cannot list documents");
	return result;
}

enum store_result store_list(struct store *store, struct arena *arena,
	const struct document_filter *filter, const struct doc_id *after, enum store_want want,
	size_t most, struct document_row **rows_out, size_t *count_out)
{
	struct listing listing = { store, arena, want, NULL, 0, 0 };
	struct key behind;
	MDB_txn *txn;
	*rows_out = NULL;
	*count_out = 0;
	problem_clear();
	if (after && !key_of_document(after, &behind))
		return problem_set(STORE_FAILED, "no document can have the name to go on behind");
	enum store_result result = reading_begin(store, &txn);
	if (result != STORE_OK)
		return result;
	result = list_walk(&listing, txn, filter, after ? &behind : NULL, most);
	reading_end(store, txn);
	if (result != STORE_OK)
		return result;
	*rows_out = listing.rows;
	*count_out = listing.count;
	return STORE_OK;
}

/* --- former versions --- */

static enum store_result version_fill(struct store *store, MDB_txn *txn, struct arena *arena,
	uint64_t number, struct version *out)
{
	struct body body;
	enum store_result result = body_find(store, txn, number, &body);
	if (result != STORE_OK)
		return result;
	*out = (struct version){
		.etag = { store_generation(store), number },
		.time = body.time,
		.size = (size_t)body.content.size,
		.removed = body.removed,
		.who = arena_copy(arena, body.who),
	};
	return out->who.data ? STORE_OK : without_memory();
}

/* Of a document that is, or that was deleted. */
static enum store_result any_find(struct store *store, MDB_txn *txn, const struct doc_id *id,
	struct document *out, bool *deleted_out)
{
	enum store_result result = document_find(store, txn, TABLE_DOCUMENTS, id, out);
	*deleted_out = result == STORE_ABSENT;
	return *deleted_out ? document_find(store, txn, TABLE_DELETED, id, out) : result;
}

static enum store_result versions_fill(struct store *store, MDB_txn *txn, struct arena *arena,
	const struct doc_id *id, struct version **out, size_t *count_out)
{
	struct document document;
	bool deleted;
	enum store_result result = any_find(store, txn, id, &document, &deleted);
	if (result != STORE_OK)
		return result;
	size_t first = deleted ? 1 : 0, count = document.former_count + first;
	*out = arena_alloc(arena, count * sizeof(**out));
	if (!*out)
		return without_memory();
	if (deleted)
		result = version_fill(store, txn, arena, document.number, *out);
	for (size_t i = first; i < count && result == STORE_OK; i++)
		result = version_fill(
			store, txn, arena, former_number(&document, i - first), &(*out)[i]);
	*count_out = result == STORE_OK ? count : 0;
	return result;
}

enum store_result store_versions(struct store *store, struct arena *arena, const struct doc_id *id,
	struct version **out, size_t *count_out)
{
	MDB_txn *txn;
	*out = NULL;
	*count_out = 0;
	problem_clear();
	enum store_result result = reading_begin(store, &txn);
	if (result != STORE_OK)
		return result;
	result = versions_fill(store, txn, arena, id, out, count_out);
	reading_end(store, txn);
	return result;
}

static bool is_version(const struct document *document, uint64_t number)
{
	for (size_t i = 0; i < document->former_count; i++)
		if (former_number(document, i) == number)
			return true;
	return document->number == number;
}

enum store_result store_version(struct store *store, struct arena *arena, const struct doc_id *id,
	uint64_t number, struct version *out)
{
	MDB_txn *txn;
	struct document document;
	bool deleted;
	problem_clear();
	enum store_result result = reading_begin(store, &txn);
	if (result != STORE_OK)
		return result;
	result = any_find(store, txn, id, &document, &deleted);
	if (result == STORE_OK && !is_version(&document, number))
		result = STORE_ABSENT;
	if (result == STORE_OK)
		result = version_fill(store, txn, arena, number, out);
	reading_end(store, txn);
	return result;
}

static enum store_result version_copy(struct store *store, MDB_txn *txn, struct arena *arena,
	const struct doc_id *id, uint64_t number, struct span *out)
{
	struct document document;
	struct body body;
	bool deleted;
	enum store_result result = any_find(store, txn, id, &document, &deleted);
	if (result == STORE_OK && !is_version(&document, number))
		return STORE_ABSENT;
	if (result == STORE_OK)
		result = body_find(store, txn, number, &body);
	if (result != STORE_OK)
		return result;
	if (body.removed)
		return STORE_ABSENT;
	return unpack(arena, &body.content, out);
}

enum store_result store_version_read(struct store *store, struct arena *arena,
	const struct doc_id *id, uint64_t number, struct span *body_out)
{
	MDB_txn *txn;
	*body_out = (struct span){ 0 };
	problem_clear();
	enum store_result result = reading_begin(store, &txn);
	if (result != STORE_OK)
		return result;
	result = version_copy(store, txn, arena, id, number, body_out);
	reading_end(store, txn);
	return result;
}
