/* SPDX-License-Identifier: BSD-2-Clause */
#include "notifier/subscription_private.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum {
	HOUR_S = 3600,
	RATE_SLOWEST_MS = 86400000,
	REFRESH_MS = 500,           /* what one refresh uses up of the time */
	REFRESHES_AHEAD_MS = 15000, /* how far ahead that may go */
};

/* One SUBSCRIBE on its way through the checks. */
struct wish {
	struct subscriptions *all;
	struct sip_incoming *incoming;
	const struct sip_message *message;
	struct span event;    /* the Event header */
	struct span event_id; /* none: it has no id */
	size_t package;
	struct subscription *subscription; /* NULL: an initial one */
	struct principal who;
	uint64_t login;   /* see person_look */
	uint32_t expires; /* seconds; granted once it is accepted */
	unsigned status;
	const char *why;
	struct span headers;
};

/* --- refusals --- */

static bool refuse(struct wish *wish, unsigned status, const char *why)
{
	wish->status = status;
	wish->why = why;
	return false;
}

static bool refuse_with(
	struct wish *wish, unsigned status, const char *why, const char *name, const char *value)
{
	wish->headers = arena_format(wish->all->arena, "%s: %s\r\n", name, value);
	return refuse(wish, status, why);
}

static void log_wish(const struct wish *wish)
{
	const struct sockaddr_storage *address = &sip_incoming_flow(wish->incoming)->address;
	const void *octets =
		address->ss_family == AF_INET6
			? (const void *)&((const struct sockaddr_in6 *)(const void *)address)
				  ->sin6_addr
			: (const void *)&((const struct sockaddr_in *)(const void *)address)
				  ->sin_addr;
	char peer[INET6_ADDRSTRLEN] = "";
	inet_ntop(address->ss_family, octets, peer, sizeof(peer));
	log_access(&(struct access){
		.id = sip_call_id(wish->message),
		.peer = span_of(peer),
		.who = wish->who.name,
		.method = sip_method(wish->message),
		.target = sip_uri(wish->message),
		.status = wish->status,
		.why = span_of(wish->why),
	});
}

static void answer_refusal(struct wish *wish)
{
	struct span lines = wish->headers, body = { NULL, 0 };
	wish->all->figures.refused += wish->status != 401;
	log_wish(wish);
	if (wish->why && wish->status != 401) {
		lines = arena_format(wish->all->arena, "Warning: 399 xcapd \"%s\"\r\n%.*s",
			wish->why, SPAN_ARG(wish->headers));
		body = arena_format(wish->all->arena, "%s\n", wish->why);
	}
	sip_answer(wish->incoming,
		&(struct sip_answer){
			.status = wish->status,
			.headers = lines,
			.content_type = body.data ? SPAN("text/plain") : (struct span){ NULL, 0 },
			.body = body,
		});
}

/* --- checks, in order --- */

static bool known_event(struct wish *wish)
{
	if (wish->all->notifier->draining)
		return refuse_with(wish, 503, "stopping", "Retry-After", "5");
	wish->event = sip_header(wish->message, "event", 0);
	wish->event_id = sip_parameter(wish->event, "id");
	struct span name = sip_value(wish->event);
	for (size_t i = 0; wish->event.data && i < PACKAGES; i++) {
		if (!span_equal_text(name, subscription_packages[i]->name))
			continue;
		wish->package = i;
		return true;
	}
	return refuse_with(
		wish, 489, "no such event package", "Allow-Events", subscription_packages[0]->name);
}

static bool known_dialog(struct wish *wish)
{
	if (!sip_to_tag(wish->message).size)
		return true;
	wish->subscription = subscription_find(wish->all, wish->message, wish->event_id);
	if (!wish->subscription || wish->subscription->reason
		|| wish->subscription->package != wish->package)
		return refuse(wish, 481, "no such subscription");
	if (sip_cseq(wish->message) <= wish->subscription->dialog.remote_cseq)
		return refuse(wish, 500, "CSeq is not above that of the last request");
	return true;
}

static bool known_person(struct wish *wish)
{
	struct login_answer answer;
	subscription_login(wish->all, wish->incoming, &wish->who, &answer);
	if (!answer.known) {
		wish->headers = answer.headers;
		return refuse(wish, answer.status, answer.why);
	}
	if (wish->subscription
		&& !span_equal(wish->who.name, subscription_who(wish->subscription).name))
		return refuse(wish, 403, "somebody else's subscription");
	return person_look(wish->all, &wish->who, &wish->login) == PERSON_SAME
	       || refuse_with(wish, 503, "users cannot be read now", "Retry-After", "10");
}

