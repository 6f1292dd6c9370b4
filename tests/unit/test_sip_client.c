/* links: notifier_core */
/* SPDX-License-Identifier: BSD-2-Clause */
/* Requests of ours: the client transaction (RFC 3261 §17.1.2), its ways (RFC 3263 §4.3, RFC 3261
 * §18.1.1) and its text (§8.1.1, §12.2.1.1). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "unit/sip_world.h"

static struct sip *sip;

static struct {
	unsigned count;
	enum sip_failure failure;
	unsigned status, retry_after;
	char why[128];
	struct sip_flow flow;
	bool has_flow;
	char body[64];
} result;

static void on_result(void *context, const struct sip_result *got)
{
	(void)context;
	result.count++;
	result.failure = got->failure;
	result.status = got->status;
	result.retry_after = got->retry_after;
	snprintf(result.why, sizeof(result.why), "%s", got->why ? got->why : "");
	result.has_flow = got->flow != NULL;
	if (got->flow)
		result.flow = *got->flow;
	if (got->response)
		snprintf(result.body, sizeof(result.body), "%.*s",
			SPAN_ARG(sip_body(got->response)));
}

static int start(void **state)
{
	(void)state;
	memset(&result, 0, sizeof(result));
	sip = world_begin(NULL);
	return 0;
}

static int stop(void **state)
{
	(void)state;
	world_end(&sip);
	return 0;
}

static struct sip_request notify_to(const char *uri)
{
	return (struct sip_request){ .method = SPAN("NOTIFY"),
		.uri = span_of(uri),
		.from = SPAN("<sip:xcapd@example.com>;tag=1"),
		.to = SPAN("<sip:ps@example.com>"),
		.cseq = 7,
		.headers = SPAN("Event: xcap-diff\r\n"),
		.content_type = SPAN("text/plain"),
		.body = SPAN("hello"),
		.done = on_result };
}

static struct sip_outgoing *send_to(const char *uri)
{
	struct sip_request request = notify_to(uri);
	struct sip_outgoing *out = sip_send(sip, &request);
	assert_non_null(out);
	assert_int_equal(result.count, 0);
	world_run_posts();
	return out;
}

static bool says(const struct sent *sent, const char *text)
{
	return strstr(sent->text, text) != NULL;
}

/* A line of what was sent, without its name. */
static const char *line_of(const struct sent *sent, const char *name)
{
	static char line[512];
	const char *at = strstr(sent->text, name);
	assert_non_null(at);
	at += strlen(name);
	snprintf(line, sizeof(line), "%.*s", (int)strcspn(at, "\r"), at);
	return line;
}

static void answer_with(const struct sent *sent, const char *status, const char *more)
{
	char text[2048], via[512];
	snprintf(via, sizeof(via), "%s", line_of(sent, "Via: "));
	int size = snprintf(text, sizeof(text),
		"SIP/2.0 %s\r\nVia: %s\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:a@b>;tag=2\r\n"
		"Call-ID: x\r\nCSeq: 7 NOTIFY\r\n%sContent-Length: 2\r\n\r\nok",
		status, via, more);
	struct sip_flow from = sent->flow;
	world_receive(&from, (struct span){ text, (size_t)size });
}

static unsigned port_of(const struct sip_flow *flow)
{
	return ntohs(((const struct sockaddr_in *)&flow->address)->sin_port);
}

static void a_request_says_all_that_it_has_to(void **state)
{
	(void)state;
	struct sip_request request = notify_to("sip:ps@192.0.2.9:5080?x=y");
	request.contact = true;
	request.call_id = SPAN("call-1");
	assert_non_null(sip_send(sip, &request));
	world_run_posts();
	const struct sent *sent = world_sent(0);
	assert_int_equal(
		strncmp(sent->text, "NOTIFY sip:ps@192.0.2.9:5080 SIP/2.0\r\nVia: ", 43), 0);
	assert_true(says(sent, "Via: SIP/2.0/UDP 192.0.2.1:5070;rport;branch=z9hG4bK"));
	assert_true(says(sent, "\r\nMax-Forwards: 70\r\n"));
	assert_true(says(sent, "\r\nFrom: <sip:xcapd@example.com>;tag=1\r\n"));
	assert_true(says(sent, "\r\nTo: <sip:ps@example.com>\r\n"));
	assert_true(says(sent, "\r\nCall-ID: call-1\r\n"));
	assert_true(says(sent, "\r\nCSeq: 7 NOTIFY\r\n"));
	assert_true(says(sent, "\r\nContact: <sip:xcapd@192.0.2.1:5070>\r\n"));
	assert_true(says(sent, "\r\nUser-Agent: xcapd/"));
	assert_true(says(sent, "\r\nEvent: xcap-diff\r\n"));
	assert_true(says(sent, "\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello"));
	assert_int_equal(port_of(&sent->flow), 5080);
}

