/* SPDX-License-Identifier: BSD-2-Clause */
#include "store/lmdb_private.h"

#include <string.h>

enum { NUMBER_SIZE = 8 };
enum { BODY_REMOVED = 1, BODY_PACKED = 2 }; /* flags of a body's row */

MDB_val val_of(struct span octets)
{
	return (MDB_val){ octets.size, (void *)(uintptr_t)octets.data };
}

MDB_val key_val(struct key *key)
{
	return (MDB_val){ key->size, key->octets };
}

struct span val_span(MDB_val val)
{
	return (struct span){ val.mv_data, val.mv_size };
}

/* --- keys --- */

static void key_add(struct key *key, struct span octets)
{
	memcpy(key->octets + key->size, octets.data, octets.size);
	key->size += octets.size;
}

static void key_add_octet(struct key *key, char octet)
{
	key->octets[key->size++] = (uint8_t)octet;
}

static bool fits(struct span text, size_t least, size_t most)
{
	return text.size >= least && text.size <= most && !span_find(text, '\0', NULL);
}

bool key_of_document(const struct doc_id *id, struct key *out)
{
	bool users = id->tree == TREE_USERS;
	if (!fits(id->auid, 1, URI_AUID_MAX) || !fits(id->path, 1, URI_PATH_MAX)
		|| !fits(id->xui, users ? 1 : 0, users ? URI_XUI_MAX : 0))
		return false;
	key_of_range(id->auid, users ? 'u' : 'g', id->xui.size ? id->xui : SPAN(""), out);
	key_add(out, id->path);
	return true;
}

void key_of_range(struct span auid, char tree, struct span xui, struct key *out)
{
	out->size = 0;
	key_add(out, span_first(auid, URI_AUID_MAX));
	key_add_octet(out, '\0');
	if (!tree)
		return;
	key_add_octet(out, tree);
	if (!xui.data)
		return;
	key_add(out, span_first(xui, URI_XUI_MAX));
	key_add_octet(out, '\0');
}

void key_behind_usage(struct span auid, struct key *out)
{
	out->size = 0;
	key_add(out, span_first(auid, URI_AUID_MAX));
	key_add_octet(out, '\1');
}

bool document_of_key(struct span key, struct doc_id *out)
{
	struct span rest = key;
	out->auid = span_cut(&rest, '\0');
	if (!rest.data || !rest.size || !out->auid.size)
		return false;
	char tree = rest.data[0];
	rest = span_from(rest, 1);
	out->tree = tree == 'u' ? TREE_USERS : TREE_GLOBAL;
	out->xui = span_cut(&rest, '\0');
	out->path = rest;
	return (tree == 'u' || tree == 'g') && rest.data && rest.size
	       && (tree == 'u') == (out->xui.size > 0);
}

void key_of_number(uint64_t number, struct key *out)
{
	for (size_t i = 0; i < NUMBER_SIZE; i++)
		out->octets[i] = (uint8_t)(number >> (56 - 8 * i));
	out->size = NUMBER_SIZE;
}

bool number_of_key(MDB_val key, uint64_t *out)
{
	if (key.mv_size != NUMBER_SIZE)
		return false;
	const uint8_t *octets = key.mv_data;
	*out = 0;
	for (size_t i = 0; i < NUMBER_SIZE; i++)
		*out = *out << 8 | octets[i];
	return true;
}

/* --- rows, written: numbers are little-endian --- */

static void put_octets(struct row_out *out, const void *octets, size_t size)
{
	if (out->data && size)
		memcpy(out->data + out->size, octets, size);
	out->size += size;
}

static void put_number(struct row_out *out, uint64_t number, size_t width)
{
	uint8_t octets[NUMBER_SIZE];
	for (size_t i = 0; i < width; i++)
		octets[i] = (uint8_t)(number >> (8 * i));
	put_octets(out, octets, width);
}

static void put_blob(struct row_out *out, struct span blob)
{
	put_number(out, blob.size, 4);
	put_octets(out, blob.data, blob.size);
}

size_t row_size(row_encoder *encode, const void *row)
{
	struct row_out measured = { 0 };
	encode(&measured, row);
	return measured.size;
}

int row_put(MDB_txn *txn, MDB_dbi table, struct key *key, unsigned flags, row_encoder *encode,
	const void *row)
{
	MDB_val name = key_val(key), value = { row_size(encode, row), NULL };
	int rc = mdb_put(txn, table, &name, &value, flags | MDB_RESERVE);
	if (rc == MDB_SUCCESS)
		encode(&(struct row_out){ value.mv_data, 0 }, row);
	return rc;
}