/* "application/xcap-diff+xml", "application/(any)" or "(any)/(any)"; a quality of 0 is a no. */
static bool accepts(struct span one, const char *type)
{
	struct span value = sip_value(one), kind = span_of(type), q = sip_parameter(one, "q");
	size_t slash;
	if (q.data && (span_equal(q, SPAN("0")) || span_equal(q, SPAN("0.0"))))
		return false;
	if (span_equal_nocase(value, kind) || span_equal(value, SPAN("*/*")))
		return true;
	return span_find(kind, '/', &slash) && value.size == slash + 2
	       && span_ends(value, SPAN("/*"))
	       && span_equal_nocase(span_first(value, slash), span_first(kind, slash));
}

static bool acceptable(struct wish *wish)
{
	const char *type = subscription_packages[wish->package]->content_type;
	struct span one = sip_header(wish->message, "accept", 0);
	if (!one.data)
		return true;
	for (size_t i = 0; one.data; one = sip_header(wish->message, "accept", ++i))
		if (accepts(one, type))
			return true;
	return refuse_with(wish, 406, "Accept has no type that is notified here", "Accept", type);
}

static bool readable(struct wish *wish)
{
	const struct event_package *package = subscription_packages[wish->package];
	struct span coding = sip_header(wish->message, "content-encoding", 0);
	if (!sip_body(wish->message).size)
		return true;
	if (coding.data && !span_equal_nocase(sip_value(coding), SPAN("identity")))
		return refuse_with(
			wish, 415, "the body's coding is not known", "Accept-Encoding", "identity");
	if (!span_equal_text(sip_content_type(wish->message), package->accepts))
		return refuse_with(
			wish, 415, "the body's type is not known", "Accept", package->accepts);
	return true;
}

static uint32_t seconds_of(uint64_t milliseconds)
{
	return milliseconds / 1000 < UINT32_MAX ? (uint32_t)(milliseconds / 1000) : UINT32_MAX;
}

static bool long_enough(struct wish *wish)
{
	const struct settings *settings = wish->all->notifier->settings;
	uint32_t least = seconds_of(settings->notifier.min_expires_ms);
	uint32_t most = seconds_of(settings->notifier.max_expires_ms);
	struct span text = sip_header(wish->message, "expires", 0);
	uint64_t wanted = settings->notifier.default_expires_ms / 1000;
	if (text.data && !parse_u64(sip_value(text), &wanted))
		return refuse(wish, 400, "Expires is no number");
	if (text.data && wanted > 0 && wanted < HOUR_S && wanted < least)
		return refuse_with(wish, 423, "Expires is too short", "Min-Expires",
			arena_format(wish->all->arena, "%u", least).data);
	wish->expires = wanted < most ? (uint32_t)wanted : most;
	return true;
}

static bool not_too_many(struct wish *wish)
{
	uint64_t most = wish->all->notifier->settings->notifier.max_per_user;
	const struct person *person = person_find(wish->all, wish->who.name);
	if (wish->subscription || wish->who.role == ROLE_READER || !person || person->count < most)
		return true;
	return refuse(wish, 403, "as many subscriptions as one user may have");
}

/* Each refresh is told the whole state at once: so many of them in a row are a flood. */
static bool not_too_often(struct wish *wish)
{
	struct subscription *one = wish->subscription;
	uint64_t now = loop_now(wish->all->notifier->loop);
	if (!one)
		return true;
	if (one->crowded < now)
		one->crowded = now;
	if (one->crowded - now > REFRESHES_AHEAD_MS)
		return refuse_with(wish, 503, "refreshed too often", "Retry-After", "5");
	one->crowded += REFRESH_MS;
	return true;
}

static bool (*const checks[])(struct wish *wish) = { known_event, known_dialog, known_person,
	acceptable, readable, long_enough, not_too_many, not_too_often };

/* --- what is accepted --- */

