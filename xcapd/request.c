/* SPDX-License-Identifier: BSD-2-Clause */
#include "xcapd/request.h"

#include "xcapd/handlers.h"
#include "xcapd/spare.h"

#include <endian.h>
#include <string.h>

/* Bodies that are refused but still read, so that the client hears why on the same connection. */
enum { DRAIN_MOST = 16 << 20 };

bool request_refuse(struct request *request, enum outcome outcome, const char *why, ...)
{
	request->outcome = outcome;
	if (why) {
		va_list arguments;
		va_start(arguments, why);
		request->why = arena_vformat(request->arena, why, arguments);
		va_end(arguments);
	}
	return false;
}

void request_hold(struct request *request)
{
	atomic_fetch_add_explicit(&request->holders, 1, memory_order_relaxed);
}

void request_release(struct request *request)
{
	if (atomic_fetch_sub_explicit(&request->holders, 1, memory_order_acq_rel) != 1)
		return;
	struct arena *arena = request->arena;
	struct spares *spares = request->server->spares;
	live_release(request->live);
	spares_give(spares, &arena);
}

static enum method method_of(struct span text)
{
	static const struct {
		const char *text;
		enum method method;
	} methods[] = {
		{ "GET", METHOD_GET },
		{ "PUT", METHOD_PUT },
		{ "HEAD", METHOD_HEAD },
		{ "DELETE", METHOD_DELETE },
		{ "OPTIONS", METHOD_OPTIONS },
		{ "POST", METHOD_OTHER },
		{ "PATCH", METHOD_OTHER },
		{ "TRACE", METHOD_OTHER },
		{ "CONNECT", METHOD_OTHER },
	};
	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
		if (span_equal_text(text, methods[i].text))
			return methods[i].method;
	return METHOD_UNKNOWN;
}

void request_start(struct request *request)
{
	unsigned number =
		atomic_fetch_add_explicit(&request->server->id_next, 1, memory_order_relaxed);
	const uint32_t halves[] = { htobe32(request->server->id_prefix), htobe32(number) };
	hex_encode((const uint8_t *)halves, sizeof(halves), request->id);
	atomic_init(&request->holders, 1);
	request->live = server_hold(request->server);
	request->method = method_of(request->method_text);
	request->client = request->peer;
	request->conflict.arena = request->arena;
	request->body.arena = request->arena;
}

static void take_text(
	struct request *request, size_t offset, size_t count_offset, struct span value)
{
	*(struct span *)(void *)((char *)request + offset) = value;
	if (count_offset)
		++*(size_t *)(void *)((char *)request + count_offset);
}

static void take_condition(struct request *request, size_t offset, size_t unused, struct span value)
{
	(void)unused;
	struct condition *condition = (void *)((char *)request + offset);
	if (!condition_add(request->arena, condition, value))
		request->conditions_malformed = true;
}

static void take_forwarded(struct request *request, size_t offset, size_t unused, struct span value)
{
	(void)offset, (void)unused, (void)value;
	request->forwarded = true;
}

static void take_expect(struct request *request, size_t offset, size_t unused, struct span value)
{
	(void)offset, (void)unused;
	request->expects_continue = span_equal_nocase(span_trim(value), SPAN("100-continue"));
}

#define AT(member) offsetof(struct request, member)

#define NAME(text)                        \
	{                                 \
		"" text, sizeof(text) - 1 \
	}

