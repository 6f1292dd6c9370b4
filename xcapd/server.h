/* SPDX-License-Identifier: BSD-2-Clause */
/* What all requests share, and the part of it that a SIGHUP replaces.
 *
 * A request holds one struct live from its first header to its answer, so a reload never changes
 * the rules under it; the last holder frees the old set.
 */
#ifndef XCAPD_XCAPD_SERVER_H
#define XCAPD_XCAPD_SERVER_H

#include "auids/usage.h"
#include "auth/auth.h"
#include "base/settings.h"
#include "store/store.h"
#include "xcapd/pool.h"

#include <pthread.h>
#include <stdatomic.h>

struct committer;
struct lanes;
struct verdicts;
struct spares;
struct tls;

/* Settings, usages and certificate that belong together. */
struct live {
	atomic_uint holders;
	uint64_t serial; /* of this process: no two sets have the same */
	struct settings *settings;
	struct usages *usages;
	struct tls *tls; /* of connections to come; NULL: none */
};

struct server {
	struct store *store;
	struct auth *auth;
	struct committer *committer;
	struct pool *pool;
	struct lanes *lanes;
	struct verdicts *verdicts;
	struct spares *spares;
	pthread_mutex_t live_lock;
	struct live *live;
	uint32_t id_prefix; /* of request ids: random for each process */
	atomic_uint id_next;
	atomic_uint active;   /* requests between their headers and their last octet */
	uint64_t next_upkeep; /* clock_microseconds */
	atomic_bool upkeep_runs;
	struct job upkeep;
	atomic_bool draining; /* stopping: answers close their connection */
};

/* Takes over settings, usages and certificate; NULL without memory. */
struct live *live_new(struct settings *settings, struct usages *usages, struct tls *tls);
struct live *server_hold(struct server *server);
void live_release(struct live *live);
/* A certificate stays when the new set has none: listeners speak TLS or not until a restart. */
void server_replace(struct server *server, struct live *live);

/* Reads configuration, usages and certificate. NULL: what is wrong was told to `problems`;
 * *configuration_ok_out says whether the configuration itself was fine. */
struct live *live_load(const char *path, FILE *problems);

/* Opens the store, starts the threads that all requests share. `live` becomes the server's. False:
 * told to `problems`; *status_out is the exit status. */
bool server_start(struct server *server, struct live *live, FILE *problems, int *status_out);
/* Drains what was handed to the committer, then frees all. */
void server_stop(struct server *server);

/* Called every 50 ms or so, never waits: once a minute it has the pool trim the feed by age, in
 * small steps, and free slots of dead readers; and it refuses changes that wait behind a commit
 * which does not get its turn. */
void server_tick(struct server *server);

uint64_t clock_ms(void);           /* since 1970 */
uint64_t clock_microseconds(void); /* monotonic */
uint64_t clock_about(void);        /* the same, up to some milliseconds behind; cheaper */

#endif
