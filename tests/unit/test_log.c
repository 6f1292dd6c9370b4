/* links: base */
/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/log.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Standard error is a datagram socket while a test listens, so that one write is one message. */
static int real_stderr = -1, listening = -1;
static char said[65536];

static void listen_to_stderr(void)
{
	int ends[2];
	assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM, 0, ends), 0);
	real_stderr = dup(STDERR_FILENO);
	dup2(ends[1], STDERR_FILENO);
	close(ends[1]);
	listening = ends[0];
}

static void stop_listening(void)
{
	dup2(real_stderr, STDERR_FILENO);
	close(real_stderr);
	close(listening);
}

/* What the next write had; NULL when there was none. */
static char *next_write(void)
{
	ssize_t size = recv(listening, said, sizeof(said) - 1, MSG_DONTWAIT);
	if (size < 0)
		return NULL;
	said[size] = '\0';
	return said;
}

/* The one event that was said, without its time. */
static const char *event(enum log_format format, enum log_level level, const char *message)
{
	log_setup(LEVEL_DEBUG, format);
	listen_to_stderr();
	log_event(level, "part", "%s", message);
	const char *line = next_write();
	static char more[1];
	bool alone = recv(listening, more, 1, MSG_DONTWAIT) < 0;
	stop_listening();
	assert_non_null(line);
	assert_true(alone);
	size_t time_size = format == LOG_JSON ? strlen("{\"time\":\"....-..-..T..:..:......Z\"")
					      : strlen("....-..-..T..:..:......Z");
	assert_true(strlen(line) > time_size);
	return line + time_size;
}

static const char *access_line(enum log_format format, const struct access *access)
{
	log_setup(LEVEL_INFO, format);
	listen_to_stderr();
	log_access(access);
	log_flush();
	const char *line = next_write();
	stop_listening();
	assert_non_null(line);
	return strstr(line, format == LOG_JSON ? "Z\"" : "Z ") + 2;
}

static void a_line_begins_with_its_time_in_utc(void **state)
{
	int year, month, day, hour, minute, second, millisecond, end = 0;
	(void)state;
	setenv("TZ", "Pacific/Auckland", 1);
	time_t before = time(NULL);
	event(LOG_TEXT, LEVEL_INFO, "x");
	struct tm utc;
	gmtime_r(&before, &utc);
	assert_int_equal(sscanf(said, "%4d-%2d-%2dT%2d:%2d:%2d.%3dZ%n", &year, &month, &day, &hour,
				 &minute, &second, &millisecond, &end),
		7);
	assert_int_equal(end, 24);
	utc.tm_sec = second, utc.tm_min = minute, utc.tm_hour = hour;
	assert_int_equal(year, utc.tm_year + 1900);
	assert_true(timegm(&utc) - before <= 2 || hour == 0);
}

static void an_event_names_its_level_and_its_part(void **state)
{
	(void)state;
	assert_string_equal(event(LOG_TEXT, LEVEL_ERROR, "it broke"), " error part: it broke\n");
	assert_string_equal(event(LOG_TEXT, LEVEL_WARNING, "hm"), " warning part: hm\n");
	assert_string_equal(event(LOG_TEXT, LEVEL_DEBUG, ""), " debug part: \n");
	assert_string_equal(event(LOG_JSON, LEVEL_INFO, "yes"),
		",\"level\":\"info\",\"part\":\"part\",\"message\":\"yes\"}\n");
}

static void an_event_is_one_line_whatever_it_says(void **state)
{
	static const struct {
		const char *message, *text, *json;
	} cases[] = {
		{ "a\nb\r\tc", "a\\x0ab\\x0d\\x09c", "a\\u000ab\\u000d\\u0009c" },
		{ "\x1B[31m\x7F", "\\x1b[31m\\x7f", "\\u001b[31m\\u007f" },
		{ "say \"x\\y\"", "say \"x\\y\"", "say \\\"x\\\\y\\\"" },
		{ "J\xC3\xB6rg", "J\xC3\xB6rg", "J\xC3\xB6rg" },
		{ "J\xF6rg", "J\\xf6rg", "J\\\\xf6rg" },
		{ "\xC2\x85|\xE2\x80\xA8", "\\xc2\\x85|\\xe2\\x80\\xa8", "\\u0085|\\u2028" },
		{ "cut \xE2\x82", "cut \\xe2\\x82", "cut \\\\xe2\\\\x82" },
		{ "\xED\xA0\x80", "\\xed\\xa0\\x80", "\\\\xed\\\\xa0\\\\x80" },
	};
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		char wanted[256];
		snprintf(wanted, sizeof(wanted), " info part: %s\n", cases[i].text);
		assert_string_equal(event(LOG_TEXT, LEVEL_INFO, cases[i].message), wanted);
		snprintf(wanted, sizeof(wanted),
			",\"level\":\"info\",\"part\":\"part\",\"message\":\"%s\"}\n",
			cases[i].json);
		assert_string_equal(event(LOG_JSON, LEVEL_INFO, cases[i].message), wanted);
	}
}

