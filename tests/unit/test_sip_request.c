/* links: notifier_core */
/* SPDX-License-Identifier: BSD-2-Clause */
/* What every request meets first (RFC 3261 §8.2, CONTRACT: SIP), where its answer goes (§18.2, RFC
 * 3581), and the torture messages of RFC 4475. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "unit/sip_world.h"

static struct sip *sip;
static unsigned asked;

static void on_request(void *context, struct sip_incoming *incoming)
{
	const struct sip_answer answer = { .status = 200 };
	(void)context;
	asked++;
	sip_answer(incoming, &answer);
}

static int start(void **state)
{
	const struct sip_events events = { .request = on_request };
	(void)state;
	asked = 0;
	sip = world_begin(&events);
	return 0;
}

static int stop(void **state)
{
	(void)state;
	world_end(&sip);
	return 0;
}

static struct sip_flow source;

/* The status that comes back for these octets; 0: silence. */
static unsigned status_of(struct span octets)
{
	size_t before = world_net.sent_count;
	source = world_flow(SIP_UDP, "192.0.2.33", 40000);
	world_receive(&source, octets);
	assert_in_range(world_net.sent_count - before, 0, 1);
	if (world_net.sent_count == before)
		return 0;
	assert_int_equal(strncmp(world_sent(0)->text, "SIP/2.0 ", 8), 0);
	return (unsigned)atoi(world_sent(0)->text + 8);
}

static bool says(const char *text)
{
	return strstr(world_sent(0)->text, text) != NULL;
}

/* --- a good request, and what one change makes of it --- */

#define GOOD                                                            \
	"SUBSCRIBE sip:xcapd@example.com SIP/2.0\r\n"                   \
	"Via: SIP/2.0/UDP 192.0.2.33:40000;rport;branch=z9hG4bKabc\r\n" \
	"Max-Forwards: 70\r\n"                                          \
	"From: \"Ann\" <sip:ann@example.com>;tag=1\r\n"                 \
	"To: <sip:xcapd@example.com>\r\n"                               \
	"Call-ID: abc@192.0.2.33\r\n"                                   \
	"CSeq: 1 SUBSCRIBE\r\n"                                         \
	"Contact: <sip:ann@192.0.2.33:40000>\r\n"                       \
	"Event: xcap-diff;diff-processing=aggregate\r\n"                \
	"Expires: 3600\r\n"                                             \
	"Content-Type: text/plain\r\n"                                  \
	"Content-Length: 5\r\n"                                         \
	"\r\n"                                                          \
	"hello"

static struct span with_change(const char *from, const char *to)
{
	static char text[8192], all[8192];
	static unsigned branch;
	const char *at = strstr(GOOD, from);
	assert_non_null(at);
	snprintf(text, sizeof(text), "%.*s%s%s", (int)(at - GOOD), GOOD, to, at + strlen(from));
	char *cookie = strstr(text, "z9hG4bKabc"); /* a new transaction each time */
	if (!cookie)
		return span_of(strcpy(all, text));
	snprintf(all, sizeof(all), "%.*sz9hG4bKn%u%s", (int)(cookie - text), text, ++branch,
		cookie + 10);
	return span_of(all);
}

