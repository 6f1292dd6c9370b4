/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/settings_private.h"

#include <arpa/inet.h>
#include <string.h>

/* ::ffff:0:0/96, the IPv4 addresses (RFC 4291 §2.5.5.2) */
enum { MAPPED_BITS = 96 };

static struct in6_addr mapped(struct in_addr address)
{
	struct in6_addr out = { .s6_addr = { [10] = 0xFF, [11] = 0xFF } };
	memcpy(out.s6_addr + 12, &address, 4);
	return out;
}

/* IPv4 or IPv6 in figures; inet_pton wants it NUL-terminated. */
static int parse_host(struct span text, struct in_addr *v4, struct in6_addr *v6)
{
	char host[INET6_ADDRSTRLEN];
	if (!text.size || text.size >= sizeof(host) || span_find(text, '\0', NULL))
		return 0;
	memcpy(host, text.data, text.size);
	host[text.size] = '\0';
	if (inet_pton(AF_INET, host, v4) == 1)
		return AF_INET;
	return inet_pton(AF_INET6, host, v6) == 1 ? AF_INET6 : 0;
}

/* "host:port" or "[host]:port" into its two parts. */
static bool split_port(struct span text, struct span *host, struct span *port)
{
	size_t end;
	if (span_starts(text, SPAN("["))) {
		if (!span_search(text, SPAN("]:"), &end))
			return false;
		*host = span_from(span_first(text, end), 1);
		*port = span_from(text, end + 2);
		return true;
	}
	*port = text;
	*host = span_cut(port, ':');
	return port->data && !span_find(*port, ':', NULL);
}

static bool fill_socket(struct span host, bool bracketed, uint16_t port, struct address *out)
{
	struct in_addr v4;
	struct in6_addr v6;
	int family = parse_host(host, &v4, &v6);
	if (family != (bracketed ? AF_INET6 : AF_INET))
		return false;
	if (family == AF_INET) {
		struct sockaddr_in *socket = (struct sockaddr_in *)&out->socket;
		*socket = (struct sockaddr_in){
			.sin_family = AF_INET, .sin_port = htons(port), .sin_addr = v4
		};
		out->length = sizeof(*socket);
	} else {
		struct sockaddr_in6 *socket = (struct sockaddr_in6 *)&out->socket;
		*socket = (struct sockaddr_in6){
			.sin6_family = AF_INET6, .sin6_port = htons(port), .sin6_addr = v6
		};
		out->length = sizeof(*socket);
	}
	return true;
}

bool settings_address(struct arena *arena, struct span text, struct address *out,
	struct config_origin *origin, const void *field)
{
	struct span host, port;
	uint64_t number;
	memset(out, 0, sizeof(*out));
	if (!split_port(text, &host, &port)) {
		config_problem(origin, field,
			"\"%.*s\" is not ADDR:PORT, such as 127.0.0.1:8080 or [::1]:8080",
			SPAN_ARG(text));
		return false;
	}
	if (!parse_u64(port, &number) || number > UINT16_MAX) {
		config_problem(origin, field, "\"%.*s\": the port is not a number in 0..65535",
			SPAN_ARG(text));
		return false;
	}
	if (!fill_socket(host, text.data[0] == '[', (uint16_t)number, out)) {
		config_problem(origin, field,
			"\"%.*s\": an address in figures is needed, such as 127.0.0.1 or [::1], "
			"not a name",
			SPAN_ARG(text));
		return false;
	}
	out->text = arena_copy(arena, text);
	if (!out->text.data)
		config_problem(origin, field, "out of memory");
	return out->text.data;
}

bool settings_addresses(struct arena *arena, const struct span_list *texts,
	struct address_list *out, struct config_origin *origin, const void *field)
{
	bool good = true;
	struct address *items = arena_alloc(arena, texts->count * sizeof(*items));
	if (!items) {
		config_problem(origin, field, "out of memory");
		return false;
	}
	for (size_t i = 0; i < texts->count; i++) {
		good &= settings_address(arena, texts->items[i], &items[i], origin, field);
		for (size_t j = 0; good && j < i; j++) {
			if (!settings_same_address(&items[i], &items[j]))
				continue;
			config_problem(origin, field, "\"%.*s\" stands there twice",
				SPAN_ARG(items[i].text));
			good = false;
		}
	}
	if (good)
		*out = (struct address_list){ items, texts->count };
	return good;
}

