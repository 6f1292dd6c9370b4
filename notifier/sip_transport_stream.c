/* SPDX-License-Identifier: BSD-2-Clause */
#include "notifier/sip_transport_private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

enum { PIECE = 4096, READ_MOST = 8 * 1024, NOTHING = -1 };

/* --- octets that wait --- */

static bool octets_append(struct octets *octets, struct span more)
{
	if (octets->start && octets->start + octets->size + more.size > octets->capacity) {
		memmove(octets->data, octets->data + octets->start, octets->size);
		octets->start = 0;
	}
	size_t wanted = octets->start + octets->size + more.size;
	if (wanted > octets->capacity) {
		size_t capacity = octets->capacity ? octets->capacity : PIECE;
		while (capacity < wanted)
			capacity *= 2;
		char *data = realloc(octets->data, capacity);
		if (!data)
			return false;
		octets->data = data;
		octets->capacity = capacity;
	}
	if (more.size)
		memcpy(octets->data + octets->start + octets->size, more.data, more.size);
	octets->size += more.size;
	return true;
}

static void octets_drop(struct octets *octets, size_t size)
{
	octets->start += size;
	octets->size -= size;
	if (!octets->size)
		octets_free(octets);
}

void octets_free(struct octets *octets)
{
	free(octets->data);
	*octets = (struct octets){ 0 };
}

/* --- time-outs --- */

static uint64_t sooner(uint64_t due, uint64_t since, uint64_t patience)
{
	return since && (!due || since + patience < due) ? since + patience : due;
}

/* When to give the connection up as it is; 0: never. */
static uint64_t deadline(const struct connection *connection)
{
	uint64_t patience = connection->transport->settings->limits.timeout_ms;
	uint64_t due = 0;
	if (connection->state != OPEN)
		return connection->since + (connection->outgoing ? CONNECT_MS : patience);
	due = sooner(due, connection->half_since, patience);
	return sooner(due, connection->stuck_since, patience);
}

static void out_of_time(void *context)
{
	struct connection *connection = context;
	uint64_t now = loop_now(connection->transport->loop), due = deadline(connection);
	if (due && due > now) {
		if (!timer_set(connection->transport->loop, &connection->timer, due))
			connection_doom(connection, "out of memory");
		return;
	}
	if (due)
		connection_doom(connection,
			connection->half_since ? "silent in the middle of a message" : "timed out");
}

/* The timer may be early, never late. */
static void arm(struct connection *connection)
{
	uint64_t due = deadline(connection);
	if (connection->doomed || !due
		|| (timer_is_set(&connection->timer) && connection->timer.due <= due))
		return;
	if (!timer_set(connection->transport->loop, &connection->timer, due))
		connection_doom(connection, "out of memory");
}

static void wait_for(struct connection *connection, uint32_t events)
{
	if (connection->doomed || connection->waits_for == events)
		return;
	connection->waits_for = events;
	if (!loop_watch(connection->transport->loop, &connection->watch, events))
		connection_doom(connection, error_text(errno));
}

/* --- in --- */

static void message(struct connection *connection, struct span octets)
{
	struct transport *transport = connection->transport;
	connections_used(connection);
	transport->events.message(transport->events.context, &connection->flow, octets);
}

/* What is whole in these octets is told. False: the connection is gone. *done_out of them are used
 * up. */
static bool take(struct connection *connection, struct span octets, size_t *done_out)
{
	struct transport *transport = connection->transport;
	size_t most = transport->settings->limits.sip_message, start, size;
	*done_out = 0;
	for (;;) {
		struct span rest = span_from(octets, *done_out);
		enum frame_result result =
			frame_go_on(&connection->scan, rest, most, &start, &size);
		*done_out += start + size;
		if (result == FRAME_MORE)
			return true;
		if (result == FRAME_BROKEN)
			connection_doom(connection, "what came is no stream of SIP messages");
		else if (result == FRAME_MESSAGE)
			message(connection, (struct span){ rest.data + start, size });
		else if (!stream_queue(connection, SPAN("\r\n")))
			connection_doom(connection, "the peer does not read");
		if (transport->dead || connection->doomed)
			return false;
		connection->half_since = 0;
	}
}

