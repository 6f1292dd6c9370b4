/* links: notifier_core */
/* SPDX-License-Identifier: BSD-2-Clause */
/* Messages in a stream (RFC 3261 §7.5, §18.3; RFC 5626 §4.4.1). */
#include "notifier/sip_transport_private.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { MOST = 2048 };

#define START "OPTIONS sip:a@b SIP/2.0\r\n"

/* What a stream comes to: "M<size>" for a message, "K" for a keep-alive, "B" for broken, "+<size>"
 * for octets that wait. */
static void describe(struct span stream, size_t piece, char *out)
{
	struct frame_scan scan = { 0 };
	size_t at = 0, known = 0, start, size;
	char *const begin = out;
	*out = '\0';
	while (known < stream.size) {
		enum frame_result result;
		known = known + piece < stream.size ? known + piece : stream.size;
		do {
			/* a copy that ends where the octets end, for the sanitizer */
			size_t count = known - at;
			char *octets = malloc(count + !count);
			memcpy(octets, stream.data + at, count);
			result = frame_go_on(
				&scan, (struct span){ octets, count }, MOST, &start, &size);
			free(octets);
			assert_true(start + size <= count);
			at += start + size;
			if (result == FRAME_MESSAGE)
				out += sprintf(out, "M%zu ", size);
			else if (result == FRAME_KEEPALIVE)
				out += sprintf(out, "K ");
			else if (result == FRAME_BROKEN) {
				sprintf(out, "B");
				return;
			}
			assert_true(out - begin < 200);
		} while (result != FRAME_MORE);
	}
	sprintf(out, "+%zu", stream.size - at);
}

static const struct {
	const char *name, *stream, *comes_to;
} cases[] = {
	{ "nothing", "", "+0" },
	{ "one without a body", START "Content-Length: 0\r\n\r\n", "M46 +0" },
	{ "one with a body", START "Content-Length: 5\r\n\r\nhello", "M51 +0" },
	{ "two", START "l:5\r\n\r\nhello" START "L : 2\r\n\r\nok", "M37 M36 +0" },
	{ "a response", "SIP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n", "M37 +0" },
	{ "another version", "A sip:b SIP/7.0\r\nl:0\r\n\r\n", "M24 +0" },
	{ "a strange method", "!Z0_*+`.%i'~- x:y sip/2.0\r\nl:0\r\n\r\n", "M34 +0" },
	{ "any case, any order", START "X: y\r\ncOnTeNt-LeNgTh:3\r\nY: z\r\n\r\nabc", "M60 +0" },
	{ "a folded length", START "Content-Length:\r\n \t 3\r\n\r\nabc", "M53 +0" },
	{ "a length in a folded line is none", START "X: y\r\n l: 3\r\nl: 0\r\n\r\n", "M46 +0" },
	{ "zeros before", START "l: 0003\r\n\r\nabc", "M39 +0" },
	{ "the same length twice", START "l: 3\r\nContent-Length: 03\r\n\r\nabc", "M56 +0" },
	{ "line feeds alone", "A sip:b SIP/2.0\nl: 2\n\nok", "M24 +0" },
	{ "an empty line in the body", START "l: 6\r\n\r\n\r\n\r\nok", "M39 +0" },
	{ "the body is not looked at", START "l: 4\r\n\r\nl: 9\r\n", "M37 +2" },
	{ "line ends before it", "\r\n" START "l: 0\r\n\r\n", "M33 +0" },
	{ "a keep-alive", "\r\n\r\n", "K +0" },
	{ "keep-alives between", "\r\n\r\n\r\n\r\n" START "l: 0\r\n\r\n\r\n\r\n", "K K M33 K +0" },
	{ "three line ends", "\r\n\r\n\r\n" START "l: 0\r\n\r\n", "K M33 +0" },
	{ "half a keep-alive", "\r\n", "+2" },
	{ "three quarters", "\r\n\r", "+3" },
	{ "line feeds before it", "\n\n\n" START "l: 0\r\n\r\n", "M33 +0" },
	{ "no end yet", START "l: 0\r\n", "+31" },
	{ "no whole body yet", START "l: 9\r\n\r\nhello", "+38" },
	/* broken */
	{ "no length", START "X: y\r\n\r\n", "B" },
	{ "no header at all", START "\r\n", "B" },
	{ "an empty length", START "l:\r\n\r\n", "B" },
	{ "a negative length", START "l: -1\r\n\r\n", "B" },
	{ "a signed length", START "l: +1\r\n\r\n", "B" },
	{ "a length in words", START "l: five\r\n\r\n", "B" },
	{ "a hexadecimal length", START "l: 0x5\r\n\r\n", "B" },
	{ "two numbers", START "l: 5 5\r\n\r\n", "B" },
	{ "a list", START "l: 5, 5\r\n\r\n", "B" },
	{ "past all numbers", START "l: 99999999999999999999999\r\n\r\n", "B" },
	{ "nearly past all numbers", START "l: 18446744073709551615\r\n\r\n", "B" },
	{ "two that differ", START "l: 3\r\nl: 4\r\n\r\nabcd", "B" },
	{ "the second unreadable", START "l: 3\r\nl: x\r\n\r\nabcd", "B" },
	{ "too long", START "l: 2040\r\n\r\n", "B" },
	{ "a CR alone", START "X: a\rb\r\nl: 0\r\n\r\n", "B" },
	{ "a CR alone before it", "\rOPTIONS", "B" },
	{ "HTTP", "GET / HTTP/1.1\r\nContent-Length: 0\r\n\r\n", "B" },
	{ "TLS", "\x16\x03\x01", "B" },
	{ "white space first", " OPTIONS", "B" },
	{ "good, then bad", START "l: 0\r\n\r\n\x01", "M33 B" },
};

