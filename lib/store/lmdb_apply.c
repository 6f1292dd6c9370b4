/* SPDX-License-Identifier: BSD-2-Clause */
#include "store/lmdb_private.h"

#include <string.h>

enum { REMOVAL_PAGES = 256, MOST_TRIES = 2, BODY_ROW = 64, FEED_ROW = 64, CLAIM_ROW = 2048 };
enum { PACKED_BLOCK = 64 << 10 };

/* --- what must hold --- */

static bool computed_from_this(const struct write *write, const struct before *before)
{
	uint64_t current = before->live ? before->number : 0;
	const struct write *after = write->after;
	if (!write->computed)
		return true;
	if (!after)
		return write->computed_from.number == current;
	return after->result == STORE_OK && current == (after->remove ? 0 : after->etag.number);
}

struct owned {
	size_t live, deleted;
	bool found;
	uint64_t oldest;  /* deletion, by its number */
	struct key where; /* of that one */
};

static int count_owned(
	struct changing *changing, enum table table, struct span owner, struct owned *owned)
{
	struct walk walk;
	struct document_filter filter = { .xui = owner };
	int rc = walk_start(&walk, changing->txn, changing->store->tables[table], &filter, NULL);
	if (rc != MDB_SUCCESS)
		return rc;
	while ((rc = walk_next(&walk)) == MDB_SUCCESS) {
		struct document document;
		if (table == TABLE_DOCUMENTS) {
			owned->live++;
			continue;
		}
		owned->deleted++;
		if (!decode_document(walk.row, &document)
			|| (owned->found && document.number >= owned->oldest))
			continue;
		owned->found = true;
		owned->oldest = document.number;
		owned->where.size = walk.key.mv_size;
		memcpy(owned->where.octets, walk.key.mv_data, walk.key.mv_size);
	}
	walk_end(&walk);
	return rc == MDB_NOTFOUND ? MDB_SUCCESS : rc;
}

/* An owner has at most `quota` documents, and as many deleted ones that may be restored. */
static enum store_result quota_check(
	struct changing *changing, const struct write *write, struct owned *owned)
{
	*owned = (struct owned){ .live = 0 };
	if (!write->quota || write->id.tree != TREE_USERS)
		return STORE_OK;
	int rc = count_owned(changing, TABLE_DOCUMENTS, write->id.xui, owned);
	if (rc == MDB_SUCCESS)
		rc = count_owned(changing, TABLE_DELETED, write->id.xui, owned);
	if (rc != MDB_SUCCESS)
		return engine_result(changing->store, rc, "cannot count documents");
	return owned->live >= write->quota ? STORE_CROWDED : STORE_OK;
}

static int forget_oldest(struct changing *changing, const struct owned *owned)
{
	struct doc_id id;
	struct before before;
	struct span where = { (const char *)owned->where.octets, owned->where.size };
	if (!document_of_key(where, &id) || before_read(changing, &id, &before) != STORE_OK)
		return MDB_CORRUPTED;
	return before.deleted ? change_forget(changing, &before) : MDB_SUCCESS;
}

struct judged {
	struct before before;
	struct claim_set claims;
	struct owned owned;
};

static enum store_result judge(struct changing *changing, struct write *write, struct judged *out)
{
	struct store *store = changing->store;
	*out = (struct judged){ .claims = { NULL, 0 } };
	enum store_result result = before_read(changing, &write->id, &out->before);
	if (result != STORE_OK)
		return result;
	struct etag current = { 0 };
	if (out->before.live)
		current = (struct etag){ store_generation(store), out->before.number };
	write->previous = current;
	if (write->remove && !current.number)
		return STORE_ABSENT;
	if (write->conditions
		&& conditions_judge(write->conditions, current, false) != CONDITIONS_PASS)
		return STORE_STALE;
	if (!computed_from_this(write, &out->before))
		return STORE_MOVED;
	if (write->remove)
		return STORE_OK;
	if (!current.number)
		result = quota_check(changing, write, &out->owned);
	if (result != STORE_OK)
		return result;
	result = claims_check(
		store, changing->txn, store->scratch, &out->before.key, write, &out->claims);
	write->taken = result == STORE_TAKEN ? out->claims.count : 0;
	return result;
}

/* --- one write --- */

static int perform(struct changing *changing, struct write *write, const struct judged *judged)
{
	const struct before *before = &judged->before;
	uint64_t number = changing->next;
	int rc;
	if (write->remove)
		rc = change_remove(
			changing, before, write->change.who, &write->change, changing->tight);
	else
		rc = change_put(changing, before, write, &judged->claims);
	if (rc == MDB_SUCCESS && judged->owned.found && judged->owned.deleted > write->quota)
		rc = forget_oldest(changing, &judged->owned);
	write->created = !write->remove && !before->live;
	write->forgotten = write->remove && changing->tight;
	write->etag = (struct etag){ store_generation(changing->store), number };
	return rc;
}

/* Not MDB_SUCCESS: the transaction is spoilt. Otherwise write->result is its own affair. */
static int apply_one(struct changing *changing, struct write *write)
{
	struct judged judged;
	arena_reset(changing->store->scratch);
	write->result = judge(changing, write, &judged);
	return write->result == STORE_OK ? perform(changing, write, &judged) : MDB_SUCCESS;
}

static void forget_outcome(struct write *write, enum store_result result)
{
	write->result = result;
	write->created = write->forgotten = false;
	write->previous = write->etag = (struct etag){ 0 };
	write->taken = 0;
}

