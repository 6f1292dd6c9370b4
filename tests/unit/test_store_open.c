/* links: store xcap base */
/* SPDX-License-Identifier: BSD-2-Clause */
#include "unit/store_world.h"

#include <fcntl.h>
#include <lmdb.h>
#include <sys/wait.h>

static const char *data_path(struct world *world)
{
	return arena_format(world->arena, "%s/data.mdb", world->path).data;
}

/* The store cannot be opened, and people are told why with these words. */
static void assert_unusable(struct world *world, const char *words)
{
	struct store *store = (struct store *)world;
	assert_int_equal(store_open(&store, &world->settings), STORE_UNUSABLE);
	assert_null(store);
	if (!strstr(store_problem(), words))
		print_error("'%s' does not say '%s'\n", store_problem(), words);
	assert_non_null(strstr(store_problem(), words));
}

static void write_file(const char *path, const void *octets, size_t size)
{
	int file = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	assert_true(file >= 0);
	assert_int_equal(write(file, octets, size), size);
	close(file);
}

static void files_and_folder_are_private(void **state)
{
	(void)state;
	struct world *world = world_prepare();
	rmdir(world->path);
	umask(0);
	world_open(world);
	struct stat about;
	assert_int_equal(stat(world->path, &about), 0);
	assert_int_equal(about.st_mode & 07777, 0700);
	assert_int_equal(stat(data_path(world), &about), 0);
	assert_int_equal(about.st_mode & 07777, 0600);
	assert_true(store_generation(world->store) != 0);
	assert_true(store_generation(world->store) >> 48 == 0);
	assert_int_equal(store_probe(world->store), STORE_OK);
	assert_false(store_broken(world->store));
	umask(022);
	world_end(&world);
}

static void a_missing_folder_or_store_is_only_made_when_asked(void **state)
{
	(void)state;
	struct world *world = world_prepare();
	world->settings.create = false;
	assert_unusable(world, "no store");
	rmdir(world->path);
	assert_unusable(world, "No such file");
	world->settings.create = true;
	world->settings.path = "/dev/null/folder";
	assert_unusable(world, "cannot make");
	world->settings.path = world->path;
	world_open(world);
	must_put(world, ANN_INDEX, SPAN("x"));
	world->settings.create = false;
	world_reopen(world);
	assert_body(world, ANN_INDEX, SPAN("x"));
	world_end(&world);
}

static void a_store_is_opened_once_in_a_process(void **state)
{
	(void)state;
	struct world *world = world_new();
	assert_unusable(world, "already");
	must_put(world, ANN_INDEX, SPAN("x"));
	world_reopen(world);
	world_end(&world);
}

static void opening_an_unchanged_store_writes_nothing(void **state)
{
	(void)state;
	struct world *world = world_new();
	must_put(world, ANN_INDEX, SPAN("x"));
	store_close(&world->store);
	struct stat before, after;
	assert_int_equal(stat(data_path(world), &before), 0);
	usleep(20 * 1000);
	world_open(world);
	assert_body(world, ANN_INDEX, SPAN("x"));
	store_close(&world->store);
	assert_int_equal(stat(data_path(world), &after), 0);
	assert_true(before.st_mtim.tv_nsec == after.st_mtim.tv_nsec
		    && before.st_mtim.tv_sec == after.st_mtim.tv_sec);
	assert_int_equal(before.st_size, after.st_size);
	world_end(&world);
}

static void what_is_no_lmdb_file_is_refused_and_left_alone(void **state)
{
	(void)state;
	static char zeros[20000], text[20000];
	memset(text, 'x', sizeof(text));
	const struct {
		const char *octets;
		size_t size;
		const char *words;
	} cases[] = {
		{ text, sizeof(text), "not an LMDB file" },
		{ text, 1, "not an LMDB file" },
		{ zeros, sizeof(zeros), "not an LMDB file" },
		{ zeros, 100, "not an LMDB file" },
	};
	for (size_t i = 0; i < 4; i++) {
		struct world *world = world_prepare();
		write_file(data_path(world), cases[i].octets, cases[i].size);
		assert_unusable(world, cases[i].words);
		struct stat about;
		assert_int_equal(stat(data_path(world), &about), 0);
		assert_int_equal(about.st_size, cases[i].size);
		world_end(&world);
	}
	struct world *world = world_prepare();
	assert_int_equal(mkdir(data_path(world), 0700), 0);
	assert_unusable(world, "not a file");
	world_end(&world);
}

