/* SPDX-License-Identifier: BSD-2-Clause */
/* Rules that the definition language does not know, as an XSLT stylesheet that is shown the
 * document and answers with the content of an xcap-error (RFC 4825 §11), or with nothing when all
 * is well.
 *
 * Compiled once, read by any thread. Fenced: no file or network is read or written, nothing is
 * imported or included, instructions and depth are limited.
 */
#ifndef XCAPD_AUIDS_STYLESHEET_H
#define XCAPD_AUIDS_STYLESHEET_H

#include "auids/private.h"

#include <libxml/tree.h>

void stylesheets_start(void);
void stylesheets_stop(void);

/* False: told. */
bool stylesheet_load(struct loading *loading, const char *path, struct stylesheet **out);
void stylesheet_free(struct stylesheet **stylesheet); /* leaves NULL behind */

/* False: what the stylesheet says, a constraint-failure when it cannot be evaluated within its
 * limits, CONFLICT_NONE without memory. It knows the parameters auid, tree, xui and path. */
bool stylesheet_accept(const struct stylesheet *stylesheet, struct arena *arena,
	const struct doc_id *id, xmlDoc *document, struct conflict *why);

#endif
