/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/log.h"
#include "notifier/sip_transport_private.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

enum { BUCKETS_LEAST = 1024, BUCKETS_MOST = 1 << 20, EVICTION_LOOKS = 16 };

static size_t bucket(const struct transport *transport, const void *octets, size_t size)
{
	uint64_t hash = transport->seed;
	for (size_t i = 0; i < size; i++)
		hash = (hash ^ ((const unsigned char *)octets)[i]) * 1099511628211u;
	return (hash ^ hash >> 32) & (transport->buckets - 1);
}

static struct connection_list *number_bucket(const struct transport *transport, uint64_t number)
{
	return &transport->by_number[number & (transport->buckets - 1)];
}

static struct connection_list *address_bucket(
	const struct transport *transport, const struct sockaddr_storage *address)
{
	struct in6_addr host = address_octets(address);
	unsigned char octets[sizeof(host) + 2];
	unsigned port = address_port(address);
	memcpy(octets, &host, sizeof(host));
	octets[sizeof(host)] = (unsigned char)(port >> 8);
	octets[sizeof(host) + 1] = (unsigned char)port;
	return &transport->by_address[bucket(transport, octets, sizeof(octets))];
}

static struct source_list *source_bucket(
	const struct transport *transport, const struct in6_addr *address)
{
	return &transport->sources[bucket(transport, address, sizeof(*address))];
}

bool connections_new(struct transport *transport)
{
	size_t wanted = transport->settings->limits.connections, buckets = BUCKETS_LEAST;
	while (buckets < wanted && buckets < BUCKETS_MOST)
		buckets *= 2;
	transport->buckets = buckets;
	transport->by_number = calloc(buckets, sizeof(*transport->by_number));
	transport->by_address = calloc(buckets, sizeof(*transport->by_address));
	transport->sources = calloc(buckets, sizeof(*transport->sources));
	TAILQ_INIT(&transport->by_use);
	TAILQ_INIT(&transport->doomed);
	LIST_INIT(&transport->dirty);
	if (getrandom(&transport->seed, sizeof(transport->seed), 0) < 0)
		transport->seed = (uint64_t)(uintptr_t)transport->by_number;
	return transport->by_number && transport->by_address && transport->sources;
}

static struct source *find_source(const struct transport *transport, const struct in6_addr *address)
{
	struct source *source;
	LIST_FOREACH(source, source_bucket(transport, address), link)
	if (memcmp(&source->address, address, sizeof(*address)) == 0)
		return source;
	return NULL;
}

bool connections_admits(struct transport *transport, const struct sockaddr_storage *address)
{
	const struct settings *settings = transport->settings;
	struct in6_addr octets = address_octets(address);
	const struct source *source = find_source(transport, &octets);
	return !source || source->count < settings->limits.connections_per_address
	       || network_list_holds(&settings->auth.trusted, CONST_SOCKADDR(address));
}

bool connection_count_source(struct connection *connection)
{
	struct transport *transport = connection->transport;
	struct in6_addr octets = address_octets(&connection->flow.address);
	struct source *source = find_source(transport, &octets);
	if (!source) {
		source = calloc(1, sizeof(*source));
		if (!source)
			return false;
		source->address = octets;
		LIST_INSERT_HEAD(source_bucket(transport, &octets), source, link);
	}
	source->count++;
	connection->source = source;
	return true;
}

static void leave_source(struct connection *connection)
{
	struct source *source = connection->source;
	connection->source = NULL;
	if (!source || --source->count)
		return;
	LIST_REMOVE(source, link);
	free(source);
}

bool connection_is_idle(const struct connection *connection)
{
	const struct transport *transport = connection->transport;
	return connection->state == OPEN && !connection->half_since && !connection->out.size
	       && connection->used + transport->settings->limits.timeout_ms
			  <= loop_now(transport->loop);
}

static bool make_room(struct transport *transport)
{
	struct connection *connection;
	size_t looks = 0;
	if (transport->count < transport->settings->limits.connections)
		return true;
	TAILQ_FOREACH(connection, &transport->by_use, by_use)
	{
		if (connection_is_idle(connection)) {
			connection_doom(connection, "closed to make room");
			return true;
		}
		if (++looks == EVICTION_LOOKS)
			break;
	}
	return false;
}

