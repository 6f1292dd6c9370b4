/* SPDX-License-Identifier: BSD-2-Clause */
#include "notifier/sip_message.h"

#include <string.h>

static const struct {
	const char *name;
	char compact;
	unsigned flags;
} fields[] = {
	{ "via", 'v', FIELD_LIST },
	{ "from", 'f', FIELD_SINGLE },
	{ "to", 't', FIELD_SINGLE },
	{ "call-id", 'i', FIELD_SINGLE },
	{ "cseq", 0, FIELD_SINGLE },
	{ "max-forwards", 0, FIELD_SINGLE },
	{ "contact", 'm', FIELD_LIST },
	{ "content-length", 'l', FIELD_SINGLE },
	{ "content-type", 'c', FIELD_SINGLE },
	{ "event", 'o', FIELD_SINGLE },
	{ "expires", 0, FIELD_SINGLE },
	{ "route", 0, FIELD_LIST },
	{ "record-route", 0, FIELD_LIST },
	{ "require", 0, FIELD_LIST },
	{ "proxy-require", 0, FIELD_LIST },
	{ "supported", 'k', FIELD_LIST },
	{ "unsupported", 0, FIELD_LIST },
	{ "accept", 0, FIELD_LIST },
	{ "accept-encoding", 0, FIELD_LIST },
	{ "accept-language", 0, FIELD_LIST },
	{ "allow", 0, FIELD_LIST },
	{ "allow-events", 'u', FIELD_LIST },
	{ "content-encoding", 'e', FIELD_LIST },
	{ "content-language", 0, FIELD_LIST },
	{ "content-disposition", 0, FIELD_SINGLE },
	{ "subscription-state", 0, FIELD_SINGLE },
	{ "min-expires", 0, FIELD_SINGLE },
	{ "retry-after", 0, FIELD_SINGLE },
	{ "sip-etag", 0, FIELD_SINGLE },
	{ "sip-if-match", 0, FIELD_SINGLE },
	{ "suppress-if-match", 0, FIELD_SINGLE },
	{ "p-asserted-identity", 0, FIELD_LIST },
	{ "p-preferred-identity", 0, FIELD_LIST },
	{ "path", 0, FIELD_LIST },
	{ "service-route", 0, FIELD_LIST },
	{ "warning", 0, FIELD_LIST },
	{ "call-info", 0, FIELD_LIST },
	{ "alert-info", 0, FIELD_LIST },
	{ "error-info", 0, FIELD_LIST },
	{ "in-reply-to", 0, FIELD_LIST },
	{ "subject", 's', FIELD_SINGLE },
	{ "refer-to", 'r', FIELD_SINGLE },
	{ "referred-by", 'b', FIELD_SINGLE },
	{ "session-expires", 'x', FIELD_SINGLE },
	{ "mime-version", 0, FIELD_SINGLE },
	{ "date", 0, FIELD_SINGLE },
	{ "user-agent", 0, FIELD_SINGLE },
	{ "server", 0, FIELD_SINGLE },
};

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool is_field(size_t field, struct span name)
{
	if (name.size == 1)
		return fields[field].compact == lower(name.data[0]);
	return lower(name.data[0]) == fields[field].name[0]
	       && span_equal_nocase(name, span_of(fields[field].name));
}

unsigned sip_field(struct span name, int *field_out)
{
	*field_out = -1;
	for (size_t i = 0; name.size && i < sizeof(fields) / sizeof(fields[0]); i++) {
		if (is_field(i, name)) {
			*field_out = (int)i;
			return fields[i].flags;
		}
	}
	return 0;
}

const char *sip_field_name(int field)
{
	return fields[field].name;
}

static bool is_token(char c)
{
	if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'))
		return true;
	switch (c) {
	case '-':
	case '.':
	case '!':
	case '%':
	case '*':
	case '_':
	case '+':
	case '`':
	case '\'':
	case '~':
		return true;
	default:
		return false;
	}
}

bool sip_token_valid(struct span text)
{
	for (size_t i = 0; i < text.size; i++)
		if (!is_token(text.data[i]))
			return false;
	return text.size > 0;
}

/* Past a quoted string that begins at `at`; 0: it does not end. */
static size_t past_quoted(struct span text, size_t at)
{
	for (size_t i = at + 1; i < text.size; i++) {
		if (text.data[i] == '\\')
			i++;
		else if (text.data[i] == '"')
			return i + 1;
	}
	return 0;
}

/* Where the first `wanted` stands outside of quotes, and of angle brackets too when `bracketed`;
 * the size when nowhere. False: a quoted string does not end. */
