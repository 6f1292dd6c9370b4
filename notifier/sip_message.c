/* SPDX-License-Identifier: BSD-2-Clause */
#include "notifier/sip_message.h"

#include <string.h>

enum { LINES_MOST = 512 };

static void blame(struct sip_message *message, unsigned status, const char *why)
{
	if (message->fault)
		return;
	message->fault = status;
	message->why = why;
}

static bool is_control(unsigned char c)
{
	return (c < 0x20 && c != '\t') || c == 0x7f;
}

/* Folded lines become one (RFC 3261 §7.3.1), octets that no header may hold become spaces: a quoted
 * pair may hold any control character but CR and LF (§25.1). */
static bool clean_head(char *text, size_t size)
{
	bool well = true;
	for (size_t i = 0; i < size; i++) {
		unsigned char c = (unsigned char)text[i];
		if (c == '\r' && i + 1 < size && text[i + 1] == '\n') {
			bool folded = i + 2 < size && (text[i + 2] == ' ' || text[i + 2] == '\t');
			if (folded)
				text[i] = text[i + 1] = ' ';
			i++;
		} else if (c == '\\' && i + 1 < size && text[i + 1] != '\r'
			   && text[i + 1] != '\n') {
			i++;
		} else if (is_control(c)) {
			text[i] = ' ';
			well = false;
		}
	}
	return well;
}

static struct span cut_line(struct span *rest)
{
	size_t end;
	struct span line = *rest;
	if (!span_search(*rest, SPAN("\r\n"), &end)) {
		*rest = (struct span){ NULL, 0 };
		return line;
	}
	*rest = span_from(*rest, end + 2);
	return span_first(line, end);
}

static bool is_digits(struct span text)
{
	for (size_t i = 0; i < text.size; i++)
		if (text.data[i] < '0' || text.data[i] > '9')
			return false;
	return text.size > 0;
}

static bool is_sip_version(struct span text)
{
	return span_equal_nocase(span_first(text, 4), SPAN("SIP/"));
}

static bool read_status_line(struct sip_message *message, struct span line)
{
	struct span version = span_cut(&line, ' ');
	struct span code = line.data ? span_cut(&line, ' ') : line;
	uint64_t status;
	if (!span_equal_nocase(version, SPAN("SIP/2.0")) || code.size != 3 || !is_digits(code)
		|| !parse_u64(code, &status) || status < 100 || status > 699)
		return false;
	message->status = (unsigned)status;
	message->version = version;
	return true;
}

static bool find_last(struct span text, char wanted, size_t *offset_out)
{
	const char *found = text.size ? memrchr(text.data, wanted, text.size) : NULL;
	if (found)
		*offset_out = (size_t)(found - text.data);
	return found != NULL;
}

static bool read_request_line(struct sip_message *message, struct span line)
{
	size_t first, last;
	struct span trimmed = span_trim(line);
	if (trimmed.size != line.size)
		blame(message, 400, "Spaces around the request line");
	if (!span_find(trimmed, ' ', &first) || !find_last(trimmed, ' ', &last))
		return false;
	message->method = span_first(trimmed, first);
	message->version = span_from(trimmed, last + 1);
	if (!is_sip_version(message->version))
		return false;
	if (last > first)
		message->uri = span_first(span_from(trimmed, first + 1), last - first - 1);
	if (!sip_token_valid(message->method))
		return false;
	if (!message->uri.size || span_find(message->uri, ' ', NULL)
		|| span_find(message->uri, '\t', NULL))
		blame(message, 400, "Malformed request line");
	if (!span_equal_nocase(message->version, SPAN("SIP/2.0")))
		blame(message, 505, NULL);
	return true;
}

static bool read_start_line(struct sip_message *message, struct span line)
{
	return is_sip_version(line) ? read_status_line(message, line)
				    : read_request_line(message, line);
}

static bool read_line(struct sip_line *out, struct span text)
{
	size_t colon;
	if (!span_find(text, ':', &colon))
		return false;
	out->name = span_trim(span_first(text, colon));
	out->value = span_trim(span_from(text, colon + 1));
	out->flags = sip_field(out->name, &out->field);
	return sip_token_valid(out->name);
}

static size_t count_lines(struct span text)
{
	size_t count = 0;
	while (text.data && text.size) {
		cut_line(&text);
		count++;
	}
	return count;
}

