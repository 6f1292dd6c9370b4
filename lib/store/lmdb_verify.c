/* SPDX-License-Identifier: BSD-2-Clause */
#include "store/lmdb_private.h"
#include "store/verify.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static const enum table tables[VERIFY_PARTS] = { TABLE_DOCUMENTS, TABLE_DELETED, TABLE_BODIES,
	TABLE_FEED, TABLE_CLAIMS, TABLE_USERS, TABLE_KV };

struct looking {
	struct store *store;
	struct arena *arena;
	struct verify_walk *walk;
	MDB_txn *txn;
	uint64_t feed_first, feed_last;
	struct document_row *rows;
	size_t count, octets;
};

struct found {
	MDB_val key, row;
};

static void tell(const struct looking *looking, const char *where, const char *what)
{
	looking->walk->tell(looking->walk->context, where, what);
}

static void tell_document(const struct looking *looking, MDB_val key, const char *what)
{
	struct doc_id id;
	struct span text = { NULL, 0 };
	if (document_of_key(val_span(key), &id))
		text = doc_id_text(looking->arena, &id);
	tell(looking, text.data ? text.data : "a document without a name", what);
}

static void tell_number(const struct looking *looking, uint64_t number, const char *what)
{
	char text[24];
	snprintf(text, sizeof(text), "%" PRIu64, number);
	tell(looking, text, what);
}

static bool get(const struct looking *looking, enum table table, MDB_val key, MDB_val *row_out)
{
	return mdb_get(looking->txn, looking->store->tables[table], &key, row_out) == MDB_SUCCESS;
}

static bool get_number(
	const struct looking *looking, enum table table, uint64_t number, MDB_val *row_out)
{
	struct key key;
	key_of_number(number, &key);
	return get(looking, table, key_val(&key), row_out);
}

/* --- a document and its versions --- */

static const char *version_fault(
	const struct looking *looking, const struct document *document, bool live)
{
	MDB_val row;
	struct body body;
	if (document->number > looking->feed_last)
		return "its version is newer than the feed";
	if (!get_number(looking, TABLE_BODIES, document->number, &row))
		return "its body is missing";
	if (!decode_body(row, &body))
		return "its body is damaged";
	if (body.removed == live)
		return live ? "its body is a deletion" : "its deletion is a body";
	if (body.time != document->time || body.content.size != document->size
		|| body.claim_count != document->claim_count)
		return "its body is another version's";
	if (document->octets.size && !(live && span_equal(document->octets, body.content.octets)))
		return "its row holds another body than its version";
	return NULL;
}

static const char *former_fault(const struct looking *looking, const struct document *document)
{
	uint64_t above = document->number;
	for (size_t i = 0; i < document->former_count; i++) {
		uint64_t number = former_number(document, i);
		MDB_val row;
		struct body body;
		if (!number || number >= above)
			return "its former versions are out of order";
		if (!get_number(looking, TABLE_BODIES, number, &row))
			return "a former version is missing";
		if (!decode_body(row, &body))
			return "a former version is damaged";
		above = number;
	}
	return NULL;
}

/* The feed's row of the newest version, as long as it was not trimmed. */
static const char *feed_fault(
	const struct looking *looking, MDB_val key, const struct document *document, bool live)
{
	MDB_val number, row;
	struct key octets;
	struct feed_row feed;
	struct key name;
	if (document->number < looking->feed_first)
		return NULL;
	key_of_number(document->number, &octets);
	number = key_val(&octets);
	if (!get(looking, TABLE_FEED, number, &row)
		|| !decode_feed(
			looking->arena, store_generation(looking->store), number, row, &feed)
		|| !key_of_document(&feed.id, &name))
		return "the feed does not tell of it";
	bool same = name.size == key.mv_size && !memcmp(name.octets, key.mv_data, name.size);
	return same && feed.removed != live ? NULL : "the feed tells something else of it";
}

