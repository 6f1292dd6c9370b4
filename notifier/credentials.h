/* SPDX-License-Identifier: BSD-2-Clause */
/* Our answers to a peer's Digest challenges (RFC 7616 as RFC 3261 §22 uses it, RFC 8760): MD5 and
 * SHA-256, qop=auth or none. A challenge is kept and answered ahead of the next one. The loop's
 * thread.
 */
#ifndef XCAPD_NOTIFIER_CREDENTIALS_H
#define XCAPD_NOTIFIER_CREDENTIALS_H

#include "base/text.h"
#include "xcap/principal.h"

/* Zero-initialised: nothing was asked so far. */
struct credentials {
	struct arena *arena; /* of the challenge */
	bool asked, proxy, counted /* qop=auth */;
	enum digest_algorithm algorithm;
	bool names_algorithm;
	struct span realm, nonce, opaque;
	uint32_t count;
};

void credentials_end(struct credentials *credentials);

/* Takes one value of WWW-Authenticate or Proxy-Authenticate. Of several, the caller offers all: the
 * first that can be answered stays. *stale_out: our answer was right but for the nonce's age.
 * False: not Digest, or one that cannot be answered. */
bool credentials_take(
	struct credentials *credentials, struct span challenge, bool proxy, bool *stale_out);

struct credentials_for {
	struct span username, password, method, uri;
};

/* The whole header line with its CRLF; empty while nothing was asked; none without memory. */
struct span credentials_line(
	struct credentials *credentials, struct arena *arena, const struct credentials_for *what);

#endif
