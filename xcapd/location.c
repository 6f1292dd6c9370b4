/* SPDX-License-Identifier: BSD-2-Clause */
#include "xcapd/location.h"

static void add_bindings(struct buffer *uri, const struct bindings *bindings)
{
	for (size_t i = 0; i < bindings->count; i++) {
		const struct binding *binding = &bindings->items[i];
		buffer_format(uri, "%sxmlns(%.*s=", i ? "" : "?", SPAN_ARG(binding->prefix));
		buffer_append(uri, percent_encode(uri->arena, binding->uri, ":/"));
		buffer_octet(uri, ')');
	}
}

struct span location(const struct request *request, struct span node)
{
	const struct settings *settings = request->live->settings;
	struct buffer uri = { .arena = request->arena };
	struct span document = doc_id_text(request->arena, &request->target.id);
	if (!document.data)
		return document;
	buffer_append(&uri, settings->http.root_origin);
	if (!span_equal_text(settings->http.root_path, "/"))
		buffer_append(&uri, settings->http.root_path);
	buffer_octet(&uri, '/');
	buffer_append(&uri, document);
	if (node.size) {
		buffer_text(&uri, "/~~/");
		buffer_append(&uri, percent_encode(request->arena, node, "%/:@!$&'()*+,;=?"));
		add_bindings(&uri, &request->target.bindings);
	}
	return buffer_span(&uri);
}