static bool find_outside(struct span text, char wanted, bool bracketed, size_t *offset_out)
{
	bool inside = false;
	size_t i = 0;
	while (i < text.size) {
		char c = text.data[i];
		if (c == '"' && !inside) {
			i = past_quoted(text, i);
			if (!i)
				return false;
			continue;
		}
		if (!inside && c == wanted)
			break;
		if (bracketed && c == '<')
			inside = true;
		else if (c == '>')
			inside = false;
		i++;
	}
	*offset_out = i;
	return true;
}

struct span sip_list_cut(struct span *rest)
{
	size_t end;
	struct span all = *rest;
	if (!find_outside(all, ',', true, &end))
		end = all.size;
	*rest = end < all.size ? span_from(all, end + 1) : (struct span){ NULL, 0 };
	return span_trim(span_first(all, end));
}

/* One parameter off the front of ";a=b ;c"; none at the end. False: not well-formed. */
static bool cut_parameter(struct span *rest, struct span *name_out, struct span *value_out)
{
	size_t end, equals;
	struct span all = span_from(*rest, 1);
	*rest = span_from(all, all.size);
	if (!find_outside(all, ';', false, &end))
		return false;
	struct span one = span_trim(span_first(all, end));
	*rest = span_from(all, end);
	*value_out = (struct span){ one.data ? one.data + one.size : NULL, 0 };
	*name_out = one;
	if (span_find(one, '=', &equals)) {
		*name_out = span_trim(span_first(one, equals));
		*value_out = span_trim(span_from(one, equals + 1));
		if (!value_out->size)
			return false;
	}
	return sip_token_valid(*name_out);
}

static bool parameter_value_valid(struct span value)
{
	if (value.size && value.data[0] == '"')
		return past_quoted(value, 0) == value.size;
	for (size_t i = 0; i < value.size; i++) {
		char c = value.data[i];
		if (!is_token(c) && (!c || strchr(" \t\"<>,", c)))
			return false;
	}
	return true;
}

bool sip_parameters_valid(struct span parameters)
{
	struct span name, value;
	if (parameters.size && parameters.data[0] != ';')
		return false;
	while (parameters.size)
		if (!cut_parameter(&parameters, &name, &value) || !parameter_value_valid(value))
			return false;
	return true;
}

struct span sip_value(struct span value)
{
	size_t end;
	if (!find_outside(value, ';', true, &end))
		end = value.size;
	return span_trim(span_first(value, end));
}

struct span sip_parameter(struct span value, const char *name)
{
	size_t start;
	struct span found, text, wanted = span_of(name);
	if (!find_outside(value, ';', true, &start))
		return (struct span){ NULL, 0 };
	for (struct span rest = span_from(value, start); rest.size;) {
		if (!cut_parameter(&rest, &found, &text))
			continue;
		if (!span_equal_nocase(found, wanted))
			continue;
		if (text.size >= 2 && text.data[0] == '"')
			text = (struct span){ text.data + 1, text.size - 2 };
		return text;
	}
	return (struct span){ NULL, 0 };
}

static bool uri_octets_valid(struct span uri)
{
	size_t colon;
	for (size_t i = 0; i < uri.size; i++) {
		unsigned char c = (unsigned char)uri.data[i];
		if (c <= 0x20 || c == '<' || c == '>' || c == '"' || c == 0x7f)
			return false;
	}
	return span_find(uri, ':', &colon) && colon > 0 && colon + 1 < uri.size;
}

/* Without brackets the parameters are the header's, and a comma or question mark cannot be told
 * from the URI's own (RFC 3261 §20.10). */
static bool read_bare(struct span value, struct sip_name_addr *out)
{
	size_t end = value.size;
	span_find(value, ';', &end);
	out->uri = span_trim(span_first(value, end));
	out->parameters = span_from(value, end);
	return !span_find(out->uri, '?', NULL) && !span_find(out->uri, ',', NULL);
}

bool sip_name_addr(struct span value, struct sip_name_addr *out)
{
	size_t open, close;
	*out = (struct sip_name_addr){ 0 };
	value = span_trim(value);
	if (!find_outside(value, '<', false, &open))
		return false;
	if (open == value.size) {
		if (!read_bare(value, out))
			return false;
	} else {
		struct span rest = span_from(value, open + 1);
		if (!span_find(rest, '>', &close))
			return false;
		out->bracketed = true;
		out->uri = span_first(rest, close);
		out->parameters = span_trim(span_from(rest, close + 1));
	}
	return uri_octets_valid(out->uri) && sip_parameters_valid(out->parameters);
}
