/* links: notifier_core */
/* SPDX-License-Identifier: BSD-2-Clause */
/* Reading one message (RFC 3261 §7, §20, §25): what its header fields, parameters and URIs say. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "notifier/sip_message.h"

#include <string.h>

static struct arena *arena;

static int start(void **state)
{
	(void)state;
	arena = arena_new(4096);
	return arena ? 0 : -1;
}

static int stop(void **state)
{
	(void)state;
	arena_free(&arena);
	return 0;
}

/* NULL: there is none. */
static bool says(struct span span, const char *text)
{
	return text ? span.data && span_equal_text(span, text) : !span.data;
}

#define SAYS(span, text) assert_true(says(span, text))

#define REST                                                                              \
	"Via: SIP/2.0/TCP [2001:db8::1]:5070 ;branch=z9hG4bKx ; RPORT, SIP/2.0/UDP p\r\n" \
	"f: \"A \\\"B\\\" <x>;\" <sip:ann@example.com;x=y>;tag=a\r\n"                     \
	"t: sip:bob@example.com;tag=b\r\n"                                                \
	"i: call\r\n"                                                                     \
	"CSeq: 0017\tSUBSCRIBE\r\n"                                                       \
	"m: \"Ann, of\" <sip:ann@192.0.2.1;a,b>;expires=3 , <sip:c@d>\r\n"                \
	"o: xcap-diff;diff-processing=Aggregate;id=7-8\r\n"                               \
	"Accept: application/a , application/b;q=0.5\r\n"                                 \
	"aCCept: ,application/c\r\n"                                                      \
	"X-Many: a, b\r\n"                                                                \
	"X-Many: c\r\n"                                                                   \
	"Folded: one\r\n"                                                                 \
	" two\r\n"                                                                        \
	"\tthree\r\n"                                                                     \
	"Empty:\r\n"                                                                      \
	"c: Application/Resource-Lists+XML ; charset=\"utf-8\"\r\n"                       \
	"l: 3\r\n"                                                                        \
	"\r\n"                                                                            \
	"abcdef"
#define REQUEST "SUBSCRIBE sip:bob@example.com;p SIP/2.0\r\n" REST

static void everything_is_where_it_should_be(void **state)
{
	(void)state;
	const struct sip_message *message = sip_message_read(arena, SPAN(REQUEST), true);
	assert_non_null(message);
	assert_int_equal(message->fault, 0);
	SAYS(sip_method(message), "SUBSCRIBE");
	SAYS(sip_uri(message), "sip:bob@example.com;p");
	assert_int_equal(sip_status(message), 0);
	SAYS(sip_from_uri(message), "sip:ann@example.com;x=y");
	SAYS(sip_from_tag(message), "a");
	SAYS(sip_to_uri(message), "sip:bob@example.com");
	SAYS(sip_to_tag(message), "b");
	SAYS(sip_call_id(message), "call");
	assert_int_equal(sip_cseq(message), 17);
	SAYS(sip_contact_uri(message), "sip:ann@192.0.2.1;a,b");
	SAYS(sip_content_type(message), "application/resource-lists+xml");
	SAYS(sip_body(message), "abc");
	SAYS(message->via.host, "2001:db8::1");
	assert_int_equal(message->via.port, 5070);
	SAYS(message->via.branch, "z9hG4bKx");
	SAYS(message->via.transport, "TCP");
	assert_true(message->via.rport);
}

static void the_nth_value_of_a_header_is_found(void **state)
{
	static const struct {
		const char *name;
		size_t nth;
		const char *value;
	} rows[] = {
		{ "event", 0, "xcap-diff;diff-processing=Aggregate;id=7-8" },
		{ "event", 1, NULL },
		{ "via", 0, "SIP/2.0/TCP [2001:db8::1]:5070 ;branch=z9hG4bKx ; RPORT" },
		{ "via", 1, "SIP/2.0/UDP p" },
		{ "via", 2, NULL },
		{ "contact", 0, "\"Ann, of\" <sip:ann@192.0.2.1;a,b>;expires=3" },
		{ "contact", 1, "<sip:c@d>" },
		{ "contact", 2, NULL },
		{ "accept", 0, "application/a" },
		{ "accept", 1, "application/b;q=0.5" },
		{ "accept", 2, "application/c" },
		{ "accept", 3, NULL },
		{ "x-many", 0, "a, b" },
		{ "x-many", 1, "c" },
		{ "x-many", 2, NULL },
		{ "folded", 0, "one   two  \tthree" },
		{ "empty", 0, "" },
		{ "empty", 1, NULL },
		{ "call-id", 0, "call" },
		{ "cseq", 0, "0017\tSUBSCRIBE" },
		{ "supported", 0, NULL },
		{ "o", 0, NULL },
	};
	(void)state;
	const struct sip_message *message = sip_message_read(arena, SPAN(REQUEST), true);
	assert_non_null(message);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		SAYS(sip_header(message, rows[i].name, rows[i].nth), rows[i].value);
}