void encode_document(struct row_out *out, const void *row)
{
	const struct document *document = row;
	put_number(out, document->number, 8);
	put_number(out, document->time, 8);
	put_number(out, document->size, 8);
	put_number(out, document->claim_count, 4);
	put_number(out, document->former_count, 4);
	put_octets(out, document->former, (size_t)document->former_count * NUMBER_SIZE);
	put_octets(out, document->octets.data, document->octets.size);
}

void encode_body(struct row_out *out, const void *row)
{
	const struct body *body = row;
	const struct packed *content = &body->content;
	bool is_packed = content->size != content->octets.size;
	put_number(out, body->time, 8);
	put_number(out, (body->removed ? BODY_REMOVED : 0) | (is_packed ? BODY_PACKED : 0), 1);
	put_blob(out, body->who);
	put_number(out, body->claim_count, 4);
	put_octets(out, body->claims, (size_t)body->claim_count * CLAIM_HASH);
	if (is_packed)
		put_number(out, content->size, 8);
	put_octets(out, content->octets.data, content->octets.size);
}

void encode_feed(struct row_out *out, const void *row)
{
	const struct feed_value *feed = row;
	const struct change *change = feed->change;
	put_number(out, feed->time, 8);
	put_number(out, feed->previous, 8);
	put_number(out, feed->removed, 1);
	put_number(out, change->what, 1);
	put_blob(out, feed->document);
	put_blob(out, change->who);
	put_blob(out, change->request);
	put_blob(out, change->selector);
	put_blob(out, change->component);
	put_number(out, change->bindings.count, 4);
	for (size_t i = 0; i < change->bindings.count; i++) {
		put_blob(out, change->bindings.items[i].prefix);
		put_blob(out, change->bindings.items[i].uri);
	}
}

void encode_claim(struct row_out *out, const void *row)
{
	const struct claim_value *value = row;
	put_blob(out, value->document);
	put_blob(out, value->claim.scope);
	put_blob(out, value->claim.value);
	put_blob(out, value->claim.content);
}

void encode_user(struct row_out *out, const void *row)
{
	const struct user *user = row;
	put_number(out, user->role, 1);
	put_number(out, user->count, 4);
	for (size_t i = 0; i < user->count; i++) {
		const struct credential *credential = &user->credentials[i];
		put_blob(out, credential->name);
		put_blob(out, credential->realm);
		put_number(out, credential->algorithm, 1);
		put_octets(out, credential->ha1, digest_hex_size(credential->algorithm) / 2);
	}
}

/* --- rows, read: `bad` stays set, and what is read past the end is 0 or empty --- */

struct row_in {
	const uint8_t *data;
	size_t left;
	bool bad;
};

static struct row_in row_in(MDB_val row)
{
	return (struct row_in){ row.mv_data, row.mv_size, false };
}

static const uint8_t *get_octets(struct row_in *in, size_t size)
{
	if (in->bad || size > in->left) {
		in->bad = true;
		return NULL;
	}
	const uint8_t *octets = in->data;
	in->data += size;
	in->left -= size;
	return octets;
}

static uint64_t get_number(struct row_in *in, size_t width)
{
	const uint8_t *octets = get_octets(in, width);
	uint64_t number = 0;
	for (size_t i = 0; octets && i < width; i++)
		number |= (uint64_t)octets[i] << (8 * i);
	return number;
}

static struct span get_blob(struct row_in *in)
{
	size_t size = (size_t)get_number(in, 4);
	const uint8_t *octets = get_octets(in, size);
	return (struct span){ (const char *)octets, octets ? size : 0 };
}

/* How many items follow, each of at least `least` octets. */
static uint32_t get_count(struct row_in *in, size_t least)
{
	uint32_t count = (uint32_t)get_number(in, 4);
	if (count > in->left / least)
		in->bad = true;
	return in->bad ? 0 : count;
}

uint64_t former_number(const struct document *document, size_t index)
{
	struct row_in in = { document->former + index * NUMBER_SIZE, NUMBER_SIZE, false };
	return get_number(&in, NUMBER_SIZE);
}

void former_set(uint8_t *former, size_t index, uint64_t number)
{
	put_number(&(struct row_out){ former, index * NUMBER_SIZE }, number, NUMBER_SIZE);
}

bool decode_document(MDB_val row, struct document *out)
{
	struct row_in in = row_in(row);
	out->number = get_number(&in, 8);
	out->time = get_number(&in, 8);
	out->size = get_number(&in, 8);
	out->claim_count = (uint32_t)get_number(&in, 4);
	out->former_count = get_count(&in, NUMBER_SIZE);
	out->former = get_octets(&in, (size_t)out->former_count * NUMBER_SIZE);
	out->octets = (struct span){ in.left ? (const char *)in.data : NULL, in.left };
	return !in.bad && out->number != 0 && in.left <= out->size;
}

