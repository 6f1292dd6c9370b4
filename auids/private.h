/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of this folder know of each other: the shape of a loaded set. Built by one thread
 * (load.c), read-only from then on. All text lives in the set's arena and is NUL-terminated.
 */
#ifndef XCAPD_AUIDS_PRIVATE_H
#define XCAPD_AUIDS_PRIVATE_H

#include "auids/usage.h"

#include <stdatomic.h>

struct schemas;    /* schemas.h */
struct stylesheet; /* stylesheet.h */

/* An expanded name (Namespaces in XML §2.1). An empty namespace is none. */
struct name {
	const char *local;
	const char *space;
};

enum judge { JUDGE_STRICT, JUDGE_LAX, JUDGE_OFF };
enum who { WHO_OWNER, WHO_ANY, WHO_TRUSTED, WHO_NOBODY };
enum uri_form {
	FORM_RELATIVE_PATH,
	FORM_ABSOLUTE,
	FORM_ABSOLUTE_HTTP,
	FORM_OWNER,
	FORM_OWNER_DOMAIN
};
enum rule_kind { RULE_UNIQUE, RULE_CLAIM, RULE_URI, RULE_KINDS };

/* Says something of every element of one name: of an attribute of it, or of its text. */
struct rule {
	enum rule_kind kind;
	struct name element;
	struct name attribute; /* local == NULL: the element's text */
	struct span scope;     /* claim, up to apart_from_users */
	struct span shown;     /* documents of this name show what they claim; none: no document */
	bool apart_from_users; /* no user's name may be claimed */
	enum uri_form form;    /* uri, from here on */
	bool required;         /* the attribute must be there */
	struct span auid;      /* the AUID that the URI's path must name; none: any URI */
	bool own_home;         /* and the home must be the document's owner's */
	struct span phrase;    /* what is told instead of our own words; none: these */
};

struct document_name {
	struct span text;
	bool pattern;              /* '*' stands for any octets but '/' */
	struct span alias;         /* another name of the same document; none if there is none */
	struct span template_file; /* in the folder of the definitions; none: no template */
	long line;
	struct span template; /* its octets */
	struct etag template_etag;
};

/* What a tree of the usage holds. */
struct branch {
	bool present;
	bool folders;
	enum who read, write;
	enum generated generated;
	struct document_name *documents; /* none: any name */
	size_t document_count;
};

/* How a document is shown to somebody who asks for another media type. */
struct view {
	struct span accept; /* the start of that type; none: there is no view */
	struct name content, type;
	const struct span *types; /* those that may be shown */
	size_t type_count;
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
	struct span schema;            /* file name; none if there is none */
	const struct span *extensions; /* further schemas' file names */
	size_t extension_count;
	long schema_line;
	struct span stylesheet_file; /* none if there is none */
	struct stylesheet *stylesheet;
	struct view view;
	uint64_t size_cap;
	const struct name *roots;
	size_t root_count;
	struct branch branches[2]; /* by enum tree */
	const struct rule *rules;
	size_t rule_count;
	const struct notice *notices;
	size_t notice_count;
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
	const char *draft;                 /* one more definition; NULL: none */
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
bool load_document(struct loading *loading, const char *path, struct xml_document **out,
	struct span *octets_out); /* may be NULL */

/* Fills `out` from a definition that `language` (usage.xsd) has accepted. False: told. */
bool definition_read(struct loading *loading, const struct schemas *language, const char *path,
	struct usage *out);

/* Compiles the stylesheet, reads and judges the templates, once schemas are there. False: told. */
bool stylesheet_attach(struct loading *loading, struct usage *usage);
bool templates_attach(struct loading *loading, struct usage *usage);

/* --- judging --- */

/* Root, schema, rules and stylesheet, of a document that parsed (judge.c). */
bool content_fits(const struct usage *usage, struct arena *arena, const struct doc_id *id,
	const struct xml_document *document, struct span body, struct verdict *verdict_out,
	struct conflict *why);

/* The entry that names this document; NULL when none does, or when any name may stand here. */
const struct document_name *document_entry(const struct usage *usage, const struct doc_id *id);

/* Writes the set's capabilities (RFC 4825 §12) once all is loaded. False without memory. */
bool capabilities_prepare(struct usages *set);

/* The canonical AUID for an AUID or alias; NULL when unknown. */
const struct usage *usages_known(const struct usages *set, struct span name);

#endif