static void a_response_is_read_by_its_status_line(void **state)
{
	static const struct {
		const char *line;
		unsigned status; /* 0: no message */
	} rows[] = {
		{ "SIP/2.0 200 OK", 200 },
		{ "sip/2.0 486 ", 486 },
		{ "SIP/2.0 100", 100 },
		{ "SIP/2.0 699 = 2**3 * 19**2 \xd0\xbd\xd0\xbe", 699 },
		{ "SIP/2.0 700 x", 0 },
		{ "SIP/2.0 099 x", 0 },
		{ "SIP/2.0 20 x", 0 },
		{ "SIP/2.0 4294967301 x", 0 },
		{ "SIP/2.0 +20 x", 0 },
		{ "SIP/2.0  200 x", 0 },
		{ "SIP/3.0 200 x", 0 },
		{ "SIP/2.0", 0 },
		{ "SIP/", 0 },
	};
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct span text = arena_format(arena, "%s\r\n%s", rows[i].line, REST);
		const struct sip_message *message = sip_message_read(arena, text, true);
		assert_int_equal(message ? sip_status(message) : 0, rows[i].status);
	}
}

static void a_datagram_ends_its_body_and_a_stream_does_not(void **state)
{
	(void)state;
	struct span text =
		arena_format(arena, "OPTIONS sip:a SIP/2.0\r\nContent-Length: 9\r\n\r\nab");
	const struct sip_message *message = sip_message_read(arena, text, true);
	assert_true(message->truncated);
	message = sip_message_read(arena, text, false);
	assert_false(message->truncated);
	text = arena_format(arena, "OPTIONS sip:a SIP/2.0\r\n\r\nab");
	SAYS(sip_body(sip_message_read(arena, text, true)), "ab");
}

static void what_is_no_sip_is_no_message(void **state)
{
	static const struct span rows[] = {
		{ "", 0 },
		{ "\r\n\r\n", 4 },
		{ "\0\0\0\0", 4 },
		{ "GET / HTTP/1.1\r\n\r\n", 18 },
		{ "OPTIONS\r\n\r\n", 11 },
		{ "OPTIONS sip:a\r\n\r\n", 17 },
		{ " OPTIONS\r\n\r\n", 12 },
		{ "@@ sip:a SIP/2.0\r\n\r\n", 20 },
		{ "SIP/2.0", 7 },
	};
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_null(sip_message_read(arena, rows[i], true));
}

static void parameters_are_found_by_name(void **state)
{
	static const struct {
		const char *value, *name, *found;
	} rows[] = {
		{ "x;id=7", "id", "7" },
		{ "x;ID=7", "id", "7" },
		{ "x ; id = 7 ; b", "id", "7" },
		{ "x;id=7;b", "b", "" },
		{ "x;id=\"7;8\";b", "id", "7;8" },
		{ "x;a=\";id=1\";id=2", "id", "2" },
		{ "\"a;id=1\" <sip:b;id=2>;id=3", "id", "3" },
		{ "<sip:b;id=2>", "id", NULL },
		{ "x;idx=7", "id", NULL },
		{ "x", "id", NULL },
		{ "", "id", NULL },
		{ "x;id=", "id", NULL },
		{ "x;;id=1", "id", "1" },
		{ "x;a=\"unterminated;id=1", "id", NULL },
		{ "x;\"", "id", NULL },
		{ "\"", "id", NULL },
		{ ";id=1", "id", "1" },
	};
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		SAYS(sip_parameter(span_of(rows[i].value), rows[i].name), rows[i].found);
}

static void a_value_stands_before_its_parameters(void **state)
{
	static const struct {
		const char *whole, *value;
	} rows[] = {
		{ "xcap-diff;id=1", "xcap-diff" },
		{ " xcap-diff ; id=1", "xcap-diff" },
		{ "\"a;b\" <sip:c;d>;e", "\"a;b\" <sip:c;d>" },
		{ "x", "x" },
		{ ";x", "" },
	};
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		SAYS(sip_value(span_of(rows[i].whole)), rows[i].value);
}

