/* links: xcapd_core */
/* SPDX-License-Identifier: BSD-2-Clause */
#include "xcapd/metrics.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

static struct arena *arena;

static int begin(void **state)
{
	(void)state;
	arena = arena_new(1 << 16);
	return arena ? 0 : -1;
}

static int end(void **state)
{
	(void)state;
	arena_free(&arena);
	return 0;
}

static struct span text_now(void)
{
	const struct metrics_now now = {
		.store = { .documents = 12,
			.users = 3,
			.feed_newest = 77,
			.feed_oldest_time = 5000,
			.size_used = 100,
			.size_max = 1000 },
		.store_answers = true,
		.connections = 4,
		.login_failures = 5,
		.time_ms = 65000,
	};
	struct span text = metrics_text(arena, &now);
	assert_non_null(text.data);
	return text;
}

/* The value of the line that begins with `name`, or -1. */
static double figure(const char *name)
{
	struct span rest = text_now();
	while (rest.data) {
		struct span line = span_cut(&rest, '\n');
		if (span_starts(line, span_of(name)) && line.data[strlen(name)] == ' ')
			return strtod(line.data + strlen(name), NULL);
	}
	return -1;
}

static void a_figure_counts_what_was_recorded(void **state)
{
	(void)state;
	const char *name =
		"xcapd_requests_total{method=\"PUT\",usage=\"pres-rules\",status=\"409\"}";
	assert_true(figure(name) == -1);
	metrics_request(METHOD_PUT, SPAN("pres-rules"), OUTCOME_CONFLICT, 10);
	metrics_request(METHOD_PUT, SPAN("pres-rules"), OUTCOME_CONFLICT, 10);
	assert_true(figure(name) == 2);
}

static void outcomes_of_one_status_are_one_figure(void **state)
{
	(void)state;
	metrics_request(METHOD_DELETE, SPAN("one"), OUTCOME_REMOVED, 10);
	metrics_request(METHOD_DELETE, SPAN("one"), OUTCOME_REPLACED, 10);
	assert_true(figure("xcapd_requests_total{method=\"DELETE\",usage=\"one\",status=\"200\"}")
		    == 2);
}

static void labels_are_bounded(void **state)
{
	static const struct {
		enum method method;
		struct span usage;
		enum outcome outcome;
		const char *figure;
	} rows[] = {
		{ METHOD_GET, { NULL, 0 }, OUTCOME_ABSENT,
			"xcapd_requests_total{method=\"GET\",usage=\"none\",status=\"404\"}" },
		{ METHOD_UNKNOWN, { NULL, 0 }, OUTCOME_UNKNOWN_METHOD,
			"xcapd_requests_total{method=\"other\",usage=\"none\",status=\"501\"}" },
		{ METHOD_PUT, { NULL, 0 }, OUTCOME_NONE,
			"xcapd_requests_total{method=\"PUT\",usage=\"none\",status=\"gone\"}" },
	};
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		metrics_request(rows[i].method, rows[i].usage, rows[i].outcome, 1);
		assert_true(figure(rows[i].figure) == 1);
	}
}

static void latency_falls_into_the_first_bucket_that_holds_it(void **state)
{
	static const struct {
		const char *bound;
		double count;
	} rows[] = { { "0.000200", 0 }, { "0.000500", 1 }, { "0.001000", 2 }, { "30.000000", 2 },
		{ "+Inf", 3 } };
	char name[128];
	(void)state;
	metrics_request(METHOD_OPTIONS, SPAN("one"), OUTCOME_OPTIONS, 500);
	metrics_request(METHOD_OPTIONS, SPAN("one"), OUTCOME_OPTIONS, 501);
	metrics_request(METHOD_OPTIONS, SPAN("one"), OUTCOME_OPTIONS, 60000000);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		snprintf(name, sizeof(name),
			"xcapd_request_duration_seconds_bucket{method=\"OPTIONS\",le=\"%s\"}",
			rows[i].bound);
		assert_true(figure(name) == rows[i].count);
	}
	assert_true(figure("xcapd_request_duration_seconds_count{method=\"OPTIONS\"}") == 3);
	assert_true(figure("xcapd_request_duration_seconds_sum{method=\"OPTIONS\"}") == 60.001001);
}

static void commits_tell_their_size_and_time(void **state)
{
	(void)state;
	metrics_commit(1, 900);
	metrics_commit(64, 1100);
	metrics_commit(300, 100);
	assert_true(figure("xcapd_commit_writes_bucket{le=\"1\"}") == 1);
	assert_true(figure("xcapd_commit_writes_bucket{le=\"64\"}") == 2);
	assert_true(figure("xcapd_commit_writes_bucket{le=\"256\"}") == 2);
	assert_true(figure("xcapd_commit_writes_bucket{le=\"+Inf\"}") == 3);
	assert_true(figure("xcapd_commit_writes_sum") == 365);
	assert_true(figure("xcapd_commit_duration_seconds_sum") == 0.0021);
}

