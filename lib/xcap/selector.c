/* SPDX-License-Identifier: BSD-2-Clause */
#include "xcap/selector.h"

#define NAMESPACES SPAN("namespace::*")

/* The text being read, and what came of it. */
struct reader {
	struct arena *arena;
	struct span text;
	size_t at;
	const char *why;
};

static enum selector_result fail(
	struct reader *reader, enum selector_result result, const char *why)
{
	reader->why = why;
	return result;
}

static struct span rest(const struct reader *reader)
{
	return span_from(reader->text, reader->at);
}

static char peek(const struct reader *reader)
{
	return reader->at < reader->text.size ? reader->text.data[reader->at] : '\0';
}

static bool take(struct reader *reader, struct span wanted)
{
	if (!span_starts(rest(reader), wanted))
		return false;
	reader->at += wanted.size;
	return true;
}

/* A QName; its namespace is found later. */
static bool read_name(struct reader *reader, struct expanded *out)
{
	struct span text = rest(reader);
	size_t size = ncname_size(text), local = 0;
	if (size < text.size && size && text.data[size] == ':')
		local = ncname_size(span_from(text, size + 1));
	*out = (struct expanded){ .prefix = span_first(text, local ? size : 0),
		.local = local ? span_first(span_from(text, size + 1), local)
			       : span_first(text, size) };
	reader->at += local ? size + 1 + local : size;
	return size;
}

static bool read_position(struct reader *reader, struct step *step)
{
	size_t value = 0, start = reader->at + 1, i = start;
	for (; i < reader->text.size; i++) {
		char c = reader->text.data[i];
		if (c < '0' || c > '9')
			break;
		if (__builtin_mul_overflow(value, 10, &value)
			|| __builtin_add_overflow(value, (size_t)(c - '0'), &value))
			value = SIZE_MAX / 16; /* more than any document has */
	}
	if (i == start || i == reader->text.size || reader->text.data[i] != ']')
		return false;
	reader->at = i + 1;
	step->has_position = true;
	step->position = value;
	return true;
}

/* [@name="value"], at its bracket. The value stays as it is written. */
static bool read_attribute_test(struct reader *reader, struct step *step)
{
	size_t close;
	if (!take(reader, SPAN("[@")) || !read_name(reader, &step->attribute)
		|| !take(reader, SPAN("=")))
		return false;
	char quote = peek(reader);
	if (quote != '"' && quote != '\'')
		return false;
	reader->at++;
	if (!span_find(rest(reader), quote, &close))
		return false;
	step->value = span_first(rest(reader), close);
	reader->at += close + 1;
	return step->has_attribute = take(reader, SPAN("]"));
}

/* Is the step over? */
static bool at_end(const struct reader *reader)
{
	return reader->at == reader->text.size || peek(reader) == '/';
}

static bool read_step(struct reader *reader, struct step *step)
{
	*step = (struct step){ 0 };
	step->any = take(reader, SPAN("*"));
	if (!step->any && !read_name(reader, &step->name))
		return false;
	if (peek(reader) == '[')
		read_position(reader, step);
	if (peek(reader) == '[' && !read_attribute_test(reader, step))
		return false;
	step->text_end = reader->at;
	return at_end(reader);
}

/* A step that is none of ours: does it end at all? */
static enum selector_result judge_unknown(struct reader *reader)
{
	size_t depth = 0;
	char quote = '\0';
	for (; reader->at < reader->text.size; reader->at++) {
		char c = peek(reader);
		if (quote)
			quote = c == quote ? '\0' : quote;
		else if (depth && (c == '"' || c == '\''))
			quote = c;
		else if (c == '[')
			depth++;
		else if (c == ']' && depth)
			depth--;
		else if (c == '/' && !depth)
			break;
	}
	if (quote || depth)
		return fail(reader, SELECTOR_MALFORMED,
			"node selector: a bracket or quote is never closed");
	return fail(reader, SELECTOR_EXTENSION,
		"node selector: a step of a kind that this server does not know");
}

/* "@name" or "namespace::*" at the very end. */
static bool read_terminal(struct reader *reader, struct selector *selector)
{
	size_t start = reader->at;
	bool namespaces = take(reader, NAMESPACES);
	bool attribute =
		!namespaces && take(reader, SPAN("@")) && read_name(reader, &selector->attribute);
	if ((namespaces || attribute) && reader->at == reader->text.size) {
		selector->terminal = attribute ? SELECTOR_ATTRIBUTE : SELECTOR_NAMESPACES;
		return true;
	}
	reader->at = start;
	return false;
}

static enum selector_result read_steps(
	struct reader *reader, struct selector *selector, struct step *steps, size_t room)
{
	for (;;) {
		if (at_end(reader))
			return fail(reader, SELECTOR_MALFORMED, "node selector: an empty step");
		if (selector->count && read_terminal(reader, selector))
			return SELECTOR_OK;
		if (selector->count == room)
			return fail(reader, SELECTOR_MALFORMED, "node selector: too many steps");
		size_t start = reader->at;
		if (!read_step(reader, &steps[selector->count])) {
			reader->at = start;
			return judge_unknown(reader);
		}
		selector->count++;
		if (!take(reader, SPAN("/")))
			return SELECTOR_OK;
	}
}

