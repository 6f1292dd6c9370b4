/* links: notifier_core */
/* SPDX-License-Identifier: BSD-2-Clause */
/* Where requests of ours go, and by what (RFC 3263 §4.3; RFC 3261 §8.1.2, §18.1.1). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "unit/sip_client_world.h"

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_name_with_many_addresses_is_tried_in_order),
		TEST(an_address_that_is_silent_gives_way_to_the_next),
		TEST(no_way_at_all_is_told_of_later),
		TEST(what_is_big_goes_by_tcp_and_by_udp_if_that_is_refused),
		TEST(thirteen_hundred_octets_are_the_bound),
		TEST(tcp_that_was_refused_is_not_asked_for_a_minute),
		TEST(a_small_one_goes_by_udp),
		TEST(tls_is_checked_against_the_host_of_the_uri),
		TEST(routes_are_laid_as_the_first_of_them_wants),
		TEST(a_next_hop_wins_over_uri_and_routes),
		TEST(the_uri_says_where_in_its_parameters),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
