/* SPDX-License-Identifier: BSD-2-Clause */
#include "notifier/figures.h"

#include "auth/auth.h"
#include "notifier/subscription.h"
#include "notifier/target.h"

#include <inttypes.h>

const char *figures_unready(struct notifier *notifier)
{
	if (notifier->draining)
		return "stopping\n";
	if (store_probe(notifier->store) != STORE_OK)
		return "the store does not answer\n";
	if (saver_failures(notifier->saver))
		return "the state of targets and subscriptions cannot be written\n";
	return NULL;
}

static void begin(struct buffer *out, const char *name, const char *type, const char *help)
{
	buffer_format(out, "# HELP xcap_notifier_%s %s\n# TYPE xcap_notifier_%s %s\n", name, help,
		name, type);
}

static void add(
	struct buffer *out, const char *name, const char *type, const char *help, uint64_t number)
{
	begin(out, name, type, help);
	buffer_format(out, "xcap_notifier_%s %" PRIu64 "\n", name, number);
}

static void add_sip(struct buffer *out, const struct sip *sip)
{
	struct sip_figures now;
	sip_figures(sip, &now);
	add(out, "sip_requests_received_total", "counter", "SIP requests that came in, once each.",
		now.requests_in);
	add(out, "sip_responses_sent_total", "counter", "Final answers to them.",
		now.responses_out);
	add(out, "sip_requests_sent_total", "counter", "SIP requests that we sent, once each.",
		now.requests_out);
	add(out, "sip_responses_received_total", "counter", "Final answers to ours.",
		now.responses_in);
	add(out, "sip_retransmissions_received_total", "counter", "Requests that came again.",
		now.retransmissions_in);
	add(out, "sip_retransmissions_sent_total", "counter", "Requests that we sent again.",
		now.retransmissions_out);
	add(out, "sip_malformed_total", "counter", "Messages that could not be read.",
		now.malformed);
	add(out, "sip_timeouts_total", "counter", "Requests of ours that nobody answered.",
		now.timeouts);
	add(out, "sip_connections", "gauge", "Open TCP and TLS connections.", now.connections);
	add(out, "sip_client_transactions", "gauge", "Requests of ours without a final answer.",
		now.client_transactions);
	add(out, "sip_server_transactions", "gauge", "Requests whose answers are still kept.",
		now.server_transactions);
}

/* One figure of every target. */
struct column {
	const char *name, *type, *help;
	size_t offset; /* of a uint64_t in struct target_figures */
};

#define COLUMN(member) offsetof(struct target_figures, member)
static const struct column columns[] = {
	{ "target_position", "gauge", "Number of the feed up to which a target was read.",
		COLUMN(position) },
	{ "target_parked_owners", "gauge", "Owners whose changes wait for another try.",
		COLUMN(parked) },
	{ "target_in_flight", "gauge", "Messages to a target without an answer so far.",
		COLUMN(in_flight) },
	{ "target_told_total", "counter", "Changes that a target confirmed.", COLUMN(told) },
	{ "target_failures_total", "counter", "Tries that failed.", COLUMN(failed) },
	{ "target_latency_count", "counter", "Changes in target_latency_microseconds_sum.",
		COLUMN(latency_count) },
	{ "target_latency_microseconds_sum", "counter", "Time from commit to confirmation.",
		COLUMN(latency_us_sum) },
	{ "target_lag_milliseconds", "gauge", "Age of the oldest change that is not confirmed.",
		COLUMN(lag_ms) },
};

static void add_targets(struct buffer *out, const struct targets *targets)
{
	size_t count = targets_count(targets);
	for (size_t i = 0; count && i < sizeof(columns) / sizeof(columns[0]); i++) {
		const struct column *column = &columns[i];
		begin(out, column->name, column->type, column->help);
		for (size_t j = 0; j < count; j++) {
			struct target_figures one;
			targets_figures(targets, j, &one);
			const uint64_t *value = (const void *)((const char *)&one + column->offset);
			buffer_format(out, "xcap_notifier_%s{target=\"%.*s\"} %" PRIu64 "\n",
				column->name, SPAN_ARG(one.name), *value);
		}
	}
}

static void add_subscriptions(struct buffer *out, const struct subscriptions *subscriptions)
{
	struct subscription_figures now;
	subscriptions_figures(subscriptions, &now);
	add(out, "subscriptions", "gauge", "Live subscriptions.", now.live);
	add(out, "subscribes_accepted_total", "counter", "SUBSCRIBEs that were granted.",
		now.accepted);
	add(out, "subscribes_refused_total", "counter", "SUBSCRIBEs that were refused.",
		now.refused);
	add(out, "notifies_confirmed_total", "counter", "NOTIFYs that subscribers confirmed.",
		now.notified);
	add(out, "notifies_failed_total", "counter", "NOTIFYs that they did not.", now.failed);
}

struct span figures_text(struct notifier *notifier, struct arena *arena)
{
	struct buffer out = { .arena = arena };
	struct store_stats store;
	bool answers = store_stats(notifier->store, &store) == STORE_OK;
	begin(&out, "build_info", "gauge", "The version that runs.");
	buffer_text(&out, "xcap_notifier_build_info{version=\"" XCAPD_VERSION "\"} 1\n");
	add(&out, "store_up", "gauge", "Does the store answer?", answers);
	if (answers)
		add(&out, "feed_position", "gauge", "Number of the newest change in the feed.",
			store.feed_newest);
	add(&out, "state_failures", "gauge", "Commits of our state that failed in a row.",
		saver_failures(notifier->saver));
	add(&out, "login_failures_total", "counter", "Logins with a wrong name or password.",
		auth_failures(notifier->auth));
	add_targets(&out, notifier->targets);
	add_subscriptions(&out, notifier->subscriptions);
	add_sip(&out, notifier->sip);
	return buffer_span(&out);
}