static void a_final_response_ends_it(void **state)
{
	(void)state;
	send_to("sip:192.0.2.9");
	answer_with(world_sent(0), "200 OK", "");
	assert_int_equal(result.count, 1);
	assert_int_equal(result.failure, SIP_ANSWERED);
	assert_int_equal(result.status, 200);
	assert_string_equal(result.body, "ok");
	assert_true(result.has_flow);
	answer_with(world_sent(0), "200 OK", ""); /* again: nobody asks any more */
	world_wait(100000);
	assert_int_equal(result.count, 1);
	assert_int_equal(world_net.sent_count, 1);
}

static void a_response_of_somebody_else_is_ignored(void **state)
{
	static const struct {
		const char *from, *to;
	} changes[] = {
		{ "branch=z9hG4bK", "branch=z9hG4bL" },
		{ "branch=z9hG4bK", "branch=z9hG4bKx" },
		{ "CSeq: 7 NOTIFY", "CSeq: 7 PUBLISH" },
		{ "UDP 192.0.2.1:5070", "UDP 192.0.2.1:5071" },
		{ "UDP 192.0.2.1:5070", "UDP 192.0.2.2:5070" },
		{ "UDP 192.0.2.1:5070", "UDP 192.0.2.1" },
		{ "\r\nFrom:", "\r\nVia: SIP/2.0/UDP h;branch=z9hG4bKa\r\nFrom:" },
		{ "SIP/2.0 200", "SIP/3.0 200" },
		{ "SIP/2.0 200", "SIP/2.0 1200" },
		{ "Length: 2", "Length: 3" },
	};
	char text[2048], changed[2048];
	(void)state;
	send_to("sip:192.0.2.9");
	snprintf(text, sizeof(text),
		"SIP/2.0 200 OK\r\nVia: %s\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:a@b>;tag=2\r\n"
		"Call-ID: x\r\nCSeq: 7 NOTIFY\r\nContent-Length: 2\r\n\r\nok",
		line_of(world_sent(0), "Via: "));
	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		const char *at = strstr(text, changes[i].from);
		assert_non_null(at);
		snprintf(changed, sizeof(changed), "%.*s%s%s", (int)(at - text), text,
			changes[i].to, at + strlen(changes[i].from));
		world_receive(&world_sent(0)->flow, span_of(changed));
		assert_int_equal(result.count, 0);
	}
	world_receive(&world_sent(0)->flow, span_of(text));
	assert_int_equal(result.count, 1);
}

/* Timer E: T1, doubled up to T2; Timer F after 64 * T1. */
static void silence_is_asked_again_and_given_up_after_32_seconds(void **state)
{
	static const unsigned at[] = { 500, 1500, 3500, 7500, 11500, 15500, 19500, 23500, 27500,
		31500 };
	uint64_t begun = world_loop.now;
	(void)state;
	send_to("sip:192.0.2.9");
	for (size_t i = 0; i < sizeof(at) / sizeof(at[0]); i++) {
		world_wait(begun + at[i] - 1 - world_loop.now);
		assert_int_equal(world_net.sent_count, i + 1);
		world_wait(1);
		assert_int_equal(world_net.sent_count, i + 2);
		assert_string_equal(world_sent(0)->text, world_sent(1)->text);
	}
	world_wait(begun + 31999 - world_loop.now);
	assert_int_equal(result.count, 0);
	world_wait(1);
	assert_int_equal(result.count, 1);
	assert_int_equal(result.failure, SIP_TIMED_OUT);
	assert_int_equal(result.status, 408);
	assert_string_equal(result.why, "no answer in 32 s");
	assert_true(result.has_flow);
	struct sip_figures figures;
	sip_figures(sip, &figures);
	assert_int_equal(figures.timeouts, 1);
	assert_int_equal(figures.retransmissions_out, 10);
	assert_int_equal(figures.client_transactions, 0);
}