static void forget_outcomes(struct write *const *writes, size_t count, enum store_result result)
{
	for (size_t i = 0; i < count; i++)
		forget_outcome(writes[i], result);
}

/* --- a transaction of them --- */

static void demand_write(struct store *store, struct demand *demand, const struct write *write)
{
	const struct change *change = &write->change;
	size_t feed = FEED_ROW + sizeof(struct key) + change->who.size + change->request.size
		      + change->selector.size + change->component.size;
	for (size_t i = 0; i < change->bindings.count; i++)
		feed += change->bindings.items[i].prefix.size + change->bindings.items[i].uri.size;
	size_t content = content_of(write).octets.size;
	demand_row(store, demand,
		BODY_ROW + change->who.size + content + write->claim_count * CLAIM_HASH);
	demand_row(store, demand, feed);
	demand->pages += write->claim_count * 2 + 4; /* 4: the scope's row */
	for (size_t i = 0; i < write->claim_count; i++)
		if (write->claims[i].content.size > store->page_size / 8)
			demand_row(store, demand, CLAIM_ROW + write->claims[i].content.size);
}

static struct demand demand_writes(struct store *store, struct write *const *writes, size_t count)
{
	MDB_txn *txn;
	struct demand demand = { .reclaim = count == 1 };
	for (size_t i = 0; i < count; i++)
		if (!writes[i]->remove)
			demand_write(store, &demand, writes[i]);
	if (reading_begin(store, &txn) == STORE_OK) {
		demand.pages += demand_touched(store, txn, count);
		reading_end(store, txn);
	}
	return demand;
}

static bool any_put(struct write *const *writes, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (!writes[i]->remove)
			return true;
	return false;
}

/* Is there so little room that what is removed has to be gone for good? */
static bool is_tight(struct store *store)
{
	struct demand demand = { .pages = REMOVAL_PAGES / 4 };
	const char *why;
	return room_for(store, &demand, store->reserve, &why) != ROOM_ENOUGH;
}

static enum store_result apply_begin(
	struct store *store, struct write *const *writes, size_t count, struct changing *changing)
{
	MDB_txn *txn;
	enum store_result result;
	if (any_put(writes, count)) {
		struct demand demand = demand_writes(store, writes, count);
		result = writing_begin_room(store, &demand, store->reserve, &txn);
	} else {
		result = writing_begin(store, REMOVAL_PAGES + count, &txn);
	}
	if (result != STORE_OK)
		return result;
	int rc = changing_start(changing, store, txn);
	changing->tight = rc == MDB_SUCCESS && !any_put(writes, count) && is_tight(store);
	if (rc == MDB_SUCCESS)
		return STORE_OK;
	writing_abort(store, txn);
	return engine_result(store, rc, "cannot read the feed");
}

/* *retry_out: the writes may fare better one by one. */
static enum store_result apply_together(
	struct store *store, struct write *const *writes, size_t count, bool *retry_out)
{
	struct changing changing;
	*retry_out = false;
	forget_outcomes(writes, count, STORE_FAILED);
	enum store_result result = apply_begin(store, writes, count, &changing);
	if (result != STORE_OK) {
		*retry_out = result == STORE_FULL;
		return result;
	}
	uint64_t first = changing.next;
	int rc = MDB_SUCCESS;
	for (size_t i = 0; i < count && rc == MDB_SUCCESS; i++)
		rc = apply_one(&changing, writes[i]);
	if (rc != MDB_SUCCESS || changing.next == first) {
		writing_abort(store, changing.txn);
		*retry_out = rc != MDB_SUCCESS && rc != MDB_PANIC;
		return engine_result(store, rc, "cannot write");
	}
	result = writing_commit(store, changing.txn);
	if (result == STORE_OK)
		doorbell_ring(store);
	*retry_out = result == STORE_FULL;
	return result;
}

/* A removal that does not fit is tried again when the feed has made room. */
static void apply_alone(struct store *store, struct write *write)
{
	for (unsigned tries = 1;; tries++) {
		bool retry;
		enum store_result result = apply_together(store, &write, 1, &retry);
		if (result == STORE_OK)
			return;
		forget_outcome(write, result);
		if (result != STORE_FULL || !write->remove || tries == MOST_TRIES)
			return;
		if (feed_make_room(store) != STORE_OK)
			return;
	}
}

static bool all_failed(struct write *const *writes, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (writes[i]->result != STORE_FAILED)
			return false;
	return count > 0;
}

/* Without memory they stay as they are. */
static void pack_all(struct arena *arena, struct write *const *writes, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		bool has_body = arena && !writes[i]->remove;
		writes[i]->packed =
			has_body ? pack(arena, writes[i]->body) : (struct span){ NULL, 0 };
	}
}

static void apply_all(struct store *store, struct write *const *writes, size_t count)
{
	bool retry = count == 1;
	enum store_result result = STORE_OK;
	if (count > 1)
		result = apply_together(store, writes, count, &retry);
	if (result != STORE_OK && !retry)
		forget_outcomes(writes, count, STORE_FAILED);
	if (retry)
		forget_outcomes(writes, count, STORE_FAILED);
	for (size_t i = 0; i < count && retry; i++)
		apply_alone(store, writes[i]);
}

enum store_result store_apply(struct store *store, struct write *const *writes, size_t count)
{
	problem_clear();
	if (count == 0)
		return STORE_OK;
	struct arena *arena = arena_new(PACKED_BLOCK);
	pack_all(arena, writes, count);
	apply_all(store, writes, count);
	arena_free(&arena);
	return all_failed(writes, count) ? STORE_FAILED : STORE_OK;
}
