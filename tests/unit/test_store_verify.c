/* links: store xcap base */
/* SPDX-License-Identifier: BSD-2-Clause */
/* A look at every row finds what does not fit. */
#include "store/verify.h"
#include "unit/store_world.h"

#include <lmdb.h>

struct told {
	size_t count;
	char what[400]; /* of the first fault */
};

static void tell(void *context, const char *where, const char *what)
{
	struct told *told = context;
	if (!told->count++)
		snprintf(told->what, sizeof(told->what), "%s: %s", where, what);
}

/* Walks everything, in steps of two rows; returns how many sound documents came out. */
static size_t look(struct world *world, struct told *told, uint64_t rows[VERIFY_PARTS])
{
	size_t documents = 0;
	*told = (struct told){ 0 };
	for (int part = 0; part < VERIFY_PARTS; part++) {
		struct verify_walk walk = {
			.part = (enum verify_part)part, .tell = tell, .context = told
		};
		while (!walk.done) {
			struct document_row *found;
			size_t count;
			assert_int_equal(
				store_verify(world->store, world->arena, &walk, 2, &found, &count),
				STORE_OK);
			for (size_t i = 0; i < count; i++)
				assert_int_equal(found[i].size, found[i].body.size);
			documents += count;
		}
		rows[part] = walk.rows;
	}
	return documents;
}

#define TEXT(literal)                        \
	{                                    \
		literal, sizeof(literal) - 1 \
	} /* of something static */

static const struct claim claims[] = {
	{ TEXT("service-uri"), TEXT("sip:1"), TEXT("<a/>"), { 0 } },
	{ TEXT("service-uri"), TEXT("sip:2"), TEXT("<b/>"), { 0 } },
};

static void fill(struct world *world)
{
	const struct credential credential = { .name = SPAN("ann"), .realm = SPAN("example.com") };
	const struct user ann = { SPAN(ANN), ROLE_USER, &credential, 1 };
	struct write write = put_of(doc_of("rls-services", ANN, "index"), SPAN("services"));
	write.claims = claims;
	write.claim_count = 2;
	assert_int_equal(apply(world, &write), STORE_OK);
	for (unsigned i = 0; i < 7; i++)
		must_put(world, ANN_INDEX, filler(world, 100 + 1000 * i, i));
	must_put(world, doc_of(LISTS, NULL, "index"), SPAN("all"));
	must_put(world, doc_of(LISTS, ANN, "gone"), SPAN("x"));
	must_remove(world, doc_of(LISTS, ANN, "gone"));
	assert_int_equal(store_users_put(world->store, &ann, 1, NULL), STORE_OK);
}

static void a_sound_store_has_no_fault(void **state)
{
	(void)state;
	struct world *world = world_new();
	struct told told;
	uint64_t rows[VERIFY_PARTS];
	assert_int_equal(look(world, &told, rows), 0);
	assert_int_equal(told.count, 0);
	fill(world);
	assert_int_equal(look(world, &told, rows), 3);
	if (told.count)
		print_error("%s\n", told.what);
	assert_int_equal(told.count, 0);
	assert_int_equal(rows[VERIFY_DELETED], 1);
	assert_int_equal(rows[VERIFY_VERSIONS], 3 + 3 + 2);
	assert_int_equal(rows[VERIFY_FEED], 11);
	assert_int_equal(rows[VERIFY_CLAIMS], 2);
	assert_int_equal(rows[VERIFY_USERS], 1);
	world_end(&world);
}

/* Changes one row of a closed store: the first of a table, or the one of a number. */
static void tamper(struct world *world, const char *table, uint64_t number, bool remove)
{
	MDB_env *env;
	MDB_txn *txn;
	MDB_dbi dbi;
	MDB_cursor *cursor;
	uint8_t octets[8], changed[8192];
	MDB_val key = { sizeof(octets), octets }, row;
	for (int i = 0; i < 8; i++)
		octets[i] = (uint8_t)(number >> (56 - 8 * i));
	store_close(&world->store);
	assert_int_equal(mdb_env_create(&env), 0);
	assert_int_equal(mdb_env_set_maxdbs(env, 16), 0);
	assert_int_equal(mdb_env_set_mapsize(env, 64 << 20), 0);
	assert_int_equal(mdb_env_open(env, world->path, 0, 0600), 0);
	assert_int_equal(mdb_txn_begin(env, NULL, 0, &txn), 0);
	assert_int_equal(mdb_dbi_open(txn, table, 0, &dbi), 0);
	assert_int_equal(mdb_cursor_open(txn, dbi, &cursor), 0);
	assert_int_equal(mdb_cursor_get(cursor, &key, &row, number ? MDB_SET_KEY : MDB_FIRST), 0);
	if (remove) {
		assert_int_equal(mdb_cursor_del(cursor, 0), 0);
	} else {
		assert_true(row.mv_size > 2 && row.mv_size < sizeof(changed));
		memcpy(changed, row.mv_data, row.mv_size);
		row.mv_data = changed;
		row.mv_size -= 2;
		assert_int_equal(mdb_cursor_put(cursor, &key, &row, MDB_CURRENT), 0);
	}
	mdb_cursor_close(cursor);
	assert_int_equal(mdb_txn_commit(txn), 0);
	mdb_env_close(env);
	world_open(world);
}