bool settings_same_address(const struct address *a, const struct address *b)
{
	bool ephemeral = a->socket.ss_family == AF_INET
				 ? !((const struct sockaddr_in *)&a->socket)->sin_port
				 : !((const struct sockaddr_in6 *)&a->socket)->sin6_port;
	return !ephemeral && a->length == b->length && !memcmp(&a->socket, &b->socket, a->length);
}

static bool as_v6(const struct sockaddr *address, struct in6_addr *out)
{
	if (address->sa_family == AF_INET)
		*out = mapped(((const struct sockaddr_in *)address)->sin_addr);
	else if (address->sa_family == AF_INET6)
		*out = ((const struct sockaddr_in6 *)address)->sin6_addr;
	else
		return false;
	return true;
}

bool settings_is_loopback(const struct address *address)
{
	struct in6_addr v6;
	if (!as_v6((const struct sockaddr *)&address->socket, &v6))
		return false;
	if (IN6_IS_ADDR_V4MAPPED(&v6))
		return v6.s6_addr[12] == 127;
	return IN6_IS_ADDR_LOOPBACK(&v6);
}

static bool same_bits(const struct in6_addr *a, const struct in6_addr *b, unsigned bits)
{
	unsigned whole = bits / 8, rest = bits % 8;
	if (memcmp(a, b, whole) != 0)
		return false;
	return !rest || (a->s6_addr[whole] ^ b->s6_addr[whole]) >> (8 - rest) == 0;
}

/* A short IPv6 prefix (::/0, say) does not mean the IPv4 addresses that are mapped into it. */
static bool network_holds(const struct network *network, const struct in6_addr *address)
{
	if (network->bits < MAPPED_BITS && IN6_IS_ADDR_V4MAPPED(address))
		return false;
	return same_bits(&network->base, address, network->bits);
}

bool network_list_holds(const struct network_list *list, const struct sockaddr *address)
{
	struct in6_addr v6;
	if (!as_v6(address, &v6))
		return false;
	for (size_t i = 0; i < list->count; i++)
		if (network_holds(&list->items[i], &v6))
			return true;
	return false;
}

static bool parse_network(struct span text, struct network *out)
{
	struct span bits = text, host = span_cut(&bits, '/');
	struct in_addr v4;
	int family = parse_host(host, &v4, &out->base);
	unsigned most = family == AF_INET ? 32 : 128;
	uint64_t number = most;
	if (!family || (bits.data && (!parse_u64(bits, &number) || number > most)))
		return false;
	out->bits = (unsigned)number;
	if (family == AF_INET) {
		out->base = mapped(v4);
		out->bits += MAPPED_BITS;
	}
	for (unsigned bit = out->bits; bit < 128; bit++)
		out->base.s6_addr[bit / 8] &= (uint8_t) ~(0x80U >> bit % 8);
	return true;
}

bool settings_networks(struct arena *arena, const struct span_list *texts, struct network_list *out,
	struct config_origin *origin, const void *field)
{
	bool good = true;
	struct network *items = arena_alloc(arena, texts->count * sizeof(*items));
	if (!items) {
		config_problem(origin, field, "out of memory");
		return false;
	}
	for (size_t i = 0; i < texts->count; i++) {
		if (parse_network(texts->items[i], &items[i]))
			continue;
		config_problem(origin, field,
			"\"%.*s\" is not a network or address, such as 10.0.0.0/8 or 2001:db8::/32",
			SPAN_ARG(texts->items[i]));
		good = false;
	}
	if (good)
		*out = (struct network_list){ items, texts->count };
	return good;
}

bool settings_networks_overlap(const struct network_list *a, const struct network_list *b)
{
	for (size_t i = 0; i < a->count; i++)
		for (size_t j = 0; j < b->count; j++) {
			const struct network *one = &a->items[i], *other = &b->items[j];
			const struct network *wide = one->bits < other->bits ? one : other;
			if (network_holds(wide, wide == one ? &other->base : &one->base))
				return true;
		}
	return false;
}
