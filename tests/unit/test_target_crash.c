/* links: notifier_core */
/* SPDX-License-Identifier: BSD-2-Clause */
/* A notifier is killed again and again at any moment, or stopped, while documents change: what a
 * target has heard in all is looked through at the end. */
#include "unit/target_world.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>

enum { ROUNDS = 40, OWNERS = 12, DOCUMENTS = 3, WRITES = 60 };

static unsigned dice;

static unsigned roll(unsigned sides)
{
	dice = dice * 1103515245U + 12345U;
	return (dice >> 16) % sides;
}

/* Slow, unwilling and absent now and then. */
static struct answer moody(const struct heard *heard)
{
	(void)heard;
	unsigned mood = roll(20);
	struct answer answer = { TOLD_WELL, false, roll(3) ? 0 : 1 + roll(8), 0 };
	if (mood < 2)
		answer.told = TOLD_REFUSED;
	else if (mood == 2)
		answer.told = TOLD_NOBODY;
	return answer;
}

static const struct target_limits hasty = {
	.window = 64,
	.tells = 16,
	.parked_tells = 8,
	.parked = 4,
	.landed = 1024,
	.recents = 1024,
	.apart = 16,
	.slow_ms = 5,
	.round_ms = 50,
	.least_wait_ms = 5,
	.most_wait_ms = 20,
};

static void serve(struct world *world, const char *log, unsigned ms)
{
	world_open(world);
	struct hall *hall = hall_of(world, 1);
	hall->log = open(log, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
	hall->answers = moody;
	hall->limits = hasty;
	hall->limited = true;
	hall_start(hall);
	hall_run(hall, ms ? ms : 60000, 0);
	hall_stop(hall);
	store_close(&world->store);
	_exit(0);
}

static struct doc_id some_document(char xui[32], char path[16], unsigned owner, unsigned document)
{
	snprintf(xui, 32, "sip:u%u@example.com", owner);
	snprintf(path, 16, "d%u", document);
	return doc_of(LISTS, xui, path);
}

static void write_something(struct world *world)
{
	char xui[32], path[16];
	struct doc_id id = some_document(xui, path, roll(OWNERS), roll(DOCUMENTS));
	struct write write = roll(4) ? put_of(id, SPAN("<a/>")) : remove_of(id);
	apply(world, &write);
	if (!roll(3))
		usleep(roll(3000));
}

/* An empty store, so that the target is known from then on: no resync repeats anything later. */
static void introduce(struct world *world)
{
	struct hall *hall = hall_of(world, 1);
	hall_start(hall);
	hall_run_until(hall, all_told);
	hall_stop(hall);
	free(hall);
	store_close(&world->store);
}

/* One life: killed when the writes are done, unless it ends by itself. */
static void live(struct world *world, const char *log, bool clean)
{
	pid_t child = fork();
	assert_true(child >= 0);
	if (!child) {
		dice ^= (unsigned)getpid() * 7919U;
		serve(world, log, clean ? 5 + roll(100) : 0);
	}
	world_open(world);
	for (unsigned i = roll(WRITES); i > 0; i--)
		write_something(world);
	store_close(&world->store);
	usleep(roll(40000));
	int status;
	if (!clean)
		kill(child, SIGKILL);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(!clean || (WIFEXITED(status) && WEXITSTATUS(status) == 0));
}

/* What a target knows of one document. */
struct known {
	uint64_t previous, etag; /* as last heard */
	bool heard, confirmed;
};

struct tally {
	struct known known[OWNERS][DOCUMENTS];
	size_t messages, repeats;
};

static void hear_line(struct tally *tally, const char *line)
{
	char what;
	unsigned owner, document;
	unsigned long long previous, etag;
	assert_int_equal(sscanf(line, "%c sip:u%u@example.com d%u %llu %llu", &what, &owner,
				 &document, &previous, &etag),
		5);
	struct known *known = &tally->known[owner][document];
	bool same = known->heard && known->previous == previous && known->etag == etag;
	if (what == 'c') {
		known->confirmed |= same; /* or the next one left before this was written down */
		return;
	}
	tally->messages++;
	tally->repeats += same;
	if ((same && known->confirmed) || (!same && previous != known->etag))
		print_error("after %llu -> %llu%s: %s", (unsigned long long)known->previous,
			(unsigned long long)known->etag, known->confirmed ? " (confirmed)" : "",
			line);
	assert_false(same && known->confirmed);
	assert_true(same || previous == known->etag);
	*known = (struct known){ previous, etag, true, false };
}

static void check_log(const char *log, struct tally *tally)
{
	char line[256];
	FILE *from = fopen(log, "r");
	assert_non_null(from);
	while (fgets(line, sizeof(line), from))
		hear_line(tally, line);
	fclose(from);
}

static void check_documents(struct world *world, const struct tally *tally)
{
	char xui[32], path[16];
	for (unsigned owner = 0; owner < OWNERS; owner++)
		for (unsigned document = 0; document < DOCUMENTS; document++) {
			struct snapshot snapshot;
			struct doc_id id = some_document(xui, path, owner, document);
			store_read(world->store, world->arena, &id, STORE_HEAD, &snapshot);
			assert_int_equal(tally->known[owner][document].etag, snapshot.etag.number);
		}
}

static void every_change_is_heard_in_order_whatever_dies(void **state)
{
	(void)state;
	struct world *world = world_new();
	struct tally tally = { 0 };
	char log[160];
	snprintf(log, sizeof(log), "%s/log", world->path);
	introduce(world);
	const char *seed = getenv("SEED");
	dice = seed ? (unsigned)atoi(seed) : (unsigned)time(NULL);
	print_message("SEED=%u\n", dice);
	for (int i = 0; i < ROUNDS; i++)
		live(world, log, i % 4 == 3);
	world_open(world);
	struct hall *hall = hall_of(world, 1);
	hall->log = open(log, O_WRONLY | O_APPEND | O_CLOEXEC);
	hall_start(hall);
	hall_run_until(hall, all_told);
	assert_false(hall->notifier.flight_lost);
	check_log(log, &tally);
	check_documents(world, &tally);
	print_message("%zu messages, %zu repeated\n", tally.messages, tally.repeats);
	assert_true(tally.messages > 100);
	close(hall->log);
	hall_end(&hall);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_change_is_heard_in_order_whatever_dies),
	};
	log_setup(LEVEL_ERROR, LOG_TEXT);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
