/* SPDX-License-Identifier: BSD-2-Clause */
#include "xcap/conflict.h"

static const char *const elements[CONFLICT_COUNT] = {
#define ELEMENT(name, element) [CONFLICT_##name] = element,
	CONFLICTS(ELEMENT)
#undef ELEMENT
};

const char *conflict_element(enum conflict_kind kind)
{
	return kind > CONFLICT_NONE && kind < CONFLICT_COUNT ? elements[kind] : NULL;
}

bool conflict_set(struct conflict *why, enum conflict_kind kind, const char *phrase, ...)
{
	va_list arguments;
	va_start(arguments, phrase);
	why->kind = kind;
	why->phrase = arena_vformat(why->arena, phrase, arguments);
	va_end(arguments);
	return false;
}

void conflict_field(
	struct conflict *why, struct span field, const struct span *alternatives, size_t count)
{
	struct conflict_field *added = arena_zero(why->arena, sizeof(*added));
	struct span *copies = arena_alloc(why->arena, count * sizeof(*copies));
	if (!added || !copies)
		return;
	for (size_t i = 0; i < count; i++)
		copies[i] = arena_copy(why->arena, alternatives[i]);
	added->field = arena_copy(why->arena, field);
	added->alternatives = copies;
	added->alternative_count = count;
	struct conflict_field **end = &why->fields;
	while (*end)
		end = &(*end)->next;
	*end = added;
}

static void write_attribute(struct buffer *to, const char *name, struct span value)
{
	buffer_format(to, " %s=\"", name);
	buffer_xml(to, value);
	buffer_octet(to, '"');
}

static void write_field(struct buffer *to, const struct conflict_field *field)
{
	buffer_text(to, "<exists");
	write_attribute(to, "field", field->field);
	buffer_octet(to, '>');
	for (size_t i = 0; i < field->alternative_count; i++) {
		buffer_text(to, "<alt-value>");
		buffer_xml(to, field->alternatives[i]);
		buffer_text(to, "</alt-value>");
	}
	buffer_text(to, "</exists>");
}

/* The schema wants at least one <exists>: without a field, the whole document is meant. */
static void write_content(struct buffer *to, const struct conflict *why)
{
	static const struct conflict_field document = { .field = { "", 0 } };
	if (why->kind == CONFLICT_NO_PARENT && why->ancestor.data) {
		buffer_text(to, "<ancestor>");
		buffer_xml(to, why->ancestor);
		buffer_text(to, "</ancestor>");
	}
	if (why->kind != CONFLICT_UNIQUENESS_FAILURE)
		return;
	const struct conflict_field *field = why->fields ? why->fields : &document;
	for (; field; field = field->next)
		write_field(to, field);
}

struct span conflict_body(struct arena *arena, const struct conflict *why)
{
	const char *element = conflict_element(why->kind);
	struct buffer to = { .arena = arena };
	if (!element)
		return (struct span){ NULL, 0 };
	buffer_text(&to, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
			 "<xcap-error xmlns=\"urn:ietf:params:xml:ns:xcap-error\">");
	buffer_format(&to, "<%s", element);
	if (why->phrase.data)
		write_attribute(&to, "phrase", why->phrase);
	buffer_octet(&to, '>');
	write_content(&to, why);
	buffer_format(&to, "</%s></xcap-error>\n", element);
	return buffer_span(&to);
}
