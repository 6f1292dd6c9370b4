/* links: notifier_core */
/* SPDX-License-Identifier: BSD-2-Clause */
/* A small name server in a thread answers from a table. */
#include "notifier/sip_resolve.h"

#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

enum { A = 1, AAAA = 28, SRV = 33, NAPTR = 35 };

struct row {
	const char *name;
	int type;
	unsigned first, second, port; /* as in SRV and NAPTR */
	const char *text;             /* address, host; NAPTR: "service replacement" */
	unsigned ttl;
};

static const struct row zone[] = {
	/* all three steps */
	{ "naptr.test", NAPTR, 20, 10, 0, "SIP+D2U _sip._udp.naptr.test", 60 },
	{ "naptr.test", NAPTR, 10, 20, 0, "SIP+D2T tcp.naptr.test", 60 },
	{ "naptr.test", NAPTR, 10, 10, 0, "SIPS+D2T _sips._tcp.naptr.test", 60 },
	{ "naptr.test", NAPTR, 1, 1, 0, "E2U+sip elsewhere.test", 60 },
	{ "_sip._udp.naptr.test", SRV, 0, 0, 5070, "one.test", 60 },
	{ "tcp.naptr.test", SRV, 0, 0, 5071, "one.test", 60 },
	{ "_sips._tcp.naptr.test", SRV, 0, 0, 5072, "two.test", 60 },
	{ "one.test", A, 0, 0, 0, "192.0.2.1", 60 },
	{ "two.test", A, 0, 0, 0, "192.0.2.2", 60 },
	{ "two.test", AAAA, 0, 0, 0, "2001:db8::2", 60 },
	/* no NAPTR */
	{ "_sip._udp.srv.test", SRV, 20, 0, 5082, "two.test", 60 },
	{ "_sip._udp.srv.test", SRV, 10, 0, 5081, "one.test", 60 },
	{ "_sip._tcp.srv.test", SRV, 5, 0, 5083, "one.test", 60 },
	{ "_sips._tcp.srv.test", SRV, 5, 0, 5084, "one.test", 60 },
	/* weights */
	{ "_sip._udp.weight.test", SRV, 1, 1, 1001, "one.test", 60 },
	{ "_sip._udp.weight.test", SRV, 1, 3, 1003, "one.test", 60 },
	{ "_sip._udp.weight.test", SRV, 1, 0, 1000, "one.test", 60 },
	/* decidedly none */
	{ "_sip._udp.closed.test", SRV, 0, 0, 0, "", 60 },
	{ "_sip._tcp.closed.test", SRV, 0, 0, 0, "", 60 },
	{ "closed.test", A, 0, 0, 0, "192.0.2.9", 60 },
	{ "short.test", A, 0, 0, 0, "192.0.2.3", 1 },
};

struct server {
	int fd;
	pthread_t thread;
	atomic_bool stop;
	atomic_uint asked;
	char where[32];
};

struct wire {
	unsigned char octets[4096];
	size_t size;
};

static struct server server;

static void put(struct wire *wire, unsigned value, size_t octets)
{
	while (octets--)
		wire->octets[wire->size++] = (unsigned char)(value >> 8 * octets);
}

static void put_name(struct wire *wire, const char *name)
{
	while (*name) {
		size_t size = strcspn(name, ".");
		put(wire, (unsigned)size, 1);
		memcpy(wire->octets + wire->size, name, size);
		wire->size += size;
		name += size + (name[size] == '.');
	}
	put(wire, 0, 1);
}

static void put_string(struct wire *wire, const char *text, size_t size)
{
	put(wire, (unsigned)size, 1);
	memcpy(wire->octets + wire->size, text, size);
	wire->size += size;
}

static void put_data(struct wire *wire, const struct row *row)
{
	size_t space = strcspn(row->text, " ");
	if (row->type == A)
		wire->size += inet_pton(AF_INET, row->text, wire->octets + wire->size) == 1 ? 4 : 0;
	if (row->type == AAAA)
		wire->size +=
			inet_pton(AF_INET6, row->text, wire->octets + wire->size) == 1 ? 16 : 0;
	if (row->type == SRV || row->type == NAPTR) {
		put(wire, row->first, 2);
		put(wire, row->second, 2);
	}
	if (row->type == SRV) {
		put(wire, row->port, 2);
		put_name(wire, row->text);
	}
	if (row->type == NAPTR) {
		put_string(wire, "s", 1);
		put_string(wire, row->text, space);
		put_string(wire, "", 0);
		put_name(wire, row->text + space + 1);
	}
}