static const struct change {
	const char *from, *to;
	unsigned status;
	const char *says;
} changes[] = {
	{ "hello", "hello", 200, NULL },
	{ "hello", "hello and more", 200, NULL },
	{ "SUBSCRIBE sip", "\r\n\r\nSUBSCRIBE sip", 200, NULL },
	{ "SIP/2.0\r\n", "sip/2.0\r\n", 200, NULL },
	/* forms of header fields */
	{ "Via:", "v :", 200, NULL },
	{ "From:", "f:", 200, NULL },
	{ "To:", "T  :\t", 200, NULL },
	{ "Call-ID:", "i:", 200, NULL },
	{ "Content-Length: ", "l:", 200, NULL },
	{ "Expires: 3600", "eXPIRES:\r\n 3600 ", 200, NULL },
	{ "\"Ann\" <", "\"A \\\" <n> ;\" <", 200, NULL },
	{ "\"Ann\" <", "<", 200, NULL },
	{ "\"Ann\" <", "Ann of <", 200, NULL },
	{ "<sip:xcapd@example.com>\r", "sip:xcapd@example.com\r", 200, NULL },
	{ ">;tag=1", "> ; tag = 1 ; x=\"y;z\"", 200, NULL },
	{ "Expires: 3600\r\n", "", 200, NULL },
	{ "Max-Forwards: 70\r\n", "", 200, NULL },
	{ "Max-Forwards: 70", "Max-Forwards: 0", 200, NULL },
	{ "Content-Type: text/plain\r\nContent-Length: 5\r\n", "", 200, NULL },
	{ "Expires:", "Unheard-Of: \x01\xff\r\nExpires:", 400, NULL },
	{ "Expires:", "Unheard-Of: \xff\xfe ,,;\"\r\nExpires:", 200, NULL },
	/* malformed: 400 */
	{ "SUBSCRIBE sip", "SUBSCRIBE  sip", 400, NULL },
	{ "example.com SIP", "example.com  SIP", 400, NULL },
	{ "SIP/2.0\r\n", "SIP/2.0 \r\n", 400, NULL },
	{ "sip:xcapd@example.com SIP", "<sip:xcapd@example.com> SIP", 400, NULL },
	{ "sip:xcapd@example.com SIP", "sip:xcapd@example.com?a=b SIP", 400, NULL },
	{ "sip:xcapd@example.com SIP", "sip:xcapd@exa mple.com SIP", 400, NULL },
	{ "sip:xcapd@example.com SIP", "sip:xcapd@example.com:0 SIP", 400, NULL },
	{ "sip:xcapd@example.com SIP", "sip:xcapd@example.com:99999 SIP", 400, NULL },
	{ "sip:xcapd@example.com SIP", "sip:xcapd@[::1 SIP", 400, NULL },
	{ "sip:xcapd@example.com SIP", "sip:xcapd@ SIP", 400, NULL },
	{ "sip:xcapd@example.com SIP", "nothing SIP", 400, NULL },
	{ "From: ", "From: \"", 400, "Malformed From" },
	{ "From: \"Ann\" <", "From: \"Ann\" ", 400, "Malformed From" },
	{ ">;tag=1", ";tag=1", 400, "Malformed From" },
	{ ">;tag=1", ">;tag=1;;", 400, "Malformed From" },
	{ ">;tag=1", ">;tag=", 400, "Malformed From" },
	{ ">;tag=1", "> x;tag=1", 400, "Malformed From" },
	{ "<sip:ann@", "< sip:ann@", 400, "Malformed From" },
	{ "<sip:ann@", "<ann@", 400, "Malformed From" },
	{ "From: \"Ann\" <sip:ann@example.com>;tag=1\r\n", "", 400, "No From" },
	{ "To: <sip:xcapd@example.com>\r\n", "", 400, "No To" },
	{ "Call-ID: abc@192.0.2.33\r\n", "", 400, "No Call-ID" },
	{ "abc@192", "a c@192", 400, "Malformed Call-ID" },
	{ "abc@192.0.2.33", "", 400, "Malformed Call-ID" },
	{ "CSeq: 1 SUBSCRIBE\r\n", "", 400, "No CSeq" },
	{ "1 SUBSCRIBE", "1 NOTIFY", 400, "Malformed CSeq" },
	{ "1 SUBSCRIBE", "1 subscribe", 400, "Malformed CSeq" },
	{ "1 SUBSCRIBE", "1", 400, "Malformed CSeq" },
	{ "1 SUBSCRIBE", "SUBSCRIBE", 400, "Malformed CSeq" },
	{ "1 SUBSCRIBE", "-1 SUBSCRIBE", 400, "Malformed CSeq" },
	{ "1 SUBSCRIBE", "2147483648 SUBSCRIBE", 400, "Malformed CSeq" },
	{ "1 SUBSCRIBE", "2147483647 \t SUBSCRIBE", 200, NULL },
	{ "Forwards: 70", "Forwards: 256", 400, "Malformed Max-Forwards" },
	{ "Forwards: 70", "Forwards: -1", 400, "Malformed Max-Forwards" },
	{ "Expires: 3600", "Expires: soon", 400, "Malformed Expires" },
	{ "Expires: 3600", "Expires: -1", 400, "Malformed Expires" },
	{ "Expires: 3600", "Expires: 99999999999999999999999", 200, NULL },
	{ "Event: xcap-diff;", "Event: xcap diff;", 400, "Malformed Event" },
	{ "processing=aggregate", "processing=", 400, "Malformed Event" },
	{ "Length: 5", "Length: 6", 400, "Content-Length is more" },
	{ "Length: 5", "Length: -5", 400, "Malformed Content-Length" },
	{ "Length: 5", "Length: 5, 5", 400, "Malformed Content-Length" },
	{ "Length: 5", "Length: 99999999999999999999", 400, "Malformed Content-Length" },
	{ "text/plain", "text", 400, "Malformed Content-Type" },
	{ "text/plain", "text/", 400, "Malformed Content-Type" },
	{ "text/plain", "text/plain;;", 400, "Malformed Content-Type" },
	{ "text/plain", "Text / PLAIN ; charset=\"x\"", 200, NULL },
	{ "Expires:", "no colon here\r\nExpires:", 400, "Malformed header line" },
	{ "Expires:", ": nothing\r\nExpires:", 400, "Malformed header line" },
	{ "Expires:", "two words: x\r\nExpires:", 400, "Malformed header line" },
	{ "Expires: ", "Expires: \r", 400, "Control characters" },
	{ "Expires: ", "Expires: \n", 400, "Control characters" },
	{ "Expires: ", "Expires: \x02", 400, "Control characters" },
	{ "\r\n\r\nhello", "\r\n", 400, "The header does not end" },
	{ "192.0.2.33:40000;rport;", "192.0.2.33:40000;rport;;", 400, "Malformed Via" },
	{ "Expires:", "Route: sip:nobrackets\r\nExpires:", 400, "Malformed Route" },
	{ "Expires:", "Record-Route: <sip:p;lr>,<oops\r\nExpires:", 400, "Malformed Record-Route" },
	/* once only: 400 */
	{ "Expires:", "f: <sip:b@c>;tag=2\r\nExpires:", 400, "From twice" },
	{ "Expires:", "t: <sip:b@c>\r\nExpires:", 400, "To twice" },
	{ "Expires:", "i: x\r\nExpires:", 400, "Call-ID twice" },
	{ "Expires:", "CSEQ: 1 SUBSCRIBE\r\nExpires:", 400, "CSeq twice" },
	{ "Expires:", "Max-Forwards: 70\r\nExpires:", 400, "Max-Forwards twice" },
	{ "Expires:", "o: xcap-diff\r\nExpires:", 400, "Event twice" },
	{ "Expires:", "Expires: 3600\r\nExpires:", 400, "Expires twice" },
	{ "Expires:", "l: 5\r\nExpires:", 400, "Content-Length twice" },
	{ "Expires:", "c: text/plain\r\nExpires:", 400, "Content-Type twice" },
	{ "Expires:", "m: <sip:x@y>\r\nExpires:", 400, "More than one Contact" },
	/* Contact */
	{ "<sip:ann@192.0.2.33:40000>", "<sip:a@b>, <sip:c@d>", 400, "More than one Contact" },
	{ "Contact: <sip:ann@192.0.2.33:40000>\r\n", "", 400, "No Contact" },
	{ "<sip:ann@192.0.2.33:40000>", "*", 400, "No Contact" },
	{ "<sip:ann@192.0.2.33:40000>", "<tel:+1>", 400, "not a SIP URI" },
	{ "<sip:ann@192.0.2.33:40000>", "sip:a@b?c=d", 400, "Malformed Contact" },
	/* versions and methods */
	{ "SIP/2.0\r\n", "SIP/3.0\r\n", 505, NULL },
	{ "SIP/2.0\r\n", "SIP/2.00\r\n", 505, NULL },
	{ "sip:xcapd@example.com SIP/2.0", "x y z SIP/7.0", 400, NULL },
	{ "sip:xcapd@example.com SIP", "tel:+1555 SIP", 416, NULL },
	{ "sip:xcapd@example.com SIP", "http://example.com/ SIP", 416, NULL },
	/* whose */
	{ "sip:xcapd@example.com SIP", "sip:anybody@example.net SIP", 200, NULL },
	{ "sip:xcapd@example.com SIP", "sips:example.com:5099;x SIP", 200, NULL },
	{ "sip:xcapd@example.com SIP", "sip:EXAMPLE.com SIP", 200, NULL },
	{ "sip:xcapd@example.com SIP", "sip:x@192.0.2.1:5070 SIP", 200, NULL },
	{ "sip:xcapd@example.com SIP", "sip:192.0.2.1 SIP", 200, NULL },
	{ "sip:xcapd@example.com SIP", "sip:x@[2001:db8::1] SIP", 200, NULL },
	{ "sip:xcapd@example.com SIP", "sip:x@192.0.2.1:5099 SIP", 404, NULL },
	{ "sip:xcapd@example.com SIP", "sip:x@192.0.2.2 SIP", 404, NULL },
	{ "sip:xcapd@example.com SIP", "sip:x@sub.example.com SIP", 404, NULL },
	/* extensions and encodings */
	{ "Expires:", "Require: a, b\r\nRequire: c\r\nExpires:", 420,
		"\r\nUnsupported: a, b, c\r\n" },
	{ "Expires:", "Proxy-Require: a\r\nExpires:", 200, NULL },
	{ "Expires:", "Supported: a\r\nk:\r\nExpires:", 200, NULL },
	{ "Expires:", "Content-Encoding: gzip\r\nExpires:", 415,
		"\r\nAccept-Encoding: identity\r\n" },
	{ "Expires:", "e: Identity\r\nExpires:", 200, NULL },
	/* nothing that could be answered */
	{ "Via: SIP/2.0/UDP 192.0.2.33:40000;rport;branch=z9hG4bKabc\r\n", "", 0, NULL },
	{ "192.0.2.33:40000;rport", "", 0, NULL },
	{ "192.0.2.33:40000;rport", "not:a:host", 0, NULL },
	{ "Via: SIP", "Via: SI;P", 0, NULL },
	{ "Via: SIP/2.0/UDP", "Via: X/2.0/UDP", 0, NULL },
	{ "Via: SIP/2.0/UDP", "Via: sip / 2.0 / udp", 200, NULL },
	{ "192.0.2.33:40000;rport", "192.0.2.33:0", 0, NULL },
	{ "192.0.2.33:40000;rport", "224.0.0.1", 0, NULL },
	{ "192.0.2.33:40000;rport", "255.255.255.255", 0, NULL },
	{ "192.0.2.33:40000;rport", "[192.0.2.33];rport", 0, NULL },
	{ "192.0.2.33:40000;rport", "[];rport", 0, NULL },
	{ "192.0.2.33:40000;rport", "1:2:3;rport", 0, NULL },
	{ "192.0.2.33:40000;rport", "192.0.2.33;rport;x=\"[\"", 200, NULL },
	{ "192.0.2.33:40000;rport", "0.0.0.0;rport", 0, NULL },
	{ "192.0.2.33:40000;rport", "[ff02::1]", 0, NULL },
	{ "192.0.2.33:40000;rport", "192.0.2.33;maddr=239.1.2.3", 0, NULL },
	{ "SUBSCRIBE sip:xcapd@example.com SIP/2.0", "GET / HTTP/1.1", 0, NULL },
	{ "SUBSCRIBE sip:xcapd@example.com SIP/2.0", "SUBSCRIBE", 0, NULL },
	{ "SUBSCRIBE sip:xcapd@example.com SIP/2.0", "S(B sip:xcapd@example.com SIP/2.0", 0, NULL },
};

