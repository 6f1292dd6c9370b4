/* SPDX-License-Identifier: BSD-2-Clause */
#include "notifier/sip_transport_private.h"

#include <string.h>

static bool is_token(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')
	       || (c && strchr("-.!%*_+`'~", c));
}

/* Line ends before the start-line (RFC 3261 §7.5). False: a CR that no LF follows. */
static bool skip_line_ends(struct span octets, size_t *at, bool *keepalive_out)
{
	*keepalive_out = false;
	while (*at < octets.size) {
		struct span rest = span_from(octets, *at);
		if (rest.data[0] == '\n') {
			++*at;
			continue;
		}
		if (rest.data[0] != '\r')
			return true;
		*keepalive_out = span_starts(rest, SPAN("\r\n\r\n"));
		if (*keepalive_out || rest.size == 1)
			return true;
		if (rest.data[1] != '\n')
			return false;
		/* the first half of a keep-alive, as far as can be told */
		if (rest.size == 2 || (rest.size == 3 && rest.data[2] == '\r'))
			return true;
		*at += 2;
	}
	return true;
}

/* Where the empty line ends. *seen: up to where was looked in vain. */
static size_t end_of_head(struct span octets, size_t *seen)
{
	const char *data = octets.data, *end = data + octets.size;
	const char *line = data + *seen;
	while ((line = memchr(line, '\n', (size_t)(end - line)))) {
		size_t left = (size_t)(end - ++line);
		if (left && line[0] == '\n')
			return (size_t)(line - data) + 1;
		if (left > 1 && line[0] == '\r' && line[1] == '\n')
			return (size_t)(line - data) + 2;
		if (!left || (left == 1 && line[0] == '\r')) {
			*seen = (size_t)(line - data) - 1;
			return 0;
		}
	}
	*seen = octets.size;
	return 0;
}

/* One header with the lines that continue it (§7.3.1). */
static struct span cut_header(struct span *rest)
{
	struct span header = *rest;
	size_t size = 0, line;
	while (span_find(span_from(*rest, size), '\n', &line)) {
		size += line + 1;
		if (size >= rest->size || (rest->data[size] != ' ' && rest->data[size] != '\t'))
			break;
	}
	header.size = size;
	*rest = span_from(*rest, size);
	return header;
}

static bool is_content_length(struct span name)
{
	return span_equal_nocase(name, SPAN("content-length"))
	       || span_equal_nocase(name, SPAN("l"));
}

/* False: none, two that differ, or no number. */
static bool content_length(struct span headers, uint64_t *out)
{
	bool known = false;
	while (headers.size) {
		struct span value = cut_header(&headers);
		struct span name = span_cut(&value, ':');
		uint64_t length = 0;
		if (!value.data || !is_content_length(span_trim(name)))
			continue;
		if (!parse_u64(span_trim(value), &length) || (known && length != *out))
			return false;
		known = true;
		*out = length;
	}
	return known;
}

/* Neither NUL nor a CR that is no part of a line's end. */
static bool clean(struct span head)
{
	const char *at = head.data, *end = head.data + head.size;
	if (memchr(at, '\0', head.size))
		return false;
	while ((at = memchr(at, '\r', (size_t)(end - at))))
		if (++at == end || *at != '\n')
			return false;
	return true;
}

static bool says_sip(struct span line)
{
	for (size_t i = 0; i + 4 <= line.size; i++)
		if (span_equal_nocase((struct span){ line.data + i, 4 }, SPAN("SIP/")))
			return true;
	return false;
}

/* The size of a message whose head is known; 0: broken. */
static size_t whole_size(struct span head, size_t most)
{
	struct span headers = head;
	uint64_t length = 0;
	if (head.size > most || !clean(head) || !says_sip(cut_header(&headers))
		|| !content_length(headers, &length) || length > most - head.size)
		return 0;
	return head.size + (size_t)length;
}

enum frame_result frame_go_on(struct frame_scan *scan, struct span octets, size_t most,
	size_t *start_out, size_t *size_out)
{
	bool keepalive = false;
	*start_out = *size_out = 0;
	if (!scan->seen && !scan->whole && !skip_line_ends(octets, start_out, &keepalive))
		return FRAME_BROKEN;
	struct span rest = span_from(octets, *start_out);
	if (!rest.size)
		return FRAME_MORE;
	if (rest.data[0] == '\r') {
		*size_out = keepalive ? 4 : 0;
		return keepalive ? FRAME_KEEPALIVE : FRAME_MORE;
	}
	if (!is_token(rest.data[0]))
		return FRAME_BROKEN;
	if (!scan->whole) {
		size_t head = end_of_head(rest, &scan->seen);
		if (!head)
			return rest.size > most ? FRAME_BROKEN : FRAME_MORE;
		scan->whole = whole_size(span_first(rest, head), most);
		if (!scan->whole)
			return FRAME_BROKEN;
	}
	if (scan->whole > rest.size)
		return FRAME_MORE;
	*size_out = scan->whole;
	*scan = (struct frame_scan){ 0 };
	return FRAME_MESSAGE;
}

enum frame_result frame_next(struct span octets, size_t most, size_t *start_out, size_t *size_out)
{
	struct frame_scan scan = { 0 };
	return frame_go_on(&scan, octets, most, start_out, size_out);
}
