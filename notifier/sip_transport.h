/* SPDX-License-Identifier: BSD-2-Clause */
/* Sockets for SIP: UDP, TCP and TLS (GnuTLS), listening and connecting; octets in, whole messages
 * out (RFC 3261 §18, framing by Content-Length §18.3). For sip*.c alone. The loop's thread.
 *
 * A connection that was made or accepted to an address serves all that goes there while it lives.
 * Keep-alives (RFC 5626 §3.5.1: CRLF CRLF) are answered here. A stream that lies about its length,
 * goes past limits.sip-message or stays silent in the middle of a message is closed. The number of
 * connections is bounded by limits.connections and limits.connections-per-address; idle ones
 * that nothing waits for are closed first.
 */
#ifndef XCAPD_NOTIFIER_SIP_TRANSPORT_H
#define XCAPD_NOTIFIER_SIP_TRANSPORT_H

#include "notifier/sip.h"

struct transport; /* opaque */

/* Where to: an address, with what TLS has to know. */
struct hop {
	struct sip_flow flow; /* flow.connection: this one if it lives, else by the address */
	struct span tls_name; /* the host that the certificate has to be of; none: not checked by
				 name */
	bool tls_verify;
};

struct transport_events {
	/* One whole message, as it came; the octets are gone after the call. */
	void (*message)(void *context, const struct sip_flow *from, struct span octets);
	/* The connection is gone, and what was sent over it and not answered may not have arrived.
	 */
	void (*closed)(void *context, uint64_t connection, const char *why);
	void *context;
};

bool transport_new(struct transport **out, struct loop *loop, const struct settings *settings,
	const struct transport_events *events, FILE *problems);
void transport_free(struct transport **transport);
bool transport_reload(struct transport *transport, const struct settings *settings, FILE *problems);

enum transport_result {
	TRANSPORT_SENT,    /* left, or waits in a bounded queue of the connection *flow_out */
	TRANSPORT_REFUSED, /* no such listener, no room, the system said no: try another way */
};

/* *flow_out: by which it leaves, .connection filled in for streams. A connection that cannot be
 * made is told by `closed` later. flow.listener (UDP): SIZE_MAX for the one that fits the address
 * best; one of another kind stands for that, too. For a stream it says nothing. */
enum transport_result transport_send(struct transport *transport, const struct hop *to,
	struct span octets, struct sip_flow *flow_out, const char **why_out);

/* What Via and Contact say of us to a peer there: "127.0.0.1:5070", from the listener of that
 * transport (and family) or, for a wildcard one, the address that the system routes from. None:
 * we have no listener of that transport (then `host:port` of any other with ;transport=). */
struct span transport_sent_by(
	struct transport *transport, struct arena *arena, const struct sip_flow *flow);
/* Is this literal address one that we listen at (host without brackets; port 0: any)? */
bool transport_is_ours(const struct transport *transport, struct span host, unsigned port);
/* Can we send by it? UDP needs a listener; TCP and TLS connect without one, too. */
bool transport_has(const struct transport *transport, enum sip_transport wanted);
size_t transport_connections(const struct transport *transport);

/* --- framing: pure, fuzzed --- */

enum frame_result {
	FRAME_MESSAGE,   /* *size_out octets, from *start_out on, are one message */
	FRAME_MORE,      /* not whole yet; *start_out octets are to be skipped already */
	FRAME_KEEPALIVE, /* CRLF CRLF (*size_out octets from *start_out on): answer CRLF */
	FRAME_BROKEN, /* no or no readable or two different Content-Lengths, header too long, NUL,
			 no SIP at all: close */
};

enum frame_result frame_next(struct span octets, size_t most, size_t *start_out, size_t *size_out);

#endif
