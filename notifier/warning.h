/* SPDX-License-Identifier: BSD-2-Clause */
/* Says in the log, once for each version, when a presence server of Kamailio's kind will read a
 * user's presence rules differently from their standard. The loop's thread. */
#ifndef XCAPD_NOTIFIER_WARNING_H
#define XCAPD_NOTIFIER_WARNING_H

#include "notifier/teller.h"

struct rules_warner; /* opaque: which versions it has spoken of lately */

bool rules_warner_new(struct rules_warner **out);
void rules_warner_free(struct rules_warner **warner);

void rules_warn(struct rules_warner *warner, struct notifier *notifier,
	const struct target_settings *target, const struct telling *telling);

#endif
