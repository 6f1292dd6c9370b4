/* SPDX-License-Identifier: BSD-2-Clause */
/* How one target is told of one change: by NOTIFY, by PUBLISH (RFC 3903), or by its RPC interface.
 * It sends one message, answers challenges (401, 407), and says how it went; order, retries and
 * durability are target.c's. The loop's thread.
 */
#ifndef XCAPD_NOTIFIER_TELLER_H
#define XCAPD_NOTIFIER_TELLER_H

#include "notifier/notifier.h"

struct teller; /* opaque: one target's way */

/* All of it is the caller's until `done`. */
struct telling {
	struct doc_id id;
	struct etag previous; /* number 0: created, or first told */
	struct etag etag;     /* number 0: removed */
};

enum told {
	TOLD_WELL,    /* the target has taken it, or has no use for it (nothing to tell by RPC) */
	TOLD_REFUSED, /* it answered, and not well: `why` has status and phrase */
	TOLD_NOBODY,  /* no answer, no way to it */
};

struct told_result {
	enum told told;
	unsigned retry_after; /* seconds; 0: none given */
	char why[160]; /* for people, NUL-terminated; never a secret or a document's content */
};

typedef void told_done(void *context, const struct told_result *result);

/* The target's settings stay the notifier's; a reload makes a new teller. False: problems told (a
 * URI that is none). */
bool teller_new(struct teller **out, struct notifier *notifier,
	const struct target_settings *target, FILE *problems);
void teller_free(struct teller **teller); /* what is on its way is forgotten */

struct tell; /* opaque: one on its way */

/* `done` is called once, never from within tell. NULL without memory. */
struct tell *tell(
	struct teller *teller, const struct telling *telling, told_done *done, void *context);
void tell_forget(struct tell **tell); /* not told any more; NULL inside is fine */

#endif
