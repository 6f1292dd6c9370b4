/* SPDX-License-Identifier: BSD-2-Clause */
#include "notifier/sip_transport_private.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void tear_down(struct transport *transport)
{
	listeners_close(transport);
	loop_unpost(transport->loop, &transport->flush);
	connections_free(transport);
	sip_tls_keys_release(&transport->keys);
	udp_batch_free(&transport->batch);
	free(transport->scratch);
	free(transport);
}

void transport_enter(struct transport *transport)
{
	transport->depth++;
}

bool transport_leave(struct transport *transport)
{
	if (--transport->depth || !transport->dead)
		return true;
	tear_down(transport);
	return false;
}

bool transport_new(struct transport **out, struct loop *loop, const struct settings *settings,
	const struct transport_events *events, FILE *problems)
{
	struct transport *transport = calloc(1, sizeof(*transport));
	*out = NULL;
	if (!transport) {
		fprintf(problems, "notifier.listen: out of memory\n");
		return false;
	}
	transport->loop = loop;
	transport->settings = settings;
	transport->events = *events;
	transport->flush = (struct post){ .run = stream_flush_all, .context = transport };
	transport->bury = (struct post){ .run = connections_bury, .context = transport };
	transport->batch = udp_batch_new();
	transport->scratch = malloc(SCRATCH);
	bool room = connections_new(transport) && transport->batch && transport->scratch;
	if (!room)
		fprintf(problems, "notifier.listen: out of memory\n");
	if (room && sip_tls_keys_load(&transport->keys, settings, problems)
		&& listeners_open(transport, problems)) {
		*out = transport;
		return true;
	}
	tear_down(transport);
	return false;
}

void transport_free(struct transport **transport)
{
	struct transport *gone = *transport;
	*transport = NULL;
	if (!gone)
		return;
	gone->dead = true;
	if (!gone->depth)
		tear_down(gone);
}

bool transport_reload(struct transport *transport, const struct settings *settings, FILE *problems)
{
	struct sip_tls_keys *keys;
	if (!sip_tls_keys_load(&keys, settings, problems))
		return false;
	sip_tls_keys_release(&transport->keys);
	transport->keys = keys;
	transport->settings = settings;
	return true;
}

static enum transport_result stream_send(struct transport *transport, const struct hop *to,
	struct span octets, struct sip_flow *flow_out, const char **why_out)
{
	struct connection *connection = NULL;
	if (to->flow.connection)
		connection = connection_by_number(transport, to->flow.connection);
	if (!connection)
		connection = connection_by_address(transport, to);
	if (!connection)
		connection = stream_connect(transport, to, why_out);
	if (!connection)
		return TRANSPORT_REFUSED;
	if (!stream_queue(connection, octets)) {
		*why_out = "too much waits for that connection";
		return TRANSPORT_REFUSED;
	}
	*flow_out = connection->flow;
	return TRANSPORT_SENT;
}

enum transport_result transport_send(struct transport *transport, const struct hop *to,
	struct span octets, struct sip_flow *flow_out, const char **why_out)
{
	return to->flow.transport == SIP_UDP
		       ? udp_send(transport, to, octets, flow_out, why_out)
		       : stream_send(transport, to, octets, flow_out, why_out);
}

/* --- our own addresses --- */

struct span transport_sent_by(
	struct transport *transport, struct arena *arena, const struct sip_flow *flow)
{
	struct sockaddr_storage host;
	const struct connection *connection =
		flow->connection ? connection_by_number(transport, flow->connection) : NULL;
	const struct listener *listener =
		listener_for(transport, flow->transport, &flow->address, flow->listener);
	if (!listener)
		return (struct span){ NULL, 0 };
	host = listener->address;
	if (listener->wildcard) {
		if (connection && connection->state != CONNECTING)
			host = connection->local;
		else if (!route_from(transport, &flow->address, &host))
			return (struct span){ NULL, 0 };
		address_set_port(&host, address_port(&listener->address));
	}
	return address_text(arena, &host);
}

static bool is_local(const struct sockaddr_storage *address, socklen_t length)
{
	struct sockaddr_storage place = *address;
	int fd = socket(address->ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return false;
	address_set_port(&place, 0);
	bool local = !address_is_wildcard(address) && bind(fd, SOCKADDR(&place), length) == 0;
	close(fd);
	return local;
}

bool transport_is_ours(const struct transport *transport, struct span host, unsigned port)
{
	struct sockaddr_storage address;
	socklen_t length;
	if (!address_parse(host, &address, &length))
		return false;
	for (size_t i = 0; i < transport->listener_count; i++) {
		const struct listener *listener = &transport->listeners[i];
		if ((port && port != address_port(&listener->address))
			|| listener->address.ss_family != address.ss_family)
			continue;
		if (listener->wildcard ? is_local(&address, length)
				       : address_same_host(&listener->address, &address))
			return true;
	}
	return false;
}

bool transport_has(const struct transport *transport, enum sip_transport wanted)
{
	for (size_t i = 0; i < transport->listener_count; i++)
		if (transport->listeners[i].kind == wanted)
			return true;
	return wanted != SIP_UDP;
}

size_t transport_connections(const struct transport *transport)
{
	return transport->by_number.count;
}