struct connection *connections_add(struct transport *transport, const struct hop *to, bool outgoing)
{
	if (!make_room(transport))
		return NULL;
	struct connection *connection = calloc(1, sizeof(*connection));
	if (!connection)
		return NULL;
	if (outgoing && to->tls_name.size) {
		connection->name = strndup(to->tls_name.data, to->tls_name.size);
		if (!connection->name) {
			free(connection);
			return NULL;
		}
	}
	connection->transport = transport;
	connection->outgoing = outgoing;
	connection->verify = outgoing && to->tls_verify;
	connection->flow = to->flow;
	connection->flow.connection = ++transport->last_number;
	connection->watch.fd = -1;
	connection->used = connection->since = loop_now(transport->loop);
	LIST_INSERT_HEAD(
		number_bucket(transport, connection->flow.connection), connection, by_number);
	LIST_INSERT_HEAD(
		address_bucket(transport, &connection->flow.address), connection, by_address);
	TAILQ_INSERT_TAIL(&transport->by_use, connection, by_use);
	transport->count++;
	return connection;
}

struct connection *connection_by_number(const struct transport *transport, uint64_t number)
{
	struct connection *connection;
	LIST_FOREACH(connection, number_bucket(transport, number), by_number)
	if (connection->flow.connection == number)
		return connection;
	return NULL;
}

/* Whom a connection was verified for it serves alone; who asks for no verification takes any. */
static bool serves(const struct connection *connection, const struct hop *to)
{
	if (connection->flow.transport != to->flow.transport
		|| !address_same(&connection->flow.address, &to->flow.address))
		return false;
	if (to->flow.transport != SIP_TLS || !to->tls_verify)
		return true;
	return connection->verify
	       && (connection->name ? span_equal_nocase(span_of(connection->name), to->tls_name)
				    : !to->tls_name.size);
}

struct connection *connection_by_address(const struct transport *transport, const struct hop *to)
{
	struct connection *connection;
	LIST_FOREACH(connection, address_bucket(transport, &to->flow.address), by_address)
	if (serves(connection, to))
		return connection;
	return NULL;
}

void connections_used(struct connection *connection)
{
	struct transport *transport = connection->transport;
	connection->used = loop_now(transport->loop);
	TAILQ_REMOVE(&transport->by_use, connection, by_use);
	TAILQ_INSERT_TAIL(&transport->by_use, connection, by_use);
}

void connection_doom(struct connection *connection, const char *why)
{
	struct transport *transport = connection->transport;
	if (connection->doomed)
		return;
	connection->doomed = true;
	connection->why = why;
	if (connection->dirty)
		LIST_REMOVE(connection, dirty_link);
	LIST_REMOVE(connection, by_number);
	LIST_REMOVE(connection, by_address);
	TAILQ_REMOVE(&transport->by_use, connection, by_use);
	TAILQ_INSERT_TAIL(&transport->doomed, connection, by_use);
	transport->count--;
	leave_source(connection);
	timer_stop(transport->loop, &connection->timer);
	loop_unwatch(transport->loop, &connection->watch);
	sip_tls_end(&connection->tls);
	if (connection->watch.fd >= 0)
		close(connection->watch.fd);
	connection->watch.fd = -1;
	loop_post(transport->loop, &transport->bury);
}

static void bury(struct connection *connection)
{
	TAILQ_REMOVE(&connection->transport->doomed, connection, by_use);
	octets_free(&connection->in);
	octets_free(&connection->out);
	free(connection->name);
	free(connection);
}

static void tell_log(const struct connection *connection)
{
	char address[ADDRESS_TEXT_MOST];
	if (!log_wants(LEVEL_DEBUG))
		return;
	address_print(&connection->flow.address, address);
	log_event(LEVEL_DEBUG, "sip", "the connection %s %s is closed: %s",
		connection->outgoing ? "to" : "from", address, connection->why);
}

void connections_bury(void *context)
{
	struct transport *transport = context;
	struct connection *connection;
	transport_enter(transport);
	while (!transport->dead && (connection = TAILQ_FIRST(&transport->doomed))) {
		uint64_t number = connection->flow.connection;
		const char *why = connection->why;
		tell_log(connection);
		bury(connection);
		transport->events.closed(transport->events.context, number, why);
	}
	transport_leave(transport);
}

void connections_free(struct transport *transport)
{
	struct connection *connection;
	while ((connection = TAILQ_FIRST(&transport->by_use)))
		connection_doom(connection, "");
	while ((connection = TAILQ_FIRST(&transport->doomed)))
		bury(connection);
	loop_unpost(transport->loop, &transport->bury);
	free(transport->by_number);
	free(transport->by_address);
	free(transport->sources);
}