static void a_provisional_response_slows_it_down(void **state)
{
	(void)state;
	send_to("sip:192.0.2.9");
	answer_with(world_sent(0), "100 Trying", "");
	world_wait(500); /* Timer E fires once more as it was set, then every T2 */
	assert_int_equal(world_net.sent_count, 2);
	world_wait(3999);
	assert_int_equal(world_net.sent_count, 2);
	world_wait(1);
	assert_int_equal(world_net.sent_count, 3);
	assert_int_equal(result.count, 0);
	answer_with(world_sent(0), "200 OK", "");
	assert_int_equal(result.count, 1);
}

static void nothing_is_repeated_over_a_connection(void **state)
{
	(void)state;
	send_to("sip:192.0.2.9;transport=tcp");
	assert_true(says(world_sent(0), "Via: SIP/2.0/TCP 192.0.2.1:5070;"));
	world_wait(31999);
	assert_int_equal(world_net.sent_count, 1);
	world_wait(1);
	assert_int_equal(result.failure, SIP_TIMED_OUT);
}

static void a_name_with_many_addresses_is_tried_in_order(void **state)
{
	const struct sip_flow addresses[] = { world_flow(SIP_TCP, "192.0.2.10", 1),
		world_flow(SIP_UDP, "192.0.2.11", 2), world_flow(SIP_UDP, "192.0.2.12", 3) };
	char first[512];
	(void)state;
	world_name("ps.example.org", addresses, 3);
	send_to("sip:ps.example.org");
	assert_int_equal(port_of(&world_sent(0)->flow), 1);
	snprintf(first, sizeof(first), "%s", line_of(world_sent(0), "Via: "));
	world_net.events.closed(
		world_net.events.context, world_sent(0)->flow.connection, "connection refused");
	assert_int_equal(result.count, 0);
	world_run_posts();
	assert_int_equal(port_of(&world_sent(0)->flow), 2);
	assert_string_not_equal(
		strstr(line_of(world_sent(0), "Via: "), "branch"), strstr(first, "branch"));
	answer_with(world_sent(0), "503 Busy", "");
	assert_int_equal(port_of(&world_sent(0)->flow), 3);
	answer_with(world_sent(1), "200 Late", ""); /* of a try that is over */
	assert_int_equal(result.count, 0);
	answer_with(world_sent(0), "503 Busy", "Retry-After: 17 (back soon);duration=5\r\n");
	assert_int_equal(result.count, 1);
	assert_int_equal(result.failure, SIP_ANSWERED);
	assert_int_equal(result.status, 503);
	assert_int_equal(result.retry_after, 17);
}

static void an_address_that_is_silent_gives_way_to_the_next(void **state)
{
	const struct sip_flow addresses[] = { world_flow(SIP_UDP, "192.0.2.10", 1),
		world_flow(SIP_TCP, "192.0.2.10", 1), world_flow(SIP_UDP, "192.0.2.12", 3) };
	(void)state;
	world_name("ps.example.org", addresses, 3);
	send_to("sip:ps.example.org");
	world_wait(32000);
	assert_int_equal(port_of(&world_sent(0)->flow), 3);
	assert_int_equal(result.count, 0);
	world_wait(32000);
	assert_int_equal(result.count, 1);
	assert_int_equal(result.failure, SIP_TIMED_OUT);
}

static void no_way_at_all_is_told_of_later(void **state)
{
	static const struct {
		const char *uri, *why;
	} rows[] = {
		{ "sip:nobody.example.org", "no such name" },
		{ "tel:+123", "not a SIP URI" },
		{ "nonsense", "not a SIP URI" },
		{ "sip:", "not a SIP URI" },
		{ "sip:192.0.2.9;transport=tcp", "refused" },
	};
	(void)state;
	world_net.refuses[SIP_TCP] = true;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		result.count = 0;
		send_to(rows[i].uri);
		assert_int_equal(result.count, 1);
		assert_int_equal(result.failure, SIP_UNREACHABLE);
		assert_int_equal(result.status, 503);
		assert_string_equal(result.why, rows[i].why);
		assert_false(result.has_flow);
	}
}

