/* SPDX-License-Identifier: BSD-2-Clause */
/* Arenas between two requests: a few are kept, so that a request seldom has to ask for memory. Any
 * thread.
 */
#ifndef XCAPD_XCAPD_SPARE_H
#define XCAPD_XCAPD_SPARE_H

#include "base/arena.h"

#include <stdbool.h>

struct spares; /* opaque */

bool spares_new(struct spares **out); /* false without memory */
void spares_free(struct spares **spares);

/* As new; NULL without memory. */
struct arena *spares_take(struct spares *spares);
/* Everything in it is gone. */
void spares_give(struct spares *spares, struct arena **arena);

#endif
