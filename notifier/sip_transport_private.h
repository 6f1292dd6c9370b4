/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of the transport share: sip_transport.c (what others call), _listen.c (sockets
 * that listen, our own addresses), _udp.c, _open.c (accepting and connecting), _stream.c (one
 * connection: its octets and its time-outs), _connections.c (which there are). The loop's
 * thread.
 *
 * A connection ends in two steps. connection_doom takes it out of all tables and closes its socket,
 * at any time; `closed` is called and the memory freed by a post, when none of its functions runs
 * any more.
 */
#ifndef XCAPD_NOTIFIER_SIP_TRANSPORT_PRIVATE_H
#define XCAPD_NOTIFIER_SIP_TRANSPORT_PRIVATE_H

#include "base/table.h"
#include "notifier/sip_tls.h"
#include "notifier/sip_transport.h"
#include "notifier/sip_transport_address.h"

#include <sys/queue.h>

enum {
	MESSAGE_MOST = 64 * 1024,       /* limits.sip-message is never more */
	SCRATCH = MESSAGE_MOST,         /* what is read from a stream at once */
	UDP_BATCH = 32,                 /* datagrams by one call */
	QUEUE_MOST = 1024 * 1024,       /* octets that wait for one connection */
	QUEUED_MOST = 64 * 1024 * 1024, /* for all, but for one message each */
	CONNECT_MS = 5000,    /* for a connection of ours to stand, and again for its TLS */
	ACCEPT_REST_MS = 100, /* without file descriptors or memory */
	ROUTES = 16,
	ROUTE_MS = 5000,
};

/* --- framing --- */

/* How far a message that is not whole yet was looked at; zero for a new one. */
struct frame_scan {
	size_t seen;  /* octets in which its head does not end */
	size_t whole; /* its size, when its head is known */
};

/* frame_next that does not begin anew each time: *start_out octets are dropped after FRAME_MORE,
 * and the next call gets the rest and what came since. */
enum frame_result frame_go_on(struct frame_scan *scan, struct span octets, size_t most,
	size_t *start_out, size_t *size_out);

/* --- what there is --- */

struct listener {
	struct transport *transport;
	enum sip_transport kind;
	size_t index;                    /* in notifier.listen */
	struct sockaddr_storage address; /* as bound: with the true port */
	socklen_t length;
	bool wildcard;
	struct watch watch;
	struct timer rest; /* accepts nothing until then */
};

/* Octets that wait, the first of them at `start`. */
struct octets {
	char *data;
	size_t start, size, capacity;
};

enum connection_state { CONNECTING, SHAKING, OPEN };

struct connection {
	struct transport *transport;
	struct sip_flow flow;
	enum connection_state state;
	bool outgoing, verify, dirty, doomed;
	char *name;      /* whom TLS asks for; NULL: nobody by name */
	const char *why; /* of its end */
	struct sip_tls *tls;
	struct source *source; /* counted there; NULL: not counted */
	struct sockaddr_storage local;
	struct watch watch;
	uint32_t waits_for; /* events */
	struct timer timer;
	struct octets in, out;
	struct frame_scan scan;
	uint64_t used;                    /* when something whole came or left */
	uint64_t since;                   /* state has held */
	uint64_t half_since, stuck_since; /* 0: it is not */
	struct table_node number_node, address_node;
	LIST_ENTRY(connection) dirty_link;
	TAILQ_ENTRY(connection) by_use; /* among the doomed then */
};

/* An address with connections that were accepted. */
struct source {
	struct table_node node;
	struct in6_addr address;
	uint64_t count;
};

LIST_HEAD(connection_list, connection);
TAILQ_HEAD(connection_queue, connection);

/* By which of our addresses the system sends to another. */
struct route {
	struct sockaddr_storage to, from;
	uint64_t until;
};

struct transport {
	struct loop *loop;
	const struct settings *settings;
	struct transport_events events;
	struct sip_tls_keys *keys;
	struct listener *listeners;
	size_t listener_count;
	struct udp_batch *batch;
	char *scratch;
	unsigned depth; /* functions that call `events` and still run */
	bool dead;      /* transport_free was called from one of them */

	uint64_t last_number, secret[2];
	struct table by_number, by_address, sources;
	struct connection_queue by_use, doomed;
	struct connection_list dirty;
	size_t queued; /* octets that wait for all connections */
	struct post flush, bury;
	struct route routes[ROUTES];
};

/* Around whatever calls `events`: transport_free from within waits for the last leave. False: the
 * transport is gone. */
void transport_enter(struct transport *transport);
bool transport_leave(struct transport *transport);

/* --- listeners --- */

bool listeners_open(struct transport *transport, FILE *problems);
void listeners_close(struct transport *transport);
/* The one of that kind that sends to that address; NULL: none. `wanted` wins if it can. */
struct listener *listener_for(struct transport *transport, enum sip_transport kind,
	const struct sockaddr_storage *to, size_t wanted);
/* Our address on the way there; false: there is no way. */
bool route_from(struct transport *transport, const struct sockaddr_storage *to,
	struct sockaddr_storage *out);

/* --- UDP --- */

struct udp_batch *udp_batch_new(void);
void udp_batch_free(struct udp_batch **batch);
void udp_ready(void *listener, uint32_t events);
enum transport_result udp_send(struct transport *transport, const struct hop *to,
	struct span octets, struct sip_flow *flow_out, const char **why_out);

/* --- connections --- */

bool connections_new(struct transport *transport);
void connections_free(struct transport *transport); /* with all connections, told to nobody */
/* A new one in all tables; NULL: no room or no memory. */
struct connection *connections_add(
	struct transport *transport, const struct hop *to, bool outgoing);
struct connection *connection_by_number(const struct transport *transport, uint64_t number);
struct connection *connection_by_address(const struct transport *transport, const struct hop *to);
/* May that address have one more? */
bool connections_admits(struct transport *transport, const struct sockaddr_storage *address);
bool connection_count_source(struct connection *connection);
void connections_used(struct connection *connection);
void connection_doom(struct connection *connection, const char *why); /* why: static */
void connections_bury(void *transport); /* tells of the doomed ones and frees them */

void stream_accept(void *listener, uint32_t events);
/* Connects. NULL: *why_out says why. */
struct connection *stream_connect(
	struct transport *transport, const struct hop *to, const char **why_out);
/* A connection of the table gets its socket. False: it is doomed already. */
bool stream_begin(struct connection *connection, int fd, bool is_connected);
/* Puts octets into the queue, to leave at the end of this turn. */
bool stream_queue(struct connection *connection, struct span octets);
void stream_flush_all(void *transport);

/* So many of what waits for a connection have left, or never will. */
void stream_unqueue(struct connection *connection, size_t size);

void octets_free(struct octets *octets);

static inline struct span octets_span(const struct octets *octets)
{
	return (struct span){ octets->data + octets->start, octets->size };
}

#endif
