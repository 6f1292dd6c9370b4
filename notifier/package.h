/* SPDX-License-Identifier: BSD-2-Clause */
/* An event package (RFC 6665 §5.4): what the core of subscriptions does not know. `xcap-diff`
 * (xcap_diff.c) is the first; `presence` and `presence.winfo` fit the same hooks. The loop's
 * thread.
 *
 * A package numbers the states of what is subscribed to; a mark is such a number (of the feed, for
 * xcap-diff). The core remembers, durably, up to which mark each subscriber was told, and what is
 * on its way.
 */
#ifndef XCAPD_NOTIFIER_PACKAGE_H
#define XCAPD_NOTIFIER_PACKAGE_H

#include "notifier/notifier.h"
#include "xcap/principal.h"

struct subscription; /* notifier/subscription.h */

/* What a SUBSCRIBE's body and Event header come to. */
struct package_answer {
	unsigned status;     /* 200, or why not: 400, 403, 413, 415, .. */
	const char *why;     /* for the Warning header and the log */
	struct span headers; /* more header lines for the refusal (Accept), each with its CRLF */
};

struct package_body {
	struct span content_type; /* none: no body */
	struct span body;
	uint64_t tag;       /* identifies the state that it brings the subscriber to (RFC 5839) */
	uint64_t mark;      /* the same, as a number of the package's */
	bool worth_telling; /* false: nothing has changed for this subscriber up to `mark` */
	bool more;          /* what follows it need not wait for the pace */
	bool failed;        /* cannot be said now (no memory, the store does not answer) */
};

/* What is known of a restored subscription beside its saved state. */
struct package_past {
	uint64_t told; /* the last mark that was confirmed; 0: nothing */
	uint64_t upto; /* may have been told, and is repeated as it was; 0: nothing was on its way
			*/
	uint64_t tag;  /* of `told` */
};

struct event_package {
	const char *name;         /* "xcap-diff" */
	const char *content_type; /* of NOTIFY bodies, for Accept */
	const char *accepts;      /* of SUBSCRIBE bodies, for 415 */

	/* A new package's shared state (index from document to subscriptions); NULL without memory.
	 */
	void *(*start)(struct notifier *notifier);
	/* All subscriptions were restored: changes are followed from now on. */
	void (*follow)(void *package);
	void (*stop)(void *package);
	void (*reload)(void *package);

	/* Reads a SUBSCRIBE (initial or refresh). *state: the subscription's own, NULL at first; on
	 * 200 the package has replaced or kept it. No body on a refresh keeps what there is. */
	struct package_answer (*subscribe)(void *package, struct subscription *subscription,
		const struct sip_message *message, struct arena *arena, void **state);
	/* After a start: makes the state from what `save` gave. False: it cannot, the subscription
	 * is dropped. */
	bool (*restore)(void *package, struct subscription *subscription, struct span saved,
		const struct package_past *past, void **state);
	/* Appends what has to be written down of it. */
	void (*save)(void *package, const void *state, struct buffer *to);
	void (*end)(void *package, void *state);

	/* The tag of what there is at this moment, for Suppress-If-Match; false: it cannot be told
	 * cheaply. True makes that what was told. */
	bool (*current)(void *package, void *state, struct arena *arena, struct package_body *out);
	/* The whole state (after each SUBSCRIBE, and after a failure), in the arena; `most` octets
	 * at a time. */
	void (*full)(void *package, void *state, struct arena *arena, size_t most,
		struct package_body *out);
	/* What is new since the last body given; at most `most` octets. */
	void (*news)(void *package, void *state, struct arena *arena, size_t most,
		struct package_body *out);
	/* The last body given by full or news was answered with 2xx, or was not taken: then the
	 * full state follows. */
	void (*settled)(void *package, void *state, bool taken);
};

extern const struct event_package xcap_diff_package;

#endif
