/* SPDX-License-Identifier: BSD-2-Clause */
/* The entity tags of what we published (RFC 3903 §4.1), by owner, until they expire. A table of
 * fixed size: one that gave way is published anew, which costs the server one more entry until that
 * expires. The loop's thread.
 */
#ifndef XCAPD_NOTIFIER_PUBLICATIONS_H
#define XCAPD_NOTIFIER_PUBLICATIONS_H

#include "base/text.h"

struct publications; /* opaque */

struct publications *publications_new(void); /* NULL without memory */
void publications_free(struct publications **publications);

/* None when there is none that lives. */
struct span publications_find(
	const struct publications *publications, struct span owner, uint64_t now_ms);
/* An empty tag forgets it. One that is too long is not kept. */
void publications_keep(
	struct publications *publications, struct span owner, struct span tag, uint64_t until_ms);

#endif