/* max-rate is a number of notifications a second, as "0.05" (RFC 6446 §5, §9). */
static bool read_rate(struct span text, uint32_t *interval_out)
{
	uint64_t number = 0, scale = 1;
	bool point = false;
	if (!text.size || text.size > 12)
		return false;
	for (size_t i = 0; i < text.size; i++) {
		char c = text.data[i];
		if (c == '.' && !point && i) {
			point = true;
			continue;
		}
		if (c < '0' || c > '9')
			return false;
		number = number * 10 + (uint64_t)(c - '0');
		scale *= point ? 10 : 1;
	}
	uint64_t interval = number ? (1000 * scale + number - 1) / number : RATE_SLOWEST_MS;
	*interval_out = interval < RATE_SLOWEST_MS ? (uint32_t)interval : RATE_SLOWEST_MS;
	return true;
}

static void renew(struct subscription *one, const struct wish *wish)
{
	one->expires = loop_now(one->all->notifier->loop) + (uint64_t)wish->expires * 1000;
	one->rate_asked = read_rate(sip_parameter(wish->event, "max-rate"), &one->interval);
	if (!one->rate_asked)
		one->interval = 0;
	one->earliest = 0;
	one->failures = 0;
	one->short_body = false;
	one->login = wish->login;
}

/* RFC 5839 §6: true when the subscriber has what there is. */
static bool has_it_all(struct subscription *one, const struct sip_message *message)
{
	struct span wanted = sip_header(message, "suppress-if-match", 0);
	struct package_body body = { 0 };
	one->quenched = wanted.data && span_equal(sip_value(wanted), SPAN("*"));
	if (!wanted.data || one->person->rests > loop_now(one->all->notifier->loop))
		return one->quenched;
	uint64_t start = subscription_worked();
	bool known =
		package_of(one)->current(package_state_of(one), one->state, one->all->arena, &body);
	subscription_charge(one, start);
	if (!known)
		return one->quenched;
	struct span tag = arena_format(one->all->arena, "%016" PRIx64, body.tag);
	if (!one->quenched && !span_equal(sip_value(wanted), tag))
		return false;
	one->told = body.mark;
	one->told_tag = body.tag;
	return true;
}

static struct span expires_line(struct arena *arena, uint32_t seconds)
{
	return arena_format(arena, "Expires: %u\r\n", seconds);
}

static void answer_well(struct subscriptions *all, struct sip_incoming *incoming, unsigned status,
	struct span tag, uint32_t expires)
{
	sip_answer(incoming, &(struct sip_answer){
				     .status = status,
				     .reason = status == 204 ? "No Notification" : NULL,
				     .to_tag = tag,
				     .contact = true,
				     .headers = expires_line(all->arena, expires),
			     });
}

static void answer_badly(struct acceptance *answer)
{
	sip_answer(answer->incoming, &(struct sip_answer){
					     .status = 503,
					     .headers = SPAN("Retry-After: 10\r\n"),
				     });
}

/* The row is on disk, or cannot be. */
static void accepted(void *context, bool well)
{
	struct acceptance *answer = context;
	struct subscription *one = answer->subscription;
	arena_reset(answer->all->arena);
	if (well)
		answer_well(answer->all, answer->incoming, answer->status, span_of(answer->tag),
			answer->expires);
	else
		answer_badly(answer);
	*answer->link = answer->next;
	if (answer->next)
		answer->next->link = answer->link;
	if (one) {
		struct acceptance **link = &one->accepting;
		while (*link != answer)
			link = &(*link)->later;
		*link = answer->later;
		one->confirmed |= well;
	}
	bool lost = one && answer->first && !well;
	free(answer);
	if (lost)
		subscription_free(one);
	else if (one)
		subscription_look(one);
}

static bool no_memory(struct wish *wish)
{
	return refuse_with(wish, 503, "no memory", "Retry-After", "10");
}

/* Answers when the row is on disk. */
static bool accept_later(struct wish *wish, struct subscription *one, bool first)
{
	struct subscriptions *all = wish->all;
	struct acceptance *answer = calloc(1, sizeof(*answer));
	if (!answer || !subscription_save(one, 0)) {
		free(answer);
		return no_memory(wish);
	}
	struct span tag = dialog_part(&one->dialog, DIALOG_LOCAL_TAG);
	*answer = (struct acceptance){
		.saved = { .done = accepted, .context = answer },
		.all = all,
		.next = all->acceptances,
		.link = &all->acceptances,
		.later = one->accepting,
		.subscription = one,
		.incoming = wish->incoming,
		.status = wish->status,
		.expires = wish->expires,
		.first = first,
	};
	memcpy(answer->tag, tag.data, tag.size < SIP_TOKEN ? tag.size : SIP_TOKEN);
	if (answer->next)
		answer->next->link = &answer->next;
	all->acceptances = one->accepting = answer;
	saver_tell(all->notifier->saver, &answer->saved);
	log_wish(wish);
	return true;
}

