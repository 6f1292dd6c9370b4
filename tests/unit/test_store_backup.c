/* links: store xcap base */
/* SPDX-License-Identifier: BSD-2-Clause */
/* A copy of the whole store in one file, and back. */
#include "store/backup.h"
#include "unit/store_world.h"

#include <fcntl.h>
#include <sys/wait.h>

static const char *in_folder(struct world *world, const char *name)
{
	return arena_format(world->arena, "%s/%s", world->path, name).data;
}

static void count_octets(void *context, uint64_t done, uint64_t total)
{
	uint64_t *most = context;
	assert_true(done > 0 && total > 0);
	*most = done;
}

static enum store_result restore(struct world *world, const char *file)
{
	struct restoring *restoring;
	struct store *copy;
	enum store_result result =
		store_restore_begin(&restoring, &world->settings, file, NULL, &copy);
	if (result == STORE_OK) {
		assert_non_null(copy);
		assert_int_equal(store_probe(copy), STORE_OK);
		return store_restore_finish(&restoring);
	}
	assert_null(restoring);
	assert_null(copy);
	return result;
}

static void a_backup_is_private_and_whole(void **state)
{
	(void)state;
	struct world *world = world_new();
	struct stat about;
	uint64_t most = 0;
	const struct copy_progress progress = { count_octets, &most };
	const char *file = in_folder(world, "backup");
	must_put(world, ANN_INDEX, filler(world, 300000, 1));
	umask(0);
	assert_int_equal(store_backup(world->store, file, &progress), STORE_OK);
	assert_int_equal(store_backup(world->store, file, NULL), STORE_OK); /* over the old one */
	umask(022);
	assert_int_equal(stat(file, &about), 0);
	assert_int_equal(about.st_mode & 07777, 0600);
	assert_int_equal(most, about.st_size);
	assert_int_not_equal(stat(in_folder(world, "backup.tmp"), &about), 0);
	world_end(&world);
}

static off_t size_of(int file)
{
	struct stat about;
	assert_int_equal(fstat(file, &about), 0);
	return about.st_size;
}

static void who_reads_the_former_backup_or_keeps_a_link_to_it_has_it_whole(void **state)
{
	(void)state;
	struct world *world = world_new();
	const char *file = in_folder(world, "backup"), *kept = in_folder(world, "kept");
	must_put(world, ANN_INDEX, filler(world, 300000, 1));
	assert_int_equal(store_backup(world->store, file, NULL), STORE_OK);
	int reader = open(file, O_RDONLY | O_CLOEXEC);
	off_t whole = size_of(reader);
	assert_true(whole > 300000);
	assert_int_equal(store_backup(world->store, file, NULL), STORE_OK);
	assert_int_equal(size_of(reader), whole);
	close(reader);
	assert_int_equal(link(file, kept), 0);
	assert_int_equal(store_backup(world->store, file, NULL), STORE_OK);
	reader = open(kept, O_RDONLY | O_CLOEXEC);
	assert_int_equal(size_of(reader), whole);
	close(reader);
	assert_int_equal(store_backup(world->store, file, NULL), STORE_OK); /* nobody's but ours */
	reader = open(file, O_RDONLY | O_CLOEXEC);
	assert_int_equal(size_of(reader), whole);
	close(reader);
	world_end(&world);
}