/* Line ends between messages are nothing that anybody waits for. */
static void note_half(struct connection *connection)
{
	const struct octets *in = &connection->in;
	if (!in->size || in->data[in->start] == '\r')
		connection->half_since = 0;
	else if (!connection->half_since)
		connection->half_since = loop_now(connection->transport->loop);
}

/* `fresh` octets came. False: the connection is gone. */
static bool came(struct connection *connection, struct span fresh)
{
	bool kept = connection->in.size;
	size_t done;
	if (kept && !octets_append(&connection->in, fresh)) {
		connection_doom(connection, "out of memory");
		return false;
	}
	if (!take(connection, kept ? octets_span(&connection->in) : fresh, &done))
		return false;
	if (kept) {
		octets_drop(&connection->in, done);
	} else if (done < fresh.size && !octets_append(&connection->in, span_from(fresh, done))) {
		connection_doom(connection, "out of memory");
		return false;
	}
	note_half(connection);
	return true;
}

/* NOTHING: nothing now, or the connection is gone. */
static ssize_t receive(struct connection *connection)
{
	char *room = connection->transport->scratch;
	size_t size = 0;
	enum sip_tls_result result = SIP_TLS_DONE;
	if (connection->tls) {
		result = sip_tls_read(connection->tls, room, SCRATCH, &size);
	} else {
		ssize_t got = recv(connection->watch.fd, room, READ_MOST, MSG_DONTWAIT);
		if (got > 0)
			return got;
		if (got < 0 && (errno == EAGAIN || errno == EINTR))
			return NOTHING;
		if (got < 0) {
			connection_doom(connection, error_text(errno));
			return NOTHING;
		}
		result = SIP_TLS_END;
	}
	if (result == SIP_TLS_DONE)
		return (ssize_t)size;
	if (result == SIP_TLS_END)
		connection_doom(connection, "closed by the peer");
	else if (result == SIP_TLS_FAILED)
		connection_doom(connection, sip_tls_why(connection->tls));
	return NOTHING;
}

static void read_some(struct connection *connection)
{
	ssize_t got;
	do {
		got = receive(connection);
		if (got == NOTHING
			|| !came(connection,
				(struct span){ connection->transport->scratch, (size_t)got }))
			return;
	} while (connection->tls && sip_tls_pending(connection->tls));
	arm(connection);
}

/* --- out --- */

void stream_unqueue(struct connection *connection, size_t size)
{
	connection->transport->queued -= size;
	octets_drop(&connection->out, size);
}

