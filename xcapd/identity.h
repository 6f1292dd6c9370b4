/* SPDX-License-Identifier: BSD-2-Clause */
/* What a proxy says of the client behind it. It is believed only when it is connected directly and
 * its address is in auth.trusted; from anybody else all of this is as if it were not there.
 *
 * Who: X-3GPP-Asserted-Identity (3GPP TS 33.222, what an authentication proxy adds) and
 * X-XCAP-Asserted-Identity (OMA XDM). The value is a list, quoted or not: all names of one person.
 * The one that the target's home belongs to is taken, else the first that is a user here. One field
 * in all may come: with two, one of them may be the client's own, so both are refused.
 *
 * Where from: X-Forwarded-For and Forwarded (RFC 7239): the rightmost address that is not a trusted
 * proxy itself, for log and login limits. Where both come and differ, neither is believed.
 *
 * Pure but for the look into the store; any thread.
 */
#ifndef XCAPD_XCAPD_IDENTITY_H
#define XCAPD_XCAPD_IDENTITY_H

#include "base/settings.h"
#include "store/store.h"
#include "xcap/principal.h"

enum { IDENTITIES_MOST = 16, ADDRESS_TEXT = INET6_ADDRSTRLEN };

/* The fields of one request; zero-initialise. */
struct forwarding {
	struct span asserted;
	size_t asserted_count;                  /* fields, not names */
	struct span x_forwarded_for, forwarded; /* several fields are one list (RFC 9110 §5.3) */
	bool failed;                            /* no memory */
};

/* Takes note of a header field if it is one of these; what it keeps lives in the arena. */
void forwarding_header(
	struct arena *arena, struct forwarding *forwarding, struct span name, struct span value);

/* The client's address: `peer`, or one written to *room. */
const struct sockaddr *forwarding_client(const struct settings *settings,
	const struct forwarding *forwarding, const struct sockaddr *peer,
	struct sockaddr_storage *room);

enum identity_result {
	IDENTITY_NONE,      /* nothing is asserted by anybody who may: the client has to log in */
	IDENTITY_KNOWN,     /* *who is a user, its name in the arena */
	IDENTITY_MALFORMED, /* no list of names, too many, or two fields */
	IDENTITY_STRANGER,  /* none of the names is a user of a served domain */
	IDENTITY_BROKEN,    /* the store failed, or no memory */
};

/* `owner`: canonical XUI of the target's home, or empty. */
enum identity_result identity_asserted(struct arena *arena, struct store *store,
	const struct settings *settings, const struct forwarding *forwarding,
	const struct sockaddr *peer, struct span owner, struct principal *who);

/* In figures; IPv4 within IPv6 as IPv4. Empty for other families. */
void address_text(const struct sockaddr *address, char out[ADDRESS_TEXT]);

#endif
