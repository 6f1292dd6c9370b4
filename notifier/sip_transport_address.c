/* SPDX-License-Identifier: BSD-2-Clause */
#include "notifier/sip_transport_address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

static const struct sockaddr_in *v4(const struct sockaddr_storage *address)
{
	return (const void *)address;
}

static const struct sockaddr_in6 *v6(const struct sockaddr_storage *address)
{
	return (const void *)address;
}

unsigned address_port(const struct sockaddr_storage *address)
{
	return ntohs(
		address->ss_family == AF_INET6 ? v6(address)->sin6_port : v4(address)->sin_port);
}

void address_set_port(struct sockaddr_storage *address, unsigned port)
{
	in_port_t wire = htons((uint16_t)port);
	if (address->ss_family == AF_INET6)
		((struct sockaddr_in6 *)(void *)address)->sin6_port = wire;
	else
		((struct sockaddr_in *)(void *)address)->sin_port = wire;
}

bool address_is_wildcard(const struct sockaddr_storage *address)
{
	return address->ss_family == AF_INET6 ? IN6_IS_ADDR_UNSPECIFIED(&v6(address)->sin6_addr)
					      : v4(address)->sin_addr.s_addr == 0;
}

struct in6_addr address_octets(const struct sockaddr_storage *address)
{
	struct in6_addr out = { .s6_addr = { [10] = 0xFF, [11] = 0xFF } };
	if (address->ss_family == AF_INET6)
		return v6(address)->sin6_addr;
	memcpy(out.s6_addr + 12, &v4(address)->sin_addr, 4);
	return out;
}

bool address_same_host(const struct sockaddr_storage *a, const struct sockaddr_storage *b)
{
	struct in6_addr one = address_octets(a), other = address_octets(b);
	return a->ss_family == b->ss_family && memcmp(&one, &other, sizeof(one)) == 0;
}

bool address_same(const struct sockaddr_storage *a, const struct sockaddr_storage *b)
{
	return address_same_host(a, b) && address_port(a) == address_port(b);
}

bool address_parse(struct span host, struct sockaddr_storage *out, socklen_t *length_out)
{
	char text[INET6_ADDRSTRLEN];
	struct sockaddr_in four = { .sin_family = AF_INET };
	struct sockaddr_in6 six = { .sin6_family = AF_INET6 };
	if (!host.size || host.size >= sizeof(text) || span_find(host, '\0', NULL))
		return false;
	memcpy(text, host.data, host.size);
	text[host.size] = '\0';
	memset(out, 0, sizeof(*out));
	if (inet_pton(AF_INET, text, &four.sin_addr) == 1) {
		memcpy(out, &four, sizeof(four));
		*length_out = sizeof(four);
		return true;
	}
	if (inet_pton(AF_INET6, text, &six.sin6_addr) != 1)
		return false;
	memcpy(out, &six, sizeof(six));
	*length_out = sizeof(six);
	return true;
}

void address_print(const struct sockaddr_storage *address, char out[ADDRESS_TEXT_MOST])
{
	char text[INET6_ADDRSTRLEN] = "";
	bool six = address->ss_family == AF_INET6;
	inet_ntop(address->ss_family,
		six ? (const void *)&v6(address)->sin6_addr : (const void *)&v4(address)->sin_addr,
		text, sizeof(text));
	snprintf(out, ADDRESS_TEXT_MOST, six ? "[%s]:%u" : "%s:%u", text, address_port(address));
}

struct span address_text(struct arena *arena, const struct sockaddr_storage *address)
{
	char text[ADDRESS_TEXT_MOST];
	address_print(address, text);
	return arena_copy(arena, span_of(text));
}

const char *error_text(int error)
{
	static const struct {
		int error;
		const char *text;
	} known[] = {
		{ ECONNREFUSED, "connection refused" },
		{ ETIMEDOUT, "timed out" },
		{ ECONNRESET, "connection reset" },
		{ EPIPE, "connection reset" },
		{ EHOSTUNREACH, "no route to that host" },
		{ ENETUNREACH, "no route to that network" },
		{ EMSGSIZE, "too long for a datagram" },
	};
	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
		if (known[i].error == error)
			return known[i].text;
	const char *text = strerrordesc_np(error);
	return text ? text : "the system refused";
}
