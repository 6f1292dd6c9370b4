/* SPDX-License-Identifier: BSD-2-Clause */
/* Application usages as data (RFC 4825 §5): what a document is, who may touch it, is its content
 * allowed.
 *
 * A set is loaded from definition files (XML, in auids) and schemas (XSD, in schemas) and never
 * changes after that; it is reference-counted, so that a reload swaps it under running requests.
 * Any thread may ask.
 */
#ifndef XCAPD_AUIDS_USAGE_H
#define XCAPD_AUIDS_USAGE_H

#include "xcap/claim.h"
#include "xcap/conflict.h"
#include "xcap/etag.h"
#include "xcap/principal.h"
#include "xcap/uri.h"
#include "xcap/xml.h"

#include <stdio.h>

struct usages; /* opaque: a loaded set */
struct usage;  /* opaque: one of it; lives as long as the set */

/* Once, before any thread starts, and once at the end: libxml2's schema types, the key of our
 * hashes, and a loader that opens nothing but local files, for the whole process. */
void usages_start(void);
void usages_stop(void);

/* Loads every *.xml of `definitions`. False: problems were told, a line each, with file and line.
 * The new set has one reference. */
bool usages_load(struct usages **out, const char *definitions, const char *schemas, FILE *problems);
struct usages *usages_ref(struct usages *usages);
void usages_unref(struct usages **usages); /* leaves NULL behind; the last one frees */

/* By AUID or alias; NULL when unknown. */
const struct usage *usages_find(const struct usages *usages, struct span auid);
size_t usages_count(const struct usages *usages);
const struct usage *usages_at(const struct usages *usages, size_t index); /* ordered by AUID */

struct span usage_auid(const struct usage *usage); /* canonical, also when an alias was asked for */
struct span usage_media_type(const struct usage *usage);
struct span usage_default_namespace(const struct usage *usage);
bool usage_generated(
	const struct usage *usage); /* documents come from usage_generate, nobody writes */
uint64_t usage_size_cap(const struct usage *usage); /* octets; 0: none beyond limits.document */

/* --- naming --- */

/* May a document stand here: tree, folder, name? If not, *why says so (no-parent for a folder that
 * the usage does not have, constraint-failure for a name). Reading what may not be there is simply
 * a 404. */
bool usage_allows_name(const struct usage *usage, const struct doc_id *id, struct conflict *why);

/* --- access --- */

enum access_kind { ACCESS_READ, ACCESS_WRITE };

/* RFC 4825 §5.7 unless the definition says otherwise: own tree, global readable; readers read
 * everything, admins do everything but write what is generated. */
bool usage_permits(const struct usage *usage, const struct principal *who, const struct doc_id *id,
	enum access_kind access);

/* --- content --- */

/* What judging a document yields for the store. Lives in the arena. */
struct verdict {
	const struct claim *claims;
	size_t claim_count;
};

/* Well-formed, UTF-8, the usage's schema, its uniqueness and URI rules, in that order (RFC 4825
 * §8.2.2, §8.2.5). False: *why says what, where and why, without quoting the document; its kind is
 * CONFLICT_NONE when memory ran out. */
bool usage_accepts(const struct usage *usage, struct arena *arena, const struct doc_id *id,
	struct span body, const struct xml_limits *limits, struct verdict *verdict_out,
	struct conflict *why);

/* What a STORE_TAKEN write is told: uniqueness-failure naming the claim's place in the body (which
 * was accepted before), with other values to try. */
void usage_taken(const struct usage *usage, struct arena *arena, struct span body,
	const struct claim *claim, struct conflict *why);

/* --- generated documents --- */

/* The document's octets, copied into the arena, and an etag that changes with them. False: there is
 * no such document, or no memory. */
bool usage_generate(const struct usages *usages, const struct usage *usage, struct arena *arena,
	const struct doc_id *id, struct span *body_out, struct etag *etag_out);

#endif