static void reloads_are_told_apart(void **state)
{
	(void)state;
	metrics_reload(true);
	metrics_reload(false);
	metrics_reload(true);
	assert_true(figure("xcapd_reloads_total{result=\"accepted\"}") == 2);
	assert_true(figure("xcapd_reloads_total{result=\"refused\"}") == 1);
}

static void what_is_now_is_shown(void **state)
{
	static const struct {
		const char *name;
		double value;
	} rows[] = { { "xcapd_documents", 12 }, { "xcapd_users", 3 }, { "xcapd_feed_position", 77 },
		{ "xcapd_feed_oldest_age_seconds", 60 }, { "xcapd_store_used_bytes", 100 },
		{ "xcapd_store_free_bytes", 900 }, { "xcapd_connections", 4 },
		{ "xcapd_login_failures_total", 5 }, { "xcapd_store_up", 1 },
		{ "xcapd_build_info{version=\"" XCAPD_VERSION "\"}", 1 } };
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_true(figure(rows[i].name) == rows[i].value);
}

static void a_store_that_does_not_answer_has_no_figures(void **state)
{
	const struct metrics_now now = { .store_answers = false };
	(void)state;
	struct span text = metrics_text(arena, &now);
	assert_false(span_search(text, SPAN("xcapd_documents"), NULL));
	assert_true(span_search(text, SPAN("xcapd_store_up 0\n"), NULL));
}

static void *record(void *data)
{
	char name[32];
	for (int i = 0; i < 20000; i++) {
		snprintf(name, sizeof(name), "usage-%d", i % 20);
		metrics_request(METHOD_HEAD, span_of(name), OUTCOME_CONTENT, 10);
	}
	return data;
}

static void every_thread_is_counted(void **state)
{
	pthread_t threads[4];
	char name[96];
	double sum = 0;
	(void)state;
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, record, NULL), 0);
	for (size_t i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	for (int i = 0; i < 20; i++) {
		snprintf(name, sizeof(name),
			"xcapd_requests_total{method=\"HEAD\",usage=\"usage-%d\",status=\"200\"}",
			i);
		double one = figure(name);
		assert_true(one == 4000);
		sum += one;
	}
	assert_true(figure("xcapd_request_duration_seconds_count{method=\"HEAD\"}") == sum);
}

/* Last: it fills the table. */
static void too_many_usages_are_other(void **state)
{
	char name[32];
	const char *other = "xcapd_requests_total{method=\"GET\",usage=\"other\",status=\"200\"}";
	(void)state;
	for (int i = 0; i < METRICS_USAGES; i++) {
		snprintf(name, sizeof(name), "more-%d", i);
		metrics_request(METHOD_GET, span_of(name), OUTCOME_CONTENT, 1);
	}
	assert_true(figure(other) > 0);
	metrics_request(METHOD_GET, SPAN("pres-rules"), OUTCOME_CONTENT, 1);
	assert_true(
		figure("xcapd_requests_total{method=\"GET\",usage=\"pres-rules\",status=\"200\"}")
		== 1);
}

static void no_memory_gives_no_text(void **state)
{
	(void)state;
	bool failed = false, done = false;
	for (size_t nth = 1; !done; nth++) {
		struct arena *small = arena_new(64);
		arena_fail_at(nth);
		const struct metrics_now now = { .store_answers = true };
		done = metrics_text(small, &now).data != NULL;
		failed |= !done;
		arena_fail_at(0);
		arena_free(&small);
	}
	assert_true(failed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_figure_counts_what_was_recorded),
		cmocka_unit_test(outcomes_of_one_status_are_one_figure),
		cmocka_unit_test(labels_are_bounded),
		cmocka_unit_test(latency_falls_into_the_first_bucket_that_holds_it),
		cmocka_unit_test(commits_tell_their_size_and_time),
		cmocka_unit_test(reloads_are_told_apart),
		cmocka_unit_test(what_is_now_is_shown),
		cmocka_unit_test(a_store_that_does_not_answer_has_no_figures),
		cmocka_unit_test(every_thread_is_counted),
		cmocka_unit_test(no_memory_gives_no_text),
		cmocka_unit_test(too_many_usages_are_other),
	};
	return cmocka_run_group_tests(tests, begin, end);
}
