/* SPDX-License-Identifier: BSD-2-Clause */
/* Targets over a real store, loop and saver, with a teller that only pretends: what it was told is
 * in a list, and how it answers is up to the test. One thread.
 */
#ifndef TESTS_TARGET_WORLD_H
#define TESTS_TARGET_WORLD_H

#include "unit/store_world.h"

#include "notifier/target_private.h"

#include "base/log.h"

#include <stdio.h>

enum { HALL_TARGETS = 4, HALL_LONG_MS = 20000 };

#define BOB_INDEX doc_of(LISTS, BOB, "index")

/* One message that arrived. */
struct heard {
	char teller[8], owner[64], auid[32], path[32];
	uint64_t previous, etag;
	uint64_t ms; /* of the loop */
};

struct tell {
	struct tell *next;
	struct heard heard;
	told_done *done;
	void *context;
	struct post post;
	struct timer timer;
	struct told_result result;
	bool held;
};

/* How the pretended servers answer; `held`: not before hall_release. */
struct answer {
	enum told told;
	bool held;
	uint64_t after_ms;
	unsigned retry_after;
};

static inline struct answer held(const struct heard *heard)
{
	(void)heard;
	return (struct answer){ TOLD_WELL, true, 0, 0 };
}

struct hall {
	struct world *world;
	struct notifier notifier;
	struct settings settings;
	struct target_settings targets[HALL_TARGETS];
	struct target_limits limits;
	bool limited;
	struct timer over, look;
	struct heard *heard;
	size_t heard_count, heard_capacity;
	size_t enough; /* heard: then hall_run ends; 0: no matter */
	bool (*until)(struct hall *hall);
	struct answer (*answers)(const struct heard *heard);
	struct tell *open;
	size_t open_count, open_most, tells;
	bool only_count;
	int log; /* where each message is written at once; -1: nowhere */
	bool drained;
};

struct teller {
	char name[8];
};

static struct hall *hall_now;

/* --- the teller --- */

bool teller_new(struct teller **out, struct notifier *notifier,
	const struct target_settings *target, FILE *problems)
{
	(void)notifier, (void)problems;
	if (span_equal_text(target->uri, "sip:bad")) {
		fputs("no URI\n", problems);
		return false;
	}
	*out = calloc(1, sizeof(**out));
	assert_non_null(*out);
	snprintf((*out)->name, sizeof((*out)->name), "%.*s", SPAN_ARG(target->name));
	return true;
}

void teller_free(struct teller **teller)
{
	free(*teller);
	*teller = NULL;
}

static inline void open_remove(struct tell *tell)
{
	struct tell **link = &hall_now->open;
	while (*link != tell)
		link = &(*link)->next;
	*link = tell->next;
	hall_now->open_count--;
	timer_stop(hall_now->notifier.loop, &tell->timer);
	loop_unpost(hall_now->notifier.loop, &tell->post);
}

static inline void hall_log(const struct hall *hall, const struct heard *heard, char what)
{
	char line[256];
	if (hall->log < 0)
		return;
	int size = snprintf(line, sizeof(line), "%c %s %s %llu %llu\n", what, heard->owner,
		heard->path, (unsigned long long)heard->previous, (unsigned long long)heard->etag);
	assert_int_equal(write(hall->log, line, (size_t)size), size);
}

static inline void tell_answered(void *context)
{
	struct tell *tell = context;
	struct hall *hall = hall_now;
	const struct heard heard = tell->heard;
	open_remove(tell);
	tell->done(tell->context, &tell->result);
	if (tell->result.told == TOLD_WELL)
		hall_log(hall, &heard, 'c');
	free(tell);
	if (hall->enough && hall->tells >= hall->enough && !hall->open_count)
		loop_stop(hall->notifier.loop);
}

static inline struct heard heard_of(const struct teller *teller, const struct telling *telling)
{
	struct heard heard = { .previous = telling->previous.number,
		.etag = telling->etag.number,
		.ms = loop_now(hall_now->notifier.loop) };
	snprintf(heard.teller, sizeof(heard.teller), "%s", teller->name);
	snprintf(heard.owner, sizeof(heard.owner), "%.*s", SPAN_ARG(telling->id.xui));
	snprintf(heard.auid, sizeof(heard.auid), "%.*s", SPAN_ARG(telling->id.auid));
	snprintf(heard.path, sizeof(heard.path), "%.*s", SPAN_ARG(telling->id.path));
	return heard;
}