bool decode_body(MDB_val row, struct body *out)
{
	struct row_in in = row_in(row);
	out->time = get_number(&in, 8);
	uint64_t flags = get_number(&in, 1);
	out->removed = flags & BODY_REMOVED;
	out->who = get_blob(&in);
	out->claim_count = get_count(&in, CLAIM_HASH);
	out->claims = get_octets(&in, (size_t)out->claim_count * CLAIM_HASH);
	bool is_packed = flags & BODY_PACKED;
	uint64_t size = is_packed ? get_number(&in, 8) : in.left;
	out->content.octets = (struct span){ (const char *)in.data, in.left };
	out->content.size = size;
	return !in.bad && !(flags & ~(uint64_t)(BODY_REMOVED | BODY_PACKED))
	       && (!is_packed || size > in.left);
}

bool decode_claim(MDB_val row, struct claim_value *out)
{
	struct row_in in = row_in(row);
	out->document = get_blob(&in);
	out->claim.scope = get_blob(&in);
	out->claim.value = get_blob(&in);
	out->claim.content = get_blob(&in);
	return !in.bad;
}

bool feed_time(MDB_val row, uint64_t *out)
{
	struct row_in in = row_in(row);
	*out = get_number(&in, 8);
	return !in.bad;
}

static bool without_memory(void)
{
	problem_set(STORE_FAILED, "no memory");
	return false;
}

static bool damaged(enum table table)
{
	row_damaged(table);
	return false;
}

static bool get_bindings(struct row_in *in, struct arena *arena, struct bindings *out)
{
	out->count = get_count(in, 8);
	struct binding *items = arena_alloc(arena, out->count * sizeof(*items));
	if (!items)
		return without_memory();
	out->items = items;
	for (size_t i = 0; i < out->count; i++) {
		items[i].prefix = get_blob(in);
		items[i].uri = get_blob(in);
	}
	return true;
}

bool decode_feed(
	struct arena *arena, uint64_t generation, MDB_val key, MDB_val row, struct feed_row *out)
{
	struct span copy = arena_copy(arena, val_span(row));
	if (!copy.data)
		return without_memory();
	struct row_in in = row_in(val_of(copy));
	if (!number_of_key(key, &out->number))
		return damaged(TABLE_FEED);
	out->time = get_number(&in, 8);
	out->previous.number = get_number(&in, 8);
	out->removed = get_number(&in, 1) != 0;
	uint64_t what = get_number(&in, 1);
	struct span document = get_blob(&in);
	out->change.who = get_blob(&in);
	out->change.request = get_blob(&in);
	out->change.selector = get_blob(&in);
	out->change.component = get_blob(&in);
	if (!get_bindings(&in, arena, &out->change.bindings))
		return false;
	if (in.bad || what > CHANGE_ATTRIBUTE || !document_of_key(document, &out->id))
		return damaged(TABLE_FEED);
	out->change.what = (enum change_what)what;
	out->previous.generation = out->previous.number ? generation : 0;
	out->etag = (struct etag){ generation, out->number };
	return true;
}

static void get_credential(struct row_in *in, struct credential *out)
{
	out->name = get_blob(in);
	out->realm = get_blob(in);
	uint64_t algorithm = get_number(in, 1);
	if (algorithm >= DIGEST_ALGORITHMS)
		in->bad = true;
	if (in->bad)
		return;
	out->algorithm = (enum digest_algorithm)algorithm;
	size_t size = digest_hex_size(out->algorithm) / 2;
	const uint8_t *ha1 = get_octets(in, size);
	if (ha1)
		memcpy(out->ha1, ha1, size);
}

bool decode_user(struct arena *arena, MDB_val key, MDB_val row, struct user *out)
{
	struct span copy = arena_copy(arena, val_span(row));
	out->name = arena_copy(arena, val_span(key));
	if (!copy.data || !out->name.data)
		return without_memory();
	struct row_in in = row_in(val_of(copy));
	uint64_t role = get_number(&in, 1);
	out->count = get_count(&in, 4 + 4 + 1 + 16);
	struct credential *credentials = arena_zero(arena, out->count * sizeof(*credentials));
	if (!credentials)
		return without_memory();
	for (size_t i = 0; i < out->count; i++)
		get_credential(&in, &credentials[i]);
	if (in.bad || in.left || role > ROLE_ADMIN)
		return damaged(TABLE_USERS);
	out->role = (enum role)role;
	out->credentials = credentials;
	return true;
}
