/* links: notifier_core */
/* SPDX-License-Identifier: BSD-2-Clause */
/* What peers may and may not do to us; all with plain sockets. */
#include "unit/sip_transport_world.h"

#include <sys/resource.h>

#define START "OPTIONS sip:a@b SIP/2.0\r\n"

static struct world *world;
static struct hop tcp, udp;

static void begin(void)
{
	world_open(world);
	tcp = hop_to(world, &world->far, SIP_TCP);
	udp = hop_to(world, &world->far, SIP_UDP);
}

static int prepare(void **state)
{
	(void)state;
	world = world_begin();
	return 0;
}

static int clean_up(void **state)
{
	(void)state;
	world_end(world);
	return 0;
}

/* --- streams --- */

static void a_message_that_trickles_in_is_one_message(void **state)
{
	const char *text = START "l: 5\r\n\r\nhello";
	(void)state;
	begin();
	int fd = dial(&tcp, SOCK_STREAM);
	for (const char *c = text; *c; c++) {
		assert_int_equal(send(fd, c, 1, 0), 1);
		run_for(world, 1);
		assert_int_equal(world->far.messages, !c[1]);
	}
	assert_string_equal(world->far.last, text);
	say(fd, START "l: 0\r\n\r\n" START "l: 2\r\n\r\nok" START "l: 3\r\n\r\n");
	run_until(world, &world->far.messages, 3);
	say(fd, "yes");
	run_until(world, &world->far.messages, 4);
	assert_string_equal(world->far.last, START "l: 3\r\n\r\nyes");
	close(fd);
}

static void a_ping_is_answered_with_a_pong(void **state)
{
	char octets[16];
	(void)state;
	begin();
	int fd = dial(&tcp, SOCK_STREAM);
	say(fd, "\r\n\r\n");
	for (int i = 0; i < 100 && recv(fd, octets, sizeof(octets), MSG_DONTWAIT | MSG_PEEK) < 2;
		i++)
		run_for(world, 10);
	assert_int_equal(recv(fd, octets, sizeof(octets), MSG_DONTWAIT), 2);
	assert_memory_equal(octets, "\r\n", 2);
	say(fd, "\r\n");
	run_for(world, 30);
	assert_false(hung_up(fd));
	assert_int_equal(world->far.messages, 0);
	close(fd);
}

static void what_is_no_sip_is_hung_up_on(void **state)
{
	static const char *const texts[] = { "GET / HTTP/1.1\r\nHost: a\r\n\r\n", "\x16\x03\x01",
		START "\r\n", START "l: -1\r\n\r\n", START "l: 99999\r\n\r\n", "\rX" };
	(void)state;
	begin();
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		int fd = dial(&tcp, SOCK_STREAM);
		say(fd, texts[i]);
		run_until(world, &world->far.closed, i + 1);
		assert_true(hung_up(fd));
		assert_string_equal(world->far.why, "what came is no stream of SIP messages");
		close(fd);
	}
	assert_int_equal(world->far.messages, 0);
	assert_int_equal(transport_connections(world->far.transport), 0);
}

static void half_a_message_waits_for_limits_timeout_and_silence_between_for_ever(void **state)
{
	(void)state;
	world->far.settings.limits.timeout_ms = 100;
	begin();
	int half = dial(&tcp, SOCK_STREAM), silent = dial(&tcp, SOCK_STREAM);
	int pinging = dial(&tcp, SOCK_STREAM);
	say(silent, START "l: 0\r\n\r\n");
	say(pinging, "\r\n");
	run_until(world, &world->far.messages, 1);
	say(half, START);
	run_for(world, 60);
	say(half, "X: y\r\n");
	assert_int_equal(world->far.closed, 0);
	run_for(world, 90);
	assert_true(hung_up(half));
	assert_string_equal(world->far.why, "silent in the middle of a message");
	run_for(world, 200);
	assert_false(hung_up(silent));
	assert_false(hung_up(pinging));
	assert_int_equal(world->far.closed, 1);
	close(half);
	close(silent);
	close(pinging);
}