static enum sip_tls_result push(struct connection *connection, size_t *sent_out)
{
	struct span octets = octets_span(&connection->out);
	if (connection->tls)
		return sip_tls_write(connection->tls, octets.data, octets.size, sent_out);
	ssize_t sent =
		send(connection->watch.fd, octets.data, octets.size, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (sent < 0 && (errno == EAGAIN || errno == EINTR || errno == ENOBUFS))
		return SIP_TLS_WAIT_OUT;
	if (sent < 0)
		connection_doom(connection, error_text(errno));
	*sent_out = sent > 0 ? (size_t)sent : 0;
	return SIP_TLS_DONE;
}

/* Who sends requests and does not read what they get is not heard either. */
static bool is_clogged(const struct connection *connection)
{
	return !connection->outgoing
	       && (connection->out.size > QUEUE_MOST / 2
		       || connection->transport->queued > QUEUED_MOST / 2);
}

static uint32_t events_of(const struct connection *connection, enum sip_tls_result result)
{
	if (result != SIP_TLS_WAIT_OUT)
		return EPOLLIN;
	return is_clogged(connection) ? EPOLLOUT : EPOLLIN | EPOLLOUT;
}

static void flush(struct connection *connection)
{
	enum sip_tls_result result = SIP_TLS_DONE;
	while (connection->out.size && result == SIP_TLS_DONE && !connection->doomed) {
		size_t sent = 0;
		result = push(connection, &sent);
		if (connection->doomed)
			return;
		stream_unqueue(connection, sent);
		if (sent)
			connection->stuck_since = 0;
	}
	if (result == SIP_TLS_FAILED) {
		connection_doom(connection, sip_tls_why(connection->tls));
		return;
	}
	if (!connection->out.size)
		connection->stuck_since = 0;
	else if (!connection->stuck_since)
		connection->stuck_since = loop_now(connection->transport->loop);
	wait_for(connection, events_of(connection, result));
	if (!connection->doomed)
		arm(connection);
}

void stream_flush_all(void *context)
{
	struct transport *transport = context;
	struct connection *connection;
	while ((connection = LIST_FIRST(&transport->dirty))) {
		LIST_REMOVE(connection, dirty_link);
		connection->dirty = false;
		if (connection->state == OPEN)
			flush(connection);
	}
}

bool stream_queue(struct connection *connection, struct span octets)
{
	struct transport *transport = connection->transport;
	size_t before = connection->out.size;
	if (before + octets.size > QUEUE_MOST
		|| (before && transport->queued + octets.size > QUEUED_MOST)
		|| !octets_append(&connection->out, octets))
		return false;
	transport->queued += octets.size;
	connections_used(connection);
	if (connection->dirty)
		return true;
	connection->dirty = true;
	LIST_INSERT_HEAD(&transport->dirty, connection, dirty_link);
	loop_post(transport->loop, &transport->flush);
	return true;
}

/* --- from its beginning --- */

static void opened(struct connection *connection)
{
	connection->state = OPEN;
	connection->since = loop_now(connection->transport->loop);
	timer_stop(connection->transport->loop, &connection->timer);
	flush(connection);
}

static void shake(struct connection *connection)
{
	enum sip_tls_result result = sip_tls_handshake(connection->tls);
	if (result == SIP_TLS_DONE)
		opened(connection);
	else if (result == SIP_TLS_WAIT_IN || result == SIP_TLS_WAIT_OUT)
		wait_for(connection, result == SIP_TLS_WAIT_IN ? EPOLLIN : EPOLLOUT);
	else
		connection_doom(connection, result == SIP_TLS_END ? "closed by the peer"
								  : sip_tls_why(connection->tls));
}

/* The socket is connected. */
static void connected(struct connection *connection)
{
	struct transport *transport = connection->transport;
	socklen_t length = sizeof(connection->local);
	getsockname(connection->watch.fd, SOCKADDR(&connection->local), &length);
	if (connection->flow.transport != SIP_TLS) {
		opened(connection);
		return;
	}
	connection->tls = connection->outgoing
				  ? sip_tls_connect(transport->keys, connection->watch.fd,
					  connection->name, connection->verify)
				  : sip_tls_accept(transport->keys, connection->watch.fd);
	if (!connection->tls) {
		connection_doom(connection, "out of memory");
		return;
	}
	connection->state = SHAKING;
	connection->since = loop_now(transport->loop);
	timer_stop(transport->loop, &connection->timer);
	arm(connection);
	if (!connection->doomed)
		shake(connection);
}

static void finish_connect(struct connection *connection)
{
	int error = 0;
	socklen_t length = sizeof(error);
	if (getsockopt(connection->watch.fd, SOL_SOCKET, SO_ERROR, &error, &length) < 0)
		error = errno;
	if (error)
		connection_doom(connection, error_text(error));
	else
		connected(connection);
}

static void stream_ready(void *context, uint32_t events)
{
	struct connection *connection = context;
	struct transport *transport = connection->transport;
	transport_enter(transport);
	if (connection->state == CONNECTING) {
		finish_connect(connection);
	} else if (connection->state == SHAKING) {
		shake(connection);
	} else {
		if (events & EPOLLOUT)
			flush(connection);
		if (!connection->doomed && (events & (EPOLLIN | EPOLLERR | EPOLLHUP)))
			read_some(connection);
	}
	transport_leave(transport);
}

bool stream_begin(struct connection *connection, int fd, bool is_connected)
{
	connection->watch = (struct watch){ fd, stream_ready, connection, false };
	connection->timer = (struct timer){ .fire = out_of_time, .context = connection };
	arm(connection);
	if (is_connected && !connection->doomed)
		connected(connection);
	else
		wait_for(connection, EPOLLOUT);
	return !connection->doomed;
}
