/* SPDX-License-Identifier: BSD-2-Clause */
#include "xcap/patch_private.h"

bool patch_starve(struct patcher *patcher)
{
	patcher->starved = true;
	return false;
}

bool patch_fits(struct patcher *patcher)
{
	if (patcher->ops->failed || patcher->path.failed)
		return patch_starve(patcher);
	return patcher->ops->size <= patcher->most;
}

/* --- namespaces (RFC 5261 §4.3.3, §4.5.3) --- */

enum { DECLARATIONS_MOST = 64 }; /* in a patch: each may cost a walk over the document */

static bool names_prefix(const xmlNs *ns, const xmlChar *prefix)
{
	return ns && xmlStrEqual(ns->prefix, prefix);
}

/* Does a name use the prefix, or another element than `top` declare it? */
static bool mentions(const xmlNode *element, const xmlChar *prefix, const xmlNode *top)
{
	if (names_prefix(element->ns, prefix))
		return true;
	for (const xmlAttr *attribute = element->properties; attribute; attribute = attribute->next)
		if (names_prefix(attribute->ns, prefix))
			return true;
	for (const xmlNs *ns = element->nsDef; ns && element != top; ns = ns->next)
		if (names_prefix(ns, prefix))
			return true;
	for (const xmlNode *child = element->children; child; child = child->next)
		if (child->type == XML_ELEMENT_NODE && mentions(child, prefix, top))
			return true;
	return false;
}

static const xmlNs *declaration_of(const xmlNode *element, const xmlChar *prefix)
{
	const xmlNs *ns = element->nsDef;
	while (ns && !names_prefix(ns, prefix))
		ns = ns->next;
	return ns;
}

/* Is that declaration of `there` to be taken out, or put in? */
static bool differs(const xmlNode *there, const xmlNs *ns, const xmlNode *other)
{
	const xmlNs *same = declaration_of(other, ns->prefix);
	return patch_declares_anew(there, ns)
	       && !(same && patch_declares_anew(other, same) && xmlStrEqual(same->href, ns->href));
}

static bool is_free(struct patcher *patcher, const xmlNode *old, const xmlNs *ns)
{
	return ns->prefix && patcher->declarations++ < DECLARATIONS_MOST
	       && !mentions(old, ns->prefix, old);
}

/* A declaration that is not in use in the former version may change alone; no other. */
static bool can_change(struct patcher *patcher, const xmlNode *old, const xmlNode *now)
{
	for (const xmlNs *ns = old->nsDef; ns; ns = ns->next)
		if (differs(old, ns, now) && !is_free(patcher, old, ns))
			return false;
	for (const xmlNs *ns = now->nsDef; ns; ns = ns->next) {
		if (!differs(now, ns, old))
			continue;
		const xmlNs *there = declaration_of(old, ns->prefix);
		if (!is_free(patcher, old, ns) || (there && !differs(old, there, now)))
			return false;
	}
	return true;
}

static bool patch_declarations(struct patcher *patcher, const xmlNode *old, const xmlNode *now)
{
	struct span here = buffer_span(&patcher->path);
	for (const xmlNs *ns = old->nsDef; ns; ns = ns->next) {
		if (!differs(old, ns, now))
			continue;
		struct span sel = arena_format(patcher->arena, "%.*s/namespace::%s", SPAN_ARG(here),
			(const char *)ns->prefix);
		if (!sel.data)
			return patch_starve(patcher);
		patch_op_text(patcher->ops, &(struct patch_op){ .name = "remove" }, sel, SPAN(""));
		if (!patch_fits(patcher))
			return false;
	}
	for (const xmlNs *ns = now->nsDef; ns; ns = ns->next) {
		if (!differs(now, ns, old))
			continue;
		struct patch_op op = { .name = "add" };
		op.type = arena_format(patcher->arena, "namespace::%s", (const char *)ns->prefix);
		struct span space = patch_space(patcher->arena, ns);
		if (!op.type.data || !space.data)
			return patch_starve(patcher);
		patch_op_text(patcher->ops, &op, here, space);
		if (!patch_fits(patcher))
			return false;
	}
	return true;
}

/* --- attributes --- */