static void put_row(struct wire *wire, const struct row *row)
{
	put(wire, 0xC00C, 2);
	put(wire, (unsigned)row->type, 2);
	put(wire, 1, 2);
	put(wire, row->ttl, 4);
	size_t length = wire->size;
	put(wire, 0, 2);
	put_data(wire, row);
	size_t size = wire->size - length - 2;
	wire->octets[length] = (unsigned char)(size >> 8);
	wire->octets[length + 1] = (unsigned char)size;
}

/* The name asked for; its type follows the name. */
static int read_question(const unsigned char *octets, char *name, size_t *end)
{
	size_t at = 12, size = 0;
	while (octets[at]) {
		memcpy(name + size, octets + at + 1, octets[at]);
		size += octets[at];
		name[size++] = '.';
		at += octets[at] + 1u;
	}
	name[size ? size - 1 : 0] = '\0';
	*end = at + 5;
	return octets[at + 1] << 8 | octets[at + 2];
}

static void spoil(struct wire *wire, unsigned seed)
{
	for (size_t i = 12; i < wire->size; i++)
		if (rand_r(&seed) % 8 == 0)
			wire->octets[i] = (unsigned char)rand_r(&seed);
	if (seed % 3 == 0)
		wire->size = 12 + seed % (unsigned)(wire->size - 12);
}

/* What to say of a name: nothing of "silent", nonsense of "broken", 2 of "failing". */
static bool answer(struct wire *wire, const unsigned char *question, unsigned number)
{
	char name[300];
	size_t end;
	int type = read_question(question, name, &end);
	unsigned count = 0;
	bool known = false;
	memcpy(wire->octets, question, end);
	wire->size = end;
	const char *asked = strncmp(name, "broken", 6) == 0 ? "two.test" : name;
	const char *many = strncmp(name, "many-", 5) == 0 ? "one.test" : asked;
	for (size_t i = 0; i < sizeof(zone) / sizeof(*zone); i++) {
		if (strcasecmp(zone[i].name, many) != 0)
			continue;
		known = true;
		if (zone[i].type == type) {
			put_row(wire, &zone[i]);
			count++;
		}
	}
	unsigned code = strstr(name, "failing") ? 2 : known ? 0 : 3;
	wire->octets[2] = 0x85;
	wire->octets[3] = (unsigned char)(0x80 | code);
	memset(wire->octets + 6, 0, 6);
	wire->octets[7] = (unsigned char)count;
	if (asked != name)
		spoil(wire, number);
	return !strstr(name, "silent");
}

static void *serve(void *context)
{
	(void)context;
	while (!server.stop) {
		struct pollfd wait = { server.fd, POLLIN, 0 };
		unsigned char question[1024] = { 0 };
		struct sockaddr_in from;
		socklen_t length = sizeof(from);
		struct wire wire;
		if (poll(&wait, 1, 20) <= 0)
			continue;
		if (recvfrom(server.fd, question, 600, 0, (void *)&from, &length) < 12)
			continue;
		server.asked++;
		if (answer(&wire, question, server.asked))
			sendto(server.fd, wire.octets, wire.size, 0, (void *)&from, length);
	}
	return NULL;
}

static int server_begin(void **state)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	socklen_t length = sizeof(address);
	(void)state;
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	server.fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(server.fd, (void *)&address, sizeof(address)), 0);
	assert_int_equal(getsockname(server.fd, (void *)&address, &length), 0);
	snprintf(server.where, sizeof(server.where), "127.0.0.1:%u", ntohs(address.sin_port));
	return pthread_create(&server.thread, NULL, serve, NULL);
}

static int server_end(void **state)
{
	(void)state;
	server.stop = true;
	pthread_join(server.thread, NULL);
	close(server.fd);
	return 0;
}

/* --- one question --- */

struct world {
	struct loop *loop;
	struct resolver *resolver;
	size_t answers;
	size_t wanted;
	char text[512]; /* "udp 192.0.2.1:5060, .." or why not */
};

static struct world *world_begin(void)
{
	struct world *world = calloc(1, sizeof(*world));
	assert_non_null(world);
	assert_true(loop_new(&world->loop));
	assert_true(resolver_new(&world->resolver, world->loop));
	assert_true(resolver_servers(world->resolver, server.where));
	return world;
}

