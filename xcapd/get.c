/* SPDX-License-Identifier: BSD-2-Clause */
#include "xcapd/handlers.h"

#include "xcap/namespaces.h"

/* GET and HEAD (RFC 4825 §8.3). 304 costs no body. */
static enum progress answer(
	struct request *request, struct etag etag, struct span content, struct span media_type)
{
	request->etag = etag;
	request->content = content;
	request->media_type = media_type;
	request->outcome = content.data ? OUTCOME_CONTENT : OUTCOME_BUSY;
	return ANSWER_NOW;
}

/* True when the conditions already decide. */
static bool decided(struct request *request, struct etag etag)
{
	enum conditions_verdict verdict = conditions_judge(&request->conditions, etag, true);
	if (verdict == CONDITIONS_PASS)
		return false;
	request->etag = etag;
	request->outcome = verdict == CONDITIONS_UNCHANGED ? OUTCOME_UNCHANGED : OUTCOME_STALE;
	return true;
}

static bool read_generated(struct request *request, struct snapshot *out)
{
	*out = (struct snapshot){ 0 };
	if (!usage_generate(request->live->usages, request->usage, request->arena,
		    &request->target.id, &out->body, &out->etag))
		return request_refuse(request, OUTCOME_ABSENT, NULL);
	return true;
}

/* The document to answer with; false when the walk has ended. */
static bool fetch(struct request *request, struct snapshot *out)
{
	bool found;
	if (usage_generated(request->usage))
		return read_generated(request, out) && !decided(request, out->etag);
	bool conditional =
		request->conditions.match.present || request->conditions.none_match.present;
	if (!read_document(request, conditional ? STORE_HEAD : STORE_BODY, out, &found))
		return false;
	if (!found)
		return request_refuse(request, OUTCOME_ABSENT, "no such document");
	if (!conditional)
		return true;
	/* The body may be a newer version than the head that was judged: then it is judged again.
	 */
	struct etag judged;
	do {
		if (decided(request, out->etag))
			return false;
		judged = out->etag;
		if (!read_document(request, STORE_BODY, out, &found))
			return false;
		if (!found)
			return request_refuse(request, OUTCOME_ABSENT, "no such document");
	} while (!etag_equal(judged, out->etag));
	return true;
}

enum progress get_document(struct request *request)
{
	struct snapshot document;
	if (!fetch(request, &document))
		return ANSWER_NOW;
	return answer(request, document.etag, document.body, usage_media_type(request->usage));
}

enum progress get_part(struct request *request)
{
	struct snapshot document;
	struct found found;
	struct span part;
	if (!fetch(request, &document))
		return ANSWER_NOW;
	enum selector_terminal terminal = selector_terminal(request->selector);
	if (!selector_find(request->selector, document.body, &found) || found.count != 1) {
		request_refuse(request, OUTCOME_ABSENT,
			"the node selector does not select exactly one node");
		return ANSWER_NOW;
	}
	if (terminal == SELECTOR_NAMESPACES) {
		if (!selector_namespaces(request->arena, request->selector, document.body, &part))
			part = (struct span){ NULL, 0 };
		return answer(request, document.etag, part, SPAN("application/xcap-ns+xml"));
	}
	part = found_octets(&found, document.body);
	return answer(request, document.etag, part,
		terminal == SELECTOR_ATTRIBUTE ? SPAN("application/xcap-att+xml")
					       : SPAN("application/xcap-el+xml"));
}
