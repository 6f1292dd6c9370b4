/* SPDX-License-Identifier: BSD-2-Clause */
/* SIP for the notifier: messages over UDP, TCP and TLS with non-INVITE transactions of our own
 * (RFC 3261 §17.1.2, §17.2.2), where they go (RFC 3263), and what every request meets first
 * (§8.2, §16.3, §21). It knows nothing of events, dialogs or documents.
 *
 * libosip2 takes apart what comes, behind this door. The loop's thread. Spans handed to a
 * callback live as long as the thing they belong to; what callers pass in is copied.
 */
#ifndef XCAPD_NOTIFIER_SIP_H
#define XCAPD_NOTIFIER_SIP_H

#include "base/settings.h"
#include "notifier/loop.h"

#include <stdio.h>

struct sip;          /* opaque: the stack */
struct sip_message;  /* opaque: one parsed message */
struct sip_incoming; /* opaque: a request with its server transaction */
struct sip_outgoing; /* opaque: a request of ours on its way */

enum sip_transport { SIP_UDP, SIP_TCP, SIP_TLS };

/* Where a message came from, and where its answer or a request in its dialog goes: the connection
 * while it lives (RFC 5626 §5.3, RFC 3581), else the address. */
struct sip_flow {
	enum sip_transport transport;
	uint64_t connection; /* 0: UDP, or any connection to the address */
	struct sockaddr_storage address;
	socklen_t length;
	size_t listener; /* index of the listening socket it came by (UDP answers leave by it) */
};

/* --- messages --- */

struct span sip_method(const struct sip_message *message);
struct span sip_uri(const struct sip_message *message); /* Request-URI as it was written */
unsigned sip_status(const struct sip_message *message); /* 0: a request */
/* The nth value of a header, comma lists cut apart where the header is a list; compact names are
 * known by their long one ("event" for "o"). None when there are fewer. `name` in lower case. */
struct span sip_header(const struct sip_message *message, const char *name, size_t nth);
struct span sip_body(const struct sip_message *message);
struct span sip_content_type(
	const struct sip_message *message); /* lower case, without parameters */
struct span sip_from_uri(const struct sip_message *message);
struct span sip_from_tag(const struct sip_message *message);
struct span sip_to_uri(const struct sip_message *message);
struct span sip_to_tag(const struct sip_message *message); /* empty: none */
struct span sip_call_id(const struct sip_message *message);
uint32_t sip_cseq(const struct sip_message *message);
struct span sip_contact_uri(const struct sip_message *message); /* of the first; none */
/* A header value's parameter (";id=7"), unquoted; none when absent, empty when it has no value.
 * The name compares without case. */
struct span sip_parameter(struct span value, const char *name);
/* What stands before the parameters, trimmed. */
struct span sip_value(struct span value);

/* --- requests that come in --- */

/* A new request that got through the general checks: it was no retransmission, is well-formed, has
 * one of each single header, a SIP-URI for us, no unknown Require. The handler answers it once with
 * sip_answer, now or later (within 32 s), even when it no longer cares. OPTIONS and ACK, unknown
 * and unsupported methods never get here. */
typedef void sip_on_request(void *context, struct sip_incoming *incoming);

const struct sip_message *sip_incoming_message(const struct sip_incoming *incoming);
const struct sip_flow *sip_incoming_flow(const struct sip_incoming *incoming);
bool sip_incoming_secure(const struct sip_incoming *incoming); /* came by TLS */

struct sip_answer {
	unsigned status;
	const char *reason;  /* NULL: the usual phrase */
	struct span to_tag;  /* none: a fresh one, unless the request has one */
	bool contact;        /* with a Contact of ours, and the request's Record-Route copied */
	struct span headers; /* more lines, each with its CRLF */
	struct span content_type, body; /* type none: no body */
};

/* `incoming` and its message are gone after it. */
void sip_answer(struct sip_incoming *incoming, const struct sip_answer *answer);

/* --- requests of ours --- */

enum sip_failure {
	SIP_ANSWERED,    /* there is a final response */
	SIP_TIMED_OUT,   /* Timer F: 64*T1 without one */
	SIP_UNREACHABLE, /* no address, connection refused or lost, certificate refused */
};

struct sip_result {
	enum sip_failure failure;
	const struct sip_message *response; /* NULL unless SIP_ANSWERED */
	unsigned status;             /* of the response; 408, 503 by RFC 3261 §8.1.3.1 else */
	unsigned retry_after;        /* seconds; 0: none was given */
	const char *why;             /* for people: "connection refused", "no answer in 32 s" */
	const struct sip_flow *flow; /* by which it was sent; NULL: it never left */
};

typedef void sip_on_result(void *context, const struct sip_result *result);

struct sip_request {
	struct span method, uri;
	struct span from, to; /* whole header values, tags included */
	struct span call_id;  /* none: a fresh one */
	uint32_t cseq;
	const struct span *routes; /* Route values, in order */
	size_t route_count;
	struct span next_hop;        /* a URI to send to whatever uri and routes say; none */
	const struct sip_flow *flow; /* try this connection or address first; NULL: resolve */
	bool contact;        /* with a Contact of ours for the transport that it leaves by */
	struct span headers; /* more lines, each with its CRLF */
	struct span content_type, body;
	bool tls_verify;     /* check the certificate against the host of the URI */
	sip_on_result *done; /* called once, never from within sip_send */
	void *context;
};

/* Via, Max-Forwards, User-Agent and Content-Length are added. By UDP when it is small and the URI
 * does not say otherwise; over 1300 octets by TCP, by UDP if TCP is refused (RFC 3261 §18.1.1), and
 * then without asking for a minute.
 * 503 or no way to one address: the next one (RFC 3263 §4.3). NULL without memory. */
struct sip_outgoing *sip_send(struct sip *sip, const struct sip_request *request);
/* `done` is not called any more; the transaction ends by itself. Leaves NULL behind; NULL inside is
 * fine. */
void sip_forget(struct sip_outgoing **outgoing);

/* --- the stack --- */

struct sip_events {
	sip_on_request *request; /* SUBSCRIBE */
	void *context;
};

/* Listens where settings->notifier.listen says. False: problems were told. Settings must outlive
 * the stack or be replaced by sip_reload. */
bool sip_new(struct sip **out, struct loop *loop, const struct settings *settings,
	const struct sip_events *events, FILE *problems);
void sip_free(struct sip **sip);
/* Can the certificates be read? False: problems were told. */
bool sip_check(const struct settings *settings, FILE *problems);
/* New certificates and limits; listeners stay. False: problems were told, the old ones stay. */
bool sip_reload(struct sip *sip, const struct settings *settings, FILE *problems);

/* A random text, for tags and call-ids: 24 characters that no header needs quoting for. */
enum { SIP_TOKEN = 24 };
void sip_token(char out[SIP_TOKEN + 1]);

struct sip_figures {
	uint64_t requests_in, responses_out, requests_out, responses_in;
	uint64_t retransmissions_in, retransmissions_out, malformed, timeouts;
	size_t connections, client_transactions, server_transactions;
};

void sip_figures(const struct sip *sip, struct sip_figures *out);

#endif