static void world_end(struct world *world)
{
	resolver_free(&world->resolver);
	loop_free(&world->loop);
	free(world);
}

static void done(void *context, const struct resolved *addresses, size_t count, const char *why)
{
	static const char *const names[] = { "udp", "tcp", "tls" };
	struct world *world = context;
	size_t size = 0;
	world->text[0] = '\0';
	for (size_t i = 0; i < count; i++) {
		char host[INET6_ADDRSTRLEN];
		const struct sockaddr_in *v4 = (const void *)&addresses[i].address;
		const struct sockaddr_in6 *v6 = (const void *)&addresses[i].address;
		bool six = v4->sin_family == AF_INET6;
		assert_int_equal(addresses[i].length, six ? sizeof(*v6) : sizeof(*v4));
		inet_ntop(v4->sin_family,
			six ? (const void *)&v6->sin6_addr : (const void *)&v4->sin_addr, host,
			sizeof(host));
		size += (size_t)snprintf(world->text + size, sizeof(world->text) - size,
			"%s%s %s:%u", i ? ", " : "", names[addresses[i].transport], host,
			ntohs(v4->sin_port));
	}
	if (!count)
		snprintf(world->text, sizeof(world->text), "%s", why);
	if (++world->answers >= world->wanted)
		loop_stop(world->loop);
}

static struct resolve_wish wish_of(const char *text)
{
	static char host[300];
	struct resolve_wish wish = { .has = { true, true, true } };
	struct span rest = span_of(text);
	wish.secure = span_starts(rest, SPAN("sips:"));
	wish.big = span_ends(rest, SPAN(" big"));
	span_cut(&rest, ':');
	rest = span_cut(&rest, ' ');
	struct span place = span_cut(&rest, ';');
	if (rest.data) {
		span_cut(&rest, '=');
		wish.transport = rest;
	}
	if (span_starts(place, SPAN("["))) {
		place = span_from(place, 1);
		wish.host = span_cut(&place, ']');
		place = span_from(place, 1);
	} else {
		wish.host = span_cut(&place, ':');
	}
	snprintf(host, sizeof(host), "%.*s", SPAN_ARG(wish.host));
	wish.host = span_of(host);
	wish.port = place.size ? (unsigned)atoi(place.data) : 0;
	return wish;
}

static const char *look_up(struct world *world, const char *uri)
{
	struct resolve_wish wish = wish_of(uri);
	size_t before = world->answers;
	world->wanted = before + 1;
	assert_non_null(resolve(world->resolver, &wish, done, world));
	assert_int_equal(world->answers, before);
	memset((void *)(uintptr_t)wish.host.data, 'x', wish.host.size);
	assert_true(loop_run(world->loop));
	return world->text;
}