static void one_change_makes_the_difference(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		const struct change *change = &changes[i];
		unsigned before = asked, status = status_of(with_change(change->from, change->to));
		if (status != change->status)
			print_error("%s -> %s\n", change->from, change->to);
		assert_int_equal(status, change->status);
		if (change->says && !says(change->says))
			print_error(
				"%s -> %s: %s\n", change->from, change->to, world_sent(0)->text);
		assert_true(!change->says || says(change->says));
		assert_int_equal(asked - before, change->status == 200);
		world_wait(32000); /* else it is the same request by another way */
	}
}

static void methods_are_told_apart(void **state)
{
	static const struct {
		const char *method;
		unsigned status;
	} rows[] = {
		{ "INVITE", 405 },
		{ "BYE", 405 },
		{ "REGISTER", 405 },
		{ "INFO", 405 },
		{ "PRACK", 405 },
		{ "UPDATE", 405 },
		{ "REFER", 405 },
		{ "MESSAGE", 405 },
		{ "NOTIFY", 405 },
		{ "PUBLISH", 405 },
		{ "OPTIONS", 200 },
		{ "ACK", 0 },
		{ "CANCEL", 481 },
		{ "options", 501 },
		{ "RE%47ISTER", 501 },
		{ "FROBNICATE", 501 },
	};
	char text[1024];
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		snprintf(text, sizeof(text),
			"%s sip:example.com SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.33;rport;"
			"branch=z9hG4bKm%zu\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:c@d>\r\n"
			"Call-ID: x\r\nCSeq: 1 %s\r\n\r\n",
			rows[i].method, i, rows[i].method);
		assert_int_equal(status_of(span_of(text)), rows[i].status);
		if (rows[i].status == 405 || rows[i].status == 200)
			assert_true(says("\r\nAllow: OPTIONS, SUBSCRIBE\r\n"));
	}
	assert_int_equal(asked, 0);
}

