/* SPDX-License-Identifier: BSD-2-Clause */
/* Messages of ours as text (RFC 3261 §8.1.1, §8.2.6, §18.2). What came from the other side is given
 * back octet for octet. For sip*.c alone.
 */
#ifndef XCAPD_NOTIFIER_SIP_BUILD_H
#define XCAPD_NOTIFIER_SIP_BUILD_H

#include "notifier/sip_transaction.h"

/* Where the answer goes: the connection it came by, else (RFC 3261 §18.2.2, RFC 3581) the source
 * address with its own port, that of Via or the default one. False: the topmost Via names nobody
 * who could be answered. */
bool sip_build_way_back(
	const struct sip_message *request, const struct sip_flow *from, struct hop *out);

/* A response; data NULL without memory. */
struct span sip_build_response(struct arena *arena, const struct sip_message *request,
	const struct sip_flow *from, const struct sip_answer *answer, struct span contact);

/* The text of a request behind its Via and Contact. `uri` and `routes` are as they go out: for a
 * strict router both are changed (RFC 3261 §12.2.1.1). */
struct sip_draft {
	struct span uri;      /* Request-URI */
	struct span next_hop; /* the URI to resolve */
	bool secure;          /* sips somewhere: our Contact is sips too */
	struct span rest;     /* from Max-Forwards on */
};
bool sip_build_draft(struct arena *arena, const struct sip_request *request, struct sip_draft *out);

/* What Via says of us on that flow, and the URI of our Contact there; none without memory. */
struct span sip_build_sent_by(struct sip *sip, struct arena *arena, const struct sip_flow *flow);
struct span sip_build_contact(
	struct arena *arena, struct span sent_by, enum sip_transport transport, bool secure);

/* The whole request; contact none: without one. */
struct span sip_build_request(struct arena *arena, struct span method,
	const struct sip_draft *draft, enum sip_transport transport, struct span sent_by,
	struct span branch, struct span contact);

#endif
