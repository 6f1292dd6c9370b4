/* SPDX-License-Identifier: BSD-2-Clause */
#include "xcapd/identity.h"

#include <arpa/inet.h>
#include <string.h>

static struct span joined(struct arena *arena, struct span list, struct span value)
{
	struct buffer out = { .arena = arena };
	if (!list.data)
		return value;
	buffer_append(&out, list);
	buffer_octet(&out, ',');
	buffer_append(&out, value);
	return buffer_span(&out);
}

void forwarding_header(
	struct arena *arena, struct forwarding *forwarding, struct span name, struct span value)
{
	struct span *list = NULL;
	if (span_equal_nocase(name, SPAN("X-3GPP-Asserted-Identity"))
		|| span_equal_nocase(name, SPAN("X-XCAP-Asserted-Identity"))) {
		forwarding->asserted = value;
		forwarding->asserted_count++;
		return;
	}
	if (span_equal_nocase(name, SPAN("X-Forwarded-For")))
		list = &forwarding->x_forwarded_for;
	else if (span_equal_nocase(name, SPAN("Forwarded")))
		list = &forwarding->forwarded;
	else
		return;
	*list = joined(arena, *list, value);
	forwarding->failed |= !list->data;
}

/* Like span_cut, but a separator within a quoted string is none (RFC 9110 §5.6.4). A quote that is
 * never closed gives none: it may have swallowed what a proxy appended. */
static struct span cut_unquoted(struct span *rest, char separator)
{
	struct span text = *rest;
	bool quoted = false;
	for (size_t i = 0; i < text.size; i++) {
		char c = text.data[i];
		if (quoted && c == '\\')
			i++;
		else if (c == '"')
			quoted = !quoted;
		else if (c == separator && !quoted) {
			*rest = span_from(text, i + 1);
			return span_first(text, i);
		}
	}
	*rest = (struct span){ NULL, 0 };
	return quoted ? *rest : text;
}

/* A token as it stands, or a quoted string without its quotes; none when it is neither. */
static struct span unquote(struct arena *arena, struct span text)
{
	struct buffer out = { .arena = arena };
	text = span_trim(text);
	if (!span_starts(text, SPAN("\"")))
		return span_find(text, '"', NULL) ? (struct span){ NULL, 0 } : text;
	if (text.size < 2 || text.data[text.size - 1] != '"')
		return (struct span){ NULL, 0 };
	text = span_from(span_first(text, text.size - 1), 1);
	buffer_text(&out, "");
	for (size_t i = 0; i < text.size; i++) {
		if (text.data[i] == '"')
			return (struct span){ NULL, 0 };
		if (text.data[i] == '\\' && ++i == text.size)
			return (struct span){ NULL, 0 };
		buffer_octet(&out, text.data[i]);
	}
	return buffer_span(&out);
}

/* --- where from --- */

/* Takes port and brackets off: "192.0.2.1:80", "[2001:db8::1]", "[2001:db8::1]:80". */
static bool cut_port(struct span *text)
{
	struct span port = { NULL, 0 };
	uint64_t number = 0;
	size_t end;
	if (span_starts(*text, SPAN("["))) {
		if (!span_find(*text, ']', &end))
			return false;
		port = span_from(*text, end + 1);
		*text = span_from(span_first(*text, end), 1);
		if (!port.size)
			return true;
		if (port.data[0] != ':')
			return false;
		port = span_from(port, 1);
	} else if (span_find(*text, ':', &end)
		   && !span_find(span_from(*text, end + 1), ':', NULL)) {
		port = span_from(*text, end + 1);
		*text = span_first(*text, end);
	}
	return !port.data || (parse_u64(port, &number) && number <= UINT16_MAX);
}

static bool parse_hop(struct span text, struct sockaddr_storage *out)
{
	char host[ADDRESS_TEXT];
	text = span_trim(text);
	if (!cut_port(&text))
		return false;
	if (!text.size || text.size >= sizeof(host) || span_find(text, '\0', NULL))
		return false;
	memcpy(host, text.data, text.size);
	host[text.size] = '\0';
	memset(out, 0, sizeof(*out));
	struct sockaddr_in *v4 = (void *)out;
	struct sockaddr_in6 *v6 = (void *)out;
	if (inet_pton(AF_INET, host, &v4->sin_addr) == 1)
		out->ss_family = AF_INET;
	else if (inet_pton(AF_INET6, host, &v6->sin6_addr) == 1)
		out->ss_family = AF_INET6;
	return out->ss_family != AF_UNSPEC;
}

/* The address after `for=` of one element of Forwarded (RFC 7239 §4, §6), quotes off. */
static struct span forwarded_for(struct span element)
{
	while (element.data) {
		struct span pair = span_trim(cut_unquoted(&element, ';'));
		if (!span_equal_nocase(span_first(pair, 4), SPAN("for=")))
			continue;
		struct span node = span_from(pair, 4);
		if (node.size >= 2 && span_starts(node, SPAN("\"")) && span_ends(node, SPAN("\"")))
			node = span_from(span_first(node, node.size - 1), 1);
		return node;
	}
	return (struct span){ NULL, 0 };
}

/* From left to right. What cannot be read hides all that is left of it: whoever wrote that may have
 * made it up. False: nobody but the peer is known. */
