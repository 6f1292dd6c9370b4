/* SPDX-License-Identifier: BSD-2-Clause */
#include "notifier/saver.h"

#include "base/log.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
	STEP = 4096 /* pairs a transaction */,
	BLOCK = 64 * 1024,
	PAIRS_MOST = 1 << 20,
	RETRY_S = 1
};

/* What one commit writes, and who is told of it. */
struct batch {
	struct arena *arena;
	struct kv_pair *pairs;
	size_t count, capacity;
	struct saved *tell; /* newest first */
	uint64_t due;       /* when it is to be written; UINT64_MAX: nothing waits */
};

struct saver {
	struct loop *loop;
	struct store *store;
	pthread_t thread;
	bool started;
	struct post post;
	pthread_mutex_t lock; /* of all below */
	pthread_cond_t work;
	bool ending;
	struct batch filling, writing;
	struct saved *told; /* the loop has to call them, oldest first */
	unsigned failures;
};

static bool batch_new(struct batch *batch)
{
	*batch = (struct batch){ .arena = arena_new(BLOCK), .due = UINT64_MAX };
	return batch->arena != NULL;
}

static void batch_empty(struct batch *batch)
{
	arena_reset(batch->arena);
	batch->pairs = NULL;
	batch->count = batch->capacity = 0;
	batch->tell = NULL;
	batch->due = UINT64_MAX;
}

static bool batch_grow(struct batch *batch)
{
	if (batch->count < batch->capacity)
		return true;
	size_t capacity = batch->capacity ? 2 * batch->capacity : 64;
	struct kv_pair *pairs = arena_alloc(batch->arena, capacity * sizeof(*pairs));
	if (!pairs)
		return false;
	if (batch->count)
		memcpy(pairs, batch->pairs, batch->count * sizeof(*pairs));
	batch->pairs = pairs;
	batch->capacity = capacity;
	return true;
}

/* --- the thread --- */

/* Waits, under the lock, until something is due; false: the end, with nothing left. */
static bool wait_for_work(struct saver *saver)
{
	while (!saver->ending) {
		uint64_t due = saver->filling.due, now = loop_wall_clock();
		if (due <= now)
			return true;
		struct timespec until = { (time_t)(due / 1000), (long)(due % 1000) * 1000000 };
		if (due == UINT64_MAX)
			pthread_cond_wait(&saver->work, &saver->lock);
		else
			pthread_cond_timedwait(&saver->work, &saver->lock, &until);
	}
	return saver->filling.count || saver->filling.tell;
}

static bool write_pairs(struct saver *saver, const struct batch *batch)
{
	for (size_t i = 0; i < batch->count; i += STEP) {
		size_t count = batch->count - i < STEP ? batch->count - i : STEP;
		if (kv_write(saver->store, batch->pairs[i].table, batch->pairs + i, count)
			!= STORE_OK) {
			log_event(LEVEL_ERROR, "store",
				"the notifier's state cannot be written: %s", store_problem());
			return false;
		}
	}
	return true;
}

/* Hands those who asked over to the loop, under the lock. */
static void hand_over(struct saver *saver, bool well)
{
	struct saved *oldest = NULL;
	while (saver->writing.tell) {
		struct saved *one = saver->writing.tell;
		saver->writing.tell = one->next;
		one->well = well;
		one->next = oldest;
		oldest = one;
	}
	struct saved **last = &saver->told;
	while (*last)
		last = &(*last)->next;
	*last = oldest;
	if (oldest)
		loop_post(saver->loop, &saver->post);
}

static void rest_after_failure(struct saver *saver)
{
	struct timespec until;
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += RETRY_S;
	while (!saver->ending && !pthread_cond_timedwait(&saver->work, &saver->lock, &until))
		;
}

/* One batch until it is on disk; at the end it is tried once. */
static void write_batch(struct saver *saver)
{
	for (bool well = false; !well;) {
		pthread_mutex_unlock(&saver->lock);
		well = write_pairs(saver, &saver->writing);
		pthread_mutex_lock(&saver->lock);
		saver->failures = well ? 0 : saver->failures + 1;
		hand_over(saver, well);
		if (!well && saver->ending)
			return;
		if (!well)
			rest_after_failure(saver);
	}
}

