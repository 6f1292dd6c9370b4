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
	bool draining; /* stopping: takes nothing new */
};

/* A reload: settings and usages were replaced, the former ones live until this returns. The parts'
 * *_reload functions are called in the order of their start. */

#endif