static void an_empty_data_file_is_a_new_store_when_one_may_be_made(void **state)
{
	(void)state;
	struct world *world = world_prepare();
	write_file(data_path(world), "", 0);
	world->settings.create = false;
	assert_unusable(world, "no store");
	world->settings.create = true;
	world_open(world);
	must_put(world, ANN_INDEX, SPAN("x"));
	world_end(&world);
}

static void a_file_that_was_cut_short_is_refused(void **state)
{
	(void)state;
	struct world *world = world_new();
	for (unsigned i = 0; i < 50; i++)
		must_put(world, doc_of(LISTS, ANN, arena_format(world->arena, "d%u", i).data),
			filler(world, 9000, i));
	store_close(&world->store);
	struct stat about;
	assert_int_equal(stat(data_path(world), &about), 0);
	const off_t sizes[] = { 400000, 40000, 12288, 8192, 8000, 4096, 100 };
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		assert_int_equal(truncate(data_path(world), sizes[i]), 0);
		assert_unusable(world, sizes[i] > 8192 ? "cut short" : "");
	}
	world_end(&world);
}

static MDB_env *foreign_open(struct world *world, unsigned tables)
{
	MDB_env *env;
	assert_int_equal(mdb_env_create(&env), 0);
	assert_int_equal(mdb_env_set_maxdbs(env, tables), 0);
	assert_int_equal(mdb_env_open(env, world->path, MDB_NOSYNC, 0600), 0);
	return env;
}

static void foreign_put(MDB_env *env, const char *table, const char *name, MDB_val value)
{
	MDB_txn *txn;
	MDB_dbi dbi;
	MDB_val key = { strlen(name), (void *)(uintptr_t)name };
	assert_int_equal(mdb_txn_begin(env, NULL, 0, &txn), 0);
	assert_int_equal(mdb_dbi_open(txn, table, MDB_CREATE, &dbi), 0);
	assert_int_equal(mdb_put(txn, dbi, &key, &value, 0), 0);
	assert_int_equal(mdb_txn_commit(txn), 0);
}

/* As the store's header tells it. */
static unsigned format_of(struct world *world)
{
	MDB_env *env = foreign_open(world, 4);
	MDB_txn *txn;
	MDB_dbi dbi;
	MDB_val key = { strlen("format"), "format" }, value;
	assert_int_equal(mdb_txn_begin(env, NULL, MDB_RDONLY, &txn), 0);
	assert_int_equal(mdb_dbi_open(txn, "meta", 0, &dbi), 0);
	assert_int_equal(mdb_get(txn, dbi, &key, &value), 0);
	assert_int_equal(value.mv_size, 16);
	unsigned format = ((const unsigned char *)value.mv_data)[12];
	mdb_txn_abort(txn);
	mdb_env_close(env);
	return format;
}

static void a_store_of_another_application_is_refused(void **state)
{
	(void)state;
	const char *const tables[] = { NULL, "people", "meta" };
	const char *const names[] = { "meta", "ann", "format" };
	for (size_t i = 0; i < 3; i++) {
		struct world *world = world_prepare();
		MDB_env *env = foreign_open(world, 4);
		foreign_put(env, tables[i], names[i], (MDB_val){ 5, "octet" });
		mdb_env_close(env);
		assert_unusable(world, "another application");
		world_end(&world);
	}
}

static void a_store_of_a_newer_format_is_refused(void **state)
{
	(void)state;
	struct world *world = world_new();
	store_close(&world->store);
	MDB_env *env = foreign_open(world, 10);
	static char format[] = "xcapd-store\0\4\0\0";
	foreign_put(env, "meta", "format", (MDB_val){ 16, format });
	mdb_env_close(env);
	assert_unusable(world, "format 4");
	world_end(&world);
}