static void a_long_event_is_cut_between_characters(void **state)
{
	static char message[20000];
	(void)state;
	for (size_t i = 0; i + 2 < sizeof(message); i += 2)
		memcpy(message + i, i % 3 ? "\xC3\xB6" : "\n\n", 2);
	for (int format = LOG_TEXT; format <= LOG_JSON; format++) {
		const char *line = event((enum log_format)format, LEVEL_INFO, message);
		size_t size = strlen(line);
		assert_in_range(strlen(said), 2000, 4096);
		assert_true(utf8_valid(span_of(line), NULL));
		assert_ptr_equal(strchr(line, '\n'), line + size - 1);
		assert_non_null(strstr(line, format == LOG_JSON ? "...\"}\n" : "...\n"));
	}
}

static void less_important_events_are_not_said(void **state)
{
	static const struct access access = { .status = 200 };
	(void)state;
	listen_to_stderr();
	log_setup(LEVEL_WARNING, LOG_TEXT);
	log_event(LEVEL_INFO, "part", "no");
	log_access(&access);
	log_flush();
	bool quiet = !next_write();
	log_event(LEVEL_ERROR, "part", "yes");
	bool loud = next_write() != NULL;
	stop_listening();
	assert_true(quiet);
	assert_true(loud);
	assert_true(log_wants(LEVEL_WARNING));
	assert_false(log_wants(LEVEL_INFO));
}

static void an_access_line_has_its_fields_in_order(void **state)
{
	const struct access access = {
		.id = SPAN("a1"),
		.peer = SPAN("127.0.0.1"),
		.who = SPAN("sip:alice@example.com"),
		.method = SPAN("PUT"),
		.target = SPAN("/xcap-root/x"),
		.status = 409,
		.octets = 18446744073709551615U,
		.microseconds = 412,
		.why = SPAN("line 3: \"x\""),
	};
	(void)state;
	assert_string_equal(access_line(LOG_TEXT, &access),
		"info access: id=a1 peer=127.0.0.1 who=sip:alice@example.com PUT /xcap-root/x 409 "
		"18446744073709551615 412us why=\"line 3: \\x22x\\x22\"\n");
	assert_string_equal(access_line(LOG_JSON, &access),
		",\"level\":\"info\",\"part\":\"access\",\"id\":\"a1\",\"peer\":\"127.0.0.1\","
		"\"who\":\"sip:alice@example.com\",\"method\":\"PUT\",\"target\":\"/xcap-root/x\","
		"\"why\":\"line 3: \\\"x\\\"\",\"status\":409,\"octets\":18446744073709551615,"
		"\"microseconds\":412}\n");
}

static void nobody_is_left_out_of_an_access_line(void **state)
{
	const struct access access = { .peer = SPAN("::1"), .status = 400 };
	(void)state;
	assert_string_equal(access_line(LOG_TEXT, &access), "info access: peer=::1 400 0 0us\n");
	assert_string_equal(access_line(LOG_JSON, &access),
		",\"level\":\"info\",\"part\":\"access\",\"peer\":\"::1\",\"status\":400,"
		"\"octets\":0,\"microseconds\":0}\n");
}

static void a_field_cannot_pose_as_another(void **state)
{
	const struct access access = {
		.who = SPAN("x status=200\n2026-01-01T00:00:00.000Z info access: "),
		.method = SPAN("GET"),
		.target = SPAN("/a b\\\"\0\xE4"),
		.status = 401,
		.why = SPAN("\" why=\"no"),
	};
	(void)state;
	assert_string_equal(access_line(LOG_TEXT, &access),
		"info access: who=x\\x20status=200\\x0a2026-01-01T00:00:00.000Z\\x20info\\x20"
		"access:\\x20 GET /a\\x20b\\x5c\\x22\\x00\\xe4 401 0 0us "
		"why=\"\\x22 why=\\x22no\"\n");
}

static void access_lines_wait_for_the_flush(void **state)
{
	const struct access access = { .method = SPAN("GET"), .status = 200 };
	size_t lines = 0;
	(void)state;
	log_setup(LEVEL_INFO, LOG_TEXT);
	listen_to_stderr();
	for (int i = 0; i < 10; i++)
		log_access(&access);
	bool early = next_write() != NULL;
	log_flush();
	const char *all = next_write();
	for (const char *at = all ? all : ""; (at = strchr(at, '\n')); at++)
		lines++;
	log_flush();
	bool again = next_write() != NULL;
	stop_listening();
	assert_false(early);
	assert_int_equal(lines, 10);
	assert_false(again);
}

