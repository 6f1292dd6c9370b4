/* SPDX-License-Identifier: BSD-2-Clause */
/* What the parts of xcap-notifier share. One thread (the loop's) owns all of it.
 */
#ifndef XCAPD_NOTIFIER_NOTIFIER_H
#define XCAPD_NOTIFIER_NOTIFIER_H

#include "auids/usage.h"
#include "base/settings.h"
#include "notifier/flight.h"
#include "notifier/follow.h"
#include "notifier/loop.h"
#include "notifier/saver.h"
#include "notifier/sip.h"
#include "store/store.h"

struct auth;          /* auth/auth.h */
struct targets;       /* notifier/target.h */
struct subscriptions; /* notifier/subscription.h */
struct admin;         /* notifier/admin.h */

struct notifier {
	const char *config; /* path */
	int lock;           /* one notifier a store; -1: none yet */
	struct settings *settings;
	struct usages *usages;
	struct loop *loop;
	struct store *store;
	struct saver *saver;
	struct flight *flight;
	bool flight_lost; /* what the former process had on its way is not known */
	struct follow *follow;
	struct sip *sip;
	struct auth *auth;
	struct targets *targets;
	struct subscriptions *subscriptions;
	struct admin *admin;
	bool draining;      /* stopping: takes nothing new */
	struct timer grace; /* .. and waits no longer than this */
};

/* Loads settings and usages. False: problems were told. */
bool notifier_load(const char *config, struct settings **settings_out, struct usages **usages_out,
	FILE *problems);

/* What loading alone does not show: certificates. Nothing is opened for service.
 * False: problems were told. */
bool notifier_check(const struct settings *settings, FILE *problems);

/* Starts all parts, in the order above. The settings and usages are the notifier's from now on. On
 * false problems were told, and *status_out is the exit status; notifier_stop is due either way. */
bool notifier_start(struct notifier *notifier, struct settings *settings, struct usages *usages,
	FILE *problems, int *status_out);
/* The mirror. Returns false when the state could not be written down whole. */
bool notifier_stop(struct notifier *notifier);

/* Loads the configuration anew; a bad one is told, and the former stays in force. */
void notifier_reload(struct notifier *notifier);
/* Takes nothing new, waits for what is on its way (two seconds at most), then stops the loop. */
void notifier_drain(struct notifier *notifier);

#endif
