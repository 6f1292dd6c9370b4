/* SPDX-License-Identifier: BSD-2-Clause */
/* Open connections: how many, how many from one address, and by when each must have said something
 * whole. The HTTP library leaves half-sent headers and bodies open; deadlines here end in a closed
 * connection.
 *
 * Any thread may call. Times are clock_microseconds.
 */
#ifndef XCAPD_XCAPD_CONNECTIONS_H
#define XCAPD_XCAPD_CONNECTIONS_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

struct connections; /* opaque */
struct connection;  /* opaque: one of them */
struct tls;

bool connections_new(struct connections **out);
void connections_free(struct connections **connections); /* when none is open */

/* May one more come from this address? The limit of one address does not bind exempt ones. */
bool connections_admit(struct connections *connections, const struct sockaddr *address, bool exempt,
	uint64_t most, uint64_t most_of_one);
/* NULL without memory: the connection then has no deadline. */
struct connection *connections_opened(
	struct connections *connections, const struct sockaddr *address, int fd);
void connections_closed(struct connections *connections, struct connection *connection);

/* What its session borrows, released when it is closed; takes over one hold. False: `connection` is
 * NULL, and the hold was released. */
bool connection_keep(struct connection *connection, struct tls *tls);

/* 0: none. After it has passed, connections_expire shuts the connection down; before that, when the
 * peer went away in the middle of its request. */
void connection_deadline(struct connection *connection, uint64_t at);
size_t connections_expire(struct connections *connections, uint64_t now);
size_t connections_count(struct connections *connections);

#endif
