/* SPDX-License-Identifier: BSD-2-Clause */
#include "xcapd/metrics.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define OUTCOME_STATUS(name, status, text) status,
static const unsigned statuses[] = { OUTCOMES(OUTCOME_STATUS) };
#undef OUTCOME_STATUS

static const char *const methods[] = { [METHOD_GET] = "GET",
	[METHOD_HEAD] = "HEAD",
	[METHOD_PUT] = "PUT",
	[METHOD_DELETE] = "DELETE",
	[METHOD_OPTIONS] = "OPTIONS",
	[METHOD_OTHER] = "other" };

enum {
	METHODS = COUNT(methods),
	STATUSES = COUNT(statuses),
	BOUNDS = 16,
	USAGE_NONE = 0,
	USAGE_OTHER,
	USAGE_FIRST
};
enum { USAGES = USAGE_FIRST + METRICS_USAGES };

typedef _Atomic uint64_t counter;

/* Each value is counted in its own bucket only; they are summed up when they are read. */
struct histogram {
	counter buckets[BOUNDS + 1], sum;
};

/* Upper bounds, 0 behind the last. */
static const uint64_t microsecond_bounds[BOUNDS] = { 50, 100, 200, 500, 1000, 2000, 5000, 10000,
	20000, 50000, 100000, 200000, 500000, 1000000, 5000000, 30000000 };
static const uint64_t write_bounds[BOUNDS] = { 1, 2, 4, 8, 16, 32, 64, 128, 256 };

static counter requests[METHODS][USAGES][STATUSES], reloads[2];
static struct histogram request_time[METHODS], commit_time, commit_writes;

/* Names of usages, appended and never changed. */
static char usage_names[USAGES][URI_AUID_MAX + 1] = { "none", "other" };
static atomic_uint usage_count = USAGE_FIRST;
static pthread_mutex_t usage_lock = PTHREAD_MUTEX_INITIALIZER;

static void add(counter *to, uint64_t amount)
{
	atomic_fetch_add_explicit(to, amount, memory_order_relaxed);
}

static uint64_t value(const counter *of)
{
	return atomic_load_explicit(of, memory_order_relaxed);
}

static void observe(struct histogram *histogram, const uint64_t bounds[BOUNDS], uint64_t amount)
{
	size_t i = 0;
	while (i < BOUNDS && bounds[i] && amount > bounds[i])
		i++;
	add(&histogram->buckets[i], 1);
	add(&histogram->sum, amount);
}

static unsigned find_usage(struct span usage, unsigned from, unsigned to)
{
	for (unsigned i = from; i < to; i++)
		if (!strncmp(usage_names[i], usage.data, usage.size) && !usage_names[i][usage.size])
			return i;
	return USAGE_OTHER;
}

static unsigned add_usage(struct span usage, unsigned seen)
{
	pthread_mutex_lock(&usage_lock);
	unsigned count = atomic_load_explicit(&usage_count, memory_order_relaxed);
	unsigned found = find_usage(usage, seen, count);
	if (found == USAGE_OTHER && count < USAGES) {
		memcpy(usage_names[count], usage.data, usage.size);
		found = count;
		atomic_store_explicit(&usage_count, count + 1, memory_order_release);
	}
	pthread_mutex_unlock(&usage_lock);
	return found;
}

static unsigned usage_index(struct span usage)
{
	if (!usage.data)
		return USAGE_NONE;
	if (!usage.size || usage.size > URI_AUID_MAX)
		return USAGE_OTHER;
	unsigned count = atomic_load_explicit(&usage_count, memory_order_acquire);
	unsigned found = find_usage(usage, USAGE_FIRST, count);
	return found != USAGE_OTHER || count == USAGES ? found : add_usage(usage, count);
}

void metrics_request(
	enum method method, struct span usage, enum outcome outcome, uint64_t microseconds)
{
	size_t row = method > METHOD_OTHER ? METHOD_OTHER : method, column = outcome;
	assert(column < STATUSES);
	add(&requests[row][usage_index(usage)][column], 1);
	observe(&request_time[row], microsecond_bounds, microseconds);
}

void metrics_commit(size_t writes, uint64_t microseconds)
{
	observe(&commit_writes, write_bounds, writes);
	observe(&commit_time, microsecond_bounds, microseconds);
}

void metrics_reload(bool accepted)
{
	add(&reloads[accepted], 1);
}

/* --- the text --- */

static void begin(struct buffer *out, const char *name, const char *type, const char *help)
{
	buffer_format(out, "# HELP xcapd_%s %s\n# TYPE xcapd_%s %s\n", name, help, name, type);
}

static void seconds(struct buffer *out, uint64_t microseconds)
{
	buffer_format(
		out, "%" PRIu64 ".%06" PRIu64, microseconds / 1000000, microseconds % 1000000);
}

