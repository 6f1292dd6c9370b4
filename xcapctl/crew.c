/* SPDX-License-Identifier: BSD-2-Clause */
#include "xcapctl/crew.h"

#include <pthread.h>
#include <sched.h>

enum { WORKERS_MAX = 16, BATCHES = 2 * WORKERS_MAX + 4, FIRST_BLOCK = 1 << 16 };

enum state { STATE_EMPTY, STATE_FILLED, STATE_WORKED };

struct floor {
	const struct crew *crew;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct batch batches[BATCHES];
	enum state states[BATCHES];
	size_t used; /* of the batches: two for each worker, and a few */
	size_t filled, taken, finished;
	bool last, stopped;
};

static struct batch *take(struct floor *floor, size_t *slot_out)
{
	struct batch *batch = NULL;
	pthread_mutex_lock(&floor->lock);
	while (floor->taken == floor->filled && !floor->last && !floor->stopped)
		pthread_cond_wait(&floor->changed, &floor->lock);
	if (floor->taken < floor->filled && !floor->stopped) {
		*slot_out = floor->taken++ % floor->used;
		batch = &floor->batches[*slot_out];
	}
	pthread_mutex_unlock(&floor->lock);
	return batch;
}

static void mark(struct floor *floor, size_t slot, enum state state)
{
	pthread_mutex_lock(&floor->lock);
	floor->states[slot] = state;
	pthread_cond_broadcast(&floor->changed);
	pthread_mutex_unlock(&floor->lock);
}

static void *worker(void *context)
{
	struct floor *floor = context;
	struct batch *batch;
	size_t slot;
	while ((batch = take(floor, &slot))) {
		floor->crew->work(floor->crew->context, batch);
		mark(floor, slot, STATE_WORKED);
	}
	return NULL;
}

static void *finisher(void *context)
{
	struct floor *floor = context;
	bool well = true;
	pthread_mutex_lock(&floor->lock);
	for (;;) {
		size_t slot = floor->finished % floor->used;
		while (floor->states[slot] != STATE_WORKED && !floor->stopped
			&& !(floor->last && floor->finished == floor->filled))
			pthread_cond_wait(&floor->changed, &floor->lock);
		if (floor->stopped || floor->states[slot] != STATE_WORKED)
			break;
		pthread_mutex_unlock(&floor->lock);
		well = floor->crew->finish(floor->crew->context, &floor->batches[slot]);
		pthread_mutex_lock(&floor->lock);
		floor->states[slot] = STATE_EMPTY;
		floor->finished++;
		floor->stopped |= !well;
		pthread_cond_broadcast(&floor->changed);
	}
	pthread_mutex_unlock(&floor->lock);
	return NULL;
}

/* The next batch to fill; NULL: it was stopped. */
static struct batch *next_empty(struct floor *floor)
{
	pthread_mutex_lock(&floor->lock);
	size_t slot = floor->filled % floor->used;
	while (floor->states[slot] != STATE_EMPTY && !floor->stopped)
		pthread_cond_wait(&floor->changed, &floor->lock);
	bool stopped = floor->stopped;
	pthread_mutex_unlock(&floor->lock);
	return stopped ? NULL : &floor->batches[slot];
}

static void fill_all(struct floor *floor)
{
	struct batch *batch;
	bool more = true;
	while (more && (batch = next_empty(floor))) {
		arena_reset(batch->arena);
		batch->items = NULL;
		batch->count = 0;
		more = floor->crew->fill(floor->crew->context, batch);
		pthread_mutex_lock(&floor->lock);
		floor->states[floor->filled++ % floor->used] = STATE_FILLED;
		floor->last = !more;
		pthread_cond_broadcast(&floor->changed);
		pthread_mutex_unlock(&floor->lock);
	}
}

static size_t worker_count(void)
{
	cpu_set_t cores;
	size_t count = sched_getaffinity(0, sizeof(cores), &cores) ? 2 : (size_t)CPU_COUNT(&cores);
	return count < 1 ? 1 : count > WORKERS_MAX ? WORKERS_MAX : count;
}

static bool run(struct floor *floor, size_t workers)
{
	pthread_t threads[WORKERS_MAX + 1];
	size_t started = 0;
	while (started < workers + 1
		&& !pthread_create(&threads[started], NULL, started ? worker : finisher, floor))
		started++;
	bool enough = started > 1;
	if (enough)
		fill_all(floor);
	pthread_mutex_lock(&floor->lock);
	floor->last = true;
	floor->stopped |= !enough;
	pthread_cond_broadcast(&floor->changed);
	pthread_mutex_unlock(&floor->lock);
	while (started)
		pthread_join(threads[--started], NULL);
	return !floor->stopped;
}

bool crew_run(const struct crew *crew)
{
	static struct floor floor;
	size_t workers = worker_count();
	bool well = true;
	floor = (struct floor){ .crew = crew, .used = 2 * workers + 4 };
	pthread_mutex_init(&floor.lock, NULL);
	pthread_cond_init(&floor.changed, NULL);
	for (size_t i = 0; i < floor.used; i++)
		well = (floor.batches[i].arena = arena_new(FIRST_BLOCK)) && well;
	well = well && run(&floor, workers);
	for (size_t i = 0; i < floor.used; i++)
		arena_free(&floor.batches[i].arena);
	pthread_cond_destroy(&floor.changed);
	pthread_mutex_destroy(&floor.lock);
	return well;
}
