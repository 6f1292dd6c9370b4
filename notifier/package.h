/* SPDX-License-Identifier: BSD-2-Clause */
/* An event package (RFC 6665 §5.4): what the core of subscriptions does not know. `xcap-diff`
 * (xcap_diff.c) is the first; `presence` and `presence.winfo` fit the same hooks. The loop's
 * thread.
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
	struct span
		state_tag;  /* identifies the state that the body tells, for SIP-ETag (RFC 5839) */
	bool worth_telling; /* false: nothing has changed for this subscriber */
};

struct event_package {
	const char *name;         /* "xcap-diff" */
	const char *content_type; /* of NOTIFY bodies, for Accept */
	const char *accepts;      /* of SUBSCRIBE bodies, for 415 */

	/* A new package's shared state (index from document to subscriptions); NULL without memory.
	 */
	void *(*start)(struct notifier *notifier, struct subscriptions *subscriptions);
	void (*stop)(void *package);
	void (*reload)(void *package);

	/* Reads a SUBSCRIBE (initial or refresh). *state: the subscription's own, NULL at first; on
	 * 200 the package has replaced or kept it. No body on a refresh keeps what there is. */
	struct package_answer (*subscribe)(void *package, struct subscription *subscription,
		const struct sip_message *message, void **state);
	/* After a start: makes the state from what `save` gave. False: it cannot, the subscription
	 * is dropped. */
	bool (*restore)(
		void *package, struct subscription *subscription, struct span saved, void **state);
	/* What has to be written down of it, in the arena. */
	struct span (*save)(void *package, const void *state, struct arena *arena);
	void (*end)(void *package, void *state);

	/* The whole state (after each SUBSCRIBE), in the arena. */
	void (*full)(void *package, void *state, struct arena *arena, struct package_body *out);
	/* What is new since the last NOTIFY that was confirmed or is given up; at most `most`
	 * octets where the package has a shorter way to say it. */
	void (*news)(void *package, void *state, struct arena *arena, size_t most,
		struct package_body *out);
	/* The last body given by full or news was answered with 2xx, or was not taken. */
	void (*settled)(void *package, void *state, bool taken);
};

extern const struct event_package xcap_diff_package;

#endif
