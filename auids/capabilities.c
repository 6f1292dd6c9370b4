/* SPDX-License-Identifier: BSD-2-Clause */
#include "auids/private.h"
#include "auids/schemas.h"

#include <stdlib.h>

static int by_text(const void *a, const void *b)
{
	return span_compare(*(const struct span *)a, *(const struct span *)b);
}

static size_t most_namespaces(const struct usages *set)
{
	size_t most = schemas_namespace_count(set->schemas);
	for (size_t i = 0; i < set->count; i++)
		most += 1 + set->items[i].advertised_count;
	return most;
}

/* Sorted, each once. NULL without memory. */
static struct span *namespaces(const struct usages *set, size_t *count_out)
{
	size_t count = 0, unique = 0;
	struct span *all = arena_alloc(set->arena, most_namespaces(set) * sizeof(*all));
	if (!all)
		return NULL;
	for (size_t i = 0; i < schemas_namespace_count(set->schemas); i++)
		all[count++] = span_of(schemas_namespace(set->schemas, i));
	for (size_t i = 0; i < set->count; i++) {
		const struct usage *usage = &set->items[i];
		all[count++] = usage->default_namespace;
		for (size_t j = 0; j < usage->advertised_count; j++)
			all[count++] = usage->advertised[j];
	}
	qsort(all, count, sizeof(*all), by_text);
	for (size_t i = 0; i < count; i++)
		if (!unique || !span_equal(all[i], all[unique - 1]))
			all[unique++] = all[i];
	*count_out = unique;
	return all;
}

static void write_item(struct buffer *to, const char *element, struct span text)
{
	buffer_format(to, "\t\t<%s>", element);
	buffer_xml(to, text);
	buffer_format(to, "</%s>\n", element);
}

static void write_document(
	struct buffer *to, const struct usages *set, const struct span *spaces, size_t space_count)
{
	buffer_text(to, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
			"<xcap-caps xmlns=\"urn:ietf:params:xml:ns:xcap-caps\">\n\t<auids>\n");
	for (size_t i = 0; i < set->name_count; i++)
		write_item(to, "auid", set->names[i].text);
	buffer_text(to, "\t</auids>\n\t<extensions/>\n\t<namespaces>\n");
	for (size_t i = 0; i < space_count; i++)
		write_item(to, "namespace", spaces[i]);
	buffer_text(to, "\t</namespaces>\n</xcap-caps>\n");
}

struct etag usage_octets_etag(struct span body)
{
	char digits[DIGEST_HEX_MAX];
	uint8_t octets[16];
	struct etag etag = { 0, 0 };
	digest_hex(DIGEST_SHA256, &body, 1, digits);
	hex_decode((struct span){ digits, 2 * sizeof(octets) }, octets, sizeof(octets));
	for (size_t i = 0; i < 8; i++) {
		etag.generation = etag.generation << 8 | octets[i];
		etag.number = etag.number << 8 | octets[8 + i];
	}
	etag.number |= !etag.number;
	return etag;
}

bool capabilities_prepare(struct usages *set)
{
	size_t count;
	struct buffer text = { .arena = set->arena };
	const struct span *spaces = namespaces(set, &count);
	if (!spaces)
		return false;
	write_document(&text, set, spaces, count);
	set->capabilities = buffer_span(&text);
	if (text.failed)
		return false;
	set->capabilities_etag = usage_octets_etag(set->capabilities);
	return true;
}

bool usage_generate(const struct usages *usages, const struct usage *usage, struct arena *arena,
	const struct doc_id *id, struct span *body_out, struct etag *etag_out)
{
	struct conflict unused = { .arena = arena };
	if (usage->branches[id->tree].generated != GENERATED_CAPABILITIES
		|| !usage_allows_name(usage, id, &unused))
		return false;
	*body_out = arena_copy(arena, usages->capabilities);
	*etag_out = usages->capabilities_etag;
	return body_out->data != NULL;
}
