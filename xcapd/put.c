/* SPDX-License-Identifier: BSD-2-Clause */
#include "xcapd/handlers.h"

#include "base/owner.h"
#include "xcapd/verdicts.h"

struct request *request_of_ticket(struct ticket *ticket)
{
	return OWNER_OF(struct request, ticket, ticket);
}

struct request *request_of_job(struct job *job)
{
	return OWNER_OF(struct request, job, job);
}

bool is_large(struct request *request)
{
	struct snapshot stored = { 0 };
	return store_read(request->server->store, request->arena, &request->target.id, STORE_HEAD,
		       &stored)
		       == STORE_OK
	       && stored.size > LARGE_DOCUMENT;
}

bool read_document(struct request *request, size_t most, struct snapshot *out, bool *found_out)
{
	enum store_result result = store_read_small(
		request->server->store, request->arena, &request->target.id, most, out);
	*found_out = result == STORE_OK;
	if (result == STORE_OK)
		return true;
	out->etag.number = 0;
	if (result == STORE_ABSENT)
		return true;
	log_event(LEVEL_ERROR, "store", "request %s: %s", request->id, store_problem());
	return request_refuse(request, OUTCOME_BUSY, "the store cannot be read");
}

bool conditions_allow(struct request *request, struct etag current)
{
	return conditions_judge(&request->conditions, current, false) == CONDITIONS_PASS
	       || request_refuse(request, OUTCOME_STALE, NULL);
}

struct xml_limits document_limits(const struct request *request)
{
	return (struct xml_limits){
		.depth = request->live->settings->limits.depth,
		.attributes = XML_ATTRIBUTES_MOST,
		.size = request->live->settings->limits.document,
	};
}

static bool judge(struct request *request, struct span document)
{
	struct xml_limits limits = document_limits(request);
	if (usage_accepts(request->usage, request->arena, &request->target.id, document, &limits,
		    &request->verdict, &request->conflict))
		return true;
	return request_refuse(request,
		request->conflict.kind == CONFLICT_NONE ? OUTCOME_BUSY : OUTCOME_CONFLICT, NULL);
}

bool judge_document(struct request *request, struct span document)
{
	struct verdicts *verdicts = request->server->verdicts;
	request->verdict = (struct verdict){ 0 };
	if (document.size <= LARGE_DOCUMENT)
		return judge(request, document);
	struct verdict_key key = verdict_key(request->live->serial, &request->target.id, document);
	if (verdicts_know(verdicts, &key))
		return true;
	if (!judge(request, document))
		return false;
	if (!request->verdict.claim_count) /* claims are not remembered, so they are found anew */
		verdicts_learn(verdicts, &key);
	return true;
}

void prepare_ticket(struct request *request, void (*done)(struct ticket *ticket))
{
	struct write *write = &request->ticket.write;
	*write = (struct write){
		.id = request->target.id,
		.conditions = &request->conditions,
		.quota = (unsigned)request->live->settings->limits.documents_per_user,
		.claims = request->verdict.claims,
		.claim_count = request->verdict.claim_count,
		.change = { .who = request->who.name, .request = span_of(request->id) },
	};
	request->ticket.done = done;
}

static void crowded(struct request *request)
{
	conflict_set(&request->conflict, CONFLICT_CONSTRAINT_FAILURE,
		"a user may have %llu documents",
		(unsigned long long)request->live->settings->limits.documents_per_user);
	request_refuse(request, OUTCOME_CONFLICT, NULL);
}

/* Could it be claimed right now? */
static bool claim_is_free(void *context, const struct claim *claim)
{
	struct request *request = context;
	struct store *store = request->server->store;
	struct span content;
	struct etag etag;
	struct user user;
	return store_claim_read(store, request->arena, claim->scope, claim->value, &content, &etag)
		       == STORE_ABSENT
	       && (!claim->user.size
		       || store_user_read(store, request->arena, claim->user, &user)
				  == STORE_ABSENT);
}

void conclude(struct request *request)
{
	const struct write *write = &request->ticket.write;
	switch (write->result) {
	case STORE_OK:
		request->etag = write->remove ? (struct etag){ 0 } : write->etag;
		request->outcome = write->remove    ? OUTCOME_REMOVED
				   : write->created ? OUTCOME_CREATED
						    : OUTCOME_REPLACED;
		break;
	case STORE_ABSENT:
		request_refuse(request, OUTCOME_ABSENT, "no such document");
		break;
	case STORE_STALE:
		request_refuse(request, OUTCOME_STALE, NULL);
		break;
	case STORE_CROWDED:
		crowded(request);
		break;
	case STORE_TAKEN:
		usage_taken(request->usage, request->arena, write->body,
			&write->claims[write->taken], claim_is_free, request, &request->conflict);
		request_refuse(request, OUTCOME_CONFLICT, NULL);
		break;
	case STORE_FULL:
		request_refuse(request, OUTCOME_FULL, NULL);
		break;
	default:
		request_refuse(request, OUTCOME_BUSY, NULL);
	}
}

bool takes_turn(struct request *request)
{
	return request->alone && request->ticket.write.body.size <= LARGE_DOCUMENT
	       && committer_take(request->server->committer);
}

enum progress commit_later(struct request *request)
{
	struct committer *committer = request->server->committer;
	if (takes_turn(request)) {
		committer_run(committer, &request->ticket);
		return ANSWER_LATER;
	}
	if (committer_add(committer, &request->ticket))
		return ANSWER_LATER;
	request_refuse(request, OUTCOME_BUSY, "too many changes are waiting");
	return ANSWER_NOW;
}

static void document_done(struct ticket *ticket)
{
	struct request *request = request_of_ticket(ticket);
	conclude(request);
	request->wake(request);
}

static enum progress judge_and_commit(struct request *request)
{
	if (!judge_document(request, buffer_span(&request->body)))
		return ANSWER_NOW;
	prepare_ticket(request, document_done);
	request->ticket.write.body = buffer_span(&request->body);
	return commit_later(request);
}

/* Against the version stored now; the committer looks again. False ends the walk. */
static bool conditions_hold(struct request *request)
{
	struct snapshot stored;
	bool found;
	if (!request->conditions.match.present && !request->conditions.none_match.present)
		return true;
	return read_document(request, 0, &stored, &found) && conditions_allow(request, stored.etag);
}

/* While it waited the document may have moved on, and then nothing has to be judged. */
static void judge_in_pool(struct job *job)
{
	struct request *request = request_of_job(job);
	if (!conditions_hold(request) || judge_and_commit(request) == ANSWER_NOW)
		request->wake(request);
}

enum progress put_document(struct request *request)
{
	if (!usage_allows_name(request->usage, &request->target.id, &request->conflict)) {
		request_refuse(request, OUTCOME_CONFLICT, NULL);
		return ANSWER_NOW;
	}
	if (!conditions_hold(request))
		return ANSWER_NOW;
	if (request->body.size <= LARGE_DOCUMENT)
		return judge_and_commit(request);
	request->job.run = judge_in_pool;
	pool_add(request->server->pool, &request->job);
	return ANSWER_LATER;
}

enum progress delete_document(struct request *request)
{
	struct snapshot stored;
	bool found;
	if (!read_document(request, 0, &stored, &found))
		return ANSWER_NOW;
	if (!found) {
		request_refuse(request, OUTCOME_ABSENT, "no such document");
		return ANSWER_NOW;
	}
	if (!conditions_allow(request, stored.etag))
		return ANSWER_NOW;
	prepare_ticket(request, document_done);
	request->ticket.write.remove = true;
	return commit_later(request);
}
