/* SPDX-License-Identifier: BSD-2-Clause */
#include "notifier/sip_message.h"

#include <string.h>

enum { VALUES_MOST = 1000 };

static bool read_via(struct sip_message *message, struct span value)
{
	return sip_via_read(message->arena, sip_list_cut(&value), &message->via);
}

/* A SIP URI has to be one to the last octet; those of other schemes are not looked into. */
static bool read_party(
	struct sip_message *message, struct span value, struct span *uri_out, struct span *tag_out)
{
	struct sip_name_addr party;
	struct sip_uri uri;
	bool well = sip_name_addr(value, &party);
	*uri_out = party.uri;
	*tag_out = sip_parameter(party.parameters, "tag");
	return well && (!tag_out->data || sip_token_valid(*tag_out))
	       && sip_uri_read(message->arena, party.uri, &uri) != SIP_URI_BAD;
}

static bool read_from(struct sip_message *message, struct span value)
{
	return read_party(message, value, &message->from_uri, &message->from_tag);
}

static bool read_to(struct sip_message *message, struct span value)
{
	return read_party(message, value, &message->to_uri, &message->to_tag);
}

static bool read_call_id(struct sip_message *message, struct span value)
{
	message->call_id = value;
	return value.size && !span_find(value, ' ', NULL) && !span_find(value, '\t', NULL);
}

/* RFC 3261 §8.1.1.5: below 2**31; the method is the message's. */
static bool read_cseq(struct sip_message *message, struct span value)
{
	uint64_t number;
	size_t end = strcspn(value.data, " \t\r");
	if (end >= value.size || !parse_u64(span_first(value, end), &number) || number > INT32_MAX)
		return false;
	message->cseq = (uint32_t)number;
	message->cseq_method = span_trim(span_from(value, end));
	return sip_token_valid(message->cseq_method)
	       && (message->status || span_equal(message->cseq_method, message->method));
}

static bool read_max_forwards(struct sip_message *message, struct span value)
{
	uint64_t hops;
	(void)message;
	return parse_u64(value, &hops) && hops <= 255;
}

static bool read_seconds(struct sip_message *message, struct span value)
{
	(void)message;
	for (size_t i = 0; i < value.size; i++)
		if (value.data[i] < '0' || value.data[i] > '9')
			return false;
	return value.size > 0;
}

static bool read_media_type(struct sip_message *message, struct span value)
{
	size_t parameters = value.size;
	span_find(value, ';', &parameters);
	message->content_type = sip_media_type(message->arena, value);
	return message->content_type.data && sip_parameters_valid(span_from(value, parameters));
}

static bool read_event(struct sip_message *message, struct span value)
{
	size_t parameters = value.size;
	struct span id = sip_parameter(value, "id");
	(void)message;
	span_find(value, ';', &parameters);
	return sip_token_valid(sip_value(value)) && (!id.data || sip_token_valid(id))
	       && sip_parameters_valid(span_from(value, parameters));
}

static bool read_contact(struct sip_message *message, struct span value)
{
	struct sip_name_addr contact;
	if (span_equal_text(value, "*"))
		return true;
	if (!sip_name_addr(value, &contact))
		return false;
	if (!message->contact_uri.data)
		message->contact_uri = contact.uri;
	return true;
}

static bool read_route(struct sip_message *message, struct span value)
{
	struct sip_name_addr route;
	(void)message;
	return sip_name_addr(value, &route) && route.bracketed;
}

static bool read_option(struct sip_message *message, struct span value)
{
	(void)message;
	return sip_token_valid(value);
}

/* In the order in which they are told of. `always`: a request without it is malformed (RFC 3261
 * §8.1.1; Max-Forwards is new in it, and elements that follow RFC 2543 leave it out). */
static const struct field_reader {
	const char *name;
	bool (*read)(struct sip_message *message, struct span value);
	bool always;
	const char *malformed, *absent, *twice;
} readers[] = {
	{ "via", read_via, true, "Malformed Via", "No Via", NULL },
	{ "from", read_from, true, "Malformed From", "No From", "From twice" },
	{ "to", read_to, true, "Malformed To", "No To", "To twice" },
	{ "call-id", read_call_id, true, "Malformed Call-ID", "No Call-ID", "Call-ID twice" },
	{ "cseq", read_cseq, true, "Malformed CSeq", "No CSeq", "CSeq twice" },
	{ "max-forwards", read_max_forwards, false, "Malformed Max-Forwards", NULL,
		"Max-Forwards twice" },
	{ "content-length", read_seconds, false, "Malformed Content-Length", NULL,
		"Content-Length twice" },
	{ "content-type", read_media_type, false, "Malformed Content-Type", NULL,
		"Content-Type twice" },
	{ "event", read_event, false, "Malformed Event", NULL, "Event twice" },
	{ "expires", read_seconds, false, "Malformed Expires", NULL, "Expires twice" },
	{ "contact", read_contact, false, "Malformed Contact", NULL, NULL },
	{ "route", read_route, false, "Malformed Route", NULL, NULL },
	{ "record-route", read_route, false, "Malformed Record-Route", NULL, NULL },
	{ "require", read_option, false, "Malformed Require", NULL, NULL },
};

static const char *read_list(
	struct sip_message *message, const struct field_reader *reader, struct span rest)
{
	bool well = true;
	while (rest.data) {
		struct span value = sip_list_cut(&rest);
		if (value.size)
			well = reader->read(message, value) && well;
	}
	return well ? NULL : reader->malformed;
}

/* What is wrong with the lines of one field; NULL: nothing. */
static const char *read_field(struct sip_message *message, const struct field_reader *reader)
{
	const char *why = NULL;
	size_t seen = 0;
	for (size_t i = 0; i < message->line_count; i++) {
		const struct sip_line *line = &message->lines[i];
		if (line->field < 0 || strcmp(sip_field_name(line->field), reader->name) != 0)
			continue;
		const char *fault = NULL;
		if (seen++ && reader->twice)
			fault = reader->twice;
		else if (reader->read == read_via)
			fault = seen == 1 && !read_via(message, line->value) ? reader->malformed
									     : NULL;
		else if (line->flags & FIELD_LIST)
			fault = read_list(message, reader, line->value);
		else if (!reader->read(message, line->value))
			fault = reader->malformed;
		why = why ? why : fault;
	}
	return !seen && reader->always ? reader->absent : why;
}

static size_t count_values(const struct sip_message *message)
{
	size_t count = 0;
	for (size_t i = 0; i < message->line_count; i++) {
		struct span rest = message->lines[i].value;
		for (; message->lines[i].flags & FIELD_LIST && rest.data; count++)
			sip_list_cut(&rest);
	}
	return count;
}

static void blame(struct sip_message *message, const char *why)
{
	if (message->fault)
		return;
	message->fault = 400;
	message->why = why;
}

static void read_target(struct sip_message *message)
{
	enum sip_uri_result read = sip_uri_read(message->arena, message->uri, &message->target);
	message->foreign = read == SIP_URI_FOREIGN;
	if (read == SIP_URI_BAD)
		blame(message, "Malformed Request-URI");
	else if (message->target.headers)
		blame(message, "Header fields in the Request-URI");
}

void sip_message_read_fields(struct sip_message *message)
{
	if (!message->status)
		read_target(message);
	for (size_t i = 0; i < sizeof(readers) / sizeof(readers[0]); i++) {
		const char *why = read_field(message, &readers[i]);
		if (why)
			blame(message, why);
	}
	if (count_values(message) > VALUES_MOST)
		blame(message, "Too many values");
}
