/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of this folder know of each other: the shape of a loaded set. Built by one thread
 * (load.c), read-only from then on. All text lives in the set's arena and is NUL-terminated.
 */
#ifndef XCAPD_AUIDS_PRIVATE_H
#define XCAPD_AUIDS_PRIVATE_H

#include "auids/usage.h"

#include <stdatomic.h>

struct schemas; /* schemas.h */

/* An expanded name (Namespaces in XML §2.1). An empty namespace is none. */
struct name {
	const char *local;
	const char *space;
};

enum judge { JUDGE_STRICT, JUDGE_LAX, JUDGE_OFF };
enum who { WHO_OWNER, WHO_ANY, WHO_TRUSTED, WHO_NOBODY };
enum uri_form { FORM_RELATIVE_PATH, FORM_ABSOLUTE, FORM_ABSOLUTE_HTTP };
enum rule_kind { RULE_UNIQUE, RULE_CLAIM, RULE_URI, RULE_KINDS };

/* Says something of every element of one name: of an attribute of it, or of its text. */
struct rule {
	enum rule_kind kind;
	struct name element;
	struct name attribute; /* local == NULL: the element's text */
	struct span scope;     /* claim */
	enum uri_form form;    /* uri, from here on */
	bool required;         /* the attribute must be there */
	struct span auid;      /* the AUID that the URI's path must name; none: any URI */
	bool own_home;         /* and the home must be the document's owner's */
};

struct document_name {
	struct span text;
	bool pattern; /* '*' stands for any octets but '/' */
};

/* What a tree of the usage holds. */
struct branch {
	bool present;
	bool folders;
	enum who read, write;
	bool generated;
	const struct document_name *documents; /* none: any name */
	size_t document_count;
};

struct usage {
	const struct usages *set;
	const char *file; /* its definition .. */
	long line;        /* .. and where the AUID stands in it */
	struct span auid;
	const struct span *aliases;
	size_t alias_count;
	const struct span *advertised; /* namespaces, beside its default one and its schemas' */
	size_t advertised_count;
	struct span media_type;
	struct span default_namespace;
	enum judge judge;
	struct span schema; /* file name; none if there is none */
	long schema_line;
	uint64_t size_cap;
	const struct name *roots;
	size_t root_count;
	struct branch branches[2]; /* by enum tree */
	const struct rule *rules;
	size_t rule_count;
};

/* An AUID or alias. */
struct known_name {
	struct span text;
	const struct usage *usage;
};

struct usages {
	atomic_size_t references;
	struct arena *arena; /* holds this struct too */
	struct usage *items; /* ordered by AUID */
	size_t count;
	struct known_name *names; /* ordered */
	size_t name_count;
	struct schemas *schemas;
	struct span capabilities; /* the generated xcap-caps document .. */
	struct etag capabilities_etag;
};

/* --- while loading --- */

struct loading {
	struct usages *set;
	const char *definitions, *schemas; /* folders */
	FILE *problems;
	size_t problem_count;
};

/* One line: "FILE:LINE: what is wrong" (line 0: "FILE: .."). Returns false. */
bool problem(struct loading *loading, const char *file, long line, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
bool no_memory(struct loading *loading);
/* The same of what a judge found in the file. */
bool problem_conflict(struct loading *loading, const char *file, const struct conflict *why);

/* Reads a whole file and parses it. False: told. The octets live in the set's arena. */
bool load_document(struct loading *loading, const char *path, struct xml_document **out);

/* Fills `out` from a definition that `language` (usage.xsd) has accepted. False: told. */
bool definition_read(struct loading *loading, const struct schemas *language, const char *path,
	struct usage *out);

/* Writes the set's capabilities (RFC 4825 §12) once all is loaded. False without memory. */
bool capabilities_prepare(struct usages *set);

/* The canonical AUID for an AUID or alias; NULL when unknown. */
const struct usage *usages_known(const struct usages *set, struct span name);

#endif
