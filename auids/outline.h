/* SPDX-License-Identifier: BSD-2-Clause */
/* Which element may hold which: as much of a schema as is needed to tell whether an element was
 * matched by a declaration or slipped through a lax wildcard. XSD validation (libxml2) does not
 * tell. Built once, read by any thread.
 */
#ifndef XCAPD_AUIDS_OUTLINE_H
#define XCAPD_AUIDS_OUTLINE_H

#include "auids/private.h"

#include <libxml/tree.h>

struct outline;

/* NULL without memory. Lives in the arena; outline_free releases the rest. */
struct outline *outline_new(struct arena *arena);
void outline_free(struct outline **outline);

/* Adds one schema file. The tree must live until outline_finish, the namespace as long as the
 * outline. False without memory. */
bool outline_add(struct outline *outline, xmlDoc *schema, const char *space);
/* After all were added. False without memory. */
bool outline_finish(struct outline *outline);

bool outline_declares(const struct outline *outline, const char *local, const char *space);
size_t outline_space_count(const struct outline *outline);
const char *outline_space(const struct outline *outline, size_t index);

/* The first element (or attribute) of a described namespace that nothing describes at its place;
 * NULL when there is none. The document is valid. */
const xmlNode *outline_stranger(const struct outline *outline, xmlDoc *document);

#endif
