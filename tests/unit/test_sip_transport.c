/* links: notifier_core */
/* SPDX-License-Identifier: BSD-2-Clause */
/* Two ends on one loop, by loopback. */
#include "notifier/sip_transport.h"
#include "unit/sip_certificates.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <cmocka.h>

enum { MANY = 10000, WINDOW = 32, PATIENCE_MS = 20000 };

struct end {
	struct world *world;
	struct transport *transport;
	struct settings settings;
	struct span listen[4];
	size_t messages, closed;
	uint64_t last_closed;
	char why[128];
	struct sip_flow last_from;
	char last[256];
	void (*on_message)(struct end *end, const struct sip_flow *from, struct span octets);
	void (*on_closed)(struct end *end);
};

struct world {
	struct loop *loop;
	struct arena *arena;
	struct timer patience;
	struct end near, far;
	size_t sent, wanted;
	struct hop hop;
};

static char folder[64];

static void out_of_patience(void *context)
{
	struct world *world = context;
	fail_msg("nothing more happens: %zu near, %zu far, \"%s\", \"%s\"", world->near.messages,
		world->far.messages, world->near.why, world->far.why);
}

static void message(void *context, const struct sip_flow *from, struct span octets)
{
	struct end *end = context;
	end->messages++;
	end->last_from = *from;
	snprintf(end->last, sizeof(end->last), "%.*s", SPAN_ARG(octets));
	if (end->on_message)
		end->on_message(end, from, octets);
}

static void closed(void *context, uint64_t connection, const char *why)
{
	struct end *end = context;
	end->closed++;
	end->last_closed = connection;
	snprintf(end->why, sizeof(end->why), "%s", why);
	if (end->on_closed)
		end->on_closed(end);
}

static struct span in_folder(struct world *world, const char *name)
{
	return arena_format(world->arena, "%s/%s", folder, name);
}

static void open_end(struct world *world, struct end *end, const char *certificate)
{
	struct transport_events events = { message, closed, end };
	struct span names[2];
	end->world = world;
	names[0] = arena_format(world->arena, "%s.pem", certificate);
	names[1] = arena_format(world->arena, "%s.key", certificate);
	end->settings.notifier.tls_ca = in_folder(world, "ca.pem");
	end->settings.notifier.tls_certificate = in_folder(world, names[0].data);
	end->settings.notifier.tls_key = in_folder(world, names[1].data);
	end->settings.limits.sip_message = 64 * 1024;
	if (!end->settings.limits.connections)
		end->settings.limits.connections = 100;
	if (!end->settings.limits.connections_per_address)
		end->settings.limits.connections_per_address = 100;
	if (!end->settings.limits.timeout_ms)
		end->settings.limits.timeout_ms = 30000;
	if (!end->settings.notifier.listen.count) {
		end->listen[0] = SPAN("udp:127.0.0.1:0");
		end->listen[1] = SPAN("tcp:127.0.0.1:0");
		end->listen[2] = SPAN("tls:127.0.0.1:0");
		end->settings.notifier.listen = (struct span_list){ end->listen, 3 };
	}
	assert_true(transport_new(&end->transport, world->loop, &end->settings, &events, stderr));
}

static struct world *world_begin(void)
{
	struct world *world = calloc(1, sizeof(*world));
	assert_non_null(world);
	assert_true(loop_new(&world->loop));
	world->arena = arena_new(4096);
	world->patience = (struct timer){ .fire = out_of_patience, .context = world };
	timer_set(world->loop, &world->patience, loop_now(world->loop) + PATIENCE_MS);
	return world;
}

/* Both ends with what their settings say. */
static void world_open(struct world *world)
{
	open_end(world, &world->near, "near");
	open_end(world, &world->far, "far");
}

static void world_end(struct world *world)
{
	transport_free(&world->near.transport);
	transport_free(&world->far.transport);
	timer_stop(world->loop, &world->patience);
	loop_free(&world->loop);
	arena_free(&world->arena);
	free(world);
}

/* Where an end listens. */
static struct hop hop_to(struct world *world, struct end *end, enum sip_transport kind)
{
	struct hop hop = { .flow = { .transport = kind } };
	struct sockaddr_in *address = (void *)&hop.flow.address;
	address->sin_family = AF_INET;
	address->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	hop.flow.length = sizeof(*address);
	hop.flow.listener = SIZE_MAX;
	struct span text = transport_sent_by(end->transport, world->arena, &hop.flow);
	assert_true(span_starts(text, SPAN("127.0.0.1:")));
	address->sin_port = htons((uint16_t)atoi(text.data + 10));
	hop.tls_name = SPAN("far.example.com");
	hop.tls_verify = true;
	return hop;
}

static struct span request(struct world *world, size_t number, size_t body)
{
	struct buffer text = { .arena = world->arena };
	buffer_format(&text, "NOTIFY sip:a@b SIP/2.0\r\nCSeq: %zu NOTIFY\r\nl: %zu\r\n\r\n", number,
		body);
	for (size_t i = 0; i < body; i++)
		buffer_octet(&text, (char)('a' + i % 26));
	return buffer_span(&text);
}

static enum transport_result send_one(struct end *end, const struct hop *hop, struct span octets)
{
	struct sip_flow flow;
	const char *why = NULL;
	enum transport_result result = transport_send(end->transport, hop, octets, &flow, &why);
	if (result == TRANSPORT_REFUSED)
		snprintf(end->why, sizeof(end->why), "%s", why);
	return result;
}

/* --- ten thousand of them --- */

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

static int make_certificates(void **state)
{
	static const struct certificate_name near[] = {
		{ GNUTLS_SAN_DNSNAME, "near.example.com", 0 }, { 0, NULL, 0 }
	};
	static const struct certificate_name far[] = { { GNUTLS_SAN_DNSNAME, "far.example.com", 0 },
		{ GNUTLS_SAN_DNSNAME, "other.example.com", 0 }, { 0, NULL, 0 } };
	struct authority authority;
	(void)state;
	strcpy(folder, "/tmp/test-sip-transport-XXXXXX");
	assert_non_null(mkdtemp(folder));
	authority_begin(&authority, folder);
	gnutls_x509_crt_deinit(
		authority_issue(&authority, "near", "near", near, NULL, time(NULL) + 3600));
	gnutls_x509_crt_deinit(
		authority_issue(&authority, "far", "far", far, NULL, time(NULL) + 3600));
	gnutls_x509_crt_deinit(
		authority_issue(&authority, "old", "old", far, NULL, time(NULL) - 3600));
	authority_end(&authority);
	return 0;
}

static int remove_certificates(void **state)
{
	char command[128];
	(void)state;
	snprintf(command, sizeof(command), "rm -r %s", folder);
	return system(command);
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
