/* SPDX-License-Identifier: BSD-2-Clause */
#include "auth/auth.h"
#include "notifier/subscription_private.h"

/* The host of a SIP URI, with its port where it has one. */
static struct span uri_authority(struct span uri)
{
	size_t at;
	if (span_find(uri, ':', &at))
		uri = span_from(uri, at + 1);
	for (at = 0; at < uri.size && uri.data[at] != ';' && uri.data[at] != '?'; at++)
		;
	uri = span_first(uri, at);
	while (span_find(uri, '@', &at))
		uri = span_from(uri, at + 1);
	return uri;
}

/* The domain that the subscriber speaks to, or else belongs to, if we serve it. */
static struct span realm_of(const struct settings *settings, const struct sip_message *message)
{
	struct span to = auth_realm(settings, NULL, uri_authority(sip_to_uri(message)));
	return to.data != settings->auth.realm.data
		       ? to
		       : auth_realm(settings, NULL, uri_authority(sip_from_uri(message)));
}

/* A client may send what it knows for several realms (RFC 3261 §22.3): ours is the one that counts.
 * None for ours: the first, which is judged like any. */
static struct span authorization_of(const struct sip_message *message, struct span realm)
{
	struct span first = sip_header(message, "authorization", 0), one = first;
	for (size_t i = 0; one.data; one = sip_header(message, "authorization", ++i)) {
		size_t at;
		struct span rest = one;
		if (!span_search(rest, SPAN("realm=\""), &at))
			continue;
		rest = span_from(rest, at + 7);
		if (span_equal(span_cut(&rest, '"'), realm))
			return one;
	}
	return first;
}

static struct span challenge_lines(
	struct subscriptions *all, const struct auth_request *request, bool stale)
{
	struct span values[4];
	struct buffer lines = { .arena = all->arena };
	size_t count = auth_challenge(all->notifier->auth, all->arena, request, stale, values);
	for (size_t i = 0; i < count; i++) {
		buffer_text(&lines, "WWW-Authenticate: ");
		buffer_append(&lines, values[i]);
		buffer_text(&lines, "\r\n");
	}
	return buffer_span(&lines);
}

static void refuse(struct login_answer *answer, unsigned status, const char *why)
{
	answer->status = status;
	answer->why = why;
}

/* The subscriber's address says nothing of who it is: requests come through proxies, and by UDP
 * from anywhere. Basic is no scheme of SIP's (RFC 3261 §22): `tls` stays false. */
void subscription_login(struct subscriptions *all, const struct sip_incoming *incoming,
	struct principal *who, struct login_answer *answer)
{
	const struct sip_message *message = sip_incoming_message(incoming);
	const struct settings *settings = all->notifier->settings;
	struct auth_answer said = { 0 };
	struct auth_request request = {
		.settings = settings,
		.method = sip_method(message),
		.target = sip_uri(message),
		.any_target = true,
		.realm = realm_of(settings, message),
		.forwarded = true,
		.peer = (const struct sockaddr *)(const void *)&sip_incoming_flow(incoming)
				->address,
		.now_ms = loop_wall_clock(),
	};
	*answer = (struct login_answer){ 0 };
	request.authorization = authorization_of(message, request.realm);
	request.authorizations = request.authorization.data != NULL;
	switch (auth_identify(all->notifier->auth, all->arena, &request, who, &said)) {
	case AUTH_KNOWN:
		answer->known = true;
		return;
	case AUTH_CHALLENGE:
		refuse(answer, 401, said.why);
		answer->headers = challenge_lines(all, &request, said.stale);
		if (!answer->headers.size)
			refuse(answer, 403, "no login that SIP has is offered here");
		break;
	case AUTH_MALFORMED:
		refuse(answer, 400, said.why);
		break;
	case AUTH_LIMITED:
		refuse(answer, 503, said.why);
		answer->headers = arena_format(all->arena, "Retry-After: %u\r\n", said.retry_after);
		break;
	case AUTH_BROKEN:
		refuse(answer, 503, "logins cannot be checked now");
		break;
	}
}
