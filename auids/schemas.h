/* SPDX-License-Identifier: BSD-2-Clause */
/* The schemas of a set (*.xsd), compiled into one, and what they say of a document (RFC 4825
 * §8.2.5).
 *
 * Files name each other by file name within one folder; nothing else is ever opened, the network
 * least of all. One namespace is described by one file (and those that it includes). Any thread may
 * judge; each judgement has a context of its own.
 */
#ifndef XCAPD_AUIDS_SCHEMAS_H
#define XCAPD_AUIDS_SCHEMAS_H

#include "auids/private.h"

#include <libxml/tree.h>

struct schemas;

void schemas_start(void);
void schemas_stop(void);

/* Loads the named files of loading->schemas and all that these import. False: told. Zero names give
 * a set that knows nothing. */
bool schemas_load(
	struct loading *loading, const struct span *names, size_t count, struct schemas **out);
void schemas_free(struct schemas **schemas); /* leaves NULL behind */

/* The namespaces that the files describe, XML's own left out. */
size_t schemas_namespace_count(const struct schemas *schemas);
const char *schemas_namespace(const struct schemas *schemas, size_t index);

/* Is there a global element of that name? */
bool schemas_declare(const struct schemas *schemas, struct name element);

/* Valid, and without elements or attributes that stand in a described namespace but are not
 * described (lax wildcards let these pass). False: *why is a schema-validation-error with line and
 * element, or of kind CONFLICT_NONE without memory. Contents are not quoted. */
bool schemas_accept(const struct schemas *schemas, xmlDoc *document, struct conflict *why);

#endif
