/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/log.h"
#include "base/owner.h"
#include "notifier/sip_transport_private.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

enum { EVICTION_LOOKS = 16 };

static uint64_t hash_of(const struct transport *transport, const void *octets, size_t size)
{
	return text_hash(transport->secret, (struct span){ octets, size });
}

static uint64_t address_hash(
	const struct transport *transport, const struct sockaddr_storage *address)
{
	struct {
		struct in6_addr host;
		uint32_t port;
	} key = { address_octets(address), address_port(address) };
	return hash_of(transport, &key, sizeof(key));
}

bool connections_new(struct transport *transport)
{
	TAILQ_INIT(&transport->by_use);
	TAILQ_INIT(&transport->doomed);
	LIST_INIT(&transport->dirty);
	if (getrandom(transport->secret, sizeof(transport->secret), 0) < 0)
		return false;
	return table_ready(&transport->by_number) && table_ready(&transport->by_address)
	       && table_ready(&transport->sources);
}

static struct source *find_source(const struct transport *transport, const struct in6_addr *address)
{
	struct table_node *node =
		table_find(&transport->sources, hash_of(transport, address, sizeof(*address)));
	for (; node; node = table_again(node)) {
		struct source *source = OWNER_OF(struct source, node, node);
		if (memcmp(&source->address, address, sizeof(*address)) == 0)
			return source;
	}
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
		table_add(&transport->sources, &source->node,
			hash_of(transport, &octets, sizeof(octets)));
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
	table_remove(&connection->transport->sources, &source->node);
	free(source);
}

static bool is_idle(const struct connection *connection)
{
	const struct transport *transport = connection->transport;
	return connection->state == OPEN && !connection->half_since && !connection->out.size
	       && connection->used + transport->settings->limits.timeout_ms
			  <= loop_now(transport->loop);
}

static bool make_room(struct transport *transport)
{
	struct connection *connection = TAILQ_FIRST(&transport->by_use);
	if (transport->by_number.count < transport->settings->limits.connections)
		return true;
	for (int i = 0; connection && !is_idle(connection); i++)
		connection = i < EVICTION_LOOKS ? TAILQ_NEXT(connection, by_use) : NULL;
	if (connection)
		connection_doom(connection, "closed to make room");
	return connection;
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
	table_add(&transport->by_number, &connection->number_node, connection->flow.connection);
	table_add(&transport->by_address, &connection->address_node,
		address_hash(transport, &connection->flow.address));
	TAILQ_INSERT_TAIL(&transport->by_use, connection, by_use);
	return connection;
}

struct connection *connection_by_number(const struct transport *transport, uint64_t number)
{
	struct table_node *node = table_find(&transport->by_number, number);
	return node ? OWNER_OF(struct connection, number_node, node) : NULL;
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
	struct table_node *node =
		table_find(&transport->by_address, address_hash(transport, &to->flow.address));
	for (; node; node = table_again(node)) {
		struct connection *connection = OWNER_OF(struct connection, address_node, node);
		if (serves(connection, to))
			return connection;
	}
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
	table_remove(&transport->by_number, &connection->number_node);
	table_remove(&transport->by_address, &connection->address_node);
	TAILQ_REMOVE(&transport->by_use, connection, by_use);
	TAILQ_INSERT_TAIL(&transport->doomed, connection, by_use);
	leave_source(connection);
	stream_unqueue(connection, connection->out.size);
	timer_stop(transport->loop, &connection->timer);
	loop_unwatch(transport->loop, &connection->watch);
	sip_tls_end(&connection->tls);
	if (connection->watch.fd >= 0)
		close(connection->watch.fd);
	connection->watch.fd = -1;
	loop_post(transport->loop, &transport->bury);
}

static void bury(struct transport *transport, struct connection *connection)
{
	TAILQ_REMOVE(&transport->doomed, connection, by_use);
	assert(TAILQ_FIRST(&transport->doomed) != connection);
	octets_free(&connection->in);
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
		bury(transport, connection);
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
		bury(transport, connection);
	loop_unpost(transport->loop, &transport->bury);
	table_free(&transport->by_number);
	table_free(&transport->by_address);
	table_free(&transport->sources);
}
