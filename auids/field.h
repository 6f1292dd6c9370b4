/* SPDX-License-Identifier: BSD-2-Clause */
/* Node selectors for a place in a document, as xcap-error's field attribute wants them (RFC 4825
 * §11.1): relative to the document, percent-encoded, with a query where prefixes are needed.
 */
#ifndef XCAPD_AUIDS_FIELD_H
#define XCAPD_AUIDS_FIELD_H

#include "auids/private.h"

#include <libxml/tree.h>

/* Selects exactly that element, or its attribute when attribute.local is set. Unprefixed steps are
 * in the default document namespace. data == NULL without memory. */
struct span field_select(struct arena *arena, struct span default_namespace, const xmlNode *element,
	struct name attribute);

#endif
