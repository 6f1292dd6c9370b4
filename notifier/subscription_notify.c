/* SPDX-License-Identifier: BSD-2-Clause */
#include "notifier/subscription_private.h"

#include <inttypes.h>
#include <time.h>

enum {
	HEADERS_ROOM = 4096, /* of limits.sip-message: what is not body */
	SHORT_BODY = 1000,
	TRY_AGAIN_MS = 1000,
	NOT_TAKEN_MS = 30000, /* to the next try, when no Retry-After says */
	FAILURES_MOST = 5,
	DEAR_MS = 5, /* a body that takes so long is dear: its subscriber rests for a while, */
	REST_TIMES = 10,
	REST_MOST_MS = 10000, /* so that one user cannot have the loop alone */
};

static struct loop *loop_of(const struct subscription *one)
{
	return one->all->notifier->loop;
}

void subscription_still(struct subscription *one)
{
	timer_stop(loop_of(one), &one->timer);
	sip_forget(&one->notify);
}

/* --- the headers --- */

static uint32_t seconds_left(const struct subscription *one)
{
	uint64_t now = loop_now(loop_of(one));
	return one->expires > now ? (uint32_t)((one->expires - now) / 1000) : 0;
}

/* RFC 6446 §5.3: one that would keep everything back until the end is raised. */
static uint64_t spacing(const struct subscription *one)
{
	uint64_t left = (uint64_t)seconds_left(one) * 1000;
	uint64_t least = one->all->notifier->settings->notifier.min_interval_ms;
	uint64_t asked = one->interval < left ? one->interval : left;
	return asked > least ? asked : least;
}

static void write_rate(const struct subscription *one, struct buffer *to)
{
	uint64_t left = (uint64_t)seconds_left(one) * 1000;
	uint64_t interval = one->interval < left ? one->interval : left;
	if (!one->rate_asked || !interval)
		return;
	uint64_t millionths = UINT64_C(1000000000) / interval;
	buffer_format(
		to, ";max-rate=%" PRIu64 ".%06" PRIu64, millionths / 1000000, millionths % 1000000);
}

/* A last one in several parts is not over before its last part. */
static struct span headers_of(
	const struct subscription *one, const struct package_body *body, bool last)
{
	struct buffer lines = { .arena = one->all->arena };
	buffer_format(&lines, "Event: %s", package_of(one)->name);
	if (one->dialog.has_event_id)
		buffer_format(
			&lines, ";id=%.*s", SPAN_ARG(dialog_part(&one->dialog, DIALOG_EVENT_ID)));
	if (last) {
		buffer_format(&lines, "\r\nSubscription-State: terminated;reason=%s", one->reason);
	} else {
		buffer_format(
			&lines, "\r\nSubscription-State: active;expires=%u", seconds_left(one));
		write_rate(one, &lines);
	}
	if (body->tag)
		buffer_format(&lines, "\r\nSIP-ETag: %016" PRIx64, body->tag);
	buffer_text(&lines, "\r\n");
	return buffer_span(&lines);
}

/* --- what came of one --- */

/* Answers that say that there is no such subscription (RFC 6665 §4.2.2). */
static bool ends_it(unsigned status)
{
	static const unsigned ends[] = { 404, 405, 408, 410, 416, 480, 481, 482, 483, 484, 485, 489,
		501, 604 };
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
		if (status == ends[i])
			return true;
	return false;
}

static void taken(struct subscription *one)
{
	one->failures = 0;
	one->short_body = false;
	if (!one->full_due) {
		one->told = one->sent;
		one->told_tag = one->sent_tag;
	}
	one->unsaved = true;
	subscription_track(one, 0);
	package_of(one)->settled(package_state_of(one), one->state, true);
	subscription_look(one);
}

static void not_taken(struct subscription *one, const struct sip_result *result)
{
	uint64_t wait = result->retry_after ? (uint64_t)result->retry_after * 1000 : NOT_TAKEN_MS;
	bool too_large = result->status == 413 || result->status == 513;
	if (one->reason && wait > NOT_TAKEN_MS)
		wait = NOT_TAKEN_MS; /* nothing else ends it */
	if (too_large && !one->short_body)
		wait = 0;
	one->short_body |= too_large;
	one->failures++;
	one->earliest = loop_now(loop_of(one)) + wait;
	one->full_due = one->at_once = true;
	package_of(one)->settled(package_state_of(one), one->state, false);
	subscription_track(one, 0);
	subscription_look(one);
}

static void done(void *context, const struct sip_result *result)
{
	struct subscription *one = context;
	struct subscriptions *all = one->all;
	bool answered = result->failure == SIP_ANSWERED;
	bool well = answered && result->status >= 200 && result->status < 300;
	one->notify = NULL;
	arena_reset(all->arena);
	all->figures.failed += !well;
	if (!well)
		log_event(LEVEL_INFO, "subscriptions", "%.*s: NOTIFY not taken: %u %s",
			SPAN_ARG(subscription_who(one).name), result->status,
			result->why ? result->why : "");
	if (one->last_sent || !answered || ends_it(result->status)
		|| (!well && one->failures + 1 >= FAILURES_MOST))
		subscription_free(one);
	else if (well)
		taken(one);
	else
		not_taken(one, result);
}