static bool find_binding(const struct bindings *bindings, struct span prefix, struct span *out)
{
	if (span_equal(prefix, SPAN("xml"))) {
		*out = SPAN(XML_NAMESPACE);
		return true;
	}
	for (size_t i = bindings ? bindings->count : 0; i; i--) {
		if (span_equal(bindings->items[i - 1].prefix, prefix)) {
			*out = bindings->items[i - 1].uri;
			return true;
		}
	}
	/* a declaration is not an attribute: the name is legal and matches nothing */
	*out = SPAN("http://www.w3.org/2000/xmlns/");
	return span_equal(prefix, SPAN("xmlns"));
}

static bool expand(struct expanded *name, const struct bindings *bindings, struct span standard)
{
	name->space = standard;
	return !name->prefix.size || find_binding(bindings, name->prefix, &name->space);
}

static enum selector_result expand_names(struct reader *reader, struct selector *selector,
	struct step *steps, const struct bindings *bindings, struct span standard)
{
	bool bound = expand(&selector->attribute, bindings, SPAN(""));
	for (size_t i = 0; i < selector->count && bound; i++)
		bound = expand(&steps[i].name, bindings, standard)
			&& expand(&steps[i].attribute, bindings, SPAN(""));
	return bound ? SELECTOR_OK
		     : fail(reader, SELECTOR_UNBOUND,
			     "node selector: a prefix that no xmlns() of the query binds");
}

static enum selector_result decode_values(
	struct reader *reader, struct selector *selector, struct step *steps)
{
	for (size_t i = 0; i < selector->count; i++) {
		if (!steps[i].has_attribute)
			continue;
		if (!value_legal(steps[i].value, NULL))
			return fail(reader, SELECTOR_MALFORMED,
				"node selector: not a legal attribute value (a bare '&' or '<'?)");
		if (!value_decode(reader->arena, steps[i].value, &steps[i].value))
			return SELECTOR_NO_MEMORY;
	}
	return SELECTOR_OK;
}

/* An upper bound of the steps: one more than there are slashes. */
static size_t steps_most(struct span text)
{
	size_t count = 1;
	for (size_t at; count < SELECTOR_STEPS_MAX && span_find(text, '/', &at); count++)
		text = span_from(text, at + 1);
	return count;
}

static enum selector_result decode_text(struct reader *reader, struct span encoded)
{
	static const char why[] = "node selector: bad percent-encoding, or not UTF-8";
	if (!percent_decode(reader->arena, encoded, &reader->text)) {
		/* the call does not tell bad input from no memory: is there a bad % ? */
		for (size_t i = 0; i < encoded.size; i++) {
			uint8_t octet;
			struct span digits = span_first(span_from(encoded, i + 1), 2);
			if (encoded.data[i] == '%' && !hex_decode(digits, &octet, 1))
				return fail(reader, SELECTOR_MALFORMED, why);
		}
		return fail(reader, SELECTOR_NO_MEMORY, "no memory");
	}
	if (!utf8_valid(reader->text, NULL) || !xml_characters(reader->text))
		return fail(reader, SELECTOR_MALFORMED, why);
	return SELECTOR_OK;
}

enum selector_result selector_parse(struct arena *arena, struct span encoded_node,
	const struct bindings *bindings, struct span default_namespace, struct selector **out,
	const char **why_out)
{
	struct reader reader = { .arena = arena, .why = "no memory" };
	*out = NULL;
	enum selector_result result = decode_text(&reader, encoded_node);
	if (result == SELECTOR_OK) {
		size_t room = steps_most(reader.text);
		struct selector *selector = arena_zero(arena, sizeof(*selector));
		struct step *steps = arena_alloc(arena, room * sizeof(*steps));
		if (!selector || !steps)
			result = SELECTOR_NO_MEMORY;
		if (result == SELECTOR_OK)
			result = read_steps(&reader, selector, steps, room);
		if (result == SELECTOR_OK)
			result =
				expand_names(&reader, selector, steps, bindings, default_namespace);
		if (result == SELECTOR_OK)
			result = decode_values(&reader, selector, steps);
		if (result == SELECTOR_OK) {
			selector->text = reader.text;
			selector->steps = steps;
			*out = selector;
		}
	}
	*why_out = result == SELECTOR_OK ? NULL : reader.why;
	return result;
}

enum selector_terminal selector_terminal(const struct selector *selector)
{
	return selector->terminal;
}

struct span selector_prefix(struct arena *arena, const struct selector *selector, size_t steps)
{
	size_t size = steps ? selector->steps[steps - 1].text_end : 0;
	return percent_encode(arena, span_first(selector->text, size), "!$&'()*+,;=:@/");
}
