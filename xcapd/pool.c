/* SPDX-License-Identifier: BSD-2-Clause */
#include "xcapd/pool.h"

#include <pthread.h>
#include <stdlib.h>

struct pool {
	pthread_mutex_t lock;
	pthread_cond_t filled;
	struct job *first, **last;
	bool stopping;
	size_t count;
	pthread_t threads[];
};

static struct job *take(struct pool *pool)
{
	pthread_mutex_lock(&pool->lock);
	while (!pool->first && !pool->stopping)
		pthread_cond_wait(&pool->filled, &pool->lock);
	struct job *job = pool->first;
	if (job) {
		pool->first = job->next;
		if (!pool->first)
			pool->last = &pool->first;
	}
	pthread_mutex_unlock(&pool->lock);
	return job;
}

static void *work(void *data)
{
	struct pool *pool = data;
	struct job *job;
	while ((job = take(pool)))
		job->run(job);
	return NULL;
}

bool pool_start(struct pool **out, size_t threads)
{
	struct pool *pool = calloc(1, sizeof(*pool) + threads * sizeof(pool->threads[0]));
	*out = pool;
	if (!pool)
		return false;
	pthread_mutex_init(&pool->lock, NULL);
	pthread_cond_init(&pool->filled, NULL);
	pool->last = &pool->first;
	while (pool->count < threads) {
		if (pthread_create(&pool->threads[pool->count], NULL, work, pool)) {
			pool_stop(out);
			return false;
		}
		pool->count++;
	}
	return true;
}

void pool_add(struct pool *pool, struct job *job)
{
	job->next = NULL;
	pthread_mutex_lock(&pool->lock);
	*pool->last = job;
	pool->last = &job->next;
	pthread_cond_signal(&pool->filled);
	pthread_mutex_unlock(&pool->lock);
}

void pool_stop(struct pool **out)
{
	struct pool *pool = *out;
	if (!pool)
		return;
	pthread_mutex_lock(&pool->lock);
	pool->stopping = true;
	pthread_cond_broadcast(&pool->filled);
	pthread_mutex_unlock(&pool->lock);
	for (size_t i = 0; i < pool->count; i++)
		pthread_join(pool->threads[i], NULL);
	pthread_cond_destroy(&pool->filled);
	pthread_mutex_destroy(&pool->lock);
	free(pool);
	*out = NULL;
}
