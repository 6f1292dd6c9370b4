/* SPDX-License-Identifier: BSD-2-Clause */
/* Nonces and the counts used with them (RFC 7616 §3.3, §3.4, §5.12). For lib/auth alone.
 *
 * A nonce is a time, a number and an HMAC over both and the realm: nothing is kept when one is
 * issued. Only nonces that somebody logged in with are kept, in a table of fixed size. Any thread.
 */
#ifndef XCAPD_AUTH_NONCE_H
#define XCAPD_AUTH_NONCE_H

#include "base/text.h"

enum {
	NONCE_TEXT = 64,               /* octets of a nonce */
	NONCE_LIFETIME_MS = 5 * 60000, /* then it is stale */
	NONCE_AHEAD_MS = 1000,         /* how far ahead of a request's clock it may be dated */
	NONCE_WINDOW = 128,            /* counts up to this far below the highest may come late */
	NONCE_BUCKETS = 16384,
	NONCE_WAYS = 4, /* of the table: about 2 MiB */
};

struct nonces; /* opaque */

bool nonces_new(struct nonces **out); /* false without memory or randomness */
void nonces_free(struct nonces **nonces);

struct nonce {
	uint64_t time;   /* when it was issued, milliseconds since 1970 */
	uint64_t number; /* 1, 2, 3 .. in this process */
};

/* Writes NONCE_TEXT octets, no NUL. */
void nonce_issue(struct nonces *nonces, struct span realm, uint64_t now_ms, char out[NONCE_TEXT]);

/* Is it one of ours for this realm, and not expired? A clock that was set back makes the nonces
 * dated later useless, not immortal. */
bool nonce_read(const struct nonces *nonces, struct span text, struct span realm, uint64_t now_ms,
	struct nonce *out);

/* Uses up one count of a nonce, of many threads at once exactly one gets it. False: it was used
 * before, is too far below the highest, or the nonce was pushed out of the table (then nobody knows
 * any more which counts were used, so none is good). Only for requests whose response is right. */
bool nonce_use(struct nonces *nonces, const struct nonce *nonce, uint32_t count);

#endif
