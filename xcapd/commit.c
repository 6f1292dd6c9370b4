/* SPDX-License-Identifier: BSD-2-Clause */
#include "xcapd/commit.h"

#include "base/log.h"
#include "xcapd/metrics.h"

#include <pthread.h>
#include <stdlib.h>

/* One batch: as many writes and octets as a sync should carry, found among this many waiting ones.
 */
enum {
	BATCH_WRITES = 256,
	BATCH_OCTETS = 4 << 20,
	SMALL = 16 << 10,
	LOOK_AHEAD = 1024,
	WAITING_MOST = 50000
};

struct committer {
	struct store *store;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t filled;
	struct ticket *first, **last;
	size_t waiting;
	bool stopping, stuck;
	bool shared; /* the last batch, or what waited at its end, made it several writes */
	uint64_t running_since; /* clock_microseconds; 0: no batch is running, on any thread */
};

struct batch {
	struct ticket *tickets[BATCH_WRITES];
	struct write *writes[BATCH_WRITES];
	size_t count, octets;
};

static bool passed_over(struct ticket *const *skipped, size_t count, const struct doc_id *id)
{
	for (size_t i = 0; i < count; i++)
		if (doc_id_equal(&skipped[i]->write.id, id))
			return true;
	return false;
}

/* Unlinks a batch from the queue: everything in order, except that a write which would make the
 * batch too big waits, and with it all later ones of its document. */
static void collect(struct committer *committer, struct batch *batch)
{
	struct ticket *skipped[BATCH_WRITES];
	size_t skips = 0, looked = 0;
	struct ticket **link = &committer->first;
	batch->count = batch->octets = 0;
	while (*link && batch->count < BATCH_WRITES && skips < BATCH_WRITES
		&& looked++ < LOOK_AHEAD) {
		struct ticket *ticket = *link;
		size_t size = ticket->write.body.size;
		bool fits = !batch->count || size <= SMALL || batch->octets + size <= BATCH_OCTETS;
		if (!fits || passed_over(skipped, skips, &ticket->write.id)) {
			skipped[skips++] = ticket;
			link = &ticket->next;
			continue;
		}
		*link = ticket->next;
		if (!ticket->next)
			committer->last = link;
		batch->tickets[batch->count] = ticket;
		batch->writes[batch->count++] = &ticket->write;
		batch->octets += size;
	}
	committer->waiting -= batch->count;
}

static bool next_batch(struct committer *committer, struct batch *batch)
{
	pthread_mutex_lock(&committer->lock);
	while (committer->running_since || (!committer->first && !committer->stopping))
		pthread_cond_wait(&committer->filled, &committer->lock);
	bool any = committer->first != NULL;
	if (any)
		collect(committer, batch);
	committer->running_since = any ? clock_microseconds() : 0;
	pthread_mutex_unlock(&committer->lock);
	return any;
}

static void batch_ended(struct committer *committer, size_t count)
{
	pthread_mutex_lock(&committer->lock);
	committer->running_since = 0;
	committer->shared = count + committer->waiting > 1;
	committer->stuck = false;
	bool more = committer->first != NULL;
	pthread_mutex_unlock(&committer->lock);
	if (more) /* it came while another thread had the turn */
		pthread_cond_signal(&committer->filled);
}

static void run_batch(struct committer *committer, struct batch *batch)
{
	uint64_t start = clock_microseconds();
	enum store_result result = store_apply(committer->store, batch->writes, batch->count);
	batch_ended(committer, batch->count);
	metrics_commit(batch->count, clock_microseconds() - start);
	if (result != STORE_OK)
		log_event(LEVEL_ERROR, "store", "a commit of %zu writes failed: %s", batch->count,
			store_problem());
	for (size_t i = 0; i < batch->count; i++)
		batch->tickets[i]->done(batch->tickets[i]);
}

static void *commit(void *data)
{
	struct committer *committer = data;
	struct batch batch;
	while (next_batch(committer, &batch))
		run_batch(committer, &batch);
	return NULL;
}

bool committer_start(struct committer **out, struct store *store)
{
	struct committer *committer = calloc(1, sizeof(*committer));
	*out = committer;
	if (!committer)
		return false;
	committer->store = store;
	committer->last = &committer->first;
	pthread_mutex_init(&committer->lock, NULL);
	pthread_cond_init(&committer->filled, NULL);
	if (pthread_create(&committer->thread, NULL, commit, committer)) {
		free(committer);
		*out = NULL;
		return false;
	}
	return true;
}

bool committer_add(struct committer *committer, struct ticket *ticket)
{
	ticket->next = NULL;
	pthread_mutex_lock(&committer->lock);
	bool room = committer->waiting < WAITING_MOST && !committer->stuck;
	bool idle = !committer->running_since; /* else who runs looks when it has ended */
	if (room) {
		*committer->last = ticket;
		committer->last = &ticket->next;
		committer->waiting++;
	}
	pthread_mutex_unlock(&committer->lock);
	if (room && idle) /* not before: it would wake up to wait for the lock */
		pthread_cond_signal(&committer->filled);
	return room;
}

bool committer_take(struct committer *committer)
{
	pthread_mutex_lock(&committer->lock);
	bool taken = !committer->first && !committer->running_since && !committer->shared;
	if (taken)
		committer->running_since = clock_microseconds();
	pthread_mutex_unlock(&committer->lock);
	return taken;
}

void committer_run(struct committer *committer, struct ticket *ticket)
{
	struct batch batch;
	batch.tickets[0] = ticket;
	batch.writes[0] = &ticket->write;
	batch.count = 1;
	run_batch(committer, &batch);
}

void committer_tick(struct committer *committer, uint64_t now, uint64_t patience)
{
	struct ticket *refused = NULL;
	pthread_mutex_lock(&committer->lock);
	uint64_t since = committer->running_since;
	if (since && now > since && now - since > patience) {
		if (!committer->stuck)
			log_event(LEVEL_ERROR, "store",
				"a commit does not get its turn: another process holds the store; "
				"changes are refused");
		committer->stuck = true;
		refused = committer->first;
		committer->first = NULL;
		committer->last = &committer->first;
		committer->waiting = 0;
	}
	pthread_mutex_unlock(&committer->lock);
	while (refused) {
		struct ticket *ticket = refused;
		refused = ticket->next;
		ticket->write.result = STORE_FAILED;
		ticket->done(ticket);
	}
}

bool committer_stuck(struct committer *committer)
{
	pthread_mutex_lock(&committer->lock);
	bool stuck = committer->stuck;
	pthread_mutex_unlock(&committer->lock);
	return stuck;
}

void committer_stop(struct committer **out)
{
	struct committer *committer = *out;
	if (!committer)
		return;
	pthread_mutex_lock(&committer->lock);
	committer->stopping = true;
	pthread_cond_signal(&committer->filled);
	pthread_mutex_unlock(&committer->lock);
	pthread_join(committer->thread, NULL);
	pthread_cond_destroy(&committer->filled);
	pthread_mutex_destroy(&committer->lock);
	free(committer);
	*out = NULL;
}