static struct sip_request big_to(const char *uri)
{
	static char body[1400];
	struct sip_request request = notify_to(uri);
	memset(body, 'x', sizeof(body));
	request.body = (struct span){ body, sizeof(body) };
	return request;
}

static void what_is_big_goes_by_tcp_and_by_udp_if_that_is_refused(void **state)
{
	struct sip_request request = big_to("sip:192.0.2.9:5080");
	(void)state;
	assert_non_null(sip_send(sip, &request));
	world_run_posts();
	assert_true(world_names.last_wish.big);
	assert_int_equal(world_sent(0)->flow.transport, SIP_TCP);
	assert_true(says(world_sent(0), "Via: SIP/2.0/TCP "));
	assert_int_equal(port_of(&world_sent(0)->flow), 5080);
	world_net.events.closed(
		world_net.events.context, world_sent(0)->flow.connection, "connection refused");
	world_run_posts();
	assert_int_equal(world_sent(0)->flow.transport, SIP_UDP);
	assert_true(says(world_sent(0), "Via: SIP/2.0/UDP "));
	answer_with(world_sent(0), "200 OK", "");
	assert_int_equal(result.count, 1);
}

static void thirteen_hundred_octets_are_the_bound(void **state)
{
	struct sip_request request = big_to("sip:192.0.2.9:5080");
	size_t by_udp = 0, by_tcp = 0;
	(void)state;
	for (request.body.size = 700; request.body.size < 1300; request.body.size++) {
		assert_non_null(sip_send(sip, &request));
		world_run_posts();
		const struct sent *sent = world_sent(0);
		if (sent->flow.transport == SIP_UDP)
			assert_true(++by_udp && sent->size <= 1300);
		else
			assert_true(++by_tcp && sent->size > 1300 - 20);
		answer_with(sent, "200 OK", "");
	}
	assert_true(by_udp > 100 && by_tcp > 100);
}

static void tcp_that_was_refused_is_not_asked_for_a_minute(void **state)
{
	struct sip_request request = big_to("sip:192.0.2.9:5080");
	(void)state;
	world_net.refuses[SIP_TCP] = true;
	for (unsigned i = 1; i <= 3; i++) {
		assert_non_null(sip_send(sip, &request));
		world_run_posts();
		assert_int_equal(world_sent(0)->flow.transport, SIP_UDP);
		answer_with(world_sent(0), "200 OK", "");
		assert_int_equal(result.count, i);
		world_net.refuses[SIP_TCP] = false;
	}
	world_wait(60000);
	assert_non_null(sip_send(sip, &request));
	world_run_posts();
	assert_int_equal(world_sent(0)->flow.transport, SIP_TCP);
	request.uri = SPAN("sip:192.0.2.9:5080;transport=tcp"); /* who asks for TCP gets it */
	world_net.events.closed(
		world_net.events.context, world_sent(0)->flow.connection, "connection refused");
	world_run_posts();
	answer_with(world_sent(0), "200 OK", "");
	assert_non_null(sip_send(sip, &request));
	world_run_posts();
	assert_int_equal(world_sent(0)->flow.transport, SIP_TCP);
	answer_with(world_sent(0), "200 OK", "");
	assert_int_equal(result.count, 5);
}

static void a_small_one_goes_by_udp(void **state)
{
	(void)state;
	send_to("sip:192.0.2.9:5080");
	assert_false(world_names.last_wish.big);
	assert_int_equal(world_sent(0)->flow.transport, SIP_UDP);
	world_wait(40000);
}