static inline void hall_hear(struct hall *hall, const struct heard *heard)
{
	hall->tells++;
	if (hall->only_count)
		return;
	if (hall->heard_count == hall->heard_capacity) {
		hall->heard_capacity = hall->heard_capacity ? 2 * hall->heard_capacity : 64;
		hall->heard = realloc(hall->heard, hall->heard_capacity * sizeof(*hall->heard));
		assert_non_null(hall->heard);
	}
	hall->heard[hall->heard_count++] = *heard;
}

struct tell *tell(
	struct teller *teller, const struct telling *telling, told_done *done, void *context)
{
	struct hall *hall = hall_now;
	struct tell *made = calloc(1, sizeof(*made));
	assert_non_null(made);
	struct heard heard = heard_of(teller, telling);
	struct answer answer = { TOLD_WELL, false, 0, 0 };
	if (hall->answers)
		answer = hall->answers(&heard);
	hall_log(hall, &heard, 't');
	hall_hear(hall, &heard);
	*made = (struct tell){ .next = hall->open,
		.heard = heard,
		.done = done,
		.context = context,
		.post = { .run = tell_answered, .context = made },
		.timer = { .fire = tell_answered, .context = made },
		.result = { answer.told, answer.retry_after, "" },
		.held = answer.held };
	if (answer.told != TOLD_WELL)
		snprintf(made->result.why, sizeof(made->result.why), "%s",
			answer.told == TOLD_REFUSED ? "404 Not Found" : "no answer");
	hall->open = made;
	if (++hall->open_count > hall->open_most)
		hall->open_most = hall->open_count;
	if (answer.after_ms)
		timer_set(hall->notifier.loop, &made->timer,
			loop_now(hall->notifier.loop) + answer.after_ms);
	else if (!answer.held)
		loop_post(hall->notifier.loop, &made->post);
	return made;
}

void tell_forget(struct tell **tell)
{
	if (!*tell)
		return;
	open_remove(*tell);
	free(*tell);
	*tell = NULL;
}

/* Those that are held are answered with the next turns. */
static inline void hall_release(struct hall *hall)
{
	for (struct tell *one = hall->open; one; one = one->next)
		if (one->held)
			loop_post(hall->notifier.loop, &one->post);
}

/* --- the hall --- */

static inline void hall_over(void *context)
{
	loop_stop(context);
}

static inline struct hall *hall_of(struct world *world, size_t targets)
{
	static const char *const names[HALL_TARGETS] = { "t0", "t1", "t2", "t3" };
	struct hall *hall = calloc(1, sizeof(*hall));
	assert_non_null(hall);
	hall_now = hall;
	hall->world = world;
	hall->log = -1;
	for (size_t i = 0; i < targets; i++)
		hall->targets[i] = (struct target_settings){ .name = span_of(names[i]),
			.uri = SPAN("sip:ps@127.0.0.1") };
	hall->settings.targets = hall->targets;
	hall->settings.target_count = targets;
	return hall;
}

static inline struct hall *hall_new(size_t targets)
{
	return hall_of(world_new(), targets);
}

static inline void hall_start(struct hall *hall)
{
	struct notifier *notifier = &hall->notifier;
	char path[160];
	snprintf(path, sizeof(path), "%s/flight", hall->world->path);
	*notifier = (struct notifier){ .settings = &hall->settings, .store = hall->world->store };
	assert_true(flight_open(&notifier->flight, path, store_generation(notifier->store),
		&notifier->flight_lost));
	assert_true(loop_new(&notifier->loop));
	assert_true(saver_new(&notifier->saver, notifier->loop, notifier->store));
	assert_true(follow_new(&notifier->follow, notifier->loop, notifier->store));
	assert_true(targets_new(&notifier->targets, notifier, stderr));
	if (hall->limited)
		notifier->targets->limits = hall->limits;
	hall->over = (struct timer){ .fire = hall_over, .context = notifier->loop };
}