static bool find_client(
	const struct settings *settings, struct span list, bool plain, struct sockaddr_storage *out)
{
	bool found = false;
	while (list.data) {
		struct sockaddr_storage hop;
		struct span element = plain ? span_cut(&list, ',') : cut_unquoted(&list, ',');
		if (!parse_hop(plain ? element : forwarded_for(element), &hop)) {
			found = false;
			continue;
		}
		bool trusted = network_list_holds(
			&settings->auth.trusted, (const struct sockaddr *)(const void *)&hop);
		if (!found || !trusted)
			*out = hop;
		found = true;
	}
	return found;
}

static bool same_address(const struct sockaddr_storage *a, const struct sockaddr_storage *b)
{
	char texts[2][ADDRESS_TEXT];
	address_text((const struct sockaddr *)(const void *)a, texts[0]);
	address_text((const struct sockaddr *)(const void *)b, texts[1]);
	return strcmp(texts[0], texts[1]) == 0;
}

const struct sockaddr *forwarding_client(const struct settings *settings,
	const struct forwarding *forwarding, const struct sockaddr *peer,
	struct sockaddr_storage *room)
{
	struct sockaddr_storage other;
	if ((!forwarding->x_forwarded_for.data && !forwarding->forwarded.data) || forwarding->failed
		|| !network_list_holds(&settings->auth.trusted, peer))
		return peer;
	bool one = find_client(settings, forwarding->x_forwarded_for, true, room);
	bool two = find_client(settings, forwarding->forwarded, false, one ? &other : room);
	bool disagree = forwarding->x_forwarded_for.data && forwarding->forwarded.data
			&& !(one && two && same_address(room, &other));
	return (one || two) && !disagree ? (const struct sockaddr *)(const void *)room : peer;
}

/* inet_ntop does the same by way of printf, which takes longer than the rest of a log line. */
static void v4_text(const uint8_t octets[4], char *out)
{
	for (size_t i = 0; i < 4; i++) {
		unsigned octet = octets[i];
		if (octet >= 100)
			*out++ = (char)('0' + octet / 100);
		if (octet >= 10)
			*out++ = (char)('0' + octet / 10 % 10);
		*out++ = (char)('0' + octet % 10);
		*out++ = i < 3 ? '.' : '\0';
	}
}

void address_text(const struct sockaddr *address, char out[ADDRESS_TEXT])
{
	out[0] = '\0';
	if (address->sa_family == AF_INET) {
		const struct sockaddr_in *v4 = (const void *)address;
		v4_text((const uint8_t *)&v4->sin_addr, out);
	} else if (address->sa_family == AF_INET6) {
		const struct in6_addr *v6 =
			&((const struct sockaddr_in6 *)(const void *)address)->sin6_addr;
		if (IN6_IS_ADDR_V4MAPPED(v6))
			v4_text(v6->s6_addr + 12, out);
		else
			inet_ntop(AF_INET6, v6, out, ADDRESS_TEXT);
	}
}

/* --- who --- */

/* tel: has no domain; whether it is ours the store knows. */
static bool is_served(const struct settings *settings, struct span xui)
{
	struct span domain = xui_domain(xui);
	if (!domain.size)
		return true;
	for (size_t i = 0; i < settings->auth.domains.count; i++)
		if (span_equal_nocase(settings->auth.domains.items[i], domain))
			return true;
	return false;
}

/* One name of the list: IDENTITY_STRANGER when it is nobody here. */
static enum identity_result look_up(struct arena *arena, struct store *store,
	const struct settings *settings, struct span text, struct span *name_out)
{
	struct user user;
	struct span name = unquote(arena, text);
	if (!name.data)
		return IDENTITY_MALFORMED;
	if (!xui_canonical(arena, name, settings->auth.realm, name_out)
		|| !is_served(settings, *name_out))
		return IDENTITY_STRANGER;
	switch (store_user_read(store, arena, *name_out, &user)) {
	case STORE_OK:
		return IDENTITY_KNOWN;
	case STORE_ABSENT:
		return IDENTITY_STRANGER;
	default:
		return IDENTITY_BROKEN;
	}
}

enum identity_result identity_asserted(struct arena *arena, struct store *store,
	const struct settings *settings, const struct forwarding *forwarding,
	const struct sockaddr *peer, struct span owner, struct principal *who)
{
	if (!forwarding->asserted_count || !network_list_holds(&settings->auth.trusted, peer))
		return IDENTITY_NONE;
	if (forwarding->asserted_count > 1)
		return IDENTITY_MALFORMED;
	struct span rest = forwarding->asserted, name, chosen = { NULL, 0 };
	for (size_t count = 0; rest.data; count++) {
		if (count == IDENTITIES_MOST)
			return IDENTITY_MALFORMED;
		enum identity_result one =
			look_up(arena, store, settings, cut_unquoted(&rest, ','), &name);
		if (one == IDENTITY_MALFORMED || one == IDENTITY_BROKEN)
			return one;
		if (one == IDENTITY_KNOWN
			&& (!chosen.data || (owner.size && span_equal(name, owner))))
			chosen = name;
	}
	if (!chosen.data)
		return IDENTITY_STRANGER;
	*who = (struct principal){ ROLE_USER, chosen };
	return IDENTITY_KNOWN;
}
