/* SPDX-License-Identifier: BSD-2-Clause */
#include "notifier/sip_transport_private.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

enum { ACCEPTS = 64 /* at once */, KEEPALIVE_S = 120, KEEPALIVE_BETWEEN_S = 20 };

/* A peer that vanished is found out: what it does not acknowledge for limits.timeout, and, on an
 * idle connection, what the system asks now and then. */
static void set_options(const struct transport *transport, int fd)
{
	int yes = 1, idle = KEEPALIVE_S, between = KEEPALIVE_BETWEEN_S;
	unsigned patience = (unsigned)transport->settings->limits.timeout_ms;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
	setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &yes, sizeof(yes));
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof(idle));
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &between, sizeof(between));
	setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &patience, sizeof(patience));
}

static void accepted(struct listener *listener, int fd, const struct hop *from)
{
	struct transport *transport = listener->transport;
	struct connection *connection = NULL;
	int yes = 1;
	if (connections_admits(transport, &from->flow.address))
		connection = connections_add(transport, from, false);
	if (!connection) {
		close(fd);
		return;
	}
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
	if (connection_count_source(connection)) {
		stream_begin(connection, fd, true);
		return;
	}
	connection->watch.fd = fd;
	connection_doom(connection, "out of memory");
}

/* Without file descriptors the listener would be ready for ever. */
static void rest(struct listener *listener)
{
	struct loop *loop = listener->transport->loop;
	if (timer_set(loop, &listener->rest, loop_now(loop) + ACCEPT_REST_MS))
		loop_unwatch(loop, &listener->watch);
}

void stream_accept(void *context, uint32_t events)
{
	struct listener *listener = context;
	(void)events;
	for (int i = 0; i < ACCEPTS; i++) {
		struct hop from = { .flow = { .transport = listener->kind,
					    .length = sizeof(from.flow.address),
					    .listener = listener->index } };
		int fd = accept4(listener->watch.fd, SOCKADDR(&from.flow.address),
			&from.flow.length, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd >= 0)
			accepted(listener, fd, &from);
		else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
			rest(listener);
		if (fd < 0 && errno != ECONNABORTED && errno != EINTR)
			return;
	}
}

/* From the listener's address, so that the peer knows us by it; from any other where there is no
 * way from there. 0, EINPROGRESS or why not. */
static int try_connect(const struct transport *transport, int *fd_out, const struct hop *to,
	const struct listener *listener)
{
	int family = to->flow.address.ss_family, yes = 1;
	int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	*fd_out = fd;
	if (fd < 0)
		return errno;
	set_options(transport, fd);
	if (listener && !listener->wildcard) {
		struct sockaddr_storage from = listener->address;
		address_set_port(&from, 0);
		setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &yes, sizeof(yes));
		if (bind(fd, SOCKADDR(&from), listener->length) < 0)
			return errno;
	}
	return connect(fd, CONST_SOCKADDR(&to->flow.address), to->flow.length) < 0 ? errno : 0;
}

static int connect_somehow(const struct transport *transport, int *fd_out, const struct hop *to,
	const struct listener *listener)
{
	int error = try_connect(transport, fd_out, to, listener);
	if (!error || error == EINPROGRESS || error == ECONNREFUSED || !listener || *fd_out < 0)
		return error;
	close(*fd_out);
	return try_connect(transport, fd_out, to, NULL);
}

struct connection *stream_connect(
	struct transport *transport, const struct hop *to, const char **why_out)
{
	struct listener *listener =
		listener_for(transport, to->flow.transport, &to->flow.address, SIZE_MAX);
	struct hop hop = *to;
	int fd;
	hop.flow.listener = listener ? listener->index : 0;
	struct connection *connection = connections_add(transport, &hop, true);
	*why_out = "too many connections";
	if (!connection)
		return NULL;
	int error = connect_somehow(transport, &fd, to, listener);
	if (!error || error == EINPROGRESS) {
		if (stream_begin(connection, fd, !error))
			return connection;
		*why_out = connection->why;
		return NULL;
	}
	*why_out = error_text(error);
	connection->watch.fd = fd;
	connection_doom(connection, *why_out);
	return NULL;
}