static void options_says_what_we_take(void **state)
{
	(void)state;
	assert_int_equal(status_of(SPAN("OPTIONS sip:example.com SIP/2.0\r\n"
					"Via: SIP/2.0/UDP 192.0.2.33;rport;branch=z9hG4bKo\r\n"
					"From: <sip:a@b>;tag=1\r\nTo: <sip:c@d>\r\n"
					"Call-ID: x\r\nCSeq: 1 OPTIONS\r\n\r\n")),
		200);
	assert_true(says("\r\nAllow-Events: xcap-diff\r\n"));
	assert_true(says("\r\nAccept: application/resource-lists+xml\r\n"));
	assert_true(says("\r\nSupported: \r\n"));
	assert_true(says("\r\nTo: <sip:c@d>;tag="));
}

static void without_a_package_subscribe_is_a_bad_event(void **state)
{
	(void)state;
	world_end(&sip);
	sip = world_begin(NULL);
	assert_int_equal(status_of(SPAN(GOOD)), 489);
	assert_true(says("\r\nAllow-Events: xcap-diff\r\n"));
}

static void what_is_over_the_bound_is_not_read(void **state)
{
	(void)state;
	world_settings.limits.sip_message = sizeof(GOOD) - 2;
	assert_int_equal(status_of(SPAN(GOOD)), 0);
	world_settings.limits.sip_message = sizeof(GOOD) - 1;
	assert_int_equal(status_of(SPAN(GOOD)), 200);
}