static void a_flow_is_used_first_and_the_uri_when_it_is_gone(void **state)
{
	struct sip_flow flow = world_flow(SIP_TCP, "192.0.2.33", 40000);
	struct sip_request request = notify_to("sip:192.0.2.9:5080;transport=tcp");
	(void)state;
	flow.connection = 77;
	request.flow = &flow;
	request.contact = true;
	assert_non_null(sip_send(sip, &request));
	assert_int_equal(world_net.sent_count, 1);
	assert_int_equal(world_sent(0)->flow.connection, 77);
	assert_true(says(world_sent(0), "Contact: <sip:xcapd@192.0.2.1:5070;transport=tcp>"));
	world_net.events.closed(world_net.events.context, 77, "gone");
	world_run_posts();
	assert_int_equal(world_net.sent_count, 2);
	assert_int_equal(port_of(&world_sent(0)->flow), 5080);
	answer_with(world_sent(0), "200 OK", "");
	assert_int_equal(result.count, 1);
}

static void all_on_a_lost_connection_go_on_and_the_others_stay(void **state)
{
	struct sip_flow flow = world_flow(SIP_TCP, "192.0.2.33", 40000);
	struct sip_request request = notify_to("sip:nobody.example.org");
	(void)state;
	request.flow = &flow;
	for (size_t i = 0; i < 20; i++) {
		flow.connection = 70 + i % 2;
		assert_non_null(sip_send(sip, &request));
	}
	world_net.events.closed(world_net.events.context, 70, "gone");
	assert_int_equal(result.count, 0);
	world_run_posts();
	assert_int_equal(result.count, 10);
	assert_int_equal(result.failure, SIP_UNREACHABLE);
	world_net.events.closed(world_net.events.context, 70, "gone");
	world_net.events.closed(world_net.events.context, 71, "gone");
	world_run_posts();
	assert_int_equal(result.count, 20);
	assert_string_equal(result.why, "gone");
}

static void tls_is_checked_against_the_host_of_the_uri(void **state)
{
	const struct sip_flow address = world_flow(SIP_TLS, "192.0.2.10", 5061);
	struct sip_request request = notify_to("sips:ann@ps.example.org");
	(void)state;
	world_name("ps.example.org", &address, 1);
	request.tls_verify = true;
	request.contact = true;
	assert_non_null(sip_send(sip, &request));
	world_run_posts();
	assert_true(world_names.last_wish.secure);
	assert_true(world_sent(0)->tls_verify);
	assert_string_equal(world_sent(0)->tls_name, "ps.example.org");
	assert_true(says(world_sent(0), "Contact: <sips:xcapd@192.0.2.1:5071>"));
	answer_with(world_sent(0), "200 OK", "");
}

static void routes_are_laid_as_the_first_of_them_wants(void **state)
{
	static const struct span loose[] = { { "<sip:p1.example.org;lr>", 23 },
		{ "<sip:p2.example.org>", 20 } };
	static const struct span strict[] = { { "<sip:p1.example.org;x=y?a=b>", 28 },
		{ "<sip:p2.example.org;lr>", 23 } };
	struct sip_request request = notify_to("sip:ann@192.0.2.9");
	(void)state;
	request.routes = loose;
	request.route_count = 2;
	const struct sip_flow address = world_flow(SIP_UDP, "192.0.2.44", 5060);
	world_name("p1.example.org", &address, 1);
	assert_non_null(sip_send(sip, &request));
	world_run_posts();
	assert_string_equal(world_names.last_host, "p1.example.org");
	assert_int_equal(
		strncmp(world_sent(0)->text, "NOTIFY sip:ann@192.0.2.9 SIP/2.0\r\n", 34), 0);
	assert_true(says(world_sent(0),
		"Route: <sip:p1.example.org;lr>\r\nRoute: <sip:p2.example.org>\r\nFrom"));
	answer_with(world_sent(0), "200 OK", "");
	request.routes = strict;
	assert_non_null(sip_send(sip, &request));
	world_run_posts();
	assert_string_equal(world_names.last_host, "p1.example.org");
	assert_int_equal(
		strncmp(world_sent(0)->text, "NOTIFY sip:p1.example.org;x=y SIP/2.0\r\n", 39), 0);
	assert_true(says(world_sent(0),
		"Route: <sip:p2.example.org;lr>\r\nRoute: <sip:ann@192.0.2.9>\r\nFrom"));
	answer_with(world_sent(0), "200 OK", "");
	assert_int_equal(result.count, 2);
}