static void past_limits_connections_the_idle_one_that_was_used_least_recently_goes(void **state)
{
	int fds[4];
	(void)state;
	world->far.settings.limits.timeout_ms = 50;
	world->far.settings.limits.connections = 3;
	begin();
	for (int i = 0; i < 3; i++) {
		fds[i] = dial(&tcp, SOCK_STREAM);
		run_for(world, 10);
	}
	run_for(world, 60);
	say(fds[0], START "l: 0\r\n\r\n");
	run_until(world, &world->far.messages, 1);
	fds[3] = dial(&tcp, SOCK_STREAM);
	run_for(world, 20);
	assert_true(hung_up(fds[1]));
	assert_false(hung_up(fds[0]) || hung_up(fds[2]) || hung_up(fds[3]));
	assert_string_equal(world->far.why, "closed to make room");
	assert_int_equal(transport_connections(world->far.transport), 3);
	for (int i = 0; i < 4; i++)
		close(fds[i]);
}

static void when_none_is_idle_the_newcomer_goes(void **state)
{
	(void)state;
	world->far.settings.limits.connections = 1;
	begin();
	int first = dial(&tcp, SOCK_STREAM);
	run_for(world, 20);
	int second = dial(&tcp, SOCK_STREAM);
	run_for(world, 20);
	assert_true(hung_up(second));
	assert_false(hung_up(first));
	close(first);
	close(second);
}

static void one_address_has_its_own_limit(void **state)
{
	(void)state;
	world->far.settings.limits.connections_per_address = 2;
	begin();
	int first = dial(&tcp, SOCK_STREAM), second = dial(&tcp, SOCK_STREAM);
	int third = dial(&tcp, SOCK_STREAM);
	run_for(world, 20);
	assert_true(hung_up(third));
	assert_false(hung_up(first) || hung_up(second));
	close(first);
	run_until(world, &world->far.closed, 1);
	int fourth = dial(&tcp, SOCK_STREAM);
	run_for(world, 20);
	assert_false(hung_up(fourth));
	close(second);
	close(third);
	close(fourth);
}

static void who_does_not_read_fills_a_bounded_queue_and_is_given_up(void **state)
{
	size_t sent = 0;
	(void)state;
	world->far.settings.limits.timeout_ms = 200;
	begin();
	int fd = dial(&tcp, SOCK_STREAM);
	say(fd, START "l: 0\r\n\r\n");
	run_until(world, &world->far.messages, 1);
	const struct hop back = { .flow = world->far.last_from };
	struct span octets = request(world, 1, 50000);
	while (send_one(&world->far, &back, octets) == TRANSPORT_SENT) {
		assert_true(++sent < 1000);
		if (sent % 20 == 0)
			run_for(world, 1);
	}
	assert_string_equal(world->far.why, "too much waits for that connection");
	assert_true(sent >= 20);
	run_until(world, &world->far.closed, 1);
	assert_string_equal(world->far.why, "timed out");
	close(fd);
}

static void what_waits_for_all_together_is_bounded_but_each_may_be_told_something(void **state)
{
	enum { PEERS = 80, SIZE = 60000 };
	int fds[PEERS];
	struct hop back[PEERS];
	size_t waits = 0;
	(void)state;
	begin();
	for (size_t i = 0; i < PEERS; i++) {
		fds[i] = dial(&tcp, SOCK_STREAM);
		say(fds[i], START "l: 0\r\n\r\n");
		run_until(world, &world->far.messages, i + 1);
		back[i] = (struct hop){ .flow = world->far.last_from };
	}
	struct span octets = request(world, 1, SIZE);
	for (size_t i = 0; i < PEERS; i++) {
		size_t before = waits;
		while (send_one(&world->far, &back[i], octets) == TRANSPORT_SENT)
			waits += octets.size;
		assert_true(waits > before);
	}
	assert_in_range(waits, 63 << 20, (64 << 20) + PEERS * octets.size);
	for (size_t i = 0; i < PEERS; i++)
		close(fds[i]);
	run_until(world, &world->far.closed, PEERS);
	int fd = dial(&tcp, SOCK_STREAM);
	say(fd, START "l: 0\r\n\r\n");
	run_until(world, &world->far.messages, PEERS + 1);
	back[0].flow = world->far.last_from;
	for (int i = 0; i < 10; i++)
		assert_int_equal(send_one(&world->far, &back[0], octets), TRANSPORT_SENT);
	close(fd);
}

