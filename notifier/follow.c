/* SPDX-License-Identifier: BSD-2-Clause */
#include "notifier/follow.h"

#include "base/log.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

enum { LOOK_EVERY_MS = 1000 };

struct follow {
	struct loop *loop;
	struct watch bell;
	struct timer look;
	struct post first; /* rings those who joined */
	struct follower *followers;
};

static void ring(struct follow *follow)
{
	struct follower *next;
	for (struct follower *one = follow->followers; one; one = next) {
		next = one->next;
		one->rang(one->context);
	}
}

static void bell_rang(void *context, uint32_t events)
{
	struct follow *follow = context;
	char octets[64];
	(void)events;
	while (read(follow->bell.fd, octets, sizeof(octets)) > 0)
		;
	ring(follow);
}

/* A bell may be lost (a full socket, another notifier that took it): nobody waits longer than this.
 */
static void look(void *context)
{
	struct follow *follow = context;
	ring(follow);
	timer_set(follow->loop, &follow->look, loop_now(follow->loop) + LOOK_EVERY_MS);
}

static void ring_first(void *context)
{
	ring(context);
}

bool follow_new(struct follow **out, struct loop *loop, struct store *store)
{
	struct follow *follow = calloc(1, sizeof(*follow));
	if (!follow)
		return false;
	follow->loop = loop;
	follow->bell = (struct watch){ store_doorbell(store), bell_rang, follow, false };
	follow->look = (struct timer){ .fire = look, .context = follow };
	follow->first = (struct post){ .run = ring_first, .context = follow };
	if (follow->bell.fd < 0 || !loop_watch(loop, &follow->bell, EPOLLIN)
		|| !timer_set(loop, &follow->look, loop_now(loop) + LOOK_EVERY_MS)) {
		log_event(LEVEL_ERROR, "feed", "cannot listen for changes: %s", strerror(errno));
		follow_free(&follow);
		return false;
	}
	*out = follow;
	return true;
}

void follow_free(struct follow **follow)
{
	if (!*follow)
		return;
	struct follow *old = *follow;
	loop_unwatch(old->loop, &old->bell);
	timer_stop(old->loop, &old->look);
	loop_unpost(old->loop, &old->first);
	if (old->bell.fd >= 0)
		close(old->bell.fd);
	free(old);
	*follow = NULL;
}

void follow_join(struct follow *follow, struct follower *follower)
{
	follower->next = follow->followers;
	follower->link = &follow->followers;
	if (follower->next)
		follower->next->link = &follower->next;
	follow->followers = follower;
	loop_post(follow->loop, &follow->first);
}

void follow_leave(struct follow *follow, struct follower *follower)
{
	(void)follow;
	if (!follower->link)
		return;
	*follower->link = follower->next;
	if (follower->next)
		follower->next->link = follower->link;
	follower->link = NULL;
}