static void a_next_hop_wins_over_uri_and_routes(void **state)
{
	struct sip_request request = notify_to("sip:ann@example.org");
	(void)state;
	request.next_hop = SPAN("sip:192.0.2.66:5099;transport=tcp");
	assert_non_null(sip_send(sip, &request));
	world_run_posts();
	assert_int_equal(strncmp(world_sent(0)->text, "NOTIFY sip:ann@example.org ", 27), 0);
	assert_int_equal(port_of(&world_sent(0)->flow), 5099);
	assert_int_equal(world_sent(0)->flow.transport, SIP_TCP);
	answer_with(world_sent(0), "404 Nobody", "");
	assert_int_equal(result.status, 404);
}

static void the_uri_says_where_in_its_parameters(void **state)
{
	static const struct {
		const char *uri, *host, *transport;
		unsigned port;
		bool secure;
	} rows[] = {
		{ "sip:ann@192.0.2.9", "192.0.2.9", "", 0, false },
		{ "sip:192.0.2.9:99;transport=TCP;lr", "192.0.2.9", "TCP", 99, false },
		{ "sips:a:b@192.0.2.9", "192.0.2.9", "", 0, true },
		{ "sip:ann@example.org;maddr=192.0.2.77", "192.0.2.77", "", 0, false },
		{ "sip:ann@[2001:db8::9]:5062", "2001:db8::9", "", 5062, false },
		{ "SIP:a?b;c/d@192.0.2.9:7", "192.0.2.9", "", 7, false },
	};
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct sip_outgoing *out = send_to(rows[i].uri);
		assert_string_equal(world_names.last_host, rows[i].host);
		assert_true(span_equal_text(world_names.last_wish.transport, rows[i].transport));
		assert_int_equal(world_names.last_wish.port, rows[i].port);
		assert_int_equal(world_names.last_wish.secure, rows[i].secure);
		sip_forget(&out);
	}
}

static void what_is_forgotten_goes_on_but_is_not_told_of(void **state)
{
	(void)state;
	struct sip_outgoing *out = send_to("sip:192.0.2.9");
	sip_forget(&out);
	assert_null(out);
	sip_forget(&out);
	world_wait(500);
	assert_int_equal(world_net.sent_count, 2);
	answer_with(world_sent(0), "200 OK", "");
	world_wait(40000);
	assert_int_equal(world_net.sent_count, 2);
	assert_int_equal(result.count, 0);
}

static void without_a_listener_of_that_kind_we_name_another(void **state)
{
	struct sip_request request = notify_to("sip:192.0.2.9;transport=tcp");
	(void)state;
	world_net.lacks[SIP_UDP] = world_net.lacks[SIP_TCP] = true;
	request.contact = true;
	assert_non_null(sip_send(sip, &request));
	world_run_posts();
	assert_true(says(world_sent(0), "Via: SIP/2.0/TCP 192.0.2.1:5071;"));
	assert_true(says(world_sent(0), "Contact: <sip:xcapd@192.0.2.1:5071;transport=tcp>"));
	answer_with(world_sent(0), "200 OK", "");
	assert_int_equal(result.count, 1);
}

static void stacks_end_with_requests_in_every_state(void **state)
{
	struct sip_flow flow = world_flow(SIP_TCP, "192.0.2.33", 40000);
	struct sip_request request = notify_to("sip:192.0.2.9");
	(void)state;
	send_to("sip:192.0.2.9;transport=tcp"); /* waits for an answer */
	send_to("sip:192.0.2.9");               /* will be sent again */
	request.flow = &flow;
	assert_non_null(sip_send(sip, &request));
	world_net.events.closed(world_net.events.context, world_sent(0)->flow.connection, "gone");
	request.flow = NULL;
	assert_non_null(sip_send(sip, &request)); /* asks for the address */
	sip_free(&sip);
	assert_int_equal(result.count, 0);
}

