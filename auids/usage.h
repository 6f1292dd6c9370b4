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

struct selector; /* xcap/selector.h */
struct usages;   /* opaque: a loaded set */
struct usage;    /* opaque: one of it; lives as long as the set */

/* Once, before any thread starts, and once at the end: libxml2's schema types, the key of our
 * hashes, and a loader that opens nothing but local files, for the whole process. */
void usages_start(void);
void usages_stop(void);

/* Loads every *.xml of `definitions`. False: problems were told, a line each, with file and line.
 * The new set has one reference. */
bool usages_load(struct usages **out, const char *definitions, const char *schemas, FILE *problems);
/* The same with one more definition, which takes the place of the file of the same name. NULL:
 * none.
 */
bool usages_load_draft(struct usages **out, const char *definitions, const char *schemas,
	const char *draft, FILE *problems);
struct usages *usages_ref(struct usages *usages);
void usages_unref(struct usages **usages); /* leaves NULL behind; the last one frees */

/* By AUID or alias; NULL when unknown. */
const struct usage *usages_find(const struct usages *usages, struct span auid);
size_t usages_count(const struct usages *usages);
const struct usage *usages_at(const struct usages *usages, size_t index); /* ordered by AUID */

struct span usage_auid(const struct usage *usage); /* canonical, also when an alias was asked for */
struct span usage_media_type(const struct usage *usage);
struct span usage_default_namespace(const struct usage *usage);

/* Who makes the documents of a tree. */
enum generated {
	GENERATED_NOT,          /* those who may write them */
	GENERATED_CAPABILITIES, /* usage_generate */
	GENERATED_DIRECTORY,    /* a list of the owner's documents */
	GENERATED_CLAIMS,       /* all that is claimed on the server: usage_shown */
};

/* Of the tree that the document is in; GENERATED_NOT too when the usage has no such tree, unless it
 * generates all it has. */
enum generated usage_generated(const struct usage *usage, const struct doc_id *id);
uint64_t usage_size_cap(const struct usage *usage); /* octets; 0: none beyond limits.document */

/* What a change of a document means for others: the notifier's business. */
struct notice {
	struct span event;  /* a SIP event package: "presence" */
	struct span effect; /* "authorization", "composition", "lists", "services", "telephony",
			       "icon" */
};

size_t usage_notices(const struct usage *usage, const struct notice **out);

/* Prints what the definition says, a line a fact. */
void usage_describe(const struct usage *usage, struct buffer *to);

/* --- naming --- */

/* Puts the canonical AUID and document name in the place of aliases. */
void usage_canonical(const struct usage *usage, struct doc_id *id);

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

/* Is a claim still to be had? */
typedef bool claim_free(void *context, const struct claim *claim);

/* What a STORE_TAKEN write is told: uniqueness-failure naming the claim's place in the body (which
 * was accepted before), with other values to try, which are free now. */
void usage_taken(const struct usage *usage, struct arena *arena, struct span body,
	const struct claim *claim, claim_free *is_free, void *context, struct conflict *why);

/* The document that has to exist from the start; none: there is no such thing. Lives as long as the
 * usage. */
struct span usage_template(
	const struct usage *usage, const struct doc_id *id, struct etag *etag_out);

bool usage_has_view(const struct usage *usage);

/* What the document shows to somebody whose Accept asks for it rather than for the document itself
 * (an image in base64, say). False: nothing; the document is the answer. */
bool usage_view(const struct usage *usage, struct arena *arena, struct span accept,
	struct span body, struct span *type_out, struct span *octets_out);

/* --- generated documents --- */

/* GENERATED_CAPABILITIES. The document's octets, copied into the arena, and an etag that changes
 * with them. False: there is no such document, or no memory. */
bool usage_generate(const struct usages *usages, const struct usage *usage, struct arena *arena,
	const struct doc_id *id, struct span *body_out, struct etag *etag_out);

/* An etag that follows from the octets of a generated document. */
struct etag usage_octets_etag(struct span octets);

/* GENERATED_CLAIMS: the scope whose claims' contents make up the document, and what stands before
 * and behind them. False without memory. */
struct shown {
	struct span scope, before, behind;
};

bool usage_shown(const struct usage *usage, struct arena *arena, struct shown *out);

/* Does the selector choose by the claimed attribute, so that one claim is all that it can be about?
 * Then *value_out is that claim's value, to be looked up; none without memory. */
bool usage_shown_one(const struct usage *usage, struct arena *arena,
	const struct selector *selector, struct span *value_out);

#endif