static void *work(void *context)
{
	struct saver *saver = context;
	pthread_mutex_lock(&saver->lock);
	while (wait_for_work(saver)) {
		struct batch full = saver->filling;
		saver->filling = saver->writing;
		saver->writing = full;
		write_batch(saver);
		batch_empty(&saver->writing);
	}
	pthread_mutex_unlock(&saver->lock);
	return NULL;
}

/* --- the loop --- */

static void tell_all(void *context)
{
	struct saver *saver = context;
	for (;;) {
		pthread_mutex_lock(&saver->lock);
		struct saved *one = saver->told;
		if (one)
			saver->told = one->next;
		pthread_mutex_unlock(&saver->lock);
		if (!one)
			return;
		one->done(one->context, one->well);
	}
}

static bool start_thread(struct saver *saver)
{
	sigset_t all, former;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &former);
	saver->started = !pthread_create(&saver->thread, NULL, work, saver);
	pthread_sigmask(SIG_SETMASK, &former, NULL);
	return saver->started;
}

bool saver_new(struct saver **out, struct loop *loop, struct store *store)
{
	struct saver *saver = calloc(1, sizeof(*saver));
	if (!saver)
		return false;
	saver->loop = loop;
	saver->store = store;
	saver->post = (struct post){ .run = tell_all, .context = saver };
	pthread_mutex_init(&saver->lock, NULL);
	pthread_cond_init(&saver->work, NULL);
	if (!batch_new(&saver->filling) || !batch_new(&saver->writing) || !start_thread(saver)) {
		saver_free(&saver);
		return false;
	}
	*out = saver;
	return true;
}

bool saver_free(struct saver **saver)
{
	struct saver *old = *saver;
	if (!old)
		return true;
	if (old->started) {
		pthread_mutex_lock(&old->lock);
		old->ending = true;
		pthread_cond_signal(&old->work);
		pthread_mutex_unlock(&old->lock);
		pthread_join(old->thread, NULL);
	}
	loop_unpost(old->loop, &old->post);
	arena_free(&old->filling.arena);
	arena_free(&old->writing.arena);
	pthread_cond_destroy(&old->work);
	pthread_mutex_destroy(&old->lock);
	bool well = !old->failures;
	free(old);
	*saver = NULL;
	return well;
}

/* Under the lock. */
static void make_due(struct saver *saver, uint64_t due)
{
	if (due >= saver->filling.due)
		return;
	saver->filling.due = due;
	pthread_cond_signal(&saver->work);
}

bool saver_put(struct saver *saver, const char *table, struct span key, struct span value,
	uint64_t most_ms)
{
	pthread_mutex_lock(&saver->lock);
	struct batch *batch = &saver->filling;
	bool well = batch->count < PAIRS_MOST && batch_grow(batch);
	struct kv_pair pair = { .table = table };
	if (well) {
		pair.key = arena_copy(batch->arena, key);
		if (value.data)
			pair.value = arena_copy(batch->arena, value);
		well = pair.key.data && (pair.value.data || !value.data);
	}
	if (well) {
		batch->pairs[batch->count++] = pair;
		make_due(saver, loop_wall_clock() + most_ms);
	}
	pthread_mutex_unlock(&saver->lock);
	return well;
}

void saver_tell(struct saver *saver, struct saved *saved)
{
	pthread_mutex_lock(&saver->lock);
	saved->next = saver->filling.tell;
	saver->filling.tell = saved;
	make_due(saver, 0);
	pthread_mutex_unlock(&saver->lock);
}

static void take_out(struct saved **list, const struct saved *saved)
{
	while (*list && *list != saved)
		list = &(*list)->next;
	if (*list)
		*list = saved->next;
}

void saver_forget(struct saver *saver, struct saved *saved)
{
	pthread_mutex_lock(&saver->lock);
	take_out(&saver->filling.tell, saved);
	take_out(&saver->writing.tell, saved);
	take_out(&saver->told, saved);
	pthread_mutex_unlock(&saver->lock);
}

unsigned saver_failures(const struct saver *saver)
{
	struct saver *locked = (struct saver *)(uintptr_t)saver;
	pthread_mutex_lock(&locked->lock);
	unsigned failures = saver->failures;
	pthread_mutex_unlock(&locked->lock);
	return failures;
}
