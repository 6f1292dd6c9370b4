/* links: base xcap */
/* SPDX-License-Identifier: BSD-2-Clause */
/* The input is a request target, a query, a user identifier and a document's name at once. */
#include "xcap/uri.h"
#undef NDEBUG
#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct span domain = { "example.com", 11 };

static void check_xui(struct arena *arena, struct span xui)
{
	struct span again, host = xui_domain(xui);
	assert(xui.size > 0 && xui.size <= URI_XUI_MAX && utf8_valid(xui, NULL));
	assert(xui_canonical(arena, xui, domain, &again) && span_equal(again, xui));
	assert(!host.data
		|| (host.data > xui.data && host.data + host.size <= xui.data + xui.size));
}

static void check_document(struct arena *arena, const struct doc_id *id)
{
	struct doc_id back;
	struct span text = doc_id_text(arena, id);
	assert(id->auid.size > 0 && id->auid.size <= URI_AUID_MAX);
	assert(id->path.size > 0 && id->path.size <= URI_PATH_MAX);
	assert(utf8_valid(id->auid, NULL) && utf8_valid(id->path, NULL));
	assert(!span_find(id->path, '\0', NULL) && !span_find(id->auid, '/', NULL));
	assert(!span_starts(id->path, SPAN("/")) && !span_ends(id->path, SPAN("/")));
	if (id->tree == TREE_USERS)
		check_xui(arena, id->xui);
	else
		assert(id->xui.size == 0);
	assert(text.data && doc_id_parse(arena, text, domain, &back) && doc_id_equal(&back, id));
}

/* What the document's text names below the root is what the target named. */
static void check_target(struct arena *arena, const struct target *target, const char *root)
{
	const struct uri_context context = { span_of(root), domain };
	struct target again;
	const char *why;
	check_document(arena, &target->id);
	struct span text = doc_id_text(arena, &target->id);
	struct span path = arena_format(arena, "%s/%.*s", root, SPAN_ARG(text));
	assert(uri_parse(arena, &context, path, &again, &why) == URI_OK);
	assert(again.whole && !again.has_node && doc_id_equal(&again.id, &target->id));
}

static void check_bindings(const struct bindings *bindings)
{
	for (size_t i = 0; i < bindings->count; i++) {
		assert(bindings->items[i].prefix.size > 0 && bindings->items[i].uri.size > 0);
		assert(utf8_valid(bindings->items[i].uri, NULL));
		for (size_t j = 0; j < i; j++)
			assert(!span_equal(bindings->items[i].prefix, bindings->items[j].prefix));
	}
}

static void parse_below(struct arena *arena, struct span input, const char *root)
{
	const struct uri_context context = { span_of(root), domain };
	struct target target;
	const char *why;
	enum uri_result result = uri_parse(arena, &context, input, &target, &why);
	assert(result != URI_NO_MEMORY && (result == URI_OK) == (why == NULL));
	if (result != URI_OK)
		return;
	assert(target.whole || !target.has_node);
	check_bindings(&target.bindings);
	if (target.whole)
		check_target(arena, &target, root);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *arena = arena_new(4096);
	struct span input = { (const char *)data, size }, xui;
	struct bindings bindings;
	struct doc_id id;
	parse_below(arena, input, "/xcap-root");
	parse_below(arena, input, "");
	if (uri_bindings(arena, input, &bindings))
		check_bindings(&bindings);
	if (xui_canonical(arena, input, domain, &xui))
		check_xui(arena, xui);
	if (doc_id_parse(arena, input, domain, &id))
		check_document(arena, &id);
	arena_free(&arena);
	return 0;
}
