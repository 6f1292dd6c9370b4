/* links: notifier_core */
/* SPDX-License-Identifier: BSD-2-Clause */
#include "unit/sip_transport_world.h"

enum { MANY = 10000, WINDOW = 32 };

static void answer(struct end *end, const struct sip_flow *from, struct span octets)
{
	const struct hop back = { .flow = *from };
	(void)octets;
	assert_int_equal(send_one(end, &back, SPAN("SIP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n")),
		TRANSPORT_SENT);
}

static void send_next(struct end *end)
{
	struct world *world = end->world;
	if (world->sent == MANY)
		return;
	arena_reset(world->arena);
	assert_int_equal(
		send_one(end, &world->hop, request(world, ++world->sent, 700)), TRANSPORT_SENT);
}

static void one_more(struct end *end, const struct sip_flow *from, struct span octets)
{
	(void)from;
	assert_true(span_starts(octets, SPAN("SIP/2.0 200")));
	send_next(end);
	if (end->messages == MANY)
		loop_stop(end->world->loop);
}

static void pump(enum sip_transport kind)
{
	struct world *world = world_begin();
	world_open(world);
	world->hop = hop_to(world, &world->far, kind);
	world->near.on_message = one_more;
	world->far.on_message = answer;
	for (size_t i = 0; i < WINDOW; i++)
		send_next(&world->near);
	assert_true(loop_run(world->loop));
	assert_int_equal(world->near.messages, MANY);
	assert_int_equal(world->far.messages, MANY);
	assert_int_equal(transport_connections(world->near.transport), kind == SIP_UDP ? 0 : 1);
	assert_int_equal(transport_connections(world->far.transport), kind == SIP_UDP ? 0 : 1);
	assert_int_equal(world->near.closed + world->far.closed, 0);
	world_end(world);
}

static void udp_carries_ten_thousand_and_their_answers(void **state)
{
	(void)state;
	pump(SIP_UDP);
}

static void tcp_carries_ten_thousand_and_their_answers_by_one_connection(void **state)
{
	(void)state;
	pump(SIP_TCP);
}

static void tls_carries_ten_thousand_and_their_answers_by_one_connection(void **state)
{
	(void)state;
	pump(SIP_TLS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(udp_carries_ten_thousand_and_their_answers),
		cmocka_unit_test(tcp_carries_ten_thousand_and_their_answers_by_one_connection),
		cmocka_unit_test(tls_carries_ten_thousand_and_their_answers_by_one_connection),
	};
	return cmocka_run_group_tests(tests, make_certificates, remove_certificates);
}