static void a_slow_reader_gets_every_octet(void **state)
{
	static char octets[100000];
	size_t got = 0, wanted = 0;
	ssize_t more;
	(void)state;
	begin();
	int fd = dial(&tcp, SOCK_STREAM), room = 4096;
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room));
	say(fd, START "l: 0\r\n\r\n");
	run_until(world, &world->far.messages, 1);
	const struct hop back = { .flow = world->far.last_from };
	struct span one = request(world, 1, 40000);
	for (int i = 0; i < 20; i++, wanted += one.size)
		assert_int_equal(send_one(&world->far, &back, one), TRANSPORT_SENT);
	while (got < wanted) {
		run_for(world, 1);
		more = recv(fd, octets, 30000, MSG_DONTWAIT);
		for (ssize_t i = 0; i < more; i++)
			assert_int_equal(octets[i], one.data[(got + (size_t)i) % one.size]);
		got += more > 0 ? (size_t)more : 0;
	}
	assert_int_equal(got, wanted);
	close(fd);
}

static void without_file_descriptors_a_connection_waits_until_there_is_one(void **state)
{
	struct rlimit before, now;
	(void)state;
	begin();
	int fd = dial(&tcp, SOCK_STREAM);
	int next = dup(fd);
	close(next);
	getrlimit(RLIMIT_NOFILE, &before);
	now = before;
	now.rlim_cur = (rlim_t)next;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &now), 0);
	say(fd, START "l: 0\r\n\r\n");
	clock_t spent = clock();
	run_for(world, 250);
	assert_true(clock() - spent < CLOCKS_PER_SEC / 10);
	assert_int_equal(world->far.messages, 0);
	assert_int_equal(send_one(&world->near, &tcp, request(world, 1, 0)), TRANSPORT_REFUSED);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	run_until(world, &world->far.messages, 1);
	close(fd);
}

static void a_refused_connection_is_told(void **state)
{
	(void)state;
	begin();
	transport_free(&world->far.transport);
	if (send_one(&world->near, &tcp, request(world, 1, 0)) == TRANSPORT_SENT)
		run_until(world, &world->near.closed, 1);
	assert_string_equal(world->near.why, "connection refused");
	assert_int_equal(transport_connections(world->near.transport), 0);
}

/* A listener whose queue is full takes no more, and says nothing. */
static void a_connection_that_does_not_stand_in_five_seconds_is_told(void **state)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	struct hop hop = { .flow = { .transport = SIP_TCP, .length = sizeof(address) } };
	int fillers[4], fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	(void)state;
	begin();
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(fd, (void *)&address, sizeof(address)), 0);
	assert_int_equal(listen(fd, 0), 0);
	assert_int_equal(getsockname(fd, (void *)&address, &hop.flow.length), 0);
	memcpy(&hop.flow.address, &address, sizeof(address));
	for (int i = 0; i < 4; i++) {
		fillers[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
		connect(fillers[i], (void *)&address, sizeof(address));
	}
	run_for(world, 50);
	uint64_t before = loop_now(world->loop);
	assert_int_equal(send_one(&world->near, &hop, request(world, 1, 0)), TRANSPORT_SENT);
	run_until(world, &world->near.closed, 1);
	assert_string_equal(world->near.why, "timed out");
	assert_in_range(loop_now(world->loop) - before, 4900, 6000);
	for (int i = 0; i < 4; i++)
		close(fillers[i]);
	close(fd);
}

/* --- datagrams --- */

static void datagrams_that_say_nothing_and_long_ones_are_dropped(void **state)
{
	(void)state;
	world->far.settings.limits.sip_message = 2048;
	begin();
	int fd = dial(&udp, SOCK_DGRAM);
	send(fd, "", 0, 0);
	say(fd, "\r\n");
	say(fd, "\r\n\r\n");
	send(fd, "\0\0\0\0", 4, 0);
	struct span octets = request(world, 1, 3000);
	send(fd, octets.data, octets.size, 0);
	say(fd, "\r\n" START "l: 0\r\n\r\n");
	run_until(world, &world->far.messages, 1);
	assert_string_equal(world->far.last, START "l: 0\r\n\r\n");
	run_for(world, 20);
	assert_int_equal(world->far.messages, 1);
	close(fd);
}