static void uris_are_taken_apart(void **state)
{
	static const struct {
		const char *uri;
		enum sip_uri_result result;
		const char *host;
		unsigned port;
		bool secure, loose, headers;
		const char *transport, *maddr;
	} rows[] = {
		{ "sip:a@b.org", SIP_URI_GOOD, "b.org", 0, false, false, false, NULL, NULL },
		{ "SIPS:b.org:5063;lr", SIP_URI_GOOD, "b.org", 5063, true, true, false, NULL,
			NULL },
		{ "sip:a@[::1]:7;transport=TCP;maddr=1.2.3.4?x=y", SIP_URI_GOOD, "::1", 7, false,
			false, true, "TCP", "1.2.3.4" },
		{ "sip:a;b=c:pw?/@h", SIP_URI_GOOD, "h", 0, false, false, false, NULL, NULL },
		{ "sip:null-%00@h", SIP_URI_GOOD, "h", 0, false, false, false, NULL, NULL },
		{ "tel:+1", SIP_URI_FOREIGN, NULL, 0, false, false, false, NULL, NULL },
		{ "urn:x:y", SIP_URI_FOREIGN, NULL, 0, false, false, false, NULL, NULL },
		{ "sip:", SIP_URI_BAD, NULL, 0, false, false, false, NULL, NULL },
		{ "sip:@", SIP_URI_BAD, NULL, 0, false, false, false, NULL, NULL },
		{ "sip:a@", SIP_URI_BAD, NULL, 0, false, false, false, NULL, NULL },
		{ "sip:a@b@c", SIP_URI_BAD, NULL, 0, false, false, false, NULL, NULL },
		{ "sip:a@b c", SIP_URI_BAD, NULL, 0, false, false, false, NULL, NULL },
		{ "sip:a@b,c", SIP_URI_BAD, NULL, 0, false, false, false, NULL, NULL },
		{ "sip:a@b:x", SIP_URI_BAD, NULL, 0, false, false, false, NULL, NULL },
		{ "sip:a@b:0", SIP_URI_BAD, NULL, 0, false, false, false, NULL, NULL },
		{ "sip:a@b:65536", SIP_URI_BAD, NULL, 0, false, false, false, NULL, NULL },
		{ "sip:a@b:1:2", SIP_URI_BAD, NULL, 0, false, false, false, NULL, NULL },
		{ "sip:a@[::1", SIP_URI_BAD, NULL, 0, false, false, false, NULL, NULL },
		{ "sip:a@[", SIP_URI_BAD, NULL, 0, false, false, false, NULL, NULL },
		{ "sip:<a@b>", SIP_URI_BAD, NULL, 0, false, false, false, NULL, NULL },
		{ "nothing", SIP_URI_BAD, NULL, 0, false, false, false, NULL, NULL },
		{ ":x", SIP_URI_BAD, NULL, 0, false, false, false, NULL, NULL },
		{ "1a:x", SIP_URI_BAD, NULL, 0, false, false, false, NULL, NULL },
		{ "", SIP_URI_BAD, NULL, 0, false, false, false, NULL, NULL },
	};
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct sip_uri uri;
		assert_int_equal(sip_uri_read(arena, span_of(rows[i].uri), &uri), rows[i].result);
		if (rows[i].result != SIP_URI_GOOD)
			continue;
		SAYS(uri.host, rows[i].host);
		assert_int_equal(uri.port, rows[i].port);
		assert_int_equal(uri.secure, rows[i].secure);
		assert_int_equal(uri.loose, rows[i].loose);
		assert_int_equal(uri.headers, rows[i].headers);
		SAYS(uri.transport, rows[i].transport);
		SAYS(uri.maddr, rows[i].maddr);
	}
}

/* Each block of memory may be the one that is not there. */
static void without_memory_there_is_no_message(void **state)
{
	static const struct span request = { REQUEST, sizeof(REQUEST) - 1 };
	bool whole = false;
	(void)state;
	for (size_t nth = 1; !whole; nth++) {
		struct arena *small = arena_new(16);
		assert_non_null(small);
		arena_fail_at(nth);
		struct sip_message *message = sip_message_read(small, request, true);
		arena_fail_at(0);
		whole = message && !message->fault;
		arena_free(&small);
		assert_in_range(nth, 1, 1000);
	}
}

static void tokens_differ_and_need_no_quotes(void **state)
{
	char former[SIP_TOKEN + 1] = "", token[SIP_TOKEN + 1];
	(void)state;
	for (size_t i = 0; i < 10000; i++) {
		sip_token(token);
		assert_int_equal(strlen(token), SIP_TOKEN);
		assert_true(sip_token_valid(span_of(token)));
		assert_string_not_equal(token, former);
		memcpy(former, token, sizeof(former));
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(everything_is_where_it_should_be),
		TEST(the_nth_value_of_a_header_is_found),
		TEST(a_response_is_read_by_its_status_line),
		TEST(a_datagram_ends_its_body_and_a_stream_does_not),
		TEST(what_is_no_sip_is_no_message),
		TEST(parameters_are_found_by_name),
		TEST(a_value_stands_before_its_parameters),
		TEST(uris_are_taken_apart),
		TEST(without_memory_there_is_no_message),
		TEST(tokens_differ_and_need_no_quotes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
