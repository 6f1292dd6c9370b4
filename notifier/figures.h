/* SPDX-License-Identifier: BSD-2-Clause */
/* What the notifier says of itself: readiness, and figures in Prometheus' text format. The loop's
 * thread. */
#ifndef XCAPD_NOTIFIER_FIGURES_H
#define XCAPD_NOTIFIER_FIGURES_H

#include "notifier/notifier.h"

/* NULL: it does its work; else why not, a line with its end. */
const char *figures_unready(struct notifier *notifier);
/* None without memory. */
struct span figures_text(struct notifier *notifier, struct arena *arena);

#endif