static void uris_lead_to_addresses_as_rfc_3263_says(void **state)
{
	static const char *const table[][2] = {
		/* literal */
		{ "sip:192.0.2.7", "udp 192.0.2.7:5060" },
		{ "sip:192.0.2.7:5070", "udp 192.0.2.7:5070" },
		{ "sip:192.0.2.7 big", "tcp 192.0.2.7:5060, udp 192.0.2.7:5060" },
		{ "sip:192.0.2.7;transport=tcp", "tcp 192.0.2.7:5060" },
		{ "sip:192.0.2.7;transport=UDP big", "udp 192.0.2.7:5060" },
		{ "sip:192.0.2.7;transport=tls", "tls 192.0.2.7:5061" },
		{ "sip:[2001:db8::7]:5070;transport=tcp", "tcp 2001:db8::7:5070" },
		{ "sips:192.0.2.7", "tls 192.0.2.7:5061" },
		{ "sips:192.0.2.7:5070;transport=tcp", "tls 192.0.2.7:5070" },
		{ "sips:192.0.2.7;transport=udp", "no transport that we can speak" },
		{ "sip:192.0.2.7;transport=sctp", "no transport that we can speak" },
		/* all steps */
		{ "sip:naptr.test", "tls 192.0.2.2:5072, tls 2001:db8::2:5072, "
				    "tcp 192.0.2.1:5071, udp 192.0.2.1:5070" },
		{ "sips:naptr.test", "tls 192.0.2.2:5072, tls 2001:db8::2:5072" },
		/* short cuts */
		{ "sip:naptr.test;transport=udp", "udp 192.0.2.1:5070" },
		{ "sip:one.test:5099", "udp 192.0.2.1:5099" },
		{ "sip:ONE.test:5099 big", "tcp 192.0.2.1:5099, udp 192.0.2.1:5099" },
		{ "sip:one.test:5099;transport=tcp", "tcp 192.0.2.1:5099" },
		{ "sips:two.test:5099", "tls 192.0.2.2:5099, tls 2001:db8::2:5099" },
		/* no NAPTR */
		{ "sip:srv.test", "udp 192.0.2.1:5081, udp 192.0.2.2:5082, "
				  "udp 2001:db8::2:5082, tcp 192.0.2.1:5083" },
		{ "sip:srv.test big", "tcp 192.0.2.1:5083, udp 192.0.2.1:5081, "
				      "udp 192.0.2.2:5082, udp 2001:db8::2:5082" },
		{ "sip:srv.test;transport=tcp", "tcp 192.0.2.1:5083" },
		{ "sips:srv.test", "tls 192.0.2.1:5084" },
		/* neither */
		{ "sip:two.test", "udp 192.0.2.2:5060, udp 2001:db8::2:5060" },
		{ "sip:one.test big", "tcp 192.0.2.1:5060, udp 192.0.2.1:5060" },
		{ "sips:one.test", "tls 192.0.2.1:5061" },
		{ "sip:localhost:5070;transport=udp", "udp 127.0.0.1:5070" },
		/* nothing */
		{ "sip:closed.test", "that domain offers no SIP we can speak" },
		{ "sip:nowhere.test", "no such host" },
		{ "sip:failing.test:5060", "the name servers have no answer" },
		{ "sip:a%b", "no host name" },
		{ "sip:", "no host name" },
	};
	struct world *world = world_begin();
	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		const char *text = look_up(world, table[i][0]);
		if (strncmp(table[i][0], "sip:localhost", 13) == 0)
			assert_non_null(strstr(text, "127.0.0.1:5070"));
		else if (strcmp(text, table[i][1]) != 0)
			fail_msg("%s: %s, not %s", table[i][0], text, table[i][1]);
	}
	world_end(world);
}

static void long_names_are_names_of_nothing(void **state)
{
	struct world *world = world_begin();
	char uri[400];
	(void)state;
	for (int size = 240; size <= 260; size++) {
		snprintf(uri, sizeof(uri), "sip:%0*d.test;transport=udp", size - 5, 0);
		const char *text = look_up(world, uri);
		assert_string_equal(
			text, size > 255 ? "no host name" : "the name servers have no answer");
	}
	world_end(world);
}

static void what_we_cannot_speak_is_not_offered(void **state)
{
	struct world *world = world_begin();
	struct resolve_wish wish = wish_of("sip:naptr.test");
	(void)state;
	wish.has[SIP_TLS] = wish.has[SIP_UDP] = false;
	world->wanted = 1;
	assert_non_null(resolve(world->resolver, &wish, done, world));
	assert_true(loop_run(world->loop));
	assert_string_equal(world->text, "tcp 192.0.2.1:5071");
	world_end(world);
}

static void weights_share_the_load(void **state)
{
	struct world *world = world_begin();
	size_t first_is_heavy = 0, first_is_none = 0;
	(void)state;
	for (int i = 0; i < 1000; i++) {
		const char *text = look_up(world, "sip:weight.test;transport=udp");
		first_is_heavy += strncmp(text, "udp 192.0.2.1:1003", 18) == 0;
		first_is_none += strncmp(text, "udp 192.0.2.1:1000", 18) == 0;
		assert_int_equal(strlen(text), 3 * 18 + 4);
	}
	/* 750 on average; 650..850 is more than seven standard deviations */
	assert_in_range(first_is_heavy, 650, 850);
	assert_in_range(first_is_none, 0, 50);
	world_end(world);
}

static void an_answer_is_asked_for_once_while_it_holds(void **state)
{
	struct world *world = world_begin();
	(void)state;
	look_up(world, "sip:naptr.test");
	unsigned asked = server.asked;
	look_up(world, "sip:Naptr.test");
	assert_int_equal(server.asked, asked);
	look_up(world, "sip:nowhere.test:5060");
	asked = server.asked;
	assert_string_equal(look_up(world, "sip:nowhere.test:5060"), "no such host");
	assert_int_equal(server.asked, asked);
	look_up(world, "sip:short.test:5060");
	asked = server.asked;
	struct timespec while_it_ends = { 1, 100 * 1000 * 1000 };
	nanosleep(&while_it_ends, NULL);
	look_up(world, "sip:192.0.2.1");
	assert_string_equal(look_up(world, "sip:short.test:5060"), "udp 192.0.2.3:5060");
	assert_true(server.asked > asked);
	world_end(world);
}

