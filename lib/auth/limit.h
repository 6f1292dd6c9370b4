/* SPDX-License-Identifier: BSD-2-Clause */
/* Failed logins of the last minute, counted for each address and name, and for each address in all.
 * For lib/auth alone. A table of fixed size: where it is full the oldest count is forgotten. Its
 * keys are hashed with a secret, so nobody can aim at another's place. Any thread.
 */
#ifndef XCAPD_AUTH_LIMIT_H
#define XCAPD_AUTH_LIMIT_H

#include "base/text.h"

#include <sys/socket.h>

enum {
	LIMIT_PERIOD_MS = 60000, /* counted from the first failure on */
	LIMIT_NAMES = 100,       /* an address may fail this many times as often in all */
	LIMIT_BUCKETS = 2048,
	LIMIT_WAYS = 8, /* of the table: 512 KiB */
};

struct limiter; /* opaque */

bool limiter_new(struct limiter **out); /* false without memory or randomness */
void limiter_free(struct limiter **limiter);

/* Has nobody failed for so long that nobody has to wait? Then there is no key to look for. */
bool limiter_quiet(const struct limiter *limiter, uint64_t now_ms);

/* Who tries: hashes of the address with the name, and of the address alone. IPv4 in IPv6 is IPv4;
 * in all, an IPv6 /64 counts as one address, as one line usually has that many. */
struct limit_key {
	uint8_t pair[16], address[16];
};

void limiter_key(const struct limiter *limiter, const struct sockaddr *peer, struct span name,
	struct limit_key *out);

/* Seconds until the next try is heard, at least 1; 0: now. `most` failures are free, 0: no limit.
 */
unsigned limiter_wait(
	struct limiter *limiter, const struct limit_key *key, uint64_t most, uint64_t now_ms);
void limiter_failed(struct limiter *limiter, const struct limit_key *key, uint64_t now_ms);

#endif