static void a_large_leftover_gives_way(void **state)
{
	(void)state;
	struct world *world = world_new();
	const char *file = in_folder(world, "backup"), *left = in_folder(world, "backup.tmp");
	must_put(world, ANN_INDEX, SPAN("one"));
	int leftover = open(left, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_int_equal(ftruncate(leftover, 50 << 20), 0);
	close(leftover);
	assert_int_equal(store_backup(world->store, file, NULL), STORE_OK);
	assert_int_not_equal(access(left, F_OK), 0);
	int backup = open(file, O_RDONLY | O_CLOEXEC);
	assert_true(size_of(backup) < 1 << 20);
	close(backup);
	world_end(&world);
}

static void a_backup_that_cannot_be_made_leaves_nothing(void **state)
{
	(void)state;
	struct world *world = world_new();
	struct stat about;
	assert_int_equal(
		store_backup(world->store, in_folder(world, "no/backup"), NULL), STORE_FAILED);
	assert_int_equal(mkdir(in_folder(world, "taken"), 0700), 0);
	assert_int_equal(store_backup(world->store, in_folder(world, "taken"), NULL), STORE_FAILED);
	assert_int_not_equal(stat(in_folder(world, "taken.tmp"), &about), 0);
	assert_int_equal(symlink("data.mdb", in_folder(world, "link.tmp")), 0);
	assert_int_equal(store_backup(world->store, in_folder(world, "link"), NULL), STORE_FAILED);
	must_put(world, ANN_INDEX, SPAN("still well"));
	world_end(&world);
}

static void what_was_lost_comes_back_with_another_generation(void **state)
{
	(void)state;
	struct world *world = world_new();
	const char *file = in_folder(world, "backup");
	struct etag old = must_put(world, ANN_INDEX, SPAN("one"));
	assert_int_equal(store_backup(world->store, file, NULL), STORE_OK);
	must_put(world, ANN_INDEX, SPAN("two"));
	uint64_t generation = store_generation(world->store);
	store_close(&world->store);
	assert_int_equal(restore(world, file), STORE_OK);
	world_open(world);
	assert_body(world, ANN_INDEX, SPAN("one"));
	assert_true(store_generation(world->store) != generation);
	struct write write = put_of(ANN_INDEX, SPAN("three"));
	write.computed = true;
	write.computed_from = (struct etag){ store_generation(world->store), old.number };
	assert_int_equal(apply(world, &write), STORE_OK);
	struct stat about;
	assert_int_not_equal(stat(in_folder(world, "restore.tmp"), &about), 0);
	world_end(&world);
}

static void an_abandoned_restore_changes_nothing(void **state)
{
	(void)state;
	struct world *world = world_new();
	struct restoring *restoring;
	struct store *copy;
	const char *file = in_folder(world, "backup");
	must_put(world, ANN_INDEX, SPAN("one"));
	assert_int_equal(store_backup(world->store, file, NULL), STORE_OK);
	must_put(world, ANN_INDEX, SPAN("two"));
	store_close(&world->store);
	assert_int_equal(
		store_restore_begin(&restoring, &world->settings, file, NULL, &copy), STORE_OK);
	store_restore_abandon(&restoring);
	assert_null(restoring);
	world_open(world);
	assert_body(world, ANN_INDEX, SPAN("two"));
	world_end(&world);
}

/* What a process of its own gets: 0 well, 1 refused. */
static int in_child(struct world *world, bool restoring, const char *file)
{
	fflush(NULL);
	pid_t child = fork();
	int status;
	if (child == 0) {
		struct store *store = NULL;
		world->store = NULL;
		if (restoring)
			_exit(restore(world, file) != STORE_OK);
		_exit(store_open(&store, &world->settings) != STORE_OK);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void a_store_that_is_open_is_not_replaced_nor_opened_while_it_is(void **state)
{
	(void)state;
	struct world *world = world_new();
	struct restoring *restoring;
	struct store *copy;
	const char *file = in_folder(world, "backup");
	must_put(world, ANN_INDEX, SPAN("one"));
	assert_int_equal(store_backup(world->store, file, NULL), STORE_OK);
	assert_int_equal(in_child(world, true, file), 1);
	assert_int_equal(restore(world, file), STORE_UNUSABLE);
	store_close(&world->store);
	assert_int_equal(
		store_restore_begin(&restoring, &world->settings, file, NULL, &copy), STORE_OK);
	assert_int_equal(in_child(world, false, NULL), 1);
	assert_int_equal(in_child(world, true, file), 1);
	assert_int_equal(store_restore_finish(&restoring), STORE_OK);
	assert_int_equal(in_child(world, false, NULL), 0);
	world_open(world);
	assert_body(world, ANN_INDEX, SPAN("one"));
	world_end(&world);
}

static void a_file_that_is_no_store_is_refused(void **state)
{
	(void)state;
	struct world *world = world_new();
	const char *file = in_folder(world, "backup");
	must_put(world, ANN_INDEX, SPAN("one"));
	assert_int_equal(store_backup(world->store, file, NULL), STORE_OK);
	store_close(&world->store);
	struct stat about;
	assert_int_equal(stat(file, &about), 0);
	assert_int_equal(truncate(file, about.st_size - 4096), 0);
	assert_int_equal(restore(world, file), STORE_UNUSABLE);
	assert_int_equal(truncate(file, 0), 0);
	assert_int_equal(restore(world, file), STORE_UNUSABLE);
	assert_int_equal(restore(world, world->path), STORE_UNUSABLE);
	assert_int_equal(restore(world, in_folder(world, "nothing")), STORE_UNUSABLE);
	world_open(world);
	assert_body(world, ANN_INDEX, SPAN("one"));
	world_end(&world);
}

static void what_root_makes_belongs_to_the_owner_of_the_folder(void **state)
{
	static const char *const files[] = { "data.mdb", "lock.mdb", "store.lock" };
	(void)state;
	if (geteuid() != 0)
		skip();
	struct world *world = world_prepare();
	struct stat about;
	const char *file = in_folder(world, "backup");
	assert_int_equal(chown(world->path, 12345, 12346), 0);
	for (int turn = 0; turn < 2; turn++) {
		world_open(world);
		for (size_t i = 0; i < 3; i++) {
			assert_int_equal(stat(in_folder(world, files[i]), &about), 0);
			assert_int_equal(about.st_uid, 12345);
			assert_int_equal(about.st_gid, 12346);
		}
		must_put(world, ANN_INDEX, SPAN("one"));
		assert_int_equal(store_backup(world->store, file, NULL), STORE_OK);
		store_close(&world->store);
		assert_int_equal(restore(world, file), STORE_OK);
		assert_int_equal(stat(in_folder(world, "data.mdb"), &about), 0);
		assert_int_equal(about.st_uid, 12345);
	}
	world_open(world);
	world_end(&world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_backup_is_private_and_whole),
		cmocka_unit_test(who_reads_the_former_backup_or_keeps_a_link_to_it_has_it_whole),
		cmocka_unit_test(a_large_leftover_gives_way),
		cmocka_unit_test(a_backup_that_cannot_be_made_leaves_nothing),
		cmocka_unit_test(what_was_lost_comes_back_with_another_generation),
		cmocka_unit_test(an_abandoned_restore_changes_nothing),
		cmocka_unit_test(a_store_that_is_open_is_not_replaced_nor_opened_while_it_is),
		cmocka_unit_test(a_file_that_is_no_store_is_refused),
		cmocka_unit_test(what_root_makes_belongs_to_the_owner_of_the_folder),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