static void many_who_ask_the_same_at_once_share_a_question(void **state)
{
	struct world *world = world_begin();
	struct resolve_wish wish = wish_of("sip:one.test:5060");
	unsigned asked = server.asked;
	(void)state;
	world->wanted = 100;
	for (int i = 0; i < 100; i++)
		assert_non_null(resolve(world->resolver, &wish, done, world));
	assert_true(loop_run(world->loop));
	assert_int_equal(world->answers, 100);
	assert_true(server.asked <= asked + 2);
	world_end(world);
}

static void silence_ends_in_about_five_seconds(void **state)
{
	struct world *world = world_begin();
	struct timespec before, after;
	(void)state;
	clock_gettime(CLOCK_MONOTONIC, &before);
	assert_string_equal(look_up(world, "sip:silent.test"), "the name servers do not answer");
	clock_gettime(CLOCK_MONOTONIC, &after);
	assert_in_range(after.tv_sec - before.tv_sec, 4, 6);
	world_end(world);
}

static void what_was_forgotten_is_not_told(void **state)
{
	struct world *world = world_begin();
	struct resolve_wish wish = wish_of("sip:silent.test");
	struct resolution *one = resolve(world->resolver, &wish, done, world);
	struct resolution *two = resolve(world->resolver, &wish, done, world);
	struct resolution *three;
	(void)state;
	resolve_forget(&one);
	assert_null(one);
	look_up(world, "sip:one.test:5060");
	assert_int_equal(world->answers, 1);
	resolve_forget(&two);
	three = resolve(world->resolver, &wish, done, world);
	assert_non_null(three);
	look_up(world, "sip:two.test:5060");
	assert_int_equal(world->answers, 2);
	world_end(world);
}

static void note(void *context, const struct resolved *addresses, size_t count, const char *why)
{
	(void)addresses;
	assert_true(count || why);
	*(bool *)context = true;
}

static void broken_answers_are_no_answers(void **state)
{
	struct world *world = world_begin();
	char uri[64];
	(void)state;
	for (int i = 0; i < 200; i++) {
		snprintf(uri, sizeof(uri), "sip:broken-%d.test:5060", i);
		struct resolve_wish wish = wish_of(uri);
		bool over = false;
		struct resolution *one = resolve(world->resolver, &wish, note, &over);
		snprintf(uri, sizeof(uri), "sip:many-%d.test:5060", i);
		look_up(world, uri);
		if (!over)
			resolve_forget(&one);
	}
	assert_string_equal(look_up(world, "sip:one.test:5060"), "udp 192.0.2.1:5060");
	world_end(world);
}

static void thousands_of_names_do_not_pile_up(void **state)
{
	struct world *world = world_begin();
	char uri[64];
	(void)state;
	for (int i = 0; i < 3000; i++) {
		snprintf(uri, sizeof(uri), "sip:many-%d.test:5060", i);
		assert_string_equal(look_up(world, uri), "udp 192.0.2.1:5060");
	}
	unsigned asked = server.asked;
	look_up(world, uri);
	assert_int_equal(server.asked, asked);
	look_up(world, "sip:many-0.test:5060");
	assert_true(server.asked > asked);
	world_end(world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(uris_lead_to_addresses_as_rfc_3263_says),
		cmocka_unit_test(long_names_are_names_of_nothing),
		cmocka_unit_test(what_we_cannot_speak_is_not_offered),
		cmocka_unit_test(weights_share_the_load),
		cmocka_unit_test(an_answer_is_asked_for_once_while_it_holds),
		cmocka_unit_test(many_who_ask_the_same_at_once_share_a_question),
		cmocka_unit_test(silence_ends_in_about_five_seconds),
		cmocka_unit_test(what_was_forgotten_is_not_told),
		cmocka_unit_test(broken_answers_are_no_answers),
		cmocka_unit_test(thousands_of_names_do_not_pile_up),
	};
	return cmocka_run_group_tests(tests, server_begin, server_end);
}