enum { LONG_LINES = 5 };

static void a_full_buffer_is_written_by_itself(void **state)
{
	static char target[10000];
	size_t octets = 0;
	(void)state;
	memset(target, 1, sizeof(target));
	const struct access access = { .id = { target, 9000 },
		.peer = { target, 9000 },
		.who = { target, 9000 },
		.method = { target, 9000 },
		.target = { target, 9000 },
		.why = { target, 9000 },
		.status = 200 };
	log_setup(LEVEL_INFO, LOG_JSON);
	listen_to_stderr();
	for (int i = 0; i < LONG_LINES; i++)
		log_access(&access);
	const char *early = next_write();
	bool written = early != NULL;
	for (const char *part = early; part; part = next_write())
		octets += strlen(part);
	log_flush();
	for (const char *part = next_write(); part; part = next_write()) {
		octets += strlen(part);
		assert_string_equal(part + strlen(part) - 2, "}\n");
	}
	stop_listening();
	assert_true(written);
	assert_in_range(octets, LONG_LINES * 6 * 2000, LONG_LINES * 6 * 2200);
}

enum { THREADS = 4, LINES = 3000 };

static void *write_lines(void *context)
{
	const struct access access = { .id = span_of(context), .status = 200 };
	for (int i = 0; i < LINES; i++) {
		log_access(&access);
		if (i % 500 == 0)
			log_event(LEVEL_INFO, "part", "event of %s", (const char *)context);
	}
	return NULL;
}

static void *flush_often(void *context)
{
	_Atomic bool *stop = context;
	while (!*stop)
		log_flush();
	return NULL;
}

static void no_line_of_any_thread_is_lost_or_mixed(void **state)
{
	static char *const names[THREADS] = { "one", "two", "three", "four" };
	pthread_t threads[THREADS], flusher;
	_Atomic bool stop = false;
	FILE *file = tmpfile();
	size_t counts[THREADS] = { 0 }, events = 0;
	char line[256];
	(void)state;
	log_setup(LEVEL_INFO, LOG_TEXT);
	real_stderr = dup(STDERR_FILENO);
	listening = dup(real_stderr);
	dup2(fileno(file), STDERR_FILENO);
	pthread_create(&flusher, NULL, flush_often, &stop);
	for (int i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, write_lines, names[i]);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	stop = true;
	pthread_join(flusher, NULL);
	stop_listening();
	rewind(file);
	while (fgets(line, sizeof(line), file)) {
		const char *id = strstr(line, "Z info access: id=");
		events += strstr(line, "Z info part: event of ") == line + 23;
		for (int i = 0; id && i < THREADS; i++) {
			char wanted[64];
			snprintf(wanted, sizeof(wanted), "Z info access: id=%s 200 0 0us\n",
				names[i]);
			counts[i] += id == line + 23 && !strcmp(id, wanted);
		}
	}
	fclose(file);
	assert_int_equal(events, THREADS * (LINES / 500));
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(counts[i], LINES);
}

static void logging_leaves_errno_alone(void **state)
{
	const struct access access = { .status = 200 };
	(void)state;
	int kept = dup(STDERR_FILENO);
	close(STDERR_FILENO);
	errno = ENOENT;
	log_setup(LEVEL_INFO, LOG_TEXT);
	log_event(LEVEL_ERROR, "part", "lost");
	int after_event = errno;
	log_access(&access);
	int after_access = errno;
	log_flush();
	dup2(kept, STDERR_FILENO);
	close(kept);
	assert_int_equal(after_event, ENOENT);
	assert_int_equal(after_access, ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_line_begins_with_its_time_in_utc),
		cmocka_unit_test(an_event_names_its_level_and_its_part),
		cmocka_unit_test(an_event_is_one_line_whatever_it_says),
		cmocka_unit_test(a_long_event_is_cut_between_characters),
		cmocka_unit_test(less_important_events_are_not_said),
		cmocka_unit_test(an_access_line_has_its_fields_in_order),
		cmocka_unit_test(nobody_is_left_out_of_an_access_line),
		cmocka_unit_test(a_field_cannot_pose_as_another),
		cmocka_unit_test(access_lines_wait_for_the_flush),
		cmocka_unit_test(a_full_buffer_is_written_by_itself),
		cmocka_unit_test(no_line_of_any_thread_is_lost_or_mixed),
		cmocka_unit_test(logging_leaves_errno_alone),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
