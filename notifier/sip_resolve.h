/* SPDX-License-Identifier: BSD-2-Clause */
/* From a SIP URI to addresses to try in order (RFC 3263 §4), with c-ares on the loop; literal
 * addresses need no DNS. Answers are kept as long as their TTL says (bounded). For sip*.c alone.
 */
#ifndef XCAPD_NOTIFIER_SIP_RESOLVE_H
#define XCAPD_NOTIFIER_SIP_RESOLVE_H

#include "notifier/sip.h"

struct resolver;   /* opaque */
struct resolution; /* opaque: a question on its way */

bool resolver_new(struct resolver **out, struct loop *loop);
void resolver_free(struct resolver **resolver); /* questions on their way are dropped */
/* For tests: "127.0.0.1:5353" instead of the system's name servers. */
bool resolver_servers(struct resolver *resolver, const char *csv);

/* What is asked: the parts of a URI (sip, sips). */
struct resolve_wish {
	bool secure;           /* sips: TLS alone */
	struct span host;      /* name or literal address, brackets off */
	unsigned port;         /* 0: none was given */
	struct span transport; /* the transport parameter: "udp", "tcp", "tls"; none */
	bool big;              /* over 1300 octets: TCP before UDP where both will do */
	bool has[3];           /* transports that we can use, by enum sip_transport */
};

struct resolved {
	enum sip_transport transport;
	socklen_t length;
	struct sockaddr_storage address;
};

/* count 0: none, why says so. Called once, never from within resolve. */
typedef void resolve_done(
	void *context, const struct resolved *addresses, size_t count, const char *why);

/* NULL without memory. */
struct resolution *resolve(struct resolver *resolver, const struct resolve_wish *wish,
	resolve_done *done, void *context);
void resolve_forget(struct resolution **resolution); /* done is not called */

#endif
