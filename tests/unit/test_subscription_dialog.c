/* links: notifier_core */
/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "notifier/dialog.h"
#include "notifier/sip_message.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

struct world {
	struct arena *arena;
	struct dialog dialog;
};

static int begin(void **state)
{
	static struct world world;
	world = (struct world){ .arena = arena_new(65536) };
	*state = &world;
	return world.arena ? 0 : -1;
}

static int end(void **state)
{
	struct world *world = *state;
	dialog_end(&world->dialog);
	arena_free(&world->arena);
	return 0;
}

static const struct sip_message *subscribe(
	struct world *world, const char *to, const char *contact, const char *more, unsigned cseq)
{
	struct span octets = arena_format(world->arena,
		"SUBSCRIBE sip:alice@example.com SIP/2.0\r\n"
		"Via: SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bKa\r\n"
		"From: \"Alice\" <sip:alice@example.com>;tag=theirs\r\n"
		"To: <sip:alice@example.com>%s\r\n"
		"Call-ID: c1@192.0.2.9\r\nCSeq: %u SUBSCRIBE\r\n%s%sEvent: xcap-diff\r\n"
		"Content-Length: 0\r\n\r\n",
		to, cseq, contact, more);
	struct sip_message *message = sip_message_read(world->arena, octets, true);
	assert_non_null(message);
	return message;
}

static struct sip_flow flow_of(
	enum sip_transport transport, const char *host, unsigned port, uint64_t connection)
{
	struct sip_flow flow = { .transport = transport, .connection = connection, .listener = 1 };
	struct sockaddr_in *v4 = (void *)&flow.address;
	struct sockaddr_in6 *v6 = (void *)&flow.address;
	if (strchr(host, ':')) {
		v6->sin6_family = AF_INET6;
		v6->sin6_port = htons((uint16_t)port);
		assert_int_equal(inet_pton(AF_INET6, host, &v6->sin6_addr), 1);
		flow.length = sizeof(*v6);
	} else {
		v4->sin_family = AF_INET;
		v4->sin_port = htons((uint16_t)port);
		assert_int_equal(inet_pton(AF_INET, host, &v4->sin_addr), 1);
		flow.length = sizeof(*v4);
	}
	return flow;
}

static void start(struct world *world, const char *contact, const char *more, struct sip_flow flow)
{
	dialog_end(&world->dialog);
	assert_int_equal(dialog_begin(&world->dialog, subscribe(world, "", contact, more, 7), &flow,
				 SPAN("ours"), (struct span){ NULL, 0 }),
		DIALOG_OK);
}

static struct sip_request request(struct world *world)
{
	static struct sip_flow flow;
	struct sip_request request = { 0 };
	assert_true(dialog_address(&world->dialog, world->arena, &request, &flow));
	return request;
}

static void assert_span(struct span have, const char *want)
{
	if (!span_equal_text(have, want))
		fail_msg("have '%.*s', want '%s'", SPAN_ARG(have), want);
}

#define CONTACT "Contact: <sip:alice@192.0.2.9:5060>\r\n"

static void a_request_goes_the_other_way(void **state)
{
	struct world *world = *state;
	start(world, CONTACT, "Record-Route: <sip:a.example.com;lr>, <sip:b.example.com;lr>\r\n",
		flow_of(SIP_UDP, "192.0.2.9", 5060, 0));
	struct sip_request one = request(world), two = request(world);
	assert_span(one.uri, "sip:alice@192.0.2.9:5060");
	assert_span(one.from, "<sip:alice@example.com>;tag=ours");
	assert_span(one.to, "<sip:alice@example.com>;tag=theirs");
	assert_span(one.call_id, "c1@192.0.2.9");
	assert_int_equal(one.route_count, 2);
	assert_span(one.routes[0], "<sip:a.example.com;lr>");
	assert_span(one.routes[1], "<sip:b.example.com;lr>");
	assert_true(two.cseq == one.cseq + 1);
}