/* The header fields that anybody here looks at. */
static const struct {
	struct span name;
	void (*take)(
		struct request *request, size_t offset, size_t count_offset, struct span value);
	size_t offset, count_offset;
} fields[] = {
	{ NAME("Host"), take_text, AT(host), AT(hosts) },
	{ NAME("Authorization"), take_text, AT(authorization), AT(authorizations) },
	{ NAME("Accept"), take_text, AT(accept), 0 },
	{ NAME("Content-Type"), take_text, AT(content_type), 0 },
	{ NAME("Content-Encoding"), take_text, AT(content_encoding), 0 },
	{ NAME("Content-Length"), take_text, AT(content_length), AT(content_lengths) },
	{ NAME("Content-Range"), take_text, AT(content_range), 0 },
	{ NAME("Transfer-Encoding"), take_text, AT(transfer_encoding), AT(transfer_encodings) },
	{ NAME("Origin"), take_text, AT(origin), AT(origins) },
	{ NAME("Access-Control-Request-Method"), take_text, AT(preflight_method), 0 },
	{ NAME("If-Match"), take_condition, AT(conditions.match), 0 },
	{ NAME("If-None-Match"), take_condition, AT(conditions.none_match), 0 },
	{ NAME("Expect"), take_expect, 0, 0 },
	{ NAME("Forwarded"), take_forwarded, 0, 0 },
	{ NAME("Via"), take_forwarded, 0, 0 },
	{ NAME("X-Real-IP"), take_forwarded, 0, 0 },
	{ NAME("X-3GPP-Asserted-Identity"), take_forwarded, 0, 0 },
	{ NAME("X-XCAP-Asserted-Identity"), take_forwarded, 0, 0 },
	{ NAME("P-Asserted-Identity"), take_forwarded, 0, 0 },
};

