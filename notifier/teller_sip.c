/* SPDX-License-Identifier: BSD-2-Clause */
#include "notifier/publications.h"
#include "notifier/teller_private.h"
#include "xcap/diff.h"

enum { CHALLENGES_MOST = 2, PUBLISHED_S = 120 };

#define DIFF_TYPE "application/xcap-diff+xml"

static struct span diff_body(const struct tell *tell)
{
	struct diff_writer diff;
	struct span sel = diff_sel(tell->arena, &tell->what.id);
	if (!sel.data)
		return sel;
	diff_begin(&diff, tell->arena, tell->teller->notifier->settings->http.root, true);
	diff_document(
		&diff, sel, tell->what.previous, tell->what.etag, (struct span){ NULL, 0 }, false);
	return diff_end(&diff);
}

static bool publishes(const struct tell *tell)
{
	return tell->teller->publications != NULL;
}

/* The headers that make it a NOTIFY (CONTRACT: SIP, Targets) or a PUBLISH (RFC 3903 §4). */
static struct span headers(const struct tell *tell, struct span method, struct span uri)
{
	const struct target_settings *target = tell->teller->target;
	const struct credentials_for proof = { target->username, target->password, method, uri };
	struct buffer lines = { .arena = tell->arena };
	if (publishes(tell)) {
		struct span tag = publications_find(
			tell->teller->publications, tell->owner, loop_wall_clock());
		buffer_format(&lines, "Event: xcap-diff\r\nExpires: %d\r\n", PUBLISHED_S);
		if (tag.data)
			buffer_format(&lines, "SIP-If-Match: %.*s\r\n", SPAN_ARG(tag));
	} else {
		buffer_text(&lines, "Event: xcap-diff; diff-processing=no-patching\r\n"
				    "Subscription-State: active;expires=3600\r\n");
	}
	if (target->username.size) {
		struct span line =
			credentials_line(&tell->teller->credentials, tell->arena, &proof);
		lines.failed |= !line.data;
		if (line.data)
			buffer_append(&lines, line);
	}
	return buffer_span(&lines);
}

/* The URI for To: without parameters and headers (RFC 3261 §19.1.1). */
static struct span bare(struct span uri)
{
	for (size_t i = 0; i < uri.size; i++)
		if (uri.data[i] == ';' || uri.data[i] == '?')
			return span_first(uri, i);
	return uri;
}

static bool challenged(struct tell *tell, const struct sip_result *result)
{
	const struct target_settings *target = tell->teller->target;
	bool proxy = result->status == 407;
	if ((result->status != 401 && !proxy) || !target->username.size
		|| tell->challenges >= CHALLENGES_MOST)
		return false;
	const char *name = proxy ? "proxy-authenticate" : "www-authenticate";
	for (size_t i = 0;; i++) {
		struct span value = sip_header(result->response, name, i);
		bool stale;
		if (!value.data)
			return false;
		if (!credentials_take(&tell->teller->credentials, value, proxy, &stale))
			continue;
		/* once is enough unless only the nonce was too old */
		tell->challenges += stale ? 1 : CHALLENGES_MOST;
		return true;
	}
}

/* Keeps the tag that the next PUBLISH of this owner needs. */
static void published(const struct tell *tell, const struct sip_result *result)
{
	uint64_t seconds = PUBLISHED_S;
	struct span tag = sip_header(result->response, "sip-etag", 0);
	struct span expires = sip_header(result->response, "expires", 0);
	if (expires.data && (!parse_u64(span_trim(expires), &seconds) || seconds > PUBLISHED_S))
		seconds = PUBLISHED_S;
	publications_keep(
		tell->teller->publications, tell->owner, tag, loop_wall_clock() + seconds * 1000);
}

static void answered(void *context, const struct sip_result *result)
{
	struct tell *tell = context;
	tell->outgoing = NULL;
	bool again = false;
	if (result->failure != SIP_ANSWERED) {
		tell_end(tell, TOLD_NOBODY, result->retry_after, "%s", result->why);
		return;
	}
	if (publishes(tell) && result->status == 412 && !tell->renewed) {
		publications_keep(tell->teller->publications, tell->owner, SPAN(""), 0);
		again = tell->renewed = true;
	} else {
		again = challenged(tell, result);
	}
	if (again) {
		if (!teller_sip_send(tell))
			tell_end(tell, TOLD_REFUSED, 0, "out of memory");
		return;
	}
	if (result->status >= 200 && result->status < 300) {
		if (publishes(tell))
			published(tell, result);
		tell_end(tell, TOLD_WELL, 0, "%u", result->status);
	} else {
		tell_end(tell, TOLD_REFUSED, result->retry_after, "answered %u%s", result->status,
			result->status == 401 || result->status == 407
				? " (check the target's username and password)"
				: "");
	}
}

bool teller_sip_send(struct tell *tell)
{
	const struct target_settings *target = tell->teller->target;
	struct span us = tell->teller->notifier->settings->auth.realm;
	char tag[SIP_TOKEN + 1];
	sip_token(tag);
	struct span method = publishes(tell) ? SPAN("PUBLISH") : SPAN("NOTIFY");
	struct span uri = publishes(tell) ? tell->owner : target->uri;
	struct sip_request request = {
		.method = method,
		.uri = uri,
		.from = arena_format(tell->arena, "<sip:xcapd@%.*s>;tag=%s", SPAN_ARG(us), tag),
		.to = arena_format(tell->arena, "<%.*s>", SPAN_ARG(bare(uri))),
		.cseq = 1,
		.next_hop = publishes(tell) ? target->uri : (struct span){ NULL, 0 },
		.contact = true,
		.headers = headers(tell, method, uri),
		.content_type = SPAN(DIFF_TYPE),
		.body = diff_body(tell),
		.tls_verify = target->tls_verify,
		.done = answered,
		.context = tell,
	};
	if (!request.from.data || !request.to.data || !request.headers.data || !request.body.data)
		return false;
	tell->outgoing = sip_send(tell->teller->notifier->sip, &request);
	return tell->outgoing != NULL;
}
