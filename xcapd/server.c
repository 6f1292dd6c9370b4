/* SPDX-License-Identifier: BSD-2-Clause */
#include "xcapd/server.h"

#include "base/owner.h"
#include "xcapd/commit.h"
#include "xcapd/lane.h"
#include "xcapd/pool.h"
#include "xcapd/spare.h"
#include "xcapd/tls.h"
#include "xcapd/verdicts.h"

#include <stdlib.h>
#include <sys/random.h>
#include <time.h>

/* Rows that one trimming transaction removes: small, so that no writer waits long for it. */
enum { TRIM_STEP = 500, TRIM_STEPS = 200 };
enum { UPKEEP_EVERY = 60 * 1000 * 1000 /* microseconds */ };

uint64_t clock_ms(void)
{
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static uint64_t microseconds(clockid_t clock)
{
	struct timespec now;
	clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

uint64_t clock_microseconds(void)
{
	return microseconds(CLOCK_MONOTONIC);
}

uint64_t clock_about(void)
{
	return microseconds(CLOCK_MONOTONIC_COARSE);
}

struct live *live_new(struct settings *settings, struct usages *usages, struct tls *tls)
{
	struct live *live = malloc(sizeof(*live));
	if (!live)
		return NULL;
	static atomic_ullong serials;
	atomic_init(&live->holders, 1);
	live->serial = atomic_fetch_add(&serials, 1) + 1;
	live->settings = settings;
	live->usages = usages;
	live->tls = tls;
	return live;
}

struct live *live_load(const char *path, FILE *problems)
{
	struct settings *settings;
	struct usages *usages = NULL;
	if (!settings_load(&settings, path, problems))
		return NULL;
	struct live *live = NULL;
	struct tls *tls = NULL;
	bool good = tls_load(&tls, settings, problems);
	if (usages_load(&usages, settings->usage.definitions.data, settings->usage.schemas.data,
		    problems)
		&& good)
		live = live_new(settings, usages, tls);
	if (!live) {
		tls_release(tls);
		if (usages)
			usages_unref(&usages);
		settings_free(&settings);
	}
	return live;
}

struct live *server_hold(struct server *server)
{
	pthread_mutex_lock(&server->live_lock);
	struct live *live = server->live;
	atomic_fetch_add_explicit(&live->holders, 1, memory_order_relaxed);
	pthread_mutex_unlock(&server->live_lock);
	return live;
}

void live_release(struct live *live)
{
	if (!live || atomic_fetch_sub_explicit(&live->holders, 1, memory_order_acq_rel) != 1)
		return;
	usages_unref(&live->usages);
	tls_release(live->tls);
	settings_free(&live->settings);
	free(live);
}

void server_replace(struct server *server, struct live *live)
{
	pthread_mutex_lock(&server->live_lock);
	struct live *former = server->live;
	if (!live->tls)
		live->tls = tls_hold(former->tls);
	server->live = live;
	pthread_mutex_unlock(&server->live_lock);
	live_release(former);
}

static bool open_store(
	struct server *server, const struct settings *settings, FILE *problems, int *status_out)
{
	struct store_settings wanted = store_settings_of(settings);
	wanted.create = true;
	enum store_result result = store_open(&server->store, &wanted);
	if (result == STORE_OK)
		return true;
	fprintf(problems, "store %s: %s\n", wanted.path, store_problem());
	*status_out = result == STORE_UNUSABLE ? 2 : 1;
	return false;
}

bool server_start(struct server *server, struct live *live, FILE *problems, int *status_out)
{
	pthread_mutex_init(&server->live_lock, NULL);
	server->live = live;
	if (!open_store(server, live->settings, problems, status_out))
		return false;
	*status_out = 1;
	if (getrandom(&server->id_prefix, sizeof(server->id_prefix), 0) < 0
		|| !auth_new(&server->auth, server->store)
		|| !pool_start(&server->pool, live->settings->http.threads)
		|| !committer_start(&server->committer, server->store)
		|| !lanes_new(&server->lanes, server) || !verdicts_new(&server->verdicts)
		|| !spares_new(&server->spares)) {
		fprintf(problems, "cannot start threads: out of memory or over a limit\n");
		return false;
	}
	return true;
}

void server_stop(struct server *server)
{
	pool_stop(&server->pool);
	committer_stop(&server->committer);
	lanes_free(&server->lanes);
	verdicts_free(&server->verdicts);
	spares_free(&server->spares);
	auth_free(&server->auth);
	if (server->store)
		store_close(&server->store);
	live_release(server->live);
	server->live = NULL;
	pthread_mutex_destroy(&server->live_lock);
}

static void trim(struct server *server)
{
	bool more = true;
	for (int step = 0; more && step < TRIM_STEPS; step++)
		if (store_trim(server->store, clock_ms(), TRIM_STEP, &more) != STORE_OK) {
			log_event(LEVEL_WARNING, "store", "trimming the feed: %s", store_problem());
			return;
		}
}

static void upkeep(struct job *job)
{
	struct server *server = OWNER_OF(struct server, upkeep, job);
	store_clear_readers(server->store);
	trim(server);
	atomic_store(&server->upkeep_runs, false);
}

void server_tick(struct server *server)
{
	uint64_t now = clock_microseconds();
	struct live *live = server_hold(server);
	committer_tick(server->committer, now, live->settings->limits.timeout_ms * 1000);
	live_release(live);
	if (!server->next_upkeep)
		server->next_upkeep = now + UPKEEP_EVERY;
	if (now < server->next_upkeep || atomic_exchange(&server->upkeep_runs, true))
		return;
	server->next_upkeep = now + UPKEEP_EVERY;
	server->upkeep.run = upkeep;
	pool_add(server->pool, &server->upkeep);
}
