/* SPDX-License-Identifier: BSD-2-Clause */
/* The notifier's /healthz, /readyz and /metrics on notifier.admin-listen, served from the loop. */
#ifndef XCAPD_NOTIFIER_ADMIN_H
#define XCAPD_NOTIFIER_ADMIN_H

#include "notifier/notifier.h"

bool admin_new(struct admin **out, struct notifier *notifier, FILE *problems);
void admin_free(struct admin **admin);

#endif