/* By UDP the Contact is right unless there is a NAT; a connection always is, while it lives. */
static void the_way_back(void **state)
{
	static const struct {
		const char *contact, *host;
		enum sip_transport transport;
		unsigned port;
		uint64_t connection;
		const char *routes;
		bool by_flow;
	} ways[] = {
		{ "sip:a@192.0.2.9:5060", "192.0.2.9", SIP_UDP, 5060, 0, "", true },
		{ "sip:a@192.0.2.9", "192.0.2.9", SIP_UDP, 5060, 0, "", true },
		{ "sip:a@192.0.2.9;transport=udp", "192.0.2.9", SIP_UDP, 5060, 0, "", true },
		{ "sip:a@192.0.2.9:5062", "192.0.2.9", SIP_UDP, 41000, 0, "", false },
		{ "sip:a@10.0.0.7:5060", "192.0.2.9", SIP_UDP, 41000, 0, "", true },
		{ "sip:a:5@b@10.0.0.7:5060", "192.0.2.9", SIP_UDP, 41000, 0, "", true },
		{ "sip:phone.example.com", "192.0.2.9", SIP_UDP, 41000, 0, "", false },
		{ "sip:[2001:db8::7]:5070", "2001:db8::7", SIP_UDP, 5070, 0, "", true },
		{ "sip:[2001:db8::7]", "2001:db8::7", SIP_UDP, 5070, 0, "", false },
		{ "sip:[2001:db8::7]", "2001:db8::8", SIP_UDP, 5070, 0, "", true },
		{ "sip:a@10.0.0.7", "192.0.2.9", SIP_UDP, 5060, 0,
			"Record-Route: <sip:192.0.2.9;lr>\r\n", false },
		{ "sip:a@10.0.0.7;transport=tcp", "192.0.2.9", SIP_TCP, 41000, 4, "", true },
		{ "sip:a@10.0.0.7;transport=tcp", "192.0.2.9", SIP_TCP, 41000, 4,
			"Record-Route: <sip:192.0.2.9;lr>\r\n", true },
		{ "sips:a@phone.example.com", "192.0.2.9", SIP_TLS, 41000, 9, "", true },
	};
	struct world *world = *state;
	for (size_t i = 0; i < COUNT(ways); i++) {
		struct span contact =
			arena_format(world->arena, "Contact: <%s>\r\n", ways[i].contact);
		start(world, contact.data, ways[i].routes,
			flow_of(ways[i].transport, ways[i].host, ways[i].port, ways[i].connection));
		const struct sip_flow *flow = request(world).flow;
		if ((flow != NULL) != ways[i].by_flow)
			fail_msg("%s", ways[i].contact);
		if (!flow)
			continue;
		struct sip_flow want =
			flow_of(ways[i].transport, ways[i].host, ways[i].port, ways[i].connection);
		assert_memory_equal(&flow->address, &want.address, want.length);
		assert_true(flow->connection == want.connection && flow->listener == 1);
	}
}

static void a_contact_is_a_sip_uri(void **state)
{
	static const char *const bad[] = { "", "Contact: <mailto:alice@example.com>\r\n",
		"Contact: *\r\n", "Contact: <tel:+1>\r\n" };
	struct world *world = *state;
	struct sip_flow flow = flow_of(SIP_UDP, "192.0.2.9", 5060, 0);
	for (size_t i = 0; i < COUNT(bad); i++) {
		struct dialog dialog = { 0 };
		assert_int_equal(dialog_begin(&dialog, subscribe(world, "", bad[i], "", 1), &flow,
					 SPAN("t"), (struct span){ NULL, 0 }),
			DIALOG_MALFORMED);
		dialog_end(&dialog);
	}
}

static void a_dialog_is_bounded(void **state)
{
	struct world *world = *state;
	struct sip_flow flow = flow_of(SIP_UDP, "192.0.2.9", 5060, 0);
	char routes[8192];
	size_t size = 0;
	for (int i = 0; i < 80; i++)
		size += (size_t)snprintf(routes + size, sizeof(routes) - size,
			"Record-Route: <sip:proxy-number-%04d.example.com;lr;x=%030d>\r\n", i, i);
	struct dialog dialog = { 0 };
	assert_int_equal(dialog_begin(&dialog, subscribe(world, "", CONTACT, routes, 1), &flow,
				 SPAN("t"), (struct span){ NULL, 0 }),
		DIALOG_MALFORMED);
	dialog_end(&dialog);
}

