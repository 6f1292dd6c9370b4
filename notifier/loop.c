/* SPDX-License-Identifier: BSD-2-Clause */
#include "notifier/loop.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

enum { BATCH = 256 };

struct loop {
	int epoll, waker;
	uint64_t now;
	atomic_bool stopping;
	/* events of this turn; one that was unwatched meanwhile has no watch any more */
	struct epoll_event batch[BATCH];
	int batch_size;
	/* a heap: heap[1] is due first; heap[0] is not used */
	struct timer **heap;
	size_t heap_size, heap_capacity;
	pthread_mutex_t lock;
	struct post *first, **last; /* under the lock */
};

static uint64_t clock_of(clockid_t id)
{
	struct timespec now;
	clock_gettime(id, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

uint64_t loop_wall_clock(void)
{
	return clock_of(CLOCK_REALTIME);
}

uint64_t loop_now(const struct loop *loop)
{
	return loop->now;
}

bool loop_new(struct loop **out)
{
	struct loop *loop = calloc(1, sizeof(*loop));
	if (!loop)
		return false;
	loop->last = &loop->first;
	pthread_mutex_init(&loop->lock, NULL);
	loop->epoll = epoll_create1(EPOLL_CLOEXEC);
	loop->waker = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	struct epoll_event waked = { .events = EPOLLIN, .data.ptr = loop };
	if (loop->epoll < 0 || loop->waker < 0
		|| epoll_ctl(loop->epoll, EPOLL_CTL_ADD, loop->waker, &waked)) {
		int problem = errno;
		loop_free(&loop);
		errno = problem;
		return false;
	}
	loop->now = clock_of(CLOCK_MONOTONIC);
	*out = loop;
	return true;
}

void loop_free(struct loop **loop)
{
	if (!*loop)
		return;
	if ((*loop)->epoll >= 0)
		close((*loop)->epoll);
	if ((*loop)->waker >= 0)
		close((*loop)->waker);
	pthread_mutex_destroy(&(*loop)->lock);
	free((*loop)->heap);
	free(*loop);
	*loop = NULL;
}

static void wake(const struct loop *loop)
{
	uint64_t one = 1;
	while (write(loop->waker, &one, sizeof(one)) < 0 && errno == EINTR)
		;
}

void loop_stop(struct loop *loop)
{
	atomic_store(&loop->stopping, true);
	wake(loop);
}

/* --- sockets --- */

bool loop_watch(struct loop *loop, struct watch *watch, uint32_t events)
{
	struct epoll_event wanted = { .events = events, .data.ptr = watch };
	int operation = watch->watched ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
	if (epoll_ctl(loop->epoll, operation, watch->fd, &wanted))
		return false;
	watch->watched = true;
	return true;
}

void loop_unwatch(struct loop *loop, struct watch *watch)
{
	if (!watch->watched)
		return;
	epoll_ctl(loop->epoll, EPOLL_CTL_DEL, watch->fd, NULL);
	watch->watched = false;
	for (int i = 0; i < loop->batch_size; i++)
		if (loop->batch[i].data.ptr == watch)
			loop->batch[i].data.ptr = NULL;
}

/* --- timers --- */

static void place(struct loop *loop, size_t at, struct timer *timer)
{
	loop->heap[at] = timer;
	timer->place = at;
}

static void rise(struct loop *loop, size_t at, struct timer *timer)
{
	for (; at > 1 && loop->heap[at / 2]->due > timer->due; at /= 2)
		place(loop, at, loop->heap[at / 2]);
	place(loop, at, timer);
}

static void sink(struct loop *loop, size_t at, struct timer *timer)
{
	for (size_t child; (child = 2 * at) <= loop->heap_size; at = child) {
		if (child < loop->heap_size && loop->heap[child + 1]->due < loop->heap[child]->due)
			child++;
		if (loop->heap[child]->due >= timer->due)
			break;
		place(loop, at, loop->heap[child]);
	}
	place(loop, at, timer);
}

static bool grow(struct loop *loop)
{
	if (loop->heap_size + 1 < loop->heap_capacity)
		return true;
	size_t capacity = loop->heap_capacity ? 2 * loop->heap_capacity : 64;
	struct timer **heap = realloc(loop->heap, capacity * sizeof(struct timer *));
	if (!heap)
		return false;
	loop->heap = heap;
	loop->heap_capacity = capacity;
	return true;
}

bool timer_set(struct loop *loop, struct timer *timer, uint64_t due)
{
	if (!timer->place) {
		if (!grow(loop))
			return false;
		timer->due = due;
		rise(loop, ++loop->heap_size, timer);
		return true;
	}
	bool earlier = due < timer->due;
	timer->due = due;
	if (earlier)
		rise(loop, timer->place, timer);
	else
		sink(loop, timer->place, timer);
	return true;
}

void timer_stop(struct loop *loop, struct timer *timer)
{
	size_t at = timer->place;
	if (!at)
		return;
	timer->place = 0;
	struct timer *moved = loop->heap[loop->heap_size--];
	if (moved == timer)
		return;
	if (at > 1 && loop->heap[at / 2]->due > moved->due)
		rise(loop, at, moved);
	else
		sink(loop, at, moved);
}

/* Those that are due now; what they set for now waits for the next turn, so that sockets are heard.
 */
static void fire_due(struct loop *loop)
{
	for (size_t most = loop->heap_size; most && loop->heap_size; most--) {
		struct timer *timer = loop->heap[1];
		if (timer->due > loop->now)
			return;
		timer_stop(loop, timer);
		timer->fire(timer->context);
	}
}

static int until_next(const struct loop *loop)
{
	if (!loop->heap_size)
		return -1;
	uint64_t due = loop->heap[1]->due;
	if (due <= loop->now)
		return 0;
	return due - loop->now > INT32_MAX ? INT32_MAX : (int)(due - loop->now);
}

/* --- posts --- */

void loop_post(struct loop *loop, struct post *post)
{
	pthread_mutex_lock(&loop->lock);
	bool first = !loop->first;
	if (!post->posted) {
		post->posted = true;
		post->next = NULL;
		*loop->last = post;
		loop->last = &post->next;
	}
	pthread_mutex_unlock(&loop->lock);
	if (first)
		wake(loop);
}

void loop_unpost(struct loop *loop, struct post *post)
{
	pthread_mutex_lock(&loop->lock);
	for (struct post **link = &loop->first; post->posted && *link; link = &(*link)->next)
		if (*link == post) {
			*link = post->next;
			if (loop->last == &post->next)
				loop->last = link;
			post->posted = false;
			break;
		}
	pthread_mutex_unlock(&loop->lock);
}

static struct post *take_post(struct loop *loop)
{
	pthread_mutex_lock(&loop->lock);
	struct post *post = loop->first;
	if (post) {
		loop->first = post->next;
		if (!loop->first)
			loop->last = &loop->first;
		post->posted = false;
	}
	pthread_mutex_unlock(&loop->lock);
	return post;
}

/* Those that wait when it begins; posts of posts come with the next turn. */
static void run_posts(struct loop *loop)
{
	uint64_t count;
	while (read(loop->waker, &count, sizeof(count)) > 0)
		;
	pthread_mutex_lock(&loop->lock);
	size_t waiting = 0;
	for (const struct post *post = loop->first; post; post = post->next)
		waiting++;
	pthread_mutex_unlock(&loop->lock);
	while (waiting--) {
		struct post *post = take_post(loop);
		if (!post)
			return;
		post->run(post->context);
	}
	pthread_mutex_lock(&loop->lock);
	bool more = loop->first != NULL;
	pthread_mutex_unlock(&loop->lock);
	if (more)
		wake(loop);
}

/* --- the loop --- */

static void serve_batch(struct loop *loop)
{
	bool posts = false;
	for (int i = 0; i < loop->batch_size; i++) {
		struct watch *watch = loop->batch[i].data.ptr;
		if ((void *)watch == (void *)loop)
			posts = true;
		else if (watch)
			watch->ready(watch->context, loop->batch[i].events);
	}
	loop->batch_size = 0;
	if (posts)
		run_posts(loop);
}

bool loop_run(struct loop *loop)
{
	while (!atomic_load(&loop->stopping)) {
		loop->now = clock_of(CLOCK_MONOTONIC);
		int count = epoll_wait(loop->epoll, loop->batch, BATCH, until_next(loop));
		if (count < 0 && errno != EINTR)
			return false;
		loop->now = clock_of(CLOCK_MONOTONIC);
		loop->batch_size = count > 0 ? count : 0;
		serve_batch(loop);
		fire_due(loop);
	}
	atomic_store(&loop->stopping, false);
	return true;
}