static const char *claims_fault(
	const struct looking *looking, MDB_val key, const struct document *document)
{
	MDB_val row;
	struct body body;
	if (!document->claim_count || !get_number(looking, TABLE_BODIES, document->number, &row)
		|| !decode_body(row, &body))
		return NULL;
	for (size_t i = 0; i < body.claim_count; i++) {
		struct claim_value value;
		MDB_val hash = { CLAIM_HASH, (void *)(uintptr_t)(body.claims + i * CLAIM_HASH) };
		if (!get(looking, TABLE_CLAIMS, hash, &row))
			return "a value that it claims is not in the index";
		if (!decode_claim(row, &value) || !span_equal(value.document, val_span(key)))
			return "a value that it claims is another document's in the index";
	}
	return NULL;
}

static const char *document_fault(
	struct looking *looking, const struct found *found, struct document *out, bool live)
{
	struct doc_id id;
	MDB_val other;
	if (!document_of_key(val_span(found->key), &id) || !decode_document(found->row, out))
		return "its row is damaged";
	looking->walk->versions += out->former_count + 1U;
	if (get(looking, live ? TABLE_DELETED : TABLE_DOCUMENTS, found->key, &other))
		return "it is there and deleted at once";
	const char *fault = version_fault(looking, out, live);
	if (!fault)
		fault = former_fault(looking, out);
	if (!fault)
		fault = feed_fault(looking, found->key, out, live);
	return fault || !live ? fault : claims_fault(looking, found->key, out);
}

static enum store_result give_out(
	struct looking *looking, MDB_val name, const struct document *document)
{
	MDB_val row;
	struct body body;
	struct span key = arena_copy(looking->arena, val_span(name));
	looking->rows =
		list_more(looking->arena, looking->rows, looking->count, sizeof(*looking->rows));
	struct span content;
	if (!get_number(looking, TABLE_BODIES, document->number, &row) || !decode_body(row, &body)
		|| unpack(looking->arena, &body.content, &content) != STORE_OK)
		return STORE_OK; /* look_at_version tells */
	struct document_row out = {
		.etag = { store_generation(looking->store), document->number },
		.time = document->time,
		.size = (size_t)document->size,
		.body = content,
	};
	if (!looking->rows || !key.data)
		return problem_set(STORE_FAILED, "no memory");
	document_of_key(key, &out.id);
	looking->rows[looking->count++] = out;
	looking->octets += out.body.size;
	return STORE_OK;
}

static enum store_result look_at_document(struct looking *looking, const struct found *found)
{
	struct document document;
	const char *fault = document_fault(looking, found, &document, true);
	if (!fault)
		return give_out(looking, found->key, &document);
	tell_document(looking, found->key, fault);
	return STORE_OK;
}

static enum store_result look_at_deleted(struct looking *looking, const struct found *found)
{
	struct document document;
	const char *fault = document_fault(looking, found, &document, false);
	if (fault)
		tell_document(looking, found->key, fault);
	return STORE_OK;
}

/* --- the other tables --- */

static enum store_result look_at_version(struct looking *looking, const struct found *found)
{
	struct body body;
	uint64_t number = 0;
	struct span content = { NULL, 0 };
	if (!number_of_key(found->key, &number) || !decode_body(found->row, &body)
		|| unpack(looking->arena, &body.content, &content) != STORE_OK)
		tell_number(looking, number, "the version is damaged");
	else if (number > looking->feed_last)
		tell_number(looking, number, "the version is newer than the feed");
	looking->octets += content.size;
	return STORE_OK;
}

static enum store_result look_at_feed(struct looking *looking, const struct found *found)
{
	struct feed_row row;
	uint64_t *last = &looking->walk->last;
	if (!decode_feed(looking->arena, store_generation(looking->store), found->key, found->row,
		    &row)) {
		tell_number(looking, *last, "the row of the feed behind this one is damaged");
		return STORE_OK;
	}
	if (row.previous.number >= row.number)
		tell_number(looking, row.number, "the feed's row has a later predecessor");
	if (*last && row.number != *last + 1 && looking->feed_first <= *last)
		tell_number(looking, row.number, "the feed's rows before this one are missing");
	*last = row.number;
	return STORE_OK;
}