static void many_values_cost_little(void **state)
{
	enum { SIZE = 65000 };
	static const char *const starts[] = { "Via: ", "Record-Route: <sip:a",
		"Require: ", "Contact: <sip:a>", "From: <sip:a@b>", "Via: SIP/2.0/UDP h",
		"Accept: " };
	static const char *const units[] = { ",", ";a", ";a=b", "a,", "\r\n ,", "\"", "<", ",\"a\"",
		"a\r\nVia: ", "&a=b", "\\" };
	static char text[SIZE + 2000];
	(void)state;
	for (size_t i = 0; i < sizeof(starts) / sizeof(starts[0]); i++) {
		for (size_t j = 0; j < sizeof(units) / sizeof(units[0]); j++) {
			const char *at = strstr(GOOD, "Expires:");
			size_t size = (size_t)(at - GOOD);
			memcpy(text, GOOD, size);
			size += (size_t)sprintf(text + size, "%s", starts[i]);
			while (size < SIZE)
				size += (size_t)sprintf(text + size, "%s", units[j]);
			size += (size_t)sprintf(text + size, "\r\n%s", at);
			status_of((struct span){ text, size });
		}
	}
}

/* --- the answer's form and way --- */

static void an_answer_gives_back_what_came(void **state)
{
	(void)state;
	assert_int_equal(
		status_of(with_change("Max-Forwards",
			"v: SIP/2.0/TCP p1 ;branch=1,SIP/2.0/UDP  p2\r\nVia: SIP/2.0/TLS p3\r\n"
			"Max-Forwards")),
		200);
	assert_true(says(";rport=40000;received=192.0.2.33\r\n"
			 "Via: SIP/2.0/TCP p1 ;branch=1,SIP/2.0/UDP  p2\r\nVia: SIP/2.0/TLS p3\r\n"
			 "From: \"Ann\" <sip:ann@example.com>;tag=1\r\n"
			 "To: <sip:xcapd@example.com>;tag="));
	assert_true(says("\r\nCall-ID: abc@192.0.2.33\r\nCSeq: 1 SUBSCRIBE\r\n"));
	assert_true(says("\r\nServer: xcapd/"));
	assert_true(says("\r\nContent-Length: 0\r\n\r\n"));
}