static void a_refresh_moves_the_target(void **state)
{
	struct world *world = *state;
	start(world, CONTACT, "", flow_of(SIP_UDP, "192.0.2.9", 5060, 0));
	struct sip_flow elsewhere = flow_of(SIP_TCP, "192.0.2.10", 4000, 5);
	const struct sip_message *message =
		subscribe(world, ";tag=ours", "Contact: <sip:alice@192.0.2.10;transport=tcp>\r\n",
			"Record-Route: <sip:late.example.com;lr>\r\n", 8);
	assert_int_equal(dialog_refresh(&world->dialog, message, &elsewhere), DIALOG_OK);
	struct sip_request one = request(world);
	assert_span(one.uri, "sip:alice@192.0.2.10;transport=tcp");
	assert_int_equal(one.route_count, 0);
	assert_true(one.flow && one.flow->connection == 5);
	assert_int_equal(world->dialog.remote_cseq, 8);
	message = subscribe(world, ";tag=ours", "", "", 9);
	assert_int_equal(dialog_refresh(&world->dialog, message, &elsewhere), DIALOG_OK);
	assert_span(request(world).uri, "sip:alice@192.0.2.10;transport=tcp");
}

static void a_request_is_within_it_by_all_of_its_names(void **state)
{
	struct world *world = *state;
	const struct span none = { NULL, 0 };
	start(world, CONTACT, "", flow_of(SIP_UDP, "192.0.2.9", 5060, 0));
	const struct sip_message *right = subscribe(world, ";tag=ours", CONTACT, "", 8);
	assert_true(dialog_holds(&world->dialog, right, none));
	assert_false(dialog_holds(&world->dialog, right, SPAN("")));
	assert_false(dialog_holds(&world->dialog, right, SPAN("7")));
	assert_false(
		dialog_holds(&world->dialog, subscribe(world, ";tag=other", CONTACT, "", 8), none));
}

static void a_row_says_all_of_it(void **state)
{
	struct world *world = *state;
	start(world, CONTACT, "Record-Route: <sip:a.example.com;lr>\r\n",
		flow_of(SIP_UDP, "2001:db8::7", 5060, 0));
	world->dialog.has_event_id = true;
	request(world);
	struct buffer row = { .arena = world->arena };
	dialog_write(&world->dialog, &row);
	struct row_reader from = { .rest = buffer_span(&row) };
	struct dialog again;
	assert_true(dialog_read(&again, &from));
	assert_int_equal(from.rest.size, 0);
	for (int i = 0; i < DIALOG_PARTS; i++)
		assert_true(span_equal(dialog_part(&again, (enum dialog_part)i),
			dialog_part(&world->dialog, (enum dialog_part)i)));
	assert_true(again.local_cseq == world->dialog.local_cseq && again.remote_cseq == 7);
	assert_true(again.has_event_id);
	assert_memory_equal(&again.flow, &world->dialog.flow, sizeof(again.flow));
	dialog_end(&again);
}

static void a_row_that_is_cut_short_is_none(void **state)
{
	struct world *world = *state;
	start(world, CONTACT, "", flow_of(SIP_UDP, "192.0.2.9", 5060, 0));
	struct buffer row = { .arena = world->arena };
	dialog_write(&world->dialog, &row);
	for (size_t size = 0; size < row.size; size++) {
		struct row_reader from = { .rest = span_first(buffer_span(&row), size) };
		struct dialog again;
		assert_false(dialog_read(&again, &from));
		dialog_end(&again);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_request_goes_the_other_way, begin, end),
		cmocka_unit_test_setup_teardown(the_way_back, begin, end),
		cmocka_unit_test_setup_teardown(a_contact_is_a_sip_uri, begin, end),
		cmocka_unit_test_setup_teardown(a_dialog_is_bounded, begin, end),
		cmocka_unit_test_setup_teardown(a_refresh_moves_the_target, begin, end),
		cmocka_unit_test_setup_teardown(
			a_request_is_within_it_by_all_of_its_names, begin, end),
		cmocka_unit_test_setup_teardown(a_row_says_all_of_it, begin, end),
		cmocka_unit_test_setup_teardown(a_row_that_is_cut_short_is_none, begin, end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