static bool holds(const struct body *body, MDB_val hash)
{
	for (size_t i = 0; i < body->claim_count; i++)
		if (!memcmp(body->claims + i * CLAIM_HASH, hash.mv_data, CLAIM_HASH))
			return true;
	return false;
}

static const char *claim_fault(const struct looking *looking, const struct found *found)
{
	struct claim_value value;
	struct document document;
	struct body body;
	uint8_t hash[CLAIM_HASH];
	MDB_val row;
	if (found->key.mv_size != CLAIM_HASH || !decode_claim(found->row, &value))
		return "a row of the index of claims is damaged";
	claim_hash(&value.claim, hash);
	if (memcmp(hash, found->key.mv_data, CLAIM_HASH) != 0)
		return "a row of the index of claims is in another's place";
	bool held = get(looking, TABLE_DOCUMENTS, val_of(value.document), &row)
		    && decode_document(row, &document)
		    && get_number(looking, TABLE_BODIES, document.number, &row)
		    && decode_body(row, &body) && holds(&body, found->key);
	return held ? NULL : "the index gives it a value that it does not claim";
}

static enum store_result look_at_claim(struct looking *looking, const struct found *found)
{
	struct claim_value value;
	const char *fault = claim_fault(looking, found);
	if (fault && decode_claim(found->row, &value))
		tell_document(looking, val_of(value.document), fault);
	else if (fault)
		tell_number(looking, looking->walk->rows, fault);
	return STORE_OK;
}

static enum store_result look_at_user(struct looking *looking, const struct found *found)
{
	struct user user;
	if (!decode_user(looking->arena, found->key, found->row, &user)) {
		struct span name = percent_encode(looking->arena, val_span(found->key), ":@");
		tell(looking, name.data ? name.data : "a user", "the user's row is damaged");
	}
	return STORE_OK;
}

static enum store_result look_at_nothing(struct looking *looking, const struct found *found)
{
	(void)looking, (void)found;
	return STORE_OK;
}

static enum store_result (*const look[VERIFY_PARTS])(struct looking *, const struct found *) = {
	look_at_document,
	look_at_deleted,
	look_at_version,
	look_at_feed,
	look_at_claim,
	look_at_user,
	look_at_nothing,
};

/* --- a step --- */

static int seek(const struct verify_walk *walk, MDB_cursor *cursor, struct found *found)
{
	if (!walk->after_size)
		return mdb_cursor_get(cursor, &found->key, &found->row, MDB_FIRST);
	found->key = (MDB_val){ walk->after_size, (void *)(uintptr_t)walk->after };
	int rc = mdb_cursor_get(cursor, &found->key, &found->row, MDB_SET_RANGE);
	if (rc == MDB_SUCCESS && found->key.mv_size == walk->after_size
		&& !memcmp(found->key.mv_data, walk->after, walk->after_size))
		rc = mdb_cursor_get(cursor, &found->key, &found->row, MDB_NEXT);
	return rc;
}

static enum store_result look_at_some(struct looking *looking, MDB_cursor *cursor, size_t most)
{
	struct verify_walk *walk = looking->walk;
	struct found found;
	enum store_result result = STORE_OK;
	int rc = seek(walk, cursor, &found);
	while (rc == MDB_SUCCESS && result == STORE_OK) {
		result = look[walk->part](looking, &found);
		walk->rows++;
		walk->after_size = found.key.mv_size < sizeof(walk->after) ? found.key.mv_size
									   : sizeof(walk->after);
		memcpy(walk->after, found.key.mv_data, walk->after_size);
		if (!--most || looking->octets >= LIST_OCTETS)
			return result;
		rc = mdb_cursor_get(cursor, &found.key, &found.row, MDB_NEXT);
	}
	walk->done = rc == MDB_NOTFOUND;
	if (result != STORE_OK || walk->done)
		return result;
	return engine_result(looking->store, rc, "cannot read on");
}