static void a_tag_that_is_there_stays(void **state)
{
	(void)state;
	assert_int_equal(status_of(with_change("To: <sip:xcapd@example.com>",
				 "To: <sip:xcapd@example.com>;TAG=t")),
		200);
	assert_true(says("\r\nTo: <sip:xcapd@example.com>;TAG=t\r\n"));
}

static void answers_go_where_via_and_the_source_say(void **state)
{
	static const struct {
		const char *via; /* what stands after the protocol */
		enum sip_transport transport;
		const char *from;
		unsigned port;
		const char *says;
	} rows[] = {
		{ "192.0.2.33:5080;branch=z9hG4bK%u", SIP_UDP, "192.0.2.33", 5080,
			"192.0.2.33:5080;branch=z9hG4bK" },
		{ "192.0.2.33;branch=z9hG4bK%u", SIP_UDP, "192.0.2.33", 5060,
			"192.0.2.33;branch=z9hG4bK" },
		{ "10.0.0.1:5080;branch=z9hG4bK%u", SIP_UDP, "192.0.2.33", 5080,
			";received=192.0.2.33\r\n" },
		{ "phone.example.org;branch=z9hG4bK%u", SIP_UDP, "192.0.2.33", 5060,
			";received=192.0.2.33\r\n" },
		{ "10.0.0.1:5080;rport;branch=z9hG4bK%u", SIP_UDP, "192.0.2.33", 40000,
			";rport=40000;received=192.0.2.33\r\n" },
		{ "10.0.0.1;branch=z9hG4bK%u;rport=9;received=1.2.3.4", SIP_UDP, "192.0.2.33",
			40000, ";rport=40000;received=192.0.2.33\r\n" },
		{ "10.0.0.1;branch=z9hG4bK%u;received=1.2.3.4", SIP_UDP, "192.0.2.33", 5060,
			";received=192.0.2.33\r\n" },
		{ "[2001:db8::7]:5080;branch=z9hG4bK%u", SIP_UDP, "2001:db8::7", 5080,
			"[2001:db8::7]:5080;branch=z9hG4bK" },
		{ "192.0.2.33;maddr=192.0.2.99;branch=z9hG4bK%u", SIP_UDP, "192.0.2.33", 5060,
			";maddr=192.0.2.99" },
		{ "192.0.2.33:5080;branch=z9hG4bK%u", SIP_TCP, "192.0.2.33", 5080, "" },
		{ "10.0.0.1;branch=z9hG4bK%u", SIP_TLS, "192.0.2.33", 5061,
			";received=192.0.2.33" },
	};
	char via[256], text[1024];
	(void)state;
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *mark = strstr(rows[i].via, "%u");
		snprintf(via, sizeof(via), "%.*s%u%s", (int)(mark - rows[i].via), rows[i].via,
			100 + i, mark + 2);
		snprintf(text, sizeof(text),
			"OPTIONS sip:example.com SIP/2.0\r\nVia: SIP/2.0/UDP %s\r\n"
			"From: <sip:a@b>;tag=1\r\nTo: <sip:c@d>\r\nCall-ID: x\r\n"
			"CSeq: 1 OPTIONS\r\n\r\n",
			via);
		struct sip_flow from = world_flow(rows[i].transport, rows[i].from, 40000);
		from.connection = rows[i].transport == SIP_UDP ? 0 : 5;
		from.listener = 3;
		world_receive(&from, span_of(text));
		const struct sip_flow *to = &world_sent(0)->flow;
		assert_int_equal(to->transport, rows[i].transport);
		assert_int_equal(to->connection, from.connection);
		assert_int_equal(to->listener, 3);
		const struct sockaddr_in *four = (const struct sockaddr_in *)&to->address;
		assert_int_equal(ntohs(four->sin_port), rows[i].port);
		assert_true(says(rows[i].says));
	}
}

