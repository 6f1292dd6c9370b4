/* SPDX-License-Identifier: BSD-2-Clause */
/* From a raw HTTP request target to what it names (RFC 4825 §6).
 *
 *     ROOT/AUID/users/XUI/PATH[/~~/NODE][?QUERY]      ROOT/AUID/global/PATH[/~~/NODE][?QUERY]
 *
 * The target is taken as it stood on the request line. Each path segment is percent-decoded exactly
 * once after it was separated; `~~` and `%7E%7E` both separate the node selector. Pure text: any
 * thread.
 */
#ifndef XCAPD_XCAP_URI_H
#define XCAPD_XCAP_URI_H

#include "base/text.h"

enum { URI_AUID_MAX = 64, URI_XUI_MAX = 255, URI_PATH_MAX = 180 }; /* octets, after decoding */

enum { URI_BINDINGS_MAX = 64 }; /* expressions of one query */

enum tree { TREE_USERS, TREE_GLOBAL };

/* Which document: all spans decoded. xui is canonical (see xui_canonical) and empty in the global
 * tree. path is what stands below the home, its segments joined by '/': "index",
 * "oma_status-icon/rcs". */
struct doc_id {
	struct span auid;
	enum tree tree;
	struct span xui;
	struct span path;
};

/* One xmlns(prefix=uri) of the query (RFC 4825 §6.4). */
struct binding {
	struct span prefix;
	struct span uri;
};

struct bindings {
	const struct binding *items;
	size_t count;
};

/* What a request target names. Everything lives in the arena given to uri_parse. */
struct target {
	struct doc_id id; /* as far as it goes: see `whole` */
	bool whole;    /* the target names a document (or a part of one); false: root, AUID, tree or
			  home */
	bool has_node; /* a node selector follows, maybe an empty one */
	struct span node; /* still percent-encoded: selector.h decodes it, quotes in mind */
	struct bindings bindings;
};

enum uri_result {
	URI_OK,
	URI_OUTSIDE,   /* not below the XCAP root, or neither `users` nor `global`: 404 */
	URI_MALFORMED, /* bad %XX, NUL, '.' or '..' segment, empty segment, not UTF-8, bad query:
			  400 */
	URI_TOO_LONG,  /* 414 */
	URI_NO_MEMORY,
};

struct uri_context {
	struct span root_path;      /* path of the XCAP root URI, "/xcap-root" or "/" */
	struct span default_domain; /* completes a bare XUI */
};

/* Takes origin-form and absolute-form targets (of any authority). Tolerates, for real clients: one
 * slash after the document selector, and `%3Fxmlns(..)` in a node selector, outside quotes, as the
 * query. When it is not URI_OK, *why_out is a short phrase for the answer. */
enum uri_result uri_parse(struct arena *arena, const struct uri_context *context,
	struct span target, struct target *out, const char **why_out);

/* One canonical form for one user: "alice" and "alice@Example.COM" become "sip:alice@example.com";
 * a scheme is lower-cased, a host too; "tel:+1-555" loses its visual separators (RFC 3966 §3).
 * False when it is no XUI at all (empty, control characters, over URI_XUI_MAX) or without memory.
 */
bool xui_canonical(
	struct arena *arena, struct span xui, struct span default_domain, struct span *out);

/* The domain of a canonical XUI; none for tel: */
struct span xui_domain(struct span xui);

/* The query's xmlns() expressions; other xpointer schemes are skipped, ^-escapes undone (RFC 4825
 * §6.4). False when it is malformed or without memory. */
bool uri_bindings(struct arena *arena, struct span raw_query, struct bindings *out);

/* "AUID/users/XUI/PATH" or "AUID/global/PATH", with every octet escaped that a path segment must
 * escape. */
struct span doc_id_text(struct arena *arena, const struct doc_id *id);
/* The reverse, for admins: "AUID/users/XUI/PATH" relative to the root, encoded or not. */
bool doc_id_parse(
	struct arena *arena, struct span text, struct span default_domain, struct doc_id *out);
bool doc_id_equal(const struct doc_id *a, const struct doc_id *b);

#endif
