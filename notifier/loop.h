/* SPDX-License-Identifier: BSD-2-Clause */
/* The one loop of xcap-notifier: sockets (epoll), timers (a heap), and what other threads hand
 * over.
 *
 * All calls but loop_post and loop_stop are for the loop's own thread. Times are milliseconds of a
 * monotonic clock. Watches, timers and posts belong to their owners and are linked in, not copied:
 * an owner takes them out before it goes away. Every call may be made from within a callback.
 */
#ifndef XCAPD_NOTIFIER_LOOP_H
#define XCAPD_NOTIFIER_LOOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct loop; /* opaque */

bool loop_new(struct loop **out);   /* false: errno */
void loop_free(struct loop **loop); /* leaves NULL behind */

/* Serves until loop_stop. False: the kernel refused to wait (errno). */
bool loop_run(struct loop *loop);
void loop_stop(struct loop *loop); /* any thread, or a signal handler */

/* When the callbacks of this turn began: cheap, and the same for all of them. */
uint64_t loop_now(const struct loop *loop);
/* Milliseconds since 1970, for what is written down. */
uint64_t loop_wall_clock(void);

/* --- sockets --- */

/* events: EPOLLIN, EPOLLOUT, .. of <sys/epoll.h>, level-triggered */
struct watch {
	int fd;
	void (*ready)(void *context, uint32_t events);
	void *context;
	bool watched; /* the loop's */
};

/* Begins, or changes what is waited for. False: errno. */
bool loop_watch(struct loop *loop, struct watch *watch, uint32_t events);
/* Before the fd is closed. No callback comes after it, not in this turn either. Not watched: fine.
 */
void loop_unwatch(struct loop *loop, struct watch *watch);

/* --- timers: O(log n) to set and stop --- */

struct timer {
	void (*fire)(void *context);
	void *context;
	uint64_t due;
	size_t place; /* the loop's: 0 when it is not set */
};

/* Sets, or moves. Fires once, never before `due`. False without memory. */
bool timer_set(struct loop *loop, struct timer *timer, uint64_t due);
void timer_stop(struct loop *loop, struct timer *timer);
static inline bool timer_is_set(const struct timer *timer)
{
	return timer->place != 0;
}

/* --- later --- */

struct post {
	void (*run)(void *context);
	void *context;
	struct post *next; /* the loop's */
	bool posted;       /* the loop's */
};

/* Runs it once on the loop's thread, soon; any thread. Posted already: nothing more happens. Posts
 * run in the order they came. */
void loop_post(struct loop *loop, struct post *post);
/* Takes one back that has not run. The loop's thread. */
void loop_unpost(struct loop *loop, struct post *post);

#endif