/* Whoever is refused again is told the same, without anything kept of it. */
static void refusals_are_the_same_each_time(void **state)
{
	char first[2048];
	struct sip_figures figures;
	struct span request = with_change("Expires:", "Require: a\r\nExpires:");
	(void)state;
	assert_int_equal(status_of(request), 420);
	snprintf(first, sizeof(first), "%s", world_sent(0)->text);
	assert_int_equal(status_of(request), 420);
	assert_string_equal(world_sent(0)->text, first);
	sip_figures(sip, &figures);
	assert_int_equal(figures.server_transactions, 0);
	assert_int_equal(figures.requests_in, 2);
	assert_int_equal(figures.responses_out, 2);
}

/* --- RFC 4475 --- */

static const struct {
	const char *name;
	unsigned status; /* 0: silence */
} torture[] = {
	{ "wsinv", 405 },      /* 3.1.1.1: well-formed, an INVITE */
	{ "intmeth", 501 },    /* 3.1.1.2 */
	{ "esc01", 405 },      /* 3.1.1.3 */
	{ "escnull", 405 },    /* 3.1.1.4: a REGISTER */
	{ "esc02", 501 },      /* 3.1.1.5: RE%47IST%45R is no REGISTER */
	{ "lwsdisp", 200 },    /* 3.1.1.6 */
	{ "longreq", 405 },    /* 3.1.1.7 */
	{ "dblreq", 405 },     /* 3.1.1.8: one answer, what follows is noise */
	{ "semiuri", 200 },    /* 3.1.1.9 */
	{ "transports", 200 }, /* 3.1.1.10 */
	{ "mpart01", 405 },    /* 3.1.1.11: a MESSAGE */
	{ "unreason", 0 },     /* 3.1.1.12: a response */
	{ "noreason", 0 },     /* 3.1.1.13: a response */
	{ "badinv01", 400 },   /* 3.1.2.1 */
	{ "clerr", 400 },      /* 3.1.2.2 */
	{ "ncl", 400 },        /* 3.1.2.3 */
	{ "scalar02", 400 },   /* 3.1.2.4 */
	{ "scalarlg", 0 },     /* 3.1.2.5: a response */
	{ "quotbal", 400 },    /* 3.1.2.6 */
	{ "ltgtruri", 400 },   /* 3.1.2.7 */
	{ "lwsruri", 400 },    /* 3.1.2.8 */
	{ "lwsstart", 400 },   /* 3.1.2.9 */
	{ "trws", 400 },       /* 3.1.2.10 */
	{ "escruri", 400 },    /* 3.1.2.11 */
	{ "baddate", 405 },    /* 3.1.2.12: Date is ignored, an INVITE */
	{ "regbadct", 400 },   /* 3.1.2.13 */
	{ "badaspec", 400 },   /* 3.1.2.14 */
	{ "baddn", 400 },      /* 3.1.2.15 (in the archive without the empty line too) */
	{ "badvers", 505 },    /* 3.1.2.16 */
	{ "mismatch01", 400 }, /* 3.1.2.17 */
	{ "mismatch02", 400 }, /* 3.1.2.18: 501 or 400 */
	{ "bigcode", 0 },      /* 3.1.2.19: a response */
	{ "badbranch", 200 },  /* 3.2.1: matched as RFC 2543 did */
	{ "insuf", 400 },      /* 3.3.1 */
	{ "unkscm", 416 },     /* 3.3.2 */
	{ "novelsc", 416 },    /* 3.3.3 */
	{ "unksm2", 405 },     /* 3.3.4: a REGISTER */
	{ "bext01", 420 },     /* 3.3.5 */
	{ "invut", 405 },      /* 3.3.6 */
	{ "regaut01", 405 },   /* 3.3.7 */
	{ "multi01", 400 },    /* 3.3.8 */
	{ "mcl01", 400 },      /* 3.3.9 */
	{ "bcast", 0 },        /* 3.3.10: a response */
	{ "zeromf", 200 },     /* 3.3.11 */
	{ "cparam01", 405 },   /* 3.3.12 */
	{ "cparam02", 405 },   /* 3.3.13 */
	{ "regescrt", 405 },   /* 3.3.14 */
	{ "sdp01", 405 },      /* 3.3.15 */
	{ "inv2543", 405 },    /* 3.4.1 */
	{ "test", 0 },         /* in the archive only: no version, no Via */
};