/* How it is named in an operation, and the namespace that its prefix needs there. */
static struct span name_attribute(struct patcher *patcher, const xmlAttr *attribute,
	struct binding *binding, struct bindings *out)
{
	const xmlNs *ns = attribute->ns;
	*out = (struct bindings){ binding, 0 };
	if (!ns)
		return span_of((const char *)attribute->name);
	binding->prefix = span_of((const char *)ns->prefix);
	binding->uri = patch_space(patcher->arena, ns);
	out->count = !span_equal(binding->prefix, SPAN("xml"));
	if (!binding->uri.data)
		return binding->uri;
	return arena_format(
		patcher->arena, "%s:%s", (const char *)ns->prefix, (const char *)attribute->name);
}

static bool change_attribute(
	struct patcher *patcher, const char *operation, const xmlAttr *attribute, struct span value)
{
	struct binding binding;
	struct bindings declared;
	struct patch_op op = { .name = operation, .declared = &declared };
	struct span name = name_attribute(patcher, attribute, &binding, &declared);
	struct span sel = arena_format(patcher->arena, "%.*s/@%.*s",
		SPAN_ARG(buffer_span(&patcher->path)), SPAN_ARG(name));
	if (!name.data || !sel.data || !value.data)
		return patch_starve(patcher);
	patch_op_text(patcher->ops, &op, sel, value);
	return patch_fits(patcher);
}

static bool add_attribute(struct patcher *patcher, const xmlAttr *attribute)
{
	struct binding binding;
	struct bindings declared;
	struct span name = name_attribute(patcher, attribute, &binding, &declared);
	struct span value = patch_value(patcher->arena, attribute);
	if (!name.data || !value.data)
		return patch_starve(patcher);
	patch_op_attribute(patcher->ops, name, &declared, buffer_span(&patcher->path), value);
	return patch_fits(patcher);
}

/* Old ones go and change before new ones come: another prefix may stand for the same namespace. */
static bool patch_old_attributes(
	struct patcher *patcher, const xmlAttr *const *old, const xmlAttr *const *now)
{
	while (*old) {
		int order = *now ? patch_attribute_order(*old, *now) : -1;
		if (order < 0) {
			if (!change_attribute(patcher, "remove", *old++, SPAN("")))
				return false;
			continue;
		}
		if (!order) {
			struct span former = patch_value(patcher->arena, *old++);
			struct span value = patch_value(patcher->arena, *now);
			if ((!former.data || !span_equal(former, value))
				&& !change_attribute(patcher, "replace", *now, value))
				return false;
		}
		now++;
	}
	return true;
}

static bool patch_new_attributes(
	struct patcher *patcher, const xmlAttr *const *old, const xmlAttr *const *now)
{
	while (*now) {
		int order = *old ? patch_attribute_order(*old, *now) : 1;
		if (order > 0 && !add_attribute(patcher, *now))
			return false;
		old += order <= 0;
		now += order >= 0;
	}
	return true;
}

static bool patch_all_attributes(struct patcher *patcher, const xmlNode *old, const xmlNode *now)
{
	if (!old->properties && !now->properties)
		return true;
	const xmlAttr **left = patch_attributes(patcher->arena, old);
	const xmlAttr **right = patch_attributes(patcher->arena, now);
	if (!left || !right)
		return patch_starve(patcher);
	return patch_old_attributes(patcher, left, right)
	       && patch_new_attributes(patcher, left, right);
}

/* --- both --- */

static bool same_name(const xmlNode *a, const xmlNode *b)
{
	const xmlNs *left = a->ns, *right = b->ns;
	return xmlStrEqual(a->name, b->name)
	       && (left == right
		       || (left && right && xmlStrEqual(left->prefix, right->prefix)
			       && xmlStrEqual(left->href, right->href)));
}

bool patch_can_stay(struct patcher *patcher, const xmlNode *old, const xmlNode *now)
{
	return same_name(old, now) && can_change(patcher, old, now);
}

bool patch_start_tag(struct patcher *patcher, const xmlNode *old, const xmlNode *now)
{
	return patch_declarations(patcher, old, now) && patch_all_attributes(patcher, old, now);
}