/* Serves for so long, or until so many messages more were heard and answered (0: no matter). */
static inline void hall_run(struct hall *hall, uint64_t ms, size_t more)
{
	struct loop *loop = hall->notifier.loop;
	hall->enough = more ? hall->tells + more : 0;
	timer_set(loop, &hall->over, loop_now(loop) + ms);
	assert_true(loop_run(loop));
	timer_stop(loop, &hall->over);
	if (more && hall->tells < hall->enough)
		print_error("%zu heard, want %zu\n", hall->tells, hall->enough);
	assert_true(!more || hall->tells >= hall->enough);
	hall->enough = 0;
}

static inline void hall_look(void *context)
{
	struct hall *hall = context;
	struct loop *loop = hall->notifier.loop;
	if (hall->until(hall))
		loop_stop(loop);
	else
		timer_set(loop, &hall->look, loop_now(loop) + 5);
}

static inline void hall_run_until(struct hall *hall, bool (*until)(struct hall *hall))
{
	hall->until = until;
	hall->look = (struct timer){ .fire = hall_look, .context = hall };
	timer_set(hall->notifier.loop, &hall->look, 0);
	hall_run(hall, HALL_LONG_MS, 0);
	timer_stop(hall->notifier.loop, &hall->look);
	assert_true(until(hall));
	hall->until = NULL;
}

static inline void hall_drained(void *context)
{
	struct hall *hall = context;
	hall->drained = true;
	loop_stop(hall->notifier.loop);
}

static inline void hall_close(struct hall *hall, bool clean)
{
	struct notifier *notifier = &hall->notifier;
	saver_free(&notifier->saver);
	follow_free(&notifier->follow);
	flight_close(&notifier->flight, clean);
	loop_free(&notifier->loop);
}

/* As SIGTERM does. */
static inline void hall_stop(struct hall *hall)
{
	targets_drain(hall->notifier.targets, hall_drained, hall);
	targets_free(&hall->notifier.targets);
	hall_close(hall, true);
}

static inline void hall_end(struct hall **hall)
{
	if ((*hall)->notifier.targets)
		hall_stop(*hall);
	world_end(&(*hall)->world);
	free((*hall)->heard);
	free(*hall);
	*hall = NULL;
}

static inline struct peer *hall_peer(const struct hall *hall, size_t index)
{
	struct peer *peer = hall->notifier.targets->first;
	while (index--)
		peer = peer->next;
	return peer;
}

static inline struct target_figures hall_figures(const struct hall *hall, size_t index)
{
	struct target_figures figures;
	targets_figures(hall->notifier.targets, index, &figures);
	return figures;
}

/* What the store says; the settings' own arena is the world's. */
static inline struct delivery_mark hall_mark(const struct hall *hall, const char *name)
{
	struct delivery_mark mark;
	struct span value;
	assert_int_equal(kv_read(hall->world->store, hall->world->arena, DELIVERY_TARGETS,
				 span_of(name), &value),
		STORE_OK);
	assert_true(delivery_mark_decode(value, &mark));
	return mark;
}

static inline size_t hall_pending(const struct hall *hall)
{
	struct kv_pair *pairs;
	size_t count;
	assert_int_equal(kv_list(hall->world->store, hall->world->arena, DELIVERY_PENDING,
				 (struct span){ 0 }, 100000, &pairs, &count),
		STORE_OK);
	return count;
}

static inline uint64_t newest_of(const struct hall *hall)
{
	uint64_t oldest, newest;
	assert_int_equal(store_feed_range(hall->world->store, &oldest, &newest), STORE_OK);
	return newest;
}

static inline bool all_told(struct hall *hall)
{
	uint64_t newest = newest_of(hall);
	for (size_t i = 0; i < hall->settings.target_count; i++) {
		const struct peer *peer = hall_peer(hall, i);
		if (peer->phase != DELIVERY_FOLLOWS || target_done(peer) != newest || peer->parked
			|| peer->tells)
			return false;
	}
	return true;
}

static inline void assert_heard(const struct heard *heard, const char *owner, const char *path,
	uint64_t previous, uint64_t etag)
{
	bool same = !strcmp(heard->owner, owner) && !strcmp(heard->path, path)
		    && heard->previous == previous && heard->etag == etag;
	if (!same)
		print_error("heard %s %s %llu -> %llu, want %s %s %llu -> %llu\n", heard->owner,
			heard->path, (unsigned long long)heard->previous,
			(unsigned long long)heard->etag, owner, path, (unsigned long long)previous,
			(unsigned long long)etag);
	assert_true(same);
}

#endif