static struct span read_torture(const char *name)
{
	static char octets[65536];
	char path[512];
	snprintf(path, sizeof(path), "%s/tests/data/torture/%s.dat", TEST_SOURCE_DIR, name);
	FILE *file = fopen(path, "rb");
	assert_non_null(file);
	size_t size = fread(octets, 1, sizeof(octets), file);
	fclose(file);
	assert_in_range(size, 1, sizeof(octets) - 1);
	return (struct span){ octets, size };
}

static void torture_messages_get_what_they_deserve(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(torture) / sizeof(torture[0]); i++) {
		unsigned status = status_of(read_torture(torture[i].name));
		if (status != torture[i].status)
			print_error("%s\n", torture[i].name);
		assert_int_equal(status, torture[i].status);
	}
	assert_int_equal(asked, 0);
}

/* Cut anywhere, with any octet changed: an answer or silence, never a fault. */
static void broken_messages_break_nothing(void **state)
{
	static char octets[65536];
	unsigned seed = 42;
	(void)state;
	world_net.forgets = true;
	for (size_t i = 0; i < sizeof(torture) / sizeof(torture[0]); i++) {
		struct span whole = read_torture(torture[i].name);
		memcpy(octets, whole.data, whole.size);
		for (size_t cut = 0; cut < whole.size; cut += 1 + cut / 64) {
			source = world_flow(SIP_UDP, "192.0.2.33", 40000);
			world_receive(&source, (struct span){ octets, cut });
			size_t at = (size_t)rand_r(&seed) % whole.size;
			char former = octets[at];
			octets[at] = (char)rand_r(&seed);
			world_receive(&source, (struct span){ octets, whole.size });
			octets[at] = former;
		}
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(one_change_makes_the_difference),
		TEST(methods_are_told_apart),
		TEST(options_says_what_we_take),
		TEST(without_a_package_subscribe_is_a_bad_event),
		TEST(what_is_over_the_bound_is_not_read),
		TEST(many_values_cost_little),
		TEST(an_answer_gives_back_what_came),
		TEST(a_tag_that_is_there_stays),
		TEST(answers_go_where_via_and_the_source_say),
		TEST(refusals_are_the_same_each_time),
		TEST(torture_messages_get_what_they_deserve),
		TEST(broken_messages_break_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