static void a_stream_comes_to_the_same_messages_however_it_is_cut(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct span stream = span_of(cases[i].stream);
		for (size_t piece = 1; piece <= stream.size + 1; piece++) {
			char text[256];
			describe(stream, piece, text);
			if (strcmp(text, cases[i].comes_to) != 0)
				fail_msg("%s, in pieces of %zu: %s, not %s", cases[i].name, piece,
					text, cases[i].comes_to);
		}
	}
}

static void a_stream_cut_in_two_anywhere_comes_to_the_same(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct span stream = span_of(cases[i].stream);
		for (size_t cut = 0; cut < stream.size; cut++) {
			size_t start, size, again, second;
			enum frame_result part =
				frame_next(span_first(stream, cut), MOST, &start, &size);
			enum frame_result whole = frame_next(stream, MOST, &again, &second);
			if (part != FRAME_MORE) {
				assert_int_equal(part, whole);
				assert_int_equal(start + size, again + second);
			}
		}
	}
}

static void nul_in_the_head_is_broken_and_in_the_body_is_not(void **state)
{
	size_t start, size;
	(void)state;
	assert_int_equal(
		frame_next(SPAN(START "X: \0\r\nl: 0\r\n\r\n"), MOST, &start, &size), FRAME_BROKEN);
	assert_int_equal(
		frame_next(SPAN(START "l: 2\r\n\r\n\0\0"), MOST, &start, &size), FRAME_MESSAGE);
	assert_int_equal(size, 35);
}

static void a_message_may_be_as_long_as_the_limit_and_no_longer(void **state)
{
	char text[MOST + 2];
	size_t start, size;
	(void)state;
	int head = sprintf(text, "A sip:b SIP/2.0\r\nl: %d\r\n\r\n", MOST - 28);
	assert_int_equal(head, 28);
	memset(text + head, 'x', sizeof(text) - (size_t)head);
	assert_int_equal(
		frame_next((struct span){ text, MOST }, MOST, &start, &size), FRAME_MESSAGE);
	assert_int_equal(size, MOST);
	assert_int_equal(
		frame_next((struct span){ text, MOST }, MOST - 1, &start, &size), FRAME_BROKEN);
	/* a head without an end */
	memset(text, 'x', sizeof(text));
	assert_int_equal(frame_next((struct span){ text, MOST }, MOST, &start, &size), FRAME_MORE);
	assert_int_equal(
		frame_next((struct span){ text, MOST + 1 }, MOST, &start, &size), FRAME_BROKEN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_stream_comes_to_the_same_messages_however_it_is_cut),
		cmocka_unit_test(a_stream_cut_in_two_anywhere_comes_to_the_same),
		cmocka_unit_test(nul_in_the_head_is_broken_and_in_the_body_is_not),
		cmocka_unit_test(a_message_may_be_as_long_as_the_limit_and_no_longer),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