/* Each block of memory may be the one that is not there: it is told, or answered, once. */
static void without_memory_a_request_still_has_one_end(void **state)
{
	static char headers[8192];
	struct sip_request request = big_to("sip:ps.example.org");
	const struct sip_flow addresses[] = { world_flow(SIP_UDP, "192.0.2.11", 2),
		world_flow(SIP_UDP, "192.0.2.12", 3) };
	bool whole = false;
	(void)state;
	world_name("ps.example.org", addresses, 2);
	memset(headers, 'a', sizeof(headers));
	memcpy(headers, "X: ", 3);
	memcpy(headers + sizeof(headers) - 2, "\r\n", 2);
	request.headers = (struct span){ headers, sizeof(headers) };
	request.contact = true;
	for (size_t nth = 1; !whole; nth++) {
		assert_in_range(nth, 1, 100);
		result.count = 0;
		size_t before = world_net.sent_count;
		arena_fail_at(nth);
		struct sip_outgoing *out = sip_send(sip, &request);
		world_run_posts();
		if (world_net.sent_count > before)
			answer_with(world_sent(0), "503 Busy", "");
		whole = arena_fail_at(0) < nth;
		world_wait(100000);
		assert_int_equal(result.count, out ? 1 : 0);
	}
}

/* 20,000 at once, answered in any order, some twice, some never. */
static void every_answer_finds_its_request(void **state)
{
	enum { MANY = 20000 };
	static char via[MANY][80];
	static unsigned order[MANY];
	struct sip_request request = notify_to("sip:192.0.2.9");
	struct sip_flow flow = world_flow(SIP_UDP, "192.0.2.9", 5060);
	unsigned seed = 4711, answered = 0;
	(void)state;
	request.flow = &flow;
	for (unsigned i = 0; i < MANY; i++) {
		assert_non_null(sip_send(sip, &request));
		const char *branch = strstr(world_sent(0)->text, "branch=");
		snprintf(via[i], sizeof(via[i]), "%.*s", (int)strcspn(branch, "\r"), branch);
		order[i] = i;
	}
	for (unsigned i = MANY - 1; i > 0; i--) {
		unsigned other = (unsigned)rand_r(&seed) % (i + 1), kept = order[i];
		order[i] = order[other];
		order[other] = kept;
	}
	for (unsigned i = 0; i < MANY; i++) {
		char text[1024];
		if (order[i] % 100 == 7)
			continue;
		int size = snprintf(text, sizeof(text),
			"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 192.0.2.1:5070;%s\r\nCall-ID: x\r\n"
			"From: <sip:a@b>;tag=1\r\nTo: <sip:a@b>;tag=2\r\nCSeq: 7 NOTIFY\r\n\r\n",
			via[order[i]]);
		answered++;
		world_receive(&flow, (struct span){ text, (size_t)size });
		assert_int_equal(result.count, answered);
		world_receive(&flow, (struct span){ text, (size_t)size });
		assert_int_equal(result.count, answered);
	}
	world_net.forgets = true;
	world_wait(32000);
	assert_int_equal(result.count, MANY);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_request_says_all_that_it_has_to),
		TEST(a_final_response_ends_it),
		TEST(a_response_of_somebody_else_is_ignored),
		TEST(silence_is_asked_again_and_given_up_after_32_seconds),
		TEST(a_provisional_response_slows_it_down),
		TEST(nothing_is_repeated_over_a_connection),
		TEST(a_name_with_many_addresses_is_tried_in_order),
		TEST(an_address_that_is_silent_gives_way_to_the_next),
		TEST(no_way_at_all_is_told_of_later),
		TEST(what_is_big_goes_by_tcp_and_by_udp_if_that_is_refused),
		TEST(thirteen_hundred_octets_are_the_bound),
		TEST(tcp_that_was_refused_is_not_asked_for_a_minute),
		TEST(a_small_one_goes_by_udp),
		TEST(a_flow_is_used_first_and_the_uri_when_it_is_gone),
		TEST(all_on_a_lost_connection_go_on_and_the_others_stay),
		TEST(tls_is_checked_against_the_host_of_the_uri),
		TEST(routes_are_laid_as_the_first_of_them_wants),
		TEST(a_next_hop_wins_over_uri_and_routes),
		TEST(the_uri_says_where_in_its_parameters),
		TEST(what_is_forgotten_goes_on_but_is_not_told_of),
		TEST(without_a_listener_of_that_kind_we_name_another),
		TEST(stacks_end_with_requests_in_every_state),
		TEST(without_memory_a_request_still_has_one_end),
		TEST(every_answer_finds_its_request),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
