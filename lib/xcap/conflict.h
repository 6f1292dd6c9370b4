/* SPDX-License-Identifier: BSD-2-Clause */
/* Why a change is refused, and the body that says so: the xcap-error document of RFC 4825 §11.
 * Whoever refuses fills a struct conflict; nobody else writes xcap-error. Pure text: any thread.
 */
#ifndef XCAPD_XCAP_CONFLICT_H
#define XCAPD_XCAP_CONFLICT_H

#include "base/text.h"

/* One line: an enum member and its element's name (RFC 4825 §11.1). */
#define CONFLICTS(X)                                          \
	X(NOT_WELL_FORMED, "not-well-formed")                 \
	X(NOT_XML_FRAG, "not-xml-frag")                       \
	X(NO_PARENT, "no-parent")                             \
	X(SCHEMA_VALIDATION_ERROR, "schema-validation-error") \
	X(NOT_XML_ATT_VALUE, "not-xml-att-value")             \
	X(CANNOT_INSERT, "cannot-insert")                     \
	X(CANNOT_DELETE, "cannot-delete")                     \
	X(UNIQUENESS_FAILURE, "uniqueness-failure")           \
	X(CONSTRAINT_FAILURE, "constraint-failure")           \
	X(NOT_UTF_8, "not-utf-8")

#define CONFLICT_MEMBER(name, element) CONFLICT_##name,
enum conflict_kind { CONFLICT_NONE, CONFLICTS(CONFLICT_MEMBER) CONFLICT_COUNT };
#undef CONFLICT_MEMBER

/* One <exists field=".."> of a uniqueness failure; alternatives become <alt-value>. */
struct conflict_field {
	struct span field; /* a node selector, percent-encoded, with its query where prefixes are
			      needed */
	const struct span *alternatives;
	size_t alternative_count;
	struct conflict_field *next;
};

/* Zero-initialise with the arena set. */
struct conflict {
	struct arena *arena;
	enum conflict_kind kind;
	struct span phrase;   /* for people; for a schema error it names line and element */
	struct span ancestor; /* no-parent: URI of the closest ancestor that exists; none if there
				 is none */
	struct conflict_field *fields;
};

const char *conflict_element(enum conflict_kind kind);

/* Sets kind and phrase; returns false, so that a check can end with `return conflict_set(..)`. */
bool conflict_set(struct conflict *why, enum conflict_kind kind, const char *phrase, ...)
	__attribute__((format(printf, 3, 4)));
/* Appends a field to a uniqueness failure. */
void conflict_field(
	struct conflict *why, struct span field, const struct span *alternatives, size_t count);

/* The document, valid against RFC 4825 §11.2; data == NULL without memory. */
struct span conflict_body(struct arena *arena, const struct conflict *why);

#endif
