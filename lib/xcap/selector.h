/* SPDX-License-Identifier: BSD-2-Clause */
/* Node selectors: from the text after "/~~/" to a place in a document (RFC 4825 §6.3, §6.4).
 *
 * A selector is evaluated on the document's octets, one step after the other: names compare
 * expanded, predicates in their order, and each step must choose exactly one element (there is no
 * backtracking). Pure text: any thread; a selector may be shared once it is parsed.
 */
#ifndef XCAPD_XCAP_SELECTOR_H
#define XCAPD_XCAP_SELECTOR_H

#include "xcap/scan.h"
#include "xcap/uri.h"

enum { SELECTOR_STEPS_MAX = 256 }; /* the judge takes no deeper document */

enum selector_terminal {
	SELECTOR_ELEMENT,    /* ends in a step */
	SELECTOR_ATTRIBUTE,  /* ends in @name */
	SELECTOR_NAMESPACES, /* ends in namespace::* */
};

enum selector_result {
	SELECTOR_OK,
	SELECTOR_MALFORMED, /* 400: bad %XX, not UTF-8, an empty step, a bracket or quote that never
			       ends, an attribute value that XML does not allow, too many steps */
	SELECTOR_UNBOUND,   /* 400: a prefix that no xmlns() of the query binds */
	SELECTOR_EXTENSION, /* 404: a step of another kind, which the grammar leaves to extensions
			     */
	SELECTOR_NO_MEMORY,
};

/* An expanded name. */
struct expanded {
	struct span prefix; /* as the selector has it */
	struct span local;
	struct span space; /* namespace; empty for none */
};

struct step {
	bool any; /* "*" */
	struct expanded name;
	bool has_position, has_attribute;
	size_t position; /* 0 chooses nothing */
	struct expanded attribute;
	struct span value; /* of the attribute: what it means */
	size_t text_end;   /* where the step ends in the selector's text */
};

struct selector {
	struct span text; /* decoded */
	const struct step *steps;
	size_t count; /* at least 1 */
	enum selector_terminal terminal;
	struct expanded attribute; /* of SELECTOR_ATTRIBUTE */
};

/* `encoded_node` is the raw text after "/~~/" without the query; it is percent-decoded once, then
 * read, so that a '/' or a bracket inside a quoted value belongs to the value. Unprefixed element
 * names take `default_namespace` (none or empty: no namespace). The prefix xml is always bound.
 * Everything of *out lives in the arena or in the bindings. When it is not SELECTOR_OK, *why_out is
 * a short phrase for the answer. */
enum selector_result selector_parse(struct arena *arena, struct span encoded_node,
	const struct bindings *bindings, struct span default_namespace, struct selector **out,
	const char **why_out);

enum selector_terminal selector_terminal(const struct selector *selector);

/* The first `steps` steps, percent-encoded: names the element that they choose in a URI. */
struct span selector_prefix(struct arena *arena, const struct selector *selector, size_t steps);

/* What a selector chooses. start..end is an element from its start tag to its end tag (for
 * namespace::* too), or an attribute's value without its quotes; whole_start..whole_end the same
 * element, or the attribute with its name and quotes. The offsets hold when count is 1. */
struct found {
	size_t count; /* 0, 1, or 2 for many */
	size_t start, end;
	size_t whole_start, whole_end;
};

/* False: the octets cannot be scanned, which never happens to a document that was judged. */
bool selector_find(const struct selector *selector, struct span document, struct found *out);

/* The body of a GET of an element or attribute: octets as they are stored, an attribute's value
 * without its quotes and with its references (RFC 4825 §8.3). Call when found->count is 1. */
struct span found_octets(const struct found *found, struct span document);

/* For edits and diffs: the elements that the steps chose, the root first. */
struct trail {
	struct span document;
	size_t count; /* what the last step looked at chose: 0, 1, 2 = many */
	size_t depth; /* how many steps chose exactly one element */
	struct tag tags[SELECTOR_STEPS_MAX + 1]; /* the one at `depth` is scratch */
};

/* Takes the first `steps` steps, as far as they choose: all of them did when out->depth == steps.
 * With no steps the context is the document itself. False as selector_find. */
bool selector_walk(
	const struct selector *selector, struct span document, size_t steps, struct trail *out);

/* Finds the attribute at trail->tags[depth - 1]; expanded names compare (xmlns is never one). */
bool trail_attribute(const struct trail *trail, size_t depth, const struct expanded *name,
	struct attribute *out);

/* The children of the last element on the trail (of the document, when depth is 0) whose names
 * match the step: what the rules of RFC 4825 §8.2.3 need to place another. */
struct siblings {
	size_t count;
	size_t first_start; /* of the first one, when count > 0 */
	size_t before_end;  /* past number position - 1, when has_position and position > 1 and
			       there are so many */
	size_t last_end;    /* past the last one, when count > 0 */
	size_t content_end; /* where the parent's end tag begins; after an empty-element tag its
			       end */
};

bool trail_siblings(struct trail *trail, const struct step *step, struct siblings *out);

#endif
