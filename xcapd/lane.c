/* SPDX-License-Identifier: BSD-2-Clause */
#include "xcapd/lane.h"

#include "base/owner.h"
#include "xcapd/handlers.h"
#include "xcapd/part.h"

#include <stdlib.h>

/* An edit that was overtaken so often gives up. */
enum { BUCKETS = 1024, OVERTAKEN_MOST = 50 };

/* All below is guarded by lanes.lock. A lane exists while anybody edits its document. */
struct lane {
	struct lane *next;
	struct lanes *lanes;
	const struct doc_id *id; /* of `namer`, which is held for it */
	struct request *namer;
	struct request *waiting; /* by arrival */
	struct request *tip;     /* the last one prepared, not yet on disk; held */
	bool preparing;          /* one thread is at it, or the pool will be */
	bool has_turn;           /* that thread is to commit the tip when it lets go of the lock */
	size_t in_flight;        /* handed to the committer, not yet done */
	uint64_t failures;       /* edits that did not come to be */
	bool draining; /* one of them failed: what stands on it will, too; nothing is prepared
			  until they are done, for they look at each other's results */
	struct job job;
};

struct lanes {
	pthread_mutex_t lock;
	struct server *server;
	uint64_t arrivals;
	struct lane *buckets[BUCKETS];
};

static void lane_run(struct job *job);

static size_t bucket_of(const struct doc_id *id)
{
	const struct span parts[] = { id->auid, id->xui, id->path };
	uint32_t hash = 2166136261u;
	for (size_t i = 0; i < 3; i++)
		for (size_t j = 0; j < parts[i].size; j++)
			hash = (hash ^ (unsigned char)parts[i].data[j]) * 16777619u;
	return hash % BUCKETS;
}

static struct lane **lane_link(struct lanes *lanes, const struct doc_id *id)
{
	struct lane **link = &lanes->buckets[bucket_of(id)];
	while (*link && !doc_id_equal((*link)->id, id))
		link = &(*link)->next;
	return link;
}

static struct lane *lane_of(struct lanes *lanes, struct request *request)
{
	struct lane **link = lane_link(lanes, &request->target.id);
	if (*link)
		return *link;
	struct lane *lane = calloc(1, sizeof(*lane));
	if (!lane)
		return NULL;
	request_hold(request);
	lane->namer = request;
	lane->id = &request->target.id;
	lane->lanes = lanes;
	lane->job.run = lane_run;
	*link = lane;
	return lane;
}

static void lane_leave(struct lane *lane)
{
	if (lane->waiting || lane->in_flight || lane->preparing)
		return;
	*lane_link(lane->lanes, lane->id) = lane->next;
	request_release(lane->namer);
	free(lane);
}

static void wait_in(struct lane *lane, struct request *request)
{
	struct request **link = &lane->waiting;
	while (*link && (*link)->lane_arrival < request->lane_arrival)
		link = &(*link)->lane_next;
	request->lane_next = *link;
	*link = request;
}

/* Starts the pool on a lane that has something to do and nobody who does it. */
static void lane_wake(struct lane *lane)
{
	if (!lane->waiting || lane->preparing || lane->draining)
		return;
	lane->preparing = true;
	pool_add(lane->lanes->server->pool, &lane->job);
}

static void drop_base(struct request *request)
{
	if (request->base)
		request_release(request->base);
	request->base = NULL;
}

/* On the thread that committed it: the edit is on disk, or refused, or was overtaken and is
 * prepared anew. */
static void edit_done(struct ticket *ticket)
{
	struct request *request = request_of_ticket(ticket);
	struct lanes *lanes = request->server->lanes;
	bool again = ticket->write.result == STORE_MOVED && request->overtaken++ < OVERTAKEN_MOST;
	pthread_mutex_lock(&lanes->lock);
	struct lane *lane = *lane_link(lanes, &request->target.id);
	lane->in_flight--;
	bool failed = ticket->write.result != STORE_OK;
	lane->failures += failed;
	lane->draining = lane->in_flight && (lane->draining || failed);
	if (lane->tip == request) {
		lane->tip = NULL;
		request_release(request);
	}
	if (again)
		wait_in(lane, request);
	lane_wake(lane);
	lane_leave(lane);
	pthread_mutex_unlock(&lanes->lock);
	if (again)
		return;
	drop_base(request);
	part_conclude(request);
	request->wake(request);
}

enum prepared { PREPARED, REFUSED, WAIT_FOR_TIP };

/* On the result of an edit that is not on disk yet. What it would refuse, or make depend on an
 * etag, is decided only when that edit is on disk. */
static enum prepared prepare_on_tip(struct request *request)
{
	request->on_template = false;
	if (request->conditions.match.present || request->conditions.none_match.present
		|| !part_prepare(request, request->base->ticket.write.body, edit_done))
		return WAIT_FOR_TIP;
	request->ticket.write.after = &request->base->ticket.write;
	return PREPARED;
}

