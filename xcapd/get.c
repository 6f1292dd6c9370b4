/* SPDX-License-Identifier: BSD-2-Clause */
#include "xcapd/handlers.h"

#include "xcap/namespaces.h"
#include "xcapd/generated.h"

/* GET and HEAD (RFC 4825 §8.3). 304 costs no body. */
static void answer(
	struct request *request, struct etag etag, struct span content, struct span media_type)
{
	request->etag = etag;
	request->content = content;
	request->media_type = media_type;
	request->outcome = content.data ? OUTCOME_CONTENT : OUTCOME_BUSY;
}

/* True when the conditions already decide. */
static bool decided(struct request *request, struct etag etag, size_t size)
{
	enum conditions_verdict verdict = conditions_judge(&request->conditions, etag, true);
	if (verdict == CONDITIONS_PASS)
		return false;
	request->etag = etag;
	request->unchanged = size;
	request->outcome = verdict == CONDITIONS_UNCHANGED ? OUTCOME_UNCHANGED : OUTCOME_STALE;
	return true;
}

/* There is no such document: is it one that has to exist from the start, for all users there are?
 */
static bool read_template(struct request *request, struct snapshot *out)
{
	if (!request_knows_owner(request))
		return false;
	out->body = usage_template(request->usage, &request->target.id, &out->etag);
	if (!out->body.data)
		return request_refuse(request, OUTCOME_ABSENT, "no such document");
	return request->selector || !decided(request, out->etag, out->body.size);
}

/* The document to answer with. False when the walk has ended. */
static bool fetch(struct request *request, struct snapshot *out)
{
	bool found;
	if (usage_generated(request->usage, &request->target.id))
		return generated_read(request, out) && !decided(request, out->etag, out->body.size);
	bool conditional =
		request->conditions.match.present || request->conditions.none_match.present;
	if (!read_document(request, conditional ? 0 : SIZE_MAX, out, &found))
		return false;
	if (!found)
		return read_template(request, out);
	if (!conditional)
		return true;
	/* The body may be a newer version than the head that was judged: then it is judged again.
	 */
	struct etag judged;
	do {
		if (decided(request, out->etag, out->size))
			return false;
		judged = out->etag;
		if (!read_document(request, SIZE_MAX, out, &found))
			return false;
		if (!found)
			return request_refuse(request, OUTCOME_ABSENT, "no such document");
	} while (!etag_equal(judged, out->etag));
	return true;
}

/* The document to look for a part in, without its body if that is larger than `most`: whether the
 * part is there comes before conditions on it. False when the walk has ended. */
static bool fetch_around(struct request *request, size_t most, struct snapshot *out)
{
	bool found;
	if (usage_generated(request->usage, &request->target.id))
		return generated_read(request, out);
	return read_document(request, most, out, &found) && (found || read_template(request, out));
}

static void answer_document(struct request *request)
{
	struct snapshot document;
	struct span type, octets;
	if (!fetch(request, &document))
		return;
	request->is_view = request->accept.data
			   && usage_view(request->usage, request->arena, request->accept,
				   document.body, &type, &octets);
	if (request->is_view)
		answer(request, document.etag, octets, type);
	else
		answer(request, document.etag, document.body, usage_media_type(request->usage));
}

static struct span part_type(enum selector_terminal terminal)
{
	if (terminal == SELECTOR_NAMESPACES)
		return SPAN("application/xcap-ns+xml");
	return terminal == SELECTOR_ATTRIBUTE ? SPAN("application/xcap-att+xml")
					      : SPAN("application/xcap-el+xml");
}

static void answer_part(struct request *request, const struct snapshot *document)
{
	struct found found;
	struct span part;
	enum selector_terminal terminal = selector_terminal(request->selector);
	if (!selector_find(request->selector, document->body, &found) || found.count != 1) {
		request_refuse(request, OUTCOME_ABSENT,
			"the node selector does not select exactly one node");
		return;
	}
	part = found_octets(&found, document->body);
	if (terminal == SELECTOR_NAMESPACES
		&& !selector_namespaces(request->arena, request->selector, document->body, &part))
		part = (struct span){ NULL, 0 };
	if (!decided(request, document->etag, part.size))
		answer(request, document->etag, part, part_type(terminal));
}

/* False: the document is too large to be looked through here and now. */
static bool answer_up_to(struct request *request, size_t most)
{
	struct snapshot document;
	if (!request->selector)
		answer_document(request);
	else if (fetch_around(request, most, &document)) {
		if (!document.body.data)
			return false;
		answer_part(request, &document);
	}
	return true;
}

static void answer_in_pool(struct job *job)
{
	struct request *request = request_of_job(job);
	answer_up_to(request, SIZE_MAX);
	request->wake(request);
}

/* The template is stored, or could not be: then it is shown all the same. */
static void template_done(struct ticket *ticket)
{
	struct request *request = request_of_ticket(ticket);
	answer_up_to(request, SIZE_MAX);
	request->wake(request);
}

/* A document that has to exist from the start is stored when its owner first looks at it. False:
 * there is nothing to store. */
static bool store_template(struct request *request)
{
	struct snapshot head;
	const struct doc_id *id = &request->target.id;
	struct span body = usage_template(request->usage, id, &head.etag);
	if (!body.data || usage_generated(request->usage, id)
		|| !usage_permits(request->usage, &request->who, id, ACCESS_WRITE)
		|| store_read(request->server->store, request->arena, id, STORE_HEAD, &head)
			   != STORE_ABSENT
		|| !request_knows_owner(request))
		return false;
	prepare_ticket(request, template_done);
	request->ticket.write.conditions = NULL;
	request->ticket.write.body = body;
	request->ticket.write.computed = true;
	return committer_add(request->server->committer, &request->ticket);
}

enum progress get(struct request *request)
{
	if (store_template(request))
		return ANSWER_LATER;
	if (!generated_slowly(request) && answer_up_to(request, LARGE_DOCUMENT))
		return ANSWER_NOW;
	request->job.run = answer_in_pool;
	pool_add(request->server->pool, &request->job);
	return ANSWER_LATER;
}