/* `labels` is empty or ends in a comma. */
static void add_histogram(struct buffer *out, const char *name, const char *labels,
	const struct histogram *histogram, const uint64_t bounds[BOUNDS])
{
	bool timed = bounds == microsecond_bounds;
	uint64_t count = 0;
	for (size_t i = 0; i < BOUNDS && bounds[i]; i++) {
		count += value(&histogram->buckets[i]);
		buffer_format(out, "xcapd_%s_bucket{%sle=\"", name, labels);
		if (timed)
			seconds(out, bounds[i]);
		else
			buffer_format(out, "%" PRIu64, bounds[i]);
		buffer_format(out, "\"} %" PRIu64 "\n", count);
	}
	size_t last = 0;
	while (last < BOUNDS && bounds[last])
		last++;
	count += value(&histogram->buckets[last]);
	int shown = labels[0] ? (int)strlen(labels) - 1 : 0;
	const char *open = shown ? "{" : "", *close = shown ? "}" : "";
	buffer_format(out, "xcapd_%s_bucket{%sle=\"+Inf\"} %" PRIu64 "\n", name, labels, count);
	buffer_format(out, "xcapd_%s_sum%s%.*s%s ", name, open, shown, labels, close);
	uint64_t sum = value(&histogram->sum);
	if (timed)
		seconds(out, sum);
	else
		buffer_format(out, "%" PRIu64, sum);
	buffer_format(out, "\nxcapd_%s_count%s%.*s%s %" PRIu64 "\n", name, open, shown, labels,
		close, count);
}

/* Outcomes that share a status are one figure: the first of them stands for all. */
static uint64_t count_status(const counter row[STATUSES], size_t outcome)
{
	uint64_t sum = 0;
	for (size_t i = 0; i < STATUSES; i++) {
		if (statuses[i] != statuses[outcome])
			continue;
		if (i < outcome)
			return 0;
		sum += value(&row[i]);
	}
	return sum;
}

static void add_requests_of(struct buffer *out, size_t method, size_t usage)
{
	for (size_t outcome = 0; outcome < STATUSES; outcome++) {
		uint64_t count = count_status(requests[method][usage], outcome);
		if (!count)
			continue;
		buffer_format(out, "xcapd_requests_total{method=\"%s\",usage=\"", methods[method]);
		buffer_text(out, usage_names[usage]);
		if (statuses[outcome])
			buffer_format(out, "\",status=\"%u\"} ", statuses[outcome]);
		else
			buffer_text(out, "\",status=\"gone\"} ");
		buffer_format(out, "%" PRIu64 "\n", count);
	}
}

static void add_requests(struct buffer *out)
{
	char labels[32];
	unsigned usages = atomic_load_explicit(&usage_count, memory_order_acquire);
	begin(out, "requests_total", "counter",
		"Requests by method, usage and status; gone: the client did not wait.");
	for (size_t method = 0; method < METHODS; method++)
		for (size_t usage = 0; usage < usages; usage++)
			add_requests_of(out, method, usage);
	begin(out, "request_duration_seconds", "histogram",
		"From a request's complete header to its answer, its body included.");
	for (size_t method = 0; method < METHODS; method++) {
		snprintf(labels, sizeof(labels), "method=\"%s\",", methods[method]);
		add_histogram(out, "request_duration_seconds", labels, &request_time[method],
			microsecond_bounds);
	}
}

static void add_commits(struct buffer *out)
{
	begin(out, "commit_writes", "histogram", "Writes that shared one commit.");
	add_histogram(out, "commit_writes", "", &commit_writes, write_bounds);
	begin(out, "commit_duration_seconds", "histogram", "Commits, their sync included.");
	add_histogram(out, "commit_duration_seconds", "", &commit_time, microsecond_bounds);
}

static void add_one(
	struct buffer *out, const char *name, const char *type, const char *help, uint64_t number)
{
	begin(out, name, type, help);
	buffer_format(out, "xcapd_%s %" PRIu64 "\n", name, number);
}

static void add_store(struct buffer *out, const struct store_stats *store, uint64_t time_ms)
{
	uint64_t age = store->feed_newest && time_ms > store->feed_oldest_time
			       ? time_ms - store->feed_oldest_time
			       : 0;
	uint64_t room = store->size_max > store->size_used ? store->size_max - store->size_used : 0;
	add_one(out, "documents", "gauge", "Stored documents.", store->documents);
	add_one(out, "users", "gauge", "Users, readers and admins.", store->users);
	add_one(out, "feed_position", "gauge", "Number of the newest change in the feed.",
		store->feed_newest);
	add_one(out, "feed_oldest_age_seconds", "gauge", "Age of the oldest change in the feed.",
		age / 1000);
	add_one(out, "store_used_bytes", "gauge", "Octets of the store that are in use.",
		store->size_used);
	add_one(out, "store_free_bytes", "gauge", "Octets left up to store.max-size.", room);
}

static void add_process(struct buffer *out, const struct metrics_now *now)
{
	begin(out, "build_info", "gauge", "The version that runs.");
	buffer_text(out, "xcapd_build_info{version=\"" XCAPD_VERSION "\"} 1\n");
	add_one(out, "connections", "gauge", "Open connections to the public listeners.",
		now->connections);
	add_one(out, "login_failures_total", "counter", "Logins with a wrong name or password.",
		now->login_failures);
	begin(out, "reloads_total", "counter", "Reloads of the configuration.");
	buffer_format(out,
		"xcapd_reloads_total{result=\"accepted\"} %" PRIu64
		"\nxcapd_reloads_total{result=\"refused\"} %" PRIu64 "\n",
		value(&reloads[1]), value(&reloads[0]));
	add_one(out, "store_up", "gauge", "Does the store answer?", now->store_answers);
}

struct span metrics_text(struct arena *arena, const struct metrics_now *now)
{
	struct buffer out = { .arena = arena };
	add_process(&out, now);
	add_requests(&out);
	add_commits(&out);
	if (now->store_answers)
		add_store(&out, &now->store, now->time_ms);
	return buffer_span(&out);
}