/* It is over: there is nothing to be saved. */
static void accept_last(struct wish *wish, struct subscription *one)
{
	one->reason = "timeout";
	one->confirmed = true;
	subscription_unlist(one);
	log_wish(wish);
	answer_well(wish->all, wish->incoming, wish->status,
		dialog_part(&one->dialog, DIALOG_LOCAL_TAG), 0);
	if (wish->status == 204)
		subscription_free(one);
	else
		subscription_look(one);
}

static bool ask_package(struct wish *wish, struct subscription *one)
{
	struct package_answer answer =
		subscription_packages[wish->package]->subscribe(wish->all->packages[wish->package],
			one, wish->message, wish->all->arena, &one->state);
	if (answer.status == 200)
		return true;
	wish->headers = answer.headers;
	return refuse(wish, answer.status, answer.why);
}

static struct subscription *begin(struct wish *wish)
{
	char tag[SIP_TOKEN + 1];
	struct dialog dialog = { 0 };
	sip_token(tag);
	enum dialog_result result = dialog_begin(&dialog, wish->message,
		sip_incoming_flow(wish->incoming), span_of(tag), wish->event_id);
	struct subscription *one = NULL;
	if (result == DIALOG_MALFORMED)
		refuse(wish, 400, "no Contact that can be notified, or headers too long");
	else if (result == DIALOG_NO_MEMORY
		 || !(one = subscription_new(wish->all, &dialog, &wish->who, wish->package)))
		no_memory(wish);
	dialog_end(&dialog);
	return one;
}

static bool subscribe(struct wish *wish)
{
	struct subscription *one = begin(wish);
	if (!one)
		return false;
	if (!ask_package(wish, one)) {
		subscription_free(one);
		return false;
	}
	renew(one, wish);
	one->full_due = one->at_once = true;
	one->bodiless = has_it_all(one, wish->message);
	wish->status = 200;
	if (!wish->expires) {
		accept_last(wish, one);
		return true;
	}
	subscription_track(one, 0);
	bool well = accept_later(wish, one, true);
	if (!well)
		subscription_free(one);
	return well;
}

/* A matching Suppress-If-Match ends it without a last NOTIFY (RFC 5839 §5.7). */
static bool unsubscribe(struct wish *wish)
{
	struct subscription *one = wish->subscription;
	wish->status = has_it_all(one, wish->message) ? 204 : 200;
	one->expires = loop_now(wish->all->notifier->loop);
	one->earliest = 0;
	one->full_due = one->at_once = true;
	accept_last(wish, one);
	return true;
}

static bool refresh(struct wish *wish)
{
	struct subscription *one = wish->subscription;
	if (wish->expires && !ask_package(wish, one))
		return false;
	switch (dialog_refresh(&one->dialog, wish->message, sip_incoming_flow(wish->incoming))) {
	case DIALOG_OK:
		break;
	case DIALOG_MALFORMED:
		return refuse(wish, 400, "no Contact that can be notified, or headers too long");
	case DIALOG_NO_MEMORY:
		return no_memory(wish);
	}
	if (!wish->expires)
		return unsubscribe(wish);
	renew(one, wish);
	one->told = one->told_tag = 0;
	bool silent = has_it_all(one, wish->message);
	one->bodiless = one->news_due = false;
	one->full_due = one->at_once = !silent;
	subscription_track(one, 0);
	wish->status = silent ? 204 : 200;
	return accept_later(wish, one, false);
}

void subscriptions_request(void *subscriptions, struct sip_incoming *incoming)
{
	struct subscriptions *all = subscriptions;
	struct wish wish = {
		.all = all,
		.incoming = incoming,
		.message = sip_incoming_message(incoming),
	};
	bool well = true;
	arena_reset(all->arena);
	for (size_t i = 0; well && i < sizeof(checks) / sizeof(checks[0]); i++)
		well = checks[i](&wish);
	well = well && (wish.subscription ? refresh(&wish) : subscribe(&wish));
	all->figures.accepted += well;
	if (!well)
		answer_refusal(&wish);
}
