/* SPDX-License-Identifier: BSD-2-Clause */
/* Who is asking, over HTTP or SIP? Digest (RFC 7616, own verifier) and Basic (RFC 7617) logins,
 * trusted readers by address.
 *
 * One struct auth serves all worker threads. It keeps no table of issued nonces (a nonce is an HMAC
 * over time and a secret of this process), only bounded ones of nonce counts that were used and of
 * failed logins.
 */
#ifndef XCAPD_AUTH_AUTH_H
#define XCAPD_AUTH_AUTH_H

#include "base/settings.h"
#include "store/store.h"
#include "xcap/principal.h"

struct auth; /* opaque */

/* `store` must outlive it. False without memory or randomness. */
bool auth_new(struct auth **out, struct store *store);
void auth_free(struct auth **auth); /* leaves NULL behind */

/* Failed logins since the start. */
uint64_t auth_failures(const struct auth *auth);

/* What is known of a request before anybody is believed. Borrowed for the call. */
struct auth_request {
	const struct settings
		*settings; /* of this request: a reload may have changed them since the last */
	struct span method;
	struct span target; /* raw request target */
	bool any_target;    /* SIP: a proxy may have changed the target on the way, so the digest's
			       uri is hashed as it stands and compared with nothing (RFC 3261
			       §22.4); against replay there is the nonce count */
	struct span realm;  /* auth_realm's choice */
	struct span authorization; /* the header's value; none when absent */
	size_t authorizations; /* how many Authorization headers came; more than one is refused */
	bool forwarded;        /* carries Forwarded, X-Forwarded-*, Via or an asserted identity */
	const struct sockaddr *peer;
	const struct sockaddr *client; /* for login limits: behind a trusted proxy; NULL: peer */
	bool tls;        /* or a loopback listener: Basic is offered and taken only then */
	uint64_t now_ms; /* monotonic enough: CLOCK_REALTIME milliseconds */
};

enum auth_result {
	AUTH_KNOWN,     /* *who is filled in, its name in the arena */
	AUTH_CHALLENGE, /* 401 with auth_challenge(stale) */
	AUTH_MALFORMED, /* 400: the header cannot be read, or names another target */
	AUTH_LIMITED,   /* 429 with Retry-After: too many failed logins from this address under this
			   name */
	AUTH_BROKEN,    /* the store failed, or no memory: 503 */
};

struct auth_answer {
	bool stale; /* the password was right, the nonce too old or used: challenge says stale=true
		     */
	unsigned retry_after; /* seconds, with AUTH_LIMITED */
	const char *why;      /* a short phrase for log and body, never a secret */
};

enum auth_result auth_identify(struct auth *auth, struct arena *arena,
	const struct auth_request *request, struct principal *who, struct auth_answer *answer);

/* The realm of a challenge: the domain of the XUI asked for, for `global` that of the Host header,
 * when it is one of the served domains, else auth.realm. */
struct span auth_realm(const struct settings *settings, const struct doc_id *id, struct span host);

/* The values of the WWW-Authenticate headers to send, one each; how many. 0: no memory, or nothing
 * is offered here (Basic alone, and the request came in the clear from afar). */
size_t auth_challenge(struct auth *auth, struct arena *arena, const struct auth_request *request,
	bool stale, struct span out[4]);

#endif
