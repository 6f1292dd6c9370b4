/* SPDX-License-Identifier: BSD-2-Clause */
#include "xcapd/location.h"

/* As xmlns() wants it: parentheses and circumflexes escaped, then what a URI cannot hold. */
static struct span pointer_data(struct arena *arena, struct span uri)
{
	struct buffer text = { .arena = arena };
	for (size_t i = 0; i < uri.size; i++) {
		if (uri.data[i] == '(' || uri.data[i] == ')' || uri.data[i] == '^')
			buffer_octet(&text, '^');
		buffer_octet(&text, uri.data[i]);
	}
	return text.failed ? buffer_span(&text) : percent_encode(arena, buffer_span(&text), ":/");
}

static void add_bindings(struct buffer *uri, const struct bindings *bindings)
{
	for (size_t i = 0; i < bindings->count; i++) {
		const struct binding *binding = &bindings->items[i];
		struct span prefix = percent_encode(uri->arena, binding->prefix, NULL);
		struct span data = pointer_data(uri->arena, binding->uri);
		uri->failed |= !prefix.data || !data.data;
		buffer_text(uri, i ? "xmlns(" : "?xmlns(");
		buffer_append(uri, prefix);
		buffer_octet(uri, '=');
		buffer_append(uri, data);
		buffer_octet(uri, ')');
	}
}

static void add_document(const struct request *request, const struct doc_id *id, struct buffer *uri)
{
	const struct settings *settings = request->live->settings;
	struct span document = doc_id_text(request->arena, id);
	buffer_append(uri, settings->http.root_origin);
	if (!span_equal_text(settings->http.root_path, "/"))
		buffer_append(uri, settings->http.root_path);
	buffer_octet(uri, '/');
	buffer_append(uri, document);
	uri->failed |= !document.data;
}

struct span location_of(const struct request *request, const struct doc_id *id)
{
	struct buffer uri = { .arena = request->arena };
	add_document(request, id, &uri);
	return buffer_span(&uri);
}

struct span location(const struct request *request, struct span node)
{
	struct buffer uri = { .arena = request->arena };
	add_document(request, &request->target.id, &uri);
	if (node.size) {
		buffer_text(&uri, "/~~/");
		buffer_append(&uri, percent_encode(request->arena, node, "%/:@!$&'()*+,;=?"));
		add_bindings(&uri, &request->target.bindings);
	}
	return buffer_span(&uri);
}
