/* SPDX-License-Identifier: BSD-2-Clause */
/* Dialogs and subscriptions (RFC 6665, RFC 3261 §12): authentication, expiry, pacing, one NOTIFY at
 * a time, durability. It knows no event package (package.h). The loop's thread.
 */
#ifndef XCAPD_NOTIFIER_SUBSCRIPTION_H
#define XCAPD_NOTIFIER_SUBSCRIPTION_H

#include "notifier/package.h"

/* Restores what was subscribed before. */
bool subscriptions_new(struct subscriptions **out, struct notifier *notifier);
/* All stay in the store: before the saver and the flight end. Nobody is told. */
void subscriptions_free(struct subscriptions **subscriptions);
void subscriptions_reload(struct subscriptions *subscriptions);

/* A SUBSCRIBE, initial or in a dialog: for struct sip_events. */
void subscriptions_request(void *subscriptions, struct sip_incoming *incoming);

/* For packages: there is news for it; it is told as soon as pacing allows. */
void subscription_wake(struct subscription *subscription);
/* Who subscribed. */
struct principal subscription_who(const struct subscription *subscription);
/* Ends it with a last NOTIFY: "terminated;reason=REASON", a literal. The subscription's state lives
 * on until the package's `end` is called, never from within this call. */
void subscription_end(struct subscription *subscription, const char *reason);

struct subscription_figures {
	size_t live;
	uint64_t accepted, refused, notified, failed;
};

void subscriptions_figures(
	const struct subscriptions *subscriptions, struct subscription_figures *out);

#endif
