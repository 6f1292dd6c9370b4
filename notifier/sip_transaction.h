/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of the SIP stack share: the stack itself, its client and server transactions.
 * For sip*.c alone. The loop's thread.
 */
#ifndef XCAPD_NOTIFIER_SIP_TRANSACTION_H
#define XCAPD_NOTIFIER_SIP_TRANSACTION_H

#include "base/table.h"
#include "notifier/sip_message.h"
#include "notifier/sip_resolve.h"
#include "notifier/sip_transport.h"

/* RFC 3261 §17.1.1.1 and table 4, milliseconds */
enum { SIP_T1 = 500, SIP_T2 = 4000, SIP_TIMER_F = 64 * SIP_T1, SIP_TIMER_J = 64 * SIP_T1 };

/* Server transactions that are kept at once; beyond it the oldest that was answered at least
 * SIP_KEEP_LEAST ago goes, and if there is none a new request is refused. */
enum { SIP_SERVER_MOST = 65536, SIP_KEEP_LEAST = 5000 };
/* Octets of answers that are kept: an answer is mostly what the request said. A long refusal is not
 * kept: what comes again is refused again. */
enum { SIP_KEPT_MOST = 32 << 20, SIP_REFUSAL_MOST = 4096 };

/* Addresses that lately had no TCP for what is big: it goes there by UDP at once for a while. */
enum { SIP_WITHOUT_TCP = 256, SIP_WITHOUT_TCP_MS = 60000 };
struct sip_without_tcp {
	uint64_t hash, until;
};

struct sip {
	struct loop *loop;
	const struct settings *settings;
	struct sip_events events;
	struct transport *transport;
	struct resolver *resolver;
	uint64_t secret[2];
	struct sip_outgoing *outgoing; /* all */
	struct table clients;          /* by branch, those that were sent */
	struct table lines;            /* by connection: what is on its way over it */
	struct table servers;          /* by the topmost Via's branch and sent-by */
	struct sip_without_tcp without_tcp[SIP_WITHOUT_TCP];
	struct table sources;     /* of those that another way may bring again */
	size_t server_most, kept; /* octets of answers */
	struct server *answered_first, *answered_last; /* in the order of their answers */
	struct timer timer_j;                          /* of the first of them */
	struct arena *scratch; /* for the message that is being read; NULL: a request took it */
	struct sip_figures figures;
};

/* --- client transactions (RFC 3261 §17.1.2) --- */

void sip_clients_response(struct sip *sip, const struct sip_message *response);
/* The connection is gone: what waits for an answer over it goes another way. */
void sip_clients_closed(struct sip *sip, uint64_t connection, const char *why);
void sip_clients_free(struct sip *sip);

/* --- server transactions (RFC 3261 §17.2.2) --- */

/* Which transaction a request belongs to (RFC 3261 §17.2.3). */
struct sip_key {
	struct span text; /* in the message's arena */
	uint64_t hash;
	struct span method;
	uint64_t source; /* hash of what is the same whichever way it came; 0: in a dialog */
};
bool sip_key(struct sip *sip, const struct sip_message *request, struct sip_key *out);
/* Is it a retransmission? Then it was answered again, if it has been answered. */
bool sip_servers_absorb(struct sip *sip, const struct sip_key *key);
/* Has the request come another way before (RFC 3261 §8.2.2.2)? */
bool sip_servers_merged(const struct sip *sip, const struct sip_key *key);
/* Is there one that a CANCEL of this key means (RFC 3261 §9.2)? */
bool sip_servers_know(const struct sip *sip, const struct sip_key *key);
/* A transaction of its own for a request, which takes the arena; NULL: no room. */
struct sip_incoming *sip_servers_take(struct sip *sip, const struct sip_message *request,
	const struct sip_flow *from, const struct sip_key *key);
void sip_servers_start(struct sip *sip);
void sip_servers_free(struct sip *sip);

/* --- requests (RFC 3261 §8.2) --- */

void sip_request_received(
	struct sip *sip, const struct sip_message *request, const struct sip_flow *from);

/* What the checks come to. */
struct sip_verdict {
	enum { SIP_PASS, SIP_REFUSE, SIP_SILENCE } what;
	unsigned status;
	const char *why;     /* for the Warning header; NULL: the status says it */
	struct span headers; /* more lines */
};
void sip_request_check(
	const struct sip *sip, const struct sip_message *request, struct sip_verdict *out);

/* Octets nobody can foretell; no system call for most. */
void sip_random(void *out, size_t size);

#endif