static void an_answer_leaves_by_the_socket_that_the_request_came_by(void **state)
{
	char octets[64];
	(void)state;
	world->far.listen[0] = SPAN("udp:127.0.0.1:0");
	world->far.listen[1] = SPAN("tcp:127.0.0.1:0");
	world->far.listen[2] = SPAN("udp:127.0.0.1:0");
	world->far.settings.notifier.listen = (struct span_list){ world->far.listen, 3 };
	begin();
	for (size_t listener = 0; listener < 3; listener += 2) {
		struct sip_flow flow = udp.flow;
		flow.listener = listener;
		struct span text = transport_sent_by(world->far.transport, world->arena, &flow);
		((struct sockaddr_in *)(void *)&flow.address)->sin_port =
			htons((uint16_t)atoi(text.data + 10));
		const struct hop to = { .flow = flow };
		int fd = dial(&to, SOCK_DGRAM); /* hears of no other peer */
		size_t before = world->far.messages;
		say(fd, START "l: 0\r\n\r\n");
		run_until(world, &world->far.messages, before + 1);
		assert_int_equal(world->far.last_from.listener, listener);
		const struct hop back = { .flow = world->far.last_from };
		assert_int_equal(send_one(&world->far, &back, SPAN("SIP/2.0 200 OK\r\n\r\n")),
			TRANSPORT_SENT);
		assert_true(recv(fd, octets, sizeof(octets), 0) > 0);
		close(fd);
	}
}

static void a_peer_that_is_gone_does_no_harm_to_a_socket(void **state)
{
	(void)state;
	begin();
	int fd = dial(&udp, SOCK_DGRAM);
	say(fd, START "l: 0\r\n\r\n");
	run_until(world, &world->far.messages, 1);
	close(fd);
	const struct hop back = { .flow = world->far.last_from };
	for (int i = 0; i < 5; i++) {
		assert_int_equal(send_one(&world->far, &back, SPAN("SIP/2.0 200 OK\r\n\r\n")),
			TRANSPORT_SENT);
		run_for(world, 5);
	}
	assert_int_equal(send_one(&world->near, &udp, request(world, 1, 5)), TRANSPORT_SENT);
	run_until(world, &world->far.messages, 2);
}

static void what_is_too_long_for_a_datagram_is_refused(void **state)
{
	(void)state;
	begin();
	assert_int_equal(send_one(&world->near, &udp, request(world, 1, 70000)), TRANSPORT_REFUSED);
	assert_string_equal(world->near.why, "too long for a datagram");
}

/* --- addresses --- */

static void listeners_that_cannot_be_are_told(void **state)
{
	struct transport_events events = { message, closed, NULL };
	struct span_list *list = &world->near.settings.notifier.listen;
	struct transport *transport;
	char text[256] = "";
	(void)state;
	begin();
	FILE *problems = fmemopen(text, sizeof(text), "w");
	struct span taken = arena_format(world->arena, "tcp:%.*s",
		SPAN_ARG(transport_sent_by(world->far.transport, world->arena, &tcp.flow)));
	*list = (struct span_list){ &taken, 1 };
	assert_false(
		transport_new(&transport, world->loop, &world->near.settings, &events, problems));
	assert_null(transport);
	fclose(problems);
	assert_non_null(strstr(text, "Address already in use"));
	assert_non_null(strstr(text, taken.data));
}

static void we_know_ourselves(void **state)
{
	struct transport *transport;
	struct hop hop;
	(void)state;
	world->far.listen[0] = SPAN("udp:0.0.0.0:0");
	world->far.listen[1] = SPAN("udp:[::1]:0");
	world->far.listen[2] = SPAN("tcp:[::]:0");
	world->far.settings.notifier.listen = (struct span_list){ world->far.listen, 3 };
	open_end(world, &world->far, "far");
	transport = world->far.transport;
	hop = hop_to(world, &world->far, SIP_UDP);
	unsigned port = ntohs(((struct sockaddr_in *)(void *)&hop.flow.address)->sin_port);
	assert_true(transport_is_ours(transport, SPAN("127.0.0.1"), port));
	assert_true(transport_is_ours(transport, SPAN("127.0.0.1"), 0));
	assert_true(transport_is_ours(transport, SPAN("::1"), 0));
	assert_false(transport_is_ours(transport, SPAN("127.0.0.1"), port ^ 1));
	assert_false(transport_is_ours(transport, SPAN("192.0.2.1"), 0));
	assert_false(transport_is_ours(transport, SPAN("2001:db8::1"), 0));
	assert_false(transport_is_ours(transport, SPAN("0.0.0.0"), 0));
	assert_false(transport_is_ours(transport, SPAN("example.com"), 0));
	assert_false(transport_is_ours(transport, SPAN(""), 0));
	struct sockaddr_in6 six = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };
	memcpy(&hop.flow.address, &six, sizeof(six));
	for (int kind = SIP_UDP; kind <= SIP_TCP; kind++) {
		hop.flow.transport = (enum sip_transport)kind;
		struct span text = transport_sent_by(transport, world->arena, &hop.flow);
		assert_true(span_starts(text, SPAN("[::1]:")));
	}
	hop.flow.transport = SIP_TLS;
	assert_null(transport_sent_by(transport, world->arena, &hop.flow).data);
	assert_true(transport_has(transport, SIP_UDP));
}