static enum prepared prepare_on_stored(struct request *request)
{
	struct snapshot stored;
	bool found;
	if (!read_document(request, SIZE_MAX, &stored, &found))
		return REFUSED;
	request->on_template = !found;
	if (!found) {
		struct etag unused;
		stored.body = usage_template(request->usage, &request->target.id, &unused);
	}
	if (!stored.body.data) {
		part_without_document(request);
		return REFUSED;
	}
	if (!part_locate(request, stored.body) || !conditions_allow(request, stored.etag)
		|| !part_prepare(request, stored.body, edit_done))
		return REFUSED;
	request->ticket.write.computed_from = stored.etag;
	return PREPARED;
}

/* Makes a prepared edit the lane's tip, and hands it over in the same order; or takes the turn to
 * commit it, when it is the one that the thread came with: what is prepared on it comes later. */
static bool hand_over(struct lane *lane, struct request *request, const struct request *own)
{
	struct request *former = lane->tip;
	request_hold(request);
	lane->tip = request;
	lane->in_flight++;
	lane->has_turn = request == own && !former && takes_turn(request);
	if (!lane->has_turn && !committer_add(request->server->committer, &request->ticket)) {
		lane->tip = former;
		lane->in_flight--;
		request_release(request);
		return request_refuse(request, OUTCOME_BUSY, "too many changes are waiting");
	}
	if (former)
		request_release(former);
	return true;
}

/* Takes the first waiting edit as far as it goes. Called with the lock, which is let go meanwhile.
 * False: nothing more can be done before the tip is on disk. */
static bool lane_step(struct lane *lane, const struct request *own)
{
	struct lanes *lanes = lane->lanes;
	struct request *request = lane->waiting;
	lane->waiting = request->lane_next;
	drop_base(request);
	request->base = lane->tip;
	uint64_t failures = lane->failures;
	if (request->base)
		request_hold(request->base);
	pthread_mutex_unlock(&lanes->lock);
	enum prepared prepared =
		request->base ? prepare_on_tip(request) : prepare_on_stored(request);
	pthread_mutex_lock(&lanes->lock);
	if (prepared == WAIT_FOR_TIP) {
		bool in_flight = lane->tip != NULL;
		request->outcome = OUTCOME_NONE;
		wait_in(lane, request);
		return !in_flight;
	}
	if (prepared == PREPARED && request->base && failures != lane->failures) {
		wait_in(lane, request); /* what it stands on may have failed */
		return true;
	}
	if (prepared == PREPARED && hand_over(lane, request, own))
		return true;
	drop_base(request);
	request->wake(request);
	return true;
}

/* An HTTP worker takes one step, having come with an edit of its `own`; the pool, with none, all.
 */
static void run_steps(struct lane *lane, struct request *own)
{
	struct lanes *lanes = lane->lanes;
	pthread_mutex_lock(&lanes->lock);
	bool go_on = true;
	while (lane->waiting && go_on && !lane->draining) {
		go_on = lane_step(lane, own);
		if (own)
			break;
	}
	bool has_turn = lane->has_turn;
	lane->preparing = lane->has_turn = false;
	if (go_on)
		lane_wake(lane);
	lane_leave(lane);
	pthread_mutex_unlock(&lanes->lock);
	if (has_turn)
		committer_run(lanes->server->committer, &own->ticket);
}

static void lane_run(struct job *job)
{
	run_steps(OWNER_OF(struct lane, job, job), NULL);
}

bool lanes_new(struct lanes **out, struct server *server)
{
	*out = calloc(1, sizeof(**out));
	if (!*out)
		return false;
	(*out)->server = server;
	pthread_mutex_init(&(*out)->lock, NULL);
	return true;
}

void lanes_free(struct lanes **lanes)
{
	if (!*lanes)
		return;
	pthread_mutex_destroy(&(*lanes)->lock);
	free(*lanes);
	*lanes = NULL;
}

void lane_enter(struct lanes *lanes, struct request *request)
{
	bool large = is_large(request);
	pthread_mutex_lock(&lanes->lock);
	struct lane *lane = lane_of(lanes, request);
	if (!lane) {
		pthread_mutex_unlock(&lanes->lock);
		request_refuse(request, OUTCOME_BUSY, NULL);
		request->wake(request);
		return;
	}
	request->lane_arrival = lanes->arrivals++;
	wait_in(lane, request);
	bool mine = !lane->preparing && !lane->draining && !large;
	if (mine)
		lane->preparing = true;
	else
		lane_wake(lane);
	pthread_mutex_unlock(&lanes->lock);
	if (mine)
		run_steps(lane, request);
}