/* Octets that cannot be packed and are many make the rows that format 2 had. */
static void a_store_of_the_format_before_is_taken_over(void **state)
{
	(void)state;
	struct world *world = world_new();
	struct span body = filler(world, 3000, 1);
	static char format[] = "xcapd-store\0\2\0\0";
	must_put(world, ANN_INDEX, body);
	store_close(&world->store);
	MDB_env *env = foreign_open(world, 10);
	foreign_put(env, "meta", "format", (MDB_val){ 16, format });
	mdb_env_close(env);
	world_open(world);
	assert_body(world, ANN_INDEX, body);
	store_close(&world->store);
	assert_int_equal(format_of(world), 3);
	world_open(world);
	world_end(&world);
}

/* Every table, a row cut at each length and with each octet turned: an answer, never a crash. */
static void damage(struct world *world, const char *table, size_t cut, bool flip)
{
	MDB_env *env = foreign_open(world, 10);
	MDB_txn *txn;
	MDB_dbi dbi;
	MDB_cursor *cursor;
	MDB_val key, value;
	assert_int_equal(mdb_txn_begin(env, NULL, 0, &txn), 0);
	assert_int_equal(mdb_dbi_open(txn, table, 0, &dbi), 0);
	assert_int_equal(mdb_cursor_open(txn, dbi, &cursor), 0);
	assert_int_equal(mdb_cursor_get(cursor, &key, &value, MDB_FIRST), 0);
	char copy[2000], name[600];
	assert_true(value.mv_size < sizeof(copy));
	memcpy(copy, value.mv_data, value.mv_size);
	memcpy(name, key.mv_data, key.mv_size);
	MDB_val same = { key.mv_size, name }, bad = { value.mv_size, copy };
	if (flip && cut < bad.mv_size)
		copy[cut] = (char)~copy[cut];
	else if (cut < bad.mv_size)
		bad.mv_size = cut;
	mdb_cursor_close(cursor);
	assert_int_equal(mdb_put(txn, dbi, &same, &bad, 0), 0);
	assert_int_equal(mdb_txn_commit(txn), 0);
	mdb_env_close(env);
}

static void use_everything(struct world *world)
{
	struct doc_id id = ANN_INDEX, gone = doc_of(LISTS, ANN, "gone");
	const struct claim claims[] = { { .scope = SPAN("service-uri"),
		.value = SPAN("sip:list") } };
	struct snapshot snapshot;
	struct document_row *rows;
	struct version *versions;
	struct feed_row *feed;
	struct user user, *users;
	struct span body;
	struct store_stats stats;
	size_t count;
	bool more;
	world_open(world);
	(void)store_read(world->store, world->arena, &id, STORE_BODY, &snapshot);
	(void)store_list(world->store, world->arena, NULL, NULL, STORE_BODY, 100, &rows, &count);
	(void)store_versions(world->store, world->arena, &id, &versions, &count);
	(void)store_versions(world->store, world->arena, &gone, &versions, &count);
	(void)store_version_read(world->store, world->arena, &id, 1, &body);
	(void)store_feed(world->store, world->arena, 0, 100, &feed, &count);
	(void)store_user_read(world->store, world->arena, SPAN(ANN), &user);
	(void)store_user_list(world->store, world->arena, (struct span){ 0 }, 10, &users, &count);
	(void)store_stats(world->store, &stats);
	struct write write = put_of(id, SPAN("new")), again = put_of(gone, SPAN("new"));
	struct write healthy = put_of(doc_of(LISTS, BOB, "index"), SPAN("new"));
	write.claims = claims;
	write.claim_count = 1;
	write.quota = again.quota = 5;
	struct write *writes[] = { &write, &again, &healthy };
	(void)store_apply(world->store, writes, 3);
	assert_int_equal(healthy.result, STORE_OK); /* another's damage does not matter */
	(void)store_trim(world->store, UINT64_C(1) << 50, 10, &more);
	(void)store_user_remove(world->store, SPAN(ANN), SPAN("admin"));
	store_close(&world->store);
}