static void ipv6_carries_messages_too(void **state)
{
	struct sockaddr_in6 six = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };
	struct hop hop = { .flow = { .length = sizeof(six), .listener = SIZE_MAX } };
	(void)state;
	for (struct end *end = &world->near;; end = &world->far) {
		end->listen[0] = SPAN("udp:[::1]:0");
		end->listen[1] = SPAN("tcp:[::1]:0");
		end->settings.notifier.listen = (struct span_list){ end->listen, 2 };
		open_end(world, end, "far");
		if (end == &world->far)
			break;
	}
	for (size_t kind = SIP_UDP; kind <= SIP_TCP; kind++) {
		hop.flow.transport = (enum sip_transport)kind;
		memcpy(&hop.flow.address, &six, sizeof(six));
		struct span text = transport_sent_by(world->far.transport, world->arena, &hop.flow);
		assert_true(span_starts(text, SPAN("[::1]:")));
		((struct sockaddr_in6 *)(void *)&hop.flow.address)->sin6_port =
			htons((uint16_t)atoi(text.data + 6));
		assert_int_equal(
			send_one(&world->near, &hop, request(world, 1, 10)), TRANSPORT_SENT);
		run_until(world, &world->far.messages, kind + 1);
	}
}

/* --- from within --- */

static void free_at_once(struct end *end, const struct sip_flow *from, struct span octets)
{
	(void)from, (void)octets;
	transport_free(&end->transport);
}

static void free_when_closed(struct end *end)
{
	transport_free(&end->transport);
}

static void a_transport_may_be_freed_from_within_a_message(void **state)
{
	(void)state;
	world->far.on_message = free_at_once;
	for (int type = SOCK_STREAM; type <= SOCK_DGRAM; type++) {
		world->far.messages = 0;
		open_end(world, &world->far, "far");
		tcp = hop_to(world, &world->far, type == SOCK_STREAM ? SIP_TCP : SIP_UDP);
		int fd = dial(&tcp, type);
		say(fd, START "l: 0\r\n\r\n" START "l: 0\r\n\r\n" START "l");
		if (type == SOCK_DGRAM)
			say(fd, START "l: 0\r\n\r\n");
		run_until(world, &world->far.messages, 1);
		run_for(world, 20);
		assert_int_equal(world->far.messages, 1);
		assert_null(world->far.transport);
		close(fd);
	}
}

static void a_transport_may_be_freed_from_within_closed(void **state)
{
	(void)state;
	begin();
	world->far.on_closed = free_when_closed;
	int first = dial(&tcp, SOCK_STREAM), second = dial(&tcp, SOCK_STREAM);
	run_for(world, 10);
	close(first);
	close(second);
	run_until(world, &world->far.closed, 1);
	run_for(world, 20);
	assert_int_equal(world->far.closed, 1);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, prepare, clean_up)
	const struct CMUnitTest tests[] = {
		T(a_message_that_trickles_in_is_one_message),
		T(a_ping_is_answered_with_a_pong),
		T(what_is_no_sip_is_hung_up_on),
		T(half_a_message_waits_for_limits_timeout_and_silence_between_for_ever),
		T(past_limits_connections_the_idle_one_that_was_used_least_recently_goes),
		T(when_none_is_idle_the_newcomer_goes),
		T(one_address_has_its_own_limit),
		T(who_does_not_read_fills_a_bounded_queue_and_is_given_up),
		T(what_waits_for_all_together_is_bounded_but_each_may_be_told_something),
		T(a_slow_reader_gets_every_octet),
		T(without_file_descriptors_a_connection_waits_until_there_is_one),
		T(a_refused_connection_is_told),
		T(a_connection_that_does_not_stand_in_five_seconds_is_told),
		T(datagrams_that_say_nothing_and_long_ones_are_dropped),
		T(an_answer_leaves_by_the_socket_that_the_request_came_by),
		T(a_peer_that_is_gone_does_no_harm_to_a_socket),
		T(what_is_too_long_for_a_datagram_is_refused),
		T(listeners_that_cannot_be_are_told),
		T(we_know_ourselves),
		T(ipv6_carries_messages_too),
		T(a_transport_may_be_freed_from_within_a_message),
		T(a_transport_may_be_freed_from_within_closed),
	};
	return cmocka_run_group_tests(tests, make_certificates, remove_certificates);
}
