/* SPDX-License-Identifier: BSD-2-Clause */
/* Two ends on one loop, by loopback, and plain sockets that speak to them. */
#ifndef XCAPD_TESTS_SIP_TRANSPORT_WORLD_H
#define XCAPD_TESTS_SIP_TRANSPORT_WORLD_H

#include "notifier/sip_transport.h"
#include "unit/sip_certificates.h"

#include <arpa/inet.h>
#include <errno.h>
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

enum { PATIENCE_MS = 20000 };

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

static inline void out_of_patience(void *context)
{
	struct world *world = context;
	fail_msg("nothing more happens: %zu near, %zu far, \"%s\", \"%s\"", world->near.messages,
		world->far.messages, world->near.why, world->far.why);
}

static inline void message(void *context, const struct sip_flow *from, struct span octets)
{
	struct end *end = context;
	end->messages++;
	end->last_from = *from;
	snprintf(end->last, sizeof(end->last), "%.*s", SPAN_ARG(octets));
	if (end->on_message)
		end->on_message(end, from, octets);
}

static inline void closed(void *context, uint64_t connection, const char *why)
{
	struct end *end = context;
	end->closed++;
	end->last_closed = connection;
	snprintf(end->why, sizeof(end->why), "%s", why);
	if (end->on_closed)
		end->on_closed(end);
}

static inline struct span in_folder(struct world *world, const char *name)
{
	return arena_format(world->arena, "%s/%s", folder, name);
}

static inline void open_end(struct world *world, struct end *end, const char *certificate)
{
	struct transport_events events = { message, closed, end };
	struct span names[2];
	end->world = world;
	names[0] = arena_format(world->arena, "%s.pem", certificate);
	names[1] = arena_format(world->arena, "%s.key", certificate);
	end->settings.notifier.tls_ca = in_folder(world, "ca.pem");
	end->settings.notifier.tls_certificate = in_folder(world, names[0].data);
	end->settings.notifier.tls_key = in_folder(world, names[1].data);
	if (!end->settings.limits.sip_message)
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

static inline struct world *world_begin(void)
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
static inline void world_open(struct world *world)
{
	open_end(world, &world->near, "near");
	open_end(world, &world->far, "far");
}

static inline void world_end(struct world *world)
{
	transport_free(&world->near.transport);
	transport_free(&world->far.transport);
	timer_stop(world->loop, &world->patience);
	loop_free(&world->loop);
	arena_free(&world->arena);
	free(world);
}

static inline void stop_soon(void *context)
{
	loop_stop(context);
}

/* Lets the loop run for that long. */
static inline void run_for(struct world *world, uint64_t milliseconds)
{
	struct timer timer = { .fire = stop_soon, .context = world->loop };
	timer_set(world->loop, &timer, loop_now(world->loop) + milliseconds);
	assert_true(loop_run(world->loop));
}

/* Lets it run until the counter is there. */
static inline void run_until(struct world *world, const size_t *counter, size_t wanted)
{
	while (*counter < wanted)
		run_for(world, 5);
}

/* A plain socket, connected to an end by TCP or by UDP. */
static inline int dial(const struct hop *to, int type)
{
	int fd = socket(to->flow.address.ss_family, type | SOCK_CLOEXEC, 0);
	assert_true(fd >= 0);
	assert_int_equal(connect(fd, (const void *)&to->flow.address, to->flow.length), 0);
	return fd;
}

static inline void say(int fd, const char *text)
{
	assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
}

/* Has the other side closed it? */
static inline bool hung_up(int fd)
{
	char octets[64];
	ssize_t got = recv(fd, octets, sizeof(octets), MSG_DONTWAIT);
	return got == 0 || (got < 0 && errno != EAGAIN);
}

/* Where an end listens. */
static inline struct hop hop_to(struct world *world, struct end *end, enum sip_transport kind)
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

static inline struct span request(struct world *world, size_t number, size_t body)
{
	struct buffer text = { .arena = world->arena };
	buffer_format(&text, "NOTIFY sip:a@b SIP/2.0\r\nCSeq: %zu NOTIFY\r\nl: %zu\r\n\r\n", number,
		body);
	for (size_t i = 0; i < body; i++)
		buffer_octet(&text, (char)('a' + i % 26));
	return buffer_span(&text);
}

static inline enum transport_result send_one(
	struct end *end, const struct hop *hop, struct span octets)
{
	struct sip_flow flow;
	const char *why = NULL;
	enum transport_result result = transport_send(end->transport, hop, octets, &flow, &why);
	if (result == TRANSPORT_REFUSED)
		snprintf(end->why, sizeof(end->why), "%s", why);
	return result;
}

static inline void issue(struct authority *authority, const char *name,
	const struct certificate_name *names, const char *purpose, time_t lasts)
{
	gnutls_x509_crt_deinit(
		authority_issue(authority, name, name, names, purpose, time(NULL) + lasts));
}

/* near and far are good; old, stranger and client are not. */
static inline int make_certificates(void **state)
{
	static const struct certificate_name near[] = {
		{ GNUTLS_SAN_DNSNAME, "near.example.com", 0 }, { 0, NULL, 0 }
	};
	static const struct certificate_name far[] = { { GNUTLS_SAN_DNSNAME, "far.example.com", 0 },
		{ GNUTLS_SAN_DNSNAME, "other.example.com", 0 }, { 0, NULL, 0 } };
	struct authority stranger, authority;
	(void)state;
	strcpy(folder, "/tmp/test-sip-transport-XXXXXX");
	assert_non_null(mkdtemp(folder));
	authority_begin(&stranger, folder, "stranger");
	issue(&stranger, "stranger", far, NULL, 3600);
	authority_end(&stranger);
	authority_begin(&authority, folder, "authority");
	issue(&authority, "near", near, NULL, 3600);
	issue(&authority, "far", far, GNUTLS_KP_TLS_WWW_SERVER, 3600);
	issue(&authority, "old", far, NULL, -3600);
	issue(&authority, "client", far, GNUTLS_KP_TLS_WWW_CLIENT, 3600);
	authority_end(&authority);
	return 0;
}

static inline int remove_certificates(void **state)
{
	char command[128];
	(void)state;
	snprintf(command, sizeof(command), "rm -r %s", folder);
	return system(command);
}

#endif
