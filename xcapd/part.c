/* SPDX-License-Identifier: BSD-2-Clause */
#include "xcapd/part.h"

#include "xcap/edit.h"
#include "xcapd/handlers.h"
#include "xcapd/lane.h"
#include "xcapd/location.h"

enum progress change_part(struct request *request)
{
	lane_enter(request->server->lanes, request);
	return ANSWER_LATER;
}

static bool edit(struct request *request, struct span document, struct edit_result *out)
{
	struct xml_limits limits = document_limits(request);
	bool absent = false, done;
	if (request->method == METHOD_PUT)
		done = edit_put(request->arena, request->selector, document,
			buffer_span(&request->body), &limits, out, &request->conflict);
	else
		done = edit_delete(request->arena, request->selector, document, out,
			&request->conflict, &absent);
	if (done)
		return true;
	if (absent)
		return request_refuse(request, OUTCOME_ABSENT, "the node selector selects nothing");
	return request_refuse(request,
		request->conflict.kind == CONFLICT_NONE ? OUTCOME_BUSY : OUTCOME_CONFLICT, NULL);
}

static void describe(struct request *request, const struct edit_result *result)
{
	struct change *change = &request->ticket.write.change;
	change->what = selector_terminal(request->selector) == SELECTOR_ATTRIBUTE ? CHANGE_ATTRIBUTE
										  : CHANGE_ELEMENT;
	change->selector = request->selector->text;
	change->bindings = request->target.bindings;
	change->component = result->component;
}

bool part_prepare(
	struct request *request, struct span document, void (*done)(struct ticket *ticket))
{
	struct edit_result result;
	uint64_t most = request->live->settings->limits.document;
	request->outcome = OUTCOME_NONE;
	request->conflict = (struct conflict){ .arena = request->arena };
	if (!edit(request, document, &result))
		return false;
	if (result.document.size > most) {
		conflict_set(&request->conflict, CONFLICT_CONSTRAINT_FAILURE,
			"the document would grow over %llu octets", (unsigned long long)most);
		return request_refuse(request, OUTCOME_CONFLICT, NULL);
	}
	if (!judge_document(request, result.document))
		return false;
	prepare_ticket(request, done);
	request->ticket.write.body = result.document;
	request->ticket.write.computed = true;
	request->part_created = result.created;
	if (!request->on_template) /* else it is told as a new document */
		describe(request, &result);
	return true;
}

static bool no_parent(struct request *request)
{
	struct conflict *why = &request->conflict;
	if (why->kind == CONFLICT_NONE)
		return request_refuse(request, OUTCOME_BUSY, NULL);
	if (why->ancestor.data) /* empty: the document itself */
		why->ancestor = location(request, why->ancestor);
	return request_refuse(request, OUTCOME_CONFLICT, NULL);
}

bool part_locate(struct request *request, struct span document)
{
	struct found found;
	request->conflict = (struct conflict){ .arena = request->arena };
	if (request->method == METHOD_PUT)
		return edit_parent(request->selector, document, &request->conflict)
		       || no_parent(request);
	return (selector_find(request->selector, document, &found) && found.count == 1)
	       || request_refuse(request, OUTCOME_ABSENT, "the node selector selects nothing");
}

/* There is no document to change (RFC 4825 §8.2.1, §8.4). */
void part_without_document(struct request *request)
{
	if (request->method == METHOD_DELETE) {
		request_refuse(request, OUTCOME_ABSENT, "no such document");
		return;
	}
	conflict_set(&request->conflict, CONFLICT_NO_PARENT, "there is no such document");
	request_refuse(request, OUTCOME_CONFLICT, NULL);
}

void part_conclude(struct request *request)
{
	conclude(request);
	if (request->outcome == OUTCOME_CREATED && request->on_template)
		request->outcome = OUTCOME_REPLACED;
	if (request->outcome == OUTCOME_REPLACED && request->part_created)
		request->outcome = OUTCOME_CREATED;
	if (request->outcome == OUTCOME_REPLACED && request->method == METHOD_DELETE)
		request->outcome = OUTCOME_REMOVED;
}