/* RFC 9110 §5.6.2 */
static bool is_token(struct span text)
{
	for (size_t i = 0; i < text.size; i++) {
		char c = text.data[i];
		bool letter = (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
		if (!letter && c != '-' && !(c >= '0' && c <= '9')
			&& (!c || !strchr("!#$%&'*+-.^_`|~", c)))
			return false;
	}
	return text.size > 0;
}

/* A name with white space, or one that a folded line grew onto, may have meant another end of the
 * body to somebody before us (RFC 9112 §5.1, §5.2). */
static bool is_sound_name(struct span name)
{
	static const struct span framing[] = { NAME("Content-Length"), NAME("Transfer-Encoding") };
	for (size_t i = 0; i < sizeof(framing) / sizeof(framing[0]); i++) {
		struct span one = framing[i];
		if (name.size > one.size && span_equal_nocase(span_first(name, one.size), one))
			return false;
	}
	return is_token(name);
}

void request_header(struct request *request, struct span name, struct span value)
{
	if (!is_sound_name(name))
		request->header_malformed = true;
	forwarding_header(request->arena, &request->forwarding, name, value);
	struct span forwarding = SPAN("X-Forwarded-");
	if (span_equal_nocase(span_first(name, forwarding.size), forwarding))
		request->forwarded = true;
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		if (name.size == fields[i].name.size && span_equal_nocase(name, fields[i].name))
			fields[i].take(request, fields[i].offset, fields[i].count_offset, value);
}

/* --- the steps, in CONTRACT's order of checks --- */

/* More than one answer to "where does the body end" is an attack (RFC 9112 §6.3, §11.2). */
static bool frame(struct request *request)
{
	if (request->header_malformed)
		return request_refuse(
			request, OUTCOME_MALFORMED, "a header field's name is not one");
	if (request->content_lengths > 1
		|| (request->content_lengths && request->transfer_encodings))
		return request_refuse(request, OUTCOME_MALFORMED,
			"Content-Length comes twice, or together with Transfer-Encoding");
	if (request->transfer_encodings > 1
		|| (request->transfer_encodings
			&& !span_equal_nocase(request->transfer_encoding, SPAN("chunked"))))
		return request_refuse(request, OUTCOME_UNKNOWN_CODING, NULL);
	if (request->hosts > 1 || (!request->hosts && request->needs_host))
		return request_refuse(request, OUTCOME_MALFORMED, "Host has to come exactly once");
	if (request->content_range.data && request->method == METHOD_PUT)
		return request_refuse(
			request, OUTCOME_MALFORMED, "a PUT of a range of octets is not known here");
	if (request->method == METHOD_UNKNOWN)
		return request_refuse(request, OUTCOME_UNKNOWN_METHOD, NULL);
	return true;
}

/* OPTIONS says the same of everything, to everybody. */
static bool options(struct request *request)
{
	if (request->method != METHOD_OPTIONS)
		return true;
	request->outcome = OUTCOME_OPTIONS;
	return false;
}

static bool locate(struct request *request)
{
	static const enum outcome outcomes[] = {
		[URI_OUTSIDE] = OUTCOME_ABSENT,
		[URI_MALFORMED] = OUTCOME_MALFORMED,
		[URI_TOO_LONG] = OUTCOME_URI_TOO_LONG,
		[URI_NO_MEMORY] = OUTCOME_BUSY,
	};
	const struct settings *settings = request->live->settings;
	struct uri_context context = { settings->http.root_path, settings->auth.realm };
	const char *why = NULL;
	enum uri_result result =
		uri_parse(request->arena, &context, request->raw_target, &request->target, &why);
	if (result != URI_OK)
		return request_refuse(request, outcomes[result], why ? "%s" : NULL, why);
	request->usage = usages_find(request->live->usages, request->target.id.auid);
	if (!request->usage)
		return request_refuse(request, OUTCOME_ABSENT, "no such application usage");
	usage_canonical(request->usage, &request->target.id);
	return true;
}

static struct auth_request auth_request_of(const struct request *request)
{
	return (struct auth_request){
		.settings = request->live->settings,
		.method = request->method_text,
		.target = request->raw_target,
		.realm = request->realm,
		.authorization = request->authorization,
		.authorizations = request->authorizations,
		.forwarded = request->forwarded,
		.peer = request->peer,
		.client = request->client,
		.tls = request->tls,
		.now_ms = clock_ms(),
	};
}

/* What a trusted proxy vouches for needs no login; true: go on, with or without it. */
static bool hear_proxy(struct request *request, bool *known_out)
{
	enum identity_result result =
		identity_asserted(request->arena, request->server->store, request->live->settings,
			&request->forwarding, request->peer, request->target.id.xui, &request->who);
	*known_out = result == IDENTITY_KNOWN;
	switch (result) {
	case IDENTITY_MALFORMED:
		return request_refuse(
			request, OUTCOME_MALFORMED, "the asserted identity cannot be read");
	case IDENTITY_STRANGER:
		return request_refuse(
			request, OUTCOME_FORBIDDEN, "the asserted identity is no user here");
	case IDENTITY_BROKEN:
		return request_refuse(request, OUTCOME_BUSY, NULL);
	default:
		return true;
	}
}

static bool identify(struct request *request)
{
	static const enum outcome outcomes[] = {
		[AUTH_CHALLENGE] = OUTCOME_CHALLENGE,
		[AUTH_MALFORMED] = OUTCOME_MALFORMED,
		[AUTH_LIMITED] = OUTCOME_TOO_MANY,
		[AUTH_BROKEN] = OUTCOME_BUSY,
	};
	request->realm = auth_realm(request->live->settings, &request->target.id, request->host);
	bool known;
	if (!hear_proxy(request, &known) || known)
		return known;
	struct auth_request asked = auth_request_of(request);
	struct auth_answer answer = { 0 };
	enum auth_result result = auth_identify(
		request->server->auth, request->arena, &asked, &request->who, &answer);
	request->challenge_stale = answer.stale;
	request->retry_after = answer.retry_after;
	if (result == AUTH_KNOWN)
		return true;
	return request_refuse(request, outcomes[result], answer.why ? "%s" : NULL, answer.why);
}

static bool writes(const struct request *request)
{
	return request->method == METHOD_PUT || request->method == METHOD_DELETE;
}

static bool permit(struct request *request)
{
	/* Nobody writes what is generated: whoever may write the tree is told so by the method. */
	bool generated = usage_generated(request->usage, &request->target.id);
	bool write = writes(request) && !(generated && request->who.role == ROLE_ADMIN);
	if (usage_permits(request->usage, &request->who, &request->target.id,
		    write ? ACCESS_WRITE : ACCESS_READ))
		return true;
	return request_refuse(request, OUTCOME_FORBIDDEN, "%.*s may not %s this",
		SPAN_ARG(request->who.name), write ? "change" : "read");
}

/* Only an admin or reader gets so far for another's home, so only they learn who exists. */
bool request_knows_owner(struct request *request)
{
	const struct doc_id *id = &request->target.id;
	struct user owner;
	if (id->tree != TREE_USERS || !id->xui.size
		|| (request->who.role == ROLE_USER && span_equal(id->xui, request->who.name)))
		return true;
	enum store_result found =
		store_user_read(request->server->store, request->arena, id->xui, &owner);
	if (found == STORE_ABSENT)
		return request_refuse(request, OUTCOME_ABSENT, "no such user");
	return found == STORE_OK || request_refuse(request, OUTCOME_BUSY, NULL);
}

/* Who has the document that is asked for exists: that look is taken when there is none (get.c). */
static bool know_owner(struct request *request)
{
	bool reads = request->method == METHOD_GET || request->method == METHOD_HEAD;
	if (reads && request->target.whole && !request->conditions_malformed
		&& !usage_generated(request->usage, &request->target.id))
		return true;
	return request_knows_owner(request);
}

/* That there is no such user comes before what is wrong with the selector. */
static bool refuse_selector(struct request *request, enum outcome outcome, const char *why)
{
	return request_knows_owner(request)
	       && request_refuse(request, outcome, why ? "%s" : NULL, why);
}

static bool select_node(struct request *request)
{
	const char *why = NULL;
	if (!request->target.whole)
		return request_refuse(request, OUTCOME_ABSENT, "this names no document");
	if (request->conditions_malformed)
		return request_refuse(
			request, OUTCOME_MALFORMED, "If-Match or If-None-Match cannot be read");
	if (!request->target.has_node)
		return true;
	switch (selector_parse(request->arena, request->target.node, &request->target.bindings,
		usage_default_namespace(request->usage), &request->selector, &why)) {
	case SELECTOR_OK:
		return true;
	case SELECTOR_EXTENSION:
		return refuse_selector(request, OUTCOME_ABSENT, why);
	case SELECTOR_NO_MEMORY:
		return request_refuse(request, OUTCOME_BUSY, NULL);
	default:
		return refuse_selector(request, OUTCOME_MALFORMED, why);
	}
}

static bool allow_method(struct request *request)
{
	bool namespaces =
		request->selector && selector_terminal(request->selector) == SELECTOR_NAMESPACES;
	bool read_only = namespaces || usage_generated(request->usage, &request->target.id);
	if (request->method != METHOD_OTHER && !(read_only && writes(request)))
		return true;
	request->allow = read_only ? "GET, HEAD, OPTIONS" : "GET, HEAD, PUT, DELETE, OPTIONS";
	return request_refuse(request, OUTCOME_NOT_ALLOWED, NULL);
}

/* An encoding that is the name of a charset means identity: Jitsi sends `Content-Encoding: UTF-8`.
 */
static bool is_identity(struct span coding)
{
	static const char *const starts[] = { "utf", "us-ascii", "ascii", "iso-8859", "latin",
		"windows-125" };
	coding = span_trim(coding);
	if (!coding.size || span_equal_nocase(coding, SPAN("identity")))
		return true;
	for (size_t i = 0; i < sizeof(starts) / sizeof(starts[0]); i++)
		if (span_equal_nocase(span_first(coding, strlen(starts[i])), span_of(starts[i])))
			return true;
	return false;
}

static struct span wanted_type(const struct request *request)
{
	if (!request->selector)
		return usage_media_type(request->usage);
	return selector_terminal(request->selector) == SELECTOR_ATTRIBUTE
		       ? SPAN("application/xcap-att+xml")
		       : SPAN("application/xcap-el+xml");
}

static bool is_form(struct span type)
{
	return !type.size || span_equal_nocase(type, SPAN("application/x-www-form-urlencoded"))
	       || span_equal_nocase(type, SPAN("multipart/form-data"));
}

static bool check_media(struct request *request)
{
	if (request->method != METHOD_PUT)
		return true;
	struct span codings = request->content_encoding;
	while (codings.data)
		if (!is_identity(span_cut(&codings, ',')))
			return request_refuse(
				request, OUTCOME_UNSUPPORTED, "the content coding is not known");
	struct span type = request->content_type;
	type = span_trim(type.data ? span_cut(&type, ';') : type);
	struct span wanted = wanted_type(request);
	if (span_equal_nocase(type, wanted)
		|| (request->live->settings->compat.missing_content_type && is_form(type)))
		return true;
	return request_refuse(
		request, OUTCOME_UNSUPPORTED, "Content-Type has to be %.*s", SPAN_ARG(wanted));
}

static uint64_t body_limit(const struct request *request)
{
	uint64_t limit = request->live->settings->limits.document;
	uint64_t cap = request->usage ? usage_size_cap(request->usage) : 0;
	return cap && cap < limit ? cap : limit;
}

static bool check_length(struct request *request)
{
	uint64_t length;
	if (!request->content_length.data)
		return true;
	if (!parse_u64(span_trim(request->content_length), &length))
		return request_refuse(request, OUTCOME_MALFORMED, "Content-Length is not a number");
	if (request->method != METHOD_PUT)
		return length <= DRAIN_MOST || request_refuse(request, OUTCOME_TOO_LARGE, NULL);
	if (length > body_limit(request))
		return request_refuse(request, OUTCOME_TOO_LARGE, NULL);
	buffer_reserve(&request->body, (size_t)length);
	return !request->body.failed || request_refuse(request, OUTCOME_BUSY, NULL);
}

/* The first step that does not pass ends the walk. */
static bool (*const pipeline[])(struct request *request) = { frame, options, locate, identify,
	permit, know_owner, select_node, allow_method, check_media, check_length };

static enum body_plan plan_for_refused(const struct request *request)
{
	uint64_t length = 0;
	bool broken_framing = request->outcome == OUTCOME_UNKNOWN_CODING
			      || request->header_malformed || request->content_lengths > 1
			      || (request->content_lengths && request->transfer_encodings);
	if (broken_framing || request->expects_continue)
		return BODY_REFUSE;
	if (request->content_length.data
		&& (!parse_u64(span_trim(request->content_length), &length) || length > DRAIN_MOST))
		return BODY_REFUSE;
	return BODY_DRAIN;
}

enum body_plan request_head(struct request *request)
{
	request->client = forwarding_client(request->live->settings, &request->forwarding,
		request->peer, &request->client_room);
	for (size_t i = 0; i < sizeof(pipeline) / sizeof(pipeline[0]); i++)
		if (!pipeline[i](request))
			return plan_for_refused(request);
	return request->method == METHOD_PUT ? BODY_KEEP : BODY_DRAIN;
}

void request_body(struct request *request, struct span part)
{
	if (request->outcome != OUTCOME_NONE)
		return;
	if (request->body.size + part.size > body_limit(request)) {
		request_refuse(request, OUTCOME_TOO_LARGE, NULL);
		return;
	}
	buffer_append(&request->body, part);
	if (request->body.failed)
		request_refuse(request, OUTCOME_BUSY, NULL);
}

enum progress request_act(struct request *request)
{
	if (request->outcome != OUTCOME_NONE)
		return ANSWER_NOW;
	switch (request->method) {
	case METHOD_GET:
	case METHOD_HEAD:
		return get(request);
	case METHOD_PUT:
		return request->selector ? change_part(request) : put_document(request);
	case METHOD_DELETE:
		return request->selector ? change_part(request) : delete_document(request);
	default:
		request_refuse(request, OUTCOME_NOT_ALLOWED, NULL);
		return ANSWER_NOW;
	}
}