static enum store_result step(struct looking *looking, size_t most)
{
	MDB_cursor *cursor;
	uint64_t time;
	struct store *store = looking->store;
	int rc = feed_first(store, looking->txn, &looking->feed_first, &time);
	if (rc == MDB_SUCCESS)
		rc = feed_last(store, looking->txn, &looking->feed_last);
	if (rc == MDB_SUCCESS)
		rc = mdb_cursor_open(
			looking->txn, store->tables[tables[looking->walk->part]], &cursor);
	if (rc != MDB_SUCCESS)
		return engine_result(store, rc, "cannot read the store");
	enum store_result result = look_at_some(looking, cursor, most);
	mdb_cursor_close(cursor);
	return result;
}

enum store_result store_verify(struct store *store, struct arena *arena, struct verify_walk *walk,
	size_t most, struct document_row **rows_out, size_t *count_out)
{
	struct looking looking = { .store = store, .arena = arena, .walk = walk };
	problem_clear();
	*rows_out = NULL;
	*count_out = 0;
	enum store_result result = reading_begin(store, &looking.txn);
	if (result != STORE_OK)
		return result;
	result = step(&looking, most);
	reading_end(store, looking.txn);
	*rows_out = looking.rows;
	*count_out = looking.count;
	return result;
}

/* --- claims --- */

static int by_hash(const void *a, const void *b)
{
	return memcmp(a, b, CLAIM_HASH);
}

/* All hashes sorted, each once. NULL without memory. */
static uint8_t *hashes_of(
	struct arena *arena, const struct claim *claims, size_t count, size_t *count_out)
{
	uint8_t *hashes = arena_alloc(arena, count * CLAIM_HASH);
	*count_out = 0;
	for (size_t i = 0; hashes && i < count; i++)
		claim_hash(&claims[i], hashes + i * CLAIM_HASH);
	if (hashes && count)
		qsort(hashes, count, CLAIM_HASH, by_hash);
	for (size_t i = 0; hashes && i < count; i++) {
		uint8_t *next = hashes + *count_out * CLAIM_HASH;
		if (i && !by_hash(next - CLAIM_HASH, hashes + i * CLAIM_HASH))
			continue;
		memmove(next, hashes + i * CLAIM_HASH, CLAIM_HASH);
		++*count_out;
	}
	return hashes;
}

static bool contents_same(const struct looking *looking, const struct claim *claims, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		uint8_t hash[CLAIM_HASH];
		MDB_val row;
		struct claim_value value;
		claim_hash(&claims[i], hash);
		if (!get(looking, TABLE_CLAIMS, (MDB_val){ CLAIM_HASH, hash }, &row)
			|| !decode_claim(row, &value)
			|| !span_equal(value.claim.content, claims[i].content))
			return false;
	}
	return true;
}

static bool claims_same(const struct looking *looking, const struct document_row *row,
	const struct claim *claims, size_t count)
{
	struct key key;
	MDB_val octets;
	struct document document;
	struct body body;
	size_t distinct;
	if (!key_of_document(&row->id, &key)
		|| !get(looking, TABLE_DOCUMENTS, key_val(&key), &octets)
		|| !decode_document(octets, &document) || document.number != row->etag.number)
		return true; /* it was changed since */
	if (!get_number(looking, TABLE_BODIES, document.number, &octets)
		|| !decode_body(octets, &body))
		return false;
	const uint8_t *hashes = hashes_of(looking->arena, claims, count, &distinct);
	return hashes && distinct == body.claim_count
	       && !memcmp(hashes, body.claims, distinct * CLAIM_HASH)
	       && contents_same(looking, claims, count);
}

enum store_result store_verify_claims(struct store *store, struct arena *arena,
	const struct document_row *row, const struct claim *claims, size_t count, bool *same_out)
{
	struct looking looking = { .store = store, .arena = arena };
	problem_clear();
	enum store_result result = reading_begin(store, &looking.txn);
	if (result != STORE_OK)
		return result;
	*same_out = claims_same(&looking, row, claims, count);
	reading_end(store, looking.txn);
	return STORE_OK;
}
