/* SPDX-License-Identifier: BSD-2-Clause */
#include "xcapd/connections.h"

#include "xcapd/tls.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { BUCKETS = 4096, LOOK_EVERY = 500 * 1000 /* microseconds */ };

struct connection {
	struct connection *next, **link;
	struct source *source;
	struct tls *tls; /* held */
	_Atomic uint64_t deadline;
	uint64_t gone; /* the deadline under which the peer was last seen gone; 0: it was not */
	int fd;
};

/* An address with open connections. */
struct source {
	struct source *next;
	unsigned char address[16];
	uint64_t count;
};

struct connections {
	pthread_mutex_t lock;
	uint64_t next_look; /* for peers that went away */
	struct connection *first;
	size_t count;
	struct source *sources[BUCKETS];
};

static void address_octets(const struct sockaddr *address, unsigned char out[16])
{
	memset(out, 0, 16);
	if (address->sa_family == AF_INET6) {
		memcpy(out, &((const struct sockaddr_in6 *)(const void *)address)->sin6_addr, 16);
	} else if (address->sa_family == AF_INET) {
		out[10] = out[11] = 0xFF;
		memcpy(out + 12, &((const struct sockaddr_in *)(const void *)address)->sin_addr, 4);
	}
}

static struct source **find_source(struct connections *connections, const unsigned char octets[16])
{
	uint32_t hash = 2166136261u;
	for (size_t i = 0; i < 16; i++)
		hash = (hash ^ octets[i]) * 16777619u;
	struct source **link = &connections->sources[hash % BUCKETS];
	while (*link && memcmp((*link)->address, octets, 16) != 0)
		link = &(*link)->next;
	return link;
}

bool connections_new(struct connections **out)
{
	*out = calloc(1, sizeof(**out));
	if (!*out)
		return false;
	pthread_mutex_init(&(*out)->lock, NULL);
	return true;
}

void connections_free(struct connections **connections)
{
	if (!*connections)
		return;
	pthread_mutex_destroy(&(*connections)->lock);
	free(*connections);
	*connections = NULL;
}

bool connections_admit(struct connections *connections, const struct sockaddr *address, bool exempt,
	uint64_t most, uint64_t most_of_one)
{
	unsigned char octets[16];
	address_octets(address, octets);
	pthread_mutex_lock(&connections->lock);
	const struct source *source = *find_source(connections, octets);
	bool admit =
		connections->count < most && (exempt || !source || source->count < most_of_one);
	pthread_mutex_unlock(&connections->lock);
	return admit;
}

static struct source *source_of(struct connections *connections, const unsigned char octets[16])
{
	struct source **link = find_source(connections, octets);
	if (!*link) {
		*link = calloc(1, sizeof(**link));
		if (*link)
			memcpy((*link)->address, octets, 16);
	}
	return *link;
}

struct connection *connections_opened(
	struct connections *connections, const struct sockaddr *address, int fd)
{
	struct connection *connection = calloc(1, sizeof(*connection));
	unsigned char octets[16];
	if (!connection)
		return NULL;
	address_octets(address, octets);
	connection->fd = fd;
	pthread_mutex_lock(&connections->lock);
	connection->source = source_of(connections, octets);
	if (connection->source)
		connection->source->count++;
	connection->next = connections->first;
	connection->link = &connections->first;
	if (connections->first)
		connections->first->link = &connection->next;
	connections->first = connection;
	connections->count++;
	pthread_mutex_unlock(&connections->lock);
	return connection;
}

static void leave_source(struct connections *connections, struct source *source)
{
	if (!source || --source->count)
		return;
	struct source **link = find_source(connections, source->address);
	*link = source->next;
	free(source);
}

void connections_closed(struct connections *connections, struct connection *connection)
{
	if (!connection)
		return;
	pthread_mutex_lock(&connections->lock);
	*connection->link = connection->next;
	if (connection->next)
		connection->next->link = connection->link;
	connections->count--;
	leave_source(connections, connection->source);
	pthread_mutex_unlock(&connections->lock);
	tls_release(connection->tls);
	free(connection);
}

bool connection_keep(struct connection *connection, struct tls *tls)
{
	if (connection)
		connection->tls = tls;
	else
		tls_release(tls);
	return connection != NULL;
}

void connection_deadline(struct connection *connection, uint64_t at)
{
	if (connection)
		atomic_store_explicit(&connection->deadline, at, memory_order_relaxed);
}

/* The peer has said its last octet, all of it is read, and no request is whole. The HTTP library
 * can miss that when the end comes together with octets. Seen twice, so that a request which is
 * just becoming whole is left alone. */
static bool is_gone(struct connection *connection, uint64_t deadline)
{
	char octet;
	bool ended = recv(connection->fd, &octet, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
	bool again = ended && connection->gone == deadline;
	connection->gone = ended ? deadline : 0;
	return again;
}

size_t connections_expire(struct connections *connections, uint64_t now)
{
	size_t expired = 0;
	pthread_mutex_lock(&connections->lock);
	bool look = now >= connections->next_look;
	if (look)
		connections->next_look = now + LOOK_EVERY;
	for (struct connection *connection = connections->first; connection;
		connection = connection->next) {
		uint64_t deadline =
			atomic_load_explicit(&connection->deadline, memory_order_relaxed);
		if (!deadline || (deadline > now && !(look && is_gone(connection, deadline))))
			continue;
		shutdown(connection->fd, SHUT_RDWR);
		connection_deadline(connection, 0);
		expired++;
	}
	pthread_mutex_unlock(&connections->lock);
	return expired;
}

size_t connections_count(struct connections *connections)
{
	pthread_mutex_lock(&connections->lock);
	size_t count = connections->count;
	pthread_mutex_unlock(&connections->lock);
	return count;
}