static void what_is_missing_or_damaged_is_told(void **state)
{
	static const struct {
		const char *table;
		uint64_t number; /* 0: the first row */
		bool remove;
		const char *told;
	} rows[] = {
		{ "bodies", 8, true, LISTS "/users/" ANN "/index: its body is missing" },
		{ "bodies", 8, false, LISTS "/users/" ANN "/index: its body is another version's" },
		{ "bodies", 7, true, LISTS "/users/" ANN "/index: a former version is missing" },
		{ "bodies", 11, true, LISTS "/users/" ANN "/gone: its body is missing" },
		{ "feed", 8, true, LISTS "/users/" ANN "/index: the feed does not tell of it" },
		{ "feed", 5, true, "6: the feed's rows before this one are missing" },
		{ "feed", 11, true,
			LISTS "/users/" ANN "/gone: its version is newer than the feed" },
		{ "claims", 0, true, "rls-services/users/" ANN "/index: a value that it claims" },
		{ "claims", 0, false, "rls-services/users/" ANN "/index: a value that it claims" },
		{ "documents", 0, false, LISTS "/global/index: its row holds another body" },
		{ "users", 0, false, ANN ": the user's row is damaged" },
	};
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct world *world = world_new();
		struct told told;
		uint64_t counts[VERIFY_PARTS];
		fill(world);
		tamper(world, rows[i].table, rows[i].number, rows[i].remove);
		look(world, &told, counts);
		if (!told.count || strncmp(told.what, rows[i].told, strlen(rows[i].told)) != 0)
			fail_msg("row %zu: '%s', not '%s'", i, told.what, rows[i].told);
		world_end(&world);
	}
}

static void a_trimmed_feed_is_no_fault(void **state)
{
	(void)state;
	struct world *world = world_new();
	struct told told;
	uint64_t rows[VERIFY_PARTS];
	bool more;
	fill(world);
	assert_int_equal(store_trim(world->store, UINT64_MAX, 6, &more), STORE_OK);
	look(world, &told, rows);
	assert_int_equal(told.count, 0);
	assert_int_equal(rows[VERIFY_FEED], 5);
	world_end(&world);
}

static void claims_are_compared_with_what_the_document_claims(void **state)
{
	static const struct claim other[] = {
		{ TEXT("service-uri"), TEXT("sip:2"), TEXT("<b/>"), { 0 } },
		{ TEXT("service-uri"), TEXT("sip:1"), TEXT("<changed/>"), { 0 } },
		{ TEXT("service-uri"), TEXT("sip:3"), TEXT("<c/>"), { 0 } },
	};
	(void)state;
	struct world *world = world_new();
	struct verify_walk walk = { .part = VERIFY_DOCUMENTS, .tell = tell };
	struct document_row *rows;
	size_t count;
	bool same;
	fill(world);
	assert_int_equal(
		store_verify(world->store, world->arena, &walk, 9, &rows, &count), STORE_OK);
	const struct document_row *row = &rows[2];
	assert_span(row->id.auid, "rls-services");
#define CHECK(list, number, expected)                                                      \
	assert_int_equal(                                                                  \
		store_verify_claims(world->store, world->arena, row, list, number, &same), \
		STORE_OK);                                                                 \
	assert_int_equal(same, expected)
	CHECK(claims, 2, true);
	CHECK(claims, 1, false);
	CHECK(other, 1, false);
	CHECK(other, 2, false);
	CHECK(other, 3, false);
	CHECK(NULL, 0, false);
	must_put(world, row->id, SPAN("no claims"));
	CHECK(claims, 2, true); /* it has changed: no opinion */
	world_end(&world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_sound_store_has_no_fault),
		cmocka_unit_test(what_is_missing_or_damaged_is_told),
		cmocka_unit_test(a_trimmed_feed_is_no_fault),
		cmocka_unit_test(claims_are_compared_with_what_the_document_claims),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