static void a_damaged_row_is_an_error_and_not_a_crash(void **state)
{
	(void)state;
	const char *const tables[] = { "documents", "deleted", "bodies", "feed", "users",
		"claims" };
	const size_t sizes[] = { 110, 80, 130, 120, 120, 120 };
	const struct claim claims[] = { { .scope = SPAN("service-uri"),
		.value = SPAN("sip:list") } };
	const struct credential credential = { .name = SPAN("ann"), .realm = SPAN("example.com") };
	const struct user ann = { SPAN(ANN), ROLE_USER, &credential, 1 };
	for (size_t t = 0; t < 6; t++)
		for (size_t cut = 0; cut < 2 * sizes[t]; cut += 3) {
			struct world *world = world_new();
			struct write write = put_of(ANN_INDEX,
				SPAN("this is packed, this is packed, this is packed, this is"));
			write.claims = claims;
			write.claim_count = 1;
			assert_int_equal(apply(world, &write), STORE_OK);
			assert_int_equal(apply(world, &write), STORE_OK);
			must_put(world, doc_of(LISTS, ANN, "gone"), SPAN("x"));
			must_remove(world, doc_of(LISTS, ANN, "gone"));
			assert_int_equal(store_users_put(world->store, &ann, 1, NULL), STORE_OK);
			store_close(&world->store);
			damage(world, tables[t], cut / 2, cut % 2);
			use_everything(world);
			world_end(&world);
		}
}

static void a_header_with_turned_octets_is_an_error_and_not_a_crash(void **state)
{
	(void)state;
	struct world *world = world_new();
	must_put(world, ANN_INDEX, filler(world, 5000, 1));
	store_close(&world->store);
	for (off_t at = 16; at < 16 + 136; at += 3) {
		fflush(NULL);
		pid_t child = fork();
		assert_true(child >= 0);
		if (child == 0) { /* in a process of its own: should it crash, only that one does */
			int file = open(data_path(world), O_RDWR);
			unsigned char page[4096];
			if (pread(file, page, 4096, 0) != 4096)
				_exit(2);
			page[at] = (unsigned char)~page[at];
			if (pwrite(file, page, 4096, 0) != 4096)
				_exit(2);
			enum store_result result = store_open(&world->store, &world->settings);
			struct snapshot snapshot;
			struct doc_id id = ANN_INDEX;
			if (result == STORE_OK)
				(void)store_read(
					world->store, world->arena, &id, STORE_BODY, &snapshot);
			store_close(&world->store);
			page[at] = (unsigned char)~page[at];
			_exit(pwrite(file, page, 4096, 0) == 4096 ? 0 : 2);
		}
		int status;
		assert_int_equal(waitpid(child, &status, 0), child);
		if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
			print_error("octet %ld: status %x\n", (long)at, (unsigned)status);
		assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	}
	world_end(&world);
}

static void a_folder_without_permission_is_refused(void **state)
{
	(void)state;
	struct world *world = world_new();
	must_put(world, ANN_INDEX, SPAN("x"));
	store_close(&world->store);
	fflush(NULL);
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		if (geteuid() == 0 && setresuid(65534, 65534, 65534) != 0)
			_exit(3);
		chmod(world->path, 0500); /* as its owner */
		enum store_result result = store_open(&world->store, &world->settings);
		_exit(result == STORE_UNUSABLE && strstr(store_problem(), "ermission") ? 0 : 1);
	}
	int status;
	assert_int_equal(waitpid(child, &status, 0), child);
	chmod(world->path, 0700);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	world_end(&world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(files_and_folder_are_private),
		cmocka_unit_test(a_missing_folder_or_store_is_only_made_when_asked),
		cmocka_unit_test(a_store_is_opened_once_in_a_process),
		cmocka_unit_test(opening_an_unchanged_store_writes_nothing),
		cmocka_unit_test(what_is_no_lmdb_file_is_refused_and_left_alone),
		cmocka_unit_test(an_empty_data_file_is_a_new_store_when_one_may_be_made),
		cmocka_unit_test(a_file_that_was_cut_short_is_refused),
		cmocka_unit_test(a_store_of_another_application_is_refused),
		cmocka_unit_test(a_store_of_a_newer_format_is_refused),
		cmocka_unit_test(a_store_of_the_format_before_is_taken_over),
		cmocka_unit_test(a_damaged_row_is_an_error_and_not_a_crash),
		cmocka_unit_test(a_header_with_turned_octets_is_an_error_and_not_a_crash),
		cmocka_unit_test(a_folder_without_permission_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
