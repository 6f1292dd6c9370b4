/* SPDX-License-Identifier: BSD-2-Clause */
#include "xcapd/reply.h"

#include "xcapd/cors.h"
#include "xcapd/location.h"

#define OUTCOME_ROW(name, status, text) { status, text },
static const struct {
	unsigned status;
	const char *text;
} rows[] = { OUTCOMES(OUTCOME_ROW) };
#undef OUTCOME_ROW

static void field(struct reply *reply, const char *name, const char *value)
{
	reply->fields[reply->field_count].name = name;
	reply->fields[reply->field_count++].value = value;
}

/* RFC 4825 §8.5: the etag of the document, quoted and strong. */
static bool add_etag(struct request *request, struct reply *reply)
{
	char text[ETAG_TEXT_MAX + 2] = "\"";
	if (!request->etag.number)
		return true;
	size_t size = 1 + etag_text(request->etag, text + 1);
	text[size++] = '"';
	const char *quoted = arena_text(request->arena, (struct span){ text, size });
	if (quoted)
		field(reply, "ETag", quoted);
	return quoted != NULL;
}

static bool add_location(struct request *request, struct reply *reply)
{
	struct span uri = location(request, request->target.node);
	if (uri.data)
		field(reply, "Location", uri.data);
	return uri.data != NULL;
}

static bool add_challenges(struct request *request, struct reply *reply)
{
	struct span challenges[4];
	struct auth_request asked = {
		.settings = request->live->settings,
		.realm = request->realm,
		.peer = request->peer,
		.tls = request->tls,
		.now_ms = clock_ms(),
	};
	size_t count = auth_challenge(request->server->auth, request->arena, &asked,
		request->challenge_stale, challenges);
	for (size_t i = 0; i < count; i++)
		field(reply, "WWW-Authenticate", challenges[i].data);
	return count > 0;
}

/* What a document carries was put there by somebody: browsers must not guess what it is. */
static bool add_view(struct request *request, struct reply *reply)
{
	if (usage_has_view(request->usage) && !request->selector)
		field(reply, "Vary", "Accept");
	if (request->is_view)
		field(reply, "X-Content-Type-Options", "nosniff");
	return true;
}

static bool add_retry_after(struct request *request, struct reply *reply)
{
	struct span seconds =
		arena_format(request->arena, "%u", request->retry_after ? request->retry_after : 1);
	if (seconds.data)
		field(reply, "Retry-After", seconds.data);
	return seconds.data != NULL;
}

static bool add_allow(struct request *request, struct reply *reply)
{
	field(reply, "Allow", request->allow ? request->allow : "GET, HEAD, PUT, DELETE, OPTIONS");
	return true;
}

/* What an outcome says besides its body. */
static const struct {
	enum outcome outcome;
	bool (*add)(struct request *request, struct reply *reply);
} extras[] = {
	{ OUTCOME_CONTENT, add_etag },
	{ OUTCOME_CONTENT, add_view },
	{ OUTCOME_UNCHANGED, add_view },
	{ OUTCOME_REPLACED, add_etag },
	{ OUTCOME_REMOVED, add_etag },
	{ OUTCOME_CREATED, add_etag },
	{ OUTCOME_UNCHANGED, add_etag },
	{ OUTCOME_CREATED, add_location },
	{ OUTCOME_CHALLENGE, add_challenges },
	{ OUTCOME_TOO_MANY, add_retry_after },
	{ OUTCOME_BUSY, add_retry_after },
	{ OUTCOME_NOT_ALLOWED, add_allow },
	{ OUTCOME_OPTIONS, add_allow },
};

static bool add_conflict(struct request *request, struct reply *reply)
{
	reply->body = conflict_body(request->arena, &request->conflict);
	/* Behind its place a phrase may quote the document, which is no business of the log. */
	struct span rest = request->conflict.phrase, place = rest;
	size_t colon;
	if (span_search(rest, SPAN(": "), &colon))
		place = span_first(rest, colon);
	reply->why = arena_format(request->arena, "%s: %.*s",
		conflict_element(request->conflict.kind), SPAN_ARG(place));
	field(reply, "Content-Type", "application/xcap-error+xml");
	return reply->body.data && reply->why.data;
}

static bool add_line(struct request *request, struct reply *reply)
{
	reply->why = request->why.data ? request->why : span_of(rows[request->outcome].text);
	reply->body = arena_format(request->arena, "%.*s\n", SPAN_ARG(reply->why));
	field(reply, "Content-Type", "text/plain; charset=utf-8");
	return reply->body.data != NULL;
}

static bool add_body(struct request *request, struct reply *reply)
{
	reply->body = SPAN("");
	if (request->outcome == OUTCOME_CONTENT) {
		reply->body = request->content;
		field(reply, "Content-Type", arena_text(request->arena, request->media_type));
		return reply->fields[reply->field_count - 1].value != NULL;
	}
	if (request->outcome == OUTCOME_CONFLICT)
		return add_conflict(request, reply);
	return rows[request->outcome].status < 400 || add_line(request, reply);
}

static void add_cors(const struct request *request, struct reply *reply)
{
	struct cors_field fields[CORS_FIELDS_MOST];
	size_t count = cors_fields(request, fields);
	for (size_t i = 0; i < count; i++)
		field(reply, fields[i].name, fields[i].value);
}

bool reply_build(struct request *request, struct reply *out)
{
	*out = (struct reply){ .status = rows[request->outcome].status };
	field(out, "Cache-Control", "no-cache");
	field(out, "X-Request-Id", request->id);
	add_cors(request, out);
	for (size_t i = 0; i < sizeof(extras) / sizeof(extras[0]); i++)
		if (extras[i].outcome == request->outcome && !extras[i].add(request, out))
			return false;
	bool built = add_body(request, out);
	out->length = request->outcome == OUTCOME_UNCHANGED ? request->unchanged : out->body.size;
	return built;
}