static bool read_lines(struct sip_message *message, struct span head)
{
	size_t count = count_lines(head);
	if (count > LINES_MOST) {
		blame(message, 400, "Too many header fields");
		count = LINES_MOST;
	}
	message->lines = arena_alloc(message->arena, count * sizeof(message->lines[0]));
	if (!message->lines)
		return false;
	while (head.data && head.size && count--) {
		struct span text = cut_line(&head);
		if (read_line(&message->lines[message->line_count], text))
			message->line_count++;
		else
			blame(message, 400, "Malformed header line");
	}
	return true;
}

const struct sip_line *sip_message_line(const struct sip_message *message, const char *name)
{
	for (size_t i = 0; i < message->line_count; i++)
		if (message->lines[i].field >= 0
			&& !strcmp(sip_field_name(message->lines[i].field), name))
			return &message->lines[i];
	return NULL;
}

static void measure_body(struct sip_message *message, bool datagram)
{
	const struct sip_line *line = sip_message_line(message, "content-length");
	uint64_t length;
	if (!line)
		return;
	if (!is_digits(line->value) || !parse_u64(line->value, &length)) {
		blame(message, 400, "Malformed Content-Length");
		return;
	}
	message->truncated = datagram && length > message->body.size;
	if (message->truncated)
		blame(message, 400, "Content-Length is more than the message holds");
	message->body = span_first(message->body, length);
}

struct sip_message *sip_message_read(struct arena *arena, struct span octets, bool datagram)
{
	while (octets.size >= 2 && octets.data[0] == '\r' && octets.data[1] == '\n')
		octets = span_from(octets, 2);
	struct sip_message *message = arena_zero(arena, sizeof(*message));
	char *text = message ? arena_text(arena, octets) : NULL;
	if (!text)
		return NULL;
	message->arena = arena;
	struct span whole = { text, octets.size };
	size_t head = octets.size;
	bool ends = span_search(whole, SPAN("\r\n\r\n"), &head);
	bool clean = clean_head(text, head);
	struct span rest = span_first(whole, head);
	if (!read_start_line(message, cut_line(&rest)))
		return NULL;
	message->body = ends ? span_from(whole, head + 4) : span_from(whole, head);
	if (!clean)
		blame(message, 400, "Control characters in the header");
	if (!ends)
		blame(message, 400, "The header does not end");
	if (!read_lines(message, rest))
		return NULL;
	measure_body(message, datagram);
	sip_message_read_fields(message);
	return message;
}

struct span sip_method(const struct sip_message *message)
{
	return message->method;
}

struct span sip_uri(const struct sip_message *message)
{
	return message->uri;
}

unsigned sip_status(const struct sip_message *message)
{
	return message->status;
}

static bool is_named(const struct sip_line *line, const char *name)
{
	if (line->field >= 0)
		return !strcmp(sip_field_name(line->field), name);
	return span_equal_nocase(line->name, span_of(name));
}

/* The nth value of one line; *nth becomes what is left to count in the next ones. */
static struct span line_value(const struct sip_line *line, size_t *nth)
{
	struct span rest = line->value;
	if (!(line->flags & FIELD_LIST))
		return (*nth)-- ? (struct span){ NULL, 0 } : rest;
	while (rest.data) {
		struct span value = sip_list_cut(&rest);
		if (value.size && !(*nth)--)
			return value;
	}
	return (struct span){ NULL, 0 };
}

struct span sip_header(const struct sip_message *message, const char *name, size_t nth)
{
	struct span found = { NULL, 0 };
	for (size_t i = 0; i < message->line_count && !found.data; i++)
		if (is_named(&message->lines[i], name))
			found = line_value(&message->lines[i], &nth);
	return found;
}

struct span sip_body(const struct sip_message *message)
{
	return message->body;
}

struct span sip_content_type(const struct sip_message *message)
{
	return message->content_type;
}

struct span sip_from_uri(const struct sip_message *message)
{
	return message->from_uri;
}

struct span sip_from_tag(const struct sip_message *message)
{
	return message->from_tag;
}

struct span sip_to_uri(const struct sip_message *message)
{
	return message->to_uri;
}

struct span sip_to_tag(const struct sip_message *message)
{
	return message->to_tag;
}

struct span sip_call_id(const struct sip_message *message)
{
	return message->call_id;
}

uint32_t sip_cseq(const struct sip_message *message)
{
	return message->cseq;
}

struct span sip_contact_uri(const struct sip_message *message)
{
	return message->contact_uri;
}
