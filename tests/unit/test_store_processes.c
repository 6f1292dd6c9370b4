/* links: store xcap base */
/* SPDX-License-Identifier: BSD-2-Clause */
#include "unit/store_world.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>

static pid_t fork_child(void)
{
	fflush(NULL);
	pid_t child = fork();
	assert_true(child >= 0);
	return child;
}

/* In a child: its own handle of the store; 1 as exit status when that fails. */
static struct store *child_open(const struct store_settings *settings)
{
	struct store *store;
	if (store_open(&store, settings) == STORE_OK)
		return store;
	fprintf(stderr, "child: %s\n", store_problem());
	_exit(1);
}

static void assert_exit_0(pid_t child)
{
	int status;
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

/* Each increment is computed from what was read, and made again when it was overtaken. */
static int child_counts(const struct store_settings *settings, unsigned times)
{
	struct store *store = child_open(settings);
	struct arena *arena = arena_new(4096);
	struct doc_id id = ANN_INDEX;
	for (unsigned done = 0; done < times;) {
		arena_reset(arena);
		struct snapshot snapshot;
		uint64_t value = 0;
		enum store_result result = store_read(store, arena, &id, STORE_BODY, &snapshot);
		if (result != STORE_OK && result != STORE_ABSENT)
			return 2;
		if (result == STORE_OK && !parse_u64(snapshot.body, &value))
			return 3;
		struct write write =
			put_of(id, arena_format(arena, "%llu", (unsigned long long)value + 1));
		struct write *writes[] = { &write };
		write.computed = true;
		write.computed_from = snapshot.etag;
		(void)store_apply(store, writes, 1);
		if (write.result == STORE_OK)
			done++;
		else if (write.result != STORE_MOVED)
			return 4;
	}
	arena_free(&arena);
	store_close(&store);
	return 0;
}

static void processes_never_lose_each_others_change(void **state)
{
	(void)state;
	enum { CHILDREN = 4, TIMES = 250 };
	struct world *world = world_prepare();
	pid_t children[CHILDREN];
	for (size_t i = 0; i < CHILDREN; i++) { /* they race to make the store, too */
		children[i] = fork_child();
		if (children[i] == 0)
			_exit(child_counts(&world->settings, TIMES));
	}
	for (size_t i = 0; i < CHILDREN; i++)
		assert_exit_0(children[i]);
	world_open(world);
	assert_body(world, ANN_INDEX, arena_format(world->arena, "%d", CHILDREN * TIMES));
	uint64_t oldest, newest;
	assert_int_equal(store_feed_range(world->store, &oldest, &newest), STORE_OK);
	assert_int_equal(newest, CHILDREN * TIMES);
	world_end(&world);
}

static void another_process_with_a_larger_map_is_followed(void **state)
{
	(void)state;
	struct world *world = world_prepare();
	world->settings.max_size = 4 << 20;
	world_open(world);
	must_put(world, ANN_INDEX, SPAN("x"));
	int doorbell = store_doorbell(world->store);
	pid_t child = fork_child();
	if (child == 0) {
		struct store_settings larger = world->settings;
		larger.max_size = 128 << 20;
		world->store = child_open(&larger);
		for (unsigned i = 0; i < 30; i++)
			must_put(world,
				doc_of(LISTS, BOB, arena_format(world->arena, "d%u", i).data),
				filler(world, 1 << 20, i));
		store_close(&world->store);
		_exit(0);
	}
	assert_exit_0(child);
	struct pollfd poll_for = { .fd = doorbell, .events = POLLIN };
	assert_int_equal(poll(&poll_for, 1, 0), 1);
	close(doorbell);
	for (unsigned i = 0; i < 30; i++)
		assert_body(world, doc_of(LISTS, BOB, arena_format(world->arena, "d%u", i).data),
			filler(world, 1 << 20, i));
	must_put(world, ANN_INDEX, filler(world, 5 << 20, 1));
	assert_body(world, ANN_INDEX, filler(world, 5 << 20, 1));
	world_end(&world);
}

static struct user user_numbered(struct credential *credential, uint32_t number)
{
	*credential = (struct credential){ .name = SPAN(ANN), .realm = SPAN("example.com") };
	memcpy(credential->ha1, &number, sizeof(number));
	return (struct user){ .name = SPAN(ANN), .credentials = credential, .count = 1 };
}

enum { PASSWORDS = 400 };

/* Each new password is told once it is in the store; in the end, when the parent hangs up, the user
 * goes. */
static int child_changes_password(const struct store_settings *settings, int tell, int hear)
{
	struct store *store = child_open(settings);
	char octet;
	for (uint32_t number = 1; number <= PASSWORDS; number++) {
		struct credential credential;
		struct user user = user_numbered(&credential, number);
		if (store_users_put(store, &user, 1, NULL) != STORE_OK
			|| write(tell, &number, sizeof(number)) != sizeof(number))
			return 2;
	}
	bool removed = read(hear, &octet, 1) == 0
		       && store_user_remove(store, SPAN(ANN), SPAN("admin")) == STORE_OK;
	store_close(&store);
	return removed ? 0 : 3;
}

static void assert_password_at_least(struct world *world, uint32_t told)
{
	struct user user;
	uint32_t found;
	arena_reset(world->arena);
	assert_int_equal(store_user_read(world->store, world->arena, SPAN(ANN), &user), STORE_OK);
	memcpy(&found, user.credentials[0].ha1, sizeof(found));
	assert_true(found >= told);
}

static void what_another_process_does_to_a_user_counts_at_once(void **state)
{
	(void)state;
	struct world *world = world_new();
	struct user user;
	uint32_t told = 0;
	int there[2], back[2];
	assert_int_equal(pipe(there) | pipe(back), 0);
	assert_int_equal(
		store_user_read(world->store, world->arena, SPAN(ANN), &user), STORE_ABSENT);
	pid_t child = fork_child();
	if (child == 0) {
		close(back[1]);
		store_close(&world->store);
		_exit(child_changes_password(&world->settings, there[1], back[0]));
	}
	close(there[1]);
	while (told < PASSWORDS) {
		assert_int_equal(read(there[0], &told, sizeof(told)), sizeof(told));
		for (int again = 0; again < 3; again++)
			assert_password_at_least(world, told);
	}
	close(back[1]);
	assert_exit_0(child);
	assert_int_equal(
		store_user_read(world->store, world->arena, SPAN(ANN), &user), STORE_ABSENT);
	close(there[0]);
	close(back[0]);
	world_end(&world);
}

static void a_store_opened_before_a_fork_is_refused_to_the_child(void **state)
{
	(void)state;
	struct world *world = world_new();
	must_put(world, ANN_INDEX, SPAN("x"));
	assert_body(world, ANN_INDEX, SPAN("x"));
	pid_t child = fork_child();
	if (child == 0) {
		struct snapshot snapshot;
		struct doc_id id = ANN_INDEX;
		struct write write = put_of(id, SPAN("y"));
		struct write *writes[] = { &write };
		struct user user;
		bool refused = store_read(world->store, world->arena, &id, STORE_HEAD, &snapshot)
				       == STORE_FAILED
			       && strstr(store_problem(), "fork")
			       && store_user_read(world->store, world->arena, SPAN(ANN), &user)
					  == STORE_FAILED
			       && strstr(store_problem(), "fork")
			       && store_apply(world->store, writes, 1) == STORE_FAILED;
		store_close(&world->store);
		struct store *own = child_open(&world->settings);
		refused = refused && store_apply(own, writes, 1) == STORE_OK;
		store_close(&own);
		_exit(refused ? 0 : 1);
	}
	assert_exit_0(child);
	assert_body(world, ANN_INDEX, SPAN("y"));
	must_put(world, ANN_INDEX, SPAN("z"));
	world_end(&world);
}

/* --- kill -9 --- */

enum { THREADS = 4, DOCUMENTS = 8, BATCH = 8, ROUNDS = 30 };

/* What was acknowledged: told through a pipe, whole lines at a time. */
struct ack {
	uint32_t thread, document;
	uint64_t number, seed;
	uint32_t size, removed;
};

struct writer {
	struct store *store;
	uint32_t thread;
	int pipe;
	unsigned seed;
};

static void name_of(uint32_t thread, uint32_t document, char xui[64], char path[16])
{
	snprintf(xui, 64, "sip:t%u@example.com", (unsigned)thread);
	snprintf(path, 16, "d%u", (unsigned)document);
}

static void fill_body(char *octets, size_t size, uint64_t seed)
{
	for (size_t i = 0; i < size; i++)
		octets[i] = (char)('a' + (seed * 31 + i * 7 + (i >> 8)) % 26);
}

static void write_batch(struct writer *writer)
{
	static _Thread_local char bodies[BATCH][6000], xuis[BATCH][64], paths[BATCH][16];
	struct write writes[BATCH], *order[BATCH];
	struct ack acks[BATCH];
	size_t count = 1 + (size_t)rand_r(&writer->seed) % BATCH, told = 0;
	for (size_t i = 0; i < count; i++) {
		uint32_t document = (uint32_t)rand_r(&writer->seed) % DOCUMENTS;
		uint32_t size = (uint32_t)rand_r(&writer->seed) % 6000;
		uint64_t seed = (uint64_t)rand_r(&writer->seed);
		name_of(writer->thread, document, xuis[i], paths[i]);
		fill_body(bodies[i], size, seed);
		bool remove = rand_r(&writer->seed) % 8 == 0;
		writes[i] = (struct write){
			.id = doc_of(LISTS, xuis[i], paths[i]),
			.remove = remove,
			.body = { bodies[i], size },
			.change = { .who = span_of(xuis[i]) },
		};
		order[i] = &writes[i];
		acks[i] = (struct ack){ writer->thread, document, 0, seed, size, remove };
	}
	(void)store_apply(writer->store, order, count);
	for (size_t i = 0; i < count; i++) {
		if (writes[i].result == STORE_FAILED)
			_exit(5);
		if (writes[i].result != STORE_OK)
			continue;
		acks[told] = acks[i];
		acks[told++].number = writes[i].etag.number;
	}
	if (told && write(writer->pipe, acks, told * sizeof(acks[0])) < 0)
		_exit(6);
}

static void *write_forever(void *argument)
{
	do {
		write_batch(argument);
	} while (argument);
	return NULL;
}

static void child_writes(const struct store_settings *settings, int pipe, unsigned seed)
{
	struct writer writers[THREADS];
	struct store *store = child_open(settings);
	for (uint32_t i = 0; i < THREADS; i++) {
		pthread_t thread;
		writers[i] = (struct writer){ store, i, pipe, seed * THREADS + i };
		if (pthread_create(&thread, NULL, write_forever, &writers[i]))
			_exit(7);
	}
	for (;;)
		pause();
}

static size_t read_acks(int pipe, struct ack *acks, size_t most)
{
	size_t have = 0;
	for (;;) {
		ssize_t got = read(pipe, (char *)acks + have, most * sizeof(*acks) - have);
		if (got <= 0)
			break;
		have += (size_t)got;
	}
	assert_int_equal(have % sizeof(*acks), 0);
	return have / sizeof(*acks);
}

static void assert_acked_row(struct world *world, const struct ack *ack)
{
	struct feed_row *rows;
	size_t count;
	char xui[64], path[16];
	name_of(ack->thread, ack->document, xui, path);
	struct doc_id id = doc_of(LISTS, xui, path);
	assert_int_equal(store_feed(world->store, world->arena, ack->number - 1, 1, &rows, &count),
		STORE_OK);
	assert_int_equal(count, 1);
	assert_int_equal(rows[0].number, ack->number);
	assert_true(doc_id_equal(&rows[0].id, &id));
	assert_int_equal(rows[0].removed, ack->removed);
	assert_int_equal(rows[0].etag.generation, store_generation(world->store));
}

/* The last acknowledged state of a document is its current one, or a former one of a change whose
 * acknowledgement the kill cut off. */
static void assert_acked_document(struct world *world, const struct ack *ack)
{
	char xui[64], path[16];
	name_of(ack->thread, ack->document, xui, path);
	struct doc_id id = doc_of(LISTS, xui, path);
	struct snapshot snapshot;
	struct span body;
	enum store_result result =
		store_read(world->store, world->arena, &id, STORE_BODY, &snapshot);
	if (result == STORE_OK && snapshot.etag.number == ack->number) {
		body = snapshot.body;
	} else {
		struct version *versions;
		size_t count, found = 0;
		assert_int_equal(store_versions(world->store, world->arena, &id, &versions, &count),
			STORE_OK);
		while (found < count && versions[found].etag.number != ack->number)
			found++;
		assert_true(found < count);
		assert_int_equal(versions[found].removed, ack->removed);
		if (ack->removed)
			return;
		assert_int_equal(
			store_version_read(world->store, world->arena, &id, ack->number, &body),
			STORE_OK);
	}
	assert_false(ack->removed);
	static char want[6000];
	fill_body(want, ack->size, ack->seed);
	assert_true(span_equal(body, (struct span){ want, ack->size }));
}

static void assert_all_acked(struct world *world, const struct ack *acks, size_t count)
{
	const struct ack *last[THREADS][DOCUMENTS] = { { NULL } };
	for (size_t i = 0; i < count; i++) {
		assert_acked_row(world, &acks[i]);
		const struct ack **slot = &last[acks[i].thread][acks[i].document];
		if (!*slot || (*slot)->number < acks[i].number)
			*slot = &acks[i];
		if (i % 256 == 0)
			arena_reset(world->arena);
	}
	for (size_t t = 0; t < THREADS; t++)
		for (size_t d = 0; d < DOCUMENTS; d++)
			if (last[t][d])
				assert_acked_document(world, last[t][d]);
	arena_reset(world->arena);
}

static void what_was_acknowledged_outlives_kill_9(void **state)
{
	(void)state;
	enum { MOST = 400000 };
	struct world *world = world_prepare();
	struct ack *acks = calloc(MOST, sizeof(*acks));
	unsigned seed = (unsigned)time(NULL);
	size_t total = 0;
	world->settings.sync = true;
	world->settings.history_versions = 64;
	world->settings.max_size = 1 << 30;
	print_message("seed %u\n", seed);
	for (unsigned round = 0; round < ROUNDS; round++) {
		int ends[2];
		assert_int_equal(pipe(ends), 0);
		if (round % 2) /* a process that lives on while the writer dies in its lock */
			world_open(world);
		pid_t child = fork_child();
		if (child == 0) {
			close(ends[0]);
			child_writes(&world->settings, ends[1], seed + round);
		}
		close(ends[1]);
		usleep(15000 + (unsigned)rand_r(&seed) % 60000);
		assert_int_equal(kill(child, SIGKILL), 0);
		size_t count = read_acks(ends[0], acks + total, MOST - total);
		int status;
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_true(WIFSIGNALED(status));
		close(ends[0]);
		if (!world->store)
			world_open(world);
		total += count;
		assert_all_acked(world, acks, total);
		assert_int_equal(store_clear_readers(world->store), STORE_OK);
		must_put(world, ANN_INDEX, SPAN("the lock is free"));
		store_close(&world->store);
	}
	print_message("%zu acknowledged writes\n", total);
	assert_true(total > ROUNDS);
	free(acks);
	world_end(&world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(processes_never_lose_each_others_change),
		cmocka_unit_test(another_process_with_a_larger_map_is_followed),
		cmocka_unit_test(what_another_process_does_to_a_user_counts_at_once),
		cmocka_unit_test(a_store_opened_before_a_fork_is_refused_to_the_child),
		cmocka_unit_test(what_was_acknowledged_outlives_kill_9),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