/* --- sending one --- */

static bool notify(struct subscription *one, const struct package_body *body)
{
	struct subscriptions *all = one->all;
	struct sip_flow flow;
	bool last = one->reason && !body->more;
	struct sip_request request = {
		.method = SPAN("NOTIFY"),
		.contact = true,
		.headers = headers_of(one, body, last),
		.content_type = body->content_type,
		.body = body->body,
		.tls_verify = false,
		.done = done,
		.context = one,
	};
	if (!request.headers.data || !dialog_address(&one->dialog, all->arena, &request, &flow))
		return false;
	one->sent = body->mark;
	one->sent_tag = body->tag;
	one->last_sent = last;
	one->unsaved = true;
	subscription_track(one, body->mark);
	one->notify = sip_send(all->notifier->sip, &request);
	if (!one->notify)
		return false;
	one->notified = loop_now(loop_of(one));
	one->at_once = body->more;
	one->full_due = one->full_due && body->more;
	one->news_due = body->more && !one->full_due;
	one->bodiless = false;
	all->figures.notified++;
	return true;
}

static void try_again(struct subscription *one)
{
	one->earliest = loop_now(loop_of(one)) + TRY_AGAIN_MS;
}

/* The last one before the end says the state only when a SUBSCRIBE asked for it. */
static void write_body(struct subscription *one, struct package_body *body)
{
	void *package = package_state_of(one);
	size_t most = one->all->notifier->settings->limits.sip_message - HEADERS_ROOM;
	if (one->short_body)
		most = SHORT_BODY;
	if (one->bodiless)
		*body = (struct package_body){
			.tag = one->told_tag, .mark = one->told, .worth_telling = true
		};
	else if (one->full_due)
		package_of(one)->full(package, one->state, one->all->arena, most, body);
	else if (one->news_due)
		package_of(one)->news(package, one->state, one->all->arena, most, body);
	body->worth_telling |= one->reason != NULL;
}

uint64_t subscription_worked(void)
{
	struct timespec now;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

void subscription_charge(struct subscription *one, uint64_t since)
{
	uint64_t cost = subscription_worked() - since, rest = cost * REST_TIMES;
	if (cost < DEAR_MS || one->person->role != ROLE_USER)
		return;
	one->person->rests = loop_now(loop_of(one)) + (rest < REST_MOST_MS ? rest : REST_MOST_MS);
}

/* Nothing happened that this subscriber has to know. */
static void skip(struct subscription *one, const struct package_body *body)
{
	one->news_due = body->more;
	one->at_once = body->more;
	if (body->mark)
		one->told = body->mark;
	if (body->tag)
		one->told_tag = body->tag;
	subscription_track(one, 0);
}

static void tell(struct subscription *one)
{
	struct subscriptions *all = one->all;
	struct package_body body = { 0 };
	arena_reset(all->arena);
	uint64_t login;
	const struct principal who = subscription_who(one);
	enum person_state person = person_look(all, &who, &login);
	person = subscriber_state(one, person, login);
	if (person == PERSON_GONE || person == PERSON_CHANGED) {
		one->full_due = one->news_due = one->bodiless = false;
		one->reason = person == PERSON_GONE ? "rejected" : "deactivated";
		subscription_unlist(one);
	}
	if (person == PERSON_UNKNOWN) {
		try_again(one);
		return;
	}
	uint64_t start = subscription_worked();
	write_body(one, &body);
	subscription_charge(one, start);
	if (!body.failed && !body.worth_telling)
		skip(one, &body);
	else if (body.failed || !notify(one, &body))
		try_again(one);
}

/* --- when --- */

/* UINT64_MAX: nothing is due. */
static uint64_t due_at(const struct subscription *one)
{
	uint64_t due = UINT64_MAX;
	if (one->reason || one->full_due)
		due = 0;
	else if (one->news_due)
		due = one->at_once || !one->notified ? 0 : one->notified + spacing(one);
	if ((!one->reason || one->full_due) && due < one->person->rests)
		due = one->person->rests;
	return due < one->earliest ? one->earliest : due;
}

static void expire(struct subscription *one)
{
	one->reason = "timeout";
	one->full_due = one->news_due = one->bodiless = false;
	one->earliest = 0;
	subscription_unlist(one);
}

void subscription_look(struct subscription *one)
{
	uint64_t now = loop_now(loop_of(one));
	if (one->notify || !one->confirmed)
		return;
	if (!one->reason && one->expires <= now)
		expire(one);
	if (due_at(one) <= now)
		tell(one);
	if (one->notify)
		return;
	uint64_t due = due_at(one);
	if (!one->reason && due > one->expires)
		due = one->expires;
	timer_set(loop_of(one), &one->timer, due > now ? due : now + 1);
}
